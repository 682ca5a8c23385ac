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

// Several results: gradients that did not arrive are zeros.
void fill_undefined(Node* node, TensorList& grads);

// The in-place form of an operation without a kernel of its own for it: the result is copied in.
void write_inplace(const Tensor& self, const Tensor& result, const char* op);
}  // namespace torchy
