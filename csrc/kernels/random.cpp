// The random operations on tensors: checks, dtypes, layouts, and which filler draws what.
// Layer: kernels. A null generator is the default one. Memory is filled in the order of falling
// strides, which gives PyTorch's numbers for tensors that are not contiguous too (docs/random.md).
#include "random.h"

#include <cmath>
#include <type_traits>
#include <utility>

#include "copy.h"
#include "pointwise.h"

#include "../core/promote.h"
#include "../core/shape.h"

namespace torchy {

Generator& default_generator() {
  static Generator* generator = new Generator(Generator::seed_from_system());
  return *generator;
}

namespace {
// Few locks for all generators: a copied or moved Generator needs none of its own.
std::mutex& lock_of(const Generator& gen) {
  static std::mutex locks[16];
  return locks[(reinterpret_cast<uintptr_t>(&gen) >> 6) % 16];
}
}  // namespace

Draw::Draw(Generator& gen, int64_t elements) : lock_(lock_of(gen), std::defer_lock) {
  if (elements <= kLongWork && lock_.try_lock()) return;
  section_.emplace(true);
  lock_.lock();
}

namespace kernels {
namespace {

using MaybeDType = std::optional<DType>;

[[noreturn]] void refuse(const char* op, DType dtype, const char* allowed) {
  fail_not_implemented(op, ": not implemented for dtype ", dtype_name(dtype), "; use ", allowed, " dtype");
}

template <class F>
void visit_floating(const char* op, DType dtype, F&& f) {
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (IsHalf<T>::value || std::is_floating_point_v<T>) f(tag);
    else refuse(op, dtype, "a floating");
  });
}
template <class F>
void visit_real(const char* op, DType dtype, F&& f) {
  visit_dtype(dtype, [&](auto tag) {
    if constexpr (IsComplex<typename decltype(tag)::type>::value) refuse(op, dtype, "a real");
    else f(tag);
  });
}

// f(generator, pointer, count) on the memory of `out`, which is dense.
template <class T, class F>
void draw_into(Tensor& out, Generator* generator, F&& f) {
  Generator& gen = generator ? *generator : default_generator();
  const int64_t n = out.is_complex() ? 2 * out.numel() : out.numel();
  T* data = out.data<T>();
  Draw draw(gen, n);
  f(gen, data, n);
}
template <class F>
Tensor draw_floating(const char* op, Tensor out, Generator* generator, F&& f) {
  visit_floating(op, out.dtype(), [&](auto tag) { draw_into<typename decltype(tag)::type>(out, generator, f); });
  return out;
}
template <class F>
Tensor draw_real(const char* op, Tensor out, Generator* generator, F&& f) {
  visit_real(op, out.dtype(), [&](auto tag) { draw_into<typename decltype(tag)::type>(out, generator, f); });
  return out;
}

// ---- uniform and normal: complex tensors are real ones of twice the elements

double largest(DType real) {
  switch (real) {
    case DType::Float16: return 65504.0;
    case DType::BFloat16: return 0x1.fep127;
    case DType::Float32: return 0x1.fffffep127;
    default: return 0x1.fffffffffffffp1023;
  }
}

Tensor uniform_into(const char* op, Tensor out, Generator* generator, double lo, double hi) {
  const DType real = to_real(out.dtype());
  visit_floating(op, real, [&](auto tag) {
    const double limit = largest(real);
    TORCHY_CHECK(std::fabs(lo) <= limit, op, ": from is out of bounds for ", dtype_name(real), ": ", lo);
    TORCHY_CHECK(std::fabs(hi) <= limit, op, ": to is out of bounds for ", dtype_name(real), ": ", hi);
    TORCHY_CHECK(lo <= hi, op, ": expects to return a [from, to) range, but found from=", lo, " > to=", hi);
    TORCHY_CHECK(hi - lo <= limit, op, ": expects to - from <= ", limit, ", the largest ", dtype_name(real),
                 ", but found to=", hi, " and from=", lo);
    draw_into<typename decltype(tag)::type>(
        out, generator, [&](Generator& gen, auto* p, int64_t n) { fill_uniform(gen, p, n, lo, hi); });
  });
  return out;
}

Tensor normal_into(const char* op, Tensor out, Generator* generator, double mean, double std, bool contiguous) {
  TORCHY_CHECK(std >= 0, op, ": expects std >= 0.0, but found std ", std);
  if (out.is_complex()) std /= std::sqrt(2.0);
  visit_floating(op, to_real(out.dtype()), [&](auto tag) {
    draw_into<typename decltype(tag)::type>(out, generator, [&](Generator& gen, auto* p, int64_t n) {
      contiguous ? fill_normal(gen, p, n, mean, std) : fill_normal_serial(gen, p, n, mean, std);
    });
  });
  return out;
}

void check_std(const Tensor& std) {
  TORCHY_CHECK(!std.is_complex(), "normal: expects standard deviation to be non-complex, but got ",
               dtype_name(std.dtype()));
  const Tensor values = to_dtype(contiguous(std), DType::Float64);
  const double* p = values.data<double>();
  for (int64_t i = 0; i < values.numel(); ++i)
    TORCHY_CHECK(p[i] >= 0, "normal: expects all elements of std >= 0.0, but found ", p[i]);
}

// ---- integers

// The range of integers that a dtype holds; floating dtypes wider than int64 hold all of them.
std::pair<int64_t, int64_t> integer_range(DType dtype) {
  switch (dtype) {
    case DType::Bool: return {0, 1};
    case DType::UInt8: return {0, UINT8_MAX};
    case DType::Int8: return {INT8_MIN, INT8_MAX};
    case DType::Int16: return {INT16_MIN, INT16_MAX};
    case DType::Int32: return {INT32_MIN, INT32_MAX};
    case DType::Float16: return {-65504, 65504};
    default: return {INT64_MIN, INT64_MAX};
  }
}
void check_held(const char* op, const char* bound, int64_t value, DType dtype) {
  const auto [lowest, highest] = integer_range(dtype);
  TORCHY_CHECK(value >= lowest && value <= highest, op, ": ", bound, " is out of bounds for ", dtype_name(dtype), ": ",
               value, "; allowed are ", lowest, " to ", highest);
}
void check_not_complex(const char* op, DType dtype) {
  TORCHY_CHECK(!is_complex(dtype), op, ": handles only integral, floating-point and boolean types, but got ",
               dtype_name(dtype));
}

Tensor randint_into(const char* op, Tensor out, Generator* generator, int64_t lo, int64_t hi) {
  TORCHY_CHECK(lo < hi, op, ": expects 'from' to be less than 'to', but got from=", lo, " >= to=", hi);
  check_not_complex(op, out.dtype());
  check_held(op, "from", lo, out.dtype());
  check_held(op, "to - 1", hi - 1, out.dtype());
  return draw_real(op, std::move(out), generator,
                   [&](Generator& gen, auto* p, int64_t n) { fill_randint(gen, p, n, lo, hi); });
}

// The largest value of random_(from, None).
int64_t random_highest(DType dtype) {
  switch (dtype) {
    case DType::Float16: return int64_t{1} << 11;
    case DType::BFloat16: return int64_t{1} << 8;
    case DType::Float32: return int64_t{1} << 24;
    case DType::Float64: return int64_t{1} << 53;
    default: return integer_range(dtype).second;
  }
}

// ---- Bernoulli

Tensor bernoulli_into(Tensor out, Generator* generator, double p) {
  TORCHY_CHECK(p >= 0 && p <= 1, "bernoulli: expects p to be in [0, 1], but got p=", p);
  return draw_real("bernoulli", std::move(out), generator,
                   [&](Generator& gen, auto* to, int64_t n) { fill_bernoulli(gen, to, n, p); });
}

// `chances` has the layout of `out`.
Tensor bernoulli_into(Tensor out, Generator* generator, const Tensor& chances) {
  visit_floating("bernoulli", chances.dtype(), [&](auto tag) {
    const auto* p = chances.data<typename decltype(tag)::type>();
    for (int64_t i = 0; i < chances.numel(); ++i) {
      const double v = static_cast<double>(p[i]);
      TORCHY_CHECK(v >= 0 && v <= 1, "bernoulli: expects all probabilities to be in [0, 1], but got ", v);
    }
    draw_real("bernoulli", out, generator, [&](Generator& gen, auto* to, int64_t n) { fill_bernoulli(gen, to, n, p); });
  });
  return out;
}

void check_continuous(const char* op, const char* name, DType dtype) {
  TORCHY_CHECK(is_float(dtype), op, ": ", name,
               " distribution is a continuous probability distribution. dtype must "
               "be a floating point but you specified ",
               dtype_name(dtype));
}

Tensor same_layout(const Tensor& self) { return empty_preserved(self, self.dtype()); }

}  // namespace

