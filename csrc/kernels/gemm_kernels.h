// What one instruction-set level of the matrix-product kernels offers to the drivers in gemm.cpp.
// Layer: kernels, private to gemm*.cpp. The code is in gemm_impl.inc, once per level.
#pragma once

#include <complex>
#include <cstdint>

namespace torchy {

// C (m, n) = alpha A (m, k) B (k, n) + beta C for one thread, k >= 1. B has unit column stride: its
// rows b_rs apart, or packed as panels of `nr` columns, k * nr elements each.
template <class T>
struct GemmBlock {
  T* c;
  int64_t ldc;
  const T* a;
  int64_t a_rs, a_cs;
  const T* b;
  int64_t b_rs;
  bool b_packed;
  int64_t m, n, k;
  T alpha, beta;
  T* a_scratch;  // mr * k elements to repack rows of A in, or nullptr to read A where it is
};

template <class T>
struct GemmKernels {
  int64_t mr, nr;  // rows and columns of the largest register tile
  void (*block)(const GemmBlock<T>&);
  // ceil(n / nr) panels of a B with any strides.
  void (*pack_b)(T* out, const T* b, int64_t b_rs, int64_t b_cs, int64_t k, int64_t n);
  // y = alpha A x + beta y with contiguous rows of A (lda apart) and contiguous x.
  void (*gemv_rows)(T* y, int64_t incy, const T* a, int64_t lda, const T* x, int64_t m, int64_t k, T alpha, T beta);
  // The same with contiguous columns of A (lda apart) and contiguous y.
  void (*gemv_cols)(T* y, const T* a, int64_t lda, const T* x, int64_t incx, int64_t m, int64_t k, T alpha, T beta);
  T (*dot)(const T* x, const T* y, int64_t n);
};

struct GemmTable {
  const char* name;
  GemmKernels<float> f32;
  GemmKernels<double> f64;
  GemmKernels<std::complex<float>> c64;
  GemmKernels<std::complex<double>> c128;
};

const GemmTable& gemm_table_v2();  // the only level where the machine is not x86-64
#if defined(__x86_64__)
const GemmTable& gemm_table_v3();
const GemmTable& gemm_table_v4();
#endif

}  // namespace torchy
