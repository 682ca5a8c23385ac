// sort, argsort, msort's kernel: always stable. Short rows by comparison, long ones by radix; one very
// long row is sorted in two halves on two threads and merged. Layer: kernels.
#include "sort_keys.h"

namespace torchy::kernels {
namespace {

constexpr int64_t kRadixFrom = 512;

// Least significant digit first, 8 bits a pass; passes whose digit is the same everywhere are skipped.
template <class K>
void radix_sort(Keyed<K>* keys, Keyed<K>* spare, int64_t n) {
  constexpr int kDigits = int(sizeof(K));
  uint32_t counts[kDigits][256] = {};
  for (int64_t i = 0; i < n; ++i) {
    const K key = key_of(keys[i]);
    for (int d = 0; d < kDigits; ++d) ++counts[d][(key >> (8 * d)) & 255];
  }
  Keyed<K>*from = keys, *to = spare;
  for (int d = 0; d < kDigits; ++d) {
    uint32_t* count = counts[d];
    if (count[(key_of(from[0]) >> (8 * d)) & 255] == uint32_t(n)) continue;
    uint32_t start = 0;
    for (int v = 0; v < 256; ++v) {
      const uint32_t here = count[v];
      count[v] = start;
      start += here;
    }
    for (int64_t i = 0; i < n; ++i) to[count[(key_of(from[i]) >> (8 * d)) & 255]++] = from[i];
    std::swap(from, to);
  }
  if (from != keys) std::copy(from, from + n, keys);
}

}  // namespace

template <class K>
void sort_keyed(Keyed<K>* keys, Keyed<K>* spare, int64_t n) {
  if (n < kRadixFrom) std::sort(keys, keys + n);
  else radix_sort(keys, spare, n);
}
template void sort_keyed(Keyed<uint8_t>*, Keyed<uint8_t>*, int64_t);
template void sort_keyed(Keyed<uint16_t>*, Keyed<uint16_t>*, int64_t);
template void sort_keyed(Keyed<uint32_t>*, Keyed<uint32_t>*, int64_t);
template void sort_keyed(Keyed<uint64_t>*, Keyed<uint64_t>*, int64_t);

namespace {

constexpr int64_t kSplitFrom = 1 << 16;

// Keys of one long row, made, sorted in two halves and merged into `spare`'s place by position.
template <class T>
void sort_long_row(const T* x, int64_t n, bool descending, Keyed<KeyOf<T>>* keys, Keyed<KeyOf<T>>* spare) {
  const int64_t half = n / 2;
  parallel_for(0, 2, 1, [&](int64_t b, int64_t e) {
    for (int64_t part = b; part < e; ++part) {
      const int64_t first = part ? half : 0, count = part ? n - half : half;
      using K = KeyOf<T>;
      for (int64_t i = first; i < first + count; ++i) {
        const K key = sort_key(x[i]);
        keys[i] = Keyed<K>{descending ? K(~key) : key, uint32_t(i)};
      }
      sort_keyed(keys + first, spare + first, count);
    }
  });
  std::merge(keys, keys + half, keys + half, keys + n, spare);
}

template <class T>
void store_row(const T* x, const Keyed<KeyOf<T>>* keys, int64_t n, T* values, int64_t* indices) {
  for (int64_t i = 0; i < n; ++i) indices[i] = at_of(keys[i]);
  if (values)
    for (int64_t i = 0; i < n; ++i) values[i] = x[indices[i]];
}

template <class T>
void sort_rows(const LastDim& l, bool descending, T* values, int64_t* indices) {
  using Key = Keyed<KeyOf<T>>;
  const T* x = l.x.data<T>();
  const int64_t n = l.n;
  auto values_of = [&](int64_t r) { return values ? values + r * n : nullptr; };
  if (n >= kSplitFrom && l.rows < get_num_threads()) {
    LongSection section;
    std::unique_ptr<Key[]> keys(new Key[size_t(n)]), spare(new Key[size_t(n)]);
    for (int64_t r = 0; r < l.rows; ++r) {
      sort_long_row(x + r * n, n, descending, keys.get(), spare.get());
      parallel_for(0, n, kParallelGrain, [&](int64_t b, int64_t e) {
        store_row(x + r * n, spare.get() + b, e - b, values ? values + r * n + b : nullptr, indices + r * n + b);
      });
    }
    return;
  }
  LongSection section(l.rows * n > kLongWork / 16);
  parallel_for(0, l.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(n, 1)), [&](int64_t b, int64_t e) {
    constexpr int64_t kInline = 256;
    Key inline_keys[kInline];
    std::unique_ptr<Key[]> heap(n > kInline ? new Key[size_t(2 * n)] : nullptr);
    Key* keys = heap ? heap.get() : inline_keys;
    for (int64_t r = b; r < e; ++r) {
      make_keys(x + r * n, n, descending, keys);
      sort_keyed(keys, keys + n, n);
      store_row(x + r * n, keys, n, values_of(r), indices + r * n);
    }
  });
}

std::tuple<Tensor, Tensor> run_sort(const Tensor& self, int64_t dim, bool descending, bool want_values,
                                    const char* op) {
  check_sortable(self, op);
  const LastDim l(self, dim, op);
  Tensor indices = l.make_output(DType::Int64, l.n), values;
  if (want_values) values = l.make_output(self.dtype(), l.n);
  visit_sortable(self.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    sort_rows<T>(l, descending, want_values ? values.data<T>() : nullptr, indices.data<int64_t>());
  });
  return {want_values ? l.back(values) : values, l.back(indices)};
}

}  // namespace

std::tuple<Tensor, Tensor> sort(const Tensor& self, int64_t dim, bool descending) {
  return run_sort(self, dim, descending, true, "sort");
}
std::tuple<Tensor, Tensor> sort_stable(const Tensor& self, std::optional<bool>, int64_t dim, bool descending) {
  return run_sort(self, dim, descending, true, "sort");
}
Tensor argsort(const Tensor& self, int64_t dim, bool descending) {
  return std::get<1>(run_sort(self, dim, descending, false, "argsort"));
}
Tensor argsort_stable(const Tensor& self, std::optional<bool>, int64_t dim, bool descending) {
  return std::get<1>(run_sort(self, dim, descending, false, "argsort"));
}

}  // namespace torchy::kernels
