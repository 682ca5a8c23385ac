// Where a run of the engine begins: the first gradient of a root, and why a root has no graph. Layer: autograd.
#pragma once

#include "../core/tensor.h"

namespace torchy {

// `grad`, or 1 for a one-element root without one, in the root's dtype. RuntimeError if they do not fit.
Tensor first_gradient(const Tensor& root, const Tensor& grad);
// The error for root number `index`, which says where its graph was cut.
[[noreturn]] void no_graph(const Tensor& root, size_t index);

}  // namespace torchy
