// Branch-free hyperbolic functions and their inverses, float and double, vectorised in plain loops.
// Layer: kernels; included inside the per-instruction-set namespace after vecmath.h.
#pragma once

// (tanh(x) / x - 1) / x^2 as a polynomial in z = x^2, for |x| <= 0.6.
[[gnu::always_inline]] inline float tanh_tail(float z) {
  return horner(z, -0.333332986f, 0.133319244f, -0.0537838787f, 0.0207960736f, -0.00589522207f);
}
[[gnu::always_inline]] inline double tanh_tail(double z) {
  return long_poly(z, -0.33333333333333126, 0.1333333333329966, -0.053968253949294914, 0.021869488002550005,
                   -0.0088632267773448622, 0.003592037378810772, -0.0014552153621068353, 0.00058718840609930847,
                   -0.0002303968159521518, 7.931395813253855e-05, -1.7178728913764092e-05);
}

// ulp: 1.35, 1.35
template <class T>
[[gnu::always_inline]] inline T vtanh(T x) {
  const T a = vabs(x);
  const T z = a * a;
  const T small = a + a * (z * tanh_tail(z));
  const T limit = sizeof(T) == 4 ? T(20) : T(40);
  T twice = a + a;
  twice = twice > limit ? limit : twice;
  const T big = T(1) - T(2) / (exp_normal(twice) + T(1));
  return with_sign_of(a < T(0.6) ? small : big, x);
}

// (sinh(x) / x - 1) / x^2 as a polynomial in z = x^2, for |x| <= 1.
[[gnu::always_inline]] inline float sinh_tail(float z) {
  return horner(z, 0.166666672f, 0.0083333496f, 0.000198361595f, 2.81695225e-06f);
}
[[gnu::always_inline]] inline double sinh_tail(double z) {
  return horner(z, 0.16666666666666669, 0.0083333333333331476, 0.00019841269841431873, 2.7557319157072242e-06,
                2.505212313666478e-08, 1.6057259773173375e-10, 7.7587486696648348e-13);
}

// ulp: 1.65, 1.6
template <class T>
[[gnu::always_inline]] inline T vsinh(T x) {
  const T a = vabs(x);
  const T z = a * a;
  const T small = a + a * (z * sinh_tail(z));
  const T half_exp = exp_shifted(a, -1);
  return with_sign_of(a < T(1) ? small : half_exp - T(0.25) / half_exp, x);
}

// ulp: 1.45, 1.4
template <class T>
[[gnu::always_inline]] inline T vcosh(T x) {
  const T half_exp = exp_shifted(vabs(x), -1);
  return half_exp + T(0.25) / half_exp;
}

// ln(1 + a + a^2 / (1 + sqrt(1 + a^2))); from kInverseBig on ln(2a), to avoid overflow.
// ulp: 0.51, 1.6 for asinh, 0.51, 1.9 for acosh
inline constexpr double kInverseBig = 268435456.0;  // 2^28

[[gnu::always_inline]] inline double vasinh(double x) {
  const double a = vabs(x);
  const bool big = a > kInverseBig;
  const double u = big ? a - 1.0 : a + a * a / (1.0 + std::sqrt(1.0 + a * a));
  const double y = log1p_above_minus_one(u) + (big ? 0.69314718055994531 : 0.0);
  return a < std::numeric_limits<double>::infinity() ? with_sign_of(vabs(y), x) : x;
}

[[gnu::always_inline]] inline double vacosh(double x) {
  const bool big = x > kInverseBig;
  const double t = x - 1.0;
  const double u = big ? t : t + std::sqrt(t + t + t * t);
  const double y = log1p_above_minus_one(u) + (big ? 0.69314718055994531 : 0.0);
  const double special = x < 1.0 ? std::numeric_limits<double>::quiet_NaN() : x;
  return (x >= 1.0) & (x < std::numeric_limits<double>::infinity()) ? y : special;
}

// In double: exact to rounding, and a * a cannot overflow.
[[gnu::always_inline]] inline float vasinh(float x) { return float(vasinh(double(x))); }
[[gnu::always_inline]] inline float vacosh(float x) { return float(vacosh(double(x))); }

// ulp: 2.0, 1.6
template <class T>
[[gnu::always_inline]] inline T vatanh(T x) {
  const T a = vabs(x);
  const T y = T(0.5) * log1p_above_minus_one((a + a) / (T(1) - a));
  T special = a == T(1) ? std::numeric_limits<T>::infinity() : x - x;
  special = a > T(1) ? std::numeric_limits<T>::quiet_NaN() : special;
  const T z = a < T(1) ? vabs(y) : special;
  return a < std::numeric_limits<T>::epsilon() ? x : with_sign_of(z, x);  // keeps denormals
}
