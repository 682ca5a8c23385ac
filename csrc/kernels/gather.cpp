// gather and the scatters: an index for every element along one dim. Layer: kernels. Indexing by whole
// rows is in index.cpp.
#include <algorithm>
#include <limits>

#include "copy.h"
#include "index_plan.h"

#include "../core/iterate.h"
#include "../core/shape.h"
#include "../core/tls.h"

namespace torchy::kernels {
namespace {

// A walk over an index tensor: lines along `dim`, all of them independent of each other. `a` and `b`
// are the tensors that the index goes with; a stride of 0 along dim means that the index itself says
// where in that tensor an element lies.
struct Lines {
  Strided<3> others;
  int64_t length, step[3];

  Lines(const Tensor& a, bool a_moves, const Tensor& index, const Tensor& b, bool b_moves, int64_t dim) {
    const int64_t wa = itemsize(a.dtype()), wb = itemsize(b.dtype());
    others.base[0] = a.raw();
    others.base[1] = index.raw();
    others.base[2] = b.raw();
    for (int64_t d = 0; d < index.ndim(); ++d) {
      const size_t i = size_t(d);
      if (d != dim) others.add(index.sizes()[i], a.strides()[i] * wa, index.strides()[i] * 8, b.strides()[i] * wb);
    }
    others.build();
    const size_t i = size_t(dim);
    length = index.sizes()[i];
    step[0] = a_moves ? a.strides()[i] * wa : 0;
    step[1] = index.strides()[i] * 8;
    step[2] = b_moves ? b.strides()[i] * wb : 0;
  }

  // f(a, index, b) for every element; along a line in the order of the index.
  template <class F>
  void run(F f) const {
    const int inner = others.ndim - 1;
    const int64_t sa = others.strides[inner][0], si = others.strides[inner][1], sb = others.strides[inner][2];
    const int64_t ka = step[0], ki = step[1], kb = step[2], count = length;  // no write through f changes these
    LongSection section(others.numel * length > kLongWork);
    others.run(
        [=](char* const* p, int64_t n) {
          auto at = [&](int64_t i, int64_t k) {
            f(p[0] + i * sa + k * ka, *reinterpret_cast<const int64_t*>(p[1] + i * si + k * ki),
              p[2] + i * sb + k * kb);
          };
          if (n == 1 || ki <= si) {
            for (int64_t i = 0; i < n; ++i)
              for (int64_t k = 0; k < count; ++k) at(i, k);
          } else {
            for (int64_t k = 0; k < count; ++k)
              for (int64_t i = 0; i < n; ++i) at(i, k);
          }
        },
        std::max<int64_t>(1, kIterGrain / std::max<int64_t>(1, length)));
  }
};

// The index as contiguous int64 with at least one dim, checked against self (and src).
Tensor checked_index(const Tensor& self, int64_t dim, const Tensor& index, const Tensor* src, const char* op) {
  const Tensor at = at_least_1d(index_int64(index, op));
  if (at.numel() == 0) return at;
  TORCHY_CHECK(at.ndim() == self.ndim(), op, ": Index tensor must have the same number of dimensions as self; got ",
               index.ndim(), " and ", self.ndim());
  TORCHY_CHECK(!src || src->ndim() == at.ndim(), op,
               ": Index tensor must have the same number of dimensions as src; got ", index.ndim(), " and ",
               src ? src->ndim() : 0);
  for (size_t d = 0; d < size_t(at.ndim()); ++d) {
    TORCHY_CHECK(int64_t(d) == dim || at.sizes()[d] <= self.sizes()[d], op, ": Expected index ", at.sizes(),
                 " to be no larger than self ", self.sizes(), " apart from dimension ", dim);
    TORCHY_CHECK(!src || at.sizes()[d] <= src->sizes()[d], op, ": Expected index ", at.sizes(),
                 " to be no larger than src ", src->sizes());
  }
  check_bounds(at, dim, self.sizes()[size_t(dim)], Bounds::NonNegative, ErrorKind::Runtime, op);
  return at;
}

void check_same_dtype(const Tensor& self, const Tensor& src, const char* op) {
  TORCHY_CHECK(self.dtype() == src.dtype(), op, ": Expected self.dtype to be equal to src.dtype; got ",
               dtype_name(self.dtype()), " and ", dtype_name(src.dtype()));
}

// f(to, from) on every pair of an element of `out` and the value scattered to it.
template <class T, class F>
void scatter_lines(Tensor& out, int64_t dim, const Tensor& at, const Tensor& src, F f) {
  const int64_t stride = out.strides()[size_t(dim)] * int64_t(sizeof(T));
  Lines(out, false, at, src, true, dim).run([=](char* to, int64_t i, char* from) {
    f(*reinterpret_cast<T*>(to + i * stride), *reinterpret_cast<const T*>(from));
  });
}

void scatter_set(Tensor& out, int64_t dim, const Tensor& at, const Tensor& src) {
  visit_width(itemsize(out.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    scatter_lines<T>(out, dim, at, src, [](T& to, const T& v) { to = v; });
  });
}

void scatter_sum(Tensor& out, int64_t dim, const Tensor& at, const Tensor& src) {
  visit_dtype(out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    scatter_lines<T>(out, dim, at, src, [](T& to, const T& v) { to = static_cast<T>(to + v); });
  });
}

// One value seen as a tensor of the shape of `at`.
Tensor spread(const Tensor& value, const Tensor& at) {
  return torchy::alias(value, at.sizes(), IntVec(size_t(at.ndim()), 0), value.offset());
}

}  // namespace

