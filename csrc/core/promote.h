// PyTorch's type promotion: which dtype an operation on several operands computes in, and which
// casts are allowed. Layer: core. What a kernel does with the answer is the kernel's matter.
#pragma once

#include <initializer_list>

#include "dtype.h"
#include "tensor.h"

namespace torchy {

namespace detail {
extern DType default_float;
extern const DType promotion_table[kNumDTypes][kNumDTypes];
DType result_type_slow(const Operand* const* operands, size_t count);
}  // namespace detail

// The dtype of new floating tensors and of Python floats among integers (float32 at the start).
inline DType default_dtype() { return detail::default_float; }
inline DType default_complex_dtype() { return to_complex(detail::default_float); }
// A floating dtype, TypeError otherwise.
void set_default_dtype(DType dtype);

// The smallest dtype that both convert to.
inline DType promote_types(DType a, DType b) { return detail::promotion_table[int(a)][int(b)]; }

// May a result of dtype `from` be written into a tensor of dtype `to`? Complex never becomes real,
// floating never becomes integral, and nothing but bool becomes bool.
inline bool can_cast(DType from, DType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_float(from) && is_integral_or_bool(to)) return false;
  return from == DType::Bool || to != DType::Bool;
}

// The dtype a Python number has when it stands alone.
inline DType scalar_dtype(const Scalar& s) {
  switch (s.kind()) {
    case Scalar::Kind::Bool: return DType::Bool;
    case Scalar::Kind::Int: return DType::Int64;
    case Scalar::Kind::Float: return default_dtype();
    default: return default_complex_dtype();
  }
}

// Does a Python number leave a tensor of dtype `d` in its dtype?
inline bool number_keeps_dtype(DType d, const Scalar& s) {
  if (s.is_complex()) return is_complex(d);
  if (s.is_float()) return is_differentiable(d);
  return s.is_bool() || d != DType::Bool;
}

// Tensors with dims decide, then 0-d tensors, then numbers (and tensors flagged kWrappedNumber): a
// lower category only counts when its kind (bool < integer < floating < complex) is higher.
inline DType result_type(std::initializer_list<const Operand*> operands) {
  return detail::result_type_slow(operands.begin(), operands.size());
}

inline DType result_type(const Operand& a, const Operand& b) {
  TensorImpl *x = a.impl(), *y = b.impl();
  if (x && !(x->flags & kWrappedNumber)) {
    if (y) {
      if (x->dtype() == y->dtype() && !(y->flags & kWrappedNumber)) return x->dtype();
    } else if (number_keeps_dtype(x->dtype(), b.scalar())) {
      return x->dtype();
    }
  } else if (!x && y && !(y->flags & kWrappedNumber) && number_keeps_dtype(y->dtype(), a.scalar())) {
    return y->dtype();
  }
  return result_type({&a, &b});
}

}  // namespace torchy
