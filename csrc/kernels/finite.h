// The first NaN or infinity of a tensor. Layer: kernels.
#pragma once

#include "../core/tensor.h"

namespace torchy::kernels {

// Row-major position of the first element that is NaN (if nan) or infinite (if inf); -1: none, or not floating.
int64_t first_non_finite(const Tensor& t, bool nan, bool inf);

}  // namespace torchy::kernels
