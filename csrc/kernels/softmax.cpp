// softmax, log_softmax and their gradients along one dim. Layer: kernels.
// The loops are in reduce_loops.inc; long rows use the tree of leaves that reduce.cpp uses.
#include <cmath>
#include <memory>

#include "../core/threads.h"
#include "../core/tls.h"
#include "reduce_fold.h"

namespace torchy::kernels {
namespace {

struct Shape3 {
  int64_t outer = 1, n = 1, inner = 1;
  Shape3(const Tensor& t, int64_t dim) {
    const int64_t d = wrap_dim(dim, t.ndim());
    for (int64_t i = 0; i < t.ndim(); ++i) (i < d ? outer : i == d ? n : inner) *= t.sizes()[size_t(i)];
  }
};

int64_t rows_grain(int64_t elements_each) {
  return std::max<int64_t>(1, kParallelGrain / 4 / std::max<int64_t>(elements_each, 1));
}

// f(begin, length) for the leaves first .. last of a row of n.
template <class F>
void each_leaf(int64_t n, int64_t first, int64_t last, F&& f) {
  for (int64_t b = first; b < last; ++b) f(b, b * kRowBlock, std::min(kRowBlock, n - b * kRowBlock));
}

// One value for each leaf of a row, made on any thread and folded in order.
template <class V>
class LeafValues {
 public:
  explicit LeafValues(int64_t n) : n_(n), count_((n + kRowBlock - 1) / kRowBlock) {
    p_ = count_ <= kInline ? inline_ : (heap_.reset(new V[size_t(count_)]), heap_.get());
  }
  template <class F>
  void make(bool parallel, F&& f) {
    auto run = [&](int64_t b, int64_t e) {
      each_leaf(n_, b, e, [&](int64_t leaf, int64_t at, int64_t len) { p_[leaf] = f(at, len); });
    };
    if (parallel) parallel_for(0, count_, 1, run);
    else run(0, count_);
  }
  V sum() const {
    V total = p_[0];
    for (int64_t i = 1; i < count_; ++i) total += p_[i];
    return total;
  }
  V max() const {
    V best = p_[0];
    for (int64_t i = 1; i < count_; ++i) best = p_[i] > best || p_[i] != p_[i] ? p_[i] : best;
    return best;
  }