Tensor gather(const Tensor& self, int64_t dim, const Tensor& index, bool) {
  const Tensor in = at_least_1d(self);
  dim = wrap_dim(dim, in.ndim());
  const Tensor at = checked_index(in, dim, index, nullptr, "gather");
  Tensor out = torchy::empty(index.sizes(), self.dtype());
  if (out.numel() == 0) return out;
  visit_width(itemsize(self.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t stride = in.strides()[size_t(dim)] * int64_t(sizeof(T));
    Lines(at_least_1d(out), true, at, in, false, dim).run([=](char* to, int64_t i, char* from) {
      *reinterpret_cast<T*>(to) = *reinterpret_cast<const T*>(from + i * stride);
    });
  });
  return out;
}

Tensor gather_backward(const Tensor& grad_output, IntSpan sizes, int64_t dim, const Tensor& index) {
  return changed(torchy::zeros(sizes, grad_output.dtype()), [&](Tensor& out) {
    Tensor view = at_least_1d(out), src = at_least_1d(to_dtype(grad_output, out.dtype()));
    const int64_t d = wrap_dim(dim, view.ndim());
    const Tensor at = checked_index(view, d, index, &src, "gather_backward");
    if (at.numel()) scatter_sum(view, d, at, src);
  });
}

Tensor scatter_src(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  check_same_dtype(self, src, "scatter");
  Tensor out = clone(self), view = at_least_1d(out);
  const Tensor from = at_least_1d(src);
  dim = wrap_dim(dim, view.ndim());
  const Tensor at = checked_index(view, dim, index, &from, "scatter");
  if (at.numel()) scatter_set(view, dim, at, from);
  return out;
}

Tensor scatter_value(const Tensor& self, int64_t dim, const Tensor& index, const Scalar& value) {
  check_fits(value, self.dtype(), "scatter");
  Tensor out = clone(self), view = at_least_1d(out);
  dim = wrap_dim(dim, view.ndim());
  const Tensor at = checked_index(view, dim, index, nullptr, "scatter");
  if (at.numel()) scatter_set(view, dim, at, spread(scalar_tensor(value, self.dtype()), at));
  return out;
}

Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  check_same_dtype(self, src, "scatter_add");
  return changed(self, [&](Tensor& out) {
    Tensor view = at_least_1d(out), from = at_least_1d(to_dtype(src, out.dtype()));
    const int64_t d = wrap_dim(dim, view.ndim());
    const Tensor at = checked_index(view, d, index, &from, "scatter_add");
    if (at.numel()) scatter_sum(view, d, at, from);
  });
}

// ---- scatter_reduce

namespace {

enum class Fold { Sum, Prod, Mean, Amax, Amin };

Fold fold_of(const std::string& name) {
  if (name == "sum") return Fold::Sum;
  if (name == "prod") return Fold::Prod;
  if (name == "mean") return Fold::Mean;
  if (name == "amax") return Fold::Amax;
  TORCHY_CHECK(name == "amin", "scatter_reduce: reduce argument must be either sum, prod, mean, amax or amin, got ",
               name);
  return Fold::Amin;
}

template <class T>
bool better(const T& v, const T& than, bool largest) {
  if constexpr (std::is_floating_point_v<T>)
    if (v != v) return true;
  return largest ? v > than : v < than;
}

template <class T>
T identity(Fold fold) {
  if constexpr (!IsComplex<T>::value) {
    using L = std::numeric_limits<T>;
    if (fold == Fold::Amax) return L::has_infinity ? T(-L::infinity()) : L::lowest();
    if (fold == Fold::Amin) return L::has_infinity ? L::infinity() : L::max();
  }
  return fold == Fold::Prod ? T(1) : T(0);
}

template <class T>
void fold_lines(Tensor& out, int64_t dim, const Tensor& at, const Tensor& src, Fold fold) {
  if (fold == Fold::Prod) {
    scatter_lines<T>(out, dim, at, src, [](T& to, const T& v) { to = static_cast<T>(to * v); });
  } else if (fold == Fold::Sum || fold == Fold::Mean) {
    scatter_sum(out, dim, at, src);
  } else if constexpr (!IsComplex<T>::value) {
    const bool largest = fold == Fold::Amax;
    scatter_lines<T>(out, dim, at, src, [=](T& to, const T& v) { to = better(v, to, largest) ? v : to; });
  }
}

// Divides by how many values were folded into each place; integers round down.
template <class T>
void divide(Tensor& out, const Tensor& counts) {
  Tensor in_order = contiguous(out);
  T* p = in_order.data<T>();
  const int64_t* n = counts.data<int64_t>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    if (n[i] <= 1) continue;
    if constexpr (IsComplex<T>::value) {
      p[i] /= static_cast<typename T::value_type>(n[i]);
    } else if constexpr (std::is_floating_point_v<T>) {
      p[i] /= static_cast<T>(n[i]);
    } else {
      const int64_t v = int64_t(p[i]), q = v / n[i];
      p[i] = static_cast<T>(q * n[i] > v ? q - 1 : q);
    }
  }
  copy_into(out, in_order);
}

