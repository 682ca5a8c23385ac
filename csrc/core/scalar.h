// Scalar: a Python number on its way to a kernel; never becomes a tensor. Layer: core.
#pragma once

#include "dtype.h"
#include "error.h"

namespace torchy {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float, Complex };

  Scalar() : kind_(Kind::Int) { v_.i = 0; }
  Scalar(bool b) : kind_(Kind::Bool) { v_.i = b; }
  Scalar(int i) : kind_(Kind::Int) { v_.i = i; }
  Scalar(int64_t i) : kind_(Kind::Int) { v_.i = i; }
  Scalar(float d) : kind_(Kind::Float) { v_.d = d; }
  Scalar(double d) : kind_(Kind::Float) { v_.d = d; }
  Scalar(c128 c) : kind_(Kind::Complex) {
    v_.d = c.real();
    imag_ = c.imag();
  }

  Kind kind() const { return kind_; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  bool is_integral() const { return kind_ <= Kind::Int; }
  bool is_float() const { return kind_ == Kind::Float; }
  bool is_complex() const { return kind_ == Kind::Complex; }

  double to_double() const { return kind_ >= Kind::Float ? v_.d : static_cast<double>(v_.i); }
  int64_t to_int() const { return kind_ >= Kind::Float ? convert<int64_t>(v_.d) : v_.i; }
  c128 to_complex() const { return c128(to_double(), kind_ == Kind::Complex ? imag_ : 0.0); }
  bool is_zero() const { return kind_ >= Kind::Float ? (v_.d == 0 && imag_ == 0) : v_.i == 0; }
  bool is_one() const { return kind_ >= Kind::Float ? (v_.d == 1 && imag_ == 0) : v_.i == 1; }

  template <class T>
  T to() const {
    switch (kind_) {
      case Kind::Bool:
      case Kind::Int: return convert<T>(v_.i);
      case Kind::Float: return convert<T>(v_.d);
      default: return convert<T>(c128(v_.d, imag_));
    }
  }
  // Writes the value as one element of dtype `d`.
  void store(DType d, void* out) const {
    visit_dtype(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      *static_cast<T*>(out) = to<T>();
    });
  }
  static Scalar load(DType d, const void* p) {
    return visit_dtype(d, [&](auto tag) -> Scalar {
      using T = typename decltype(tag)::type;
      T v = *static_cast<const T*>(p);
      if constexpr (IsComplex<T>::value) return Scalar(convert<c128>(v));
      else if constexpr (std::is_same_v<T, bool>) return Scalar(v);
      else if constexpr (std::is_integral_v<T>) return Scalar(static_cast<int64_t>(v));
      else return Scalar(static_cast<double>(v));
    });
  }
  std::string str() const {
    switch (kind_) {
      case Kind::Bool: return v_.i ? "True" : "False";
      case Kind::Int: return str_cat(v_.i);
      case Kind::Float: return str_cat(v_.d);
      default: return str_cat("(", v_.d, imag_ < 0 ? "" : "+", imag_, "j)");
    }
  }

 private:
  Kind kind_;
  union {
    int64_t i;
    double d;
  } v_;
  double imag_ = 0;
};

inline Scalar operator-(const Scalar& a) {
  if (a.is_complex()) return Scalar(-a.to_complex());
  return a.is_float() ? Scalar(-a.to_double()) : Scalar(-a.to_int());
}
inline std::ostream& operator<<(std::ostream& out, const Scalar& s) { return out << s.str(); }

}  // namespace torchy
