// One optimizer step for all parameters of a group in one call; the contract is in optim/_fused.py.
// Layer: python.
#include "../autograd/meta.h"
#include "../core/threads.h"
#include "../core/tls.h"
#include "../kernels/optim_kernels.h"
#include "bind.h"

namespace nb = nanobind;

namespace torchy::python {

namespace {

constexpr int64_t kGrain = 32768;  // elements per thread chunk

// The tensor at list[i], or undefined for None and for a list that is None.
Tensor entry(nb::handle list, size_t i) {
  if (list.is_none()) return Tensor();
  PyObject* o = PyList_Check(list.ptr()) ? PyList_GET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i)) : nullptr;
  if (!o) fail_type("optimizer step: expected a list of tensors");
  if (o == Py_None) return Tensor();
  if (!is_tensor(o)) fail_type("optimizer step: expected a Tensor or None, not ", Py_TYPE(o)->tp_name);
  return unwrap(o);
}

// Dense memory of one dtype and size on both sides: elements may be visited in storage order.
bool same_form(const Tensor& a, const Tensor& b) {
  return b.defined() && a.dtype() == b.dtype() && a.is_contiguous() && b.is_contiguous() && a.sizes() == b.sizes();
}

bool fast_dtype(DType d) {
  return d == DType::Float32 || d == DType::Float64 || d == DType::Complex64 || d == DType::Complex128;
}

template <class F>
void over_elements(const Tensor& p, F f) {
  int64_t n = p.numel() * (p.is_complex() ? 2 : 1);
  LongSection section(n > kLongWork);
  parallel_for(0, n, kGrain, f);
}

template <class F>
void with_real(DType d, F f) {
  if (to_real(d) == DType::Float32) f(float(0));
  else f(double(0));
}

nb::object finish(nb::list left) {
  if (left.size() == 0) return nb::none();
  return left;
}

void check_written(const Tensor& p, const char* op) {
  TORCHY_CHECK(!(grad_enabled() && requires_grad(p)), op,
               ": a leaf Variable that requires grad is being used in an "
               "in-place operation; call step() under torch.no_grad()");
}

nb::object sgd(nb::list params, nb::list grads, nb::handle bufs, double lr, double momentum, double dampening,
               double weight_decay, bool nesterov, bool maximize) {
  SgdOptions o;
  o.lr = lr;
  o.momentum = momentum;
  o.dampening = dampening;
  o.weight_decay = weight_decay;
  o.nesterov = nesterov;
  o.maximize = maximize;
  nb::list left;
  for (size_t i = 0; i < params.size(); ++i) {
    Tensor grad = entry(grads, i);
    if (!grad.defined()) continue;
    Tensor p = entry(params, i), buf = entry(bufs, i);
    bool ok = p.defined() && fast_dtype(p.dtype()) && same_form(p, grad) && (bufs.is_none() || same_form(p, buf));
    if (!ok) {
      left.append(i);
      continue;
    }
    with_real(p.dtype(), [&](auto tag) {
      using T = decltype(tag);
      T *x = p.data<T>(), *g = grad.data<T>(), *b = buf.defined() ? buf.data<T>() : nullptr;
      over_elements(p, [&](int64_t from, int64_t to) { sgd_step(x + from, g + from, b ? b + from : b, to - from, o); });
    });
    p->bump_version();
    p.storage()->last_writer = "optimizer step";
    if (buf.defined()) buf->bump_version();
  }
  return finish(left);
}

nb::object adam(nb::list params, nb::list grads, nb::list exp_avgs, nb::list exp_avg_sqs, nb::handle max_sqs,
                nb::list steps, double lr, double beta1, double beta2, double eps, double weight_decay, bool amsgrad,
                bool maximize, bool decoupled) {
  AdamOptions o;
  o.lr = lr;
  o.beta1 = beta1;
  o.beta2 = beta2;
  o.eps = eps;
  o.weight_decay = weight_decay;
  o.maximize = maximize;
  o.decoupled = decoupled;
  nb::list left;
  for (size_t i = 0; i < params.size(); ++i) {
    Tensor grad = entry(grads, i);
    if (!grad.defined()) continue;
    Tensor p = entry(params, i), m = entry(exp_avgs, i), v = entry(exp_avg_sqs, i), s = entry(steps, i);
    Tensor top = amsgrad ? entry(max_sqs, i) : Tensor();
    bool ok = p.defined() && fast_dtype(p.dtype()) && same_form(p, grad) && same_form(p, m) && same_form(p, v) &&
              (!amsgrad || same_form(p, top)) && s.defined() && s.dtype() == DType::Float32 && s.ndim() == 0;
    if (!ok) {
      left.append(i);
      continue;
    }
    float* step = s.data<float>();
    *step += 1;
    with_real(p.dtype(), [&](auto tag) {
      using T = decltype(tag);
      T *x = p.data<T>(), *g = grad.data<T>(), *a = m.data<T>(), *b = v.data<T>();
      T* c = top.defined() ? top.data<T>() : nullptr;
      over_elements(p, [&](int64_t f, int64_t t) {
        adam_step(x + f, g + f, a + f, b + f, c ? c + f : c, t - f, static_cast<double>(*step), o);
      });
    });
    for (const Tensor* t : {&p, &m, &v, &s}) (*t)->bump_version();
    p.storage()->last_writer = "optimizer step";
    if (top.defined()) top->bump_version();
  }
  return finish(left);
}

}  // namespace

void bind_optim(nb::module_& m) {
  m.def("_sgd_step", &sgd, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg());
  m.def("_adam_step", &adam, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
}

}  // namespace torchy::python
