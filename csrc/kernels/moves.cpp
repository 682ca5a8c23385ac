// Kernels that put elements in other places of a new tensor: flip, roll, repeat, tril, pad and the like.
// Layer: kernels.
#include <cstring>

#include "copy.h"
#include "geometry.h"
#include "shape_helpers.h"

#include "../core/shape.h"
#include "../core/threads.h"
#include "../core/tls.h"

namespace torchy::kernels {
namespace {

// Strides of a walk through t with the dims of `mask` running backwards, and where it starts.
IntVec flipped_strides(const Tensor& t, uint64_t mask, const char*& start) {
  IntVec strides(t.strides());
  start = t.raw();
  for (size_t i = 0; i < strides.size(); ++i) {
    if (!(mask >> i & 1)) continue;
    start += (t.sizes()[i] - 1) * strides[i] * itemsize(t.dtype());
    strides[i] = -strides[i];
  }
  return strides;
}

Tensor read_walk(const Tensor& t, IntSpan sizes, IntSpan strides, const char* start) {
  Tensor out = torchy::empty(sizes, t.dtype());
  if (out.numel()) copy_strided(out.raw(), t.dtype(), out.strides(), start, t.dtype(), strides, sizes);
  return out;
}

// Zero everything of a matrix on one side of a diagonal, copy the rest.
Tensor triangle(const Tensor& self, int64_t diagonal, bool lower, const char* op) {
  TORCHY_CHECK(self.ndim() >= 2, op, ": input tensor must have at least 2 dimensions, but got ", self.ndim());
  Tensor in = contiguous(self), out = torchy::empty_like(in);
  if (in.numel() == 0) return out;
  const int64_t rows = in.size(-2), cols = in.size(-1), width = itemsize(in.dtype());
  const char* src = in.raw();
  char* dst = out.raw();
  LongSection section(in.numel() > kLongWork);
  parallel_for(0, in.numel() / cols, std::max<int64_t>(1, kLongWork / cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      // Elements left of `cut` belong to the lower triangle.
      const int64_t shift = diagonal + (lower ? 1 : 0), row = r % rows;
      const int64_t cut = std::min(std::max<int64_t>(shift > cols ? cols : row + shift, 0), cols) * width;
      const int64_t at = r * cols * width, whole = cols * width;
      if (lower) {
        std::memcpy(dst + at, src + at, size_t(cut));
        std::memset(dst + at + cut, 0, size_t(whole - cut));
      } else {
        std::memset(dst + at, 0, size_t(cut));
        std::memcpy(dst + at + cut, src + at + cut, size_t(whole - cut));
      }
    }
  });
  return out;
}

}  // namespace

Tensor flip(const Tensor& self, IntSpan dims) {
  const uint64_t mask = dims.empty() ? 0 : dim_mask(dims, self.ndim(), "flip");
  const char* start;
  IntVec strides = flipped_strides(self, mask, start);
  return read_walk(self, self.sizes(), strides, start);
}

Tensor rot90(const Tensor& self, int64_t k, IntSpan dims) {
  TORCHY_CHECK(dims.size() == 2, "rot90: expected total rotation dims == 2, but got dims = ", dims.size());
  TORCHY_CHECK(self.ndim() >= 2, "rot90: expected total dims >= 2, but got total dims = ", self.ndim());
  const size_t a = size_t(wrap_dim(dims[0], self.ndim())), b = size_t(wrap_dim(dims[1], self.ndim()));
  TORCHY_CHECK(a != b, "rot90: expected rotation dims to be different, but got dim0 = ", dims[0],
               " and dim1 = ", dims[1]);
  const int64_t turns = (k % 4 + 4) % 4;
  const uint64_t first = uint64_t(1) << a, second = uint64_t(1) << b;
  const uint64_t masks[] = {0, second, first | second, first};
  const char* start;
  IntVec sizes(self.sizes()), strides = flipped_strides(self, masks[turns], start);
  Tensor out = read_walk(self, sizes, strides, start);
  if (turns % 2) {  // the turned copy is the flipped one with two dims swapped
    strides = out.strides();
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
    out->set_geometry(sizes, strides, 0);
  }
  return out;
}

