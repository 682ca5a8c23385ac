// amax, amin, aminmax, max, min, argmax, argmin. A NaN wins; among equals, the first. Layer: kernels.
#include "reduce_fold.h"

namespace torchy::kernels {
namespace {

template <bool kMin, class T>
bool replaces(T x, T best) {
  if constexpr (std::is_floating_point_v<T>) {
    if (best != best) return false;
    if (x != x) return true;
  }
  return kMin ? x < best : x > best;
}

// Values only. Integer types go through Fold, float types through the vector loops.
template <bool kMin, class T>
struct KeepExtreme {
  T* out;
  T start() const {
    using L = std::numeric_limits<T>;
    return kMin ? L::max() : L::lowest();
  }
  void add(T& a, T x) const { a = kMin ? (x < a ? x : a) : (x > a ? x : a); }
  void merge(T& a, T b) const { add(a, b); }
  void finish(T a, int64_t, int64_t i) const { out[i] = a; }
};

template <bool kMin, class T>
class FloatExtreme final : public Reducer {
 public:
  explicit FloatExtreme(T* out) : Reducer(sizeof(T), sizeof(T)), out_(out) {}
  void rows(const char* x, int64_t rows, int64_t n, const RowSite&, char* acc) override {
    float_loops<T>().extreme_rows[kMin](reinterpret_cast<const T*>(x), rows, n, at(acc));
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t, int64_t, char* acc) override {
    float_loops<T>().extreme_cols[kMin](reinterpret_cast<const T*>(x), n, stride, width, at(acc));
  }
  void merge(char* a, int64_t, const char* b, int64_t, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) {
      const T v = reinterpret_cast<const T*>(b)[i];
      if (replaces<kMin>(v, at(a)[i])) at(a)[i] = v;
    }
  }
  void identity(char*, int64_t) override {}
  void finish(const char* acc, int64_t count, int64_t, int64_t out0) override {
    std::memcpy(out_ + out0, acc, size_t(count) * sizeof(T));
  }

 private:
  static T* at(char* acc) { return reinterpret_cast<T*>(acc); }
  T* out_;
};

// Values and indices; either output may be absent.
template <bool kMin, class T>
class ArgExtreme final : public Reducer {
 public:
  struct Acc {
    T value;
    int64_t index;
  };
  ArgExtreme(T* values, int64_t* indices) : Reducer(sizeof(T), sizeof(Acc)), values_(values), indices_(indices) {}

  void rows(const char* x, int64_t rows, int64_t n, const RowSite& site, char* acc) override {
    const T* p = reinterpret_cast<const T*>(x);
    T value[64];
    int64_t index[64];
    for (int64_t r0 = 0; r0 < rows; r0 += 64) {
      const int64_t count = std::min<int64_t>(64, rows - r0);
      row_batch(p + r0 * n, count, n, value, index);
      for (int64_t r = 0; r < count; ++r) at(acc)[r0 + r] = {value[r], index[r] + site.k0 + (r0 + r) * site.k_step};
    }
  }
  void cols(const char* x, int64_t n, int64_t stride, int64_t width, int64_t k0, int64_t, char* acc) override {
    T value[kColTile];
    int64_t index[kColTile];
    column_batch(reinterpret_cast<const T*>(x), n, stride, width, value, index);
    for (int64_t i = 0; i < width; ++i) at(acc)[i] = {value[i], index[i] + k0};
  }
  void merge(char* a, int64_t, const char* b, int64_t, int64_t count) override {
    const Acc* other = reinterpret_cast<const Acc*>(b);
    for (int64_t i = 0; i < count; ++i)
      if (replaces<kMin>(other[i].value, at(a)[i].value)) at(a)[i] = other[i];
  }
  void identity(char*, int64_t) override {}
  void finish(const char* acc, int64_t count, int64_t, int64_t out0) override {
    const Acc* a = reinterpret_cast<const Acc*>(acc);
    if (values_)
      for (int64_t i = 0; i < count; ++i) values_[out0 + i] = a[i].value;
    if (indices_)
      for (int64_t i = 0; i < count; ++i) indices_[out0 + i] = a[i].index;
  }

 private:
  static Acc* at(char* acc) { return reinterpret_cast<Acc*>(acc); }

  static void row_batch(const T* p, int64_t rows, int64_t n, T* value, int64_t* index) {
    if constexpr (std::is_floating_point_v<T>) {
      float_loops<T>().arg_rows[kMin](p, rows, n, value, index);
    } else {
      for (int64_t r = 0; r < rows; ++r, p += n) {
        T best = p[0];
        for (int64_t i = 1; i < n; ++i) best = kMin ? (p[i] < best ? p[i] : best) : (p[i] > best ? p[i] : best);
        value[r] = best;
        index[r] = std::find(p, p + n, best) - p;
      }
    }
  }
  static void column_batch(const T* p, int64_t n, int64_t stride, int64_t width, T* value, int64_t* index) {
    if constexpr (std::is_floating_point_v<T>) {
      float_loops<T>().arg_cols[kMin](p, n, stride, width, value, index);
    } else {
      std::copy(p, p + width, value);
      std::fill(index, index + width, 0);
      for (int64_t k = 1; k < n; ++k)
        for (int64_t i = 0; i < width; ++i)
          if (replaces<kMin>(p[k * stride + i], value[i])) {
            value[i] = p[k * stride + i];
            index[i] = k;
          }
    }
  }
  T* values_;
  int64_t* indices_;
};

// One instance for each element type that is ordered; half types come here as float.
template <class F>
void visit_ordered(DType d, F&& f) {
  visit_dtype(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!IsComplex<T>::value && !IsHalf<T>::value) f(tag);
  });
}

