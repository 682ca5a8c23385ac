// Small steps that indexing kernels share: bounds, dtypes of indices, positions of nonzero elements.
// Layer: kernels.
#include "copy.h"
#include "index_plan.h"

#include "../core/shape.h"
#include "../core/tls.h"

namespace torchy::kernels {

void check_bounds(const Tensor& index, int64_t dim, int64_t size, Bounds bounds, ErrorKind kind, const char* op) {
  const int64_t n = index.numel();
  const int64_t* p = index.data<int64_t>();
  const int64_t low = bounds == Bounds::Wrap ? -size : 0;
  // With v counted from low, ~v & (v - range) has its sign bit just for 0 <= v < range: no comparisons,
  // so the plainest instruction set runs it in vectors.
  const uint64_t range = uint64_t(size - low);
  uint64_t good = ~uint64_t(0);
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t v = uint64_t(p[i]) - uint64_t(low);
    good &= ~v & (v - range);
  }
  if (good >> 63) return;
  int64_t i = 0;
  while (p[i] >= low && p[i] < size) ++i;
  throw Error(
      kind, str_cat(op, *op ? ": " : "", "index ", p[i], " is out of bounds for dimension ", dim, " with size ", size));
}

Tensor index_int64(const Tensor& index, const char* op) {
  TORCHY_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, op,
               ": Expected dtype int32 or int64 for index; got ", dtype_name(index.dtype()));
  return contiguous(to_dtype(index, DType::Int64));
}

Tensor checked_vector(const Tensor& index, const char* op) {
  if (index.ndim() > 1) fail_index(op, ": Index is supposed to be a vector; got shape ", index.sizes());
  return at_least_1d(index_int64(index, op));
}

Tensor at_least_1d(const Tensor& t) { return t.ndim() ? t : torchy::alias(t, {1}, {1}, t.offset()); }

Tensor fresh_copy(const Tensor& t) {
  Tensor out = torchy::empty_like(t);
  copy_into(out, t);
  return out;
}

Tensor expanded(const Tensor& t, IntSpan sizes) {
  if (IntSpan(t.sizes()) == sizes) return t;
  return torchy::alias(t, sizes, broadcast_strides(t, sizes), t.offset());
}

namespace {

template <class T>
bool truth(const T& v) {
  if constexpr (IsHalf<T>::value) return (v.bits & 0x7fff) != 0;
  else return v != T(0);
}

// Branch-free: every position is written, and only a hit moves on. `out` has room for one more.
template <class T>
void positions(const T* p, int64_t n, int64_t* out) {
  int64_t k = 0;
  for (int64_t i = 0; i < n; ++i) {
    out[k] = i;
    k += truth(p[i]);
  }
}

}  // namespace

Tensor flat_nonzero(const Tensor& t) {
  const Tensor in = contiguous(t);
  const int64_t n = in.numel();
  // Any byte but 0 is true in a bool tensor; as bytes, such memory is well defined.
  const DType dtype = in.dtype() == DType::Bool ? DType::UInt8 : in.dtype();
  return visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = in.data<T>();
    int64_t count = 0;
    {
      LongSection section(n > kLongWork);
      for (int64_t i = 0; i < n; ++i) count += truth(p[i]);
    }
    Tensor out = torchy::empty({count + 1}, DType::Int64);
    {
      LongSection section(n > kLongWork);
      positions(p, n, out.data<int64_t>());
    }
    return torchy::alias(out, {count}, {1}, 0);
  });
}

TensorList nonzero_columns(const Tensor& t) {
  const Tensor flat = flat_nonzero(t);
  const int64_t n = flat.numel();
  TensorList columns(size_t(t.ndim()));
  const int64_t* p = flat.data<int64_t>();
  int64_t below = 1;
  for (int64_t d = t.ndim() - 1; d >= 0; --d) {
    Tensor& column = columns[size_t(d)] = torchy::empty({n}, DType::Int64);
    const int64_t size = std::max<int64_t>(1, t.sizes()[size_t(d)]);
    int64_t* out = column.data<int64_t>();
    for (int64_t i = 0; i < n; ++i) out[i] = p[i] / below % size;
    below *= size;
  }
  return columns;
}

}  // namespace torchy::kernels
