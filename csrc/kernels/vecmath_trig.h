// Branch-free trigonometric functions, float and double, vectorised inside a plain loop, and block
// functions right for every finite argument. Layer: kernels; included inside the
// per-instruction-set namespace after vecmath.h.
#pragma once

// The reduction subtracts n pi/2 as a sum of parts so short that the products are exact; beyond
// kLimit the bits no longer suffice.
template <class T>
struct TrigReduce;
template <>
struct TrigReduce<float> {
  static constexpr float kLimit = 1e4f;
};
template <>
struct TrigReduce<double> {
  static constexpr double kLimit = 5e6;
};

// a - n pi/2 as r + low.
[[gnu::always_inline]] inline void subtract_half_pi(float a, float n, float& r, float& low) {
  const float t = (a - n * 1.5703125f) - n * 0.000483751297f;
  const float c = n * 7.5495336e-08f;
  r = t - c;
  low = ((t - r) - c) - n * 2.56334407e-12f;
}
[[gnu::always_inline]] inline void subtract_half_pi(double a, double n, double& r, double& low) {
  const double t = a - n * 1.5707963267341256;
  const double c = n * 6.0771005090144715e-11, d = n * -2.5082788063341662e-20;
  r = t - (c + d);
  low = ((t - r) - c) - d;
}

// (sin(r) / r - 1) / z and (cos(r) - 1 + z/2) / z^2 as polynomials in z = r^2, for |r| <= pi/4.
[[gnu::always_inline]] inline float sin_tail(float z) {
  return horner(z, -0.166666538f, 0.00833214633f, -0.000195133398f);
}
[[gnu::always_inline]] inline double sin_tail(double z) {
  return horner(z, -0.1666666666666663, 0.0083333333333217904, -0.00019841269829313826, 2.7557313521731763e-06,
                -2.505073158911259e-08, 1.5895262426681803e-10);
}
[[gnu::always_inline]] inline float cos_tail(float z) {
  return horner(z, 0.0416666456f, -0.00138872967f, 2.44309249e-05f);
}
[[gnu::always_inline]] inline double cos_tail(double z) {
  return horner(z, 0.041666666666666588, -0.001388888888887257, 2.4801587288539569e-05, -2.7557314086970694e-07,
                2.0875688013860099e-09, -1.1357858583345161e-11);
}

template <class T>
[[gnu::always_inline]] inline void sin_cos_reduced(T r, T low, T& sine, T& cosine) {
  const T z = r * r;
  sine = r + (r * z * sin_tail(z) + low);
  cosine = T(1) - (T(0.5) * z - (z * z * cos_tail(z) - r * low));
}

// sin and cos of a - n pi/2 for a >= 0, and n in the low bits of quadrant.
template <class T>
[[gnu::always_inline]] inline void sin_cos_parts(T a, T& sine, T& cosine, typename FloatBits<T>::UInt& quadrant) {
  const T rounded = a * T(0.63661977236758134) + FloatBits<T>::kRound;
  quadrant = to_bits(rounded);
  T r, low;
  subtract_half_pi(a, rounded - FloatBits<T>::kRound, r, low);
  sin_cos_reduced(r, low, sine, cosine);
}

// The second lowest bit of quadrant as a sign.
template <class T>
[[gnu::always_inline]] inline typename FloatBits<T>::UInt quadrant_sign(typename FloatBits<T>::UInt quadrant) {
  return (quadrant << (8 * sizeof(T) - 2)) & FloatBits<T>::kSign;
}

// vsin, vcos and vtan are right for |x| <= TrigReduce<T>::kLimit, infinities and NaN; for all other
// x use the block functions. ulp: 1.05, 1.0 for sin and cos, 2.7, 2.5 for tan
template <class T>
[[gnu::always_inline]] inline T vsin(T x) {
  T sine, cosine;
  typename FloatBits<T>::UInt quadrant;
  sin_cos_parts(vabs(x), sine, cosine, quadrant);
  const T y = (quadrant & 1) == 0 ? sine : cosine;
  return from_bits<T>(to_bits(y) ^ quadrant_sign<T>(quadrant) ^ (to_bits(x) & FloatBits<T>::kSign));
}

template <class T>
[[gnu::always_inline]] inline T vcos(T x) {
  T sine, cosine;
  typename FloatBits<T>::UInt quadrant;
  sin_cos_parts(vabs(x), sine, cosine, quadrant);
  const T y = (quadrant & 1) == 0 ? cosine : sine;
  return from_bits<T>(to_bits(y) ^ quadrant_sign<T>(quadrant + 1));
}

