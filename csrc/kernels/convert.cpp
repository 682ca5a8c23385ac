// Conversion of contiguous blocks between any two of the twelve dtypes. Layer: kernels; raw memory.
#include <complex>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "copy.h"

namespace torchy::kernels {
namespace {

template <class To, class From> void convert_loop(void* dst, const void* src, int64_t n) {
  To* out = static_cast<To*>(dst);
  const From* in = static_cast<const From*>(src);
  for (int64_t i = 0; i < n; ++i) out[i] = convert<To>(in[i]);
}

// A half type to or from anything but float goes through a block of floats, so that each half type
// costs two loops and not twenty-four.
template <class To, class From> void convert_through_float(void* dst, const void* src, int64_t n) {
  constexpr int64_t block = 256;
  float middle[block];
  for (int64_t i = 0; i < n; i += block) {
    const int64_t m = std::min(block, n - i);
    convert_block(middle, DType::Float32, static_cast<const From*>(src) + i, DTypeOf<From>::value, m);
    convert_block(static_cast<To*>(dst) + i, DTypeOf<To>::value, middle, DType::Float32, m);
  }
}

#if defined(__x86_64__)
// The conversion instructions of F16C; the portable code in dtype.h gives the same bits.
__attribute__((target("avx,f16c"))) void half_to_float(float* out, const uint16_t* in, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
  for (; i < n; ++i) out[i] = Half::decode(in[i]);
}
__attribute__((target("avx,f16c"))) void float_to_half(uint16_t* out, const float* in, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < n; ++i) out[i] = Half::encode(in[i]);
}
bool have_f16c() {
  static const bool have = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
  return have;
}
#endif

template <class To, class From> void convert_pair(void* dst, const void* src, int64_t n) {
  if constexpr (std::is_same_v<To, From>) {
    std::memcpy(dst, src, size_t(n) * sizeof(To));
  } else if constexpr ((IsHalf<To>::value && !std::is_same_v<From, float>) ||
                       (IsHalf<From>::value && !std::is_same_v<To, float>)) {
    convert_through_float<To, From>(dst, src, n);
  } else {
#if defined(__x86_64__)
    if constexpr (std::is_same_v<From, Half>) {
      if (have_f16c()) return half_to_float(static_cast<float*>(dst), static_cast<const uint16_t*>(src), n);
    }
    if constexpr (std::is_same_v<To, Half>) {
      if (have_f16c()) return float_to_half(static_cast<uint16_t*>(dst), static_cast<const float*>(src), n);
    }
#endif
    convert_loop<To, From>(dst, src, n);
  }
}

}  // namespace

void convert_block(void* dst, DType dst_dtype, const void* src, DType src_dtype, int64_t n) {
  visit_dtype(dst_dtype, [&](auto to) {
    visit_dtype(src_dtype, [&](auto from) {
      convert_pair<typename decltype(to)::type, typename decltype(from)::type>(dst, src, n);
    });
  });
}

}  // namespace torchy::kernels
