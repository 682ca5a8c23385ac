// pointwise1 to pointwise3: the fast path for contiguous operands of one dtype, and the way to the
// general one. Layer: kernels. Loops over other operands are pointwise_driver.cpp's.
#include "pointwise.h"

#include <cstring>

#include "pointwise_general.h"

namespace torchy::kernels {
namespace {

bool is_fast(Pw op, DType d) { return fast_ops.allowed[static_cast<int>(op)] >> static_cast<int>(d) & 1; }

// ------------------------------------------------------------------------------ fast path

// Steps in bytes, 0 for a single element.
struct Flat {
  const char* data;
  int64_t step;
};

inline void run_flat(Pw op, PwLoop loop, char* out, int64_t out_step, Flat a, Flat b, int64_t n,
                     const PwContext& context, bool fresh = true) {
  const int cost = info(op).cost;
  if (__builtin_expect(n <= pointwise_grain(cost), 1)) {
    loop(out, a.data, b.data, nullptr, n, context);
    return;
  }
  pointwise_flat({loop, out, out_step, {a.data, b.data, nullptr}, {a.step, b.step, 0}, &context, cost, fresh}, n);
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

// ---- three operands: tensors of one shape, numbers spread over a block when there are few
// elements

constexpr int64_t kSpread = 256;

struct FastCall3 {
  const TensorImpl* like = nullptr;
  DType dtype = DType::Bool;
  const char* data[3];
  int64_t step[3];
  alignas(64) char block[3][kSpread * 16];

  void spread(int i, const Scalar& s) {
    const size_t width = size_t(itemsize(dtype));
    data[i] = block[i];
    step[i] = 0;
    store_number(dtype, s, reinterpret_cast<unsigned char*>(block[i]));
    for (int64_t k = 1; k < like->numel(); ++k) std::memcpy(block[i] + size_t(k) * width, block[i], width);
  }
};

bool plan_fast3(Pw op, const Operand* operands, FastCall3& f) {
  const Promote promote = info(op).promote;
  const int mask = promote == Promote::Mask ? 0 : promote == Promote::Fill ? 1 : -1;
  bool numbers = false, typed = false;
  for (int i = 0; i < 3; ++i) {
    const TensorImpl* t = operands[i].impl();
    if (!t) {
      numbers = true;
      if (i == mask) return false;
      continue;
    }
    if (!plain(t) || (f.like && !same_sizes(f.like, t))) return false;
    f.like = t;
    if (i != mask) {
      if (typed && t->dtype() != f.dtype) return false;
      f.dtype = t->dtype();
      typed = true;
    } else if (t->dtype() != DType::Bool) {
      return false;
    }
    f.data[i] = t->data();
    f.step[i] = itemsize(t->dtype());
  }
  if (!typed || is_half(f.dtype) || !supports(op, f.dtype)) return false;
  if (numbers && (f.like->numel() > kSpread || is_integral_or_bool(f.dtype))) return false;
  if (promote == Promote::Fill && operands[2].is_tensor() && f.like->ndim() != 0) return false;
  for (int i = 0; i < 3; ++i) {
    if (operands[i].is_tensor()) continue;
    if (!number_keeps_dtype(f.dtype, operands[i].scalar())) return false;
    f.spread(i, operands[i].scalar());
  }
  return true;
}

Tensor run_fast3(Pw op, const FastCall3& f, const Scalar* params, int nparams) {
  const int64_t n = f.like->numel(), width = itemsize(f.dtype);
  Storage* storage = Storage::allocate(size_t(n * width));
  Tensor out = Tensor::steal(TensorImpl::make_like(f.dtype, storage, f.like));
  PwContext context{};
  fill_context(context, f.dtype, params, nparams);
  const FlatCall call{loops_of(op, f.dtype).vv,          out.raw(), width,         {f.data[0], f.data[1], f.data[2]},
                      {f.step[0], f.step[1], f.step[2]}, &context,  info(op).cost, true};
  if (n <= pointwise_grain(call.cost)) call.run(0, n);
  else pointwise_flat(call, n);
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
  if (o->dtype() != fast_ops.result[static_cast<int>(op)][static_cast<int>(d)] || o->dtype() != d ||
      !o->is_contiguous() || !same_sizes(o, f.like))
    return false;
  for (const Operand* x : {&a, &b})
    if (x->is_tensor() &&
        (!safe_alias(o, x->impl()) || (x->impl()->numel() != o->numel() && x->impl()->storage() == o->storage())))
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
    const DType result = fast_ops.result[static_cast<int>(op)][static_cast<int>(d)];
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
    const DType result = fast_ops.result[static_cast<int>(op)][static_cast<int>(d)];
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

Tensor pointwise3(Pw op, const Operand& a, const Operand& b, const Operand& c, const Scalar* params, int nparams) {
  Operand o[3] = {a, b, c};
  FastCall3 f;
  if (plan_fast3(op, o, f)) return run_fast3(op, f, params, nparams);
  return general(op, o, 3, params, nparams);
}

void pointwise1_into(Pw op, Tensor& out, const Tensor& a, const Scalar* params, int nparams) {
  TORCHY_CHECK(op != Pw::abs || !is_complex(out.dtype()),
               "abs_: in-place abs is not supported for complex tensors, as the result is real; use abs");
  Operand o[3] = {Operand(a), Scalar(), Scalar()};
  run_general(op, out, o, 1, params, nparams);
}

void pointwise2_into(Pw op, Tensor& out, const Operand& a, const Operand& b, const Scalar* params, int nparams) {
  FastCall f;
  if (nparams == 0 && plan_fast2(op, a, b, f) && fast_into(op, out, f, a, b)) {
    run_flat(op, f.loop, out.raw(), itemsize(out.dtype()), f.a, f.b, out.numel(), kNoParams, false);
    return;
  }
  Operand o[3] = {a, b, Scalar()};
  run_general(op, out, o, 2, params, nparams);
}

void pointwise3_into(Pw op, Tensor& out, const Operand& a, const Operand& b, const Operand& c, const Scalar* params,
                     int nparams) {
  Operand o[3] = {a, b, c};
  run_general(op, out, o, 3, params, nparams);
}

}  // namespace torchy::kernels
