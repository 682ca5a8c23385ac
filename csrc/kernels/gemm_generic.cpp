// Matrix products of the integer types, which wrap around, and of bool ("or" of "and"s): plain
// loops that the compiler vectorises, split by rows over threads. Layer: kernels. Floats: gemm.cpp.
#include <algorithm>
#include <type_traits>

#include "../core/threads.h"
#include "gemm.h"
#include "gemm_instance.inc"

namespace torchy {
namespace {

constexpr int64_t kTaskWork = 64 * 1024;

// Arithmetic that wraps: in the unsigned type of at least int's width.
template <class T>
struct Wrap {
  using Type = std::common_type_t<std::make_unsigned_t<T>, unsigned>;
};
template <>
struct Wrap<bool> {
  using Type = bool;
};

template <class T>
inline T multiply_add(T sum, T x, T y) {
  if constexpr (std::is_same_v<T, bool>) {
    return sum | (x & y);
  } else {
    using W = typename Wrap<T>::Type;
    return static_cast<T>(static_cast<W>(sum) + static_cast<W>(x) * static_cast<W>(y));
  }
}

// Row i of C: columns in strips that stay in L1, one row of B after the other.
template <class T>
void row_product(T* c, const T* a, int64_t a_cs, const T* b, int64_t b_rs, int64_t b_cs, int64_t n, int64_t k, T alpha,
                 T beta) {
  constexpr int64_t kStrip = 4096 / int64_t(sizeof(T));
  T sums[kStrip];
  for (int64_t j0 = 0; j0 < n; j0 += kStrip) {
    const int64_t here = std::min(kStrip, n - j0);
    std::fill(sums, sums + here, T(0));
    for (int64_t p = 0; p < k; ++p) {
      const T x = a[p * a_cs];
      const T* row = b + p * b_rs + j0 * b_cs;
      if (b_cs == 1) {
        for (int64_t j = 0; j < here; ++j) sums[j] = multiply_add<T>(sums[j], x, row[j]);
      } else {
        for (int64_t j = 0; j < here; ++j) sums[j] = multiply_add<T>(sums[j], x, row[j * b_cs]);
      }
    }
    for (int64_t j = 0; j < here; ++j) {
      T& out = c[j0 + j];
      const T old = beta == T(0) ? T(0) : multiply_add<T>(T(0), out, beta);
      out = multiply_add<T>(old, sums[j], alpha);
    }
  }
}

}  // namespace

template <class T>
T dot(const T* x, int64_t incx, const T* y, int64_t incy, int64_t n) {
  T sum = T(0);
  for (int64_t i = 0; i < n; ++i) sum = multiply_add<T>(sum, x[i * incx], y[i * incy]);
  return sum;
}

template <class T>
void gemv(T* y, int64_t incy, const T* a, int64_t a_rs, int64_t a_cs, const T* x, int64_t incx, int64_t m, int64_t k,
          T alpha, T beta) {
  parallel_for(0, m, std::max<int64_t>(1, kTaskWork / std::max<int64_t>(k, 1)), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      T& out = y[i * incy];
      const T old = beta == T(0) ? T(0) : multiply_add<T>(T(0), out, beta);
      out = multiply_add<T>(old, dot<T>(a + i * a_rs, a_cs, x, incx, k), alpha);
    }
  });
}

template <class T>
void gemm(T* c, int64_t ldc, const T* a, int64_t a_rs, int64_t a_cs, const T* b, int64_t b_rs, int64_t b_cs, int64_t m,
          int64_t n, int64_t k, T alpha, T beta) {
  if (n == 1) return gemv(c, ldc, a, a_rs, a_cs, b, b_rs, m, k, alpha, beta);
  const int64_t row_work = std::max<int64_t>(n * k, 1);
  parallel_for(0, m, std::max<int64_t>(1, kTaskWork / row_work), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) row_product(c + i * ldc, a + i * a_rs, a_cs, b, b_rs, b_cs, n, k, alpha, beta);
  });
}

template <class T>
void bmm(T* c, int64_t c_bs, int64_t ldc, const T* a, int64_t a_bs, int64_t a_rs, int64_t a_cs, const T* b,
         int64_t b_bs, int64_t b_rs, int64_t b_cs, int64_t batch, int64_t m, int64_t n, int64_t k, T alpha, T beta) {
  const int64_t work = std::max<int64_t>(m * n * k, 1);
  parallel_for(0, batch, std::max<int64_t>(1, kTaskWork / work), [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i)
      gemm(c + i * c_bs, ldc, a + i * a_bs, a_rs, a_cs, b + i * b_bs, b_rs, b_cs, m, n, k, alpha, beta);
  });
}

TORCHY_GEMM_INSTANCE(int64_t);
TORCHY_GEMM_INSTANCE(int32_t);
TORCHY_GEMM_INSTANCE(int16_t);
TORCHY_GEMM_INSTANCE(int8_t);
TORCHY_GEMM_INSTANCE(uint8_t);
TORCHY_GEMM_INSTANCE(bool);

}  // namespace torchy
