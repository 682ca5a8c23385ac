// The helpers of shape_helpers.h that belong to reductions. Layer: kernels.
#include "../core/shape.h"
#include "shape_helpers.h"

namespace torchy::rules {

static uint64_t mask_of(IntSpan shape, const std::optional<IntVec>& dims) {
  const int64_t ndim = int64_t(shape.size());
  return dim_mask(dims ? IntSpan(*dims) : IntSpan(), ndim, "reduction");
}

IntVec keepdim_shape(IntSpan shape, const std::optional<IntVec>& dims) {
  const uint64_t mask = mask_of(shape, dims);
  IntVec out(shape);
  for (size_t d = 0; d < out.size(); ++d)
    if (mask >> d & 1) out[d] = 1;
  return out;
}

int64_t reduced_numel(IntSpan shape, const std::optional<IntVec>& dims) {
  const uint64_t mask = mask_of(shape, dims);
  int64_t n = 1;
  for (size_t d = 0; d < shape.size(); ++d)
    if (mask >> d & 1) n *= shape[d];
  return n;
}

std::optional<IntVec> as_dims(std::optional<int64_t> dim) {
  if (!dim) return std::nullopt;
  return IntVec{*dim};
}

double var_factor(int64_t numel, const std::optional<Scalar>& correction) {
  const double c = correction ? correction->to_double() : 1.0;
  return 2.0 / std::max(0.0, double(numel) - c);
}

}  // namespace torchy::rules
