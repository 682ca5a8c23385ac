// Looks at the arguments of an intercepted operation and tells the watchers. Layer: autograd.
#include "intercept.h"

#include "../kernels/finite.h"
#include "ops_gen.h"
#include "record.h"

namespace torchy {

InterceptHooks intercept_hooks;
thread_local Watch watch;

void Interception::look_at(const TensorImpl* t, bool differentiable) {
  if (!t) return;
  if (t->has(kBatched)) {
    uint32_t level = batch_level_of(t);
    bool open = false;
    for (const VmapLevel& l : vmap_levels()) open = open || l.id == level;
    TORCHY_CHECK(open, op_.name,
                 ": this tensor was made inside vmap and must not be used after it (it stands for one example); "
                 "return it from the vmapped function to get all examples");
    batch_level_ = std::max(batch_level_, level);
  } else if (differentiable && (tls.flags & kForward)) {
    forward_level_ = std::max(forward_level_, forward_level_of(t));
  }
}

Interception::Interception(const OpEntry& op, const Arguments& args) : op_(op), args_(args) {
  if (!(tls.flags & (kVmap | kForward))) return;
  uint32_t bit = 1;
  for (const Boxed& a : args) {
    bool differentiable = (op.diff_args & bit) && !(tls.flags & kInference);
    bit <<= 1;
    if (a.kind == Boxed::kTensor) look_at(a.as<Tensor>().impl(), differentiable);
    else if (a.kind == Boxed::kOperand) look_at(a.as<Operand>().impl(), differentiable);
    else if (a.kind == Boxed::kList)
      for (const Tensor& t : a.as<TensorList>()) look_at(t.impl(), differentiable);
  }
  if (!(tls.flags & kVmap)) return;
  if (vmap_levels().empty()) {
    if (live_batched() == 0) tls.flags &= ~uint32_t(kVmap);
  } else if (op.random && batch_level_ == 0) {
    // Numbers of its own for each example of the innermost level that wants that.
    for (size_t i = vmap_levels().size(); i-- > 0 && batch_level_ == 0;)
      if (vmap_levels()[i].randomness != "same") batch_level_ = vmap_levels()[i].id;
  }
}

void Interception::begin() {
  first_node_ = Node::peek_sequence_nr();
  if (tls.flags & kModeHook) token_ = intercept_hooks.before(op_, args_);
}

namespace {
struct Packer : SavedVisitor {
  void visit(const char*, SavedTensor& saved) override { saved.pack(intercept_hooks.pack); }
};

void look_for(const Watched& what, const char* op, const Arguments* args, const TensorList& list, Node* node) {
  if (!what.nan && !what.inf) return;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].defined()) continue;
    int64_t at = kernels::first_non_finite(list[i], what.nan, what.inf);
    if (at < 0) continue;
    FlagsGuard mask(tls.flags & ~kUnusual);
    intercept_hooks.non_finite(op, args, list[i], at, node, i);
    return;
  }
}
}  // namespace

void Interception::end(const TensorList& results) {
  Node* last = nullptr;
  if (tls.flags & (kAnomaly | kSavedHooks | kTrap))
    for (const Tensor& t : results) {
      Node* node = t.defined() && t->meta ? meta_of(t.impl())->grad_fn.get() : nullptr;
      if (!node || node == last || node->sequence_nr() < first_node_ || node->sequence_nr() == UINT64_MAX) continue;
      last = node;
      watch_new_node(node);
    }
  if (tls.flags & kTrap) look_for(watch.results, op_.name, &args_, results, nullptr);
  if (token_) {
    void* token = token_;
    token_ = nullptr;
    intercept_hooks.after(token, op_, &results);
  }
}

// A token still held: the operation, or what watches it, raised.
Interception::~Interception() {
  if (token_) intercept_hooks.after(token_, op_, nullptr);
}

void apply_watched(Node* node, TensorList& grads, TensorList& out) {
  void* token = tls.flags & kModeHook ? intercept_hooks.before_node(node) : nullptr;
  try {
    node->apply(grads, out);
  } catch (const Error& e) {
    if (token) intercept_hooks.after_node(token, node);
    if (!(tls.flags & (kAnomaly | kTrap))) throw;
    if (e.kind == ErrorKind::Python) {
      intercept_hooks.annotate(intercept_hooks.describe(node, nullptr));
      throw;
    }
    const std::string text = e.what(), known = str_cat(node->info().name, " was ");
    throw Error(e.kind, text.find(known) == std::string::npos ? text + intercept_hooks.describe(node, nullptr) : text);
  } catch (...) {
    if (token) intercept_hooks.after_node(token, node);
    throw;
  }
  if (token) intercept_hooks.after_node(token, node);
  if (tls.flags & kAnomaly) look_for(watch.gradients, node->info().name, nullptr, out, node);
  if (tls.flags & kTrap) look_for(watch.results, node->info().name, nullptr, out, node);
}

void watch_new_node(Node* node) {
  if (tls.flags & (kAnomaly | kTrap)) intercept_hooks.remember_line(node);
  if (tls.flags & kSavedHooks) {
    Packer packer;
    node->visit_saved(packer);
  }
}

void watch_inplace(const OpEntry& op, const Arguments& args, const Tensor& self, void (*run)(void*), void* context) {
  Interception at(op, args);
  at.begin();
  {
    FlagsGuard mask(tls.flags & ~kUnusual);
    run(context);
  }
  if (tls.flags & kAnomaly) intercept_hooks.remember_change(self);
  TensorList changed{self};
  if (self->base) changed.push_back(Tensor::borrow(self->base));
  at.end(changed);
}

Tensor before_change(const Tensor& self) { return grad_enabled() ? ops::clone(self) : self; }

bool inplace_by_copy(const OpEntry& op, const Arguments& args) {
  Interception at(op, args);
  return at.batch_level() || at.forward_level();
}

void wrong_result_count(const OpEntry& op, size_t got) {
  fail("vmap: the batching rule of ", op.name, " returned ", got, " results");
}

Tensor zero_where_gradient_is(const Tensor& grad, Tensor product) {
  if (!product.defined() || product.sizes() != grad.sizes()) return product;
  return ops::where(ops::eq(grad, Scalar(0)), ops::zeros_like(product), product);
}

}  // namespace torchy