 private:
  static constexpr int64_t kInline = 8;
  int64_t n_, count_;
  V inline_[kInline];
  std::unique_ptr<V[]> heap_;
  V* p_;
};

template <class F>
void over_leaves(bool parallel, int64_t n, F&& f) {
  auto run = [&](int64_t b, int64_t e) { each_leaf(n, b, e, [&](int64_t, int64_t at, int64_t len) { f(at, len); }); };
  const int64_t count = (n + kRowBlock - 1) / kRowBlock;
  if (parallel) parallel_for(0, count, 1, run);
  else run(0, count);
}

template <class T>
void softmax_row(const T* x, T* y, int64_t n, bool log, bool parallel) {
  const FloatLoops<T>& loops = float_loops<T>();
  LeafValues<T> highest(n);
  highest.make(parallel, [&](int64_t at, int64_t len) {
    T value;
    loops.extreme_rows[0](x + at, 1, len, &value);
    return value;
  });
  const T top = highest.max();
  LeafValues<double> sums(n);
  sums.make(parallel, [&](int64_t at, int64_t len) { return loops.exp_sum(x + at, log ? nullptr : y + at, len, top); });
  const double sum = sums.sum();
  const T factor = T(log ? std::log(sum) : 1.0 / sum);
  over_leaves(parallel, n, [&](int64_t at, int64_t len) {
    if (log) loops.shift(x + at, y + at, len, top, factor);
    else loops.scale(y + at, len, factor);
  });
}

template <class T>
void softmax_columns(const T* x, T* y, int64_t n, int64_t inner, int64_t width, bool log) {
  const FloatLoops<T>& loops = float_loops<T>();
  constexpr int64_t kRows = 256;
  T top[kColTile], factor[kColTile];
  double sum[kColTile], part[kColTile];
  loops.extreme_cols[0](x, n, inner, width, top);
  for (int64_t k = 0; k < n; k += kRows) {
    loops.exp_sum_cols(x + k * inner, log ? nullptr : y + k * inner, std::min(kRows, n - k), inner, width, top,
                       k ? part : sum);
    if (k)
      for (int64_t i = 0; i < width; ++i) sum[i] += part[i];
  }
  for (int64_t i = 0; i < width; ++i) factor[i] = T(log ? std::log(sum[i]) : 1.0 / sum[i]);
  if (log) loops.shift_cols(x, y, n, inner, width, top, factor);
  else loops.scale_cols(y, n, inner, width, factor);
}

template <class T>
void grad_row(const T* grad, const T* y, T* out, int64_t n, bool log, bool parallel) {
  const FloatLoops<T>& loops = float_loops<T>();
  LeafValues<double> sums(n);
  sums.make(parallel, [&](int64_t at, int64_t len) {
    if (!log) return loops.dot(grad + at, y + at, len);
    double sum;
    loops.sum_rows[int(SumKind::Sum)](grad + at, 1, len, &sum);
    return sum;
  });
  const T sum = T(sums.sum());
  over_leaves(parallel, n, [&](int64_t at, int64_t len) {
    (log ? loops.log_softmax_grad : loops.softmax_grad)(grad + at, y + at, out + at, len, sum);
  });
}

// row(offset, parallel) for the rows, or column(offset, width) for tiles of columns.
template <class Row, class Column>
void for_lines(const Shape3& s, Row&& row, Column&& column) {
  if (s.outer * s.n * s.inner == 0) return;
  LongSection section(s.outer * s.n * s.inner > kLongWork / 4);
  if (s.inner == 1) {
    if (s.n > 4 * kRowBlock && s.outer < 2 * get_num_threads()) {
      for (int64_t o = 0; o < s.outer; ++o) row(o * s.n, true);
      return;
    }
    parallel_for(0, s.outer, rows_grain(s.n), [&](int64_t b, int64_t e) {
      for (int64_t o = b; o < e; ++o) row(o * s.n, false);
    });
    return;
  }
  // Narrower tiles than kColTile where there would be too few; a column does not know its tile.
  const int64_t tile = s.outer * s.inner >= 8 * kColTile ? kColTile : 128;
  const int64_t tiles = (s.inner + tile - 1) / tile;
  parallel_for(0, s.outer * tiles, rows_grain(s.n * std::min(tile, s.inner)), [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) {
      const int64_t first = i % tiles * tile;
      column(i / tiles * s.n * s.inner + first, std::min(tile, s.inner - first));
    }
  });
}

template <class T>
Tensor forward(const Tensor& x, const Shape3& s, bool log) {
  Tensor out = empty_like(x);
  const T* from = x.data<T>();
  T* to = out.data<T>();
  if (s.inner == 1 && s.n <= kShortSoftmax) {
    LongSection section(x.numel() > kLongWork / 4);
    parallel_for(0, s.n ? s.outer : 0, rows_grain(s.n), [&](int64_t b, int64_t e) {
      float_loops<T>().short_softmax(from + b * s.n, to + b * s.n, e - b, s.n, log);
    });
    return out;
  }
  for_lines(
      s, [&](int64_t at, bool parallel) { softmax_row(from + at, to + at, s.n, log, parallel); },
      [&](int64_t at, int64_t width) { softmax_columns(from + at, to + at, s.n, s.inner, width, log); });
  return out;
}

template <class T>
Tensor backward(const Tensor& grad, const Tensor& y, const Shape3& s, bool log) {
  Tensor out = empty_like(y);
  const T *g = grad.data<T>(), *from = y.data<T>();
  T* to = out.data<T>();
  for_lines(
      s, [&](int64_t at, bool parallel) { grad_row(g + at, from + at, to + at, s.n, log, parallel); },
      [&](int64_t at, int64_t width) {
        float_loops<T>().grad_cols[log](g + at, from + at, to + at, s.n, s.inner, width);
      });
  return out;
}

Tensor run_softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype, bool log) {
  const DType result = dtype.value_or(self.dtype());
  if (!is_float(result))
    fail_not_implemented("\"", log ? "log_softmax" : "softmax", "\" not implemented for '", scalar_type_name(result),
                         "'; pass dtype=torch.float32");
  const Shape3 shape(self, dim);
  const DType compute = compute_dtype(result);
  const Tensor x = contiguous(to_dtype(to_dtype(self, result), compute));
  Tensor out = compute == DType::Float64 ? forward<double>(x, shape, log) : forward<float>(x, shape, log);
  return to_dtype(out, result);
}

Tensor run_backward(const Tensor& grad, const Tensor& output, int64_t dim, bool log) {
  const char* op = log ? "log_softmax_backward_data" : "softmax_backward_data";
  TORCHY_CHECK(grad.sizes() == output.sizes(), op, ": grad_output of shape ", grad.sizes(), " for an output of shape ",
               output.sizes(), "; the shapes must be equal");
  TORCHY_CHECK(is_float(output.dtype()) && is_float(grad.dtype()), op, ": dtypes ", dtype_name(grad.dtype()), " and ",
               dtype_name(output.dtype()), "; both must be real floating point");
  const DType compute = compute_dtype(output.dtype());
  const Tensor g = contiguous(to_dtype(grad, compute)), y = contiguous(to_dtype(output, compute));
  const Shape3 shape(output, dim);
  Tensor out = compute == DType::Float64 ? backward<double>(g, y, shape, log) : backward<float>(g, y, shape, log);
  return to_dtype(out, output.dtype());
}

}  // namespace

Tensor softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype) {
  return run_softmax(self, dim, dtype, false);
}
Tensor log_softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype) {
  return run_softmax(self, dim, dtype, true);
}
Tensor softmax_backward_data(const Tensor& grad_output, const Tensor& output, int64_t dim) {
  return run_backward(grad_output, output, dim, false);
}
Tensor log_softmax_backward_data(const Tensor& grad_output, const Tensor& output, int64_t dim) {
  return run_backward(grad_output, output, dim, true);
}

}  // namespace torchy::kernels
