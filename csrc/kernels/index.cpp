// index and index_put, and the operations that index one dim or the flattened tensor: index_select,
// index_add, index_copy, index_fill, take, put, and what their gradients need. Layer: kernels.
#include "copy.h"
#include "index_plan.h"

#include "../core/shape.h"
#include "../core/tls.h"

namespace torchy::kernels {

Tensor index(const Tensor& self, const TensorList& indices) { return IndexPlan::of(self, indices).read(self); }

Tensor index_put(const Tensor& self, const TensorList& indices, const Tensor& values, bool accumulate) {
  TORCHY_CHECK(self.dtype() == values.dtype(),
               "index_put: Index put requires the source and destination dtypes match, got ", dtype_name(self.dtype()),
               " for the destination and ", dtype_name(values.dtype()), " for the source; use values.to(self.dtype)");
  if (accumulate) {
    return changed(self,
                   [&](Tensor& out) { IndexPlan::of(out, indices).write(out, to_dtype(values, out.dtype()), true); });
  }
  Tensor out = clone(self);
  IndexPlan::of(out, indices).write(out, values, false);
  return out;
}

Tensor index_backward(const Tensor& grad_output, IntSpan sizes, const TensorList& indices) {
  return changed(torchy::zeros(sizes, grad_output.dtype()), [&](Tensor& out) {
    IndexPlan::of(out, indices).write(out, to_dtype(grad_output, out.dtype()), true);
  });
}

// ---- one dim

namespace {

// wrap_dim for a tensor that at_least_1d has seen.
int64_t checked_dim(const Tensor& self, int64_t dim) { return wrap_dim(dim, self.ndim()); }

// The part of `source` at one index must have the shape of the part of self at one index.
void check_source(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const char* op,
                  ErrorKind count_kind) {
  TORCHY_CHECK(self.dtype() == source.dtype(), op, ": self (", dtype_name(self.dtype()), ") and source (",
               dtype_name(source.dtype()), ") must have the same dtype");
  bool same = source.ndim() == self.ndim() && (self.ndim() > 0 || source.numel() == 1);
  for (int64_t d = 0; same && d < self.ndim(); ++d)
    same = d == dim || source.sizes()[size_t(d)] == self.sizes()[size_t(d)];
  TORCHY_CHECK(same, op, ": source tensor shape must match self tensor shape, excluding dim ", dim,
               "; got self of shape ", self.sizes(), " and source of shape ", source.sizes());
  const int64_t along = source.ndim() ? source.sizes()[size_t(dim)] : 1;
  if (index.numel() != along)
    throw Error(count_kind, str_cat(op, ": Number of indices (", index.numel(), ") should be equal to source.size(",
                                    dim, ") (", along, ")"));
}

}  // namespace

Tensor index_select(const Tensor& self, int64_t dim, const Tensor& index) {
  const Tensor in = at_least_1d(self);
  dim = checked_dim(in, dim);
  const Tensor at = checked_vector(index, "index_select");
  check_bounds(at, dim, in.sizes()[size_t(dim)], Bounds::NonNegative, ErrorKind::Index, "index_select");
  TORCHY_CHECK(self.ndim() > 0 || at.numel() == 1, "index_select: Index to scalar can have only 1 value, got ",
               at.numel(), " value(s)");
  Tensor out = IndexPlan::along(in, dim, at).read(in);
  return self.ndim() ? out : torchy::alias(out, {}, {}, 0);
}

Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  dim = wrap_dim(dim, self.ndim());
  const Tensor at = checked_vector(index, "index_add");
  check_source(self, dim, at, source, "index_add", ErrorKind::Runtime);
  return changed(self, [&](Tensor& out) {
    Tensor view = at_least_1d(out), values = at_least_1d(to_dtype(source, out.dtype()));
    check_bounds(at, dim, view.sizes()[size_t(dim)], Bounds::NonNegative, ErrorKind::Runtime, "index_add");
    if (!alpha.is_one()) {
      values = fresh_copy(values);
      visit_dtype(values.dtype(), [&](auto tag) {
        using T = typename decltype(tag)::type;
        T* p = values.data<T>();
        const T factor = alpha.to<T>();
        for (int64_t i = 0; i < values.numel(); ++i) p[i] = static_cast<T>(p[i] * factor);
      });
    }
    IndexPlan::along(view, dim, at).write(view, values, true);
  });
}

