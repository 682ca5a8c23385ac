// AsStridedBackward0 for regenerated views, CopySlices for in-place changes. Layer: autograd.
#include "view_nodes.h"

#include "ops_gen.h"

namespace torchy {

namespace {

struct Geometry {
  IntVec sizes, strides;
  int64_t offset;
  explicit Geometry(const TensorImpl* t) : sizes(t->sizes()), strides(t->strides()), offset(t->offset()) {}
};

class ViewBackward final : public Node {
 public:
  ViewBackward(const TensorImpl* base, const TensorImpl* view) : base_(base), view_(view) {}
  const OpInfo& info() const override {
    static const OpInfo info{"AsStridedBackward0", "as_strided", "as_strided",
                             "as_strided_backward(grad, base geometry, view geometry)"};
    return info;
  }
  void apply(TensorList& grads, TensorList& out) override {
    if (!grads[0].defined()) return;
    out[0] = ops::as_strided_backward(grads[0], base_.sizes, base_.strides, base_.offset, view_.sizes,
                                      view_.strides, view_.offset);
  }

 private:
  Geometry base_, view_;
};

class CopySlices final : public Node {
 public:
  CopySlices(const TensorImpl* base, const TensorImpl* view, NodeRef fn)
      : base_(base), view_(view), fn_(std::move(fn)) {}
  const OpInfo& info() const override {
    static const OpInfo info{"CopySlices", "copy_slices", "[]=", "the changed part through the in-place rule"};
    return info;
  }
  void release_saved() override { fn_->release_saved(); }

  void apply(TensorList& grads, TensorList& out) override {
    if (!grads[0].defined()) return;
    // The gradient in a dense copy of the base's geometry, where the view's strides are valid.
    Tensor grad = ops::contiguous(grads[0]);
    IntVec strides = contiguous_strides(base_.sizes);
    bool dense = IntSpan(strides) == IntSpan(base_.strides) && base_.offset == 0;
    Tensor part = dense ? ops::as_strided(grad, view_.sizes, view_.strides, view_.offset)
                        : ops::as_strided_gather(grad, base_.sizes, base_.strides, base_.offset, view_.sizes,
                                                 view_.strides, view_.offset);
    TensorList in{ops::clone(part)}, through(fn_->num_edges());
    fn_->apply(in, through);
    for (uint32_t i = 1; i < num_edges(); ++i) out[i] = through[i];
    if (!needs(0)) return;
    // Outside the view the gradient passes; inside, it is what the in-place rule gives for the old value.
    Tensor old = through[0].defined() ? ops::expand(through[0], view_.sizes) : ops::zeros_like(part);
    if (dense) {
      out[0] = ops::as_strided_scatter(grad, old, view_.sizes, view_.strides, view_.offset);
      return;
    }
    Tensor delta = ops::sub(old, part);
    out[0] = ops::add(grad, ops::as_strided_backward(delta, base_.sizes, base_.strides, base_.offset,
                                                     view_.sizes, view_.strides, view_.offset));
  }

 private:
  Geometry base_, view_;
  NodeRef fn_;
};

}  // namespace

NodeRef make_view_node(TensorImpl* view) {
  auto* node = new ViewBackward(view->base, view);
  node->add_edge(gradient_edge(view->base));
  node->add_input(view);
  return NodeRef(node);
}

NodeRef make_copy_slices(const Tensor& base, const Tensor& view, NodeRef fn) {
  Node* inner = fn.get();
  auto* node = new CopySlices(base.impl(), view.impl(), std::move(fn));
  node->add_edge(gradient_edge(base));
  for (uint32_t i = 1; i < inner->num_edges(); ++i) {
    Edge e = inner->edge(i);
    if (e.node) e.node->retain();
    node->add_edge(e);
  }
  node->add_input(base.impl());
  return NodeRef(node);
}

}  // namespace torchy
