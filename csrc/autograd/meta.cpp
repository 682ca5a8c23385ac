// Gradient edges, view histories and in-place checks. Layer: autograd.
#include "meta.h"

#include <new>

#include "accumulate.h"
#include "batch.h"
#include "cycles.h"
#include "forward.h"
#include "view_nodes.h"

namespace torchy {

namespace {
struct FreeMeta {
  FreeMeta* next;
};
FreeMeta* free_metas = nullptr;
int free_count = 0;

void forget_retained(AutogradMeta* m) {
  NodeHooks* hooks = m->grad_fn ? m->grad_fn->hooks_if_any() : nullptr;
  if (!hooks) return;
  auto& list = hooks->retain;
  for (size_t i = list.size(); i-- > 0;)
    if (list[i].second == m->self) list.erase(list.begin() + static_cast<ptrdiff_t>(i));
}
}  // namespace

void* AutogradMeta::operator new(size_t size) {
  if (free_metas) {
    FreeMeta* p = free_metas;
    free_metas = p->next;
    --free_count;
    return p;
  }
  return ::operator new(size);
}
void AutogradMeta::operator delete(void* p, size_t) {
  if (free_count < kPoolLimit) {
    auto* m = static_cast<FreeMeta*>(p);
    m->next = free_metas;
    free_metas = m;
    ++free_count;
  } else {
    ::operator delete(p);
  }
}

AutogradMeta::~AutogradMeta() {
  if (accumulator) drop_accumulator(accumulator);
  if (retains_grad) forget_retained(this);
  if (had_recorded_grad || changed_while_shared) forget_recorded_grad(this);
  if (extras && !extras->tangents.empty()) forget_tangents(this);
}

MetaExtras::~MetaExtras() {
  if (batch_level) count_batched(-1);
  if (packed_edge.node) packed_edge.node->release();
}
MetaExtras& ensure_extras(TensorImpl* t) {
  AutogradMeta* m = ensure_meta(t);
  if (!m->extras) m->extras = std::make_unique<MetaExtras>();
  return *m->extras;
}

AutogradMeta* ensure_meta(TensorImpl* t) {
  if (!t->meta) {
    auto* m = new AutogradMeta();
    m->self = t;
    t->meta = m;
  }
  return meta_of(t);
}

void set_grad_fn(TensorImpl* t, NodeRef node, uint32_t output_nr) {
  AutogradMeta* m = ensure_meta(t);
  if (m->retains_grad) {
    forget_retained(m);
    if (node) node->hooks().retain.emplace_back(output_nr, t);
  }
  m->grad_fn = std::move(node);
  m->output_nr = output_nr;
}

Node* grad_fn(TensorImpl* t) {
  AutogradMeta* m = meta_of(t);
  if (t->base && !t->has(kNoGradView)) {
    bool stale = m && m->grad_fn ? m->view_version != t->version() : true;
    if (stale && has_own_grad(t->base) && !(m && m->requires_grad)) {
      // The memory this view looks at was changed: its history is now that of the base.
      set_grad_fn(t, make_view_node(t), 0);
      m = meta_of(t);
      m->view_version = t->version();
    }
  }
  return m ? m->grad_fn.get() : nullptr;
}

Edge gradient_edge(TensorImpl* t) {
  if (Node* fn = grad_fn(t)) {
    fn->retain();
    return {fn, meta_of(t)->output_nr};
  }
  AutogradMeta* m = meta_of(t);
  if (!m || !m->requires_grad) return {};
  return {gradient_accumulator(t), 0};
}

void add_edges(Node* node, const Tensor& t) { node->add_edge(gradient_edge(t)); }
void add_edges(Node* node, const Operand& o) { node->add_edge(gradient_edge(o)); }
void add_edges(Node* node, const TensorList& list) {
  for (const Tensor& t : list) node->add_edge(gradient_edge(t));
}

void set_history(const Tensor& result, Node* node) {
  uint32_t nr = node->add_input(result.impl());
  if (!is_differentiable(result.dtype())) return;
  AutogradMeta* m = ensure_meta(result.impl());
  m->grad_fn = NodeRef::borrow(node);
  m->output_nr = nr;
  if (result->base) m->view_version = result->version();
}
void set_history(const TensorList& results, Node* node) {
  for (const Tensor& t : results) set_history(t, node);
}

void check_inplace(const Tensor& self, bool recorded, const char* op) {
  TORCHY_CHECK(!self->has(kInferenceTensor) || (tls.flags & kInference), op,
               ": in-place update to an inference tensor outside inference_mode is not allowed; "
               "clone() it first to get a normal tensor");
  TORCHY_CHECK(!self.storage()->readonly(), op,
               ": this tensor shares read-only memory of another library; clone() it first");
  if (!recorded) return;
  TensorImpl* t = self.impl();
  if (t->base) {
    if (t->has(kMultiOutputView))
      fail(op,
           ": Output of a function that returns multiple views is a view and is being modified "
           "inplace. Such a view (of split, chunk, unbind, ...) does not know its siblings; "
           "use ",
           op, " out of place, or take the part by slicing instead");
    if (t->has(kNoGradView))
      fail(op,
           ": A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
           "Take the view outside no_grad, or do both inside");
    TORCHY_CHECK(!(meta_of(t->base) && meta_of(t->base)->requires_grad && !meta_of(t->base)->grad_fn), op,
                 ": a view of a leaf Variable that requires grad is being used in an in-place operation. "
                 "Clone the leaf first, or update it under torch.no_grad()");
  }
  AutogradMeta* m = meta_of(t);
  TORCHY_CHECK(!(m && m->requires_grad && !m->grad_fn), op,
               ": a leaf Variable that requires grad is being used in an in-place operation. "
               "Use the out-of-place form, or update it under torch.no_grad()");
}

void rebase_history(const Tensor& self, NodeRef node) {
  TensorImpl* t = self.impl();
  if (!is_differentiable(t->dtype())) return;
  node->add_input(t);
  if (t->base) {
    Tensor base = Tensor::borrow(t->base);
    NodeRef copy = make_copy_slices(base, self, std::move(node));
    set_grad_fn(base.impl(), copy, 0);
    meta_of(base.impl())->requires_grad = false;
    // Self's own history is stale now (its version moved on) and is regenerated from the base.
    set_grad_fn(t, NodeRef(), 0);
    return;
  }
  set_grad_fn(t, std::move(node), 0);
  constexpr uint32_t kOwn = 3;  // the wrapper's reference and those of the operation itself
  if (t->use_count() > kOwn) note_shared_change(meta_of(t));
}

void set_requires_grad(const Tensor& t, bool value) {
  TORCHY_CHECK(!t->has(kBatched),
               "requires_grad_: You are attempting to call Tensor.requires_grad_() (or perhaps using "
               "torch.autograd.functional.* APIs) inside of a function being transformed by vmap; use torch.func.grad");
  TensorImpl* impl = t.impl();
  TORCHY_CHECK(!value || is_differentiable(t.dtype()),
               "only Tensors of floating point and complex dtype can require gradients, but this one is ",
               dtype_name(t.dtype()), "; convert it first, e.g. with .float()");
  TORCHY_CHECK(!(value && impl->has(kInferenceTensor) && !(tls.flags & kInference)),
               "requires_grad_: setting requires_grad=True on an inference tensor outside inference_mode "
               "is not allowed; clone() it first");
  if (!value && grad_fn(impl))
    fail(
        "you can only change requires_grad flags of leaf variables. If you want to use a computed "
        "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
  if (!value && !impl->meta) return;
  if (value && grad_fn(impl)) return;
  if (value && impl->base && !requires_grad(impl->base)) {
    // From here on this leaf is itself the base of its views.
    impl->base->release();
    impl->base = nullptr;
  }
  ensure_meta(impl)->requires_grad = value;
}

void retain_grad(const Tensor& t) {
  TORCHY_CHECK(!t->has(kBatched), "retain_grad: not inside vmap; use torch.func.grad, which returns the gradient");
  TORCHY_CHECK(requires_grad(t), "retain_grad: can't retain_grad on Tensor that has requires_grad=False");
  Node* fn = grad_fn(t.impl());
  if (!fn) return;  // leaves keep their gradient anyway
  AutogradMeta* m = meta_of(t.impl());
  if (m->retains_grad) return;
  m->retains_grad = true;
  fn->hooks().retain.emplace_back(m->output_nr, t.impl());
}

}  // namespace torchy
