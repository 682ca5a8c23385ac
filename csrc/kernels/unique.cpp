// unique and its relatives, bincount, histc, searchsorted and bucketize. Layer: kernels.
#include "sort_keys.h"

namespace torchy::kernels {
namespace {

using Triple = std::tuple<Tensor, Tensor, Tensor>;

// Groups of equal items that lie together: `order` lists item numbers, same(a, b) says whether the
// items a and b are equal. Gives the first item, the inverse and the counts of every group.
struct Groups {
  std::vector<int64_t> firsts, counts;

  template <class Order, class Same>
  void build(int64_t n, int64_t* inverse, Order&& order, Same&& same) {
    for (int64_t i = 0; i < n; ++i) {
      const int64_t item = order(i);
      if (i == 0 || !same(order(i - 1), item)) {
        firsts.push_back(item);
        counts.push_back(0);
      }
      ++counts.back();
      if (inverse) inverse[item] = int64_t(firsts.size()) - 1;
    }
  }
  Tensor counts_tensor(bool wanted) const {
    const int64_t size = wanted ? int64_t(counts.size()) : 0;
    Tensor t = empty({size}, DType::Int64);
    std::copy(counts.begin(), counts.begin() + size, t.data<int64_t>());
    return t;
  }
};

template <class T>
bool same_value(T a, T b) {
  if constexpr (IsHalf<T>::value) return float(a) == float(b);
  else return a == b;
}

Tensor flat_copy(const Tensor& self) {
  const Tensor x = contiguous(self);
  return alias(x, {x.numel()}, {1}, x.offset());
}

Triple unique_flat(const Tensor& self, bool sorted, bool return_inverse, bool return_counts) {
  const Tensor x = flat_copy(self);
  const int64_t n = x.numel();
  Tensor inverse = return_inverse ? empty(self.sizes(), DType::Int64) : empty({0}, DType::Int64);
  int64_t* inv = return_inverse ? inverse.data<int64_t>() : nullptr;
  Groups groups;
  Tensor out;
  visit_sortable(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    using Key = Keyed<KeyOf<T>>;
    const T* p = x.data<T>();
    auto same = [&](int64_t a, int64_t b) { return same_value(p[a], p[b]); };
    if (sorted) {
      std::vector<Key> keys(static_cast<size_t>(2 * n));
      make_keys(p, n, false, keys.data());
      sort_keyed(keys.data(), keys.data() + n, n);
      groups.build(n, inv, [&](int64_t i) { return int64_t(at_of(keys[size_t(i)])); }, same);
    } else {
      groups.build(n, inv, [](int64_t i) { return i; }, same);
    }
    out = empty({int64_t(groups.firsts.size())}, x.dtype());
    for (size_t i = 0; i < groups.firsts.size(); ++i) out.data<T>()[i] = p[groups.firsts[i]];
  });
  return {out, inverse, groups.counts_tensor(return_counts)};
}

// Slices along dim as rows of a matrix; compared element by element.
Triple unique_rows(const Tensor& self, int64_t dim, bool sorted, bool return_inverse, bool return_counts,
                   const char* op) {
  const int64_t d = wrap_dim(dim, self.ndim());
  TORCHY_CHECK(self.ndim() >= 1, op, ": got a 0-d tensor with dim=; omit dim");
  IntVec sizes(self.sizes()), strides(self.strides());
  sizes.erase_at(size_t(d));
  strides.erase_at(size_t(d));
  sizes.insert_at(0, self.sizes()[size_t(d)]);
  strides.insert_at(0, self.strides()[size_t(d)]);
  const Tensor x = contiguous(alias(self, sizes, strides, self.offset()));
  const int64_t n = sizes[0], width = n ? x.numel() / n : 0;
  Tensor inverse = empty({return_inverse ? n : 0}, DType::Int64);
  Groups groups;
  Tensor out;
  visit_sortable(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = x.data<T>();
    std::vector<int64_t> order(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) order[size_t(i)] = i;
    auto less = [&](int64_t a, int64_t b) {
      for (int64_t j = 0; j < width; ++j) {
        const auto ka = sort_key(p[a * width + j]), kb = sort_key(p[b * width + j]);
        if (ka != kb) return ka < kb;
      }
      return false;
    };
    if (sorted) std::stable_sort(order.begin(), order.end(), less);
    groups.build(
        n, return_inverse ? inverse.data<int64_t>() : nullptr, [&](int64_t i) { return order[size_t(i)]; },
        [&](int64_t a, int64_t b) {
          for (int64_t j = 0; j < width; ++j)
            if (!same_value(p[a * width + j], p[b * width + j])) return false;
          return true;
        });
    sizes[0] = int64_t(groups.firsts.size());
    out = empty(sizes, x.dtype());
    for (size_t i = 0; i < groups.firsts.size(); ++i)
      std::copy_n(p + groups.firsts[i] * width, width, out.data<T>() + int64_t(i) * width);
  });
  IntVec back_sizes(out.sizes()), back_strides(out.strides());
  const int64_t first_size = out.sizes()[0], first_stride = out.strides()[0];
  back_sizes.erase_at(0);
  back_strides.erase_at(0);
  back_sizes.insert_at(size_t(d), first_size);
  back_strides.insert_at(size_t(d), first_stride);
  out = contiguous(alias(out, back_sizes, back_strides, out.offset()));
  return {out, inverse, groups.counts_tensor(return_counts)};
}

}  // namespace

