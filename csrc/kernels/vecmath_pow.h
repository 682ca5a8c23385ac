// Branch-free x^y for float and double, right for every special case of IEEE 754's pow.
// Layer: kernels; included inside the per-instruction-set namespace after vecmath.h.
#pragma once

// x^y from magnitude = |x|^y, which need not be right for y = 0, |x| = 1 or NaN: the signs and
// special values of pow in one place.
[[gnu::always_inline]] inline double pow_specials(double x, double y, double magnitude) {
  const double a = vabs(x);
  const double infinity = std::numeric_limits<double>::infinity();
  const bool is_integer = std::floor(y) == y;
  const double half = 0.5 * y;
  const bool is_odd = is_integer & (std::floor(half) != half);
  double r = (a == 1.0) & (y == y) ? 1.0 : magnitude;
  const double negated = is_odd ? -r : r;
  const bool has_root = is_integer | (a == 0.0) | (a == infinity);
  const double negative = has_root ? negated : std::numeric_limits<double>::quiet_NaN();
  r = (to_bits(x) & FloatBits<double>::kSign) != 0 ? negative : r;
  r = (x == x) & (y == y) ? r : x + y;
  return (x == 1.0) | (y == 0.0) ? 1.0 : r;
}

// m and e of a = m 2^e with sqrt(1/2) <= m < sqrt(2), for a normal a.
[[gnu::always_inline]] inline double split_exponent(double a, double& e) {
  using F = FloatBits<double>;
  const auto u = to_bits(a) + (F::kOne - F::kSqrtHalf);
  e = from_bits<double>((u >> F::kMantissa) | to_bits(F::kPow2Mantissa)) - (F::kPow2Mantissa + F::kBias);
  return from_bits<double>((u & F::kMantissaMask) + F::kSqrtHalf);
}

// The exponent t of 2^t where x is 0, infinite or NaN; otherwise t itself.
[[gnu::always_inline]] inline double pow_exponent(double a, double y, double t) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double edge = y * (a == 0.0 ? -infinity : a);
  return (a > 0.0) & (a < infinity) ? t : edge;
}

// In double, with polynomials exact to about 2^-29: rounding to float dominates the error.
// ulp: 0.54
[[gnu::always_inline]] inline float vpow(float base, float exponent) {
  const double x = base, y = exponent, a = vabs(x);
  double e;
  const double m = split_exponent(a, e);
  const double s = (m - 1.0) / (m + 1.0);
  const double log2_m = s * horner(s * s, 2.8853900817901255, 0.96179667330548668, 0.57708359167635104,
                                   0.41167231226267603, 0.34073779777831076);
  double t = pow_exponent(a, y, y * (e + log2_m));
  t = t < -160.0 ? -160.0 : t;
  t = t > 130.0 ? 130.0 : t;
  const double magic = FloatBits<double>::kRound + 1023.0;
  const double rounded = t + magic;
  const double r = t - (rounded - magic);
  const double p = horner(r, 1.0000000005684917, 0.69314720618780856, 0.24022646817864635, 0.055503277994196708,
                          0.009618493723886316, 0.0013400326600866656, 0.00015345349389388085);
  return float(pow_specials(x, y, p * power_of_two(rounded)));
}

// log2(a) as high + low to about 2^-65, for finite a > 0: with s = (m - 1) / (m + 1),
// log2(m) = s (c1 + z (c3 + z (c5 + ...))), z = s^2, the first two terms in double-double.
[[gnu::always_inline]] inline void log2_double_double(double a, double& high, double& low) {
  const bool tiny = a < std::numeric_limits<double>::min();
  double e;
  const double m = split_exponent(tiny ? a * 18014398509481984.0 : a, e);
  e = tiny ? e - 54.0 : e;
  const double f = m - 1.0;
  const double g = 2.0 + f, g_low = f - (g - 2.0), inverse = 1.0 / g;
  const double s = f * inverse;
  double p, p_low;
  two_product(s, g, p, p_low);
  const double s_low = (((f - p) - p_low) - s * g_low) * inverse;
  double z, z_low;
  two_product(s, s, z, z_low);
  z_low = z_low + 2.0 * s * s_low;
  const double rest = z * horner(z, 0.57707801635558509, 0.41219858311137164, 0.32059889790758039, 0.26230819920301984,
                                 0.22195223784399534, 0.19240243600490872, 0.16843109569992396, 0.17297265381478516);
  const double q = 0.96179669392597555 + rest;
  const double q_low = (rest - (q - 0.96179669392597555)) + 5.0577616648125907e-17;
  double w, w_low;
  two_product(z, q, w, w_low);
  w_low = w_low + (z * q_low + z_low * q);
  const double c = 2.8853900817779268 + w;
  const double c_low = (w - (c - 2.8853900817779268)) + (w_low + 4.0710547481862066e-17);
  double l, l_low;
  two_product(s, c, l, l_low);
  l_low = l_low + (s * c_low + s_low * c);
  high = e + l;
  low = (l - (high - e)) + l_low;
}

// ulp: 1.25
[[gnu::always_inline]] inline double vpow(double x, double y) {
  const double a = vabs(x);
  double l, l_low, product, product_low;
  log2_double_double(a, l, l_low);
  two_product(y, l, product, product_low);
  product_low = product_low + y * l_low;
  double t = pow_exponent(a, y, product);
  const double t_low = vabs(t) < 1100.0 ? product_low : 0.0;
  t = t < -1100.0 ? -1100.0 : t;
  t = t > 1030.0 ? 1030.0 : t;
  const double magic = FloatBits<double>::kRound + 2046.0;
  const double rounded = t + magic;
  const double r = (t - (rounded - magic)) + t_low;
  return pow_specials(x, y, scale_two_steps(1.0 + r * exp2_tail(r), rounded));
}
