// The arithmetic of views. Layer: kernels; touches no elements.
#include "geometry.h"

#include "../core/shape.h"

namespace torchy::kernels {

Geometry& select_geometry(Geometry& g, int64_t dim, int64_t index) {
  const int64_t n = int64_t(g.sizes.size());
  if (n == 0) fail_index("select() cannot be applied to a 0-dim tensor.");
  const size_t d = size_t(wrap_dim(dim, n));
  const int64_t size = g.sizes[d];
  if (index < -size || index >= size)
    fail_index("select(): index ", index, " out of range for tensor of size ", g.sizes, " at dimension ", d);
  g.offset += (index < 0 ? index + size : index) * g.strides[d];
  g.erase(d);
  return g;
}

Geometry& slice_geometry(Geometry& g, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end,
                         int64_t step) {
  const int64_t n = int64_t(g.sizes.size());
  if (n == 0) fail_index("slice() cannot be applied to a 0-dim tensor.");
  TORCHY_CHECK(step > 0, "slice: step ", step, "; slice step must be positive");
  const size_t d = size_t(wrap_dim(dim, n));
  const int64_t size = g.sizes[d];
  int64_t first = start.value_or(0), last = end.value_or(size);
  if (first < 0) first += size;
  if (last < 0) last += size;
  first = std::min(std::max<int64_t>(first, 0), size);
  last = std::min(std::max(last, first), size);
  g.offset += first * g.strides[d];
  g.sizes[d] = last > first ? 1 + (last - first - 1) / step : 0;
  // A stride that overflows belongs to a dim of at most one element, where it is never used.
  if (__builtin_mul_overflow(g.strides[d], step, &g.strides[d])) g.strides[d] = 1;
  return g;
}

Geometry& diagonal_geometry(Geometry& g, int64_t offset, int64_t dim1, int64_t dim2) {
  const int64_t n = int64_t(g.sizes.size());
  const size_t a = size_t(wrap_dim(dim1, n)), b = size_t(wrap_dim(dim2, n));
  TORCHY_CHECK(a != b, "diagonal: diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  TORCHY_CHECK(n >= 2, "diagonal: input has ", n, " dimensions; it needs at least 2");
  const int64_t rows = g.sizes[a] - (offset < 0 ? -offset : 0);
  const int64_t cols = g.sizes[b] - (offset > 0 ? offset : 0);
  const int64_t length = std::max<int64_t>(std::min(rows, cols), 0);
  if (length > 0) g.offset += offset >= 0 ? offset * g.strides[b] : -offset * g.strides[a];
  const int64_t stride = g.strides[a] + g.strides[b];
  g.erase(std::max(a, b));
  g.erase(std::min(a, b));
  g.push_back(length, stride);
  return g;
}

Geometry& unfold_geometry(Geometry& g, int64_t dim, int64_t size, int64_t step) {
  const int64_t n = int64_t(g.sizes.size());
  const size_t d = size_t(wrap_dim(dim, n));
  const int64_t have = n ? g.sizes[d] : 1, stride = n ? g.strides[d] : 1;
  TORCHY_CHECK(size >= 0, "unfold: size is ", size, " but must be >= 0");
  TORCHY_CHECK(size <= have, "unfold: maximum size for tensor at dimension ", d, " is ", have, " but size is ", size);
  TORCHY_CHECK(step > 0, "unfold: step is ", step, " but must be > 0");
  if (n) {
    g.sizes[d] = (have - size) / step + 1;
    if (__builtin_mul_overflow(stride, step, &g.strides[d])) g.strides[d] = 1;  // one window only
  }
  g.push_back(size, stride);
  numel_of(g.sizes);  // an error if there are more than an int64 counts
  return g;
}

Geometry& transpose_geometry(Geometry& g, int64_t dim0, int64_t dim1) {
  const int64_t n = int64_t(g.sizes.size());
  const size_t a = size_t(wrap_dim(dim0, n)), b = size_t(wrap_dim(dim1, n));
  if (a != b) {
    std::swap(g.sizes[a], g.sizes[b]);
    std::swap(g.strides[a], g.strides[b]);
  }
  return g;
}

}  // namespace torchy::kernels
