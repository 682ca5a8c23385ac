// The promotion table and the categories of operands. Layer: core.
#include "promote.h"

namespace torchy {
namespace detail {

DType default_float = DType::Float32;

namespace {
constexpr DType b1 = DType::Bool, u1 = DType::UInt8, i1 = DType::Int8, i2 = DType::Int16, i4 = DType::Int32,
                i8 = DType::Int64, f2 = DType::Float16, bf = DType::BFloat16, f4 = DType::Float32, f8 = DType::Float64,
                c8 = DType::Complex64, c16 = DType::Complex128;
}  // namespace

const DType promotion_table[kNumDTypes][kNumDTypes] = {
    {b1, u1, i1, i2, i4, i8, f2, bf, f4, f8, c8, c16},  {u1, u1, i2, i2, i4, i8, f2, bf, f4, f8, c8, c16},
    {i1, i2, i1, i2, i4, i8, f2, bf, f4, f8, c8, c16},  {i2, i2, i2, i2, i4, i8, f2, bf, f4, f8, c8, c16},
    {i4, i4, i4, i4, i4, i8, f2, bf, f4, f8, c8, c16},  {i8, i8, i8, i8, i8, i8, f2, bf, f4, f8, c8, c16},
    {f2, f2, f2, f2, f2, f2, f2, f4, f4, f8, c8, c16},  {bf, bf, bf, bf, bf, bf, f4, bf, f4, f8, c8, c16},
    {f4, f4, f4, f4, f4, f4, f4, f4, f4, f8, c8, c16},  {f8, f8, f8, f8, f8, f8, f8, f8, f8, f8, c16, c16},
    {c8, c8, c8, c8, c8, c8, c8, c8, c8, c16, c8, c16}, {c16, c16, c16, c16, c16, c16, c16, c16, c16, c16, c16, c16},
};

namespace {

// One category's dtype so far; empty until an operand of the category is seen.
struct Category {
  bool seen = false;
  DType dtype = DType::Bool;
  void add(DType d) {
    dtype = seen ? promote_types(dtype, d) : d;
    seen = true;
  }
};

Category combine(const Category& higher, const Category& lower) {
  if (!higher.seen) return lower;
  if (!lower.seen || is_complex(higher.dtype)) return higher;
  Category result = higher;
  if (is_float(higher.dtype)) {
    if (is_complex(lower.dtype)) result.dtype = to_complex(higher.dtype);
  } else if (higher.dtype == DType::Bool || is_differentiable(lower.dtype)) {
    result.dtype = promote_types(higher.dtype, lower.dtype);
  }
  return result;
}

DType wrapped_dtype(DType d) {
  if (is_complex(d)) return default_complex_dtype();
  return is_float(d) ? default_dtype() : d;
}

}  // namespace

DType result_type_slow(const Operand* const* operands, size_t count) {
  Category with_dims, zero_dims, numbers;
  for (size_t i = 0; i < count; ++i) {
    const Operand& o = *operands[i];
    if (TensorImpl* t = o.impl()) {
      if (t->has(kWrappedNumber)) numbers.add(wrapped_dtype(t->dtype()));
      else (t->ndim() ? with_dims : zero_dims).add(t->dtype());
    } else {
      numbers.add(scalar_dtype(o.scalar()));
    }
  }
  return combine(with_dims, combine(zero_dims, numbers)).dtype;
}

}  // namespace detail

void set_default_dtype(DType dtype) {
  if (!is_float(dtype))
    fail_type("set_default_dtype: only floating-point types are supported as the default type, not ",
              dtype_name(dtype));
  detail::default_float = dtype;
}

}  // namespace torchy
