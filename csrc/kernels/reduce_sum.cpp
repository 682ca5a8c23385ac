// sum, mean, nansum, prod, count_nonzero, any, all, sum_to_size. Layer: kernels.
#include "reduce_fold.h"

namespace torchy::kernels {
namespace {

using OptDType = std::optional<DType>;

// ------------------------------------------------------------------------------------------ sums

// Float sums: leaves in the element type, merged in double, stored as `dtype`, divided for a mean.
template <class T>
class FloatSum final : public Reducer {
 public:
  FloatSum(SumKind kind, bool mean, Tensor& out)
      : Reducer(sizeof(T), sizeof(double)), kind_(int(kind)), mean_(mean), dtype_(out.dtype()), out_(out.raw()) {
    if (torchy::is_complex(dtype_)) dtype_ = to_real(dtype_);
  }
  void rows(const char* x, int64_t rows, int64_t n, const RowSite&, char* acc) override {
    loops().sum_rows[kind_](reinterpret_cast<const T*>(x), rows, n, at(acc));
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t, int64_t, char* acc) override {
    loops().sum_cols[kind_](reinterpret_cast<const T*>(x), n, stride, width, at(acc));
  }
  void merge(char* a, int64_t, const char* b, int64_t, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) at(a)[i] += reinterpret_cast<const double*>(b)[i];
  }
  void identity(char* acc, int64_t count) override { std::fill_n(at(acc), count, 0.0); }
  void finish(const char* acc, int64_t count, int64_t n, int64_t out0) override {
    const double* sums = reinterpret_cast<const double*>(acc);
    switch (dtype_) {
      case DType::Float32: return store<float>(sums, count, n, out0);
      case DType::Float64: return store<double>(sums, count, n, out0);
      case DType::Float16: return store<Half>(sums, count, n, out0);
      default: return store<BFloat16>(sums, count, n, out0);
    }
  }

 private:
  static const FloatLoops<T>& loops() { return float_loops<T>(); }
  static double* at(char* acc) { return reinterpret_cast<double*>(acc); }
  template <class Out>
  void store(const double* sums, int64_t count, int64_t n, int64_t out0) {
    Out* out = reinterpret_cast<Out*>(out_) + out0;
    for (int64_t i = 0; i < count; ++i)
      out[i] = Out(static_cast<float_or_double<Out>>(mean_ ? sums[i] / double(n) : sums[i]));
  }
  template <class Out>
  using float_or_double = std::conditional_t<std::is_same_v<Out, double>, double, float>;

  int kind_;
  bool mean_;
  DType dtype_;
  char* out_;
};

template <class T>
struct AddInt {
  char* out;
  DType dtype;
  int64_t start() const { return 0; }
  void add(int64_t& a, T x) const { a = plus(a, int64_t(x)); }
  void merge(int64_t& a, int64_t b) const { a = plus(a, b); }
  void finish(int64_t a, int64_t, int64_t i) const {
    if (dtype == DType::Int64) reinterpret_cast<int64_t*>(out)[i] = a;
    else Scalar(a).store(dtype, out + i * itemsize(dtype));
  }
};

void run_float_sum(SumKind kind, bool mean, const ReducePlan& plan, Tensor& out) {
  if (to_real(plan.src.dtype()) == DType::Float64) {
    FloatSum<double> reducer(kind, mean, out);
    run_reduction(reducer, plan);
  } else {
    FloatSum<float> reducer(kind, mean, out);
    run_float_reduction(reducer, plan);
  }
}

void run_int_sum(const ReducePlan& plan, Tensor& out) {
  visit_dtype(plan.src.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) run_fold<T, int64_t>(plan, AddInt<T>{out.raw(), out.dtype()});
  });
}

// The input of a sum or product whose result has `dtype`: converted as PyTorch does, but integers are
// read as they are, and half types that are to be summed in float32 too.
Tensor summand(const Tensor& self, DType dtype) {
  const bool both_whole = is_integral_or_bool(dtype) && is_integral_or_bool(self.dtype());
  const bool widens = dtype == DType::Float32 && is_half(self.dtype());
  return both_whole || widens ? self : to_dtype(self, dtype);
}

