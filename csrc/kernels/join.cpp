// Kernels of cat and stack and their relatives, and cat's backward. Layer: kernels.
#include <cstring>

#include "copy.h"
#include "geometry.h"
#include "shape_helpers.h"

#include "../core/promote.h"
#include "../core/shape.h"
#include "../core/threads.h"
#include "../core/tls.h"

namespace torchy::kernels {
namespace {

// One input of a join: its elements in the rows of the result, `rows` runs of `bytes`.
struct Piece {
  const char* src;
  int64_t bytes;
};

// Each row of the result is the inputs' runs one after another.
void join_rows(char* dst, const Piece* pieces, size_t count, int64_t rows, int64_t row_bytes) {
  LongSection section(rows * row_bytes > 4 * kLongWork);
  if (rows == 1) {
    for (size_t i = 0; i < count; ++i) {
      const Piece& p = pieces[i];
      parallel_for(0, p.bytes, 1 << 18, [&](int64_t b, int64_t e) { std::memcpy(dst + b, p.src + b, size_t(e - b)); });
      dst += p.bytes;
    }
    return;
  }
  const int64_t grain = std::max<int64_t>(1, (1 << 17) / std::max<int64_t>(row_bytes, 1));
  parallel_for(0, rows, grain, [&](int64_t begin, int64_t end) {
    char* to = dst + begin * row_bytes;
    for (int64_t r = begin; r < end; ++r)
      for (size_t i = 0; i < count; ++i) {
        std::memcpy(to, pieces[i].src + r * pieces[i].bytes, size_t(pieces[i].bytes));
        to += pieces[i].bytes;
      }
  });
}

// Runs below this are cheaper as strided copies than as calls of memcpy.
constexpr int64_t kShortRun = 32;

// One place of the joined dim after another, `shape(i)` being input i with the result's rank.
struct Joiner {
  Tensor out;
  size_t dim;
  int64_t at = 0;

