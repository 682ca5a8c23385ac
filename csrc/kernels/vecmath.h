// Branch-free exp, log and logistic functions, float and double, which GCC vectorises in a loop
// (-O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast); none needs a hardware FMA. Layer:
// kernels; included in a per-ISA anonymous namespace after <cmath>, <cstdint>, <cstring>, <limits>.
// Hyperbolic, trigonometric, power and special functions are in vecmath_*.h.
#pragma once

// "ulp: a, b" gives the largest error measured for float and double at every instruction set,
// against double (floats: every 101st of all) and long double. Infinities, NaN, signed zeros and
// denormals are right unless a comment says otherwise. Coefficients: our own weighted minimax fits
// (Remez exchange).

template <class T>
struct FloatBits;

template <>
struct FloatBits<float> {
  using Int = int32_t;
  using UInt = uint32_t;
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr UInt kOne = 0x3f800000u, kSqrtHalf = 0x3f3504f3u, kMantissaMask = 0x007fffffu;
  static constexpr UInt kSign = 0x80000000u;
  static constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float kPow2Mantissa = 8388608.0f;
  static constexpr float kExpLow = -104.0f, kExpHigh = 90.0f;
  static constexpr float kExp2Low = -151.0f, kExp2High = 129.0f;
  static constexpr float kLn2High = 0.693145752f, kLn2Low = 1.42860677e-06f;
  static constexpr float kLog10Of2High = 0.301025391f, kLog10Of2Low = 4.60503907e-06f;
};

template <>
struct FloatBits<double> {
  using Int = int64_t;
  using UInt = uint64_t;
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr UInt kOne = 0x3ff0000000000000u, kSqrtHalf = 0x3fe6a09e667f3bcdu;
  static constexpr UInt kMantissaMask = 0x000fffffffffffffu;
  static constexpr UInt kSign = 0x8000000000000000u;
  static constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double kPow2Mantissa = 4503599627370496.0;
  static constexpr double kExpLow = -746.0, kExpHigh = 712.0;
  static constexpr double kExp2Low = -1076.0, kExp2High = 1025.0;
  static constexpr double kLn2High = 0.6931471805601177, kLn2Low = -1.7239444525614835e-13;
  static constexpr double kLog10Of2High = 0.30102999566406652;
  static constexpr double kLog10Of2Low = -8.5323443170571066e-14;
};

template <class T>
[[gnu::always_inline]] inline typename FloatBits<T>::UInt to_bits(T x) {
  typename FloatBits<T>::UInt u;
  std::memcpy(&u, &x, sizeof u);
  return u;
}

template <class T>
[[gnu::always_inline]] inline T from_bits(typename FloatBits<T>::UInt u) {
  T x;
  std::memcpy(&x, &u, sizeof x);
  return x;
}

template <class T>
[[gnu::always_inline]] inline T vabs(T x) {
  return from_bits<T>(to_bits(x) & ~FloatBits<T>::kSign);
}

// |magnitude| with the sign of x; magnitude must not be negative.
template <class T>
[[gnu::always_inline]] inline T with_sign_of(T magnitude, T x) {
  return from_bits<T>(to_bits(magnitude) | (to_bits(x) & FloatBits<T>::kSign));
}

// c0 + c1 x + c2 x^2 + ... by Horner's rule.
template <class T>
[[gnu::always_inline]] inline T horner(T, T c) {
  return c;
}
template <class T, class... C>
[[gnu::always_inline]] inline T horner(T x, T c, C... rest) {
  return c + x * horner(x, rest...);
}

