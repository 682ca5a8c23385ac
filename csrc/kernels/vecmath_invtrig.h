// Branch-free inverse trigonometric functions, float and double, vectorised inside a plain loop.
// Layer: kernels; included inside the per-instruction-set namespace after vecmath.h.
#pragma once

template <class T>
struct HalfPi;
template <>
struct HalfPi<float> {
  static constexpr float kHigh = 1.57079637f, kLow = -4.37113883e-08f;
};
template <>
struct HalfPi<double> {
  static constexpr double kHigh = 1.5707963267948966, kLow = 6.123233995736766e-17;
};

// (asin(s) / s - 1) / z as a polynomial in z = s^2, for 0 <= z <= 1/4.
[[gnu::always_inline]] inline float asin_tail(float z) {
  return horner(z, 0.166667521f, 0.0749529153f, 0.0454713404f, 0.0241739526f, 0.0421770029f);
}
[[gnu::always_inline]] inline double asin_tail(double z) {
  return long_poly(z, 0.1666666666666676, 0.074999999999706371, 0.044642857174776104, 0.030381942699509879,
                   0.022372215231200195, 0.017351607461808884, 0.01398087712762244, 0.01139843351420218,
                   0.010783021168697993, 0.0036956398188994865, 0.021734387645255485, -0.021038207953041177,
                   0.032653728490829557);
}

// asin(a) for a <= 1/2, else p = asin(sqrt((1 - a) / 2)) with asin(a) = pi/2 - 2 p; NaN for a > 1.
template <class T>
[[gnu::always_inline]] inline T asin_part(T a) {
  const bool big = a > T(0.5);
  const T z = big ? T(0.5) * (T(1) - a) : a * a;
  const T s = big ? std::sqrt(z) : a;
  return s + s * (z * asin_tail(z));
}

// ulp: 1.9, 2.1
template <class T>
[[gnu::always_inline]] inline T vasin(T x) {
  const T a = vabs(x);
  const T p = asin_part(a);
  const T y = (HalfPi<T>::kHigh - T(2) * p) + HalfPi<T>::kLow;
  return with_sign_of(a > T(0.5) ? vabs(y) : vabs(p), x);
}

// ulp: 1.15, 1.15
template <class T>
[[gnu::always_inline]] inline T vacos(T x) {
  using H = HalfPi<T>;
  const T a = vabs(x);
  const T p = asin_part(a);
  const T signed_p = x < T(0) ? -p : p;
  const T middle = H::kHigh - (signed_p - H::kLow);
  const T outer = x < T(0) ? T(2) * H::kHigh - T(2) * (p - H::kLow) : T(2) * p;
  return a > T(0.5) ? outer : middle;
}

// (atan(t) / t - 1) / z as a polynomial in z = t^2, for 0 <= t <= 1.
[[gnu::always_inline]] inline float atan_tail(float z) {
  return long_poly(z, -0.333332986f, 0.199985489f, -0.142642438f, 0.10952194f, -0.0840347335f, 0.0579579584f,
                   -0.0311781894f, 0.0109147811f, -0.00179365929f);
}
[[gnu::always_inline]] inline double atan_tail(double z) {
  return long_poly(z, -0.33333333333333071, 0.19999999999951465, -0.14285714282575385, 0.11111111007034939,
                   -0.090909070031553754, 0.076922798412683638, -0.066664040739679437, 0.058805279125890633,
                   -0.05253518988056672, 0.047223236837463663, -0.042191827602547166, 0.03664198742458516,
                   -0.029903978069499935, 0.021984998113026313, -0.013900694473063076, 0.0071965970061559437,
                   -0.0028849661014852825, 0.00083133845579624237, -0.00015216441745060204, 1.3225426913187132e-05);
}

// ulp: 1.6, 1.7
template <class T>
[[gnu::always_inline]] inline T vatan(T x) {
  using H = HalfPi<T>;
  const T a = vabs(x);
  const bool big = a > T(1);
  const T t = (big ? T(1) : a) / (big ? a : T(1));
  const T z = t * t;
  const T y = t + t * (z * atan_tail(z));
  return with_sign_of(big ? H::kHigh - (y - H::kLow) : y, x);
}

// ulp: 1.6, 1.8
template <class T>
[[gnu::always_inline]] inline T vatan2(T y, T x) {
  using H = HalfPi<T>;
  const T ay = vabs(y), ax = vabs(x);
  const bool steep = ay > ax;
  const T num = steep ? ax : ay, den = steep ? ay : ax;
  T t = num == den ? T(1) : num / den;  // two infinities
  t = (den == T(0)) & (num == T(0)) ? T(0) : t;
  const T z = t * t;
  const T angle = t + t * (z * atan_tail(z));
  const bool left = (to_bits(x) & FloatBits<T>::kSign) != 0;
  const T from_axis = steep ? -angle : angle;
  const T turned = left ? -from_axis : from_axis;
  const T quarters = left ? (steep ? T(1) : T(2)) : (steep ? T(1) : T(0));
  const T r = quarters * H::kHigh + (turned + quarters * H::kLow);
  return with_sign_of(vabs(r), y);
}
