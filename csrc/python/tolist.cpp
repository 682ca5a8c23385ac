// tolist: a tensor as nested lists of Python numbers. Layer: python.
#include "../autograd/batch.h"
#include "data.h"

namespace torchy::python {

namespace {

template <class T>
PyObject* to_python(T v) {
  if constexpr (IsComplex<T>::value) {
    return PyComplex_FromDoubles(static_cast<double>(v.real()), static_cast<double>(v.imag()));
  } else if constexpr (std::is_same_v<T, bool>) {
    return Py_NewRef(v ? Py_True : Py_False);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return PyLong_FromLongLong(v);
  } else if constexpr (std::is_integral_v<T>) {
    return PyLong_FromLong(v);
  } else {
    return PyFloat_FromDouble(static_cast<double>(static_cast<float>(v)));
  }
}
template <>
PyObject* to_python<double>(double v) {
  return PyFloat_FromDouble(v);
}

template <class T>
struct Lister {
  IntSpan sizes, strides;

  PyObject* list(const T* p, size_t dim) const {
    if (dim == sizes.size()) return check_python(to_python(*p));
    const auto n = static_cast<Py_ssize_t>(sizes[dim]);
    const int64_t step = strides[dim];
    Ref out(check_python(PyList_New(n)));
    if (dim + 1 == sizes.size()) {
      for (Py_ssize_t i = 0; i < n; ++i, p += step) PyList_SET_ITEM(out.get(), i, check_python(to_python(*p)));
    } else {
      for (Py_ssize_t i = 0; i < n; ++i) PyList_SET_ITEM(out.get(), i, list(p + i * step, dim + 1));
    }
    return out.leak();
  }
};

}  // namespace

PyObject* tensor_tolist(const Tensor& t) {
  check_not_batched(t, "tolist()");
  Tensor hold = t;  // making objects may run the collector, and with it anything
  return visit_dtype(t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    IntVec sizes(t.sizes()), strides(t.strides());
    return Lister<T>{sizes, strides}.list(hold.data<T>(), 0);
  });
}

}  // namespace torchy::python