// ---- new tensors

Tensor rand(IntSpan size, Generator* generator, MaybeDType dtype) {
  return uniform_into("rand", torchy::empty(size, dtype.value_or(default_dtype())), generator, 0, 1);
}
Tensor randn(IntSpan size, Generator* generator, MaybeDType dtype) {
  return normal_into("randn", torchy::empty(size, dtype.value_or(default_dtype())), generator, 0, 1, true);
}
Tensor randint_low(int64_t low, int64_t high, IntSpan size, Generator* generator, MaybeDType dtype) {
  return randint_into("randint", torchy::empty(size, dtype.value_or(DType::Int64)), generator, low, high);
}
Tensor randint(int64_t high, IntSpan size, Generator* generator, MaybeDType dtype) {
  return randint_low(0, high, size, generator, dtype);
}

Tensor randperm(int64_t n, Generator* generator, MaybeDType dtype) {
  const DType d = dtype.value_or(DType::Int64);
  TORCHY_CHECK(n >= 0, "randperm: n must be non-negative, but got ", n);
  if (d == DType::Bool || is_complex(d)) refuse("randperm", d, "an integer or floating");
  if (is_float(d))
    TORCHY_CHECK(n <= random_highest(d) + 1, "randperm: n cannot be greater than ", random_highest(d) + 1, " for ",
                 dtype_name(d), ", but got ", n);
  else check_fits(Scalar(n), d, "randperm");
  return draw_real("randperm", torchy::empty({n}, d), generator,
                   [](Generator& gen, auto* p, int64_t count) { fill_randperm(gen, p, count); });
}

