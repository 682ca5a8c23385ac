// Arithmetic on shapes and dims. Layer: core.
#include "shape.h"

namespace torchy {

const char* dtype_name(DType d) {
  static const char* names[] = {"bool",    "uint8",    "int8",    "int16",   "int32",     "int64",
                                "float16", "bfloat16", "float32", "float64", "complex64", "complex128"};
  return names[int(d)];
}
const char* scalar_type_name(DType d) {
  static const char* names[] = {"Bool", "Byte",     "Char",  "Short",  "Int",          "Long",
                                "Half", "BFloat16", "Float", "Double", "ComplexFloat", "ComplexDouble"};
  return names[int(d)];
}

int64_t wrap_dim(int64_t dim, int64_t ndim) {
  int64_t n = std::max<int64_t>(ndim, 1);
  if (__builtin_expect(dim < -n || dim >= n, 0))
    fail_index("Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ", dim, ")");
  return dim < 0 ? dim + n : dim;
}

uint64_t dim_mask(IntSpan dims, int64_t ndim, const char* op) {
  if (dims.empty()) return ndim ? (~uint64_t(0) >> (64 - ndim)) : 0;
  uint64_t mask = 0;
  for (int64_t d : dims) {
    uint64_t bit = uint64_t(1) << wrap_dim(d, ndim);
    TORCHY_CHECK(!(mask & bit), op, ": dim ", d, " appears multiple times in the list of dims ", dims);
    mask |= bit;
  }
  return ndim ? mask : 0;
}

// "[2, 3]", as PyTorch writes a wanted shape in the errors that programs match.
static std::string bracketed(IntSpan sizes) {
  std::string s = "[";
  for (size_t i = 0; i < sizes.size(); ++i) s += (i ? ", " : "") + std::to_string(sizes[i]);
  return s + "]";
}

IntVec broadcast_shapes(IntSpan a, IntSpan b, const char* op) {
  size_t n = std::max(a.size(), b.size());
  IntVec out(n);
  for (size_t i = 0; i < n; ++i) {
    int64_t x = i < n - a.size() ? 1 : a[i - (n - a.size())];
    int64_t y = i < n - b.size() ? 1 : b[i - (n - b.size())];
    TORCHY_CHECK(x == y || x == 1 || y == 1, op, ": The size of tensor a (", x, ") must match the size of tensor b (",
                 y, ") at non-singleton dimension ", i, "; shapes ", a, " and ", b, " do not broadcast");
    out[i] = x == 1 ? y : x;
  }
  return out;
}

bool broadcastable_to(IntSpan from, IntSpan to) {
  if (from.size() > to.size()) return false;
  size_t lead = to.size() - from.size();
  for (size_t i = 0; i < from.size(); ++i)
    if (from[i] != 1 && from[i] != to[lead + i]) return false;
  return true;
}

IntVec broadcast_strides(const Tensor& t, IntSpan sizes) {
  IntVec strides(sizes.size());
  size_t lead = sizes.size() - size_t(t.ndim());
  for (size_t i = lead; i < sizes.size(); ++i)
    strides[i] = t.sizes()[i - lead] == 1 && sizes[i] != 1 ? 0 : t.strides()[i - lead];
  return strides;
}

IntVec infer_size(IntSpan sizes, int64_t numel, const char* op) {
  IntVec out(sizes);
  int64_t known = 1, unknown = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      TORCHY_CHECK(unknown < 0, op, ": only one dimension of ", sizes, " can be -1 (inferred)");
      unknown = int64_t(i);
    } else {
      TORCHY_CHECK(sizes[i] >= 0, op, ": invalid size ", sizes[i], " in ", sizes,
                   "; sizes must be at least 0, or one -1");
      TORCHY_CHECK(!__builtin_mul_overflow(known, sizes[i], &known), op, ": shape '", bracketed(sizes),
                   "' is invalid for input of size ", numel);
    }
  }
  if (unknown >= 0) {
    TORCHY_CHECK(known != 0, op, ": cannot reshape tensor of ", numel, " elements into shape ", sizes,
                 " because the unspecified dimension size -1 can be any value");
    TORCHY_CHECK(numel % known == 0, op, ": shape '", bracketed(sizes), "' is invalid for input of size ", numel);
    out[size_t(unknown)] = numel / known;
  } else {
    TORCHY_CHECK(known == numel, op, ": shape '", bracketed(sizes), "' is invalid for input of size ", numel);
  }
  return out;
}

