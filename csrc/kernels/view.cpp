// Kernels of the views: each only computes sizes, strides and offset. Layer: kernels.
#include "copy.h"
#include "geometry.h"

#include "../core/shape.h"

namespace torchy::kernels {
namespace {

// A differentiable view that reads the same memory as another dtype. Offset and strides are in
// elements of the new dtype.
Tensor view_as_dtype(const Tensor& t, DType dtype, const Geometry& g) {
  t.storage()->retain();
  Tensor r = Tensor::steal(TensorImpl::make(dtype, t.storage(), g.offset, g.sizes, g.strides));
  r->set(t->flags & (kInferenceTensor | kUnversioned | kNoGradView | kMultiOutputView));
  TensorImpl* base = t->base ? t->base : t.impl();
  base->retain();
  r->base = base;
  return r;
}

// Strides and offset counted in elements `ratio` times as large. The names are for the errors.
void enlarge_elements(Geometry& g, int64_t ratio, const char* op) {
  for (size_t i = 0; i + 1 < g.strides.size(); ++i) {
    TORCHY_CHECK(g.sizes[i] == 1 || g.strides[i] % ratio == 0, op, ": strides ", g.strides, "; self.stride(", i,
                 ") must be divisible by ", ratio);
    g.strides[i] /= ratio;
  }
  TORCHY_CHECK(g.offset % ratio == 0, op, ": self.storage_offset() is ", g.offset, "; it must be divisible by ", ratio);
  g.offset /= ratio;
}

}  // namespace

Tensor view(const Tensor& self, IntSpan size) {
  if (self.is_contiguous() && size.size() <= Dims::kMax &&
      IntSpan(contiguous_strides(self.sizes())) == self.strides()) {  // the usual case: no search for strides
    Geometry g;
    g.sizes = size;
    g.strides.resize(size.size());
    int64_t product = 1;
    bool usual = true;
    for (size_t i = size.size(); i-- > 0;) {
      g.strides[i] = product;
      usual = usual && size[i] > 0 && !__builtin_mul_overflow(product, size[i], &product);
    }
    g.offset = self.offset();
    if (usual && product == self.numel()) return g.view_of(self);
  }
  IntVec sizes = infer_size(size, self.numel(), "view"), strides;
  TORCHY_CHECK(view_strides(self, sizes, strides), "view: view size ", sizes,
               " is not compatible with input tensor's size ", self.sizes(), " and stride ", self.strides(),
               " (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.");
  return make_view(self, sizes, strides, self.offset());
}

Tensor view_dtype(const Tensor& self, DType dtype) {
  Geometry g(self);
  const int64_t from = itemsize(self.dtype()), to = itemsize(dtype);
  if (from == to) return view_as_dtype(self, dtype, g);
  TORCHY_CHECK(self.ndim() > 0, "view: self.dim() cannot be 0 to view ", scalar_type_name(self.dtype()), " as ",
               scalar_type_name(dtype), " (different element sizes)");
  TORCHY_CHECK(g.sizes.back() == 1 || g.strides.back() == 1, "view: self.stride(-1) is ", g.strides.back(),
               "; it must be 1 to view ", scalar_type_name(self.dtype()), " as ", scalar_type_name(dtype),
               " (different element sizes)");
  if (from > to) {
    const int64_t ratio = from / to;
    for (size_t i = 0; i + 1 < g.strides.size(); ++i) g.strides[i] *= ratio;
    g.offset *= ratio;
    g.sizes.back() *= ratio;
  } else {
    const int64_t ratio = to / from;
    TORCHY_CHECK(g.sizes.back() % ratio == 0, "view: self.size(-1) is ", g.sizes.back(), "; it must be divisible by ",
                 ratio, " to view ", scalar_type_name(self.dtype()), " as ", scalar_type_name(dtype),
                 " (different element sizes)");
    enlarge_elements(g, ratio, "view");
    g.sizes.back() /= ratio;
  }
  g.strides.back() = 1;
  return view_as_dtype(self, dtype, g);
}

Tensor unsafe_view(const Tensor& self, IntSpan size) {
  IntVec sizes = infer_size(size, self.numel(), "reshape"), strides;
  TORCHY_CHECK(view_strides(self, sizes, strides), "reshape: shape ", sizes, " cannot be a view of shape ",
               self.sizes(), " and stride ", self.strides(), "; make it contiguous first");
  return torchy::alias(self, sizes, strides, self.offset());
}

Tensor alias_view(const Tensor& self) { return make_view(self, self.sizes(), self.strides(), self.offset()); }
Tensor detach(const Tensor& self) {
  Tensor result = torchy::alias(self);
  result->set(kDetached);
  return result;
}

Tensor squeeze(const Tensor& self) {
  Geometry g;
  for (size_t i = 0; i < self.sizes().size(); ++i)
    if (self.sizes()[i] != 1) { g.push_back(self.sizes()[i], self.strides()[i]); }
  g.offset = self.offset();
  return g.view_of(self);
}

Tensor squeeze_dim(const Tensor& self, int64_t dim) {
  Geometry g(self);
  const size_t d = size_t(wrap_dim(dim, self.ndim()));
  if (d < g.sizes.size() && g.sizes[d] == 1) g.erase(d);
  return g.view_of(self);
}

Tensor squeeze_dims(const Tensor& self, IntSpan dim) {
  Geometry g(self);
  const uint64_t mask = dim.empty() ? 0 : dim_mask(dim, self.ndim(), "squeeze");
  for (size_t i = g.sizes.size(); i-- > 0;)
    if ((mask >> i & 1) && g.sizes[i] == 1) g.erase(i);
  return g.view_of(self);
}

Tensor unsqueeze(const Tensor& self, int64_t dim) {
  Geometry g(self);
  const int64_t n = self.ndim();
  const size_t d = size_t(wrap_dim(dim, n + 1));
  const int64_t stride = d < size_t(n) ? g.sizes[d] * g.strides[d] : 1;
  g.sizes.insert_at(d, 1);
  g.strides.insert_at(d, stride);
  return g.view_of(self);
}

Tensor transpose(const Tensor& self, int64_t dim0, int64_t dim1) {
  Geometry g(self);
  return transpose_geometry(g, dim0, dim1).view_of(self);
}

Tensor t(const Tensor& self) {
  TORCHY_CHECK(self.ndim() <= 2, "t: expects a tensor with <= 2 dimensions, but self is ", self.ndim(),
               "D; use transpose or permute");
  if (self.ndim() < 2) return alias_view(self);
  return transpose(self, 0, 1);
}

Tensor permute(const Tensor& self, IntSpan dims) {
  const size_t n = size_t(self.ndim());
  TORCHY_CHECK(dims.size() == n,
               "permute: number of dimensions in the tensor input does not match the "
               "length of the desired ordering of dimensions i.e. input.dim() = ",
               n, " is not equal to len(dims) = ", dims.size());
  Geometry g;
  g.sizes.resize(n);
  g.strides.resize(n);
  uint64_t seen = 0;
  for (size_t i = 0; i < n; ++i) {
    const size_t d = size_t(wrap_dim(dims[i], int64_t(n)));
    TORCHY_CHECK(!(seen >> d & 1), "permute: duplicate dims are not allowed; got ", dims);
    seen |= uint64_t(1) << d;
    g.sizes[i] = self.sizes()[d];
    g.strides[i] = self.strides()[d];
  }
  g.offset = self.offset();
  return g.view_of(self);
}

Tensor expand(const Tensor& self, IntSpan size) {
  const size_t n = size.size(), have = size_t(self.ndim());
  TORCHY_CHECK(n >= have, "expand: the number of sizes provided (", n,
               ") must be greater or equal to the "
               "number of dimensions in the tensor (",
               have, ")");
  Geometry g;
  g.sizes.resize(n);
  g.strides.resize(n);
  g.offset = self.offset();
  const size_t lead = n - have;
  for (size_t i = 0; i < n; ++i) {
    const int64_t old = i < lead ? 1 : self.sizes()[i - lead];
    const int64_t want = size[i] == -1 && i >= lead ? old : size[i];
    TORCHY_CHECK(want >= 0, "expand: the expanded size of the tensor (", size[i],
                 ") isn't allowed in a leading, non-existing dimension ", i);
    TORCHY_CHECK(want == old || old == 1, "expand: the expanded size of the tensor (", want,
                 ") must match the existing size (", old, ") at non-singleton dimension ", i, ".  Target sizes: ", size,
                 ".  Tensor sizes: ", self.sizes());
    g.sizes[i] = want;
    if (i >= lead && want == old) g.strides[i] = self.strides()[i - lead];
    else g.strides[i] = 0;
  }
  numel_of(g.sizes);  // an error if there are more than an int64 counts
  // A new leading dim of size 1 gets an ordinary stride.
  for (size_t i = lead; i-- > 0;)
    if (g.sizes[i] == 1) g.strides[i] = i + 1 < n ? g.sizes[i + 1] * g.strides[i + 1] : 1;
  return g.view_of(self);
}

Tensor select(const Tensor& self, int64_t dim, int64_t index) {
  Geometry g(self);
  return select_geometry(g, dim, index).view_of(self);
}

Tensor slice(const Tensor& self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  Geometry g(self);
  return slice_geometry(g, dim, start, end, step).view_of(self);
}

Tensor diagonal(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
  Geometry g(self);
  return diagonal_geometry(g, offset, dim1, dim2).view_of(self);
}

Tensor unfold(const Tensor& self, int64_t dimension, int64_t size, int64_t step) {
  Geometry g(self);
  return unfold_geometry(g, dimension, size, step).view_of(self);
}

Tensor as_strided_of(const Tensor& self, IntSpan size, IntSpan stride, int64_t storage_offset, IntSpan, int64_t) {
  TORCHY_CHECK(size.size() == stride.size(), "as_strided: mismatch in length of strides ", stride, " and shape ", size);
  TORCHY_CHECK(storage_offset >= 0, "as_strided: storage offset ", storage_offset, " must be at least 0");
  int64_t last = storage_offset;
  for (size_t i = 0; i < size.size(); ++i) {
    TORCHY_CHECK(stride[i] >= 0, "as_strided: negative strides are not supported at the moment, got strides: ", stride);
    last = add_size(last, mul_size(size[i] - 1, stride[i], "as_strided"), "as_strided");
  }
  const int64_t width = itemsize(self.dtype());
  const int64_t needed = mul_size(add_size(last, 1, "as_strided"), width, "as_strided");
  TORCHY_CHECK(numel_of(size) == 0 || needed <= int64_t(self.storage()->nbytes()), "as_strided: sizes ", size,
               ", strides ", stride, ", storage offset ", storage_offset, ", and itemsize ", width,
               " requiring a storage size of ", needed, " are out of bounds for storage of size ",
               self.storage()->nbytes());
  return make_view(self, size, stride, storage_offset);
}

Tensor view_as_real(const Tensor& self) {
  TORCHY_CHECK(self.is_complex(), "view_as_real: is only supported for complex tensors, not ",
               scalar_type_name(self.dtype()));
  Geometry g(self);
  for (int64_t& s : g.strides) s *= 2;
  g.offset *= 2;
  g.push_back(2, 1);
  return view_as_dtype(self, to_real(self.dtype()), g);
}

Tensor view_as_complex(const Tensor& self) {
  TORCHY_CHECK(self.dtype() == DType::Float32 || self.dtype() == DType::Float64,
               "view_as_complex: is only supported for float32 and float64 tensors, but got a tensor of "
               "scalar type: ",
               scalar_type_name(self.dtype()));
  Geometry g(self);
  TORCHY_CHECK(!g.sizes.empty(), "view_as_complex: input tensor must have one or more dimensions");
  TORCHY_CHECK(g.sizes.back() == 2, "view_as_complex: tensor must have a last dimension of size 2, not ",
               g.sizes.back());
  if (self.numel() == 0) g.strides.back() = 1;  // nothing is read: any stride will do
  TORCHY_CHECK(g.strides.back() == 1, "view_as_complex: tensor must have a last dimension with stride 1, not ",
               g.strides.back());
  enlarge_elements(g, 2, "view_as_complex");
  g.sizes.pop_back();
  g.strides.pop_back();
  return view_as_dtype(self, to_complex(self.dtype()), g);
}

// Every part shares the storage, which grows if it must; the contents of new memory are not set.
Tensor resize(const Tensor& self, IntSpan size) {
  const int64_t needed = (self.offset() + numel_of(size)) * itemsize(self.dtype());
  if (numel_of(size) > 0 && needed > int64_t(self.storage()->nbytes())) self.storage()->resize(size_t(needed));
  self->set_geometry(size, contiguous_strides(size), self.offset());
  return self;
}

}  // namespace torchy::kernels
