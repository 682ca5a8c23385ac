// var, std, var_mean, std_mean, vector norms, logsumexp. Layer: kernels.
#include <cmath>

#include "kernels_gen.h"
#include "pointwise.h"
#include "reduce_fold.h"

namespace torchy::kernels {
namespace {

// -------------------------------------------------------------------------------------- variance

// Parallel form of the sums of squared deviations: Chan, Golub, LeVeque, "Updating formulae" (1979).
// A complex variance is that of the real plus that of the imaginary parts, which are neighbours.
template <class T>
class VarianceOf final : public Reducer {
 public:
  VarianceOf(double correction, bool root, bool pairs, T* out, T* mean)
      : Reducer(sizeof(T), sizeof(Moments)),
        correction_(correction),
        root_(root),
        pairs_(pairs),
        out_(out),
        mean_(mean) {}
  void rows(const char* x, int64_t rows, int64_t n, const RowSite&, char* acc) override {
    float_loops<T>().moment_rows(reinterpret_cast<const T*>(x), rows, n, at(acc));
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t, int64_t, char* acc) override {
    float_loops<T>().moment_cols(reinterpret_cast<const T*>(x), n, stride, width, at(acc));
  }
  void merge(char* a, int64_t na, const char* b, int64_t nb, int64_t count) override {
    const double weight = double(nb) / double(na + nb), both = double(na) * weight;
    for (int64_t i = 0; i < count; ++i) {
      Moments& m = at(a)[i];
      const Moments& o = reinterpret_cast<const Moments*>(b)[i];
      const double delta = o.mean - m.mean;
      m.mean += delta * weight;
      m.m2 += o.m2 + delta * delta * both;
    }
  }
  void identity(char* acc, int64_t count) override { std::fill_n(at(acc), count, Moments{std::nan(""), 0.0}); }
  void finish(const char* acc, int64_t count, int64_t n, int64_t out0) override {
    const Moments* m = reinterpret_cast<const Moments*>(acc);
    const double divisor = std::max(0.0, double(n) - correction_);
    if (mean_)
      for (int64_t i = 0; i < count; ++i) mean_[out0 + i] = T(m[i].mean);
    const int64_t step = pairs_ ? 2 : 1;
    for (int64_t i = 0; i < count; i += step) {
      const double var = (m[i].m2 + (pairs_ ? m[i + 1].m2 : 0.0)) / divisor;
      out_[(out0 + i) / step] = T(root_ ? std::sqrt(var) : var);
    }
  }