Triple _unique2(const Tensor& self, bool, bool return_inverse, bool return_counts) {
  check_ordered(self, "unique");
  return unique_flat(self, true, return_inverse, return_counts);
}
Triple unique_dim(const Tensor& self, int64_t dim, bool, bool return_inverse, bool return_counts) {
  check_ordered(self, "unique");
  return unique_rows(self, dim, true, return_inverse, return_counts, "unique");
}
Triple _unique_consecutive(const Tensor& self, bool return_inverse, bool return_counts, std::optional<int64_t> dim) {
  check_ordered(self, "unique_consecutive");
  if (dim) return unique_rows(self, *dim, false, return_inverse, return_counts, "unique_consecutive");
  return unique_flat(self, false, return_inverse, return_counts);
}

// ----------------------------------------------------------------------------- bincount and histc

Tensor bincount(const Tensor& self, const Tensor& weights, int64_t minlength) {
  TORCHY_CHECK(self.ndim() == 1 && is_integral(self.dtype()),
               "bincount: only supports 1-d non-negative integral inputs, got shape ", self.sizes(), " of ",
               dtype_name(self.dtype()), "; flatten it or convert it to torch.int64");
  TORCHY_CHECK(minlength >= 0, "bincount: minlength is ", minlength, "; it should be at least 0");
  TORCHY_CHECK(!weights.defined() || (weights.ndim() == 1 && weights.numel() == self.numel()),
               "bincount: weights of shape ", weights.defined() ? weights.sizes() : IntSpan(),
               " for an input of shape ", self.sizes(), "; they must have the same length");
  const Tensor x = contiguous(to_dtype(self, DType::Int64));
  const int64_t* p = x.data<int64_t>();
  int64_t bins = minlength;
  for (int64_t i = 0; i < x.numel(); ++i) {
    TORCHY_CHECK(p[i] >= 0, "bincount: only supports 1-d non-negative integral inputs, got ", p[i]);
    bins = std::max(bins, p[i] + 1);
  }
  if (!weights.defined()) {
    Tensor out = zeros({bins}, DType::Int64);
    for (int64_t i = 0; i < x.numel(); ++i) ++out.data<int64_t>()[p[i]];
    return out;
  }
  const Tensor w = contiguous(to_dtype(weights, DType::Float64));
  Tensor out = zeros({bins}, DType::Float64);
  for (int64_t i = 0; i < x.numel(); ++i) out.data<double>()[p[i]] += w.data<double>()[i];
  return to_dtype(out, weights.dtype() == DType::Float32 ? DType::Float32 : DType::Float64);
}

Tensor histc(const Tensor& self, int64_t bins, const Scalar& min, const Scalar& max) {
  if (!is_float(self.dtype()))
    fail_not_implemented("\"histc\" not implemented for '", scalar_type_name(self.dtype()), "'; convert with .float()");
  TORCHY_CHECK(bins > 0, "histc: bins must be > 0, but got ", bins);
  const Tensor x = contiguous(to_dtype(self, DType::Float64));
  const double* p = x.data<double>();
  double low = min.to_double(), high = max.to_double();
  if (low == high && x.numel() > 0) {
    low = *std::min_element(p, p + x.numel());
    high = *std::max_element(p, p + x.numel());
  }
  if (low == high) {
    low -= 1;
    high += 1;
  }
  TORCHY_CHECK(std::isfinite(low) && std::isfinite(high), "histc: range of [", low, ", ", high,
               "] is not finite; pass min and max");
  TORCHY_CHECK(low < high, "histc: max must be larger than min, got min ", low, " and max ", high);
  Tensor out = zeros({bins}, DType::Float64);
  for (int64_t i = 0; i < x.numel(); ++i) {
    if (!(p[i] >= low && p[i] <= high)) continue;
    const int64_t bin = int64_t((p[i] - low) / (high - low) * double(bins));
    out.data<double>()[std::min(bin, bins - 1)] += 1;
  }
  return to_dtype(out, self.dtype());
}

// ------------------------------------------------------------------------- searchsorted, bucketize

