// A Reducer made from one scalar function, for the types and operations that do not deserve vector
// code of their own, and the helpers the reduction families share. Layer: kernels.
#pragma once

#include <optional>
#include <tuple>

#include "../core/shape.h"
#include "copy.h"
#include "reduce.h"

namespace torchy::kernels {

using OptDims = std::optional<IntVec>;

inline uint64_t mask_of(const Tensor& t, const OptDims& dims, const char* op) {
  return dims && !dims->empty() ? dim_mask(*dims, t.ndim(), op) : full_mask(t);
}
inline uint64_t mask_of(const Tensor& t, int64_t dim) {
  const int64_t d = wrap_dim(dim, t.ndim());
  return t.ndim() ? uint64_t(1) << d : 0;
}

// What numbers of type T are added or multiplied in, exactly or in double.
template <class T>
struct WideOf {
  using type = int64_t;
};
template <>
struct WideOf<float> {
  using type = double;
};
template <>
struct WideOf<double> {
  using type = double;
};
template <>
struct WideOf<Half> {
  using type = double;
};
template <>
struct WideOf<BFloat16> {
  using type = double;
};
template <>
struct WideOf<c64> {
  using type = c128;
};
template <>
struct WideOf<c128> {
  using type = c128;
};
template <class T>
using Wide = typename WideOf<T>::type;

// a + b and a * b as PyTorch has them: integers wrap around, and complex multiplication goes without
// the repair of NaN, which costs a call.
template <class T>
inline T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>) return T(uint64_t(a) + uint64_t(b));
  else return a + b;
}
template <class T>
inline T times(T a, T b) {
  if constexpr (IsComplex<T>::value)
    return T(a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real());
  else if constexpr (std::is_integral_v<T>) return T(uint64_t(a) * uint64_t(b));
  else return a * b;
}

// F has: `Acc start() const` (of nothing), `void add(Acc&, In) const`, `void merge(Acc&, Acc) const`,
// and `void finish(Acc, int64_t n, int64_t out) const`.
template <class In, class Acc, class F>
class Fold final : public Reducer {
 public:
  explicit Fold(F f) : Reducer(sizeof(In), sizeof(Acc)), f_(f) { static_assert(sizeof(Acc) <= kMaxAccSize); }
  void rows(const char* x, int64_t rows, int64_t n, const RowSite&, char* acc) override {
    for (int64_t r = 0; r < rows; ++r) at(acc)[r] = row(reinterpret_cast<const In*>(x) + r * n, n);
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t, int64_t, char* acc) override {
    Acc* out = at(acc);
    for (int64_t i = 0; i < width; ++i) out[i] = f_.start();
    const In* p = reinterpret_cast<const In*>(x);
    int64_t k = 0;
    for (; k + 4 <= n; k += 4, p += 4 * stride) {
      for (int64_t i = 0; i < width; ++i) {
        Acc a = out[i];
        f_.add(a, p[i]);
        f_.add(a, p[i + stride]);
        f_.add(a, p[i + 2 * stride]);
        f_.add(a, p[i + 3 * stride]);
        out[i] = a;
      }
    }
    for (; k < n; ++k, p += stride)
      for (int64_t i = 0; i < width; ++i) f_.add(out[i], p[i]);
  }
  void merge(char* a, int64_t, const char* b, int64_t, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) f_.merge(at(a)[i], reinterpret_cast<const Acc*>(b)[i]);
  }
  void identity(char* acc, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) at(acc)[i] = f_.start();
  }
  void finish(const char* acc, int64_t count, int64_t n, int64_t out0) override {
    for (int64_t i = 0; i < count; ++i) f_.finish(reinterpret_cast<const Acc*>(acc)[i], n, out0 + i);
  }

 private:
  static constexpr int kLanes = 8;

  Acc row(const In* p, int64_t n) const {
    Acc total = f_.start();
    int64_t i = 0;
    // Integers are reordered by the compiler itself; by hand, GCC 12 gets 8-bit lanes wrong.
    if constexpr (!std::is_integral_v<Acc>) {
      Acc lanes[kLanes];
      for (int j = 0; j < kLanes; ++j) lanes[j] = f_.start();
      for (; i + kLanes <= n; i += kLanes)
        for (int j = 0; j < kLanes; ++j) f_.add(lanes[j], p[i + j]);
      for (int j = 0; j < kLanes; ++j) f_.merge(total, lanes[j]);
    }
    for (; i < n; ++i) f_.add(total, p[i]);
    return total;
  }
  static Acc* at(char* acc) { return reinterpret_cast<Acc*>(acc); }
  F f_;
};

template <class In, class Acc, class F>
void run_fold(const ReducePlan& plan, F f) {
  Fold<In, Acc, F> reducer(f);
  run_reduction(reducer, plan);
}

// Maxima of a float32 or float64 plan, in the plan's own order of outputs.
void max_in_plan(const ReducePlan& plan, Tensor& out);

}  // namespace torchy::kernels
