// Kernels of the derivatives of prod, cumprod and logcumsumexp: linear in time, no divisions, right
// with any number of zeros. Layer: kernels. `dual` functions are derivatives along a tangent.
#include <vector>

#include "scan.h"

namespace torchy::kernels {
namespace {

struct Pair {
  Tensor a, b;
  DType result;
};

// Two floating tensors of one shape, made contiguous in their common compute dtype.
Pair same_shape(const Tensor& a, const Tensor& b, const char* op) {
  TORCHY_CHECK(a.sizes() == b.sizes(), op, ": shapes ", a.sizes(), " and ", b.sizes(), " differ; they must be equal");
  const DType result = a.is_complex() && !b.is_complex() ? a.dtype() : b.dtype();
  const DType compute = compute_dtype(result);
  TORCHY_CHECK(is_differentiable(compute), op, ": got ", dtype_name(result),
               "; the inputs must be floating point or complex");
  return {contiguous(to_dtype(a, compute)), contiguous(to_dtype(b, compute)), result};
}

// line(a, b, out, n, step) for every line along dim.
template <class F>
Tensor two_input_lines(const Tensor& a, const Tensor& b, int64_t dim, const char* op, F&& line) {
  const Pair in = same_shape(a, b, op);
  const Lines s(in.a, dim);
  Tensor out = empty_like(in.a);
  if (out.numel() != 0)
    visit_dtype(out.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T> || IsComplex<T>::value)  // same_shape lets nothing else through
        s.each([&](int64_t at) {
          line(in.a.template data<T>() + at, in.b.template data<T>() + at, out.data<T>() + at, s.n, s.inner);
        });
    });
  return to_dtype(out, in.result);
}

// out[i] = product of all x but x[i].
struct ProductOfOthers {
  template <class T>
  void operator()(const T* x, const T*, T* out, int64_t n, int64_t step) const {
    using A = Wide<T>;
    A before = A(1), after = A(1);
    for (int64_t k = 0; k < n; ++k) {
      out[k * step] = convert<T>(before);
      before = times(before, convert<A>(x[k * step]));
    }
    for (int64_t k = n; k-- > 0;) {
      out[k * step] = convert<T>(times(convert<A>(out[k * step]), after));
      after = times(after, convert<A>(x[k * step]));
    }
  }
};

// The derivative of that along t: products of dual numbers from the left and from the right.
struct ProductOfOthersDual {
  template <class T>
  void operator()(const T* x, const T* t, T* out, int64_t n, int64_t step) const {
    using A = Wide<T>;
    std::vector<std::pair<A, A>> left(static_cast<size_t>(n));
    A p = A(1), dp = A(0);
    for (int64_t k = 0; k < n; ++k) {
      left[size_t(k)] = {p, dp};
      advance(p, dp, x[k * step], t[k * step]);
    }
    p = A(1), dp = A(0);
    for (int64_t k = n; k-- > 0;) {
      const auto& l = left[size_t(k)];
      out[k * step] = convert<T>(times(l.first, dp) + times(l.second, p));
      advance(p, dp, x[k * step], t[k * step]);
    }
  }
  template <class A, class T>
  static void advance(A& p, A& dp, T x, T t) {
    dp = times(dp, convert<A>(x)) + times(p, convert<A>(t));
    p = times(p, convert<A>(x));
  }
};

// out[k] = (x[0] ... x[k-1]) S[k] with S[k] = g[k] + x[k+1] S[k+1].
struct CumprodBackward {
  template <class T>
  void operator()(const T* g, const T* x, T* out, int64_t n, int64_t step) const {
    using A = Wide<T>;
    A before = A(1), s = A(0), next = A(0);
    for (int64_t k = 0; k < n; ++k) {
      out[k * step] = convert<T>(before);
      before = times(before, convert<A>(x[k * step]));
    }
    for (int64_t k = n; k-- > 0;) {
      s = convert<A>(g[k * step]) + times(next, s);
      out[k * step] = convert<T>(times(convert<A>(out[k * step]), s));
      next = convert<A>(x[k * step]);
    }
  }
};

struct CumprodDual {
  template <class T>
  void operator()(const T* x, const T* t, T* out, int64_t n, int64_t step) const {
    using A = Wide<T>;
    A p = A(1), dp = A(0);
    for (int64_t k = 0; k < n; ++k) {
      ProductOfOthersDual::advance(p, dp, x[k * step], t[k * step]);
      out[k * step] = convert<T>(dp);
    }
  }
};

// exp(a - b) for a <= b; exp(-inf) is 0 even against -inf.
double exp_difference(double a, double b) { return a == -HUGE_VAL ? 0.0 : std::exp(a - b); }