 private:
  static Moments* at(char* acc) { return reinterpret_cast<Moments*>(acc); }
  double correction_;
  bool root_, pairs_;
  T *out_, *mean_;
};

// (variance or its root, mean); the mean only if wanted.
std::tuple<Tensor, Tensor> moments(const Tensor& self, const OptDims& dim, const std::optional<Scalar>& correction,
                                   bool keepdim, bool root, bool want_mean, const char* op) {
  TORCHY_CHECK(is_differentiable(self.dtype()), op, ": std and var only support floating point and ",
               "complex dtypes, got ", scalar_type_name(self.dtype()), "; convert with .float()");
  const bool pairs = self.is_complex();
  const DType compute = compute_dtype(self.dtype()), real = to_real(compute);
  const ReducePlan plan = make_plan(self, mask_of(self, dim, op), keepdim, pairs ? PlanFor::Pairs : PlanFor::Any);
  Tensor out = plan.make_output(real), mean;
  if (want_mean) mean = plan.make_output(compute);
  const double c = correction ? correction->to_double() : 1.0;
  auto run = [&](auto tag) {
    using T = typename decltype(tag)::type;
    VarianceOf<T> reducer(c, root, pairs, out.data<T>(), want_mean ? mean.data<T>() : nullptr);
    run_float_reduction(reducer, plan);
  };
  if (real == DType::Float64) run(TypeTag<double>{});
  else run(TypeTag<float>{});
  const DType result = pairs ? real : self.dtype();
  if (want_mean) mean = to_dtype(plan.done(mean), self.dtype());
  return {to_dtype(plan.done(out), result), mean};
}

}  // namespace

Tensor var_correction(const Tensor& self, const OptDims& dim, const std::optional<Scalar>& correction, bool keepdim) {
  return std::get<0>(moments(self, dim, correction, keepdim, false, false, "var"));
}
Tensor std_correction(const Tensor& self, const OptDims& dim, const std::optional<Scalar>& correction, bool keepdim) {
  return std::get<0>(moments(self, dim, correction, keepdim, true, false, "std"));
}
std::tuple<Tensor, Tensor> var_mean_correction(const Tensor& self, const OptDims& dim,
                                               const std::optional<Scalar>& correction, bool keepdim) {
  return moments(self, dim, correction, keepdim, false, true, "var_mean");
}
std::tuple<Tensor, Tensor> std_mean_correction(const Tensor& self, const OptDims& dim,
                                               const std::optional<Scalar>& correction, bool keepdim) {
  return moments(self, dim, correction, keepdim, true, true, "std_mean");
}

// ----------------------------------------------------------------------------------------- norms

namespace {

enum class NormKind : uint8_t { Zero, One, Two, Max, Min, Power };

NormKind kind_of(double p) {
  if (p == 0) return NormKind::Zero;
  if (p == 1) return NormKind::One;
  if (p == 2) return NormKind::Two;
  if (std::isinf(p)) return p > 0 ? NormKind::Max : NormKind::Min;
  return NormKind::Power;
}

double root_of(NormKind kind, double p, double total) {
  if (kind == NormKind::Two) return std::sqrt(total);
  return kind == NormKind::Power ? std::pow(total, 1.0 / p) : total;
}

// Any norm of any type, in double.
template <class T>
struct NormOf {
  using R = std::conditional_t<std::is_same_v<T, double> || std::is_same_v<T, c128>, double, float>;
  NormKind kind;
  double p;
  R* out;
  double start() const { return kind == NormKind::Min ? HUGE_VAL : 0.0; }
  void add(double& a, T x) const {
    double v;
    if constexpr (IsComplex<T>::value) v = std::hypot(double(x.real()), double(x.imag()));
    else v = std::fabs(double(x));
    switch (kind) {
      case NormKind::Zero: a += v != 0; break;
      case NormKind::One: a += v; break;
      case NormKind::Two: a += v * v; break;
      case NormKind::Max:
      case NormKind::Min: merge(a, v); break;
      default: a += std::pow(v, p);
    }
  }
  void merge(double& a, double b) const {
    if (kind == NormKind::Max) a = (b > a || b != b) && a == a ? b : a;
    else if (kind == NormKind::Min) a = (b < a || b != b) && a == a ? b : a;
    else a += b;
  }
  void finish(double a, int64_t, int64_t i) const { out[i] = R(root_of(kind, p, a)); }
};

// p = 1 and 2 of real numbers with the vector loops. The 2-norm notes when squares may have left the
// range of T, so that the caller can repeat it in double.
template <class T>
class QuickNorm final : public Reducer {
 public:
  QuickNorm(bool two, T* out) : Reducer(sizeof(T), sizeof(double)), two_(two), out_(out) {}
  void rows(const char* x, int64_t rows, int64_t n, const RowSite&, char* acc) override {
    float_loops<T>().sum_rows[kind()](reinterpret_cast<const T*>(x), rows, n, at(acc));
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t, int64_t, char* acc) override {
    float_loops<T>().sum_cols[kind()](reinterpret_cast<const T*>(x), n, stride, width, at(acc));
  }
  void merge(char* a, int64_t, const char* b, int64_t, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) at(a)[i] += reinterpret_cast<const double*>(b)[i];
  }
  void identity(char* acc, int64_t count) override { std::fill_n(at(acc), count, 0.0); }
  void finish(const char* acc, int64_t count, int64_t, int64_t out0) override {
    const double* sums = reinterpret_cast<const double*>(acc);
    for (int64_t i = 0; i < count; ++i) out_[out0 + i] = T(two_ ? std::sqrt(sums[i]) : sums[i]);
  }

 private:
  int kind() const { return int(two_ ? SumKind::Square : SumKind::Abs); }
  static double* at(char* acc) { return reinterpret_cast<double*>(acc); }
  bool two_;
  T* out_;
};

template <class T>
bool squares_in_range(const Tensor& norms) {
  const T* v = norms.data<T>();
  bool fine = true;
  for (int64_t i = 0; i < norms.numel(); ++i)
    fine &= (v[i] > T(1e-16) && v[i] < std::numeric_limits<T>::infinity()) || v[i] != v[i];
  return fine;
}

template <class T>
void run_norm(const ReducePlan& plan, double p, Tensor& out) {
  using R = typename NormOf<T>::R;
  const NormKind kind = kind_of(p);
  if constexpr (!IsComplex<T>::value) {
    if (kind == NormKind::One || kind == NormKind::Two) {
      QuickNorm<T> reducer(kind == NormKind::Two, out.data<T>());
      run_reduction(reducer, plan);
      if (kind == NormKind::One || squares_in_range<T>(out)) return;
    }
  }
  run_fold<T, double>(plan, NormOf<T>{kind, p, out.data<R>()});
}

}  // namespace