namespace {
// Copies one box after another: each dim of `shift` splits it at the place where it wraps around.
void roll_boxes(const Tensor& out, const Tensor& in, IntSpan shift, size_t dim, const Geometry& to,
                const Geometry& from) {
  while (dim < shift.size() && shift[dim] == 0) ++dim;
  if (dim == shift.size()) {
    Tensor dst = to.window_of(out);
    copy_into(dst, from.window_of(in));
    return;
  }
  const int64_t n = to.sizes[dim], s = shift[dim];
  roll_boxes(out, in, shift, dim + 1, slice_geometry(Geometry(to), int64_t(dim), s, n, 1),
             slice_geometry(Geometry(from), int64_t(dim), 0, n - s, 1));
  roll_boxes(out, in, shift, dim + 1, slice_geometry(Geometry(to), int64_t(dim), 0, s, 1),
             slice_geometry(Geometry(from), int64_t(dim), n - s, n, 1));
}
}  // namespace

Tensor roll(const Tensor& self, IntSpan shifts, IntSpan dims) {
  TORCHY_CHECK(!shifts.empty(), "roll: `shifts` required");
  if (dims.empty()) {
    TORCHY_CHECK(shifts.size() == 1, "roll: shifts and dimensions must align. shifts: ", shifts.size(), ", dims:0");
    const int64_t n = self.numel(), zero = 0;
    Tensor flat = torchy::alias(contiguous(self));
    flat->set_geometry({n}, {1}, flat.offset());
    Tensor out = roll(flat, shifts, IntSpan(&zero, 1));
    out->set_geometry(self.sizes(), contiguous_strides(self.sizes()), 0);
    return out;
  }
  TORCHY_CHECK(shifts.size() == dims.size(), "roll: shifts and dimensions must align. shifts: ", shifts.size(),
               ", dims:", dims.size());
  IntVec shift(size_t(self.ndim()), 0);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (self.ndim() == 0) fail_index("roll: dimension specified as ", dims[i], " but tensor has no dimensions");
    const size_t d = size_t(wrap_dim(dims[i], self.ndim()));
    const int64_t n = std::max<int64_t>(self.sizes()[d], 1);
    shift[d] = ((shift[d] + shifts[i] % n) % n + n) % n;
  }
  Tensor out = torchy::empty(self.sizes(), self.dtype());
  if (out.numel()) roll_boxes(out, self, shift, 0, Geometry(out), Geometry(self));
  return out;
}

Tensor repeat(const Tensor& self, IntSpan repeats) {
  const IntVec pairs = rules::repeat_shape(self.sizes(), repeats);  // also checks
  const size_t n = repeats.size(), lead = n - size_t(self.ndim());
  IntVec sizes(n), to(2 * n), from(2 * n, 0);
  for (size_t i = 0; i < n; ++i) {
    TORCHY_CHECK(repeats[i] >= 0, "repeat: trying to create tensor with negative dimension: repeats ", repeats);
    sizes[i] = mul_size(pairs[2 * i], pairs[2 * i + 1], "repeat");
  }
  Tensor out = torchy::empty(sizes, self.dtype());
  if (out.numel() == 0) return out;
  for (size_t i = 0; i < n; ++i) {
    to[2 * i] = pairs[2 * i + 1] * out.strides()[i];
    to[2 * i + 1] = out.strides()[i];
    if (i >= lead) from[2 * i + 1] = self.strides()[i - lead];
  }
  copy_strided(out.raw(), out.dtype(), to, self.raw(), self.dtype(), from, pairs);
  return out;
}

Tensor repeat_indices(const Tensor& repeats, int64_t size, std::optional<int64_t> output_size) {
  TORCHY_CHECK(repeats.ndim() <= 1, "repeat_interleave: repeats must be 0-dim or 1-dim tensor");
  TORCHY_CHECK(repeats.dtype() == DType::Int64 || repeats.dtype() == DType::Int32,
               "repeat_interleave: repeats has to be Long or Int tensor");
  Tensor counts = contiguous(to_dtype(repeats, DType::Int64));
  const int64_t given = counts.numel(), n = size < 0 ? given : size;
  TORCHY_CHECK(given == n || given == 1, "repeat_interleave: repeats must have the same size as input along ",
               "dim, but got repeats.size(0) = ", given, " and input.size(dim) = ", n);
  const int64_t *count = counts.data<int64_t>(), step = given == 1 ? 0 : 1;
  int64_t total = 0;
  for (int64_t i = 0; i < n; ++i) {
    TORCHY_CHECK(count[i * step] >= 0, "repeat_interleave: repeats can not be negative; got ", count[i * step]);
    total += count[i * step];
  }
  TORCHY_CHECK(!output_size || *output_size == total, "repeat_interleave: allocated size ", output_size.value_or(0),
               " does not match required size ", total);
  Tensor out = torchy::empty({total}, DType::Int64);
  int64_t* to = out.data<int64_t>();
  for (int64_t i = 0; i < n; ++i) to = std::fill_n(to, count[i * step], i);
  return out;
}