template <class F>
Tensor three_input_lines(const Tensor& a, const Tensor& x, const Tensor& y, int64_t dim, const char* op, F&& line) {
  const Pair in = same_shape(a, x, op);
  TORCHY_CHECK(y.sizes() == x.sizes() && !in.a.is_complex(), op, ": shapes ", x.sizes(), " and ", y.sizes(),
               "; they must be equal, and the dtypes real");
  const Tensor result = contiguous(to_dtype(y, in.a.dtype()));
  const Lines s(in.a, dim);
  Tensor out = empty_like(in.a);
  auto run = [&](auto tag) {
    using T = typename decltype(tag)::type;
    s.each([&](int64_t at) {
      line(in.a.template data<T>() + at, in.b.template data<T>() + at, result.template data<T>() + at,
           out.data<T>() + at, s.n, s.inner);
    });
  };
  if (out.numel() != 0) {
    if (out.dtype() == DType::Float64) run(TypeTag<double>{});
    else run(TypeTag<float>{});
  }
  return to_dtype(out, in.result);
}

}  // namespace

Tensor prod_others(const Tensor& self, int64_t dim) {
  return two_input_lines(self, self, dim, "prod_others", ProductOfOthers{});
}
Tensor prod_others_dual(const Tensor& self, const Tensor& tangent, int64_t dim) {
  return two_input_lines(self, tangent, dim, "prod_others_dual", ProductOfOthersDual{});
}
Tensor cumprod_backward(const Tensor& grad_output, const Tensor& self, int64_t dim) {
  return two_input_lines(grad_output, self, dim, "cumprod_backward", CumprodBackward{});
}
Tensor cumprod_dual(const Tensor& self, const Tensor& tangent, int64_t dim) {
  return two_input_lines(self, tangent, dim, "cumprod_dual", CumprodDual{});
}

// out[j] = sum over i >= j of g[i] exp(x[j] - y[i]); all exponents stay at or below 0.
Tensor logcumsumexp_backward(const Tensor& grad_output, const Tensor& self, const Tensor& output, int64_t dim) {
  return three_input_lines(
      grad_output, self, output, dim, "logcumsumexp_backward",
      [](auto* g, auto* x, auto* y, auto* out, int64_t n, int64_t step) {
        double q = 0;
        for (int64_t k = n; k-- > 0;) {
          const double here = y[k * step];
          q = double(g[k * step]) + (k + 1 < n ? exp_difference(here, y[(k + 1) * step]) * q : 0.0);
          out[k * step] = convert<std::decay_t<decltype(*out)>>(exp_difference(x[k * step], here) * q);
        }
      });
}

// out[i] = sum over j <= i of t[j] exp(x[j] - y[i]).
Tensor logcumsumexp_dual(const Tensor& tangent, const Tensor& self, const Tensor& output, int64_t dim) {
  return three_input_lines(tangent, self, output, dim, "logcumsumexp_dual",
                           [](auto* t, auto* x, auto* y, auto* out, int64_t n, int64_t step) {
                             double f = 0, previous = -HUGE_VAL;
                             for (int64_t k = 0; k < n; ++k) {
                               const double here = y[k * step];
                               f = exp_difference(previous, here) * f +
                                   exp_difference(x[k * step], here) * double(t[k * step]);
                               out[k * step] = convert<std::decay_t<decltype(*out)>>(f);
                               previous = here;
                             }
                           });
}

// ---------------------------------------------------------------- square arrangements of a last dim

namespace {

// (..., n) to (..., n, n): row i keeps self[j] where keep(i, j), and has `value` elsewhere.
template <class Keep>
Tensor square_rows(const Tensor& self, double value, const char* op, Keep keep) {
  TORCHY_CHECK(self.ndim() >= 1, op, ": got a 0-d tensor; it needs at least one dim");
  const Tensor x = contiguous(self);
  const int64_t n = x.sizes().back(), lines = n ? x.numel() / n : 0;
  IntVec sizes(x.sizes());
  sizes.push_back(n);
  Tensor out = empty(sizes, x.dtype());
  visit_dtype(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T fill = convert<T>(value);
    const T* from = x.data<T>();
    T* to = out.data<T>();
    LongSection section(out.numel() > kLongWork);
    for (int64_t o = 0; o < lines; ++o, from += n)
      for (int64_t i = 0; i < n; ++i, to += n)
        for (int64_t j = 0; j < n; ++j) to[j] = keep(i, j) ? from[j] : fill;
  });
  return out;
}

}  // namespace

Tensor rows_without_each(const Tensor& self, double value) {
  return square_rows(self, value, "rows_without_each", [](int64_t i, int64_t j) { return i != j; });
}
Tensor rows_of_prefixes(const Tensor& self, double value) {
  return square_rows(self, value, "rows_of_prefixes", [](int64_t i, int64_t j) { return j <= i; });
}

}  // namespace torchy::kernels
