// Backward of the views (a gradient put back where it was read from) and the functional scatters (a
// copy with one part replaced). Layer: kernels.
#include "copy.h"
#include "geometry.h"

#include "../core/iterate.h"
#include "../core/shape.h"
#include "../core/tls.h"

namespace torchy::kernels {

void add_into(Tensor& dst, const Tensor& src) {
  Strided<2> w;
  const int64_t width = itemsize(dst.dtype());
  w.base[0] = dst.raw();
  w.base[1] = src.raw();
  for (size_t i = 0; i < dst.sizes().size(); ++i)
    w.add(dst.sizes()[i], dst.strides()[i] * width, src.strides()[i] * width);
  if (w.numel == 0) return;
  w.build();
  const int64_t ds = w.strides[w.ndim - 1][0], ss = w.strides[w.ndim - 1][1];
  LongSection section(w.numel > kLongWork);
  visit_dtype(dst.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    w.walk(0, w.numel, [=](char* const* p, int64_t n) {
      if (ds == int64_t(sizeof(T)) && ss == ds) {
        T* to = reinterpret_cast<T*>(p[0]);
        const T* from = reinterpret_cast<const T*>(p[1]);
        for (int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(to[i] + from[i]);
        return;
      }
      for (int64_t i = 0; i < n; ++i) {
        T& to = *reinterpret_cast<T*>(p[0] + i * ds);
        to = static_cast<T>(to + *reinterpret_cast<const T*>(p[1] + i * ss));
      }
    });
  });
}

namespace {

// Zeros of shape `sizes` with one part of them set to src.
Tensor put(const Tensor& src, IntSpan sizes, const Geometry& part) {
  Tensor out = torchy::zeros(sizes, src.dtype());
  Tensor window = part.window_of(out);
  copy_into(window, src);
  return out;
}

Tensor replaced(const Tensor& self, const Tensor& src, const Geometry& part, Tensor out, const char* op) {
  TORCHY_CHECK(IntSpan(part.sizes) == src.sizes(), op, ": expected src to have a size equal to the part of self ",
               "that it replaces; src has shape ", src.sizes(), ", the part of ", self.sizes(), " is ", part.sizes);
  Tensor window = part.window_of(out);
  copy_into(window, src);
  return out;
}

// Memory that covers several geometries of one storage; positions are relative to `low`.
struct Span {
  int64_t low = INT64_MAX, high = INT64_MIN;
  void cover(IntSpan sizes, IntSpan strides, int64_t offset) {
    int64_t last = offset;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == 0) return;
      last = add_size(last, mul_size(sizes[i] - 1, strides[i], "as_strided"), "as_strided");
    }
    low = std::min(low, offset);
    high = std::max(high, last);
  }
  int64_t size() const { return high < low ? 0 : add_size(high - low, 1, "as_strided"); }
  int64_t at(int64_t offset) const { return high < low ? 0 : offset - low; }
};

bool overlaps(IntSpan sizes, IntSpan strides, const Tensor& buffer) {
  return buffer.numel() > 0 && numel_of(sizes) > 0 && has_internal_overlap(torchy::alias(buffer, sizes, strides, 0));
}

// buffer[geometry] += src, or = src where no two elements coincide.
void scatter(Tensor& buffer, const Tensor& src, IntSpan sizes, IntSpan strides, int64_t offset) {
  if (numel_of(sizes) == 0) return;
  Tensor window = torchy::alias(buffer, sizes, strides, offset);
  if (has_internal_overlap(window)) add_into(window, src);
  else copy_into(window, src);
}

// Divides each place of the buffer by how many elements of the geometry lie there.
void divide_by_counts(Tensor& buffer, IntSpan sizes, IntSpan strides, int64_t offset) {
  Tensor counts = torchy::zeros(buffer.sizes(), DType::Float64);
  Tensor window = torchy::alias(counts, sizes, strides, offset);
  const double one = 1;
  Tensor ones = torchy::alias(scalar_tensor(one, DType::Float64), sizes, IntVec(sizes.size(), 0), 0);
  add_into(window, ones);
  const double* count = counts.data<double>();
  visit_dtype(buffer.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* p = buffer.data<T>();
    for (int64_t i = 0; i < buffer.numel(); ++i)
      if (count[i] > 1) p[i] = convert<T>(convert<c128>(p[i]) / count[i]);
  });
}

// src, of shape `sizes`, laid into a buffer by its own geometry; where it overlaps itself, the mean.
Tensor laid_out(const Tensor& src, IntSpan sizes, IntSpan strides, int64_t offset, const Span& span) {
  Tensor buffer = torchy::zeros({span.size()}, src.dtype());
  scatter(buffer, src, sizes, strides, span.at(offset));
  if (overlaps(sizes, strides, buffer)) divide_by_counts(buffer, sizes, strides, span.at(offset));
  return buffer;
}

Tensor read_out(const Tensor& buffer, IntSpan sizes, IntSpan strides, int64_t offset) {
  if (numel_of(sizes) == 0) return torchy::empty(sizes, buffer.dtype());
  return clone(torchy::alias(buffer, sizes, strides, offset));
}

}  // namespace

Tensor select_backward(const Tensor& src, IntSpan sizes, int64_t dim, int64_t index) {
  return put(src, sizes, select_geometry(Geometry(sizes), dim, index));
}

