// Kernels that make tensors from sizes and numbers. Layer: kernels. A missing dtype is the default
// floating dtype, or what the numbers imply.
#include <cmath>
#include <cstring>

#include "copy.h"
#include "move_loops.h"

#include "../core/promote.h"
#include "../core/shape.h"
#include "../core/threads.h"
#include "../core/tls.h"

namespace torchy::kernels {
namespace {

using MaybeDType = std::optional<DType>;

DType or_default(MaybeDType dtype) { return dtype.value_or(default_dtype()); }

Tensor filled(Tensor t, const Scalar& value) {
  fill(t, value);
  return t;
}

// Blocks of `out` from fill(values, first, n), computed as C and then converted.
template <class C, class F>
void generate(Tensor& out, F&& fill_block) {
  constexpr int64_t block = 512;
  char* data = out.raw();
  const DType dtype = out.dtype();
  const int64_t width = itemsize(dtype);
  LongSection section(out.numel() > kLongWork);
  parallel_for(0, out.numel(), 32768, [&](int64_t begin, int64_t end) {
    C values[block];
    for (int64_t i = begin; i < end; i += block) {
      const int64_t n = std::min(block, end - i);
      if (dtype == DTypeOf<C>::value) {
        fill_block(reinterpret_cast<C*>(data) + i, i, n);
      } else {
        fill_block(values, i, n);
        convert_block(data + i * width, dtype, values, DTypeOf<C>::value, n);
      }
    }
  });
}

DType range_dtype(MaybeDType dtype, const Scalar& start, const Scalar& end) {
  const bool complex = start.is_complex() || end.is_complex();
  if (!dtype) return complex ? default_complex_dtype() : default_dtype();
  if (complex && !is_complex(*dtype))
    fail("linspace: expected dtype to be complex when start or end is complex, but got ", dtype_name(*dtype));
  return *dtype;
}

// Even steps from start to end, counted from both ends so that the last element is `end` itself.
template <class C>
struct EvenSteps {
  C start, end, step;
  int64_t steps;
  EvenSteps(const Scalar& from, const Scalar& to, int64_t count)
      : start(from.to<C>()),
        end(to.to<C>()),
        step(count > 1 ? (end - start) / C(double(count - 1)) : C(0)),
        steps(count) {}
  C at(int64_t i) const {
    return i < steps / 2 || steps == 1 ? start + step * C(double(i)) : end - step * C(double(steps - 1 - i));
  }
  void operator()(C* out, int64_t first, int64_t n) const {
    if constexpr (std::is_same_v<C, double>) {
      const auto ramp = move_loops().ramp;
      const int64_t rising = std::min(std::max<int64_t>((steps == 1 ? 1 : steps / 2) - first, 0), n);
      ramp(out, start, step, double(first), false, rising);
      ramp(out + rising, end, -step, double(steps - 1 - first - rising), true, n - rising);
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = at(first + i);
    }
  }
};

template <class C>
auto powers(double base, const EvenSteps<C>& exponents) {
  return [=](C* out, int64_t first, int64_t n) {
    exponents(out, first, n);
    for (int64_t i = 0; i < n; ++i) out[i] = std::pow(C(base), out[i]);
  };
}

// The part [first, last) of row r that belongs to the triangle.
struct RowPart {
  int64_t first, last;
};
RowPart triangle_row(int64_t r, int64_t col, bool lower, int64_t offset) {
  const int64_t cut = std::min(std::max<int64_t>(r + offset + lower, 0), col);
  return lower ? RowPart{0, cut} : RowPart{cut, col};
}

Tensor triangle_indices(int64_t row, int64_t col, DType dtype, bool lower, int64_t offset) {
  constexpr int64_t kMost = int64_t(1) << 31;  // so that row * col is no overflow
  TORCHY_CHECK(row >= 0 && col >= 0, "tril_indices/triu_indices: row and col must be non-negative, got ", row, " and ",
               col);
  TORCHY_CHECK(row <= kMost && col <= kMost, "tril_indices/triu_indices: row and col can be at most ", kMost, ", got ",
               row, " and ", col);
  TORCHY_CHECK(dtype == DType::Int64 || dtype == DType::Int32,
               "tril_indices/triu_indices: dtype must be int32 or int64, not ", dtype_name(dtype));
  offset = std::min(std::max(offset, -row), col);
  const int64_t begin = lower ? std::max<int64_t>(0, -offset) : 0;
  const int64_t end = lower ? row : std::min(row, col - offset);
  int64_t n = 0;
  for (int64_t r = begin; r < end; ++r) {
    const RowPart part = triangle_row(r, col, lower, offset);
    n += part.last - part.first;
  }
  Tensor out = torchy::empty({2, n}, dtype);
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, int32_t>) {
      T* rows = reinterpret_cast<T*>(out.raw());
      T* cols = rows + n;
      for (int64_t r = begin; r < end; ++r) {
        const RowPart part = triangle_row(r, col, lower, offset);
        for (int64_t c = part.first; c < part.last; ++c) {
          *rows++ = T(r);
          *cols++ = T(c);
        }
      }
    }
  });
  return out;
}