Tensor tril(const Tensor& self, int64_t diagonal) { return triangle(self, diagonal, true, "tril"); }
Tensor triu(const Tensor& self, int64_t diagonal) { return triangle(self, diagonal, false, "triu"); }

Tensor diag_embed(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
  const int64_t n = self.ndim() + 1;
  if (self.ndim() == 0) fail_index("diag_embed: a 0-d tensor has no diagonal; it needs at least 1 dimension");
  const size_t a = size_t(wrap_dim(dim1, n)), b = size_t(wrap_dim(dim2, n));
  TORCHY_CHECK(a != b, "diag_embed: diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  const int64_t length = self.sizes().back() + std::abs(offset);
  IntVec sizes(IntSpan(self.sizes().data(), size_t(self.ndim() - 1)));
  sizes.insert_at(std::min(a, b), length);
  sizes.insert_at(std::max(a, b), length);
  Tensor out = torchy::zeros(sizes, self.dtype());
  Tensor window = diagonal_geometry(Geometry(out), offset, dim1, dim2).window_of(out);
  copy_into(window, self);
  return out;
}

Tensor trace(const Tensor& self) {
  rules::diagonal_length(self.sizes());  // checks
  const Geometry g = diagonal_geometry(Geometry(self), 0, 0, 1);
  const Tensor diagonal = g.window_of(self);
  const int64_t n = g.sizes[0], step = g.strides[0];
  const DType dtype = is_integral_or_bool(self.dtype()) ? DType::Int64 : self.dtype();
  return visit_dtype(self.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = diagonal.data<T>();
    if constexpr (std::is_integral_v<T>) {
      int64_t sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += int64_t(p[i * step]);
      return scalar_tensor(sum, dtype);
    } else {
      c128 sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += convert<c128>(p[i * step]);
      return IsComplex<T>::value ? scalar_tensor(sum, dtype) : scalar_tensor(sum.real(), dtype);
    }
  });
}

Tensor constant_pad_nd(const Tensor& self, IntSpan pad, const Scalar& value) {
  TORCHY_CHECK(pad.size() % 2 == 0, "constant_pad_nd: length of pad must be even but instead it equals ", pad.size());
  const size_t n = size_t(self.ndim()), padded = pad.size() / 2;
  TORCHY_CHECK(padded <= n,
               "constant_pad_nd: length of pad should be no more than twice the number of "
               "dimensions of the input. Pad length is ",
               pad.size(), " while the input has ", n, " dimensions.");
  Geometry from(self);
  IntVec sizes(self.sizes()), before(n, 0), after(n, 0);
  for (size_t i = 0; i < padded; ++i) {
    const size_t d = n - 1 - i;
    before[d] = pad[2 * i];
    after[d] = pad[2 * i + 1];
    sizes[d] = add_size(add_size(sizes[d], before[d], "constant_pad_nd"), after[d], "constant_pad_nd");
    TORCHY_CHECK(sizes[d] >= 0, "constant_pad_nd: the input size ", self.sizes()[d], ", plus negative padding ",
                 before[d], " and ", after[d],
                 " resulted in a negative output size, which is invalid. Check "
                 "dimension ",
                 d, " of your input.");
  }
  Tensor out = torchy::empty(sizes, self.dtype());
  check_fits(value, self.dtype(), "constant_pad_nd");
  fill(out, value);
  Geometry to(out);
  for (size_t d = 0; d < n; ++d) {  // a negative pad crops
    const int64_t skip = std::max<int64_t>(-before[d], 0), drop = std::max<int64_t>(-after[d], 0);
    const int64_t kept = std::max<int64_t>(self.sizes()[d] - skip - drop, 0);
    if (kept == 0) return out;
    slice_geometry(from, int64_t(d), skip, skip + kept, 1);
    const int64_t at = std::max<int64_t>(before[d], 0);
    slice_geometry(to, int64_t(d), at, at + kept, 1);
  }
  Tensor window = to.window_of(out);
  copy_into(window, from.window_of(self));
  return out;
}

}  // namespace torchy::kernels
