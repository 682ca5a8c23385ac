// IndexPlan: masks to positions, broadcasting of index tensors, and the loops that move rows.
// Layer: kernels.
#include "index_plan.h"

#include <cstring>

#include "copy.h"

#include "../core/iterate.h"
#include "../core/shape.h"
#include "../core/tls.h"

namespace torchy::kernels {
namespace {

constexpr int64_t kBlock = 256;  // row offsets worked out at a time

// The plan as plain numbers, for loops that may not touch a tensor.
struct Rows {
  struct Key {
    const int64_t* index;
    int64_t size, stride;
  };
  std::vector<int64_t> outer;  // element offsets
  std::vector<int64_t> inner;  // the same; empty where the inner dims are one strided run
  int64_t inner_n = 1, inner_stride = 1;
  int64_t count = 1;  // rows of one outer position
  std::vector<Key> keys;

  void offsets(int64_t from, int64_t n, int64_t* out) const {
    std::fill(out, out + n, 0);
    for (const Key& k : keys)
      for (int64_t i = 0; i < n; ++i) {
        const int64_t at = k.index[from + i];
        out[i] += (at + (at < 0 ? k.size : 0)) * k.stride;
      }
  }
  int64_t inner_at(int64_t j) const { return inner.empty() ? j * inner_stride : inner[size_t(j)]; }
};

std::vector<int64_t> offset_table(IntSpan sizes, IntSpan strides) {
  std::vector<int64_t> table{0};
  for (size_t d = 0; d < sizes.size(); ++d) {
    std::vector<int64_t> next;
    next.reserve(table.size() * size_t(sizes[d]));
    for (int64_t t : table)
      for (int64_t i = 0; i < sizes[d]; ++i) next.push_back(t + i * strides[d]);
    table.swap(next);
  }
  return table;
}

// Are these dims one run with a single stride?
bool as_run(IntSpan sizes, IntSpan strides, int64_t& n, int64_t& stride) {
  n = 1;
  stride = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] == 1) continue;
    if (n == 1) stride = strides[d];
    else if (strides[d] != stride * n) return false;
    n *= sizes[d];
  }
  return true;
}

template <class T>
void read_rows(const Rows& r, T* out, const T* base) {
  const int64_t rows = int64_t(r.outer.size()) * r.count, width = r.inner_n;
  const int64_t grain = std::max<int64_t>(1, kIterGrain / width);
  parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    int64_t at[kBlock];
    for (int64_t i = begin; i < end;) {
      const int64_t k = i % r.count, n = std::min({kBlock, end - i, r.count - k});
      const T* from = base + r.outer[size_t(i / r.count)];
      r.offsets(k, n, at);
      for (int64_t j = 0; j < n; ++j) {
        T* to = out + (i + j) * width;
        const T* row = from + at[j];
        if (width == 1) *to = *row;
        else if (r.inner.empty() && r.inner_stride == 1) std::memcpy(to, row, size_t(width) * sizeof(T));
        else
          for (int64_t x = 0; x < width; ++x) to[x] = row[r.inner_at(x)];
      }
      i += n;
    }
  });
}

// step is 1, or 0 where one value goes everywhere.
template <class T, class F>
void write_part(const Rows& r, T* base, const T* src, int64_t step, int64_t o, int64_t j0, int64_t j1, F f) {
  int64_t at[kBlock];
  for (int64_t k = 0; k < r.count; k += kBlock) {
    const int64_t n = std::min(kBlock, r.count - k);
    r.offsets(k, n, at);
    for (int64_t i = 0; i < n; ++i) {
      T* to = base + r.outer[size_t(o)] + at[i];
      const T* from = src + ((o * r.count + k + i) * r.inner_n) * step;
      if (r.inner.empty() && r.inner_stride == 1 && step == 1) {
        for (int64_t j = j0; j < j1; ++j) f(to[j], from[j]);
      } else {
        for (int64_t j = j0; j < j1; ++j) f(to[r.inner_at(j)], from[j * step]);
      }
    }
  }
}

// Split so that no two threads write to one place and each place sees its values in order.
template <class T, class F>
void write_rows(const Rows& r, T* base, const T* src, int64_t step, F f) {
  const int64_t outer = int64_t(r.outer.size());
  if (outer > 1) {
    parallel_for(0, outer, std::max<int64_t>(1, kIterGrain / (r.count * r.inner_n)), [&](int64_t b, int64_t e) {
      for (int64_t o = b; o < e; ++o) write_part(r, base, src, step, o, 0, r.inner_n, f);
    });
  } else {
    parallel_for(0, r.inner_n, std::max<int64_t>(64, kIterGrain / r.count),
                 [&](int64_t b, int64_t e) { write_part(r, base, src, step, 0, b, e, f); });
  }
}