// The same with x4 = x^4 as the variable and four terms a step, for a shorter chain of dependences.
template <class T>
[[gnu::always_inline]] inline T by_fours(T, T, T, T a) {
  return a;
}
template <class T>
[[gnu::always_inline]] inline T by_fours(T x, T, T, T a, T b) {
  return a + x * b;
}
template <class T>
[[gnu::always_inline]] inline T by_fours(T x, T x2, T, T a, T b, T c) {
  return (a + x * b) + x2 * c;
}
template <class T>
[[gnu::always_inline]] inline T by_fours(T x, T x2, T, T a, T b, T c, T d) {
  return (a + x * b) + x2 * (c + x * d);
}
template <class T, class... C>
[[gnu::always_inline]] inline T by_fours(T x, T x2, T x4, T a, T b, T c, T d, C... rest) {
  return ((a + x * b) + x2 * (c + x * d)) + x4 * by_fours(x, x2, x4, rest...);
}

// For long polynomials: the last two steps by Horner's rule, for its accuracy, the rest by fours.
template <class T, class... C>
[[gnu::always_inline]] inline T long_poly(T x, T a, T b, C... rest) {
  const T x2 = x * x;
  return a + x * (b + x * by_fours(x, x2, x2 * x2, rest...));
}

// a * b = high + low exactly. Without a hardware FMA, Dekker's product of halves.
[[gnu::always_inline]] inline void two_product(double a, double b, double& high, double& low) {
  high = a * b;
#ifdef __FMA__
  low = std::fma(a, b, -high);
#else
  const double a1 = from_bits<double>(to_bits(a) & 0xfffffffff8000000u), a2 = a - a1;
  const double b1 = from_bits<double>(to_bits(b) & 0xfffffffff8000000u), b2 = b - b1;
  low = (((a1 * b1 - high) + a1 * b2) + a2 * b1) + a2 * b2;
#endif
}

// ---------------------------------------------------------------------------------- exp family

// (e^r - 1 - r) / r^2 for |r| <= ln(2)/2, exact enough for e^r.
[[gnu::always_inline]] inline float exp_tail(float r) {
  return horner(r, 0.49999994f, 0.166665196f, 0.0416684076f, 0.00836892147f, 0.00138142041f);
}
[[gnu::always_inline]] inline double exp_tail(double r) {
  return long_poly(r, 0.50000000000000111, 0.16666666666666405, 0.041666666666527019, 0.0083333333334983089,
                   0.0013888888944577906, 0.00019841269500591623, 2.4801492011167429e-05, 2.7557589576992046e-06,
                   2.7630669186209984e-07, 2.4999734222407909e-08);
}

// The same, exact enough for e^r - 1.
[[gnu::always_inline]] inline float expm1_tail(float r) {
  return horner(r, 0.5f, 0.166666657f, 0.0416663587f, 0.00833339058f, 0.00139409315f, 0.000198457041f);
}
[[gnu::always_inline]] inline double expm1_tail(double r) {
  return long_poly(r, 0.5, 0.16666666666666677, 0.041666666666666505, 0.0083333333333214191, 0.0013888888888964072,
                   0.00019841269886749648, 2.480158717029546e-05, 2.7557243501576669e-06, 2.7557403608615808e-07,
                   2.5109309553143027e-08, 2.0875321949662871e-09);
}

// (2^r - 1) / r for |r| <= 1/2.
[[gnu::always_inline]] inline float exp2_tail(float r) {
  return horner(r, 0.693147182f, 0.240226507f, 0.0555035658f, 0.009618029f, 0.00133912161f, 0.000154701309f);
}
[[gnu::always_inline]] inline double exp2_tail(double r) {
  return long_poly(r, 0.69314718055994529, 0.24022650695910072, 0.055504108664821632, 0.0096181291076284873,
                   0.0013333558146405935, 0.00015403530393354127, 1.5252733842240597e-05, 1.3215486823897768e-06,
                   1.0178056737301328e-07, 7.0548912247104551e-09, 4.4558799934443475e-10, 2.5738170686594036e-11);
}

// x = n ln2 + r. `rounded` carries n + offset in its low bits; offset must be an integer.
template <class T>
[[gnu::always_inline]] inline T reduce_ln2(T x, T offset, T& rounded) {
  using F = FloatBits<T>;
  const T magic = F::kRound + offset;
  rounded = x * T(1.4426950408889634) + magic;
  const T n = rounded - magic;
  return (x - n * F::kLn2High) - n * F::kLn2Low;
}

