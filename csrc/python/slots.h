// The arithmetic slots: the fast path of `a + b`, with an exact-type check and no parsing. Layer: python.
#pragma once

#include "tensor_object.h"

namespace torchy::python {

extern PyMethodDef generated_functions[];
extern PyMethodDef generated_methods[];
extern PyGetSetDef generated_properties[];
extern const PyType_Slot generated_slots[];

// The other side of an operator, in order of frequency. False: not ours, NotImplemented.
inline bool to_operand(PyObject* o, Operand& out) {
  if (is_tensor_exact(o)) {
    out = Operand(impl_of(o));
    return true;
  }
  if (PyFloat_CheckExact(o)) {
    out = Operand(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (is_tensor(o)) {
    out = Operand(impl_of(o));
    return true;
  }
  Scalar s;
  if (!to_scalar(o, s)) return false;
  out = Operand(s);
  return true;
}

template <class F>
PyObject* binary_slot(PyObject* a, PyObject* b, F f) {
  TORCHY_TRY
  Operand x(0), y(0);
  if (!to_operand(a, x) || !to_operand(b, y)) {
    if (PyErr_Occurred()) return nullptr;
    Py_RETURN_NOTIMPLEMENTED;
  }
  return wrap(f(x, y));
  TORCHY_CATCH(nullptr)
}

template <class F>
PyObject* inplace_slot(PyObject* a, PyObject* b, F f) {
  TORCHY_TRY
  Operand y(0);
  if (!is_tensor(a) || !to_operand(b, y)) {
    if (PyErr_Occurred()) return nullptr;
    Py_RETURN_NOTIMPLEMENTED;
  }
  f(unwrap(a), y);
  return Py_NewRef(a);
  TORCHY_CATCH(nullptr)
}

template <class F>
PyObject* unary_slot(PyObject* a, F f) {
  TORCHY_TRY
  return wrap(f(unwrap(a)));
  TORCHY_CATCH(nullptr)
}

// == and != with something that is no tensor or number are decided by Python (identity).
template <class F>
PyObject* compare_slot(PyObject* a, PyObject* b, int, F f) {
  return binary_slot(a, b, f);
}

}  // namespace torchy::python