// `dtype` is the result's. Half types are added in float32.
Tensor sum_as(const Tensor& self, uint64_t mask, bool keepdim, DType dtype, SumKind kind, bool mean = false) {
  const bool floating = is_differentiable(dtype);
  const Tensor x = summand(self, dtype);
  const ReducePlan plan = make_plan(x, mask, keepdim, x.is_complex() ? PlanFor::Pairs : PlanFor::Any);
  Tensor out = plan.make_output(dtype);
  if (floating) run_float_sum(kind, mean, plan, out);
  else run_int_sum(plan, out);
  return plan.done(out);
}

DType sum_dtype(const Tensor& self, const OptDType& dtype) {
  if (dtype) return *dtype;
  return is_integral_or_bool(self.dtype()) ? DType::Int64 : self.dtype();
}

DType mean_dtype(const Tensor& self, const OptDType& dtype) {
  const DType d = dtype.value_or(self.dtype());
  TORCHY_CHECK(is_differentiable(d), "mean: could not infer output dtype; ", dtype ? "dtype=" : "the input",
               " must be floating point or complex, got ", scalar_type_name(d), "; pass dtype=torch.float32");
  return d;
}

}  // namespace

Tensor sum(const Tensor& self, std::optional<DType> dtype) {
  return sum_as(self, full_mask(self), false, sum_dtype(self, dtype), SumKind::Sum);
}
Tensor sum_dim(const Tensor& self, const OptDims& dim, bool keepdim, std::optional<DType> dtype) {
  return sum_as(self, mask_of(self, dim, "sum"), keepdim, sum_dtype(self, dtype), SumKind::Sum);
}
Tensor mean(const Tensor& self, std::optional<DType> dtype) {
  return sum_as(self, full_mask(self), false, mean_dtype(self, dtype), SumKind::Sum, true);
}
Tensor mean_dim(const Tensor& self, const OptDims& dim, bool keepdim, std::optional<DType> dtype) {
  return sum_as(self, mask_of(self, dim, "mean"), keepdim, mean_dtype(self, dtype), SumKind::Sum, true);
}
Tensor nansum(const Tensor& self, const OptDims& dim, bool keepdim, std::optional<DType> dtype) {
  TORCHY_CHECK(!self.is_complex(), "nansum: got ", scalar_type_name(self.dtype()),
               "; complex inputs are not supported, use sum");
  return sum_as(self, mask_of(self, dim, "nansum"), keepdim, sum_dtype(self, dtype), SumKind::NanSum);
}

Tensor sum_to_size(const Tensor& self, IntSpan size) {
  TORCHY_CHECK(broadcastable_to(size, self.sizes()), "sum_to_size: size ", size, " is not expandable to ", self.sizes(),
               "; give a shape that broadcasts to it");
  if (size == self.sizes()) return to_copy(self, self.dtype());
  const int64_t lead = self.ndim() - int64_t(size.size());
  uint64_t mask = 0;
  for (int64_t d = 0; d < self.ndim(); ++d)
    if (d < lead || (size[size_t(d - lead)] == 1 && self.sizes()[size_t(d)] != 1)) mask |= uint64_t(1) << d;
  DType dtype = is_integral_or_bool(self.dtype()) ? DType::Int64 : self.dtype();
  Tensor r = sum_as(self, mask, true, dtype, SumKind::Sum);
  return alias(r, size, contiguous_strides(size), r.offset());
}

// ------------------------------------------------------------------------------------------ prod

namespace {

template <class T>
struct Multiply {
  using A = Wide<T>;
  char* out;
  DType dtype;
  A start() const { return A(1); }
  void add(A& a, T x) const { a = times(a, convert<A>(x)); }
  void merge(A& a, A b) const { a = times(a, b); }
  void finish(A a, int64_t, int64_t i) const { Scalar(a).store(dtype, out + i * itemsize(dtype)); }
};

// Float products, in double.
template <class T>
class FloatProduct final : public Reducer {
 public:
  explicit FloatProduct(Tensor& out) : Reducer(sizeof(T), sizeof(double)), dtype_(out.dtype()), out_(out.raw()) {}
  void rows(const char* x, int64_t rows, int64_t n, const RowSite&, char* acc) override {
    float_loops<T>().product_rows(reinterpret_cast<const T*>(x), rows, n, at(acc));
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t, int64_t, char* acc) override {
    float_loops<T>().product_cols(reinterpret_cast<const T*>(x), n, stride, width, at(acc));
  }
  void merge(char* a, int64_t, const char* b, int64_t, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) at(a)[i] *= reinterpret_cast<const double*>(b)[i];
  }
  void identity(char* acc, int64_t count) override { std::fill_n(at(acc), count, 1.0); }
  void finish(const char* acc, int64_t count, int64_t, int64_t out0) override {
    convert_block(out_ + out0 * itemsize(dtype_), dtype_, acc, DType::Float64, count);
  }

