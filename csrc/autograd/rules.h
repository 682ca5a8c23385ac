// The C++ meaning of the rule language: operators on tensors and the functions rules may call besides
// operations. Included at the end of ops_gen.h. Layer: autograd.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "../kernels/shape_helpers.h"
#include "saved.h"

namespace torchy {

inline Tensor operator+(const Operand& a, const Operand& b) { return ops::add(a, b); }
inline Tensor operator-(const Operand& a, const Operand& b) { return ops::sub(a, b); }
inline Tensor operator*(const Operand& a, const Operand& b) { return ops::mul(a, b); }
inline Tensor operator-(const Tensor& a) { return ops::neg(a); }
inline Value operator-(const Value& a) { return a.is_tensor() ? Value(ops::neg(a.held())) : Value(-a.scalar()); }
inline Tensor operator-(const Operand& a) { return ops::neg(a); }

// Lists of sizes are joined with +.
inline IntVec operator+(IntVec a, const IntVec& b) {
  for (int64_t x : b) a.push_back(x);
  return a;
}

namespace rules {

template <class T>
constexpr bool is_plain = std::is_arithmetic_v<std::decay_t<T>>;

template <class A, class B>
auto divide(const A& a, const B& b) {
  if constexpr (is_plain<A> && is_plain<B>) return static_cast<double>(a) / static_cast<double>(b);
  else return ops::div(Operand(a), Operand(b));
}
template <class A, class B>
auto power(const A& a, const B& b) {
  if constexpr (is_plain<A> && is_plain<B>) return std::pow(static_cast<double>(a), static_cast<double>(b));
  else return ops::pow(Operand(a), Operand(b));
}
inline int64_t floor_div(int64_t a, int64_t b) {
  int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}
inline int64_t modulo(int64_t a, int64_t b) { return a - floor_div(a, b) * b; }

inline void check_vectors(int64_t a, int64_t b) {
  TORCHY_CHECK(a == 1 && b == 1, "outer: expected two 1-D vectors, but got ", a, "-D and ", b, "-D tensors");
}
inline void check_matmul(int64_t a, int64_t b) {
  TORCHY_CHECK(a >= 1 && b >= 1, "matmul: both arguments need to be at least 1D, but they are ", a, "D and ", b,
               "D; use mul to scale by a number");
}

// `a if c else b`: both sides become one type.
template <class A, class B>
auto choose(bool c, A&& a, B&& b) {
  using RA = std::decay_t<decltype(a())>;
  using RB = std::decay_t<decltype(b())>;
  if constexpr (std::is_same_v<RA, RB>) {
    return c ? RA(a()) : RA(b());
  } else if constexpr (is_plain<RA> && is_plain<RB>) {
    using R = std::common_type_t<RA, RB>;
    return c ? R(a()) : R(b());
  } else if constexpr (std::is_constructible_v<IntVec, RA> && std::is_constructible_v<IntVec, RB>) {
    return c ? IntVec(a()) : IntVec(b());
  } else {
    return c ? static_cast<Tensor>(Operand(a())) : static_cast<Tensor>(Operand(b()));
  }
}

inline int64_t at(IntSpan s, int64_t i) {
  const int64_t n = int64_t(s.size());
  if (i < -n || i >= n)
    fail_index("Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ", i, ")");
  return s[size_t(i < 0 ? i + n : i)];
}
inline const Tensor& at(const TensorList& l, int64_t i) { return l[size_t(i < 0 ? i + int64_t(l.size()) : i)]; }
inline IntVec part(IntSpan s, int64_t lo, int64_t hi) {
  int64_t n = int64_t(s.size());
  lo = std::clamp<int64_t>(lo < 0 ? lo + n : lo, 0, n);
  hi = std::clamp<int64_t>(hi < 0 ? hi + n : hi, lo, n);
  return IntVec(IntSpan(s.data() + lo, size_t(hi - lo)));
}

inline Tensor conj(const Tensor& t) { return t.is_complex() ? ops::conj(t) : t; }
inline Value conj(const Value& v) {
  if (v.is_tensor()) return Value(conj(v.held()));
  return v.scalar().is_complex() ? Value(Scalar(std::conj(v.scalar().to_complex()))) : v;
}
inline Value conj(const Operand& o) { return o.is_tensor() ? Value(conj(o.tensor())) : conj(Value(o.scalar())); }
inline Value conj(const Scalar& s) { return conj(Value(s)); }
inline Tensor real(const Tensor& t) { return t.is_complex() ? ops::real(t) : t; }
inline Value real(const Value& v) {
  if (v.is_tensor()) return Value(real(v.held()));
  return v.scalar().is_complex() ? Value(Scalar(v.scalar().to_complex().real())) : v;
}
inline Value real(const Operand& o) { return o.is_tensor() ? Value(real(o.tensor())) : real(Value(o.scalar())); }

}  // namespace rules
}  // namespace torchy