// p * 2^n in two steps, so that denormals round once; `rounded` was made with offset 2 * bias.
template <class T>
[[gnu::always_inline]] inline T scale_two_steps(T p, T rounded) {
  const auto u = to_bits(rounded);
  const auto half = u >> 1;
  return p * from_bits<T>(half << FloatBits<T>::kMantissa) * from_bits<T>((u - half) << FloatBits<T>::kMantissa);
}

// 2^n for a normal result; `rounded` was made with offset = bias.
template <class T>
[[gnu::always_inline]] inline T power_of_two(T rounded) {
  return from_bits<T>(to_bits(rounded) << FloatBits<T>::kMantissa);
}

// e^x * 2^shift; x is clamped to where the result is 0 or infinite.
template <class T>
[[gnu::always_inline]] inline T exp_shifted(T x, int shift) {
  using F = FloatBits<T>;
  x = x < F::kExpLow ? F::kExpLow : x;
  x = x > F::kExpHigh ? F::kExpHigh : x;
  T rounded;
  const T offset = T(2 * F::kBias);
  const T r = reduce_ln2(x, offset, rounded);
  const T p = T(1) + (r + r * r * exp_tail(r));
  return scale_two_steps(p, rounded + T(shift));
}

// ulp: 1.0, 1.0
template <class T>
[[gnu::always_inline]] inline T vexp(T x) {
  return exp_shifted(x, 0);
}

// e^x for kExpLow / 2 < x <= 0 or NaN or so far positive that it cannot overflow: no clamps.
template <class T>
[[gnu::always_inline]] inline T exp_normal(T x) {
  T rounded;
  const T r = reduce_ln2(x, T(FloatBits<T>::kBias), rounded);
  return (T(1) + (r + r * r * exp_tail(r))) * power_of_two(rounded);
}

// ulp: 1.1, 1.15
template <class T>
[[gnu::always_inline]] inline T vexp2(T x) {
  using F = FloatBits<T>;
  x = x < F::kExp2Low ? F::kExp2Low : x;
  x = x > F::kExp2High ? F::kExp2High : x;
  const T magic = F::kRound + T(2 * F::kBias);
  const T rounded = x + magic;
  const T r = x - (rounded - magic);
  return scale_two_steps(T(1) + r * exp2_tail(r), rounded);
}

// ulp: 1.5, 1.5
template <class T>
[[gnu::always_inline]] inline T vexpm1(T x) {
  using F = FloatBits<T>;
  const T lowest = sizeof(T) == 4 ? T(-20) : T(-40);
  const T highest = sizeof(T) == 4 ? T(89) : T(710);
  T c = x < lowest ? lowest : x;
  c = c > highest ? highest : c;
  const T magic = F::kRound + T(F::kBias - 1);
  const T rounded = c * T(1.4426950408889634) + magic;
  const T n = rounded - magic;
  const T high = c - n * F::kLn2High;
  const T r = high - n * F::kLn2Low;
  const T low = (high - r) - n * F::kLn2Low;  // what the rounding of r lost
  const T p = r + (r * r * expm1_tail(r) + low);
  const T half_scale = power_of_two(rounded);  // halved: n may be bias + 1
  const T y = T(2) * (half_scale * p + (half_scale - T(0.5)));
  return vabs(x) < std::numeric_limits<T>::epsilon() / 4 ? x : y;  // keeps -0 and denormals
}