Tensor rand_like(const Tensor& self, Generator* generator, MaybeDType dtype) {
  return uniform_into("rand_like", empty_preserved(self, dtype.value_or(self.dtype())), generator, 0, 1);
}
Tensor randn_like(const Tensor& self, Generator* generator, MaybeDType dtype) {
  Tensor out = empty_preserved(self, dtype.value_or(self.dtype()));
  const bool contiguous = out.is_contiguous();
  return normal_into("randn_like", std::move(out), generator, 0, 1, contiguous);
}
Tensor randint_like_low(const Tensor& self, int64_t low, int64_t high, Generator* generator, MaybeDType dtype) {
  return randint_into("randint_like", empty_preserved(self, dtype.value_or(self.dtype())), generator, low, high);
}
Tensor randint_like(const Tensor& self, int64_t high, Generator* generator, MaybeDType dtype) {
  return randint_like_low(self, 0, high, generator, dtype);
}

Tensor normal_float_float(double mean, double std, IntSpan size, Generator* generator, MaybeDType dtype) {
  return normal_into("normal", torchy::empty(size, dtype.value_or(default_dtype())), generator, mean, std, true);
}
Tensor normal_Tensor_float(const Tensor& mean, double std, Generator* generator) {
  Tensor out = normal_into("normal", torchy::empty(mean.sizes(), mean.dtype()), generator, 0, std, true);
  pointwise2_into(Pw::add, out, out, mean);
  return out;
}
Tensor normal_float_Tensor(double mean, const Tensor& std, Generator* generator) {
  check_std(std);
  Tensor out = normal_into("normal", torchy::empty(std.sizes(), std.dtype()), generator, 0, 1, true);
  pointwise2_into(Pw::mul, out, out, std);
  pointwise2_into(Pw::add, out, out, Scalar(mean));
  return out;
}
Tensor normal_Tensor_Tensor(const Tensor& mean, const Tensor& std, Generator* generator) {
  check_std(std);
  const IntVec shape = broadcast_shapes(mean.sizes(), std.sizes(), "normal");
  Tensor out = normal_into("normal", torchy::empty(shape, mean.dtype()), generator, 0, 1, true);
  pointwise2_into(Pw::mul, out, out, std);
  pointwise2_into(Pw::add, out, out, mean);
  return out;
}

Tensor bernoulli(const Tensor& self, Generator* generator) {
  if (!is_float(self.dtype())) refuse("bernoulli", self.dtype(), "a floating");
  return bernoulli_into(torchy::empty(self.sizes(), self.dtype()), generator, contiguous(self));
}
Tensor bernoulli_p(const Tensor& self, double p, Generator* generator) {
  return bernoulli_into(torchy::empty(self.sizes(), self.dtype()), generator, p);
}

Tensor poisson(const Tensor& self, Generator* generator) {
  const Tensor rates = contiguous(self);
  return draw_floating(
      "poisson", torchy::empty(self.sizes(), self.dtype()), generator,
      [&](Generator& gen, auto* p, int64_t n) { fill_poisson(gen, p, n, reinterpret_cast<decltype(p)>(rates.raw())); });
}