Tensor index_select_backward(const Tensor& grad_output, IntSpan sizes, int64_t dim, const Tensor& index) {
  return changed(torchy::zeros(sizes, grad_output.dtype()), [&](Tensor& out) {
    Tensor view = at_least_1d(out);
    const Tensor at = checked_vector(index, "index_select_backward");
    dim = checked_dim(view, dim);
    check_bounds(at, dim, view.sizes()[size_t(dim)], Bounds::NonNegative);
    IndexPlan::along(view, dim, at).write(view, at_least_1d(to_dtype(grad_output, out.dtype())), true);
  });
}

Tensor index_copy(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  dim = wrap_dim(dim, self.ndim());
  const Tensor at = checked_vector(index, "index_copy");
  check_source(self, dim, at, source, "index_copy", ErrorKind::Index);
  Tensor out = clone(self), view = at_least_1d(out);
  check_bounds(at, dim, view.sizes()[size_t(dim)], Bounds::NonNegative, ErrorKind::Index, "index_copy");
  IndexPlan::along(view, dim, at).write(view, at_least_1d(source), false);
  return out;
}

namespace {

Tensor filled(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  TORCHY_CHECK(index.ndim() <= 1, "index_fill: Index has to be a vector/scalar; got shape ", index.sizes());
  const Tensor at = checked_vector(index, "index_fill");
  Tensor out = clone(self), view = at_least_1d(out);
  dim = checked_dim(view, dim);
  check_bounds(at, dim, view.sizes()[size_t(dim)], Bounds::Wrap);
  IndexPlan::along(view, dim, at).write(view, value, false);
  return out;
}

}  // namespace

Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  TORCHY_CHECK(!value.is_complex() || self.is_complex(),
               "index_fill: Converting complex Scalar to non-complex type is not supported; self is ",
               dtype_name(self.dtype()));
  check_fits(value, self.dtype(), "index_fill");
  return filled(self, dim, index, scalar_tensor(value, self.dtype()));
}

Tensor index_fill_tensor(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  TORCHY_CHECK(value.ndim() == 0, "index_fill: only supports a 0-dimensional value tensor, but got tensor with ",
               value.ndim(), " dimension(s)");
  TORCHY_CHECK(!value.is_complex() || self.is_complex(),
               "index_fill: Converting complex value to non-complex type is not supported; self is ",
               dtype_name(self.dtype()));
  return filled(self, dim, index, to_dtype(value, self.dtype()));
}

// ---- the flattened tensor

namespace {

Tensor checked_flat(const Tensor& index, int64_t numel, const char* op) {
  TORCHY_CHECK(index.dtype() == DType::Int64, op, ": Expected a long tensor for index, but got ",
               dtype_name(index.dtype()));
  const Tensor at = contiguous(index);
  if (numel == 0 && at.numel() > 0) fail_index(op, ": tried to take from an empty tensor");
  const int64_t* p = at.data<int64_t>();
  for (int64_t i = 0; i < at.numel(); ++i)
    if (p[i] < -numel || p[i] >= numel)
      fail_index(op, ": out of range: tried to access index ", p[i], " on a tensor of ", numel, " elements");
  return at;
}

// `out`, which is contiguous, with values written at flat positions.
void put_into(Tensor& out, const Tensor& at, const Tensor& values, bool accumulate) {
  Tensor src = contiguous(to_dtype(values, out.dtype()));
  src = torchy::alias(src, at.sizes(), contiguous_strides(at.sizes()), src.offset());
  IndexPlan::flat(out, at).write(out, src, accumulate);
}

}  // namespace

Tensor take(const Tensor& self, const Tensor& index) {
  const Tensor in = contiguous(self);
  return IndexPlan::flat(in, checked_flat(index, in.numel(), "take")).read(in);
}

Tensor take_backward(const Tensor& grad_output, IntSpan sizes, const Tensor& index) {
  return changed(torchy::zeros(sizes, grad_output.dtype()), [&](Tensor& out) {
    put_into(out, checked_flat(index, out.numel(), "take_backward"), grad_output, true);
  });
}