std::string shapes_of(const std::vector<IndexKey>& keys) {
  std::string text;
  for (const IndexKey& k : keys) text += str_cat(text.empty() ? "" : ", ", k.index.sizes());
  return text;
}

// Every key's index becomes contiguous and of the common shape.
IntVec broadcast_keys(std::vector<IndexKey>& keys) {
  IntVec shape;
  for (const IndexKey& k : keys) {
    IntSpan s = k.index.sizes();
    while (shape.size() < s.size()) shape.insert_at(0, 1);
    for (size_t i = 0; i < s.size(); ++i) {
      int64_t& to = shape[shape.size() - s.size() + i];
      if (to == 1) to = s[i];
      else if (s[i] != 1 && s[i] != to)
        fail_index("shape mismatch: indexing tensors could not be broadcast together with shapes ", shapes_of(keys));
    }
  }
  for (IndexKey& k : keys) k.index = contiguous(expanded(k.index, shape));
  return shape;
}

// The dims of a tensor as an indexing expression sees them: masks may merge several into one.
struct Dims {
  IntVec sizes, strides;
  std::vector<int> key_of;  // -1 for a whole dim
  void add(int64_t size, int64_t stride, int key = -1) {
    sizes.push_back(size);
    strides.push_back(stride);
    key_of.push_back(key);
  }
};

void add_mask(const Tensor& self, const Tensor& mask, size_t position, int64_t d, Dims& dims,
              std::vector<IndexKey>& keys) {
  const int64_t n = mask.ndim();
  for (int64_t i = 0; i < n; ++i)
    if (mask.sizes()[size_t(i)] != self.sizes()[size_t(d + i)])
      fail_index("The shape of the mask ", mask.sizes(), " at index ", position,
                 " does not match the shape of the indexed tensor ", self.sizes(), " at index ", d + i);
  IntSpan sizes(self.sizes().data() + d, size_t(n)), strides(self.strides().data() + d, size_t(n));
  int64_t count, stride;
  if (as_run(sizes, strides, count, stride)) {  // one flat index serves all its dims
    keys.push_back({flat_nonzero(mask), d, count, stride});
    dims.add(count, stride, int(keys.size()) - 1);
    return;
  }
  TensorList columns = nonzero_columns(mask);
  for (size_t i = 0; i < size_t(n); ++i) {
    keys.push_back({columns[i], d + int64_t(i), sizes[i], strides[i]});
    dims.add(sizes[i], strides[i], int(keys.size()) - 1);
  }
}

bool is_mask(const Tensor& t) { return t.dtype() == DType::Bool || t.dtype() == DType::UInt8; }

}  // namespace

void IndexPlan::place_keys(IntSpan sizes, IntSpan strides, const std::vector<int>& key_of) {
  const int64_t n = int64_t(sizes.size());
  int64_t first = n, last = -1, used = 0;
  for (int64_t d = 0; d < n; ++d) {
    if (key_of[size_t(d)] < 0) continue;
    first = std::min(first, d);
    last = d;
    ++used;
  }
  const bool adjacent = last - first + 1 == used;
  for (int64_t d = 0; d < n; ++d) {
    if (key_of[size_t(d)] >= 0) continue;
    const bool before = used == 0 || (adjacent && d < first);
    (before ? outer_sizes_ : inner_sizes_).push_back(sizes[size_t(d)]);
    (before ? outer_strides_ : inner_strides_).push_back(strides[size_t(d)]);
  }
}

