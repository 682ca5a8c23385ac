// The general path of pointwise calls: promotion, broadcasting, conversion, and every check.
// Layer: kernels. The fast path and the entry points are pointwise.cpp's.
#include "pointwise_general.h"

#include <cstring>

#include "../core/shape.h"

namespace torchy::kernels {
namespace {

char kind_letter(DType d) {
  if (d == DType::Bool) return 'B';
  return is_complex(d) ? 'C' : is_float(d) ? 'F' : 'I';
}

// Loops that may fail, or need a check of the operands, are not for the fast path.
bool is_checked(Pw op) {
  switch (op) {
    case Pw::div_trunc:
    case Pw::floor_divide:
    case Pw::remainder:
    case Pw::fmod:
    case Pw::pow: return true;
    default: return false;
  }
}

PwTable fill_table() {
  PwTable t{};
  pointwise_fill_special(t);
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) pointwise_fill_v4(t);
  else if (__builtin_cpu_supports("x86-64-v3")) pointwise_fill_v3(t);
  else pointwise_fill_v2(t);
#else
  pointwise_fill_v2(t);
#endif
  pointwise_fill_int(t);
  pointwise_fill_complex(t);
  return t;
}

}  // namespace

PwTable pointwise_table = fill_table();

bool supports(Pw op, DType d) { return std::strchr(info(op).kinds, kind_letter(d)) != nullptr; }

DType result_dtype(Pw op, DType compute) {
  switch (info(op).result) {
    case Result::Bool: return DType::Bool;
    case Result::Real: return to_real(compute);
    default: return compute;
  }
}

FastTable::FastTable() {
  for (int i = 0; i < kNumPw; ++i) {
    const Pw op = static_cast<Pw>(i);
    const Promote promote = info(op).promote;
    for (int k = 0; k < kNumDTypes; ++k) {
      const DType d = static_cast<DType>(k);
      result[i][k] = result_dtype(op, d);
      if (!supports(op, d) || is_half(d) || !pointwise_table.loops[i][k].vv) continue;
      if (promote == Promote::Mask || promote == Promote::Fill) continue;
      if (is_integral_or_bool(d) && (promote == Promote::Float || is_checked(op))) continue;
      allowed[i] |= uint16_t(1u << k);
    }
  }
}

const FastTable fast_ops;  // after the table of loops, which it reads

void store_number(DType d, const Scalar& s, unsigned char* out) {
  if (d == DType::Float32) {
    const float v = static_cast<float>(s.to_double());
    std::memcpy(out, &v, sizeof v);
  } else if (d == DType::Float64) {
    const double v = s.to_double();
    std::memcpy(out, &v, sizeof v);
  } else {
    s.store(d, out);
  }
}

void fill_context(PwContext& context, DType loop, const Scalar* params, int nparams) {
  for (int i = 0; i < nparams; ++i) {
    store_number(loop, params[i], context.value[i]);
    context.number[i] = params[i].to_double();
  }
}

namespace {

[[noreturn]] void unsupported(Pw op, DType d) {
  if (op == Pw::sub || op == Pw::sub_alpha)
    fail(
        "sub: subtraction with a bool tensor is not supported; use ^ or logical_xor, and ~ or "
        "logical_not to invert a mask");
  if (op == Pw::neg) fail("neg: negation of a bool tensor is not supported; use ~ or logical_not to invert a mask");
  if (op == Pw::sign) fail_not_implemented("sign: not defined for complex numbers; use sgn");
  fail_not_implemented(pointwise_name(op), ": not implemented for dtype ", dtype_name(d));
}

// A 0-d tensor that stands for a Python number is one again.
Operand as_number(const Operand& o) {
  TensorImpl* t = o.impl();
  if (t && t->has(kWrappedNumber)) return Operand(Scalar::load(t->dtype(), t->data()));
  return o;
}

DType stored_dtype(const Operand& o) { return o.is_tensor() ? o.impl()->dtype() : scalar_dtype(o.scalar()); }

void check_mask(Pw op, const Operand& mask) {
  const DType d = stored_dtype(mask);
  TORCHY_CHECK(d == DType::Bool, pointwise_name(op), ": the mask has dtype ", dtype_name(d), "; it must be bool");
}

void check_one_dtype(Pw op, const Operand* operands, int n) {
  const TensorImpl* first = nullptr;
  for (int i = 0; i < n; ++i) {
    const TensorImpl* t = operands[i].impl();
    if (!t) continue;
    if (!first) first = t;
    TORCHY_CHECK(t->dtype() == first->dtype(), pointwise_name(op), ": expected one dtype, but got ",
                 dtype_name(first->dtype()), " and ", dtype_name(t->dtype()), "; convert one with .to()");
  }
}

}  // namespace

