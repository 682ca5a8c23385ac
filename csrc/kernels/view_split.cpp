// Kernels of the views that come several at once, and their backward. Layer: kernels.
// `bounds` lists start and end of every part: [s0, e0, s1, e1, ...].
#include "copy.h"
#include "geometry.h"
#include "shape_helpers.h"

#include "../core/shape.h"

namespace torchy::kernels {

TensorList slices(const Tensor& self, IntSpan bounds, int64_t dim) {
  const Geometry whole(self);
  const size_t d = size_t(wrap_dim(dim, self.ndim()));
  TensorList parts;
  parts.reserve(bounds.size() / 2);
  Geometry g = whole;
  for (size_t i = 0; i + 1 < bounds.size(); i += 2) {
    g.offset = whole.offset + bounds[i] * whole.strides[d];
    g.sizes[d] = bounds[i + 1] - bounds[i];
    parts.push_back(g.view_of(self));
    parts.back()->set(kMultiOutputView);
  }
  return parts;
}

TensorList split(const Tensor& self, int64_t split_size, int64_t dim) {
  return slices(self, rules::split_bounds(self.sizes(), split_size, dim), dim);
}

TensorList split_with_sizes(const Tensor& self, IntSpan split_sizes, int64_t dim) {
  return slices(self, rules::sizes_bounds(self.sizes(), split_sizes, dim), dim);
}

TensorList unbind(const Tensor& self, int64_t dim) {
  if (self.ndim() == 0) fail_index("unbind: dimension specified as ", dim, " but tensor has no dimensions");
  const size_t d = size_t(wrap_dim(dim, self.ndim()));
  const int64_t n = self.sizes()[d], stride = self.strides()[d];
  Geometry g(self);
  g.erase(d);
  TensorList parts;
  parts.reserve(size_t(n));
  for (int64_t i = 0; i < n; ++i) {
    parts.push_back(g.view_of(self));
    parts.back()->set(kMultiOutputView);
    g.offset += stride;
  }
  return parts;
}

namespace {
DType dtype_of(const TensorList& parts, const char* op) {
  for (const Tensor& p : parts)
    if (p.defined()) return p.dtype();
  fail(op, ": every part is undefined; at least one must be given");
}
}  // namespace

// The parts added where they came from; an undefined part counts as zeros.
Tensor slices_backward(const TensorList& parts, IntSpan sizes, IntSpan bounds, int64_t dim) {
  Tensor out = torchy::zeros(sizes, dtype_of(parts, "slices_backward"));
  bool overlap = false;
  for (size_t i = 2; i + 1 < bounds.size(); i += 2) overlap = overlap || bounds[i] < bounds[i - 1];
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].defined()) continue;
    Tensor window = slice_geometry(Geometry(out), dim, bounds[2 * i], bounds[2 * i + 1], 1).window_of(out);
    if (overlap) add_into(window, parts[i]);
    else copy_into(window, parts[i]);
  }
  return out;
}

Tensor unbind_backward(const TensorList& parts, IntSpan sizes, int64_t dim) {
  Tensor out = torchy::zeros(sizes, dtype_of(parts, "unbind_backward"));
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].defined()) continue;
    Tensor window = select_geometry(Geometry(out), dim, int64_t(i)).window_of(out);
    copy_into(window, parts[i]);
  }
  return out;
}

}  // namespace torchy::kernels
