// AsStridedBackward0 for regenerated views, CopySlices for in-place changes. Layer: autograd.
#include "view_nodes.h"

#include "ops_gen.h"

namespace torchy {

namespace {

// Where elements lie. If one of base and view is complex and the other real (.real, view_as_complex),
// both are described in real numbers: a complex tensor as view_as_real would show it.
struct Geometry {
  IntVec sizes, strides;
  int64_t offset;
  bool split;  // a complex tensor, described in real numbers
  Geometry(const TensorImpl* t, bool in_reals)
      : sizes(t->sizes()), strides(t->strides()), offset(t->offset()), split(in_reals && is_complex(t->dtype())) {
    if (!split) return;
    for (int64_t& s : strides) s *= 2;
    offset *= 2;
    sizes.push_back(2);
    strides.push_back(1);
  }
  Tensor enter(const Tensor& grad) const { return split ? ops::view_as_real(grad) : grad; }
  Tensor leave(const Tensor& grad) const { return split ? ops::view_as_complex(ops::contiguous(grad)) : grad; }
};

struct Geometries {
  Geometry base, view;
  Geometries(const TensorImpl* b, const TensorImpl* v)
      : base(b, is_complex(b->dtype()) != is_complex(v->dtype())),
        view(v, is_complex(b->dtype()) != is_complex(v->dtype())) {}
  // The gradient of the base from one of the view: zeros outside.
  Tensor scatter(const Tensor& grad) const {
    return ops::as_strided_backward(grad, base.sizes, base.strides, base.offset, view.sizes, view.strides, view.offset);
  }
};

class ViewBackward final : public Node {
 public:
  explicit ViewBackward(const Geometries& where) : where_(where) {}
  const OpInfo& info() const override {
    static const OpInfo info{"AsStridedBackward0", "as_strided", "as_strided",
                             "as_strided_backward(grad, base geometry, view geometry)"};
    return info;
  }
  void apply(TensorList& grads, TensorList& out) override {
    if (grads[0].defined()) out[0] = where_.base.leave(where_.scatter(where_.view.enter(grads[0])));
  }

 private:
  Geometries where_;
};

class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, NodeRef fn)
      : where_(base.impl(), view.impl()), fn_(std::move(fn)) {
    fn_->outer = this;
  }
  ~CopySlices() override { fn_->outer = nullptr; }
  const OpInfo& info() const override {
    static const OpInfo info{"CopySlices", "copy_slices", "[]=", "the changed part through the in-place rule"};
    return info;
  }
  void release_saved() override { fn_->release_saved(); }
  Node* inner() const override { return fn_.get(); }
  void visit_saved(SavedVisitor& visitor) override { fn_->visit_saved(visitor); }

  NodeRef result_of_inner() const override {
    auto* node = new ViewBackward(where_);
    Node* self = const_cast<CopySlices*>(this);
    self->retain();
    node->add_edge({self, 0});
    return NodeRef(node);
  }

  void apply(TensorList& grads, TensorList& out) override {
    if (!grads[0].defined()) return;
    const Geometry &base = where_.base, &view = where_.view;
    // The gradient in a dense copy of the base's geometry, where the view's strides are valid.
    Tensor grad = ops::contiguous(base.enter(grads[0]));
    if (grad.offset() != 0) grad = ops::clone(grad);  // offsets count from the start of memory
    bool dense = IntSpan(contiguous_strides(base.sizes)) == IntSpan(base.strides) && base.offset == 0;
    Tensor part = dense ? ops::as_strided(grad, view.sizes, view.strides, view.offset)
                        : ops::as_strided_gather(grad, base.sizes, base.strides, base.offset, view.sizes, view.strides,
                                                 view.offset);
    TensorList in{ops::clone(view.leave(part))}, through(fn_->num_edges());
    fn_->apply(in, through);
    for (uint32_t i = 1; i < num_edges(); ++i) out[i] = through[i];
    if (!needs(0)) return;
    // Outside the view the gradient passes; inside, it is what the in-place rule gives for the old value.
    Tensor old = through[0].defined() ? view.enter(fit(through[0])) : ops::zeros_like(part);
    if (dense) {
      out[0] = base.leave(ops::as_strided_scatter(grad, old, view.sizes, view.strides, view.offset));
      return;
    }
    out[0] = base.leave(ops::add(grad, where_.scatter(ops::sub(old, part))));
  }

 private:
  // The rule's gradient in the view's own shape and dtype.
  Tensor fit(Tensor grad) const {
    const GradMeta& want = fn_->input_meta(0);
    if (grad.is_complex() && !is_complex(want.dtype())) grad = ops::real(grad);
    if (grad.dtype() != want.dtype()) grad = ops::_to_copy(grad, want.dtype());
    return ops::expand(grad, want.sizes());
  }

  Geometries where_;
  NodeRef fn_;
};

}  // namespace

NodeRef make_view_node(TensorImpl* view) {
  auto* node = new ViewBackward(Geometries(view->base, view));
  node->add_edge(gradient_edge(view->base));
  node->add_input(view);
  return NodeRef(node);
}

NodeRef make_copy_slices(const Tensor& base, const Tensor& view, NodeRef fn) {
  Node* inner = fn.get();
  auto* node = new CopySlices(base, view, std::move(fn));
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
