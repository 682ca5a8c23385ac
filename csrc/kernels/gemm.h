// Matrix products on raw pointers: gemm, gemv, dot and batches of products, for every element type
// that is computed in itself (half types are widened by the layer above). Layer: kernels.
// Shapes and strides are checked above; nothing here knows Tensor.
#pragma once

#include <complex>
#include <cstdint>

namespace torchy {

// Strides (_rs of rows, _cs of columns, inc of vectors) count elements, any sign or 0.
// Instances: float, double, complex of both, the five integer types (which wrap around) and bool
// (where + is "or" and * is "and").

// Row-major C (m, n) = alpha A (m, k) B (k, n) + beta C. beta == 0 does not read C, so that NaN in
// it vanishes; any of m, n, k may be 0. C must not overlap A or B.
template <class T>
void gemm(T* c, int64_t ldc, const T* a, int64_t a_rs, int64_t a_cs, const T* b, int64_t b_rs, int64_t b_cs, int64_t m,
          int64_t n, int64_t k, T alpha, T beta);

// y (m) = alpha A (m, k) x (k) + beta y, with the same rules.
template <class T>
void gemv(T* y, int64_t incy, const T* a, int64_t a_rs, int64_t a_cs, const T* x, int64_t incx, int64_t m, int64_t k,
          T alpha, T beta);

// Sum of x[i] y[i], not conjugated. float32 sums are carried across blocks in float64.
template <class T>
T dot(const T* x, int64_t incx, const T* y, int64_t incy, int64_t n);

// C[i] = alpha A[i] B[i] + beta C[i] for i < batch; *_bs is the step from one matrix to the next
// (0 for a or b repeats one matrix). Small products are spread over threads whole.
template <class T>
void bmm(T* c, int64_t c_bs, int64_t ldc, const T* a, int64_t a_bs, int64_t a_rs, int64_t a_cs, const T* b,
         int64_t b_bs, int64_t b_rs, int64_t b_cs, int64_t batch, int64_t m, int64_t n, int64_t k, T alpha, T beta);

// The instruction set in use, "x86-64-v2", "x86-64-v3", "x86-64-v4" or "generic"; and a lower one
// forced on for tests (1: lowest). Set it before the threads start working.
const char* gemm_level();
void set_gemm_level(int level);

}  // namespace torchy