// Both operands broadcast, contiguous; `out` has their shape and the complex dtype.
template <class F>
Tensor from_two_reals(const Tensor& a, const Tensor& b, const char* op, F&& make) {
  TORCHY_CHECK(is_float(a.dtype()) && !is_half(a.dtype()), op, ": expected both inputs to be float32 or float64 ",
               "tensors but got ", scalar_type_name(a.dtype()), " and ", scalar_type_name(b.dtype()));
  TORCHY_CHECK(a.dtype() == b.dtype(), op, ": expected object of scalar type ", scalar_type_name(a.dtype()),
               " but got scalar type ", scalar_type_name(b.dtype()), " for second argument");
  const IntVec shape = broadcast_shapes(a.sizes(), b.sizes(), op);
  auto spread = [&](const Tensor& t) {
    if (t.is_contiguous() && t.sizes() == IntSpan(shape)) return t;
    Tensor full = torchy::empty(shape, t.dtype());
    copy_into(full, t);
    return full;
  };
  const Tensor x = spread(a), y = spread(b);
  Tensor out = torchy::empty(shape, to_complex(a.dtype()));
  const char *px = x.raw(), *py = y.raw();
  char* to = out.raw();
  LongSection section(out.numel() > kLongWork);
  auto run = [&](auto tag) {
    using T = decltype(tag);
    parallel_for(0, out.numel(), 32768, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        reinterpret_cast<std::complex<T>*>(to)[i] =
            make(reinterpret_cast<const T*>(px)[i], reinterpret_cast<const T*>(py)[i]);
    });
  };
  if (a.dtype() == DType::Float32) run(float());
  else run(double());
  return out;
}

}  // namespace

Tensor empty(IntSpan size, MaybeDType dtype) { return torchy::empty(size, or_default(dtype)); }
Tensor zeros(IntSpan size, MaybeDType dtype) { return torchy::zeros(size, or_default(dtype)); }
Tensor ones(IntSpan size, MaybeDType dtype) { return filled(torchy::empty(size, or_default(dtype)), 1); }
Tensor full(IntSpan size, const Scalar& fill_value, MaybeDType dtype) {
  return filled(torchy::empty(size, dtype.value_or(scalar_dtype(fill_value))), fill_value);
}

Tensor empty_like(const Tensor& self, MaybeDType dtype) { return empty_preserved(self, dtype.value_or(self.dtype())); }
Tensor zeros_like(const Tensor& self, MaybeDType dtype) {
  const DType d = dtype.value_or(self.dtype());
  return self.is_contiguous() ? torchy::zeros(self.sizes(), d) : filled(empty_preserved(self, d), 0);
}
Tensor ones_like(const Tensor& self, MaybeDType dtype) { return filled(empty_like(self, dtype), 1); }
Tensor full_like(const Tensor& self, const Scalar& fill_value, MaybeDType dtype) {
  return filled(empty_like(self, dtype), fill_value);
}

Tensor zeros_of(const Tensor& like, IntSpan size) { return torchy::zeros(size, like.dtype()); }
Tensor new_empty(const Tensor& self, IntSpan size, MaybeDType dtype) {
  return torchy::empty(size, dtype.value_or(self.dtype()));
}
Tensor new_zeros(const Tensor& self, IntSpan size, MaybeDType dtype) {
  return torchy::zeros(size, dtype.value_or(self.dtype()));
}
Tensor new_ones(const Tensor& self, IntSpan size, MaybeDType dtype) { return filled(new_empty(self, size, dtype), 1); }
Tensor new_full(const Tensor& self, IntSpan size, const Scalar& fill_value, MaybeDType dtype) {
  return filled(new_empty(self, size, dtype), fill_value);
}

Tensor empty_strided(IntSpan size, IntSpan stride, MaybeDType dtype) {
  TORCHY_CHECK(size.size() == stride.size(), "empty_strided: dimensionality of sizes (", size.size(),
               ") must match dimensionality of strides (", stride.size(), ")");
  int64_t places = 1;
  for (size_t i = 0; i < size.size(); ++i) {
    TORCHY_CHECK(stride[i] >= 0, "empty_strided: stride ", stride, " has a negative value; strides must be at ",
                 "least 0");
    int64_t reach;
    TORCHY_CHECK(
        !__builtin_mul_overflow(size[i] - 1, stride[i], &reach) && !__builtin_add_overflow(places, reach, &places),
        "empty_strided: sizes ", size, " with strides ", stride, " reach further than an int64 counts");
  }
  const int64_t n = numel_of(size) == 0 ? 0 : places;
  Tensor out = torchy::empty({n}, or_default(dtype));
  out->set_geometry(size, stride, 0);
  return out;
}