// 1 / (1 + e^-x), written with e^-|x| so that small results keep their relative accuracy.
// ulp: 2.3, 2.3
template <class T>
[[gnu::always_inline]] inline T vsigmoid(T x) {
  using F = FloatBits<T>;
  T a = -vabs(x);
  a = a < F::kExpLow ? F::kExpLow : a;
  T rounded;
  const T r = reduce_ln2(a, T(2 * F::kBias), rounded);
  const T e = scale_two_steps(T(1) + (r + r * r * exp_tail(r)), rounded);
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

// x / (1 + e^-x); the limit -0 at -infinity. The numerator x e^x of a negative x is scaled last, so
// that it is right where e^x alone would be a denormal. ulp: 3.3, 3.1
template <class T>
[[gnu::always_inline]] inline T vsilu(T x) {
  using F = FloatBits<T>;
  const T lowest = F::kExpLow - T(12);
  const T c = x < lowest ? lowest : x;
  T a = -vabs(c);
  a = a < lowest ? lowest : a;
  T rounded;
  const T r = reduce_ln2(a, T(2 * F::kBias), rounded);
  const T p = T(1) + (r + r * r * exp_tail(r));
  const T numerator = x < T(0) ? scale_two_steps(c * p, rounded) : x;
  return numerator / (T(1) + scale_two_steps(p, rounded));
}

// ---------------------------------------------------------------------------------- log family

// ln(1 + f) - f for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
[[gnu::always_inline]] inline float log_tail(float f) {
  return f * f *
         long_poly(f, -0.499999881f, 0.333333254f, -0.250015855f, 0.200019851f, -0.166090503f, 0.141815767f,
                   -0.132429928f, 0.129059851f, -0.0762365907f);
}
// With s = f / (2 + f): ln(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)), the form used by fdlibm.
[[gnu::always_inline]] inline double log_tail(double f) {
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double half = 0.5 * f * f;
  const double rest = z * horner(z, 0.6666666666666734, 0.39999999999413477, 0.28571428742694405, 0.22222198537391308,
                                 0.18183566410078916, 0.15313991712739719, 0.14796590896325157);
  return s * (half + rest) - half;
}

// x = 2^e (1 + f) for a positive finite x, denormals too.
template <class T>
[[gnu::always_inline]] inline void reduce_log(T x, T& e, T& f) {
  using F = FloatBits<T>;
  const bool tiny = x < std::numeric_limits<T>::min();
  const T scaled = tiny ? x * (F::kPow2Mantissa * T(4)) : x;
  const auto u = to_bits(scaled) + (F::kOne - F::kSqrtHalf);
  const T biased = tiny ? F::kPow2Mantissa + T(F::kBias + F::kMantissa + 2) : F::kPow2Mantissa + T(F::kBias);
  e = from_bits<T>((u >> F::kMantissa) | to_bits(F::kPow2Mantissa)) - biased;
  f = from_bits<T>((u & F::kMantissaMask) + F::kSqrtHalf) - T(1);
}

// The value y of a logarithm for positive finite x, else the special one.
template <class T>
[[gnu::always_inline]] inline T log_specials(T x, T y) {
  const T infinity = std::numeric_limits<T>::infinity();
  T special = x < T(0) ? std::numeric_limits<T>::quiet_NaN() : x;
  special = x == T(0) ? -infinity : special;
  return (x > T(0)) & (x < infinity) ? y : special;
}

template <class T>
[[gnu::always_inline]] inline T log_positive(T x) {
  using F = FloatBits<T>;
  T e, f;
  reduce_log(x, e, f);
  return e * F::kLn2High + (f + (log_tail(f) + e * F::kLn2Low));
}

// ulp: 0.9, 0.85
template <class T>
[[gnu::always_inline]] inline T vlog(T x) {
  return log_specials(x, log_positive(x));
}

// log2(1 + f) - f and log10(1 + f) - f/2.
[[gnu::always_inline]] inline float log2_tail(float f) {
  return f * long_poly(f, 0.442695051f, -0.721347332f, 0.480898231f, -0.360696644f, 0.288567424f, -0.239617437f,
                       0.204600558f, -0.191062465f, 0.186175272f, -0.10995058f);
}
[[gnu::always_inline]] inline double log2_tail(double f) {
  return 0.44269504088896339 * f + 1.4426950408889634 * log_tail(f);
}
[[gnu::always_inline]] inline float log10_tail(float f) {
  return f * long_poly(f, -0.0657055154f, -0.217147186f, 0.144764796f, -0.108580507f, 0.0868674442f, -0.0721320361f,
                       0.0615909062f, -0.0575155355f, 0.0560443439f, -0.033098422f);
}
[[gnu::always_inline]] inline double log10_tail(double f) {
  return -0.065705518096748169 * f + 0.43429448190325182 * log_tail(f);
}

// ulp: 1.3, 1.2
template <class T>
[[gnu::always_inline]] inline T vlog2(T x) {
  T e, f;
  reduce_log(x, e, f);
  return log_specials(x, e + (f + log2_tail(f)));
}

// ulp: 1.25, 1.1
template <class T>
[[gnu::always_inline]] inline T vlog10(T x) {
  using F = FloatBits<T>;
  T e, f;
  reduce_log(x, e, f);
  const T y = T(0.5) * f + (log10_tail(f) + e * F::kLog10Of2Low);
  return log_specials(x, e * F::kLog10Of2High + y);
}

// u = 1 + x is rounded; the rounding error, divided by u, is added back at the end.
template <class T>
[[gnu::always_inline]] inline T log1p_above_minus_one(T x) {
  using F = FloatBits<T>;
  const T u = T(1) + x;
  const T back = u - T(1);
  const T error = (T(1) - (u - back)) + (x - back);
  const auto bits = to_bits(u) + (F::kOne - F::kSqrtHalf);
  const T e = from_bits<T>((bits >> F::kMantissa) | to_bits(F::kPow2Mantissa)) - (F::kPow2Mantissa + T(F::kBias));
  const T reduced = from_bits<T>((bits & F::kMantissaMask) + F::kSqrtHalf) - T(1);
  const T f = e == T(0) ? x : reduced;
  const T correction = e == T(0) ? T(0) : error / u;
  return e * F::kLn2High + (f + (log_tail(f) + (e * F::kLn2Low + correction)));
}

// ulp: 0.95, 0.85
template <class T>
[[gnu::always_inline]] inline T vlog1p(T x) {
  const T infinity = std::numeric_limits<T>::infinity();
  const T y = log1p_above_minus_one(x);
  T special = x < T(-1) ? std::numeric_limits<T>::quiet_NaN() : x;  // +inf and NaN give themselves
  special = x == T(-1) ? -infinity : special;
  return (x > T(-1)) & (x < infinity) & (x != T(0)) ? y : special;  // and so does -0
}

// ln(1 + e) for 0 <= e <= 1: above sqrt(2) - 1 as ln 2 + ln((1 + e) / 2).
template <class T>
[[gnu::always_inline]] inline T log1p_unit(T e) {
  using F = FloatBits<T>;
  const bool upper = e > T(0.41421356237309503);
  const T f = upper ? T(0.5) * (e - T(1)) : e;
  const T low = upper ? F::kLn2Low : T(0);
  return (upper ? F::kLn2High : T(0)) + (f + (log_tail(f) + low));
}

// ln(1 + e^x): softplus without a threshold. ulp: 1.6, 1.7
template <class T>
[[gnu::always_inline]] inline T vlog1p_exp(T x) {
  return (x < T(0) ? T(0) : x) + log1p_unit(vexp(-vabs(x)));
}

// ln(e^x + e^y); equal infinities give themselves. The sum cancels near a result of 0: the error is
// that of max(x, y), not of the result.
template <class T>
[[gnu::always_inline]] inline T vlogaddexp(T x, T y) {
  const T high = x > y ? x : y;
  const T difference = x == y ? T(0) : -vabs(x - y);
  return high + log1p_unit(vexp(difference));
}

// ulp: 1.5, 1.5
template <class T>
[[gnu::always_inline]] inline T vrsqrt(T x) {
  return T(1) / std::sqrt(x);
}
