// Adding a finished gradient to a leaf. Layer: autograd.
#include "accumulate.h"

#include "ops_gen.h"

namespace torchy {

AccumulateGrad::AccumulateGrad(TensorImpl* variable)
    : Node(UINT64_MAX), variable_(Tensor::borrow(variable)) {
  add_input(variable);
}

AccumulateGrad::~AccumulateGrad() {
  if (AutogradMeta* m = meta_of(variable_.impl())) m->accumulator = nullptr;
}

const OpInfo& AccumulateGrad::info() const {
  static const OpInfo info{"AccumulateGrad", "accumulate_grad", "leaf", "variable.grad += grad"};
  return info;
}

Node* gradient_accumulator(TensorImpl* leaf) {
  AutogradMeta* m = meta_of(leaf);
  if (m->accumulator) {
    m->accumulator->retain();
    return m->accumulator;
  }
  m->accumulator = new AccumulateGrad(leaf);
  return m->accumulator;
}

void forget_variable(Node*) {}  // the accumulator holds the leaf, so a dying leaf has none

AccumulateGrad* as_accumulator(Node* node) { return dynamic_cast<AccumulateGrad*>(node); }

void AccumulateGrad::apply(TensorList& grads, TensorList&) {
  if (!grads[0].defined()) return;
  AutogradMeta* m = meta_of(variable_.impl());
  if (!m || !m->requires_grad) return;
  Tensor grad = std::move(grads[0]);
  if (!m->grad.defined()) {
    // A gradient nobody else holds becomes .grad itself; anything shared, expanded or recorded is copied.
    bool own = grad->use_count() == 1 && grad.storage()->use_count() == 1 && !grad_enabled() &&
               !grad->base && grad.strides() == contiguous_strides(grad.sizes());
    if (own) {
      if (grad->meta) grad = alias(grad);
      m->grad = std::move(grad);
    } else {
      m->grad = ops::clone(grad);
    }
  } else if (grad_enabled()) {
    m->grad = ops::add(m->grad, grad);
  } else {
    ops::add_(m->grad, grad);
  }
  for (size_t i = 0; i < m->post_accumulate.size(); ++i) m->post_accumulate[i]->call(variable_);
}

}  // namespace torchy