Tensor arange_start(const Scalar& start, const Scalar& end, const Scalar& step, MaybeDType dtype) {
  TORCHY_CHECK(!start.is_complex() && !end.is_complex() && !step.is_complex(),
               "arange: not supported for complex numbers; got start ", start, ", end ", end, ", step ", step);
  const bool integers = start.is_integral() && end.is_integral() && step.is_integral();
  const DType d = dtype.value_or(integers ? DType::Int64 : default_dtype());
  if (d == DType::Bool || is_complex(d))
    fail_not_implemented("arange: not implemented for dtype ", dtype_name(d), "; use an integer or floating dtype");
  TORCHY_CHECK(!step.is_zero(), "arange: step must be nonzero");
  const double a = start.to_double(), b = end.to_double(), s = step.to_double();
  TORCHY_CHECK(std::isfinite(a) && std::isfinite(b), "arange: unsupported range: ", a, " -> ", b);
  TORCHY_CHECK((s > 0 && b >= a) || (s < 0 && b <= a),
               "arange: upper bound and lower bound inconsistent with step sign; start ", start, ", end ", end,
               ", step ", step);
  const MoveLoops& loops = move_loops();
  if (d == DType::Int64) {
    const int64_t first = start.to_int(), by = step.to_int();
    int64_t distance;
    TORCHY_CHECK(!__builtin_sub_overflow(end.to_int(), first, &distance),
                 "arange: invalid size, possible overflow: start ", start, ", end ", end, ", step ", step);
    if (by == 0) fail_value("arange: step must be nonzero; ", step, " as int64 is 0");
    Tensor out = torchy::empty({distance / by + (distance % by != 0)}, d);
    generate<int64_t>(out, [=, &loops](int64_t* p, int64_t i, int64_t n) { loops.ramp_int(p, first + by * i, by, n); });
    return out;
  }
  const double count = std::ceil((b - a) / s);
  TORCHY_CHECK(count >= 0 && count < 9e18, "arange: invalid size, possible overflow: start ", start, ", end ", end,
               ", step ", step);
  Tensor out = torchy::empty({int64_t(count)}, d);
  if (is_integral(d)) {
    const int64_t first = start.to_int(), by = step.to_int();
    generate<int64_t>(out, [=, &loops](int64_t* p, int64_t i, int64_t n) { loops.ramp_int(p, first + by * i, by, n); });
  } else {
    generate<double>(out, [=, &loops](double* p, int64_t i, int64_t n) { loops.ramp(p, a, s, double(i), false, n); });
  }
  return out;
}

Tensor arange(const Scalar& end, MaybeDType dtype) { return arange_start(0, end, 1, dtype); }

Tensor linspace(const Scalar& start, const Scalar& end, int64_t steps, MaybeDType dtype) {
  TORCHY_CHECK(steps >= 0, "linspace: number of steps must be non-negative, got ", steps);
  Tensor out = torchy::empty({steps}, range_dtype(dtype, start, end));
  if (out.is_complex()) generate<c128>(out, EvenSteps<c128>(start, end, steps));
  else generate<double>(out, EvenSteps<double>(start, end, steps));
  return out;
}

Tensor logspace(const Scalar& start, const Scalar& end, int64_t steps, double base, MaybeDType dtype) {
  TORCHY_CHECK(steps >= 0, "logspace: number of steps must be non-negative, got ", steps);
  Tensor out = torchy::empty({steps}, range_dtype(dtype, start, end));
  if (out.is_complex()) {
    generate<c128>(out, powers<c128>(base, EvenSteps<c128>(start, end, steps)));
  } else {
    generate<double>(out, powers<double>(base, EvenSteps<double>(start, end, steps)));
  }
  return out;
}

Tensor eye(int64_t n, std::optional<int64_t> m, MaybeDType dtype) {
  const int64_t columns = m.value_or(n);
  TORCHY_CHECK(n >= 0, "eye: n must be greater or equal to 0, got ", n);
  TORCHY_CHECK(columns >= 0, "eye: m must be greater or equal to 0, got ", columns);
  Tensor out = torchy::zeros({n, columns}, or_default(dtype));
  Tensor diagonal = torchy::alias(out, {std::min(n, columns)}, {columns + 1}, 0);
  fill(diagonal, 1);
  return out;
}

Tensor tril_indices(int64_t row, int64_t col, int64_t offset, MaybeDType dtype) {
  return triangle_indices(row, col, dtype.value_or(DType::Int64), true, offset);
}
Tensor triu_indices(int64_t row, int64_t col, int64_t offset, MaybeDType dtype) {
  return triangle_indices(row, col, dtype.value_or(DType::Int64), false, offset);
}

Tensor complex(const Tensor& real, const Tensor& imag) {
  return from_two_reals(real, imag, "complex", [](auto re, auto im) { return std::complex<decltype(re)>(re, im); });
}

Tensor polar(const Tensor& abs, const Tensor& angle) {
  return from_two_reals(abs, angle, "polar",
                        [](auto r, auto a) { return std::complex<decltype(r)>(r * std::cos(a), r * std::sin(a)); });
}

}  // namespace torchy::kernels