DType compute_dtype_of(Pw op, const Operand* operands, int n) {
  const Operand* pointers[3] = {&operands[0], &operands[1], &operands[2]};
  DType d;
  switch (info(op).promote) {
    case Promote::Mask: d = detail::result_type_slow(pointers + 1, 2); break;
    case Promote::Fill: d = stored_dtype(operands[0]); break;
    default: d = detail::result_type_slow(pointers, size_t(n));
  }
  if (info(op).promote == Promote::Float && is_integral_or_bool(d)) d = default_dtype();
  if (!supports(op, d)) unsupported(op, d);
  return d;
}

void check_alpha(Pw op, DType d, const Scalar& alpha) {
  const char* name = pointwise_name(op);
  TORCHY_CHECK(!alpha.is_bool() || d == DType::Bool, name,
               ": alpha is a bool; it may be one only "
               "for bool tensors");
  TORCHY_CHECK(!is_integral_or_bool(d) || alpha.is_integral(), name, ": alpha is ", alpha,
               ", but the tensors are integers; alpha must be an integer too");
  TORCHY_CHECK(is_complex(d) || !alpha.is_complex(), name, ": alpha is ", alpha,
               ", but the tensors are real; alpha must be real too");
}

namespace {

bool fits(DType d, const Scalar& s) {
  if (!is_integral(d) || s.is_complex()) return true;
  const double v = s.to_double();
  const int bits = 8 * itemsize(d);
  if (d == DType::UInt8) return v >= -255 && v <= 255;
  if (bits == 64) return !s.is_float() || (v >= -9223372036854775808.0 && v < 9223372036854775808.0);
  const double limit = double(int64_t(1) << (bits - 1));
  return v >= -limit && v < limit;
}

void check_number(Pw op, DType d, const Scalar& s) {
  TORCHY_CHECK(fits(d, s), "value cannot be converted to type ", dtype_name(d),
               " without overflow: ", pointwise_name(op), " got ", s);
  if (op == Pw::pow && is_integral(d))
    TORCHY_CHECK(s.to_int() >= 0,
                 "pow: integers to negative integer powers are not allowed, got "
                 "exponent ",
                 s, "; use a floating dtype");
}

void check_fill(DType d, const Operand& value) {
  const TensorImpl* t = value.impl();
  TORCHY_CHECK(!t || t->ndim() == 0, "masked_fill: value has ", t ? t->ndim() : 0,
               " dimensions; it must be a number or a 0-d tensor");
  const DType from = stored_dtype(value);
  TORCHY_CHECK(!is_complex(from) || is_complex(d), "masked_fill: value cannot be converted to type ", dtype_name(d),
               " without overflow");
}

void check_call(Pw op, DType d, const Operand* operands, int n, const Scalar* params) {
  switch (op) {
    case Pw::add_alpha:
    case Pw::sub_alpha: check_alpha(op, d, params[0]); break;
    case Pw::where: check_mask(op, operands[0]); break;
    case Pw::sub:
      for (int i = 0; i < n; ++i)
        if (stored_dtype(operands[i]) == DType::Bool) unsupported(op, DType::Bool);
      break;
    case Pw::masked_fill:
      check_mask(op, operands[1]);
      check_fill(d, operands[2]);
      break;
    case Pw::lerp:
    case Pw::heaviside: check_one_dtype(op, operands, n); break;
    default: break;
  }
  for (int i = 0; i < n; ++i)
    if (!operands[i].is_tensor() && (i == 1 || op != Pw::pow)) check_number(op, d, operands[i].scalar());
}

IntVec common_shape(Pw op, const Operand* operands, int n) {
  IntVec shape;
  bool seen = false;
  for (int i = 0; i < n; ++i) {
    const TensorImpl* t = operands[i].impl();
    if (!t) continue;
    if (seen && IntSpan(shape) != t->sizes()) shape = broadcast_shapes(shape, t->sizes(), pointwise_name(op));
    else if (!seen) shape = IntVec(t->sizes());
    seen = true;
  }
  return shape;
}

void check_out(Pw op, const Tensor& out, IntSpan shape, DType result) {
  TORCHY_CHECK(can_cast(result, out.dtype()), pointwise_name(op), ": result type ", scalar_type_name(result),
               " can't be cast to the desired output type ", scalar_type_name(out.dtype()));
  TORCHY_CHECK(out.sizes() == shape, pointwise_name(op), ": output with shape ", out.sizes(),
               " doesn't match the broadcast shape ", shape);
  TORCHY_CHECK(!has_internal_overlap(out), pointwise_name(op),
               ": unsupported operation: more than one "
               "element of the written-to tensor refers to a single memory location; clone() it first");
}

Tensor contiguous_copy(const TensorImpl* t) {
  Tensor copy = empty(t->sizes(), t->dtype());
  PwPlan plan;
  const DType d = t->dtype();
  plan.loops = loops_of(Pw::conj, d);
  PwLoop copy_loop = [](char* o, const char* a, const char*, const char*, int64_t n, const PwContext& c) {
    std::memcpy(o, a, size_t(n) * size_t(c.number[0]));
  };
  plan.loops = {copy_loop, nullptr, nullptr};
  plan.context = kNoParams;
  plan.context.number[0] = itemsize(d);
  plan.inputs = plan.cost = 1;
  plan.fresh = true;
  plan.ndim = t->ndim();
  plan.total = t->numel();
  std::copy(t->sizes().begin(), t->sizes().end(), plan.sizes);
  plan.set_tensor(0, copy.impl(), d, t->sizes());
  plan.set_tensor(1, t, d, t->sizes());
  pointwise_run(plan);
  return copy;
}

}  // namespace