template <class T>
[[gnu::always_inline]] inline T vtan(T x) {
  T sine, cosine;
  typename FloatBits<T>::UInt quadrant;
  sin_cos_parts(vabs(x), sine, cosine, quadrant);
  const bool even = (quadrant & 1) == 0;
  const T y = (even ? sine : cosine) / (even ? cosine : -sine);
  return from_bits<T>(to_bits(y) ^ (to_bits(x) & FloatBits<T>::kSign));
}

// True when every element of in is small enough for the fast path (or infinite or NaN).
template <class T>
inline bool all_within(const T* in, int64_t n, T limit) {
  using Int = typename FloatBits<T>::Int;
  const Int low = Int(to_bits(limit));
  const Int high = Int(to_bits(std::numeric_limits<T>::infinity()));
  Int outside = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Int a = Int(to_bits(in[i]) & ~FloatBits<T>::kSign);
    outside |= Int((a > low) & (a < high));
  }
  return outside == 0;
}

inline constexpr int64_t kTrigChunk = 512;

struct SinFunction {
  template <class T>
  [[gnu::always_inline]] static T fast(T x) {
    return vsin(x);
  }
  static double exact(double x) { return std::sin(x); }
};
struct CosFunction {
  template <class T>
  [[gnu::always_inline]] static T fast(T x) {
    return vcos(x);
  }
  static double exact(double x) { return std::cos(x); }
};
struct TanFunction {
  template <class T>
  [[gnu::always_inline]] static T fast(T x) {
    return vtan(x);
  }
  static double exact(double x) { return std::tan(x); }
};

template <class Function>
inline void trig_chunk(const double* in, double* out, int64_t n) {
  if (all_within(in, n, TrigReduce<double>::kLimit)) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = Function::fast(in[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = Function::exact(in[i]);
  }
}

template <class Function>
inline void trig_chunk(const float* in, float* out, int64_t n) {
  if (all_within(in, n, TrigReduce<float>::kLimit)) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = Function::fast(in[i]);
  } else if (all_within(in, n, float(TrigReduce<double>::kLimit))) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = float(Function::fast(double(in[i])));
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = float(Function::exact(double(in[i])));
  }
}

// Right for every argument: a chunk with a large one takes a slower path. in == out is allowed.
template <class Function, class T>
inline void trig_block(const T* in, T* out, int64_t n) {
  for (int64_t start = 0; start < n; start += kTrigChunk) {
    const int64_t rest = n - start;
    trig_chunk<Function>(in + start, out + start, rest < kTrigChunk ? rest : kTrigChunk);
  }
}

template <class T>
inline void vsin_block(const T* in, T* out, int64_t n) {
  trig_block<SinFunction>(in, out, n);
}
template <class T>
inline void vcos_block(const T* in, T* out, int64_t n) {
  trig_block<CosFunction>(in, out, n);
}
template <class T>
inline void vtan_block(const T* in, T* out, int64_t n) {
  trig_block<TanFunction>(in, out, n);
}

// sin(pi a) and cos(pi a) for any a >= 0, as +-sine or +-cosine according to the quadrant.
template <class T>
[[gnu::always_inline]] inline void sin_cos_pi(T a, T& sine, T& cosine) {
  using F = FloatBits<T>;
  const T b = a - T(2) * std::floor(T(0.5) * a);
  const T rounded = T(2) * b + F::kRound;
  const auto quadrant = to_bits(rounded);
  const T r = b - T(0.5) * (rounded - F::kRound);
  const T pi_low = sizeof(T) == 4 ? T(-8.74227766e-08) : T(1.2246467991473532e-16);
  T s, c;
  sin_cos_reduced(r * T(3.141592653589793), r * pi_low, s, c);
  const bool even = (quadrant & 1) == 0;
  sine = from_bits<T>(to_bits(even ? s : c) ^ quadrant_sign<T>(quadrant));
  cosine = from_bits<T>(to_bits(even ? c : s) ^ quadrant_sign<T>(quadrant + 1));
}

// sin(pi x) / (pi x), 1 at 0, exactly 0 at the other integers. ulp: 3.3, 3.3
template <class T>
[[gnu::always_inline]] inline T vsinc(T x) {
  const T a = vabs(x);
  T sine, cosine;
  sin_cos_pi(a, sine, cosine);
  const T y = sine / (a * T(3.141592653589793));
  return a < std::numeric_limits<T>::epsilon() ? T(1) : y;
}
