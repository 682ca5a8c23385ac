// The first NaN or infinity: one vectorised pass that only asks whether there is any, a second where there is.
// Layer: kernels.
#include "finite.h"

#include <cmath>

#include "copy.h"
#include "kernels_gen.h"

namespace torchy::kernels {

namespace {

// x - x is 0 for finite numbers and NaN for all others.
template <class T>
bool all_finite(const T* x, int64_t n) {
  constexpr int64_t kBlock = 4096;
  for (int64_t at = 0; at < n; at += kBlock) {
    int64_t end = std::min(n, at + kBlock);
    int bad = 0;
    for (int64_t i = at; i < end; ++i) bad |= !(x[i] - x[i] == T(0));
    if (bad) return false;
  }
  return true;
}

template <class T>
int64_t find(const T* x, int64_t n, bool nan, bool inf) {
  if (all_finite(x, n)) return -1;
  for (int64_t i = 0; i < n; ++i)
    if ((nan && std::isnan(x[i])) || (inf && std::isinf(x[i]))) return i;
  return -1;
}

}  // namespace

int64_t first_non_finite(const Tensor& t, bool nan, bool inf) {
  if (!is_differentiable(t.dtype()) || t.numel() == 0) return -1;
  if (t.is_complex()) {
    int64_t at = first_non_finite(view_as_real(t), nan, inf);
    return at < 0 ? at : at / 2;
  }
  Tensor flat = t.is_contiguous() ? t : contiguous_copy(t);
  if (flat.dtype() == DType::Float64) return find(flat.data<double>(), flat.numel(), nan, inf);
  if (flat.dtype() != DType::Float32) flat = to_dtype(flat, DType::Float32);
  return find(flat.data<float>(), flat.numel(), nan, inf);
}

}  // namespace torchy::kernels