void reduce_into(Tensor& out, int64_t dim, const Tensor& at, const Tensor& src, Fold fold, bool include_self) {
  visit_dtype(out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!IsHalf<T>::value) {
      if (!include_self) {
        Tensor start = torchy::empty({}, out.dtype());
        *start.data<T>() = identity<T>(fold);
        scatter_set(out, dim, at, spread(start, at));
      }
      fold_lines<T>(out, dim, at, src, fold);
      if (fold != Fold::Mean) return;
      Tensor counts = torchy::zeros(out.sizes(), DType::Int64);
      if (include_self) fill(counts, Scalar(1));
      scatter_sum(counts, dim, at, spread(scalar_tensor(Scalar(1), DType::Int64), at));
      divide<T>(out, counts);
    }
  });
}

}  // namespace

Tensor scatter_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                      const std::string& reduce, bool include_self) {
  const Fold fold = fold_of(reduce);
  check_same_dtype(self, src, "scatter_reduce");
  if (self.is_complex() && (fold == Fold::Amax || fold == Fold::Amin))
    fail_not_implemented("scatter_reduce: ", reduce, " not implemented for dtype ", dtype_name(self.dtype()));
  return changed(self, [&](Tensor& out) {
    Tensor view = at_least_1d(out), from = at_least_1d(to_dtype(src, out.dtype()));
    const int64_t d = wrap_dim(dim, view.ndim());
    const Tensor at = checked_index(view, d, index, &from, "scatter_reduce");
    if (at.numel()) reduce_into(view, d, at, from, fold, include_self);
  });
}

// ---- shapes around an index

// Always another tensor: a node may be hung on it.
Tensor expand_around(const Tensor& self, IntSpan shape, int64_t dim) {
  TORCHY_CHECK(self.ndim() == int64_t(shape.size()),
               "take_along_dim: input and indices should have the same number of dimensions, but got ", self.ndim(),
               " and ", shape.size());
  dim = wrap_dim(dim, self.ndim());
  IntVec theirs(shape);
  if (!theirs.empty()) theirs[size_t(dim)] = self.sizes()[size_t(dim)];
  const IntVec full = broadcast_shapes(self.sizes(), theirs, "take_along_dim");
  return torchy::alias(self, full, broadcast_strides(self, full), self.offset());
}

// The first `sizes` elements of every dim: what of src a smaller index reads.
Tensor corner(const Tensor& self, IntSpan sizes) {
  if (numel_of(sizes) == 0) return torchy::empty(sizes, self.dtype());
  const Tensor in = at_least_1d(self);
  TORCHY_CHECK(in.ndim() == std::max<int64_t>(1, int64_t(sizes.size())), "scatter: index of shape ", sizes,
               " does not fit src of shape ", self.sizes());
  return torchy::alias(in, sizes, IntSpan(in.strides().data(), sizes.size()), in.offset());
}

Tensor corner_backward(const Tensor& grad_output, IntSpan sizes) {
  Tensor out = torchy::zeros(sizes, grad_output.dtype());
  if (grad_output.numel() == 0) return out;
  Tensor head = corner(out, grad_output.sizes());
  copy_into(head, grad_output);
  return out;
}

// ---- the slope of amax and amin

namespace {

// 1 where a and b, contiguous and of one shape and dtype, are equal.
Tensor equal_places(const Tensor& a, const Tensor& b) {
  Tensor out = torchy::empty(a.sizes(), DType::Int64);
  visit_dtype(a.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < a.numel(); ++i) out.data<int64_t>()[i] = a.data<T>()[i] == b.data<T>()[i];
  });
  return out;
}

}  // namespace

Tensor scatter_extreme(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src,
                       const std::string& reduce, bool include_self, bool of_src) {
  const DType dtype = compute_dtype(self.dtype());
  const Tensor in = contiguous(to_dtype(self, dtype));
  const Tensor from = contiguous(corner(to_dtype(src, dtype), index.sizes()));
  const Tensor result = scatter_reduce(in, dim, index, from, reduce, include_self);
  Tensor mine = equal_places(in, result);
  if (!include_self) fill(mine, Scalar(0));
  const Tensor theirs = equal_places(from, gather(result, dim, index, false));
  const Tensor ties = scatter_add(mine, dim, index, theirs);
  const Tensor hits = of_src ? theirs : mine, shared_by = of_src ? gather(ties, dim, index, false) : ties;
  Tensor out = torchy::empty(hits.sizes(), DType::Float64);
  for (int64_t i = 0; i < out.numel(); ++i)
    out.data<double>()[i] = hits.data<int64_t>()[i] ? 1 / double(shared_by.data<int64_t>()[i]) : 0;
  return to_dtype(out, self.dtype());
}

}  // namespace torchy::kernels
