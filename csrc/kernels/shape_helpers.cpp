// Definitions of the int-list helpers of derivative rules. Layer: kernels.
#include "shape_helpers.h"

#include "../core/shape.h"

namespace torchy::rules {

bool can_view(const Tensor& self, IntSpan size) {
  IntVec strides;
  return view_strides(self, infer_size(size, self.numel(), "reshape"), strides);
}
bool is_contiguous(const Tensor& self) { return self.is_contiguous(); }
IntVec strides_of(const Tensor& self) { return self.strides(); }
int64_t offset_of(const Tensor& self) { return self.offset(); }
int64_t value_or(std::optional<int64_t> value, int64_t otherwise) { return value.value_or(otherwise); }

IntVec flatten_shape(IntSpan shape, int64_t start_dim, int64_t end_dim) {
  const int64_t n = int64_t(shape.size()), start = wrap_dim(start_dim, n), end = wrap_dim(end_dim, n);
  TORCHY_CHECK(start <= end, "flatten: start_dim ", start_dim, " comes after end_dim ", end_dim,
               "; flatten() has invalid args: start_dim cannot come after end_dim");
  if (n == 0) return {1};
  IntVec out(IntSpan(shape.data(), size_t(start)));
  int64_t product = 1;
  for (int64_t i = start; i <= end; ++i)
    TORCHY_CHECK(!__builtin_mul_overflow(product, shape[size_t(i)], &product), "flatten: the sizes of ", shape,
                 " from dim ", start, " to ", end, " multiply to more than an int64 holds");
  out.push_back(product);
  for (size_t i = size_t(end) + 1; i < shape.size(); ++i) out.push_back(shape[i]);
  return out;
}

IntVec unflatten_shape(IntSpan shape, int64_t dim, IntSpan sizes) {
  const size_t d = size_t(wrap_dim(dim, int64_t(shape.size())));
  TORCHY_CHECK(!sizes.empty(), "unflatten: sizes must be non-empty");
  TORCHY_CHECK(!shape.empty(), "unflatten: a 0-d tensor has no dimension to unflatten");
  int64_t known = 1, unknown = 0;
  bool overflow = false;
  for (int64_t s : sizes) {
    if (s == -1) ++unknown;
    else overflow |= __builtin_mul_overflow(known, s, &known);
  }
  TORCHY_CHECK(unknown <= 1, "unflatten: only one of the sizes ", sizes, " can be -1 (inferred)");
  const bool fits = !overflow && (unknown ? known > 0 && shape[d] % known == 0 : known == shape[d]);
  TORCHY_CHECK(fits, "unflatten: Provided sizes ", sizes, " don't multiply up to the size of dim ", d, " (", shape[d],
               ") in the input tensor");
  IntVec out(IntSpan(shape.data(), d));
  for (int64_t s : sizes) out.push_back(s == -1 ? shape[d] / known : s);
  for (size_t i = d + 1; i < shape.size(); ++i) out.push_back(shape[i]);
  return out;
}

IntVec reversed_dims(int64_t ndim) {
  IntVec out;
  for (int64_t i = ndim; i-- > 0;) out.push_back(i);
  return out;
}

int64_t matrix_dim(int64_t ndim) {
  TORCHY_CHECK(ndim >= 2, "tensor.mT is only supported on matrices or batches of matrices. Got ", ndim, "-D tensor.");
  return -2;
}

int64_t needs_ndim(int64_t ndim, int64_t at_least, int64_t dim) {
  TORCHY_CHECK(ndim >= at_least, "Input must be >= ", at_least, "-d; got a ", ndim, "-d tensor");
  return dim;
}

IntVec inverse_permutation(IntSpan dims) {
  const int64_t n = int64_t(dims.size());
  IntVec out(dims.size(), 0);
  for (int64_t i = 0; i < n; ++i) out[size_t(wrap_dim(dims[size_t(i)], n))] = i;
  return out;
}

IntVec movedim_order(int64_t ndim, IntSpan source, IntSpan destination) {
  TORCHY_CHECK(source.size() == destination.size(), "movedim: Invalid source or destination dims: source (", source,
               " dims) should contain the same number of dims as destination (", destination, " dims)");
  constexpr int64_t free = -1;
  IntVec order(size_t(ndim), free);
  uint64_t moved = 0;
  for (size_t i = 0; i < source.size(); ++i) {
    const size_t s = size_t(wrap_dim(source[i], ndim)), d = size_t(wrap_dim(destination[i], ndim));
    if (ndim == 0) continue;
    TORCHY_CHECK(!(moved >> s & 1), "movedim: repeated dim in `source` (", source, ")");
    TORCHY_CHECK(order[d] == free, "movedim: repeated dim in `destination` (", destination, ")");
    order[d] = int64_t(s);
    moved |= uint64_t(1) << s;
  }
  int64_t next = 0;
  for (int64_t& o : order) {
    if (o != free) continue;
    while (moved >> next & 1) ++next;
    o = next++;
  }
  return order;
}

int64_t narrow_start(IntSpan shape, int64_t dim, int64_t start, int64_t length) {
  TORCHY_CHECK(!shape.empty(), "narrow: narrow() cannot be applied to a 0-dim tensor.");
  const int64_t size = shape[size_t(wrap_dim(dim, int64_t(shape.size())))];
  TORCHY_CHECK(length >= 0, "narrow: length ", length, "; narrow(): length must be non-negative.");
  if (start < -size || start > size)
    fail_index("narrow: start out of range (expected to be in range of [", -size, ", ", size, "], but got ", start,
               ")");
  const int64_t first = start < 0 ? start + size : start;
  TORCHY_CHECK(first <= size - length, "narrow: start (", first, ") + length (", length, ") exceeds dimension size (",
               size, ").");
  return first;
}

IntVec negated(IntSpan values) {
  IntVec out(values);
  for (int64_t& v : out) v = -v;
  return out;
}

int64_t diagonal_length(IntSpan shape) {
  TORCHY_CHECK(shape.size() == 2, "trace: expected a matrix, but got a tensor of ", shape.size(), " dimensions");
  return std::min(shape[0], shape[1]);
}

int64_t diag_ndim(int64_t ndim) {
  TORCHY_CHECK(ndim == 1 || ndim == 2, "diag: supports 1D or 2D tensors. Got ", ndim, "D");
  return ndim;
}

// ---- parts of a dim

namespace {
int64_t size_along(IntSpan shape, int64_t dim, const char* op) {
  TORCHY_CHECK(!shape.empty(), op, ": expects at least a 1-dimensional tensor");
  return shape[size_t(wrap_dim(dim, int64_t(shape.size())))];
}

// Each part is a tensor of its own: beyond this, a wrong number is likelier than a use.
constexpr int64_t kMostParts = int64_t(1) << 26;
void check_parts(int64_t parts, const char* op) {
  TORCHY_CHECK(parts <= kMostParts, op, ": would give ", parts, " tensors; at most ", kMostParts, " are allowed");
}
}  // namespace

IntVec split_bounds(IntSpan shape, int64_t split_size, int64_t dim) {
  const int64_t size = size_along(shape, dim, "split");
  TORCHY_CHECK(split_size >= 0, "split: expects split_size be non-negative, but got split_size=", split_size);
  TORCHY_CHECK(split_size > 0 || size == 0, "split: split_size can only be 0 if dimension size is 0, but got ",
               "dimension size of ", size);
  if (size > 0) check_parts((size - 1) / split_size + 1, "split");
  IntVec out;
  for (int64_t at = 0; at < size; at += split_size) {
    out.push_back(at);
    out.push_back(std::min(size - at, split_size) + at);
  }
  if (size == 0) out = {0, 0};
  return out;
}

IntVec sizes_bounds(IntSpan shape, IntSpan split_sizes, int64_t dim) {
  const int64_t size = size_along(shape, dim, "split_with_sizes");
  IntVec out;
  int64_t at = 0;
  for (int64_t s : split_sizes) {
    TORCHY_CHECK(s >= 0, "split_with_sizes: expects split_sizes have only non-negative entries, but got ",
                 "split_sizes=", split_sizes);
    out.push_back(at);
    at = at < 0 || s > size - at ? -1 : at + s;  // -1: more than there is, and the sum might overflow
    out.push_back(at);
  }
  TORCHY_CHECK(at == size, "split_with_sizes: expects split_sizes to sum exactly to ", size,
               " (input tensor's size at dimension ", dim, "), but got split_sizes=", split_sizes);
  return out;
}

int64_t chunk_size(IntSpan shape, int64_t chunks, int64_t dim) {
  TORCHY_CHECK(chunks > 0, "chunk: expects `chunks` to be greater than 0, got: ", chunks);
  const int64_t size = size_along(shape, dim, "chunk");
  return size == 0 ? 0 : (size - 1) / chunks + 1;
}

IntVec chunk_bounds(IntSpan shape, int64_t chunks, int64_t dim) {
  const int64_t size = chunk_size(shape, chunks, dim);
  if (size > 0) return split_bounds(shape, size, dim);
  check_parts(chunks, "chunk");
  return IntVec(size_t(2 * chunks), 0);
}

IntVec section_bounds(IntSpan shape, int64_t sections, int64_t dim) {
  const int64_t size = size_along(shape, dim, "tensor_split");
  TORCHY_CHECK(sections > 0, "tensor_split: number of sections must be larger than 0, got ", sections);
  check_parts(sections, "tensor_split");
  IntVec out;
  int64_t at = 0;
  for (int64_t i = 0; i < sections; ++i) {
    out.push_back(at);
    out.push_back(at += size / sections + (i < size % sections));
  }
  return out;
}

IntVec index_bounds(IntSpan shape, IntSpan indices, int64_t dim) {
  const int64_t size = size_along(shape, dim, "tensor_split");
  auto clamped = [&](int64_t i) { return std::min(std::max<int64_t>(i < 0 ? i + size : i, 0), size); };
  IntVec out;
  int64_t start = 0;
  for (size_t i = 0; i <= indices.size(); ++i) {
    const int64_t end = i < indices.size() ? clamped(indices[i]) : size;
    out.push_back(start);
    out.push_back(std::max(start, end));
    start = end;
  }
  return out;
}

int64_t even_sections(IntSpan shape, int64_t sections, int64_t dim) {
  const int64_t size = size_along(shape, dim, "split");
  TORCHY_CHECK(sections > 0 && size % sections == 0, "hsplit/vsplit/dsplit: attempted to split along dimension ", dim,
               ", but the size of the dimension ", size, " is not divisible by the split_size ", sections, "!");
  return sections;
}

int64_t hsplit_dim(int64_t ndim) { return needs_ndim(ndim, 1, ndim == 1 ? 0 : 1); }

// ---- repeat

namespace {
IntVec interleaved_pairs(IntSpan shape, IntSpan repeats, bool ones) {
  TORCHY_CHECK(repeats.size() >= shape.size(), "repeat: number of dimensions of repeat dims ", repeats,
               " can not be smaller than number of dimensions of tensor ", shape);
  const size_t lead = repeats.size() - shape.size();
  IntVec out;
  for (size_t i = 0; i < repeats.size(); ++i) {
    out.push_back(ones ? 1 : repeats[i]);
    out.push_back(i < lead ? 1 : shape[i - lead]);
  }
  return out;
}
}  // namespace

IntVec repeat_shape(IntSpan shape, IntSpan repeats) { return interleaved_pairs(shape, repeats, false); }
IntVec tile_shape(IntSpan shape, IntSpan repeats) { return interleaved_pairs(shape, repeats, true); }

IntVec tile_repeats(int64_t ndim, IntSpan dims) {
  IntVec out;
  for (int64_t i = int64_t(dims.size()); i < ndim; ++i) out.push_back(1);
  for (int64_t d : dims) out.push_back(d);
  return out;
}

IntVec interleave_shape(IntSpan shape, int64_t repeats, int64_t dim) {
  TORCHY_CHECK(repeats >= 0, "repeat_interleave: repeats must be non-negative, got ", repeats);
  if (shape.empty()) fail_index("repeat_interleave: a 0-d tensor has no dim ", dim, "; leave dim out");
  IntVec out(shape);
  out.insert_at(size_t(wrap_dim(dim, int64_t(shape.size()))) + 1, repeats);
  return out;
}

IntVec interleaved_shape(IntSpan shape, int64_t repeats, int64_t dim) {
  if (shape.empty()) fail_index("repeat_interleave: a 0-d tensor has no dim ", dim, "; leave dim out");
  IntVec out(shape);
  int64_t& size = out[size_t(wrap_dim(dim, int64_t(shape.size())))];
  size = mul_size(size, repeats, "repeat_interleave");
  return out;
}

// ---- cat and its relatives

IntVec join_shape(IntSpan shape, int64_t mode) {
  IntVec out(shape);
  if (mode == kCat) return out;
  if (out.empty()) out.push_back(1);
  if (mode == kVstack && out.size() == 1) out.insert_at(0, 1);
  if (mode == kColumnStack && out.size() == 1) out.push_back(1);
  if (mode == kDstack) {
    if (out.size() == 1) out.insert_at(0, 1);
    if (out.size() == 2) out.push_back(1);
  }
  return out;
}

IntVec list_shapes(const TensorList& tensors) {
  IntVec out;
  for (const Tensor& t : tensors) {
    out.push_back(t.ndim());
    for (int64_t s : t.sizes()) out.push_back(s);
  }
  return out;
}

int64_t hstack_dim(const TensorList& tensors) {
  TORCHY_CHECK(!tensors.empty(), "hstack: expects a non-empty list of tensors");
  return tensors[0].ndim() <= 1 ? 0 : 1;
}

}  // namespace torchy::rules
