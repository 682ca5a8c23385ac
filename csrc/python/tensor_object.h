// The Python Tensor: a thin object on a TensorImpl, one per impl, so that identity is kept.
// Layer: python. What the binding's files share: wrapping, unwrapping, errors.
#pragma once

#include <Python.h>

#include <array>
#include <optional>
#include <string>
#include <tuple>

#include "../autograd/node.h"
#include "../core/promote.h"
#include "../core/tensor.h"

namespace torchy::python {

struct PyTensor {
  PyObject_HEAD TensorImpl* impl;  // counted, unless impl owns this wrapper (kOwnsPython)
  PyObject* dict;
  PyObject* weakrefs;
};

extern PyTypeObject* tensor_type;

inline bool is_tensor_exact(PyObject* o) { return Py_TYPE(o) == tensor_type; }
inline bool is_tensor(PyObject* o) { return is_tensor_exact(o) || PyType_IsSubtype(Py_TYPE(o), tensor_type); }
inline TensorImpl* impl_of(PyObject* o) { return reinterpret_cast<PyTensor*>(o)->impl; }
inline Tensor unwrap(PyObject* o) { return Tensor::borrow(impl_of(o)); }

// A new reference. The same impl always gives the same object.
PyObject* wrap(Tensor t);
PyObject* wrap_list(TensorList list);                 // a tuple of tensors
PyObject* wrap_as(Tensor t, PyTypeObject* subclass);  // a fresh wrapper of a Python subclass
PyObject* wrap_named(const char* op, const char* const* names, TensorList values);

template <class Tuple, size_t... I>
PyObject* wrap_tuple_impl(const char* op, const char* const* names, Tuple&& t, std::index_sequence<I...>) {
  return wrap_named(op, names, TensorList{std::get<I>(std::forward<Tuple>(t))...});
}
template <size_t N, class... T>
PyObject* wrap_tuple(const char* op, const char* const (&names)[N], std::tuple<T...> t) {
  return wrap_tuple_impl(op, names, std::move(t), std::index_sequence_for<T...>{});
}

// Python numbers. to_scalar: bool, int, float, complex (and things with __index__/__float__ such as
// NumPy scalars); false, with no exception set, for anything else. Too large an int is an error.
bool to_scalar(PyObject* o, Scalar& out);
PyObject* from_scalar(const Scalar& s);
PyObject* item(const Tensor& t);  // of a one-element tensor
PyObject* element_to_python(DType d, const void* p);

// dtype objects are singletons.
PyObject* dtype_object(DType d);  // borrowed
bool is_dtype(PyObject* o);
DType unwrap_dtype(PyObject* o);  // TypeError if it is none (Python float, int, bool, complex are understood)

PyObject* size_object(IntSpan sizes);  // a torch.Size

PyObject* wrap_node(Node* node);  // a new reference; None for null
bool is_node(PyObject* o);
Node* unwrap_node(PyObject* o);

// torch.tensor(data): a new tensor from numbers, nested sequences, arrays.
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);

// Sets the Python exception for the C++ one in flight.
void translate_exception();
// Throws PythonError if a Python call failed.
inline PyObject* check_python(PyObject* o) {
  if (!o) throw PythonError();
  return o;
}
#define TORCHY_TRY try {
#define TORCHY_CATCH(retval)                 \
  }                                          \
  catch (...) {                              \
    ::torchy::python::translate_exception(); \
    return retval;                           \
  }

// An owned reference.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* stolen) : p_(stolen) {}
  Ref(Ref&& o) noexcept : p_(o.p_) { o.p_ = nullptr; }
  Ref& operator=(Ref&& o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() { Py_XDECREF(p_); }
  static Ref borrow(PyObject* o) {
    Py_XINCREF(o);
    return Ref(o);
  }
  PyObject* get() const { return p_; }
  PyObject* leak() {
    PyObject* p = p_;
    p_ = nullptr;
    return p;
  }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  PyObject* p_ = nullptr;
};

}  // namespace torchy::python
