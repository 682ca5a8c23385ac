// NumPy arrays in and out, sharing memory through the buffer protocol. Layer: python.
// NumPy is imported by the first call that must make an array, and by nothing else.
#include <cstring>

#include "../autograd/meta.h"
#include "../autograd/batch.h"
#include "data.h"

namespace torchy::python {

namespace {

bool has_base_named(PyTypeObject* type, const char* name) {
  PyObject* mro = type->tp_mro;
  if (!mro) return false;
  for (Py_ssize_t i = PyTuple_GET_SIZE(mro) - 1; i >= 0; --i) {
    PyObject* base = PyTuple_GET_ITEM(mro, i);
    if (std::strcmp(reinterpret_cast<PyTypeObject*>(base)->tp_name, name) == 0) return true;
  }
  return false;
}

PyObject* numpy_asarray() {
  static PyObject* function = nullptr;  // kept for the life of the process
  if (!function) {
    Ref numpy(check_python(PyImport_ImportModule("numpy")));
    function = check_python(PyObject_GetAttrString(numpy.get(), "asarray"));
  }
  return function;
}

[[noreturn]] void unsupported_type(PyObject* array) {
  Ref dtype(PyObject_GetAttrString(array, "dtype"));
  Ref type(dtype ? PyObject_GetAttrString(dtype.get(), "type") : nullptr);
  Ref name(type ? PyObject_GetAttrString(type.get(), "__name__") : nullptr);
  const char* text = name ? PyUnicode_AsUTF8(name.get()) : nullptr;
  if (!text) throw PythonError();
  fail_type("can't convert np.ndarray of type numpy.", text,
            ". The only supported types are: float64, float32, float16, complex64, complex128, "
            "int64, int32, int16, int8, uint8, and bool.");
}

Tensor share_array(PyObject* o) {
  BufferView view(o, PyBUF_RECORDS_RO);
  auto order = BufferView::Order::Native;
  auto dtype = view ? view.dtype(&order) : std::nullopt;
  if (!dtype) unsupported_type(o);
  if (order == BufferView::Order::Foreign)
    fail_value(
        "given numpy array has byte order different from the native byte order. "
        "Use array.astype(array.dtype.newbyteorder('=')) first");
  return view.share(*dtype);
}

void warn_readonly(const Tensor& t) {
  if (!t.storage()->readonly()) return;
  if (PyErr_WarnEx(PyExc_UserWarning,
                   "The given NumPy array is not writable. The tensor shares its memory, so in-place "
                   "operations on the tensor will raise an error; use array.copy() first to get one "
                   "that can be changed.",
                   1) < 0)
    throw PythonError();
}

}  // namespace

bool is_ndarray(PyObject* o) { return has_base_named(Py_TYPE(o), "numpy.ndarray"); }
bool is_numpy_scalar(PyObject* o) { return has_base_named(Py_TYPE(o), "numpy.generic"); }

Scalar read_numpy_scalar(PyObject* o, DType& dtype) {
  BufferView view(o, PyBUF_RECORDS_RO);
  auto found = view && view->ndim == 0 ? view.dtype() : std::nullopt;
  if (!found) unsupported_type(o);
  dtype = *found;
  return Scalar::load(dtype, view->buf);
}

bool has_array_protocol(PyObject* o) {
  if (PyType_Check(o)) return false;  // a class only describes the protocol of its instances
  for (const char* name : {"__dlpack__", "__array_interface__", "__array__"})
    if (PyObject_HasAttrString(o, name)) return true;
  return false;
}

Tensor from_numpy(PyObject* array) {
  if (!is_ndarray(array)) fail_type("expected np.ndarray (got ", Py_TYPE(array)->tp_name, ")");
  Tensor t = share_array(array);
  warn_readonly(t);
  return t;
}

Tensor from_array_like(PyObject* o) {
  if (is_tensor(o)) return unwrap(o);
  if (is_ndarray(o)) return share_array(o);
  if (is_numpy_scalar(o)) {
    DType dtype;
    const Scalar value = read_numpy_scalar(o, dtype);
    return scalar_tensor(value, dtype);
  }
  if (PyObject_HasAttrString(o, "__dlpack__")) return from_dlpack(o);
  Ref array(check_python(PyObject_CallOneArg(numpy_asarray(), o)));
  return share_array(array.get());
}

PyObject* tensor_numpy(PyObject* self, bool force) {
  check_not_batched(unwrap(self), "numpy()");
  Tensor t = unwrap(self);
  const bool grad = requires_grad(t);
  TORCHY_CHECK(!grad || force, "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  if (t.dtype() == DType::BFloat16)
    fail_type("Got unsupported ScalarType BFloat16; NumPy has no such type, use .float().numpy()");
  PyObject* asarray = numpy_asarray();
  Ref source = grad ? Ref(wrap(alias(t))) : Ref::borrow(self);
  Ref memory(check_python(PyMemoryView_FromObject(source.get())));
  return check_python(PyObject_CallOneArg(asarray, memory.get()));
}

PyObject* tensor_array(PyObject* self, PyObject* dtype, PyObject* copy) {
  Ref array(tensor_numpy(self, false));
  bool fresh = false;
  if (dtype != Py_None) {
    Ref own(check_python(PyObject_GetAttrString(array.get(), "dtype")));
    const int same = PyObject_RichCompareBool(own.get(), dtype, Py_EQ);
    if (same < 0) throw PythonError();
    if (!same && copy == Py_False) fail_value("__array__: another dtype needs a copy, and copy=False forbids it");
    fresh = !same;
    if (fresh) array = Ref(check_python(PyObject_CallMethod(array.get(), "astype", "O", dtype)));
  }
  if (copy == Py_True && !fresh) array = Ref(check_python(PyObject_CallMethod(array.get(), "copy", nullptr)));
  return array.leak();
}

}  // namespace torchy::python
