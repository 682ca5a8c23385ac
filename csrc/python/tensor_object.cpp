// Wrapping and unwrapping: the pool of wrapper objects, identity, numbers, exceptions. Layer: python.
#include "tensor_object.h"

#include <new>

#include "../autograd/batch.h"
#include "../autograd/cycles.h"
#include "hooks.h"

namespace torchy::python {

PyTypeObject* tensor_type = nullptr;

namespace {

// Memory of dead wrappers of the exact type, with their collector header still in front.
constexpr int kPool = kPoolLimit / 4;
PyTensor* pool[kPool + 1];
int pooled = 0;

PyTensor* new_wrapper() {
  if (pooled) {
    PyTensor* w = pool[--pooled];
    PyObject_Init(reinterpret_cast<PyObject*>(w), tensor_type);
    return w;
  }
  auto* w = PyObject_GC_New(PyTensor, tensor_type);  // untracked until it has a __dict__
  if (!w) throw PythonError();
  return w;
}

}  // namespace

PyObject* wrap(Tensor t) {
  if (!t.defined()) Py_RETURN_NONE;
  TensorImpl* impl = t.leak();
  if (impl->python) {
    auto* w = static_cast<PyObject*>(impl->python);
    if (impl->has(kOwnsPython)) {
      impl->set(kOwnsPython, false);  // the wrapper takes over our count, the caller the impl's
      return w;
    }
    impl->release();
    return Py_NewRef(w);
  }
  if (__builtin_expect(tls.flags & (kInference | kNoGrad), 0) && impl->use_count() == 1) {
    // A result nobody else holds (a .grad first seen now is not one) was made in this mode.
    if ((tls.flags & kInference) && !impl->base) impl->set(kInferenceTensor);
    impl->set(kMadeWithoutGrad);
  }
  PyTensor* w = new_wrapper();
  w->impl = impl;
  w->dict = nullptr;
  w->weakrefs = nullptr;
  impl->python = w;
  return reinterpret_cast<PyObject*>(w);
}

PyObject* wrap_as(Tensor t, PyTypeObject* subclass) {
  if (subclass == tensor_type && !t->python) return wrap(std::move(t));
  if (t->python) t = alias(t);
  auto* w = reinterpret_cast<PyTensor*>(subclass->tp_alloc(subclass, 0));
  if (!w) throw PythonError();
  w->impl = t.leak();
  w->impl->python = w;
  return reinterpret_cast<PyObject*>(w);
}

PyObject* wrap_list(TensorList list) {
  Ref tuple(check_python(PyTuple_New(static_cast<Py_ssize_t>(list.size()))));
  for (size_t i = 0; i < list.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), wrap(std::move(list[i])));
  return tuple.leak();
}

void tensor_dealloc(PyObject* self) {
  auto* w = reinterpret_cast<PyTensor*>(self);
  TensorImpl* impl = w->impl;
  if (impl && impl->use_count() > 1 && w->dict && Py_TYPE(self) == tensor_type) {
    // C++ still holds the tensor and the wrapper carries attributes: the impl keeps the wrapper.
    Py_SET_REFCNT(self, 1);
    impl->set(kOwnsPython);
    impl->release();
    return;
  }
  if (PyObject_GC_IsTracked(self)) PyObject_GC_UnTrack(self);
  if (w->weakrefs) PyObject_ClearWeakRefs(self);
  Py_CLEAR(w->dict);
  w->impl = nullptr;
  if (impl) {
    impl->python = nullptr;
    const bool recorded = any_recorded_grad && impl->meta, now = recorded && may_end_cycle(impl);
    impl->release();
    if (recorded) look_for_cycles(now);
  }
  PyTypeObject* type = Py_TYPE(self);
  if (type == tensor_type && pooled < kPool) {
    pool[pooled++] = w;
  } else {
    type->tp_free(self);
  }
  Py_DECREF(type);
}

int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PyTensor*>(self)->dict);
  return traverse_hooks(impl_of(self), visit, arg);
}

