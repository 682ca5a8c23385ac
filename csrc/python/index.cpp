// x[key] and x[key] = value: the common keys at once, all others through apply_key. Layer: python.
#include "index.h"

#include "data.h"
#include "ops_gen.h"

#include "../kernels/copy.h"

namespace torchy::python {
namespace {

[[noreturn]] void no_dims() {
  fail_index(
      "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
      "0-dim tensor to a number");
}

// An exact int that fits; anything else goes the long way, which also knows the errors.
bool small_int(PyObject* key, int64_t& out) {
  if (!PyLong_CheckExact(key)) return false;
  int overflow = 0;
  out = PyLong_AsLongLongAndOverflow(key, &overflow);
  return overflow == 0;
}

Tensor get(const Tensor& self, PyObject* key) {
  int64_t i;
  if (small_int(key, i)) {
    if (self.ndim() == 0) no_dims();
    return select_checked(self, 0, i, 0);
  }
  if (PySlice_Check(key)) return apply_slice(self, 0, key, false);
  Indexed at = apply_key(self, key);
  if (!at.indices.empty()) return ops::index(at.view, at.indices);
  return at.view.is_same(self) ? ops::alias(self) : at.view;
}

// What stands on the right: a number, which stays one, or a tensor.
struct Assigned {
  std::optional<Scalar> number;
  Tensor tensor;
};

Assigned assigned_value(const Tensor& self, PyObject* value) {
  Assigned out;
  if (is_tensor(value)) {
    out.tensor = unwrap(value);
    return out;
  }
  Scalar s;
  if (!is_ndarray(value) && to_scalar(value, s)) {
    out.number = s;
    return out;
  }
  if (PyErr_Occurred()) throw PythonError();
  const bool sequence = PyList_Check(value) || PyTuple_Check(value) || PyRange_Check(value);
  if (!sequence && !is_ndarray(value) && !has_array_protocol(value))
    fail_type("can't assign a ", Py_TYPE(value)->tp_name, " to a tensor of dtype ", dtype_name(self.dtype()),
              "; assign a number, a tensor, a list or an array");
  const Tensor t = sequence ? tensor_from_data(value, std::nullopt) : as_tensor(value, std::nullopt);
  out.tensor = kernels::to_dtype(t, self.dtype());
  return out;
}

// Dims of size 1 in front of a value say nothing.
Tensor without_leading_ones(const Tensor& t) {
  size_t ones = 0;
  const IntSpan sizes = t.sizes();
  while (ones < sizes.size() && sizes[ones] == 1) ++ones;
  if (ones == 0) return t;
  return ops::reshape(t, IntSpan(sizes.data() + ones, sizes.size() - ones));
}

void write_view(const Tensor& view, const Assigned& value) {
  if (value.number) return ops::fill_(view, *value.number);
  ops::copy_(view, value.tensor.ndim() > view.ndim() ? without_leading_ones(value.tensor) : value.tensor);
}

void set(const Tensor& self, PyObject* key, PyObject* object) {
  const Assigned value = assigned_value(self, object);
  int64_t i;
  if (small_int(key, i)) {
    if (self.ndim() == 0) no_dims();
    return write_view(select_checked(self, 0, i, 0), value);
  }
  if (PySlice_Check(key)) return write_view(apply_slice(self, 0, key, false), value);
  const Indexed at = apply_key(self, key);
  if (at.indices.empty()) return write_view(at.view, value);
  if (value.number) {
    kernels::check_fits(*value.number, self.dtype(), "index_put_");
    ops::index_put_(at.view, at.indices, scalar_tensor(*value.number, self.dtype()));
  } else {
    ops::index_put_(at.view, at.indices, without_leading_ones(value.tensor));
  }
}

}  // namespace

PyObject* tensor_getitem(PyObject* self, PyObject* key) {
  TORCHY_TRY
  return wrap(get(unwrap(self), key));
  TORCHY_CATCH(nullptr)
}

int tensor_setitem(PyObject* self, PyObject* key, PyObject* value) {
  TORCHY_TRY
  if (!value) fail_type("Tensor does not support deleting items");
  set(unwrap(self), key, value);
  return 0;
  TORCHY_CATCH(-1)
}

}  // namespace torchy::python
