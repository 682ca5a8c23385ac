// Operations of the pointwise and activation tables that need more than one block function: modes
// given as text, optional bounds, checks of arguments. Layer: kernels.
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "../core/shape.h"
#include "pointwise.h"

namespace torchy::kernels {

Tensor div_mode(const Operand& self, const Operand& other, const std::optional<std::string>& rounding_mode) {
  if (!rounding_mode) return pointwise2(Pw::div, self, other);
  if (*rounding_mode == "trunc") return pointwise2(Pw::div_trunc, self, other);
  if (*rounding_mode == "floor") return pointwise2(Pw::floor_divide, self, other);
  fail("div: rounding_mode is '", *rounding_mode, "'; it must be None, 'trunc' or 'floor'");
}

Tensor float_power(const Operand& self, const Operand& exponent) {
  const DType d = result_type(self, exponent);
  const Scalar one = is_complex(d) ? Scalar(c128(1)) : Scalar(1.0);
  // Both sides with dims of their own: the product with a 0-d number of the wide dtype converts
  // them.
  const DType wide = is_complex(d) ? DType::Complex128 : DType::Float64;
  auto widen = [&](const Operand& o) {
    Tensor t = o.is_tensor() ? empty(o.impl()->sizes(), wide) : empty({}, wide);
    pointwise2_into(Pw::mul, t, o, one);
    return t;
  };
  return pointwise2(Pw::pow, widen(self), widen(exponent));
}

Tensor round_decimals(const Tensor& self, int64_t decimals) {
  if (is_integral(self.dtype())) {
    TORCHY_CHECK(decimals == 0, "round: not implemented for dtype ", dtype_name(self.dtype()),
                 " with decimals; convert to a floating dtype first");
    return pointwise1(Pw::round, self);
  }
  if (decimals == 0) return pointwise1(Pw::round, self);
  const double power = std::pow(10.0, std::fabs(double(decimals)));
  const Scalar params[] = {Scalar(power), Scalar(decimals < 0 ? 1.0 : 0.0)};
  return pointwise1(Pw::round_decimals, self, params, 2);
}

Tensor logit(const Tensor& self, const std::optional<Scalar>& eps) {
  const Scalar low = eps ? Scalar(eps->to_double()) : Scalar(-1.0);
  return pointwise1(Pw::logit, self, &low, 1);
}

Tensor logit_mask(const Tensor& self, const std::optional<Scalar>& eps) {
  const double low = eps ? eps->to_double() : 0.0;
  return pointwise2(Pw::logical_and, pointwise2(Pw::ge, self, low), pointwise2(Pw::le, self, 1 - low));
}

Tensor polygamma(int64_t n, const Tensor& self) {
  TORCHY_CHECK(n >= 0, "polygamma: n is ", n, "; it must be at least 0");
  if (n == 0) return pointwise1(Pw::digamma, self);
  const Scalar order(n);
  return pointwise1(Pw::polygamma, self, &order, 1);
}

Tensor isclose(const Tensor& self, const Tensor& other, double rtol, double atol, bool equal_nan) {
  TORCHY_CHECK(self.dtype() == other.dtype(), "isclose: expected one dtype, but got ", dtype_name(self.dtype()),
               " and ", dtype_name(other.dtype()));
  TORCHY_CHECK(rtol >= 0, "isclose: rtol is ", rtol, "; it must not be negative");
  TORCHY_CHECK(atol >= 0, "isclose: atol is ", atol, "; it must not be negative");
  const Scalar params[] = {Scalar(rtol), Scalar(atol), Scalar(equal_nan)};
  return pointwise2(Pw::isclose, self, other, params, 3);
}

// ---- clamp: bounds may be missing; min > max gives max

static Tensor clamp_any(const Tensor& self, const Operand* min, const Operand* max) {
  TORCHY_CHECK(min || max, "clamp: at least one of min and max must be given");
  if (self.is_complex()) fail_not_implemented("clamp: not implemented for dtype ", dtype_name(self.dtype()));
  if (!max) return pointwise2(Pw::maximum, self, *min);
  if (!min) return pointwise2(Pw::minimum, self, *max);
  return pointwise3(Pw::clamp, self, *min, *max);
}

static Tensor mask_any(const Tensor& self, const Operand* min, const Operand* max) {
  if (!max) return pointwise2(Pw::ge, self, *min);
  if (!min) return pointwise2(Pw::le, self, *max);
  return pointwise2(Pw::logical_and, pointwise2(Pw::ge, self, *min), pointwise2(Pw::le, self, *max));
}

template <class F>
static Tensor with_numbers(F f, const Tensor& self, const std::optional<Scalar>& min,
                           const std::optional<Scalar>& max) {
  const Operand low(min ? *min : Scalar()), high(max ? *max : Scalar());
  return f(self, min ? &low : nullptr, max ? &high : nullptr);
}
template <class F>
static Tensor with_tensors(F f, const Tensor& self, const Tensor& min, const Tensor& max) {
  const Operand low(min), high(max);
  return f(self, min.defined() ? &low : nullptr, max.defined() ? &high : nullptr);
}

Tensor clamp(const Tensor& self, const std::optional<Scalar>& min, const std::optional<Scalar>& max) {
  return with_numbers(clamp_any, self, min, max);
}
Tensor clamp_Tensor(const Tensor& self, const Tensor& min, const Tensor& max) {
  return with_tensors(clamp_any, self, min, max);
}
Tensor clamp_mask(const Tensor& self, const std::optional<Scalar>& min, const std::optional<Scalar>& max) {
  return with_numbers(mask_any, self, min, max);
}
Tensor clamp_mask_Tensor(const Tensor& self, const Tensor& min, const Tensor& max) {
  return with_tensors(mask_any, self, min, max);
}

// ---- special values

template <class T>
static void finite_limits(double& low, double& high) {
  low = double(std::numeric_limits<T>::lowest());
  high = double(std::numeric_limits<T>::max());
}

Tensor nan_to_num(const Tensor& self, std::optional<double> nan, std::optional<double> posinf,
                  std::optional<double> neginf) {
  double low = 0, high = 0;
  switch (to_real(self.dtype())) {
    case DType::Float16: low = -65504, high = 65504; break;
    case DType::BFloat16: low = -3.3895313892515355e38, high = 3.3895313892515355e38; break;
    case DType::Float32: finite_limits<float>(low, high); break;
    case DType::Float64: finite_limits<double>(low, high); break;
    default: break;
  }
  const Scalar params[] = {Scalar(nan.value_or(0.0)), Scalar(posinf.value_or(high)), Scalar(neginf.value_or(low))};
  return pointwise1(Pw::nan_to_num, self, params, 3);
}

// ---- activations

Tensor celu(const Tensor& self, double alpha) {
  TORCHY_CHECK(alpha != 0, "celu: alpha is 0; it must not be zero");
  const Scalar params[] = {Scalar(alpha), Scalar(1.0), Scalar(1 / alpha)};
  return pointwise1(Pw::elu, self, params, 3);
}

static bool is_tanh(const std::string& approximate) {
  TORCHY_CHECK(approximate == "none" || approximate == "tanh", "gelu: approximate is '", approximate,
               "'; it must be 'none' or 'tanh'");
  return approximate == "tanh";
}

Tensor gelu(const Tensor& self, const std::string& approximate) {
  return pointwise1(is_tanh(approximate) ? Pw::gelu_tanh : Pw::gelu, self);
}
Tensor gelu_backward(const Tensor& grad_output, const Tensor& self, const std::string& approximate) {
  return pointwise2(is_tanh(approximate) ? Pw::gelu_tanh_backward : Pw::gelu_backward, grad_output, self);
}

Tensor softshrink(const Tensor& self, const Scalar& lambd) {
  TORCHY_CHECK(lambd.to_double() >= 0, "softshrink: lambd is ", lambd, "; it must be at least 0");
  return pointwise1(Pw::softshrink, self, &lambd, 1);
}

int64_t glu_half(const Tensor& self, int64_t dim) {
  TORCHY_CHECK(self.ndim() > 0, "glu: the input is 0-d; it needs at least one dimension");
  const int64_t size = self.size(dim);
  TORCHY_CHECK(size % 2 == 0, "glu: dimension ", dim, " has odd size ", size, "; it must be even");
  return size / 2;
}

}  // namespace torchy::kernels
