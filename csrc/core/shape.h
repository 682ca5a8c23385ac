// Arithmetic on shapes and dims: wrapping, broadcasting, inference of -1. Layer: core.
#pragma once

#include "tensor.h"

namespace torchy {

// dim in [-ndim, ndim) to [0, ndim); a 0-d tensor counts as one dim. IndexError otherwise.
int64_t wrap_dim(int64_t dim, int64_t ndim);
// A set of dims as a bit mask; empty means all. Errors on repeats.
uint64_t dim_mask(IntSpan dims, int64_t ndim, const char* op);
// The shape both broadcast to, or an error naming `op` and both shapes.
IntVec broadcast_shapes(IntSpan a, IntSpan b, const char* op);
bool broadcastable_to(IntSpan from, IntSpan to);
// Strides of `t` seen with shape `sizes` (0 where it is expanded).
IntVec broadcast_strides(const Tensor& t, IntSpan sizes);
// Replaces one -1 so that the product is numel.
IntVec infer_size(IntSpan sizes, int64_t numel, const char* op);
// Strides a view of `sizes` would have on t's memory; false if it needs a copy.
bool view_strides(const Tensor& t, IntSpan sizes, IntVec& strides);
// a * b and a + b of sizes, strides and offsets; an error that names `op` if no int64 holds the result.
int64_t mul_size(int64_t a, int64_t b, const char* op);
int64_t add_size(int64_t a, int64_t b, const char* op);
// One element may be reached by two indices (expanded or overlapping strides).
bool has_internal_overlap(const Tensor& t);
// Do the two tensors touch some common byte, other than being the very same view?
bool may_partially_overlap(const Tensor& a, const Tensor& b);
// First and one-past-last byte addresses that a tensor's elements occupy.
void byte_range(const Tensor& t, char*& lo, char*& hi);

}  // namespace torchy
