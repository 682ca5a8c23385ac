// What every generated recording function uses. Layer: autograd.
#pragma once

#include "../kernels/copy.h"
#include "intercept.h"

namespace torchy {

// Is a gradient wanted for any of `count` edges from `first`?
#define needs_any(first, count) any_edge(this, first, count)
inline bool any_edge(const Node* node, uint32_t first, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i)
    if (node->needs(first + i)) return true;
  return false;
}

// A view made while recording is off cannot be changed in place while it is on.
inline void mark_no_grad_view(const Tensor& t) {
  if (t->base) t->set(kNoGradView);
}
inline void mark_no_grad_view(const TensorList& list) {
  for (const Tensor& t : list) mark_no_grad_view(t);
}

// An argument of an in-place operation for saving: where it is self itself, without the history self is about to get,
// which would be a cycle (backward refuses it anyway, for it has changed).
inline Tensor apart_from(const Tensor& self, const Tensor& other) { return other.is_same(self) ? alias(other) : other; }
inline Value apart_from(const Tensor& self, const Operand& other) {
  return other.is_tensor() ? Value(apart_from(self, other.tensor())) : Value(other.scalar());
}

// Several results: gradients that did not arrive are zeros.
void fill_undefined(Node* node, TensorList& grads);

// The in-place form of an operation without a kernel of its own for it: the result is copied in.
void write_inplace(const Tensor& self, const Tensor& result, const char* op);
}  // namespace torchy