IndexPlan IndexPlan::of(const Tensor& self, const TensorList& indices) {
  int64_t wanted = 0;
  for (const Tensor& t : indices) wanted += t.defined() && is_mask(t) ? t.ndim() : 1;
  if (wanted > self.ndim()) fail_index("too many indices for tensor of dimension ", self.ndim(), " (got ", wanted, ")");
  IndexPlan plan;
  Dims dims;
  int64_t d = 0;
  for (size_t i = 0; i < indices.size(); ++i) {
    const Tensor& t = indices[i];
    if (t.defined() && is_mask(t)) {
      add_mask(self, t, i, d, dims, plan.keys_);
      d += t.ndim();
      continue;
    }
    const int64_t size = self.sizes()[size_t(d)], stride = self.strides()[size_t(d)];
    if (t.defined()) {
      if (t.dtype() != DType::Int64 && t.dtype() != DType::Int32)
        fail_index("tensors used as indices must be long, int, byte or bool tensors; got ", dtype_name(t.dtype()));
      Tensor index = index_int64(t, "index");
      check_bounds(index, d, size, Bounds::Wrap);
      plan.keys_.push_back({index, d, size, stride});
    }
    dims.add(size, stride, t.defined() ? int(plan.keys_.size()) - 1 : -1);
    ++d;
  }
  for (; d < self.ndim(); ++d) dims.add(self.sizes()[size_t(d)], self.strides()[size_t(d)]);
  plan.index_shape_ = broadcast_keys(plan.keys_);
  plan.place_keys(dims.sizes, dims.strides, dims.key_of);
  return plan;
}

IndexPlan IndexPlan::along(const Tensor& self, int64_t dim, const Tensor& index) {
  IndexPlan plan;
  plan.keys_.push_back({index, dim, self.sizes()[size_t(dim)], self.strides()[size_t(dim)]});
  plan.index_shape_ = IntVec(index.sizes());
  std::vector<int> key_of(size_t(self.ndim()), -1);
  key_of[size_t(dim)] = 0;
  plan.place_keys(self.sizes(), self.strides(), key_of);
  return plan;
}

IndexPlan IndexPlan::flat(const Tensor& self, const Tensor& index) {
  IndexPlan plan;
  plan.keys_.push_back({index, 0, self.numel(), 1});
  plan.index_shape_ = IntVec(index.sizes());
  return plan;
}

IntVec IndexPlan::sizes() const {
  IntVec out(outer_sizes_);
  for (int64_t s : index_shape_) out.push_back(s);
  for (int64_t s : inner_sizes_) out.push_back(s);
  return out;
}

namespace {

Rows rows_of(const std::vector<IndexKey>& keys, IntSpan outer_sizes, IntSpan outer_strides, IntSpan index_shape,
             IntSpan inner_sizes, IntSpan inner_strides) {
  Rows r;
  r.outer = offset_table(outer_sizes, outer_strides);
  r.count = numel_of(index_shape);
  if (!as_run(inner_sizes, inner_strides, r.inner_n, r.inner_stride)) {
    r.inner = offset_table(inner_sizes, inner_strides);
    r.inner_n = int64_t(r.inner.size());
  }
  for (const IndexKey& k : keys) r.keys.push_back({k.index.data<int64_t>(), k.size, k.stride});
  return r;
}

}  // namespace

Tensor IndexPlan::read(const Tensor& self) const {
  Tensor out = torchy::empty(sizes(), self.dtype());
  if (out.numel() == 0) return out;
  const Rows rows = rows_of(keys_, outer_sizes_, outer_strides_, index_shape_, inner_sizes_, inner_strides_);
  LongSection section(out.numel() > kLongWork);
  visit_width(itemsize(self.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    read_rows<T>(rows, out.data<T>(), self.data<T>());
  });
  return out;
}

void IndexPlan::write(Tensor& self, const Tensor& values, bool accumulate) const {
  const IntVec shape = sizes();
  TORCHY_CHECK(broadcastable_to(values.sizes(), shape), "shape mismatch: value tensor of shape ", values.sizes(),
               " cannot be broadcast to indexing result of shape ", shape);
  const int64_t total = numel_of(shape);
  if (total == 0) return;
  const bool single = values.numel() == 1;
  const Tensor src = single ? values : contiguous(expanded(values, shape));
  const Rows rows = rows_of(keys_, outer_sizes_, outer_strides_, index_shape_, inner_sizes_, inner_strides_);
  const int64_t step = single ? 0 : 1;
  LongSection section(total > kLongWork);
  if (accumulate) {
    visit_dtype(self.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      write_rows<T>(rows, self.data<T>(), src.data<T>(), step, [](T& to, const T& v) { to = static_cast<T>(to + v); });
    });
  } else {
    visit_width(itemsize(self.dtype()), [&](auto tag) {
      using T = typename decltype(tag)::type;
      write_rows<T>(rows, self.data<T>(), src.data<T>(), step, [](T& to, const T& v) { to = v; });
    });
  }
}

}  // namespace torchy::kernels