Tensor linalg_vector_norm(const Tensor& self, double ord, const OptDims& dim, bool keepdim,
                          std::optional<DType> dtype) {
  TORCHY_CHECK(is_differentiable(self.dtype()),
               "linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
               scalar_type_name(self.dtype()), "; convert with .float()");
  const DType want = dtype.value_or(self.dtype());
  TORCHY_CHECK(is_differentiable(want) && torchy::is_complex(want) == self.is_complex(), "linalg.vector_norm: dtype ",
               dtype_name(want), " for an input of ", dtype_name(self.dtype()),
               "; both must be real floating point, or both complex");
  TORCHY_CHECK(itemsize(want) >= itemsize(self.dtype()), "linalg.vector_norm: dtype ", dtype_name(want),
               " would narrow the input's ", dtype_name(self.dtype()), "; convert the input first");
  const uint64_t mask = mask_of(self, dim, "linalg.vector_norm");
  const DType compute = compute_dtype(want);
  const ReducePlan plan = make_plan(to_dtype(self, compute), mask, keepdim);
  TORCHY_CHECK(plan.reduced() != 0 || (ord >= 0 && !std::isinf(ord)), "linalg.vector_norm: cannot compute the ", ord,
               " norm on an empty tensor because the ", "operation does not have an identity; pass a non-empty tensor");
  Tensor out = plan.make_output(to_real(compute));
  switch (compute) {
    case DType::Float32: run_norm<float>(plan, ord, out); break;
    case DType::Float64: run_norm<double>(plan, ord, out); break;
    case DType::Complex64: run_norm<c64>(plan, ord, out); break;
    default: run_norm<c128>(plan, ord, out);
  }
  return to_dtype(plan.done(out), torchy::is_complex(want) ? to_real(want) : want);
}

// ------------------------------------------------------------------------------------- logsumexp

namespace {

// log of the sum of exp(x - shift[out]) + shift[out]; an infinite shift counts as 0.
template <class T>
class LogSumExp final : public Reducer {
 public:
  LogSumExp(const T* shift, T* out) : Reducer(sizeof(T), sizeof(double)), shift_(shift), out_(out) {}
  void rows(const char* x, int64_t rows, int64_t n, const RowSite& site, char* acc) override {
    for (int64_t r = 0; r < rows; ++r)
      at(acc)[r] = float_loops<T>().exp_sum(reinterpret_cast<const T*>(x) + r * n, nullptr, n,
                                            shift_of(site.out0 + r * site.out_step));
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t, int64_t out0, char* acc) override {
    T shift[kColTile];
    for (int64_t i = 0; i < width; ++i) shift[i] = shift_of(out0 + i);
    float_loops<T>().exp_sum_cols(reinterpret_cast<const T*>(x), nullptr, n, stride, width, shift, at(acc));
  }
  void merge(char* a, int64_t, const char* b, int64_t, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) at(a)[i] += reinterpret_cast<const double*>(b)[i];
  }
  void identity(char* acc, int64_t count) override { std::fill_n(at(acc), count, 0.0); }
  void finish(const char* acc, int64_t count, int64_t n, int64_t out0) override {
    const double* sums = reinterpret_cast<const double*>(acc);
    for (int64_t i = 0; i < count; ++i) out_[out0 + i] = T(std::log(sums[i]) + (n ? double(shift_of(out0 + i)) : 0.0));
  }

 private:
  static double* at(char* acc) { return reinterpret_cast<double*>(acc); }
  T shift_of(int64_t i) const { return std::isinf(shift_[i]) ? T(0) : shift_[i]; }
  const T* shift_;
  T* out_;
};

template <class T>
void run_logsumexp(const ReducePlan& plan, const Tensor& highest, Tensor& out) {
  LogSumExp<T> reducer(highest.data<T>(), out.data<T>());
  run_reduction(reducer, plan);
}

// Shifted by the largest real part, which decides the size of exp.
Tensor complex_logsumexp(const Tensor& self, const OptDims& dim, bool keepdim) {
  Tensor exps = self, shift;
  if (self.numel()) {
    shift = amax(to_dtype(self, to_real(self.dtype())), dim, true);
    shift = pointwise3(Pw::where, pointwise1(Pw::isinf, shift), Scalar(0.0), shift);
    exps = pointwise2(Pw::sub, self, shift);
  }
  const Tensor out = pointwise1(Pw::log, sum_dim(pointwise1(Pw::exp, exps), dim, keepdim, std::nullopt));
  if (!shift.defined()) return out;
  return pointwise2(Pw::add, out, torchy::alias(shift, out.sizes(), contiguous_strides(out.sizes()), shift.offset()));
}

}  // namespace

Tensor logsumexp(const Tensor& self, const OptDims& dim, bool keepdim) {
  if (self.is_complex()) return complex_logsumexp(self, dim, keepdim);
  const DType result = is_integral_or_bool(self.dtype()) ? DType::Float32 : self.dtype();
  const DType compute = compute_dtype(result);
  const uint64_t mask = mask_of(self, dim, "logsumexp");
  const ReducePlan plan = make_plan(to_dtype(self, compute), mask, keepdim);
  // The maxima, laid out as the plan lays out its outputs.
  Tensor highest, out = plan.make_output(compute);
  highest = plan.make_output(compute);
  if (plan.reduced() != 0) max_in_plan(plan, highest);
  if (compute == DType::Float64) run_logsumexp<double>(plan, highest, out);
  else run_logsumexp<float>(plan, highest, out);
  return to_dtype(plan.done(out), result);
}

}  // namespace torchy::kernels
