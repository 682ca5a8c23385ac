// topk, kthvalue, median, nanmedian, mode: the elements at some ranks of a row. Layer: kernels.
#include "sort_keys.h"

namespace torchy::kernels {
namespace {

// ------------------------------------------------------------------------------------------ topk

// The k smallest keys, in order, at the front of `best`, which has room for n.
template <class T>
void smallest_keys(const T* x, int64_t n, int64_t k, bool descending, Keyed<KeyOf<T>>* best) {
  using K = KeyOf<T>;
  if (k * 8 > n || k > 128) {
    make_keys(x, n, descending, best);
    if (k < n) std::nth_element(best, best + k, best + n);
    std::sort(best, best + k);
    return;
  }
  make_keys(x, k, descending, best);
  std::make_heap(best, best + k);
  for (int64_t i = k; i < n; ++i) {
    const K key = sort_key(x[i]);
    const Keyed<K> here{descending ? K(~key) : key, uint32_t(i)};
    if (!(here < best[0])) continue;
    std::pop_heap(best, best + k);
    best[k - 1] = here;
    std::push_heap(best, best + k);
  }
  std::sort_heap(best, best + k);
}

template <class F>
std::tuple<Tensor, Tensor> one_of_row(const Tensor& self, int64_t dim, bool keepdim, const char* op, F&& pick) {
  const LastDim l(self, dim, op);
  if (l.n == 0) fail_index(op, ": Expected reduction dim ", l.dim, " to have non-zero size; pass a non-empty dim");
  Tensor values = l.make_output(self.dtype(), 1), indices = l.make_output(DType::Int64, 1);
  visit_sortable(self.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = l.x.data<T>();
    T* v = values.data<T>();
    int64_t* at = indices.data<int64_t>();
    each_row(l, [&](int64_t r) {
      at[r] = pick(x + r * l.n, l.n);
      v[r] = x[r * l.n + at[r]];
    });
  });
  return {l.squeezed(l.back(values), keepdim), l.squeezed(l.back(indices), keepdim)};
}

// Position of the element of rank k among the keys.
template <class T>
int64_t rank(const T* x, int64_t n, int64_t k) {
  std::vector<Keyed<KeyOf<T>>> keys{static_cast<size_t>(n)};
  make_keys(x, n, false, keys.data());
  std::nth_element(keys.begin(), keys.begin() + k, keys.end());
  return at_of(keys[size_t(k)]);
}

struct MedianOf {
  bool ignore_nan;
  template <class T>
  int64_t operator()(const T* x, int64_t n) const {
    int64_t numbers = n;
    if constexpr (kIsFloat<T>) {
      numbers = 0;
      for (int64_t i = 0; i < n; ++i) {
        if (!is_nan(x[i])) ++numbers;
        else if (!ignore_nan) return i;
      }
    }
    return rank(x, n, std::max<int64_t>(numbers - 1, 0) / 2);
  }
};

// Of the values seen most often the smallest, at its last position. NaN equals nothing.
struct ModeOf {
  template <class T>
  int64_t operator()(const T* x, int64_t n) const {
    using Key = Keyed<KeyOf<T>>;
    std::vector<Key> keys(static_cast<size_t>(2 * n));
    make_keys(x, n, false, keys.data());
    sort_keyed(keys.data(), keys.data() + n, n);
    int64_t best = 0, best_count = 0;
    for (int64_t i = 0; i < n;) {
      int64_t end = i + 1;
      while (end < n && key_of(keys[size_t(end)]) == key_of(keys[size_t(i)]) && !is_nan(x[at_of(keys[size_t(i)])]))
        ++end;
      if (end - i > best_count) {
        best_count = end - i;
        best = at_of(keys[size_t(end - 1)]);
      }
      i = end;
    }
    return best;
  }
};

void check_median(const Tensor& self, const char* op) {
  if (self.is_complex() || self.dtype() == DType::Bool)
    fail_not_implemented("\"", op, "\" not implemented for '", scalar_type_name(self.dtype()),
                         "'; the elements must be real numbers");
}

Tensor median_of_all(const Tensor& self, bool ignore_nan, const char* op) {
  check_median(self, op);
  if (self.numel() == 0) {
    return is_float(self.dtype()) ? scalar_tensor(Scalar(std::nan("")), self.dtype())
                                  : scalar_tensor(Scalar(int64_t(0)), self.dtype());
  }
  const Tensor x = contiguous(self);
  const Tensor flat = alias(x, {x.numel()}, {1}, x.offset());
  return std::get<0>(one_of_row(flat, 0, false, op, MedianOf{ignore_nan}));
}

}  // namespace

std::tuple<Tensor, Tensor> topk(const Tensor& self, int64_t k, int64_t dim, bool largest, bool) {
  TORCHY_CHECK(!self.is_complex() && self.dtype() != DType::Bool, "topk: does not support ", dtype_name(self.dtype()),
               "; the elements must be real numbers");
  const LastDim l(self, dim, "topk");
  TORCHY_CHECK(k >= 0 && k <= l.n, "topk: selected index k out of range: k = ", k, " for a dimension of size ", l.n,
               "; k must be in [0, ", l.n, "]");
  if (self.ndim() == 0) k = 1;  // a 0-d result has one element
  Tensor values = l.make_output(self.dtype(), k), indices = l.make_output(DType::Int64, k);
  if (values.numel() == 0) return {l.back(values), l.back(indices)};
  visit_sortable(self.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* x = l.x.data<T>();
    T* v = values.data<T>();
    int64_t* at = indices.data<int64_t>();
    each_row(l, [&](int64_t r) {
      std::vector<Keyed<KeyOf<T>>> keys(static_cast<size_t>(k * 8 > l.n || k > 128 ? l.n : k));
      smallest_keys(x + r * l.n, l.n, k, largest, keys.data());
      for (int64_t i = 0; i < k; ++i) {
        at[r * k + i] = at_of(keys[size_t(i)]);
        v[r * k + i] = x[r * l.n + at[r * k + i]];
      }
    });
  });
  return {l.back(values), l.back(indices)};
}

std::tuple<Tensor, Tensor> kthvalue(const Tensor& self, int64_t k, int64_t dim, bool keepdim) {
  check_median(self, "kthvalue");
  const int64_t n = self.ndim() ? self.size(dim) : 1;
  TORCHY_CHECK(n == 0 || (k >= 1 && k <= n), "kthvalue: selected number k out of range for dimension ", dim,
               ": k = ", k, "; it must be in [1, ", n, "]");
  return one_of_row(self, dim, keepdim, "kthvalue", [&](auto* x, int64_t count) { return rank(x, count, k - 1); });
}

Tensor median(const Tensor& self) { return median_of_all(self, false, "median"); }
Tensor nanmedian(const Tensor& self) { return median_of_all(self, true, "nanmedian"); }
std::tuple<Tensor, Tensor> median_dim(const Tensor& self, int64_t dim, bool keepdim) {
  check_median(self, "median");
  return one_of_row(self, dim, keepdim, "median", MedianOf{false});
}
std::tuple<Tensor, Tensor> nanmedian_dim(const Tensor& self, int64_t dim, bool keepdim) {
  check_median(self, "nanmedian");
  return one_of_row(self, dim, keepdim, "nanmedian", MedianOf{true});
}
std::tuple<Tensor, Tensor> mode(const Tensor& self, int64_t dim, bool keepdim) {
  check_ordered(self, "mode");
  return one_of_row(self, dim, keepdim, "mode", ModeOf{});
}

}  // namespace torchy::kernels
