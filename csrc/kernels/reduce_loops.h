// The inner loops of reductions and softmax over contiguous float and double memory, as tables of
// function pointers: one table for each x86-64 level, chosen once. Layer: kernels.
// No tensors and no threads here: the drivers are in reduce.cpp and softmax.cpp.
#pragma once

#include <cstdint>

#include "../core/dtype.h"

namespace torchy::kernels {

// Lengths of the leaves of the reduction tree. They depend on nothing but sizes, so that a result
// has the same bits on any number of threads.
constexpr int64_t kRowBlock = 8192;  // elements of one leaf along a contiguous row
constexpr int kShortSoftmax = 32;
constexpr int64_t kColTile = 1024;  // columns taken together when the reduced dim is strided

enum class SumKind : uint8_t { Sum, NanSum, Abs, Square };
constexpr int kSumKinds = 4;

// Mean and sum of squared deviations of some elements.
struct Moments {
  double mean, m2;
};

// `rows` functions: `rows` runs of n >= 1 elements, one after the other; one result a run.
// `cols` functions: n >= 1 rows of `width` <= kColTile elements, `stride` apart; one result a column.
template <class T>
struct FloatLoops {
  void (*sum_rows[kSumKinds])(const T* x, int64_t rows, int64_t n, double* out);
  void (*sum_cols[kSumKinds])(const T* x, int64_t n, int64_t stride, int64_t width, double* out);
  void (*product_rows)(const T* x, int64_t rows, int64_t n, double* out);
  void (*product_cols)(const T* x, int64_t n, int64_t stride, int64_t width, double* out);
  void (*moment_rows)(const T* x, int64_t rows, int64_t n, Moments* out);
  void (*moment_cols)(const T* x, int64_t n, int64_t stride, int64_t width, Moments* out);

  // [0] maximum, [1] minimum; a NaN wins. The index is of the first NaN, or else of the first
  // extreme element.
  void (*extreme_rows[2])(const T* x, int64_t rows, int64_t n, T* out);
  void (*extreme_cols[2])(const T* x, int64_t n, int64_t stride, int64_t width, T* out);
  void (*arg_rows[2])(const T* x, int64_t rows, int64_t n, T* value, int64_t* index);
  void (*arg_cols[2])(const T* x, int64_t n, int64_t stride, int64_t width, T* value, int64_t* index);

  // softmax or log_softmax of runs of at most kShortSoftmax elements.
  void (*short_softmax)(const T* x, T* y, int64_t rows, int64_t n, bool log);
  // Sum of exp(x - shift) over a run; also stored in y unless y is null.
  double (*exp_sum)(const T* x, T* y, int64_t n, T shift);
  void (*exp_sum_cols)(const T* x, T* y, int64_t n, int64_t stride, int64_t width, const T* shift, double* sum);
  void (*scale)(T* y, int64_t n, T factor);              // y *= factor
  void (*shift)(const T* x, T* y, int64_t n, T a, T b);  // y = x - a - b
  double (*dot)(const T* x, const T* y, int64_t n);
  void (*softmax_grad)(const T* grad, const T* y, T* out, int64_t n, T sum);      // y (grad - sum)
  void (*log_softmax_grad)(const T* grad, const T* y, T* out, int64_t n, T sum);  // grad - e^y sum
  // The same on columns: y *= b, y = x - a - b, and the gradients with their sums.
  void (*scale_cols)(T* y, int64_t n, int64_t stride, int64_t width, const T* b);
  void (*shift_cols)(const T* x, T* y, int64_t n, int64_t stride, int64_t width, const T* a, const T* b);
  void (*grad_cols[2])(const T* grad, const T* y, T* out, int64_t n, int64_t stride, int64_t width);

  void (*widen_half)(const Half* x, float* y, int64_t n);
  void (*widen_bfloat16)(const BFloat16* x, float* y, int64_t n);
};

template <class T>
const FloatLoops<T>& float_loops();

// The builds, one for each level; a machine that is not x86-64 has the first only.
const FloatLoops<float>& float_loops_v2(float);
const FloatLoops<double>& float_loops_v2(double);
const FloatLoops<float>& float_loops_v3(float);
const FloatLoops<double>& float_loops_v3(double);
const FloatLoops<float>& float_loops_v4(float);
const FloatLoops<double>& float_loops_v4(double);

}  // namespace torchy::kernels