Tensor multinomial(const Tensor& self, int64_t num_samples, bool replacement, Generator* generator) {
  const int64_t ndim = self.ndim();
  TORCHY_CHECK(ndim == 1 || ndim == 2, "multinomial: prob_dist must be 1 or 2 dim, but has ", ndim);
  TORCHY_CHECK(is_float(self.dtype()),
               "multinomial: only supports floating-point dtypes for input, got: ", dtype_name(self.dtype()));
  const int64_t categories = self.size(-1), rows = ndim == 2 ? self.size(0) : 1;
  TORCHY_CHECK(num_samples > 0, "multinomial: cannot sample num_samples <= 0 samples, got ", num_samples);
  TORCHY_CHECK(replacement || num_samples <= categories, "multinomial: cannot sample ", num_samples,
               " > prob_dist.size(-1) = ", categories, " samples without replacement");
  TORCHY_CHECK(categories <= int64_t{1} << 24, "multinomial: number of categories cannot exceed 2^24, got ",
               categories);
  const Tensor weights = contiguous(self);
  Tensor out = torchy::empty(ndim == 2 ? IntVec{rows, num_samples} : IntVec{num_samples}, DType::Int64);
  visit_floating("multinomial", self.dtype(), [&](auto tag) {
    const auto* w = weights.data<typename decltype(tag)::type>();
    draw_into<int64_t>(out, generator, [&](Generator& gen, int64_t* p, int64_t) {
      torchy::multinomial(gen, w, rows, categories, p, num_samples, replacement);
    });
  });
  return out;
}

// ---- the in-place fillers' values: laid out like self, of self's dtype

Tensor uniform(const Tensor& self, double from_, double to, Generator* generator) {
  return uniform_into("uniform_", same_layout(self), generator, from_, to);
}
Tensor normal_fill(const Tensor& self, double mean, double std, Generator* generator) {
  return normal_into("normal_", same_layout(self), generator, mean, std, self.is_contiguous());
}
Tensor bernoulli_Tensor(const Tensor& self, const Tensor& p, Generator* generator) {
  TORCHY_CHECK(broadcastable_to(p.sizes(), self.sizes()), "bernoulli_: p of shape ", p.sizes(),
               " does not expand to self's shape ", self.sizes());
  if (!is_float(p.dtype())) refuse("bernoulli_", p.dtype(), "a floating");
  Tensor chances = empty_preserved(self, p.dtype());
  copy_into(chances, p);
  return bernoulli_into(same_layout(self), generator, chances);
}
Tensor bernoulli_float(const Tensor& self, double p, Generator* generator) {
  return bernoulli_into(same_layout(self), generator, p);
}

Tensor random_from(const Tensor& self, int64_t from_, std::optional<int64_t> to, Generator* generator) {
  if (to) return randint_into("random_", same_layout(self), generator, from_, *to);
  const DType d = self.dtype();
  check_not_complex("random_", d);
  check_held("random_", "from", from_, d);
  TORCHY_CHECK(from_ <= random_highest(d), "random_: expects 'from' to be less than or equal to the largest value ",
               random_highest(d), " of ", dtype_name(d), ", but got from=", from_);
  return draw_real("random_", same_layout(self), generator,
                   [&](Generator& gen, auto* p, int64_t n) { fill_random_from(gen, p, n, from_); });
}
Tensor random_to(const Tensor& self, int64_t to, Generator* generator) {
  return randint_into("random_", same_layout(self), generator, 0, to);
}
Tensor random(const Tensor& self, Generator* generator) {
  return draw_real("random_", same_layout(self), generator,
                   [](Generator& gen, auto* p, int64_t n) { fill_random(gen, p, n); });
}

Tensor exponential(const Tensor& self, double lambd, Generator* generator) {
  check_continuous("exponential_", "Exponential", self.dtype());
  TORCHY_CHECK(lambd > 0, "exponential_: expects lambda > 0.0, but found lambda=", lambd);
  return draw_floating("exponential_", same_layout(self), generator,
                       [&](Generator& gen, auto* p, int64_t n) { fill_exponential(gen, p, n, lambd); });
}
Tensor cauchy(const Tensor& self, double median, double sigma, Generator* generator) {
  check_continuous("cauchy_", "Cauchy", self.dtype());
  TORCHY_CHECK(sigma > 0, "cauchy_: expects sigma > 0.0, but found sigma=", sigma);
  return draw_floating("cauchy_", same_layout(self), generator,
                       [&](Generator& gen, auto* p, int64_t n) { fill_cauchy(gen, p, n, median, sigma); });
}
Tensor log_normal(const Tensor& self, double mean, double std, Generator* generator) {
  TORCHY_CHECK(std > 0, "log_normal_: expects std > 0.0, but found std=", std);
  return draw_floating("log_normal_", same_layout(self), generator,
                       [&](Generator& gen, auto* p, int64_t n) { fill_log_normal(gen, p, n, mean, std); });
}
Tensor geometric(const Tensor& self, double p, Generator* generator) {
  TORCHY_CHECK(p > 0 && p < 1, "geometric_: expects p to be in (0, 1), but got p=", p);
  if (self.dtype() == DType::Bool) refuse("geometric_", self.dtype(), "an integer or floating");
  return draw_real("geometric_", same_layout(self), generator, [&](Generator& gen, auto* to, int64_t n) {
    if constexpr (!std::is_same_v<decltype(to), bool*>) fill_geometric(gen, to, n, p);
  });
}

}  // namespace kernels
}  // namespace torchy