bool view_strides(const Tensor& t, IntSpan sizes, IntVec& strides) {
  strides.resize(sizes.size());
  if (t.numel() == 0 || t.ndim() == 0) {
    strides = contiguous_strides(sizes);
    return true;
  }
  // Walk from the last dim: a run of old dims that is contiguous in itself may be cut anew.
  int64_t view_d = int64_t(sizes.size()) - 1;
  IntSpan old_sizes = t.sizes(), old_strides = t.strides();
  int64_t chunk_stride = old_strides.back();
  int64_t tensor_numel = 1, view_numel = 1;
  for (int64_t d = t.ndim() - 1; d >= 0; --d) {
    tensor_numel *= old_sizes[size_t(d)];
    bool run_ends =
        d == 0 || (old_sizes[size_t(d - 1)] != 1 && old_strides[size_t(d - 1)] != tensor_numel * chunk_stride);
    if (!run_ends) continue;
    while (view_d >= 0 && (view_numel < tensor_numel || sizes[size_t(view_d)] == 1)) {
      strides[size_t(view_d)] = view_numel * chunk_stride;
      view_numel *= sizes[size_t(view_d)];
      --view_d;
    }
    if (view_numel != tensor_numel) return false;
    if (d > 0) {
      chunk_stride = old_strides[size_t(d - 1)];
      tensor_numel = view_numel = 1;
    }
  }
  return view_d == -1;
}

int64_t mul_size(int64_t a, int64_t b, const char* op) {
  int64_t r;
  TORCHY_CHECK(!__builtin_mul_overflow(a, b, &r), op, ": ", a, " times ", b,
               " is more than an int64 holds; use smaller sizes");
  return r;
}
int64_t add_size(int64_t a, int64_t b, const char* op) {
  int64_t r;
  TORCHY_CHECK(!__builtin_add_overflow(a, b, &r), op, ": ", a, " plus ", b,
               " is more than an int64 holds; use smaller sizes");
  return r;
}

bool has_internal_overlap(const Tensor& t) {
  if (t.is_contiguous()) return false;
  // Sorted by stride, each dim must step past everything the smaller ones reach.
  IntVec order;
  for (int64_t i = 0; i < t.ndim(); ++i)
    if (t.sizes()[size_t(i)] > 1) order.push_back(i);
  IntSpan st = t.strides(), sz = t.sizes();
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return st[size_t(a)] < st[size_t(b)]; });
  int64_t reach = 0;
  for (int64_t d : order) {
    if (st[size_t(d)] <= reach) return true;
    reach += st[size_t(d)] * (sz[size_t(d)] - 1);
  }
  return false;
}

void byte_range(const Tensor& t, char*& lo, char*& hi) {
  int64_t low = 0, high = 0;
  for (size_t i = 0; i < t.sizes().size(); ++i) {
    int64_t span = (t.sizes()[i] - 1) * t.strides()[i];
    (span < 0 ? low : high) += span;
  }
  int64_t size = itemsize(t.dtype());
  lo = t.raw() + low * size;
  hi = t.numel() ? t.raw() + (high + 1) * size : lo;
}

bool may_partially_overlap(const Tensor& a, const Tensor& b) {
  if (a.storage() != b.storage() && a.storage()->owned() && b.storage()->owned()) return false;
  if (a.is_same(b)) return false;
  if (a.offset() == b.offset() && a.dtype() == b.dtype() && a.sizes() == b.sizes() && a.strides() == b.strides() &&
      a.storage() == b.storage())
    return false;
  char *alo, *ahi, *blo, *bhi;
  byte_range(a, alo, ahi);
  byte_range(b, blo, bhi);
  return alo < bhi && blo < ahi;
}

}  // namespace torchy
