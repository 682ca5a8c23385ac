// Order-preserving unsigned keys of element types, and a dim brought last: what sort.cpp, select.cpp
// and unique.cpp share. Layer: kernels. NaN comes after every number; -0 equals +0.
#pragma once

#include <type_traits>
#include <vector>

#include "scan.h"

namespace torchy::kernels {

template <int kBytes>
struct UIntOf;
template <>
struct UIntOf<1> {
  using type = uint8_t;
};
template <>
struct UIntOf<2> {
  using type = uint16_t;
};
template <>
struct UIntOf<4> {
  using type = uint32_t;
};
template <>
struct UIntOf<8> {
  using type = uint64_t;
};
template <class T>
using KeyOf = typename UIntOf<sizeof(T)>::type;

template <class T>
constexpr bool kIsFloat = std::is_floating_point_v<T> || IsHalf<T>::value;

template <class T>
bool is_nan(T x) {
  if constexpr (IsHalf<T>::value) return float(x) != float(x);
  else return x != x;
}

template <class T>
inline KeyOf<T> sort_key(T x) {
  using K = KeyOf<T>;
  constexpr K kTop = K(K(1) << (8 * sizeof(K) - 1));
  K bits;
  std::memcpy(&bits, &x, sizeof bits);
  if constexpr (kIsFloat<T>) {
    const K negative = K(~bits), positive = K(bits | kTop);
    K key = bits & kTop ? negative : positive;
    key = K(bits << 1) == 0 ? kTop : key;
    return is_nan(x) ? K(~K(0)) : key;
  } else if constexpr (std::is_signed_v<T>) {
    return K(bits ^ kTop);
  } else {
    return bits;
  }
}

// A key with the position it came from; ordered by key, then by position, so no two are equal.
template <class K>
struct Keyed {
  K key;
  uint32_t at;
  bool operator<(const Keyed& o) const { return key < o.key || (key == o.key && at < o.at); }
};
template <>
struct Keyed<uint32_t> {
  uint64_t both;
  Keyed() = default;
  Keyed(uint32_t key, uint32_t at) : both(uint64_t(key) << 32 | at) {}
  bool operator<(const Keyed& o) const { return both < o.both; }
};
template <class K>
inline uint32_t at_of(const Keyed<K>& k) {
  return k.at;
}
inline uint32_t at_of(const Keyed<uint32_t>& k) { return uint32_t(k.both); }
template <class K>
inline K key_of(const Keyed<K>& k) {
  return k.key;
}
inline uint32_t key_of(const Keyed<uint32_t>& k) { return uint32_t(k.both >> 32); }

template <class T>
void make_keys(const T* x, int64_t n, bool descending, Keyed<KeyOf<T>>* out) {
  using K = KeyOf<T>;
  for (int64_t i = 0; i < n; ++i) {
    const K key = sort_key(x[i]);
    out[i] = Keyed<K>{descending ? K(~key) : key, uint32_t(i)};
  }
}

// The tensor with `dim` moved last and made contiguous, and the way back.
struct LastDim {
  LastDim(const Tensor& t, int64_t dim, const char* op) : dim(wrap_dim(dim, t.ndim())) {
    n = t.ndim() ? t.sizes()[size_t(this->dim)] : 1;
    TORCHY_CHECK(n < (int64_t(1) << 32), op, ": dimension ", dim, " has ", n,
                 " elements; at most 4294967295 are supported");
    last = this->dim == t.ndim() - 1 || t.ndim() == 0;
    x = contiguous(last ? t : alias(t, moved(t.sizes(), true), moved(t.strides(), true), t.offset()));
    rows = n ? x.numel() / n : 0;
  }
  // A result of x's layout with its last dim of `size` (or without it, for size < 0).
  Tensor make_output(DType dtype, int64_t size) const {
    IntVec sizes(x.sizes());
    if (!sizes.empty()) sizes.back() = size;
    return empty(sizes, dtype);
  }
  Tensor back(const Tensor& t) const {
    if (last) return t;
    return contiguous(alias(t, moved(t.sizes(), false), moved(t.strides(), false), t.offset()));
  }
  // Drops or keeps the dim of size 1 of a result that is already back.
  Tensor squeezed(const Tensor& t, bool keepdim) const {
    if (keepdim || t.ndim() == 0) return t;
    IntVec sizes(t.sizes());
    sizes.erase_at(size_t(dim));
    return alias(t, sizes, contiguous_strides(sizes), t.offset());
  }

  Tensor x;
  int64_t dim, n, rows;
  bool last;

 private:
  IntVec moved(IntSpan list, bool to_last) const {
    IntVec out(list);
    if (to_last) {
      out.erase_at(size_t(dim));
      out.push_back(list[size_t(dim)]);
    } else {
      out.pop_back();
      out.insert_at(size_t(dim), list.back());
    }
    return out;
  }
};

// f(row) for every row; raw memory only.
template <class F>
void each_row(const LastDim& l, F&& f) {
  LongSection section(l.rows * l.n > kLongWork / 16);
  const int64_t grain = std::max<int64_t>(1, 4096 / std::max<int64_t>(l.n, 1));
  parallel_for(0, l.rows, grain, [&](int64_t b, int64_t e) {
    for (int64_t r = b; r < e; ++r) f(r);
  });
}

inline void check_sortable(const Tensor& t, const char* op) {
  TORCHY_CHECK(!t.is_complex(), op, ": does not support complex dtypes, got ", dtype_name(t.dtype()),
               "; sort abs() or real parts");
}

// The same where PyTorch has no such kernel rather than a check: its exception type is the narrower one.
inline void check_ordered(const Tensor& t, const char* op) {
  if (t.is_complex())
    fail_not_implemented(op, ": not implemented for ", dtype_name(t.dtype()), "; complex numbers have no order");
}

// One instance for each element type that has an order.
template <class F>
void visit_sortable(DType d, F&& f) {
  visit_dtype(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!IsComplex<T>::value) f(tag);
  });
}

// Sorts keys (already inverted for a descending order); `spare` has room for n.
template <class K>
void sort_keyed(Keyed<K>* keys, Keyed<K>* spare, int64_t n);
extern template void sort_keyed(Keyed<uint8_t>*, Keyed<uint8_t>*, int64_t);
extern template void sort_keyed(Keyed<uint16_t>*, Keyed<uint16_t>*, int64_t);
extern template void sort_keyed(Keyed<uint32_t>*, Keyed<uint32_t>*, int64_t);
extern template void sort_keyed(Keyed<uint64_t>*, Keyed<uint64_t>*, int64_t);

}  // namespace torchy::kernels
