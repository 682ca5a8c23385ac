// Unpacking saved values, with the two errors users meet most. Layer: autograd.
#include "saved.h"

#include "intercept.h"

namespace torchy {

Tensor Value::to_tensor() const { return tensor_.defined() ? tensor_ : wrap_number(scalar_); }

void SavedTensor::save_output(const Tensor& t, uint32_t nr) {
  tensor_ = alias(t);
  version_ = t->version();
  output_nr_ = static_cast<int32_t>(nr);
}

Tensor SavedTensor::unpack(Node* owner) const {
  if (owner->released())
    fail(
        "Trying to backward through the graph a second time (or directly access saved tensors after they "
        "have already been freed). Saved intermediate values of the graph (here those of ",
        owner->info().name,
        ") are freed when you call .backward() or autograd.grad(). Specify "
        "retain_graph=True if you need to backward through the graph a second time.");
  if (!tensor_.defined()) return tensor_;
  if (tensor_->version() != version_) {
    if (tensor_->has(kPacked)) return unpack_packed(owner);
    const char* writer = tensor_.storage()->last_writer;
    Node* maker = output_nr_ >= 0 ? owner : grad_fn(tensor_.impl());
    fail(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.",
        scalar_type_name(tensor_.dtype()), "Tensor ", tensor_.sizes(), "]",
        output_nr_ >= 0 ? ", which is the result of " : ", which was saved by ", owner->info().name,
        maker && maker != owner ? str_cat(" (made by ", maker->info().name, ")") : std::string(), ", is at version ",
        tensor_->version(), "; expected version ", version_, " instead. It was changed by ",
        writer ? writer : "an in-place operation",
        "; use the out-of-place form there, or clone() the tensor before changing it.",
        tls.flags & kAnomaly ? intercept_hooks.describe(owner, tensor_.storage()) : std::string());
  }
  if (output_nr_ < 0 || !grad_enabled()) return tensor_;
  // Second derivatives need the result with its history again.
  Tensor t = alias(tensor_);
  if (tls.flags & kForward) share_tangents(tensor_, t);
  return with_history(std::move(t), owner);
}

Tensor SavedTensor::with_history(Tensor t, Node* owner) const {
  AutogradMeta* m = ensure_meta(t.impl());
  if (owner->outer) {  // an in-place operation on a view: its result is that part of the changed base
    m->grad_fn = owner->outer->result_of_inner();
    m->grad_fn->add_input(t.impl());
    return t;
  }
  m->grad_fn = NodeRef::borrow(owner);
  m->output_nr = static_cast<uint32_t>(output_nr_);
  return t;
}

void SavedTensor::pack(Tensor (*packer)(const Tensor&)) {
  if (!tensor_.defined() || tensor_->has(kPacked)) return;
  Tensor packed = packer(alias(tensor_));
  packed->set(kPacked);
  share_tangents(tensor_, packed);
  ensure_extras(packed.impl()).packed_edge = output_nr_ < 0 ? gradient_edge(tensor_) : Edge{};
  tensor_ = std::move(packed);
  version_ = UINT32_MAX;  // the slow branch of unpack
}

namespace {
// Leads the gradient of an unpacked input to where that of the original went.
struct UnpackedInput final : Node {
  const OpInfo& info() const override {
    static const OpInfo info{"AliasBackward0", "alias", "alias", "self: grad"};
    return info;
  }
  void apply(TensorList& grads, TensorList& out) override { out[0] = grads[0]; }
};
}  // namespace

Tensor SavedTensor::unpack_packed(Node* owner) const {
  Tensor packed = tensor_;
  Tensor t = intercept_hooks.unpack(packed);
  if ((tls.flags & kForward) && has_tangents(packed)) {
    t = alias(t);
    share_tangents(packed, t);
  }
  if (!grad_enabled()) return t;
  auto again = [](const Tensor& of) {
    Tensor out = alias(of);
    if (tls.flags & kForward) share_tangents(of, out);
    return out;
  };
  if (output_nr_ >= 0) return with_history(again(t), owner);
  Edge edge = meta_of(packed.impl())->extras->packed_edge;
  if (!edge.node) return t;
  t = again(t);
  NodeRef node(new UnpackedInput());
  edge.node->retain();
  node->add_edge(edge);
  set_history(t, node.get());
  return t;
}

}  // namespace torchy
