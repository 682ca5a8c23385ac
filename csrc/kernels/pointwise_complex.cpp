// Block functions of complex64 and complex128. Layer: kernels. Built once: products and quotients
// are memory bound, the rest is the C++ library's. Layout and branch cuts are C99's.
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>

#include "pointwise_loops.h"

namespace torchy::kernels {
namespace {

#include "pointwise_templates.inc"

#define TORCHY_REAL using R = typename T::value_type;

// The plain formula: std::complex's product first tests for NaN.
template <class T>
inline T times(T x, T y) {
  return T(x.real() * y.real() - x.imag() * y.imag(), x.real() * y.imag() + x.imag() * y.real());
}
// Smith's quotient: scaled by the larger part of the divisor, so that nothing overflows early.
template <class T>
inline T over(T x, T y) {
  using R = typename T::value_type;
  const R c = y.real(), d = y.imag();
  if (std::fabs(c) >= std::fabs(d)) {
    if (c == R(0) && d == R(0)) return T(x.real() / std::fabs(c), x.imag() / std::fabs(c));
    const R ratio = d / c, scale = R(1) / (c + d * ratio);
    return T((x.real() + x.imag() * ratio) * scale, (x.imag() - x.real() * ratio) * scale);
  }
  const R ratio = c / d, scale = R(1) / (d + c * ratio);
  return T((x.real() * ratio + x.imag()) * scale, (x.imag() * ratio - x.real()) * scale);
}

template <class T>
inline T logistic(T x) {
  return over(T(1), T(1) + std::exp(-x));
}
template <class T>
inline T power(T x, T e) {
  using R = typename T::value_type;
  if (e.imag() == R(0)) {
    if (e.real() == R(2)) return times(x, x);
    if (e.real() == R(1)) return x;
    if (e.real() == R(0)) return T(1);
    if (e.real() == R(3)) return times(times(x, x), x);
    if (e.real() == R(0.5)) return std::sqrt(x);
    if (e.real() == R(-1)) return over(T(1), x);
  }
  return std::pow(x, e);
}
template <class T>
inline T expm1_(T x) {  // Kahan: e^x - 1 without cancellation near 0
  using R = typename T::value_type;
  const R s = std::sin(x.imag() / 2), e = std::expm1(x.real());
  return T(e * std::cos(x.imag()) - 2 * s * s, (e + 1) * std::sin(x.imag()));
}
template <class T>
inline T log1p_(T x) {
  using R = typename T::value_type;
  const R re = x.real(), im = x.imag();
  if (std::fabs(re) > R(0.5) || std::fabs(im) > R(0.5)) return std::log(T(1 + re, im));
  return T(R(0.5) * std::log1p(re * (2 + re) + im * im), std::atan2(im, 1 + re));
}
template <class T>
inline T sgn_(T x) {
  using R = typename T::value_type;
  const R size = std::abs(x);
  return size == R(0) ? T(0) : T(x.real() / size, x.imag() / size);
}
template <class T>
inline bool has_nan(T x) {
  return std::isnan(x.real()) || std::isnan(x.imag());
}
template <class T>
inline typename T::value_type replaced(typename T::value_type x, const Params<T>& p) {
  if (std::isnan(x)) return p.v[0].real();
  return std::isinf(x) ? (x > 0 ? p.v[1].real() : p.v[2].real()) : x;
}

TORCHY_FN2(add, return x + y;)
TORCHY_FN2(sub, return x - y;)
TORCHY_FN2(add_alpha, return x + times(p.v[0], y);)
TORCHY_FN2(sub_alpha, return x - times(p.v[0], y);)
TORCHY_FN2(mul, return times(x, y);)
TORCHY_FN2(div, return over(x, y);)
TORCHY_FN2(pow, return power(x, y);)
TORCHY_FN2(pow_slope, return y == T(0) ? T(0) : times(y, power(x, y - T(1)));)
TORCHY_FN2(xlogy, return x == T(0) && !has_nan(y) ? T(0) : times(x, std::log(y));)
TORCHY_FN2(logaddexp, const bool above = x.real() > y.real(); const T high = above ? x : y; const T low = above ? y : x;
           return high + log1p_(std::exp(low - high));)
TORCHY_FN2(eq, return x == y;)
TORCHY_FN2(ne, return x != y;)
TORCHY_FN2(isclose, const double e = std::abs(x - y); if (x == y) return true;
           if (p.d[2] != 0 && has_nan(x) && has_nan(y)) return true;
           return e <= p.d[1] + p.d[0] * std::abs(y) && e < std::numeric_limits<double>::infinity();)
TORCHY_FN2(logical_and, return (x != T(0)) && (y != T(0));)
TORCHY_FN2(logical_or, return (x != T(0)) || (y != T(0));)
TORCHY_FN2(logical_xor, return (x != T(0)) != (y != T(0));)
TORCHY_FN1(logical_not, return x == T(0);)
TORCHY_FN1(isnan, return has_nan(x);)
TORCHY_FN1(isinf, return std::isinf(x.real()) || std::isinf(x.imag());)
TORCHY_FN1(isfinite, return std::isfinite(x.real()) && std::isfinite(x.imag());)
TORCHY_FN1(neg, return -x;)
TORCHY_FN1(abs, return std::abs(x);)
TORCHY_FN1(sgn, return sgn_(x);)
TORCHY_FN1(conj, return std::conj(x);)
TORCHY_FN1(nan_to_num, return T(replaced(x.real(), p), replaced(x.imag(), p));)
TORCHY_FN1(angle, return std::arg(x);)
TORCHY_FN1(sqrt, return std::sqrt(x);)
TORCHY_FN1(rsqrt, return over(T(1), std::sqrt(x));)
TORCHY_FN1(reciprocal, return over(T(1), x);)
TORCHY_FN1(exp, return std::exp(x);)
TORCHY_FN1(exp2, TORCHY_REAL return std::exp(x * R(0.69314718055994531));)
TORCHY_FN1(expm1, return expm1_(x);)
TORCHY_FN1(log, return std::log(x);)
TORCHY_FN1(log2, TORCHY_REAL return std::log(x) * R(1.4426950408889634);)
TORCHY_FN1(log10, return std::log10(x);)
TORCHY_FN1(log1p, return log1p_(x);)
TORCHY_FN1(sin, return std::sin(x);)
TORCHY_FN1(cos, return std::cos(x);)
TORCHY_FN1(tan, return std::tan(x);)
TORCHY_FN1(asin, return std::asin(x);)
TORCHY_FN1(acos, return std::acos(x);)
TORCHY_FN1(atan, return std::atan(x);)
TORCHY_FN1(sinh, return std::sinh(x);)
TORCHY_FN1(cosh, return std::cosh(x);)
TORCHY_FN1(tanh, return std::tanh(x);)
TORCHY_FN1(asinh, return std::asinh(x);)
TORCHY_FN1(acosh, return std::acosh(x);)
TORCHY_FN1(atanh, return std::atanh(x);)
TORCHY_FN1(sigmoid, return logistic(x);)
TORCHY_FN1(sinc, TORCHY_REAL const T z = x * R(3.14159265358979323846); return x == T(0) ? T(1) : over(std::sin(z), z);)
TORCHY_FN1(silu, return times(x, logistic(x));)
TORCHY_FN2(silu_backward, const T s = logistic(y); return times(x, std::conj(times(s, T(1) + times(y, T(1) - s))));)
TORCHY_FN2(sigmoid_backward, return times(x, std::conj(times(T(1) - y, y)));)
TORCHY_FN2(tanh_backward, return times(x, std::conj(T(1) - times(y, y)));)
TORCHY_FN3(lerp, const T d = y - x; return std::abs(z) < 0.5 ? x + times(z, d) : y - times(d, T(1) - z);)
TORCHY_FN3(addcmul, return x + times(times(p.v[0], y), z);)
TORCHY_FN3(addcdiv, return x + over(times(p.v[0], y), z);)

template <class T>
void fill_two(PwTable& t) {
  set2_all<T>(t, Pw::add, add_fn{});
  set2_all<T>(t, Pw::sub, sub_fn{});
  set2_all<T>(t, Pw::mul, mul_fn{});
  set2_all<T>(t, Pw::div, div_fn{});
  set2<T>(t, Pw::add_alpha, add_alpha_fn{});
  set2<T>(t, Pw::sub_alpha, sub_alpha_fn{});
  set2<T>(t, Pw::pow, pow_fn{});
  set2<T>(t, Pw::pow_slope, pow_slope_fn{});
  set2<T>(t, Pw::xlogy, xlogy_fn{});
  set2<T>(t, Pw::logaddexp, logaddexp_fn{});
  set2<T, uint8_t>(t, Pw::eq, eq_fn{});
  set2<T, uint8_t>(t, Pw::ne, ne_fn{});
  set2<T, uint8_t>(t, Pw::isclose, isclose_fn{});
  set2<T, uint8_t>(t, Pw::logical_and, logical_and_fn{});
  set2<T, uint8_t>(t, Pw::logical_or, logical_or_fn{});
  set2<T, uint8_t>(t, Pw::logical_xor, logical_xor_fn{});
  set2<T>(t, Pw::silu_backward, silu_backward_fn{});
  set2<T>(t, Pw::sigmoid_backward, sigmoid_backward_fn{});
  set2<T>(t, Pw::tanh_backward, tanh_backward_fn{});
  set3<T>(t, Pw::lerp, lerp_fn{});
  set3<T>(t, Pw::addcmul, addcmul_fn{});
  set3<T>(t, Pw::addcdiv, addcdiv_fn{});
}

template <class T>
void fill_one(PwTable& t) {
  using R = typename T::value_type;
  set1<T, uint8_t>(t, Pw::logical_not, logical_not_fn{});
  set1<T, uint8_t>(t, Pw::isnan, isnan_fn{});
  set1<T, uint8_t>(t, Pw::isinf, isinf_fn{});
  set1<T, uint8_t>(t, Pw::isfinite, isfinite_fn{});
  set1<T, R>(t, Pw::abs, abs_fn{});
  set1<T, R>(t, Pw::angle, angle_fn{});
  set1<T>(t, Pw::neg, neg_fn{});
  set1<T>(t, Pw::sgn, sgn_fn{});
  set1<T>(t, Pw::conj, conj_fn{});
  set1<T>(t, Pw::nan_to_num, nan_to_num_fn{});
  set1<T>(t, Pw::sqrt, sqrt_fn{});
  set1<T>(t, Pw::rsqrt, rsqrt_fn{});
  set1<T>(t, Pw::reciprocal, reciprocal_fn{});
  set1<T>(t, Pw::exp, exp_fn{});
  set1<T>(t, Pw::exp2, exp2_fn{});
  set1<T>(t, Pw::expm1, expm1_fn{});
  set1<T>(t, Pw::log, log_fn{});
  set1<T>(t, Pw::log2, log2_fn{});
  set1<T>(t, Pw::log10, log10_fn{});
  set1<T>(t, Pw::log1p, log1p_fn{});
  set1<T>(t, Pw::sin, sin_fn{});
  set1<T>(t, Pw::cos, cos_fn{});
  set1<T>(t, Pw::tan, tan_fn{});
  set1<T>(t, Pw::asin, asin_fn{});
  set1<T>(t, Pw::acos, acos_fn{});
  set1<T>(t, Pw::atan, atan_fn{});
  set1<T>(t, Pw::sinh, sinh_fn{});
  set1<T>(t, Pw::cosh, cosh_fn{});
  set1<T>(t, Pw::tanh, tanh_fn{});
  set1<T>(t, Pw::asinh, asinh_fn{});
  set1<T>(t, Pw::acosh, acosh_fn{});
  set1<T>(t, Pw::atanh, atanh_fn{});
  set1<T>(t, Pw::sigmoid, sigmoid_fn{});
  set1<T>(t, Pw::sinc, sinc_fn{});
  set1<T>(t, Pw::silu, silu_fn{});
}

}  // namespace

void pointwise_fill_complex(PwTable& table) {
  fill_two<c64>(table);
  fill_two<c128>(table);
  fill_one<c64>(table);
  fill_one<c128>(table);
  table.set(Pw::where, DType::Complex128, &where_loop<Bytes16>);
  table.set(Pw::masked_fill, DType::Complex128, &masked_fill_loop<Bytes16>);
}

}  // namespace torchy::kernels
