// Arithmetic on lists of ints that derivative rules and composites may call by name; the NumPy twins are
// in tests/reference/shape_helpers.py. Layer: kernels; reads geometry, never elements.
#pragma once

#include <optional>

#include "../core/tensor.h"

namespace torchy::rules {

// ---- geometry of a tensor
bool can_view(const Tensor& self, IntSpan size);  // throws if the sizes do not fit
bool is_contiguous(const Tensor& self);
IntVec strides_of(const Tensor& self);
int64_t offset_of(const Tensor& self);
int64_t value_or(std::optional<int64_t> value, int64_t otherwise);

// ---- shapes and dims
IntVec flatten_shape(IntSpan shape, int64_t start_dim, int64_t end_dim);
IntVec unflatten_shape(IntSpan shape, int64_t dim, IntSpan sizes);
IntVec reversed_dims(int64_t ndim);
int64_t matrix_dim(int64_t ndim);                                 // -2; an error for ndim below 2
int64_t needs_ndim(int64_t ndim, int64_t at_least, int64_t dim);  // dim; an error if ndim is less
IntVec inverse_permutation(IntSpan dims);
IntVec movedim_order(int64_t ndim, IntSpan source, IntSpan destination);
int64_t narrow_start(IntSpan shape, int64_t dim, int64_t start, int64_t length);
IntVec negated(IntSpan values);
int64_t diagonal_length(IntSpan shape);  // of a matrix
int64_t diag_ndim(int64_t ndim);         // ndim; an error unless 1 or 2

// ---- parts of a dim, as [start, end, start, end, ...]
IntVec split_bounds(IntSpan shape, int64_t split_size, int64_t dim);
IntVec sizes_bounds(IntSpan shape, IntSpan split_sizes, int64_t dim);
int64_t chunk_size(IntSpan shape, int64_t chunks, int64_t dim);  // 0 for an empty dim
IntVec chunk_bounds(IntSpan shape, int64_t chunks, int64_t dim);
IntVec section_bounds(IntSpan shape, int64_t sections, int64_t dim);
IntVec index_bounds(IntSpan shape, IntSpan indices, int64_t dim);
// sections; an error unless they divide the dim evenly
int64_t even_sections(IntSpan shape, int64_t sections, int64_t dim);
int64_t hsplit_dim(int64_t ndim);  // 1, or 0 of a vector

// ---- repeat: each size s of the padded shape becomes (repeats, s) and is summed to (1, s)
IntVec repeat_shape(IntSpan shape, IntSpan repeats);
IntVec tile_shape(IntSpan shape, IntSpan repeats);
IntVec tile_repeats(int64_t ndim, IntSpan dims);
// shape with `repeats` inserted after dim; the same multiplied out
IntVec interleave_shape(IntSpan shape, int64_t repeats, int64_t dim);
IntVec interleaved_shape(IntSpan shape, int64_t repeats, int64_t dim);

// ---- cat and its relatives: how each input is reshaped before it is concatenated
enum JoinMode : int64_t { kCat, kHstack, kVstack, kDstack, kColumnStack };
IntVec join_shape(IntSpan shape, int64_t mode);
// [ndim, sizes..., ndim, sizes..., ...] of the inputs as given
IntVec list_shapes(const TensorList& tensors);
int64_t hstack_dim(const TensorList& tensors);

// ---- reductions: dims that are None or empty stand for all of them
IntVec keepdim_shape(IntSpan shape, const std::optional<IntVec>& dims);  // reduced dims as 1
int64_t reduced_numel(IntSpan shape, const std::optional<IntVec>& dims);
std::optional<IntVec> as_dims(std::optional<int64_t> dim);
// 2 / max(numel - correction, 0); a correction of None is 1
double var_factor(int64_t numel, const std::optional<Scalar>& correction);

}  // namespace torchy::rules
