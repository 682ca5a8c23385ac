// Adding a finished gradient to a leaf. Layer: autograd.
#include "accumulate.h"

#include <chrono>
#include <thread>

#include "cycles.h"
#include "../kernels/pointwise.h"
#include "ops_gen.h"

namespace torchy {

AccumulateGrad::AccumulateGrad(TensorImpl* variable) : Node(kAccumulateSequence), variable_(Tensor::borrow(variable)) {
  add_input(variable);
}

AccumulateGrad::~AccumulateGrad() {
  if (asleep()) {
    count_live(+1);  // ~Node counts it down again
    return;
  }
  if (AutogradMeta* m = meta_of(variable_.impl())) m->accumulator = nullptr;
}

const OpInfo& AccumulateGrad::info() const {
  static const OpInfo info{"AccumulateGrad", "accumulate_grad", "leaf", "variable.grad += grad"};
  return info;
}

Node* gradient_accumulator(TensorImpl* leaf) {
  AutogradMeta* m = meta_of(leaf);
  if (m->accumulator) {
    auto* cached = static_cast<AccumulateGrad*>(m->accumulator);
    if (cached->asleep()) cached->wake(leaf);
    cached->retain();
    return cached;
  }
  m->accumulator = new AccumulateGrad(leaf);
  return m->accumulator;
}

bool AccumulateGrad::fall_asleep() {
  AutogradMeta* m = meta_of(variable_.impl());
  if (!m || m->accumulator != this || has_extras()) return false;
  count_live(-1);
  scratch.slot.reset();
  Tensor leaf = std::move(variable_);
  return true;  // letting go of the leaf may end it, and this node with it
}

void AccumulateGrad::wake(TensorImpl* leaf) {
  count_live(+1);
  variable_ = Tensor::borrow(leaf);
  set_input_meta(0, leaf);  // the leaf may have been resized or cast through .data
}

void drop_accumulator(Node* accumulator) { delete accumulator; }

AccumulateGrad* as_accumulator(Node* node) {
  return node->sequence_nr() == kAccumulateSequence ? static_cast<AccumulateGrad*>(node) : nullptr;
}

static void wait_for_other_threads() {
  LongSection unlocked;
  std::this_thread::sleep_for(std::chrono::microseconds(50));
}

void AccumulateGrad::apply(TensorList& grads, TensorList&) {
  if (!grads[0].defined()) return;
  AutogradMeta* m = meta_of(variable_.impl());
  if (!m || !m->requires_grad) return;
  while (busy_) wait_for_other_threads();
  busy_ = true;
  try {
    add(std::move(grads[0]));
  } catch (...) {
    busy_ = false;
    throw;
  }
  busy_ = false;
  for_each_hook(m->post_accumulate, [&](TensorHook& hook) { hook.call(variable_); });
}

void AccumulateGrad::add(Tensor grad) {
  AutogradMeta* m = meta_of(variable_.impl());
  TORCHY_CHECK(!grad->has(kBatched),
               "backward() inside vmap would add a gradient per example to one .grad; use torch.func.grad, or "
               "torch.autograd.grad, which return it");
  if (!m->grad.defined()) {
    // A gradient nobody else holds becomes .grad itself; anything shared, expanded or recorded is copied.
    bool own = grad->use_count() == 1 && grad.storage()->use_count() == 1 && !grad_enabled() && !grad->base &&
               grad.strides() == contiguous_strides(grad.sizes());
    if (own) {
      if (grad->meta) grad = alias(grad);
      m->grad = std::move(grad);
    } else {
      m->grad = ops::clone(grad);
    }
  } else if (grad_enabled()) {
    m->grad = ops::add(m->grad, grad);
  } else if (tls.flags & kUnusual) {
    ops::add_(m->grad, grad);
  } else {
    check_inplace(m->grad, false, "accumulate_grad");
    kernels::pointwise2_into(kernels::Pw::add, m->grad, m->grad, grad);
    mark_written(m->grad, "accumulate_grad");
  }
  if (grad_enabled() && requires_grad(m->grad)) note_recorded_grad(m);
}

}  // namespace torchy