Tensor put(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  TORCHY_CHECK(self.dtype() == source.dtype(), "put: self and source expected to have the same dtype, but got ",
               dtype_name(self.dtype()), " and ", dtype_name(source.dtype()));
  if (source.numel() != index.numel())
    fail_index("put: Expected source and index to have the same number of elements, but got source.numel() = ",
               source.numel(), ", index.numel() = ", index.numel());
  const Tensor at = checked_flat(index, self.numel(), "put");
  return changed(contiguous(self), [&](Tensor& out) { put_into(out, at, source, accumulate); });
}

// ---- masks

namespace {

void check_mask(const Tensor& mask, const char* op) {
  TORCHY_CHECK(mask.dtype() == DType::Bool, op, ": expected a bool mask; got ", dtype_name(mask.dtype()));
}

}  // namespace

Tensor masked_select(const Tensor& self, const Tensor& mask) {
  check_mask(mask, "masked_select");
  const IntVec shape = broadcast_shapes(self.sizes(), mask.sizes(), "masked_select");
  const Tensor in = contiguous(expanded(self, shape));
  return IndexPlan::flat(in, flat_nonzero(expanded(mask, shape))).read(in);
}

Tensor masked_select_backward(const Tensor& grad_output, IntSpan sizes, const Tensor& mask) {
  const IntVec shape = broadcast_shapes(sizes, mask.sizes(), "masked_select_backward");
  Tensor out = torchy::zeros(shape, grad_output.dtype());
  put_into(out, flat_nonzero(expanded(mask, shape)), grad_output, false);
  return out;
}

Tensor masked_scatter(const Tensor& self, const Tensor& mask, const Tensor& source) {
  TORCHY_CHECK(self.dtype() == source.dtype(), "masked_scatter: expected self and source to have same dtypes but got ",
               dtype_name(self.dtype()), " and ", dtype_name(source.dtype()));
  check_mask(mask, "masked_scatter");
  const IntVec shape = broadcast_shapes(self.sizes(), mask.sizes(), "masked_scatter");
  const Tensor at = flat_nonzero(expanded(mask, shape));
  TORCHY_CHECK(source.numel() >= at.numel(), "masked_scatter: Number of elements of source < number of ones in mask; ",
               source.numel(), " < ", at.numel());
  Tensor out = fresh_copy(expanded(self, shape)), src = contiguous(source);
  IndexPlan::flat(out, at).write(out, torchy::alias(src, at.sizes(), at.strides(), src.offset()), false);
  return out;
}

Tensor masked_scatter_backward(const Tensor& grad_output, const Tensor& mask, IntSpan sizes) {
  Tensor out = torchy::zeros(sizes, grad_output.dtype());
  const Tensor taken = masked_select(grad_output, mask);
  Tensor head = torchy::alias(out, taken.sizes(), taken.strides(), 0);
  copy_into(head, taken);
  return out;
}

namespace {

// Flat positions as rows of indices; 32-bit division where it is enough, for it is much faster.
template <class Int>
void unravel(const int64_t* flat, int64_t n, IntSpan sizes, int64_t* out) {
  const int64_t ndim = int64_t(sizes.size());
  for (int64_t i = 0; i < n; ++i, out += ndim) {
    Int rest = static_cast<Int>(flat[i]);
    for (int64_t d = ndim - 1; d > 0; --d) {
      const Int size = static_cast<Int>(sizes[size_t(d)]), above = rest / size;
      out[d] = int64_t(rest - above * size);
      rest = above;
    }
    out[0] = int64_t(rest);
  }
}

}  // namespace

Tensor nonzero(const Tensor& self) {
  const Tensor flat = flat_nonzero(self);
  const int64_t n = flat.numel();
  Tensor out = torchy::empty({n, self.ndim()}, DType::Int64);
  if (out.numel() == 0) return out;
  LongSection section(n > kLongWork);
  if (self.numel() <= INT32_MAX) unravel<uint32_t>(flat.data<int64_t>(), n, self.sizes(), out.data<int64_t>());
  else unravel<uint64_t>(flat.data<int64_t>(), n, self.sizes(), out.data<int64_t>());
  return out;
}

}  // namespace torchy::kernels