Tensor slice_backward(const Tensor& src, IntSpan sizes, int64_t dim, std::optional<int64_t> start,
                      std::optional<int64_t> end, int64_t step) {
  return put(src, sizes, slice_geometry(Geometry(sizes), dim, start, end, step));
}

Tensor diagonal_backward(const Tensor& src, IntSpan sizes, int64_t offset, int64_t dim1, int64_t dim2) {
  return put(src, sizes, diagonal_geometry(Geometry(sizes), offset, dim1, dim2));
}

Tensor unfold_backward(const Tensor& src, IntSpan sizes, int64_t dimension, int64_t size, int64_t step) {
  Tensor out = torchy::zeros(sizes, src.dtype());
  const Geometry windows = unfold_geometry(Geometry(out), dimension, size, step);
  if (step >= size) {
    Tensor all = windows.window_of(out);
    copy_into(all, src);
    return out;
  }
  // One window at a time, or one place of all windows, whichever is fewer: nothing overlaps within.
  const int64_t d = wrap_dim(dimension, int64_t(sizes.size())), count = windows.sizes[size_t(d)];
  const bool by_window = count < size || d == int64_t(sizes.size()) - 1;
  for (int64_t i = 0; i < (by_window ? count : size); ++i) {
    Tensor to = select_geometry(Geometry(windows), by_window ? d : -1, i).window_of(out);
    add_into(to, select_geometry(Geometry(src), by_window ? d : -1, i).window_of(src));
  }
  return out;
}

Tensor as_strided_backward(const Tensor& src, IntSpan base_sizes, IntSpan base_strides, int64_t base_offset,
                           IntSpan sizes, IntSpan strides, int64_t offset) {
  Span base, all;
  base.cover(base_sizes, base_strides, base_offset);
  all = base;
  all.cover(sizes, strides, offset);
  Tensor buffer = torchy::zeros({all.size()}, src.dtype());
  scatter(buffer, src, sizes, strides, all.at(offset));
  if (base_strides == IntSpan(contiguous_strides(base_sizes)) && base.size() == all.size())
    return torchy::alias(buffer, base_sizes, base_strides, 0);
  if (overlaps(base_sizes, base_strides, buffer))
    divide_by_counts(buffer, base_sizes, base_strides, all.at(base_offset));
  return read_out(buffer, base_sizes, base_strides, all.at(base_offset));
}

Tensor as_strided_gather(const Tensor& src, IntSpan base_sizes, IntSpan base_strides, int64_t base_offset,
                         IntSpan sizes, IntSpan strides, int64_t offset) {
  Span span;
  span.cover(base_sizes, base_strides, base_offset);
  span.cover(sizes, strides, offset);
  return read_out(laid_out(src, base_sizes, base_strides, base_offset, span), sizes, strides, span.at(offset));
}

Tensor as_strided_scatter_of(const Tensor& self, const Tensor& src, IntSpan size, IntSpan stride,
                             int64_t storage_offset, IntSpan base_stride, int64_t base_offset) {
  TORCHY_CHECK(size.size() == stride.size(), "as_strided_scatter: mismatch in length of strides ", stride,
               " and shape ", size);
  TORCHY_CHECK(IntSpan(src.sizes()) == size,
               "as_strided_scatter: expected src to have a size equal to the "
               "slice of self. src size = ",
               src.sizes(), ", slice size = ", size);
  TORCHY_CHECK(storage_offset >= 0, "as_strided_scatter: storage offset ", storage_offset, " must be at least 0");
  for (int64_t s : stride)
    TORCHY_CHECK(s >= 0, "as_strided_scatter: negative strides are not supported at the moment, got strides: ", stride);
  Span base, all;
  base.cover(self.sizes(), base_stride, base_offset);
  all = base;
  all.cover(size, stride, storage_offset);
  TORCHY_CHECK(all.size() == base.size(), "as_strided_scatter: sizes ", size, ", strides ", stride,
               " and storage offset ", storage_offset, " reach outside the memory of self");
  Tensor buffer = laid_out(self, self.sizes(), base_stride, base_offset, base);
  if (numel_of(size) > 0) {
    Tensor window = torchy::alias(buffer, size, stride, base.at(storage_offset));
    TORCHY_CHECK(!has_internal_overlap(window),
                 "as_strided_scatter: the written part overlaps itself; "
                 "sizes ",
                 size, ", strides ", stride);
    copy_into(window, src);
  }
  return read_out(buffer, self.sizes(), base_stride, base.at(base_offset));
}

Tensor select_scatter(const Tensor& self, const Tensor& src, int64_t dim, int64_t index) {
  Tensor out = clone(self);
  return replaced(self, src, select_geometry(Geometry(out), dim, index), out, "select_scatter");
}

Tensor slice_scatter(const Tensor& self, const Tensor& src, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  Tensor out = clone(self);
  return replaced(self, src, slice_geometry(Geometry(out), dim, start, end, step), out, "slice_scatter");
}

Tensor diagonal_scatter(const Tensor& self, const Tensor& src, int64_t offset, int64_t dim1, int64_t dim2) {
  Tensor out = clone(self);
  return replaced(self, src, diagonal_geometry(Geometry(out), offset, dim1, dim2), out, "diagonal_scatter");
}

}  // namespace torchy::kernels
