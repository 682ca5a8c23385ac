// pointwise1 to pointwise3: the fast path for contiguous operands of one dtype, and the general one with
// promotion, broadcasting and every check. Layer: kernels. Loops are pointwise_driver.cpp's.
#include "pointwise.h"

#include <cstring>

#include "../core/shape.h"
#include "../core/threads.h"
#include "../core/tls.h"
#include "pointwise_driver.h"

namespace torchy::kernels {

extern PwTable pointwise_table;

namespace {

enum class Promote : uint8_t { Arithmetic, Float, Compare, Logical, Bitwise, None, Mask, Fill };
enum class Result : uint8_t { Same, Bool, Real };

struct PwInfo {
  const char* name;
  int arity;
  Promote promote;
  const char* kinds;
  Result result;
  int cost;
};

constexpr PwInfo kInfo[] = {
#define X(name, arity, promote, kinds, result, cost) \
  {#name, arity, Promote::promote, kinds, Result::result, cost},
#include "pointwise_list.inc"
#undef X
};

const PwInfo& info(Pw op) { return kInfo[static_cast<int>(op)]; }

char kind_letter(DType d) {
  if (d == DType::Bool) return 'B';
  return is_complex(d) ? 'C' : is_float(d) ? 'F' : 'I';
}
bool supports(Pw op, DType d) { return std::strchr(info(op).kinds, kind_letter(d)) != nullptr; }

DType result_dtype(Pw op, DType compute) {
  switch (info(op).result) {
    case Result::Bool: return DType::Bool;
    case Result::Real: return to_real(compute);
    default: return compute;
  }
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

// What the fast path needs to know, by operation and dtype.
struct FastTable {
  uint16_t allowed[kNumPw] = {};  // bit d: operands of dtype d run as they are
  DType result[kNumPw][kNumDTypes];
  FastTable() {
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
};

}  // namespace

PwTable pointwise_table = fill_table();

namespace {

const FastTable fast;
const PwContext kNoParams{};

bool is_fast(Pw op, DType d) {
  return fast.allowed[static_cast<int>(op)] >> static_cast<int>(d) & 1;
}
const PwLoops& loops_of(Pw op, DType d) {
  return pointwise_table.loops[static_cast<int>(op)][static_cast<int>(d)];
}

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

// ------------------------------------------------------------------------------ fast path

// Steps in bytes, 0 for a single element.
struct Flat {
  const char* data;
  int64_t step;
};

void run_flat(Pw op, PwLoop loop, char* out, int64_t out_step, Flat a, Flat b, int64_t n,
              const PwContext& context) {
  const int64_t grain = pointwise_grain(info(op).cost);
  if (__builtin_expect(n <= grain, 1)) {
    loop(out, a.data, b.data, nullptr, n, context);
    return;
  }
  LongSection section(n > kLongWork);
  parallel_for(0, n, grain, [&](int64_t begin, int64_t end) {
    loop(out + begin * out_step, a.data + begin * a.step, b.data + begin * b.step, nullptr, end - begin,
         context);
  });
}

// What runs where: filled by plan_fast2 for operands that need no conversion.
struct FastCall {
  TensorImpl* like;  // has the result's shape
  PwLoop loop;
  Flat a, b;
  alignas(16) unsigned char number[16];
};

bool same_sizes(const TensorImpl* x, const TensorImpl* y) {
  if (x->ndim() != y->ndim()) return false;
  for (int d = 0; d < x->ndim(); ++d)
    if (x->sizes_data()[d] != y->sizes_data()[d]) return false;
  return true;
}
bool plain(const TensorImpl* t) { return (t->flags & (kContiguousFlag | kWrappedNumber)) == kContiguousFlag; }

inline bool plan_fast2(Pw op, const Operand& a, const Operand& b, FastCall& f) {
  TensorImpl *x = a.impl(), *y = b.impl();
  TensorImpl* first = x ? x : y;
  if (!first || !plain(first)) return false;
  const DType d = first->dtype();
  if (!is_fast(op, d)) return false;
  const PwLoops& loops = loops_of(op, d);
  const int64_t width = itemsize(d);
  f.like = first;
  f.loop = loops.vv;
  if (x && y) {
    if (y->dtype() != d || !plain(y)) return false;
    f.a = {x->data(), width};
    f.b = {y->data(), width};
    if (same_sizes(x, y)) return true;
    if (y->numel() == 1 && y->ndim() <= x->ndim() && loops.vs) {
      f.loop = loops.vs;
      f.b.step = 0;
      return true;
    }
    if (x->numel() == 1 && x->ndim() <= y->ndim() && loops.sv) {
      f.like = y;
      f.loop = loops.sv;
      f.a.step = 0;
      return true;
    }
    return false;
  }
  const Scalar& s = x ? b.scalar() : a.scalar();
  if (!number_keeps_dtype(d, s) || is_integral_or_bool(d) || s.is_bool()) return false;
  PwLoop loop = x ? loops.vs : loops.sv;
  if (loop) f.loop = loop;
  else if (first->numel() != 1) return false;
  store_number(d, s, f.number);
  const Flat number{reinterpret_cast<char*>(f.number), 0}, tensor{first->data(), width};
  f.a = x ? tensor : number;
  f.b = x ? number : tensor;
  return true;
}

// ------------------------------------------------------------------------------ general path

[[noreturn]] void unsupported(Pw op, DType d) {
  if (op == Pw::sub || op == Pw::sub_alpha)
    fail("sub: subtraction with a bool tensor is not supported; use ^ or logical_xor, and ~ or "
         "logical_not to invert a mask");
  if (op == Pw::neg)
    fail("neg: negation of a bool tensor is not supported; use ~ or logical_not to invert a mask");
  if (op == Pw::sign) fail("sign: not defined for complex numbers; use sgn");
  fail_not_implemented(pointwise_name(op), ": not implemented for dtype ", dtype_name(d));
}

// A 0-d tensor that stands for a Python number is one again.
Operand as_number(const Operand& o) {
  TensorImpl* t = o.impl();
  if (t && t->has(kWrappedNumber)) return Operand(Scalar::load(t->dtype(), t->data()));
  return o;
}

DType stored_dtype(const Operand& o) {
  return o.is_tensor() ? o.impl()->dtype() : scalar_dtype(o.scalar());
}

void check_mask(Pw op, const Operand& mask) {
  const DType d = stored_dtype(mask);
  TORCHY_CHECK(d == DType::Bool, pointwise_name(op), ": the mask has dtype ", dtype_name(d),
               "; it must be bool");
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
  TORCHY_CHECK(!alpha.is_bool() || d == DType::Bool, name, ": alpha is a bool; it may be one only "
               "for bool tensors");
  TORCHY_CHECK(!is_integral_or_bool(d) || alpha.is_integral(), name, ": alpha is ", alpha,
               ", but the tensors are integers; alpha must be an integer too");
  TORCHY_CHECK(is_complex(d) || !alpha.is_complex(), name, ": alpha is ", alpha,
               ", but the tensors are real; alpha must be real too");
}

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
  TORCHY_CHECK(fits(d, s), "value cannot be converted to type ", dtype_name(d), " without overflow: ",
               pointwise_name(op), " got ", s);
  if (op == Pw::pow && is_integral(d))
    TORCHY_CHECK(s.to_int() >= 0, "pow: integers to negative integer powers are not allowed, got "
                 "exponent ", s, "; use a floating dtype");
}

void check_fill(DType d, const Operand& value) {
  const TensorImpl* t = value.impl();
  TORCHY_CHECK(!t || t->ndim() == 0, "masked_fill: value has ", t ? t->ndim() : 0,
               " dimensions; it must be a number or a 0-d tensor");
  const DType from = stored_dtype(value);
  TORCHY_CHECK(!is_complex(from) || is_complex(d), "masked_fill: value cannot be converted to type ",
               dtype_name(d), " without overflow");
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
  TORCHY_CHECK(can_cast(result, out.dtype()), pointwise_name(op), ": result type ",
               scalar_type_name(result), " can't be cast to the desired output type ",
               scalar_type_name(out.dtype()));
  TORCHY_CHECK(out.sizes() == shape, pointwise_name(op), ": output with shape ", out.sizes(),
               " doesn't match the broadcast shape ", shape);
  TORCHY_CHECK(!has_internal_overlap(out), pointwise_name(op), ": unsupported operation: more than one "
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
  plan.ndim = t->ndim();
  plan.total = t->numel();
  std::copy(t->sizes().begin(), t->sizes().end(), plan.sizes);
  plan.set_tensor(0, copy.impl(), d, t->sizes());
  plan.set_tensor(1, t, d, t->sizes());
  pointwise_run(plan);
  return copy;
}

// The general path: `out` is defined for the *_into functions, else it is made.
void run_general(Pw op, Tensor& out, Operand* operands, int n, const Scalar* params, int nparams) {
  for (int i = 0; i < n; ++i) operands[i] = as_number(operands[i]);
  const DType d = compute_dtype_of(op, operands, n), loop = compute_dtype(d);
  check_call(op, d, operands, n, params);
  const DType result = result_dtype(op, d);
  const IntVec shape = common_shape(op, operands, n);
  Tensor copies[3];
  if (out.defined()) {
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
  TORCHY_CHECK(!plan.context.failed, "ZeroDivisionError: ", pointwise_name(op),
               ": integer division or modulo by zero");
}

// Two numbers alone: the result stands for a number too, in full precision.
Tensor of_numbers(Pw op, Operand* operands, int n, const Scalar* params, int nparams) {
  Tensor wide[3];
  for (int i = 0; i < n; ++i) {
    if (operands[i].is_tensor()) continue;
    const Scalar& s = operands[i].scalar();
    const DType d = s.is_bool() ? DType::Bool : s.is_integral() ? DType::Int64
                    : s.is_float() ? DType::Float64 : DType::Complex128;
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

Tensor general(Pw op, Operand* operands, int n, const Scalar* params, int nparams) {
  if (all_numbers(operands, n)) return of_numbers(op, operands, n, params, nparams);
  Tensor out;
  run_general(op, out, operands, n, params, nparams);
  return out;
}

// Reading and writing one place at a time is safe: other memory, or the very same elements.
bool safe_alias(const TensorImpl* out, const TensorImpl* in) {
  if (out->storage() == in->storage()) return out->offset() == in->offset();
  return out->storage()->owned() || in->storage()->owned();
}

bool fast_into(Pw op, const Tensor& out, const FastCall& f, const Operand& a, const Operand& b) {
  const TensorImpl* o = out.impl();
  const DType d = f.like->dtype();
  if (o->dtype() != fast.result[static_cast<int>(op)][static_cast<int>(d)] || o->dtype() != d ||
      !o->is_contiguous() || !same_sizes(o, f.like))
    return false;
  for (const Operand* x : {&a, &b})
    if (x->is_tensor() && (!safe_alias(o, x->impl()) || (x->impl()->numel() != o->numel() &&
                                                         x->impl()->storage() == o->storage())))
      return false;
  return true;
}

}  // namespace

// ------------------------------------------------------------------------------ entry points

const char* pointwise_name(Pw op) {
  switch (op) {
    case Pw::add_alpha: return "add";
    case Pw::sub_alpha: return "sub";
    case Pw::div_trunc: return "div";
    case Pw::round_decimals: return "round";
    case Pw::conj: return "conj_physical";
    case Pw::gelu_tanh: return "gelu";
    case Pw::gelu_tanh_backward: return "gelu_backward";
    default: return info(op).name;
  }
}

DType pointwise_result_dtype(Pw op, std::initializer_list<const Operand*> operands) {
  Operand o[3] = {Scalar(), Scalar(), Scalar()};
  int n = 0;
  for (const Operand* x : operands) o[n++] = *x;
  return result_dtype(op, compute_dtype_of(op, o, n));
}

Tensor pointwise1(Pw op, const Tensor& a, const Scalar* params, int nparams) {
  TensorImpl* x = a.impl();
  const DType d = x->dtype();
  if (__builtin_expect(plain(x) && is_fast(op, d), 1)) {
    const DType result = fast.result[static_cast<int>(op)][static_cast<int>(d)];
    Tensor out = empty_like(a, result);
    const Flat in{x->data(), itemsize(d)};
    const PwLoop loop = loops_of(op, d).vv;
    if (nparams == 0) {
      run_flat(op, loop, out.raw(), itemsize(result), in, in, x->numel(), kNoParams);
    } else {
      PwContext context{};
      fill_context(context, d, params, nparams);
      run_flat(op, loop, out.raw(), itemsize(result), in, in, x->numel(), context);
    }
    return out;
  }
  Operand o[3] = {Operand(a), Scalar(), Scalar()};
  return general(op, o, 1, params, nparams);
}

Tensor pointwise2(Pw op, const Operand& a, const Operand& b, const Scalar* params, int nparams) {
  FastCall f;
  if (__builtin_expect(plan_fast2(op, a, b, f), 1)) {
    const DType d = f.like->dtype();
    const DType result = fast.result[static_cast<int>(op)][static_cast<int>(d)];
    Storage* storage = Storage::allocate(size_t(f.like->numel() * itemsize(result)));
    Tensor out = Tensor::steal(TensorImpl::make_like(result, storage, f.like));
    if (nparams == 0) {
      run_flat(op, f.loop, out.raw(), itemsize(result), f.a, f.b, f.like->numel(), kNoParams);
      return out;
    }
    PwContext context{};
    if (op == Pw::add_alpha || op == Pw::sub_alpha) check_alpha(op, d, params[0]);
    fill_context(context, d, params, nparams);
    run_flat(op, f.loop, out.raw(), itemsize(result), f.a, f.b, f.like->numel(), context);
    return out;
  }
  Operand o[3] = {a, b, Scalar()};
  return general(op, o, 2, params, nparams);
}

Tensor pointwise3(Pw op, const Operand& a, const Operand& b, const Operand& c, const Scalar* params,
                  int nparams) {
  Operand o[3] = {a, b, c};
  return general(op, o, 3, params, nparams);
}

void pointwise1_into(Pw op, Tensor& out, const Tensor& a, const Scalar* params, int nparams) {
  Operand o[3] = {Operand(a), Scalar(), Scalar()};
  run_general(op, out, o, 1, params, nparams);
}

void pointwise2_into(Pw op, Tensor& out, const Operand& a, const Operand& b, const Scalar* params,
                     int nparams) {
  FastCall f;
  if (nparams == 0 && plan_fast2(op, a, b, f) && fast_into(op, out, f, a, b)) {
    run_flat(op, f.loop, out.raw(), itemsize(out.dtype()), f.a, f.b, out.numel(), kNoParams);
    return;
  }
  Operand o[3] = {a, b, Scalar()};
  run_general(op, out, o, 2, params, nparams);
}

void pointwise3_into(Pw op, Tensor& out, const Operand& a, const Operand& b, const Operand& c,
                     const Scalar* params, int nparams) {
  Operand o[3] = {a, b, c};
  run_general(op, out, o, 3, params, nparams);
}

}  // namespace torchy::kernels
