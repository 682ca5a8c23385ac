// Block functions of bool and of the integers that are not worth several instruction sets.
// Layer: kernels. Built once. Bool is a byte that is 0 or 1.
#include <cstdint>
#include <limits>
#include <type_traits>

#include "pointwise_loops.h"

namespace torchy::kernels {
namespace {

#include "pointwise_templates.inc"

#include "pointwise_int_fns.inc"

// ---- division: a zero divisor is reported, the smallest integer by -1 wraps around

template <class T>
inline T quotient(T x, T y) {
  if (std::is_signed_v<T> && y == T(-1)) return T(Wide<T>(0) - Wide<T>(x));
  return T(x / y);
}
template <class T>
inline T rest(T x, T y) {
  return std::is_signed_v<T> && y == T(-1) ? T(0) : T(x % y);
}
template <class T>
inline bool rounds_down(T x, T y) {
  return rest(x, y) != 0 && (x < T(0)) != (y < T(0));
}

struct div_trunc_fn {
  template <class T>
  static T run(T x, T y) {
    return quotient(x, y);
  }
};
struct floor_divide_fn {
  template <class T>
  static T run(T x, T y) {
    return T(quotient(x, y) - T(rounds_down(x, y)));
  }
};
struct remainder_fn {
  template <class T>
  static T run(T x, T y) {
    return rounds_down(x, y) ? T(rest(x, y) + y) : rest(x, y);
  }
};
struct fmod_fn {
  template <class T>
  static T run(T x, T y) {
    return rest(x, y);
  }
};

template <class F, class T>
void divide_loop(char* out, const char* a, const char* b, const char*, int64_t n, const PwContext& context) {
  T* o = reinterpret_cast<T*>(out);
  const T* x = reinterpret_cast<const T*>(a);
  const T* y = reinterpret_cast<const T*>(b);
  bool zero = false;
  for (int64_t i = 0; i < n; ++i) {
    zero |= y[i] == 0;
    o[i] = F::run(x[i], y[i] == 0 ? T(1) : y[i]);
  }
  if (zero) __atomic_store_n(&context.failed, 1, __ATOMIC_RELAXED);
}

// ---- powers; a negative exponent gives what rounding towards zero leaves of the fraction

template <class T>
inline T power(T x, T e) {
  if (e < T(0)) {
    if (x == T(1)) return 1;
    return std::is_signed_v<T> && x == T(-1) ? (e % 2 ? T(-1) : T(1)) : T(0);
  }
  Wide<T> result = 1, base = Wide<T>(x);
  for (auto k = Wide<T>(e); k; k >>= 1, base *= base)
    if (k & 1) result *= base;
  return T(result);
}
TORCHY_FN2(pow, return power(x, y);)
TORCHY_FN2(pow_slope, return y == T(0) ? T(0) : T(Wide<T>(y) * Wide<T>(power(x, T(y - T(1)))));)

// ---- shifts: a count below 0 or past the width shifts every bit out
TORCHY_FN2(lshift, return uint64_t(y) >= 8 * sizeof(T) ? T(0) : T(Wide<T>(x) << int(y));)
TORCHY_FN2(rshift, const uint64_t width = 8 * sizeof(T), count = uint64_t(y);
           if (!std::is_signed_v<T> && count >= width) return T(0);
           return T(x >> int(count >= width ? width - 1 : count));)

TORCHY_FN1(same, return x;)
TORCHY_FN1(never, (void)x; return false;)
TORCHY_FN1(always, (void)x; return true;)
TORCHY_FN1(bnot, return T(~x);)
TORCHY_FN1(signbit, return x < T(0);)
TORCHY_FN1(threshold, return x <= p.v[0] ? p.v[1] : x;)
TORCHY_FN2(threshold_backward, return y <= p.v[0] ? T(0) : x;)
// A negative limit is no uint8: that dtype compares with the limit as it was given.
TORCHY_FN1(hardtanh, using L = std::conditional_t<std::is_unsigned_v<T>, double, T>;
           const L low = std::is_unsigned_v<T> ? L(p.d[0]) : L(p.v[0]);
           const L high = std::is_unsigned_v<T> ? L(p.d[1]) : L(p.v[1]); const L r = L(x) < low ? low : L(x);
           return T(r > high ? high : r);)
TORCHY_FN2(heaviside, return x == T(0) ? y : T(x > T(0));)
TORCHY_FN2(isclose, const double e = double(x) - double(y);
           return x == y || __builtin_fabs(e) <= p.d[1] + p.d[0] * __builtin_fabs(double(y));)

template <class T>
void fill_rest(PwTable& t) {
  const DType d = DTypeOf<T>::value;
  t.set(Pw::div_trunc, d, &divide_loop<div_trunc_fn, T>);
  t.set(Pw::floor_divide, d, &divide_loop<floor_divide_fn, T>);
  t.set(Pw::remainder, d, &divide_loop<remainder_fn, T>);
  t.set(Pw::fmod, d, &divide_loop<fmod_fn, T>);
  set2<T>(t, Pw::pow, pow_fn{});
  set2<T>(t, Pw::pow_slope, pow_slope_fn{});
  set2<T>(t, Pw::bitwise_left_shift, lshift_fn{});
  set2<T>(t, Pw::bitwise_right_shift, rshift_fn{});
  set2<T>(t, Pw::heaviside, heaviside_fn{});
  set2<T, uint8_t>(t, Pw::isclose, isclose_fn{});
  for (Pw op : {Pw::floor, Pw::ceil, Pw::trunc, Pw::round, Pw::conj, Pw::nan_to_num}) set1<T>(t, op, same_fn{});
  set1<T, uint8_t>(t, Pw::isnan, never_fn{});
  set1<T, uint8_t>(t, Pw::isinf, never_fn{});
  set1<T, uint8_t>(t, Pw::isfinite, always_fn{});
  set1<T, uint8_t>(t, Pw::signbit, signbit_fn{});
  set1<T>(t, Pw::bitwise_not, bnot_fn{});
  set1<T>(t, Pw::threshold, threshold_fn{});
  set2<T>(t, Pw::threshold_backward, threshold_backward_fn{});
  set1<T>(t, Pw::hardtanh, hardtanh_fn{});
}

// ---- bool

TORCHY_FN2(bool_add_alpha, return T(x | (p.v[0] & y));)
TORCHY_FN2(bool_pow, return T(x | (y ^ 1));)
TORCHY_FN1(bool_not, return T(x ^ 1);)

void set_bool(PwTable& t, Pw op, PwLoop loop) { t.set(op, DType::Bool, loop); }

void fill_bool(PwTable& t) {
  using T = uint8_t;
  auto both = [&](Pw op, PwLoops l) { t.set(op, DType::Bool, l.vv, l.vs, l.sv); };
  const auto& byte = t.loops;  // uint8's comparisons and bits serve for bool
  auto reuse = [&](Pw op, Pw from) { both(op, byte[static_cast<int>(from)][static_cast<int>(DType::UInt8)]); };
  for (Pw op : {Pw::eq,         Pw::ne,          Pw::lt,          Pw::le,          Pw::gt,
                Pw::ge,         Pw::bitwise_and, Pw::bitwise_or,  Pw::bitwise_xor, Pw::logical_and,
                Pw::logical_or, Pw::logical_xor, Pw::logical_not, Pw::maximum,     Pw::minimum,
                Pw::fmax,       Pw::fmin,        Pw::heaviside,   Pw::isclose,     Pw::isnan,
                Pw::isinf,      Pw::isfinite,    Pw::signbit,     Pw::conj,        Pw::nan_to_num})
    reuse(op, op);
  reuse(Pw::add, Pw::bitwise_or);
  reuse(Pw::mul, Pw::bitwise_and);
  for (Pw op : {Pw::sign, Pw::sgn}) reuse(op, Pw::conj);
  set_bool(t, Pw::add_alpha, &loop2<bool_add_alpha_fn, T, T>);
  set_bool(t, Pw::pow, &loop2<bool_pow_fn, T, T>);
  set_bool(t, Pw::bitwise_not, &loop1<bool_not_fn, T, T>);
}

template <class... T>
void fill_all(PwTable& t) {
  (fill_rest<T>(t), ...);
}

}  // namespace

void pointwise_fill_int(PwTable& table) {
  fill_int_hot<uint8_t>(table);
  fill_int_hot<int8_t>(table);
  fill_int_hot<int16_t>(table);
  fill_all<uint8_t, int8_t, int16_t, int32_t, int64_t>(table);
  fill_bool(table);
}

}  // namespace torchy::kernels