  void put(const Tensor& t, IntSpan sizes) {
    Geometry g(out);
    g.offset += at * g.strides[dim];
    g.sizes[dim] = sizes[dim];
    at += sizes[dim];
    if (!t.defined()) {
      alignas(16) const char zero[16] = {};
      Tensor window = g.window_of(out);
      fill_strided(window.raw(), out.dtype(), g.strides, g.sizes, zero);
      return;
    }
    IntVec strides;
    Tensor in = t;
    if (!view_strides(t, sizes, strides)) {  // cannot happen for added dims of size 1
      in = contiguous(t);
      strides = contiguous_strides(sizes);
    }
    Tensor window = g.window_of(out);
    if (window.numel() == 0) return;
    copy_strided(window.raw(), out.dtype(), g.strides, in.raw(), in.dtype(), strides, sizes);
  }
};

Tensor join(const TensorList& tensors, const std::vector<IntVec>& shapes, size_t dim, IntSpan sizes, DType dtype) {
  Tensor out = torchy::empty(sizes, dtype);
  if (out.numel() == 0) return out;
  int64_t rows = 1, inner = itemsize(dtype);
  for (size_t i = 0; i < dim; ++i) rows *= sizes[i];
  for (size_t i = dim + 1; i < sizes.size(); ++i) inner *= sizes[i];
  bool plain = true;
  for (size_t i = 0; i < tensors.size() && plain; ++i)
    plain = tensors[i].defined() && tensors[i].is_contiguous() && tensors[i].dtype() == dtype &&
            (rows == 1 || shapes[i].empty() || shapes[i][dim] * inner >= kShortRun);
  if (plain) {
    std::vector<Piece> pieces;
    pieces.reserve(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i)
      if (!shapes[i].empty()) pieces.push_back({tensors[i].raw(), shapes[i][dim] * inner});
    join_rows(out.raw(), pieces.data(), pieces.size(), rows, sizes[dim] * inner);
    return out;
  }
  Joiner joiner{out, dim};
  for (size_t i = 0; i < tensors.size(); ++i)
    if (!shapes[i].empty()) joiner.put(tensors[i], shapes[i]);
  return out;
}

DType common_dtype(const TensorList& tensors, const char* op) {
  bool same = true;
  const Tensor* first = nullptr;
  for (const Tensor& t : tensors) {
    if (!t.defined()) continue;
    if (!first) first = &t;
    same = same && t.dtype() == first->dtype();
  }
  TORCHY_CHECK(first, op, ": expected a non-empty list of Tensors");
  if (same) return first->dtype();
  std::vector<Operand> operands;
  for (const Tensor& t : tensors)
    if (t.defined()) operands.emplace_back(t);
  std::vector<const Operand*> pointers;
  for (const Operand& o : operands) pointers.push_back(&o);
  return detail::result_type_slow(pointers.data(), pointers.size());
}

// A vector of no elements fits anywhere: an old habit of programs that start from torch.tensor([]).
bool is_skipped(IntSpan shape) { return shape.size() == 1 && shape[0] == 0; }

IntSpan next_shape(IntSpan shapes, size_t& at) {
  const size_t n = size_t(shapes[at]);
  IntSpan out(shapes.data() + at + 1, n);
  at += n + 1;
  return out;
}

}  // namespace

// `shapes` are those of the inputs as given (an undefined input counts as zeros of its shape).
Tensor cat_of(const TensorList& tensors, int64_t dim, int64_t mode, IntSpan shapes) {
  TORCHY_CHECK(!tensors.empty() || mode == rules::kCat, "stack: expects a non-empty list of Tensors");
  if (tensors.empty()) fail_value("cat: expected a non-empty list of Tensors");
  const DType dtype = common_dtype(tensors, "cat");
  // Skipped inputs keep an empty shape here; the rank and the other sizes come from the rest.
  std::vector<IntVec> joined(tensors.size());
  const IntVec* first = nullptr;
  size_t at = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    IntSpan shape = next_shape(shapes, at);
    TORCHY_CHECK(mode != rules::kCat || !shape.empty(), "cat: zero-dimensional tensor (at position ", i,
                 ") cannot be concatenated");
    if (mode == rules::kCat && is_skipped(shape)) continue;
    joined[i] = rules::join_shape(shape, mode);
    if (!first) first = &joined[i];
  }
  if (!first) return torchy::empty({0}, dtype);
  IntVec sizes(*first);
  const size_t d = size_t(wrap_dim(dim, int64_t(sizes.size())));
  sizes[d] = 0;
  for (size_t i = 0; i < joined.size(); ++i) {
    const IntVec& s = joined[i];
    if (s.empty()) continue;
    TORCHY_CHECK(s.size() == sizes.size(), "cat: tensors must have same number of dimensions: got ", sizes.size(),
                 " and ", s.size());
    for (size_t k = 0; k < s.size(); ++k)
      TORCHY_CHECK(k == d || s[k] == (*first)[k], "cat: sizes of tensors must match except in dimension ", d,
                   ". Expected size ", (*first)[k], " but got size ", s[k], " for tensor number ", i, " in the list.");
    sizes[d] += s[d];
  }
  return join(tensors, joined, d, sizes, dtype);
}

TensorList cat_backward(const Tensor& src, int64_t dim, int64_t mode, IntSpan shapes) {
  const size_t d = size_t(wrap_dim(dim, src.ndim()));
  TensorList parts;
  int64_t start = 0;
  for (size_t at = 0; at < shapes.size();) {
    IntSpan shape = next_shape(shapes, at);
    if (mode == rules::kCat && is_skipped(shape)) {
      parts.push_back(torchy::empty(shape, src.dtype()));
      continue;
    }
    Geometry g(src);
    g.offset += start * g.strides[d];
    g.sizes[d] = rules::join_shape(shape, mode)[d];
    start += g.sizes[d];
    Tensor part = g.window_of(src);
    IntVec strides;
    if (IntSpan(g.sizes) != shape) {
      view_strides(part, shape, strides);  // only dims of size 1 go
      part = torchy::alias(part, shape, strides, part.offset());
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

Tensor stack(const TensorList& tensors, int64_t dim) {
  TORCHY_CHECK(!tensors.empty(), "stack: expects a non-empty list of Tensors");
  IntSpan each;
  for (const Tensor& t : tensors)
    if (t.defined()) {
      each = t.sizes();
      break;
    }
  for (size_t i = 0; i < tensors.size(); ++i)
    TORCHY_CHECK(!tensors[i].defined() || tensors[i].sizes() == each, "stack: expects each tensor to be equal ",
                 "size, but got ", each, " at entry 0 and ", tensors[i].sizes(), " at entry ", i);
  const size_t d = size_t(wrap_dim(dim, int64_t(each.size()) + 1));
  IntVec one(each), sizes(each);
  one.insert_at(d, 1);
  sizes.insert_at(d, int64_t(tensors.size()));
  return join(tensors, std::vector<IntVec>(tensors.size(), one), d, sizes, common_dtype(tensors, "stack"));
}

}  // namespace torchy::kernels
