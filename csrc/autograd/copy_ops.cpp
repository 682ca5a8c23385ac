// Writing into an existing tensor, with its history. Layer: autograd.
#include "copy_ops.h"

#include "ops_gen.h"
#include "record.h"

namespace torchy {

namespace {

struct CopyBackwards final : Node {
  const OpInfo& info() const override {
    static const OpInfo info{"CopyBackwards", "copy_", "=", "self: zeros; src: grad"};
    return info;
  }
  void apply(TensorList& grads, TensorList& out) override {
    if (!grads[0].defined()) return;
    if (needs(0)) out[0] = ops::zeros_like(grads[0]);
    if (needs(1)) out[1] = grads[0];
  }
};

struct FillBackward0 final : Node {
  const OpInfo& info() const override {
    static const OpInfo info{"FillBackward0", "fill_", "fill", "self: zeros; value: grad.sum()"};
    return info;
  }
  void apply(TensorList& grads, TensorList& out) override {
    if (!grads[0].defined()) return;
    if (needs(0)) out[0] = ops::zeros_like(grads[0]);
    if (num_edges() > 1 && needs(1)) out[1] = ops::sum(grads[0]);
  }
};

NodeRef fill_node(const Tensor& self, const Tensor* value) {
  NodeRef node(new FillBackward0());
  add_edges(node.get(), self);
  if (value) add_edges(node.get(), *value);
  return node;
}

constexpr OpEntry copy_entry{"copy_", 3, false}, fill_entry{"fill_", 1, false}, zero_entry{"zero_", 1, false};

void copy_the_long_way(const Tensor& self, const Tensor& src) {
  const Arguments args{self, src};
  Interception at(copy_entry, args);
  if (at.batch_level()) {
    at.run_batched();
    return;
  }
  if (uint32_t level = at.forward_level()) {
    Forward forward(level);
    Tensor old = forward.tangent(self), moved = forward.tangent(src);
    ops::copy_(self, src);
    if (!is_differentiable(self.dtype())) return;
    if (moved.defined()) write_tangent(self, level, moved);
    else if (old.defined()) ops::zero_(old);
    return;
  }
  auto run = [&] { ops::copy_(self, src); };
  watch_inplace(copy_entry, args, self, [](void* f) { (*static_cast<decltype(run)*>(f))(); }, &run);
}

// For fill_ with a number and zero_: `fill(t)` writes into a tensor that is neither batched nor dual.
template <class Fill>
void fill_the_long_way(const OpEntry& op, const Tensor& self, Fill&& fill) {
  const Arguments args{self};
  Interception at(op, args);
  if (at.batch_level()) return fill(batch_of(self));
  if (uint32_t level = at.forward_level()) {
    Forward forward(level);
    Tensor old = forward.tangent(self);
    fill(self);
    if (old.defined()) ops::zero_(old);
    return;
  }
  auto run = [&] { fill(self); };
  watch_inplace(op, args, self, [](void* f) { (*static_cast<decltype(run)*>(f))(); }, &run);
}

void check_geometry_may_change(const Tensor& self, const char* op) {
  TORCHY_CHECK(!self->has(kBatched), "vmap: ", op, " cannot change the memory of a batched tensor; make a new one");
}

}  // namespace

namespace ops {

void copy_(const Tensor& self, const Tensor& src) {
  if (tls.flags & kUnusual) [[unlikely]]
    return copy_the_long_way(self, src);
  bool record = grad_enabled() && (requires_grad(self) || requires_grad(src)) && is_differentiable(self.dtype());
  check_inplace(self, record, "copy_");
  TORCHY_CHECK(broadcastable_to(src.sizes(), self.sizes()), "copy_: output with shape ", self.sizes(),
               " doesn't match the broadcast shape of the source ", src.sizes());
  TORCHY_CHECK(!has_internal_overlap(self),
               "copy_: unsupported operation: more than one element of the written-to "
               "tensor refers to a single memory location. Please clone() the tensor before performing the operation.");
  if (self.is_same(src)) return;
  NodeRef node;
  if (record) {
    node = NodeRef(new CopyBackwards());
    add_edges(node.get(), self);
    add_edges(node.get(), src);
  }
  Tensor target = self;
  kernels::copy_into(target, src);
  mark_written(self, "copy_");
  if (node) rebase_history(self, std::move(node));
}

void fill_(const Tensor& self, const Scalar& value) {
  if (tls.flags & kUnusual) [[unlikely]]
    return fill_the_long_way(fill_entry, self, [&](const Tensor& t) { fill_(t, value); });
  bool record = grad_enabled() && requires_grad(self);
  check_inplace(self, record, "fill_");
  NodeRef node = record ? fill_node(self, nullptr) : NodeRef();
  Tensor target = self;
  kernels::fill(target, value);
  mark_written(self, "fill_");
  if (node) rebase_history(self, std::move(node));
}

void fill_(const Tensor& self, const Tensor& value) {
  TORCHY_CHECK(value.ndim() == 0, "fill_: only supports a 0-dimension value tensor but got tensor with ", value.ndim(),
               " dimensions; use copy_ to broadcast");
  if (tls.flags & kUnusual) [[unlikely]]
    return copy_the_long_way(self, value);
  bool record = grad_enabled() && (requires_grad(self) || requires_grad(value));
  check_inplace(self, record, "fill_");
  NodeRef node = record ? fill_node(self, &value) : NodeRef();
  Tensor target = self;
  kernels::fill(target, Scalar::load(value.dtype(), value.raw()));
  mark_written(self, "fill_");
  if (node) rebase_history(self, std::move(node));
}

void zero_(const Tensor& self) {
  if (tls.flags & kUnusual) [[unlikely]]
    return fill_the_long_way(zero_entry, self, [](const Tensor& t) { zero_(t); });
  bool record = grad_enabled() && requires_grad(self);
  check_inplace(self, record, "zero_");
  NodeRef node = record ? fill_node(self, nullptr) : NodeRef();
  Tensor target = self;
  kernels::fill(target, Scalar(0));
  mark_written(self, "zero_");
  if (node) rebase_history(self, std::move(node));
}

void resize_(const Tensor& self, IntSpan size) {
  check_geometry_may_change(self, "resize_");
  TORCHY_CHECK(!requires_grad(self), "resize_: cannot resize variables that require grad; detach() it first");
  TORCHY_CHECK(!(tls.flags & kForward) || forward_level_of(self.impl()) == 0,
               "resize_: cannot resize variables that has a forward grad; detach() it first");
  for (int64_t s : size) TORCHY_CHECK(s >= 0, "resize_: size ", s, " in ", size, " is negative");
  int64_t needed;
  TORCHY_CHECK(!__builtin_mul_overflow(numel_of(size) + self.offset(), int64_t(itemsize(self.dtype())), &needed),
               "resize_: ", size, " needs more bytes than memory can address");
  self.storage()->resize(size_t(needed));
  self->set_geometry(size, contiguous_strides(size), self.offset());
}

void set_(const Tensor& self, const Tensor& source) {
  check_geometry_may_change(self, "set_");
  check_geometry_may_change(source, "set_");
  self->set_storage(source.storage(), source.dtype());
  self->set_geometry(source.sizes(), source.strides(), source.offset());
}

void become_(const Tensor& self, const Tensor& view, const char* op) {
  if (self->has(kBatched)) {  // another physical tensor behind the same batched one
    self->set_geometry(view.sizes(), view.strides(), view.offset());
    meta_of(self.impl())->extras->batch = batch_of(view);
    return;
  }
  check_inplace(self, grad_enabled() && requires_grad(self), op);
  TORCHY_CHECK(view.storage() == self.storage() && view.dtype() == self.dtype(), op, ": not a view of this tensor");
  self->set_geometry(view.sizes(), view.strides(), view.offset());
  mark_written(self, op);
  if (tls.flags & kForward) share_tangents(view, self);
  AutogradMeta* m = meta_of(self.impl());
  if (self->base) {  // regenerated from the base when it is asked for
    if (m) m->grad_fn = NodeRef();
    return;
  }
  AutogradMeta* made = meta_of(view.impl());
  if (!made || !made->grad_fn) return;
  if (m->retains_grad && m->grad_fn) {  // the gradient kept is that of the new shape
    auto& list = m->grad_fn->hooks().retain;
    for (size_t i = 0; i < list.size(); ++i)
      if (list[i].second == self.impl()) list.erase(list.begin() + static_cast<ptrdiff_t>(i--));
    made->grad_fn->hooks().retain.emplace_back(made->output_nr, self.impl());
  }
  m->output_nr = made->output_nr;
  m->grad_fn = made->grad_fn;
}

void detach_(const Tensor& self) {
  if (self->has(kBatched)) return detach_(batch_of(self));
  TORCHY_CHECK(!self->base, "detach_: Can't detach views in-place. Use detach() instead.");
  if (AutogradMeta* m = meta_of(self.impl())) {
    set_grad_fn(self.impl(), NodeRef(), 0);
    m->requires_grad = false;
    drop_tangents(self.impl());
  }
}

}  // namespace ops
}  // namespace torchy
