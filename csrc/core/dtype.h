// The twelve element types, the half-precision scalars, and static dispatch over types.
// Layer: core. Promotion rules live in promote.h.
#pragma once

#include <complex>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace torchy {

enum class DType : uint8_t {
  Bool,
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  BFloat16,
  Float32,
  Float64,
  Complex64,
  Complex128
};
constexpr int kNumDTypes = 12;

using c64 = std::complex<float>;
using c128 = std::complex<double>;

inline float bits_to_float(uint32_t u) {
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}
inline uint32_t float_to_bits(float f) {
  uint32_t u;
  std::memcpy(&u, &f, 4);
  return u;
}

// IEEE binary16 stored as bits; arithmetic goes through float.
struct Half {
  uint16_t bits;
  Half() = default;
  Half(float f) : bits(encode(f)) {}
  operator float() const { return decode(bits); }

  // Round to nearest even; written without branches on the common path so that block loops vectorise.
  static uint16_t encode(float f) {
    uint32_t x = float_to_bits(f);
    uint32_t sign = (x >> 16) & 0x8000u;
    uint32_t a = x & 0x7fffffffu;
    // normal result: rebias the exponent and round the 13 dropped bits
    uint32_t rounded = a + 0xfffu + ((a >> 13) & 1u);
    uint32_t normal = (rounded - 0x38000000u) >> 13;
    // subnormal result: let float addition align and round the mantissa
    uint32_t sub = float_to_bits(bits_to_float(a) + 0.5f) - 0x3f000000u;
    uint32_t r = a < 0x38800000u ? sub : normal;
    r = rounded >= 0x47800000u ? 0x7c00u : r;
    r = a > 0x7f800000u ? (0x7e00u | ((a >> 13) & 0x3ffu)) : r;
    return static_cast<uint16_t>(sign | r);
  }
  static float decode(uint16_t h) {
    uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16;
    uint32_t a = h & 0x7fffu;
    uint32_t normal = (a << 13) + 0x38000000u;
    uint32_t special = (a << 13) | 0x7f800000u;
    uint32_t sub = float_to_bits(static_cast<float>(a) * 5.9604644775390625e-08f);
    uint32_t r = a >= 0x7c00u ? special : (a < 0x0400u ? sub : normal);
    return bits_to_float(sign | r);
  }
};

// The upper half of an IEEE binary32.
struct BFloat16 {
  uint16_t bits;
  BFloat16() = default;
  BFloat16(float f) : bits(encode(f)) {}
  operator float() const { return bits_to_float(static_cast<uint32_t>(bits) << 16); }