 private:
  static double* at(char* acc) { return reinterpret_cast<double*>(acc); }
  DType dtype_;
  char* out_;
};

Tensor prod_as(const Tensor& self, uint64_t mask, bool keepdim, DType dtype) {
  const Tensor x = summand(self, dtype);
  const ReducePlan plan = make_plan(x, mask, keepdim);
  Tensor out = plan.make_output(dtype);
  if (x.dtype() == DType::Float64) {
    FloatProduct<double> reducer(out);
    run_reduction(reducer, plan);
  } else if (is_float(x.dtype())) {
    FloatProduct<float> reducer(out);
    run_float_reduction(reducer, plan);
  } else {
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!std::is_floating_point_v<T> && !IsHalf<T>::value)
        run_fold<T, Wide<T>>(plan, Multiply<T>{out.raw(), dtype});
    });
  }
  return plan.done(out);
}

}  // namespace

Tensor prod(const Tensor& self, std::optional<DType> dtype) {
  return prod_as(self, full_mask(self), false, sum_dtype(self, dtype));
}
Tensor prod_dim(const Tensor& self, int64_t dim, bool keepdim, std::optional<DType> dtype) {
  return prod_as(self, mask_of(self, dim), keepdim, sum_dtype(self, dtype));
}

// -------------------------------------------------------------------------------- counts, any, all

namespace {

enum class CountAs : uint8_t { Count, Any, All };

template <class T>
struct CountNonzero {
  char* out;
  DType dtype;
  CountAs what;
  int64_t start() const { return 0; }
  void add(int64_t& a, T x) const {
    if constexpr (IsHalf<T>::value) a += (x.bits & 0x7fff) != 0;
    else a += x != T(0);
  }
  void merge(int64_t& a, int64_t b) const { a += b; }
  void finish(int64_t a, int64_t n, int64_t i) const {
    switch (what) {
      case CountAs::Count: reinterpret_cast<int64_t*>(out)[i] = a; break;
      case CountAs::Any: reinterpret_cast<uint8_t*>(out)[i] = a != 0; break;
      default: reinterpret_cast<uint8_t*>(out)[i] = a == n;
    }
  }
};

Tensor count_as(const Tensor& self, uint64_t mask, bool keepdim, CountAs what) {
  const ReducePlan plan = make_plan(self, mask, keepdim);
  const DType dtype = what == CountAs::Count ? DType::Int64 : self.dtype() == DType::UInt8 ? DType::UInt8 : DType::Bool;
  Tensor out = plan.make_output(dtype);
  visit_dtype(self.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_fold<T, int64_t>(plan, CountNonzero<T>{out.raw(), dtype, what});
  });
  return plan.done(out);
}

// PyTorch: an empty list of dims reduces nothing here, None everything.
uint64_t truth_mask(const Tensor& self, const OptDims& dim, const char* op) {
  return dim && dim->empty() ? 0 : mask_of(self, dim, op);
}

}  // namespace

Tensor count_nonzero(const Tensor& self, const OptDims& dim) {
  return count_as(self, mask_of(self, dim, "count_nonzero"), false, CountAs::Count);
}
Tensor any(const Tensor& self) { return count_as(self, full_mask(self), false, CountAs::Any); }
Tensor any_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return count_as(self, mask_of(self, dim), keepdim, CountAs::Any);
}
Tensor any_dims(const Tensor& self, const OptDims& dim, bool keepdim) {
  return count_as(self, truth_mask(self, dim, "any"), keepdim, CountAs::Any);
}
Tensor all(const Tensor& self) { return count_as(self, full_mask(self), false, CountAs::All); }
Tensor all_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return count_as(self, mask_of(self, dim), keepdim, CountAs::All);
}
Tensor all_dims(const Tensor& self, const OptDims& dim, bool keepdim) {
  return count_as(self, truth_mask(self, dim, "all"), keepdim, CountAs::All);
}

}  // namespace torchy::kernels