int tensor_clear(PyObject* self) {
  clear_hooks(impl_of(self));
  Py_CLEAR(reinterpret_cast<PyTensor*>(self)->dict);
  return 0;
}

// A tensor is of interest to the collector only once it has attributes.
int tensor_setattro(PyObject* self, PyObject* name, PyObject* value) {
  int rc = PyObject_GenericSetAttr(self, name, value);
  if (rc == 0 && reinterpret_cast<PyTensor*>(self)->dict && !PyObject_GC_IsTracked(self)) PyObject_GC_Track(self);
  return rc;
}

bool to_scalar(PyObject* o, Scalar& out) {
  if (PyFloat_CheckExact(o)) {
    out = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyBool_Check(o)) {
    out = Scalar(o == Py_True);
    return true;
  }
  if (PyLong_Check(o)) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow) {
      PyErr_SetString(PyExc_OverflowError,
                      "Overflow when unpacking long: the int does not fit in 64 bits; use a float");
      return false;
    }
    out = Scalar(static_cast<int64_t>(v));
    return true;
  }
  if (PyFloat_Check(o)) {
    out = Scalar(PyFloat_AsDouble(o));
    return true;
  }
  if (PyComplex_Check(o)) {
    Py_complex c = PyComplex_AsCComplex(o);
    out = Scalar(c128(c.real, c.imag));
    return true;
  }
  const char* name = Py_TYPE(o)->tp_name;
  if (std::strncmp(name, "numpy.", 6) != 0 || std::strcmp(name, "numpy.ndarray") == 0) return false;
  // a NumPy scalar: its own item() gives the Python number
  Ref item(PyObject_CallMethod(o, "item", nullptr));
  if (!item) return false;
  if (!PyFloat_Check(item.get()) && !PyLong_Check(item.get()) && !PyComplex_Check(item.get())) return false;
  return to_scalar(item.get(), out);
}

PyObject* from_scalar(const Scalar& s) {
  if (s.is_bool()) return PyBool_FromLong(s.to_int() != 0);
  if (s.is_integral()) return PyLong_FromLongLong(s.to_int());
  if (s.is_float()) return PyFloat_FromDouble(s.to_double());
  c128 c = s.to_complex();
  return PyComplex_FromDoubles(c.real(), c.imag());
}

PyObject* element_to_python(DType d, const void* p) { return from_scalar(Scalar::load(d, p)); }

PyObject* item(const Tensor& t) {
  check_not_batched(t, "item()");
  if (t.numel() != 1)
    fail("a Tensor with ", t.numel(), " elements cannot be converted to Scalar; index it first, or use tolist()");
  return check_python(element_to_python(t.dtype(), t.raw()));
}

void translate_exception() {
  try {
    throw;
  } catch (const Error& e) {
    switch (e.kind) {
      case ErrorKind::Python: return;
      case ErrorKind::Index: PyErr_SetString(PyExc_IndexError, e.what()); return;
      case ErrorKind::Type: PyErr_SetString(PyExc_TypeError, e.what()); return;
      case ErrorKind::Value: PyErr_SetString(PyExc_ValueError, e.what()); return;
      case ErrorKind::NotImplemented: PyErr_SetString(PyExc_NotImplementedError, e.what()); return;
      case ErrorKind::Memory: PyErr_SetString(PyExc_MemoryError, e.what()); return;
      case ErrorKind::Overflow: PyErr_SetString(PyExc_OverflowError, e.what()); return;
      default: PyErr_SetString(PyExc_RuntimeError, e.what()); return;
    }
  } catch (const std::bad_optional_access&) {
    PyErr_SetString(PyExc_RuntimeError, "an optional argument that this operation needs was None");
  } catch (const std::bad_alloc&) {
    PyErr_SetString(PyExc_RuntimeError, "not enough memory for this operation");
  } catch (const std::exception& e) { PyErr_SetString(PyExc_RuntimeError, e.what()); }
}

}  // namespace torchy::python