  static uint16_t encode(float f) {
    uint32_t x = float_to_bits(f);
    uint32_t r = (x + 0x7fffu + ((x >> 16) & 1u)) >> 16;
    return static_cast<uint16_t>((x & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : r);
  }
};

constexpr int kItemSize[kNumDTypes] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
inline int itemsize(DType d) { return kItemSize[static_cast<int>(d)]; }
inline bool is_complex(DType d) { return d >= DType::Complex64; }
inline bool is_float(DType d) { return d >= DType::Float16 && d <= DType::Float64; }
inline bool is_half(DType d) { return d == DType::Float16 || d == DType::BFloat16; }
inline bool is_integral(DType d) { return d >= DType::UInt8 && d <= DType::Int64; }
inline bool is_integral_or_bool(DType d) { return d <= DType::Int64; }
inline bool is_differentiable(DType d) { return d >= DType::Float16; }

// PyTorch's two names of a dtype: the scalar-type name of error texts ("Float") and the Python name.
const char* dtype_name(DType d);        // "float32"
const char* scalar_type_name(DType d);  // "Float"

// The real dtype of a complex dtype's parts, and back; other dtypes stay as they are.
inline DType to_real(DType d) {
  return d == DType::Complex64 ? DType::Float32 : d == DType::Complex128 ? DType::Float64 : d;
}
inline DType to_complex(DType d) {
  if (d == DType::Float64 || d == DType::Complex128) return DType::Complex128;
  return DType::Complex64;
}
// What a half type is computed in; other dtypes compute in themselves.
inline DType compute_dtype(DType d) { return is_half(d) ? DType::Float32 : d; }

template <class T>
struct DTypeOf;
#define TORCHY_DTYPE_OF(T, D)                \
  template <>                                \
  struct DTypeOf<T> {                        \
    static constexpr DType value = DType::D; \
  }
TORCHY_DTYPE_OF(bool, Bool);
TORCHY_DTYPE_OF(uint8_t, UInt8);
TORCHY_DTYPE_OF(int8_t, Int8);
TORCHY_DTYPE_OF(int16_t, Int16);
TORCHY_DTYPE_OF(int32_t, Int32);
TORCHY_DTYPE_OF(int64_t, Int64);
TORCHY_DTYPE_OF(Half, Float16);
TORCHY_DTYPE_OF(BFloat16, BFloat16);
TORCHY_DTYPE_OF(float, Float32);
TORCHY_DTYPE_OF(double, Float64);
TORCHY_DTYPE_OF(c64, Complex64);
TORCHY_DTYPE_OF(c128, Complex128);
#undef TORCHY_DTYPE_OF

template <class T>
struct IsComplex : std::false_type {};
template <class T>
struct IsComplex<std::complex<T>> : std::true_type {};
template <class T>
struct IsHalf : std::bool_constant<std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>> {};

template <class T>
struct TypeTag {
  using type = T;
};

// visit_dtype(d, [&](auto tag) { using T = typename decltype(tag)::type; ... })
template <class F>
decltype(auto) visit_dtype(DType d, F&& f) {
  switch (d) {
    case DType::Bool: return f(TypeTag<bool>{});
    case DType::UInt8: return f(TypeTag<uint8_t>{});
    case DType::Int8: return f(TypeTag<int8_t>{});
    case DType::Int16: return f(TypeTag<int16_t>{});
    case DType::Int32: return f(TypeTag<int32_t>{});
    case DType::Int64: return f(TypeTag<int64_t>{});
    case DType::Float16: return f(TypeTag<Half>{});
    case DType::BFloat16: return f(TypeTag<BFloat16>{});
    case DType::Float32: return f(TypeTag<float>{});
    case DType::Float64: return f(TypeTag<double>{});
    case DType::Complex64: return f(TypeTag<c64>{});
    default: return f(TypeTag<c128>{});
  }
}

// For kernels that only move elements: one instance per element width.
struct Bytes16 {
  uint64_t a, b;
};
template <class F>
decltype(auto) visit_width(int width, F&& f) {
  switch (width) {
    case 1: return f(TypeTag<uint8_t>{});
    case 2: return f(TypeTag<uint16_t>{});
    case 4: return f(TypeTag<uint32_t>{});
    case 8: return f(TypeTag<uint64_t>{});
    default: return f(TypeTag<Bytes16>{});
  }
}

// Conversion between any two element types (complex to real keeps the real part, as a cast does).
// Out-of-range floats become integers the way x86 truncation does, without undefined behaviour.
template <class To, class From>
inline To convert(From v) {
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else if constexpr (IsHalf<From>::value) {
    return convert<To>(static_cast<float>(v));
  } else if constexpr (IsComplex<From>::value) {
    if constexpr (IsComplex<To>::value) {
      using R = typename To::value_type;
      return To(static_cast<R>(v.real()), static_cast<R>(v.imag()));
    } else if constexpr (std::is_same_v<To, bool>) {
      return v.real() != 0 || v.imag() != 0;
    } else {
      return convert<To>(v.real());
    }
  } else if constexpr (IsComplex<To>::value) {
    return To(convert<typename To::value_type>(v), 0);
  } else if constexpr (IsHalf<To>::value) {
    return To(static_cast<float>(v));
  } else if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (!(v >= From(-9223372036854775808.0) && v < From(9223372036854775808.0))) return static_cast<To>(INT64_MIN);
    return static_cast<To>(static_cast<int64_t>(v));
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace torchy