void check_ordered(const Tensor& self, const char* op) {
  if (self.is_complex())
    fail_not_implemented("\"", op, "\" not implemented for '", scalar_type_name(self.dtype()),
                         "'; complex numbers have no order, use abs first");
}
void check_full(const Tensor& self, const char* op) {
  TORCHY_CHECK(self.numel() != 0, op, ": Expected reduction dim to be specified for ",
               "input.numel() == 0; pass dim= with a size of at least 1");
}
void check_reducible(const Tensor& self, uint64_t mask, const char* op) {
  check_ordered(self, op);
  if (mask == full_mask(self)) check_full(self, op);
  else check_nonempty(self, mask, op);
}

template <bool kMin>
Tensor extreme(const Tensor& self, uint64_t mask, bool keepdim) {
  const DType compute = compute_dtype(self.dtype());
  const ReducePlan plan = make_plan(self, mask, keepdim);
  Tensor out = plan.make_output(compute);
  visit_ordered(compute, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      FloatExtreme<kMin, T> reducer(out.data<T>());
      run_float_reduction(reducer, plan);
    } else {
      run_fold<T, T>(plan, KeepExtreme<kMin, T>{out.data<T>()});
    }
  });
  return to_dtype(plan.done(out), self.dtype());
}

// Without `values`, only the indices are wanted.
template <bool kMin>
std::tuple<Tensor, Tensor> arg_extreme(const Tensor& self, uint64_t mask, bool keepdim, bool want_values) {
  const DType compute = compute_dtype(self.dtype());
  const ReducePlan plan = make_plan(self, mask, keepdim, PlanFor::InOrder);
  Tensor indices = plan.make_output(DType::Int64), values;
  if (want_values) values = plan.make_output(compute);
  visit_ordered(compute, [&](auto tag) {
    using T = typename decltype(tag)::type;
    ArgExtreme<kMin, T> reducer(want_values ? values.data<T>() : nullptr, indices.data<int64_t>());
    run_float_reduction(reducer, plan);
  });
  if (want_values) values = to_dtype(plan.done(values), self.dtype());
  return {values, plan.done(indices)};
}

template <bool kMin>
std::tuple<Tensor, Tensor> extreme_along(const Tensor& self, int64_t dim, bool keepdim) {
  const char* op = kMin ? "min" : "max";
  const uint64_t mask = mask_of(self, dim);
  TORCHY_CHECK(!self.is_complex(), op, ": does not support complex input; use abs first");
  check_nonempty(self, mask, op);
  return arg_extreme<kMin>(self, mask, keepdim, true);
}

template <bool kMin>
Tensor index_of_extreme(const Tensor& self, std::optional<int64_t> dim, bool keepdim) {
  const char* op = kMin ? "argmin" : "argmax";
  TORCHY_CHECK(!self.is_complex() && self.dtype() != DType::Bool, op, ": does not support ",
               self.is_complex() ? "complex" : "bool", " input; use abs or to(torch.uint8) first");
  if (!dim && self.numel() == 0)
    fail_index(op, ": Expected reduction dim to be specified for input.numel() == 0; pass dim=");
  const uint64_t mask = dim ? mask_of(self, *dim) : full_mask(self);
  check_nonempty(self, mask, op);
  return std::get<1>(arg_extreme<kMin>(self, mask, keepdim, false));
}

template <bool kMin>
Tensor extreme_over(const Tensor& self, const OptDims& dim, bool keepdim, const char* op) {
  const uint64_t mask = mask_of(self, dim, op);
  check_ordered(self, op);
  if (dim && !dim->empty()) check_nonempty(self, mask, op);
  else check_full(self, op);
  return extreme<kMin>(self, mask, keepdim);
}

}  // namespace

void max_in_plan(const ReducePlan& plan, Tensor& out) {
  if (out.dtype() == DType::Float64) {
    FloatExtreme<false, double> reducer(out.data<double>());
    run_reduction(reducer, plan);
  } else {
    FloatExtreme<false, float> reducer(out.data<float>());
    run_reduction(reducer, plan);
  }
}

Tensor amax(const Tensor& self, const OptDims& dim, bool keepdim) {
  return extreme_over<false>(self, dim, keepdim, "amax");
}
Tensor amin(const Tensor& self, const OptDims& dim, bool keepdim) {
  return extreme_over<true>(self, dim, keepdim, "amin");
}
std::tuple<Tensor, Tensor> aminmax(const Tensor& self, std::optional<int64_t> dim, bool keepdim) {
  OptDims dims;
  if (dim) dims = IntVec{*dim};
  return {extreme_over<true>(self, dims, keepdim, "aminmax"), extreme_over<false>(self, dims, keepdim, "aminmax")};
}
Tensor max(const Tensor& self) {
  check_reducible(self, full_mask(self), "max");
  return extreme<false>(self, full_mask(self), false);
}
Tensor min(const Tensor& self) {
  check_reducible(self, full_mask(self), "min");
  return extreme<true>(self, full_mask(self), false);
}
std::tuple<Tensor, Tensor> max_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return extreme_along<false>(self, dim, keepdim);
}
std::tuple<Tensor, Tensor> min_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return extreme_along<true>(self, dim, keepdim);
}
Tensor argmax(const Tensor& self, std::optional<int64_t> dim, bool keepdim) {
  return index_of_extreme<false>(self, dim, keepdim);
}
Tensor argmin(const Tensor& self, std::optional<int64_t> dim, bool keepdim) {
  return index_of_extreme<true>(self, dim, keepdim);
}

}  // namespace torchy::kernels