// The general path: `out` is defined for the *_into functions, else it is made.
void run_general(Pw op, Tensor& out, Operand* operands, int n, const Scalar* params, int nparams) {
  for (int i = 0; i < n; ++i) operands[i] = as_number(operands[i]);
  const DType d = compute_dtype_of(op, operands, n), loop = compute_dtype(d);
  check_call(op, d, operands, n, params);
  const DType result = result_dtype(op, d);
  const IntVec shape = common_shape(op, operands, n);
  Tensor copies[3];
  const bool fresh = !out.defined();
  if (!fresh) {
    check_out(op, out, shape, result);
    for (int i = 0; i < n; ++i) {
      if (!operands[i].is_tensor() || !may_partially_overlap(out, operands[i].tensor())) continue;
      copies[i] = contiguous_copy(operands[i].impl());
      operands[i] = Operand(copies[i]);
    }
  } else {
    out = empty(shape, result);
  }
  PwPlan plan;
  plan.loops = loops_of(op, loop);
  if (!plan.loops.vv) unsupported(op, d);
  plan.context = kNoParams;
  fill_context(plan.context, loop, params, nparams);
  plan.inputs = n;
  plan.fresh = fresh;
  plan.cost = info(op).cost;
  plan.ndim = int(shape.size());
  plan.total = out.numel();
  std::copy(shape.begin(), shape.end(), plan.sizes);
  plan.set_tensor(0, out.impl(), result_dtype(op, loop), shape);
  const int mask = op == Pw::where ? 0 : op == Pw::masked_fill ? 1 : -1;
  for (int i = 0; i < n; ++i) {
    const DType taken = i == mask ? DType::Bool : loop;
    if (operands[i].is_tensor()) plan.set_tensor(i + 1, operands[i].impl(), taken, shape);
    else plan.set_number(i + 1, operands[i].scalar(), taken);
  }
  pointwise_run(plan);
  TORCHY_CHECK(!plan.context.failed, "ZeroDivisionError: ", pointwise_name(op), ": integer division or modulo by zero");
}

namespace {

// Two numbers alone: the result stands for a number too, in full precision.
Tensor of_numbers(Pw op, Operand* operands, int n, const Scalar* params, int nparams) {
  Tensor wide[3];
  for (int i = 0; i < n; ++i) {
    if (operands[i].is_tensor()) continue;
    const Scalar& s = operands[i].scalar();
    const DType d = s.is_bool()       ? DType::Bool
                    : s.is_integral() ? DType::Int64
                    : s.is_float()    ? DType::Float64
                                      : DType::Complex128;
    wide[i] = scalar_tensor(s, d);
    operands[i] = Operand(wide[i]);
  }
  Tensor out;
  run_general(op, out, operands, n, params, nparams);
  out->set(kWrappedNumber);
  return out;
}

bool all_numbers(const Operand* operands, int n) {
  for (int i = 0; i < n; ++i) {
    const TensorImpl* t = operands[i].impl();
    if (t && !t->has(kWrappedNumber)) return false;
  }
  return true;
}

}  // namespace

Tensor general(Pw op, Operand* operands, int n, const Scalar* params, int nparams) {
  if (all_numbers(operands, n)) return of_numbers(op, operands, n, params, nparams);
  Tensor out;
  run_general(op, out, operands, n, params, nparams);
  return out;
}

}  // namespace torchy::kernels
