// Running sums, products, extremes and logsumexp along one dim. Layer: kernels.
// Their gradients' own kernels are in scan_backward.cpp.
#include "scan.h"

namespace torchy::kernels {
namespace {

using OptDType = std::optional<DType>;

// `count` (at most kTogether) runs of n elements at once: a running value is one long dependence, so
// several of them share the processor better than one.
constexpr int64_t kTogether = 4;

template <class T, class Out, class Acc, class Step>
void scan_together(const T* x, Out* y, int64_t n, int64_t apart, int64_t count, Acc* acc, Step step) {
  if (count == kTogether) {
    Acc a[kTogether];
    std::copy(acc, acc + kTogether, a);
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t j = 0; j < kTogether; ++j) {
        step(a[j], x[j * apart + k]);
        y[j * apart + k] = convert<Out>(a[j]);
      }
    }
    return;
  }
  for (int64_t j = 0; j < count; ++j) {
    Acc a = acc[j];
    for (int64_t k = j * apart; k < j * apart + n; ++k) {
      step(a, x[k]);
      y[k] = convert<Out>(a);
    }
  }
}

// Step: `void operator()(Acc&, T) const`; the accumulator is the output of its position.
template <class T, class Out, class Acc, class Step>
void scan_rows(const T* x, Out* y, const Lines& s, Acc start, Step step) {
  parallel_for(0, s.outer, s.grain(s.n), [&](int64_t b, int64_t e) {
    Acc acc[kTogether];
    std::fill(acc, acc + kTogether, start);
    for (int64_t o = b; o < e; o += kTogether)
      scan_together(x + o * s.n, y + o * s.n, s.n, s.n, std::min(kTogether, e - o), acc, step);
  });
}

template <class T, class Out, class Acc, class Step>
void scan_columns(const T* x, Out* y, const Lines& s, Acc start, Step step) {
  constexpr int64_t kTile = 256;
  const int64_t tiles = (s.inner + kTile - 1) / kTile;
  parallel_for(0, s.outer * tiles, s.grain(s.n * std::min(kTile, s.inner)), [&](int64_t b, int64_t e) {
    Acc acc[kTile];
    for (int64_t i = b; i < e; ++i) {
      const int64_t first = i % tiles * kTile, width = std::min(kTile, s.inner - first);
      std::fill(acc, acc + width, start);
      for (int64_t k = 0; k < s.n; ++k) {
        const int64_t at = (i / tiles * s.n + k) * s.inner + first;
        for (int64_t j = 0; j < width; ++j) {
          step(acc[j], x[at + j]);
          y[at + j] = convert<Out>(acc[j]);
        }
      }
    }
  });
}

template <class Acc, class T>
Acc leaf_sum(const T* x, int64_t n) {
  Acc total = Acc(0);
  int64_t i = 0;
  if constexpr (!std::is_integral_v<Acc>) {  // integers are reordered by the compiler itself
    Acc lanes[8] = {};
    for (; i + 8 <= n; i += 8)
      for (int j = 0; j < 8; ++j) lanes[j] += convert<Acc>(x[i + j]);
    for (int half = 4; half > 0; half /= 2)
      for (int j = 0; j < half; ++j) lanes[j] += lanes[j + half];
    total = lanes[0];
  }
  for (; i < n; ++i) total = plus(total, convert<Acc>(x[i]));
  return total;
}

// One long row of sums: leaves are summed, their sums added up, then every leaf scanned. The tree
// depends on the length alone.
template <class T, class Out, class Acc>
void scan_long_sum(const T* x, Out* y, int64_t n) {
  const int64_t leaves = (n + kRowBlock - 1) / kRowBlock;
  std::unique_ptr<Acc[]> before(new Acc[size_t(leaves)]);
  parallel_for(0, leaves, 4, [&](int64_t b, int64_t e) {
    for (int64_t leaf = b; leaf < e; ++leaf) {
      const int64_t begin = leaf * kRowBlock, end = std::min(n, begin + kRowBlock);
      before[size_t(leaf)] = leaf_sum<Acc>(x + begin, end - begin);
    }
  });
  Acc total = Acc(0);
  for (int64_t leaf = 0; leaf < leaves; ++leaf) {
    const Acc here = before[size_t(leaf)];
    before[size_t(leaf)] = total;
    total = plus(total, here);
  }
  auto add = [](Acc& a, T v) { a = plus(a, convert<Acc>(v)); };
  parallel_for(0, leaves, kTogether, [&](int64_t b, int64_t e) {
    for (int64_t leaf = b; leaf < e; leaf += kTogether) {
      const int64_t at = leaf * kRowBlock, count = std::min(kTogether, e - leaf);
      if (at + count * kRowBlock <= n) {
        scan_together(x + at, y + at, kRowBlock, kRowBlock, count, &before[size_t(leaf)], add);
        continue;
      }
      for (int64_t i = 0; i < count; ++i)
        scan_together(x + at + i * kRowBlock, y + at + i * kRowBlock, std::min(kRowBlock, n - at - i * kRowBlock), 0, 1,
                      &before[size_t(leaf + i)], add);
    }
  });
}

