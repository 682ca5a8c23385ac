// What an indexing operation reads or writes, worked out once: which dims of a tensor an index tensor
// replaces, in what shape, and where in memory every row lies. Layer: kernels; used by index*.cpp.
#pragma once

#include <vector>

#include "copy.h"

#include "../core/tensor.h"

namespace torchy::kernels {

// One index tensor in place of one dim: contiguous int64 of the plan's common index shape, in bounds.
struct IndexKey {
  Tensor index;
  int64_t dim, size, stride;
};

// The result of a plan is (outer..., index..., inner...), row-major. The plan holds for every tensor
// with the strides of the one it was made from.
class IndexPlan {
 public:
  // self[indices]: integer tensors, masks (bool or uint8), undefined entries for whole dims. The index
  // dims come first in the result if a whole dim stands between two index tensors.
  static IndexPlan of(const Tensor& self, const TensorList& indices);
  // One dim replaced by a 1-d index (from checked_vector).
  static IndexPlan along(const Tensor& self, int64_t dim, const Tensor& index);
  // A contiguous tensor seen as one run of elements; index has any shape.
  static IndexPlan flat(const Tensor& self, const Tensor& index);

  IntVec sizes() const;
  // True if some element is written or read at all.
  bool any() const { return numel_of(sizes()) > 0; }
  Tensor read(const Tensor& self) const;
  // self[...] = values, or += values. values broadcasts to sizes() and has self's dtype. Of several
  // values for one place the last one wins; sums are taken in the order of the index.
  void write(Tensor& self, const Tensor& values, bool accumulate) const;

 private:
  void place_keys(IntSpan sizes, IntSpan strides, const std::vector<int>& key_of);

  IntVec outer_sizes_, outer_strides_, inner_sizes_, inner_strides_, index_shape_;
  std::vector<IndexKey> keys_;
};

enum class Bounds : uint8_t { Wrap, NonNegative };  // does -1 mean the last index?

// IndexError (RuntimeError for kind Runtime) unless every element of a contiguous int64 tensor is an
// index of a dim of that size.
void check_bounds(const Tensor& index, int64_t dim, int64_t size, Bounds bounds, ErrorKind kind = ErrorKind::Index,
                  const char* op = "");
// int32 or int64 as contiguous int64; RuntimeError naming the op for other dtypes.
Tensor index_int64(const Tensor& index, const char* op);
// The same for an index that must have at most one dim; the result has exactly one.
Tensor checked_vector(const Tensor& index, const char* op);
// A 0-d tensor as one of shape (1,).
Tensor at_least_1d(const Tensor& t);
// A contiguous copy, always new memory.
Tensor fresh_copy(const Tensor& t);
// Positions of the nonzero elements in row-major order, int64.
Tensor flat_nonzero(const Tensor& t);
// The same as one index tensor for each dim.
TensorList nonzero_columns(const Tensor& t);
// t seen with the shape `sizes`, to which it broadcasts; not a tracked view.
Tensor expanded(const Tensor& t, IntSpan sizes);

// A new tensor equal to self after f(copy) has changed it. Half types are changed in float32 and
// rounded once, so that long sums stay exact.
template <class F>
Tensor changed(const Tensor& self, F&& f) {
  Tensor out = to_copy(self, compute_dtype(self.dtype()));
  f(out);
  return to_dtype(out, self.dtype());
}

}  // namespace torchy::kernels
