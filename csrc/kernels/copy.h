// Moving elements between tensors: copies, casts, fills. Layer: kernels; checks shapes, records nothing.
#pragma once

#include "../core/tensor.h"

namespace torchy::kernels {

// t itself if it is contiguous, else a new contiguous copy.
Tensor contiguous(const Tensor& t);
// Always a new contiguous tensor.
Tensor contiguous_copy(const Tensor& t);
// Always a new tensor, dense, its dims in the memory order of t's (PyTorch's preserve_format).
Tensor clone(const Tensor& t);
// t itself if it has that dtype, else a converted copy.
Tensor to_dtype(const Tensor& t, DType dtype);
// Always a new tensor, laid out like clone's.
Tensor to_copy(const Tensor& t, DType dtype);
// A new tensor laid out as clone(t) would be, uninitialised.
Tensor empty_preserved(const Tensor& t, DType dtype);
// dst[...] = src, broadcast to dst's shape and cast to its dtype. Overlapping memory is handled.
void copy_into(Tensor& dst, const Tensor& src);
// Every element becomes `value`; RuntimeError if the dtype cannot hold it.
void fill(Tensor& dst, const Scalar& value);
// RuntimeError as PyTorch's ("value cannot be converted to type int8_t without overflow").
void check_fits(const Scalar& value, DType dtype, const char* op);

// The same on raw memory: `sizes` elements with strides in elements, which may be zero (read) or
// negative. The memory must not overlap. Opens its own LongSection.
void copy_strided(void* dst, DType dst_dtype, IntSpan dst_strides, const void* src, DType src_dtype,
                  IntSpan src_strides, IntSpan sizes);
// n contiguous elements converted.
void convert_block(void* dst, DType dst_dtype, const void* src, DType src_dtype, int64_t n);
// Every element becomes the one element `value` points to.
void fill_strided(void* dst, DType dtype, IntSpan strides, IntSpan sizes, const void* value);

}  // namespace torchy::kernels