namespace {

// The first position whose element is not less than (right: is greater than) the value.
template <class T>
int64_t bound(const T* seq, const int64_t* sorter, int64_t n, T value, bool right) {
  const auto key = sort_key(value);
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t mid = (low + high) / 2;
    const auto here = sort_key(seq[sorter ? sorter[mid] : mid]);
    if (right ? here <= key : here < key) low = mid + 1;
    else high = mid;
  }
  return low;
}

DType common_dtype(DType a, DType b) {
  const DType hi = a > b ? a : b, lo = a > b ? b : a;
  if (is_float(hi) && is_integral_or_bool(lo)) return hi;
  if (hi == lo) return hi;
  return is_float(hi) ? DType::Float64 : DType::Int64;
}

Tensor search(const Tensor& sequence, const Tensor& values, bool out_int32, bool right,
              const std::optional<std::string>& side, const Tensor& sorter, const char* op) {
  TORCHY_CHECK(!side || *side == "left" || *side == "right", op, ": side is '", side.value_or(""),
               "'; it can only be 'left' or 'right'");
  TORCHY_CHECK(!side || *side == "right" || !right, op, ": side='left' contradicts right=True; pass one of them");
  TORCHY_CHECK(sequence.ndim() >= 1, op, ": the sorted sequence is 0-d; it must have a dim");
  if (sequence.is_complex() || values.is_complex())
    fail_not_implemented(op, ": not implemented for complex numbers, which have no order");
  const bool to_right = right || (side && *side == "right");
  const bool shared = sequence.ndim() == 1;
  const size_t lead = size_t(sequence.ndim() - 1);
  TORCHY_CHECK(shared || (values.ndim() == sequence.ndim() &&
                          IntSpan(sequence.sizes().data(), lead) == IntSpan(values.sizes().data(), lead)),
               op, ": boundaries of shape ", sequence.sizes(), " and values of shape ", values.sizes(),
               "; the first dims must be equal, or the boundaries 1-d");
  TORCHY_CHECK(!sorter.defined() || (sorter.sizes() == sequence.sizes() && sorter.dtype() == DType::Int64), op,
               ": sorter must be an int64 tensor of the sequence's shape ", sequence.sizes());
  const DType dtype = common_dtype(sequence.dtype(), values.dtype());
  const Tensor seq = contiguous(to_dtype(sequence, dtype)), v = contiguous(to_dtype(values, dtype));
  const Tensor order = sorter.defined() ? contiguous(sorter) : sorter;
  const int64_t n = seq.sizes().back(), each = shared || v.ndim() == 0 ? v.numel() : v.sizes().back();
  if (order.defined()) {
    const int64_t* at = order.data<int64_t>();
    for (int64_t i = 0; i < order.numel(); ++i)
      TORCHY_CHECK(at[i] >= 0 && at[i] < n, op, ": sorter index ", at[i], " out of range [0, ", n, ")");
  }
  Tensor out = empty(v.sizes(), DType::Int64);
  visit_sortable(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *s = seq.data<T>(), *x = v.data<T>();
    const int64_t* at = order.defined() ? order.data<int64_t>() : nullptr;
    int64_t* o = out.data<int64_t>();
    const int64_t total = v.numel();
    LongSection section(total > kLongWork / 8);
    parallel_for(0, total, 2048, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) {
        const int64_t row = shared ? 0 : i / each * n;
        o[i] = bound(s + row, at ? at + row : nullptr, n, x[i], to_right);
      }
    });
  });
  return out_int32 ? to_dtype(out, DType::Int32) : out;
}

Tensor number_tensor(const Scalar& s) { return scalar_tensor(s, s.is_float() ? DType::Float64 : DType::Int64); }

}  // namespace

Tensor searchsorted(const Tensor& sorted_sequence, const Tensor& self, bool out_int32, bool right,
                    const std::optional<std::string>& side, const Tensor& sorter) {
  return search(sorted_sequence, self, out_int32, right, side, sorter, "searchsorted");
}
Tensor searchsorted_scalar(const Tensor& sorted_sequence, const Scalar& self, bool out_int32, bool right,
                           const std::optional<std::string>& side, const Tensor& sorter) {
  return search(sorted_sequence, number_tensor(self), out_int32, right, side, sorter, "searchsorted");
}
Tensor bucketize(const Tensor& self, const Tensor& boundaries, bool out_int32, bool right) {
  TORCHY_CHECK(boundaries.ndim() == 1, "bucketize: boundaries must be 1-d, got shape ", boundaries.sizes());
  return search(boundaries, self, out_int32, right, std::nullopt, Tensor(), "bucketize");
}
Tensor bucketize_scalar(const Scalar& self, const Tensor& boundaries, bool out_int32, bool right) {
  return bucketize(number_tensor(self), boundaries, out_int32, right);
}

}  // namespace torchy::kernels
