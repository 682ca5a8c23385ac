// The Mersenne twister and its byte state, and the uniform and normal fillers.
// Layer: kernels. The other distributions are in random_fill.cpp.
#include "random_engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <type_traits>

#include "../core/error.h"

// The block loops run with AVX2 and FMA where the processor has them. Every multiply-add that must
// round once is written as fma, so that both builds and any contraction flag give the same bits.
#if defined(__x86_64__)
#define TORCHY_RNG_FAST __attribute__((target("avx2,fma")))
#define TORCHY_RNG_HAS_FAST (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#else
#define TORCHY_RNG_FAST
#define TORCHY_RNG_HAS_FAST false
#endif
#define TORCHY_RNG_INLINE inline __attribute__((always_inline))

namespace torchy {

namespace {

// One round of the twister in place. The loops only read words that are 397 ahead or 227 behind.
TORCHY_RNG_INLINE void twist_loops(uint32_t* s) {
  auto mix = [](uint32_t a, uint32_t b) {
    return (((a & 0x80000000u) | (b & 0x7fffffffu)) >> 1) ^ ((0u - (b & 1u)) & 0x9908b0dfu);
  };
#pragma GCC ivdep
  for (int i = 0; i < 227; i++) s[i] = s[i + 397] ^ mix(s[i], s[i + 1]);
  for (int base = 227; base < 623; base += 198) {
#pragma GCC ivdep
    for (int i = base; i < base + 198; i++) s[i] = s[i - 227] ^ mix(s[i], s[i + 1]);
  }
  s[623] = s[396] ^ mix(s[623], s[0]);
}

TORCHY_RNG_FAST void twist_fast(uint32_t* s) { twist_loops(s); }
void twist_plain(uint32_t* s) { twist_loops(s); }

bool has_fast() {
  static const bool has = TORCHY_RNG_HAS_FAST;
  return has;
}

template <class V>
void put(uint8_t* out, int64_t at, V value) {
  std::memcpy(out + at, &value, sizeof value);
}
template <class V>
V get(const uint8_t* bytes, int64_t at) {
  V value;
  std::memcpy(&value, bytes + at, sizeof value);
  return value;
}

// Offsets of the byte state.
constexpr int64_t kSeedAt = 0, kLeftAt = 8, kSeededAt = 12, kNextAt = 16, kWordsAt = 24, kNormalAt = 5024,
                  kNormalFlagAt = 5040, kFloatAt = 5048, kFloatFlagAt = 5052;

}  // namespace

void Generator::seed(uint64_t value) {
  seed_ = value;
  state_[0] = static_cast<uint32_t>(value);
  for (uint32_t i = 1; i < kWords; i++) state_[i] = 1812433253u * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  next_ = kWords;
  fresh_ = true;
  next_float_normal_.reset();
  next_double_normal_.reset();
}

uint64_t Generator::seed_from_system() {
  std::random_device device;
  uint64_t high = device();
  return (high << 32 | device()) & 0x1fffffffffffffULL;
}

void Generator::refill() {
  if (has_fast()) twist_fast(state_.data());
  else twist_plain(state_.data());
  next_ = 0;
  fresh_ = false;
}

void Generator::random_block(uint32_t* out, int64_t n) {
  while (n > 0) {
    if (next_ >= kWords) refill();
    int64_t count = std::min<int64_t>(n, kWords - next_);
    const uint32_t* words = state_.data() + next_;
    for (int64_t i = 0; i < count; i++) out[i] = temper(words[i]);
    next_ += static_cast<uint32_t>(count);
    out += count;
    n -= count;
  }
}

double Generator::normal_double() {
  if (next_double_normal_) {
    double value = *next_double_normal_;
    next_double_normal_.reset();
    return value;
  }
  double turn = uniform_double(), u = uniform_double();
  double radius = std::sqrt(-2.0 * std::log1p(-u)), angle = 2.0 * M_PI * turn;
  next_double_normal_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

void Generator::get_state(uint8_t* out) const {
  std::memset(out, 0, kStateBytes);
  put<uint64_t>(out, kSeedAt, seed_);
  put<int32_t>(out, kLeftAt, fresh_ ? 1 : static_cast<int32_t>(kWords + 1 - next_));
  put<int32_t>(out, kSeededAt, 1);
  put<uint64_t>(out, kNextAt, fresh_ ? 0 : next_);
  for (uint32_t i = 0; i < kWords; i++) put<uint64_t>(out, kWordsAt + 8 * i, state_[i]);
  put<double>(out, kNormalAt, next_double_normal_.value_or(0.0));
  put<int32_t>(out, kNormalFlagAt, next_double_normal_.has_value());
  put<float>(out, kFloatAt, next_float_normal_.value_or(0.0f));
  put<uint8_t>(out, kFloatFlagAt, next_float_normal_.has_value());
}

void Generator::set_state(const uint8_t* bytes, int64_t size) {
  TORCHY_CHECK(size == kStateBytes || size == kLegacyStateBytes, "set_state: the state has ", size,
               " bytes; a generator state has ", kStateBytes);
  int64_t left = get<int32_t>(bytes, kLeftAt), next = get<int64_t>(bytes, kNextAt);
  // left == 1 starts a new round whatever `next` says; else both must name the same word.
  bool valid = get<int32_t>(bytes, kSeededAt) == 1 && left >= 1 && next >= 0 && next <= kWords &&
               (left == 1 || left + next == kWords + 1);
  TORCHY_CHECK(valid, "set_state: the bytes are no generator state (left ", left, ", next ", next,
               "); pass what get_state gave");
  for (uint32_t i = 0; i < kWords; i++) state_[i] = static_cast<uint32_t>(get<uint64_t>(bytes, kWordsAt + 8 * i));
  seed_ = get<uint64_t>(bytes, kSeedAt);
  fresh_ = left == 1 && next == 0;
  next_ = left == 1 ? kWords : static_cast<uint32_t>(next);
  next_double_normal_.reset();
  next_float_normal_.reset();
  if (get<int32_t>(bytes, kNormalFlagAt)) next_double_normal_ = get<double>(bytes, kNormalAt);
  if (size == kStateBytes && get<uint8_t>(bytes, kFloatFlagAt)) next_float_normal_ = get<float>(bytes, kFloatAt);
}

namespace {

constexpr int64_t kBlock = 624;  // words drawn at a time by the block loops; a multiple of 16

float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }

TORCHY_RNG_INLINE void unit_loop(const uint32_t* words, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = static_cast<float>(static_cast<int32_t>(words[i] & 0xffffffu)) * 0x1p-24f;
}
TORCHY_RNG_INLINE void unit_loop(const uint32_t* words, double* out, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint64_t bits = (static_cast<uint64_t>(words[2 * i]) << 32 | words[2 * i + 1]);
    out[i] = static_cast<double>(static_cast<int64_t>(bits & 0x1fffffffffffffULL)) * 0x1p-53;
  }
}
TORCHY_RNG_FAST void unit_fast(const uint32_t* w, float* out, int64_t n) { unit_loop(w, out, n); }
TORCHY_RNG_FAST void unit_fast(const uint32_t* w, double* out, int64_t n) { unit_loop(w, out, n); }

// n uniforms on [0, 1).
template <class C>
void fill_unit(Generator& gen, C* out, int64_t n) {
  constexpr int64_t kWordsEach = sizeof(C) / 4;
  uint32_t words[kBlock];
  for (int64_t i = 0; i < n; i += kBlock / kWordsEach) {
    int64_t count = std::min(n - i, kBlock / kWordsEach);
    gen.random_block(words, count * kWordsEach);
    if (has_fast()) unit_fast(words, out + i, count);
    else unit_loop(words, out + i, count);
  }
}

// out = unit * (hi - lo) + lo, rounded once; what rounds up to hi becomes lo, as in PyTorch.
template <class C, class T>
TORCHY_RNG_INLINE void scale_loop(const C* unit, T* out, int64_t n, C lo, C hi) {
  C range = hi - lo;
  T first = static_cast<T>(lo), end = static_cast<T>(hi);
  for (int64_t i = 0; i < n; i++) {
    T value = static_cast<T>(fused(unit[i], range, lo));
    out[i] = static_cast<C>(value) == static_cast<C>(end) ? first : value;
  }
}
template <class C, class T>
TORCHY_RNG_FAST void scale_fast(const C* unit, T* out, int64_t n, C lo, C hi) {
  scale_loop(unit, out, n, lo, hi);
}

template <class T>
struct ComputeOf {
  using type = float;
};
template <>
struct ComputeOf<double> {
  using type = double;
};

// Natural logarithm and sine/cosine of one lane, for normals in float: the range reductions and
// polynomials of the Cephes library's logf, sinf and cosf (S. Moshier), with fused multiply-adds.
TORCHY_RNG_INLINE float log_lane(float x) {
  x = x < 0x1p-126f ? 0x1p-126f : x;
  uint32_t bits = float_to_bits(x);
  float exponent = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
  float m = bits_to_float((bits & 0x007fffffu) | 0x3f000000u);  // in [0.5, 1)
  bool small = m < 0.707106781186547524f;
  exponent = small ? exponent - 1.0f : exponent;
  m = small ? (m - 1.0f) + m : m - 1.0f;
  float square = m * m;
  float y = 7.0376836292e-2f;
  y = fused(y, m, -1.1514610310e-1f);
  y = fused(y, m, 1.1676998740e-1f);
  y = fused(y, m, -1.2420140846e-1f);
  y = fused(y, m, 1.4249322787e-1f);
  y = fused(y, m, -1.6668057665e-1f);
  y = fused(y, m, 2.0000714765e-1f);
  y = fused(y, m, -2.4999993993e-1f);
  y = fused(y, m, 3.3333331174e-1f);
  y = fused(y * m, square, exponent * -2.12194440e-4f);  // ln 2 in two parts
  y = fused(square, -0.5f, y);
  return fused(exponent, 0.693359375f, m + y);
}

struct SinCos {
  float sin, cos;
};

// x >= 0, at most a few turns.
TORCHY_RNG_INLINE SinCos sincos_lane(float x) {
  int32_t octant = (static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1;
  float turns = static_cast<float>(octant);
  x = fused(turns, -0.78515625f, x);  // pi / 4 in three parts
  x = fused(turns, -2.4187564849853515625e-4f, x);
  x = fused(turns, -3.77489497744594108e-8f, x);
  float z = x * x;
  float even = fused(2.443315711809948e-5f, z, -1.388731625493765e-3f);
  even = fused(even, z, 4.166664568298827e-2f) * z;
  even = fused(even, z, -(z * 0.5f)) + 1.0f;
  float odd = fused(-1.9515295891e-4f, z, 8.3321608736e-3f);
  odd = fused(odd, z, -1.6666654611e-1f) * z;
  odd = fused(odd, x, x);
  bool straight = (octant & 2) == 0;
  uint32_t sin_sign = static_cast<uint32_t>(octant & 4) << 29;
  uint32_t cos_sign = static_cast<uint32_t>((octant + 2) & 4) << 29;
  return {bits_to_float(float_to_bits(straight ? odd : even) ^ sin_sign),
          bits_to_float(float_to_bits(straight ? even : odd) ^ cos_sign)};
}

// Box and Muller (1958) in place on whole blocks of 16 uniforms: 8 radii, then 8 angles.
TORCHY_RNG_INLINE void box_muller_loop(float* data, int64_t n, float mean, float std) {
  for (int64_t i = 0; i < n; i += 16) {
    float* a = data + i;
    float* b = data + i + 8;
    for (int j = 0; j < 8; j++) {
      float radius = __builtin_sqrtf(-2.0f * log_lane(1.0f - a[j]));
      SinCos angle = sincos_lane(static_cast<float>(2.0 * M_PI) * b[j]);
      a[j] = fused(radius * angle.cos, std, mean);
      b[j] = fused(radius * angle.sin, std, mean);
    }
  }
}
TORCHY_RNG_FAST void box_muller_fast(float* data, int64_t n, float mean, float std) {
  box_muller_loop(data, n, mean, std);
}
void box_muller(float* data, int64_t n, float mean, float std) {
  if (has_fast()) box_muller_fast(data, n, mean, std);
  else box_muller_loop(data, n, mean, std);
}

void box_muller(double* data, int64_t n, double mean, double std) {
  for (int64_t i = 0; i < n; i += 16) {
    for (int64_t j = i; j < i + 8; j++) {
      double radius = std::sqrt(-2.0 * std::log(1.0 - data[j])), angle = 2.0 * M_PI * data[j + 8];
      data[j] = fused(radius * std::cos(angle), std, mean);
      data[j + 8] = fused(radius * std::sin(angle), std, mean);
    }
  }
}

// n >= 16 normals where T is what is computed in: the uniforms of all of them come first.
template <class C>
void fill_normal_blocks(Generator& gen, C* out, int64_t n, C mean, C std) {
  int64_t whole = n / 16 * 16;
  fill_unit(gen, out, n);
  box_muller(out, whole, mean, std);
  if (whole == n) return;
  fill_unit(gen, out + n - 16, 16);
  box_muller(out + n - 16, 16, mean, std);
}
// The same for the half types, which draw block by block.
template <class T>
void fill_normal_half_blocks(Generator& gen, T* out, int64_t n, float mean, float std) {
  float buffer[kBlock];
  auto blocks = [&](T* to, int64_t count) {
    fill_unit(gen, buffer, count);
    box_muller(buffer, count, mean, std);
    for (int64_t i = 0; i < count; i++) to[i] = static_cast<T>(buffer[i]);
  };
  int64_t whole = n / 16 * 16;
  for (int64_t i = 0; i < whole; i += kBlock) blocks(out + i, std::min(whole - i, kBlock));
  if (whole != n) blocks(out + n - 16, 16);
}

}  // namespace

template <class T>
void fill_uniform(Generator& gen, T* out, int64_t n, double lo, double hi) {
  using C = typename ComputeOf<T>::type;
  C from = static_cast<C>(lo), to = static_cast<C>(hi);
  C buffer[kBlock];
  for (int64_t i = 0; i < n; i += kBlock) {
    int64_t count = std::min(n - i, kBlock);
    fill_unit(gen, buffer, count);
    if (has_fast()) scale_fast(buffer, out + i, count, from, to);
    else scale_loop(buffer, out + i, count, from, to);
  }
}

template <class T>
void fill_normal_serial(Generator& gen, T* out, int64_t n, double mean, double std) {
  for (int64_t i = 0; i < n; i++) out[i] = static_cast<T>(fused(gen.normal_double(), std, mean));
}

template <class T>
void fill_normal(Generator& gen, T* out, int64_t n, double mean, double std) {
  using C = typename ComputeOf<T>::type;
  if (n < 16) fill_normal_serial(gen, out, n, mean, std);
  else if constexpr (std::is_same_v<C, T>) fill_normal_blocks(gen, out, n, static_cast<C>(mean), static_cast<C>(std));
  else fill_normal_half_blocks(gen, out, n, static_cast<C>(mean), static_cast<C>(std));
}

#define TORCHY_INSTANCE(T)                                                \
  template void fill_uniform<T>(Generator&, T*, int64_t, double, double); \
  template void fill_normal<T>(Generator&, T*, int64_t, double, double);  \
  template void fill_normal_serial<T>(Generator&, T*, int64_t, double, double);
TORCHY_INSTANCE(float)
TORCHY_INSTANCE(double)
TORCHY_INSTANCE(Half)
TORCHY_INSTANCE(BFloat16)
#undef TORCHY_INSTANCE

}  // namespace torchy