template <class T, class Out, class Acc, class Step>
Tensor scan(const Tensor& x, int64_t dim, Acc start, Step step) {
  const Lines s(x, dim);
  Tensor out = empty(x.sizes(), DTypeOf<Out>::value);
  if (x.numel() == 0) return out;
  LongSection section(x.numel() > kLongWork);
  if (s.inner == 1) scan_rows(x.data<T>(), out.data<Out>(), s, start, step);
  else scan_columns(x.data<T>(), out.data<Out>(), s, start, step);
  return out;
}

DType scan_dtype(const Tensor& self, const OptDType& dtype) {
  if (dtype) return *dtype;
  return is_integral_or_bool(self.dtype()) ? DType::Int64 : self.dtype();
}

template <class T>
Tensor run_cumsum(const Tensor& x, int64_t dim) {
  using A = Wide<T>;
  const Lines s(x, dim);
  if (s.inner == 1 && s.n >= 4 * kRowBlock) {
    Tensor out = empty_like(x);
    LongSection section;
    for (int64_t o = 0; o < s.outer; ++o) scan_long_sum<T, T, A>(x.data<T>() + o * s.n, out.data<T>() + o * s.n, s.n);
    return out;
  }
  return scan<T, T, A>(x, dim, A(0), [](A& a, T v) { a = plus(a, convert<A>(v)); });
}

template <class T>
Tensor run_cumprod(const Tensor& x, int64_t dim) {
  using A = Wide<T>;
  return scan<T, T, A>(x, dim, A(1), [](A& a, T v) { a = times(a, convert<A>(v)); });
}

}  // namespace

Tensor cumsum(const Tensor& self, int64_t dim, std::optional<DType> dtype) {
  const DType d = scan_dtype(self, dtype);
  const Tensor x = contiguous(to_dtype(self, d));
  return visit_dtype(d, [&](auto tag) { return run_cumsum<typename decltype(tag)::type>(x, dim); });
}

Tensor cumprod(const Tensor& self, int64_t dim, std::optional<DType> dtype) {
  const DType d = scan_dtype(self, dtype);
  const Tensor x = contiguous(to_dtype(self, d));
  return visit_dtype(d, [&](auto tag) { return run_cumprod<typename decltype(tag)::type>(x, dim); });
}

Tensor logcumsumexp(const Tensor& self, int64_t dim) {
  if (!self.is_floating_point())
    fail_not_implemented("logcumsumexp: not implemented for '", scalar_type_name(self.dtype()),
                         "'; convert with .float()");
  const Tensor x = contiguous(to_dtype(self, compute_dtype(self.dtype())));
  auto run = [&](auto tag) {
    using T = typename decltype(tag)::type;
    return scan<T, T, double>(x, dim, -HUGE_VAL, [](double& a, T v) {
      const double low = std::min(a, double(v)), high = std::max(a, double(v));
      if (v != v || a != a) a = a + double(v);
      else if (low != high || std::isfinite(low)) a = high + std::log1p(std::exp(low - high));
      else a = high;
    });
  };
  Tensor out = x.dtype() == DType::Float64 ? run(TypeTag<double>{}) : run(TypeTag<float>{});
  return to_dtype(out, self.dtype());
}

// ------------------------------------------------------------------------------- cummax and cummin

namespace {

// Of equal elements the last counts, and a NaN replaces everything, as PyTorch has it.
template <bool kMin, class T>
void extreme_line(const T* x, T* y, int64_t* at, int64_t n, int64_t step) {
  T best = x[0];
  int64_t where = 0;
  for (int64_t k = 0; k < n; ++k) {
    const T v = x[k * step];
    bool take = kMin ? v <= best : v >= best;
    if constexpr (std::is_floating_point_v<T>) take = take || v != v;
    if (take) {
      best = v;
      where = k;
    }
    y[k * step] = best;
    at[k * step] = where;
  }
}

template <bool kMin>
std::tuple<Tensor, Tensor> scan_extreme(const Tensor& self, int64_t dim) {
  if (self.is_complex())
    fail_not_implemented(kMin ? "cummin" : "cummax", ": not implemented for '", scalar_type_name(self.dtype()),
                         "'; complex numbers have no order");
  const Tensor x = contiguous(to_dtype(self, compute_dtype(self.dtype())));
  const Lines s(x, dim);
  Tensor values = empty_like(x), indices = empty(x.sizes(), DType::Int64);
  if (x.numel() != 0) {
    visit_dtype(x.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!IsComplex<T>::value && !IsHalf<T>::value)
        s.each([&](int64_t at) {
          extreme_line<kMin>(x.data<T>() + at, values.data<T>() + at, indices.data<int64_t>() + at, s.n, s.inner);
        });
    });
  }
  return {to_dtype(values, self.dtype()), indices};
}

}  // namespace

std::tuple<Tensor, Tensor> cummax(const Tensor& self, int64_t dim) { return scan_extreme<false>(self, dim); }
std::tuple<Tensor, Tensor> cummin(const Tensor& self, int64_t dim) { return scan_extreme<true>(self, dim); }

}  // namespace torchy::kernels
