// Keys of x[key]: from Python objects to views and index tensors, by PyTorch's rules. Layer: python.
#include "index.h"

#include "data.h"
#include "ops_gen.h"

#include "../kernels/copy.h"

namespace torchy::python {
namespace {

[[noreturn]] void bad_key(PyObject* item, bool type_error = false) {
  const std::string text = str_cat(
      "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
      "valid indices (got ",
      Py_TYPE(item)->tp_name, ")");
  if (type_error) fail_type(text);
  fail_index(text);
}

bool is_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o) || PyByteArray_Check(o); }

bool is_sequence(PyObject* o) {
  return PyList_Check(o) || PyTuple_Check(o) || (PySequence_Check(o) && !is_text(o) && !is_ndarray(o));
}

// Does it hold elements of its own, such as a list or an array?
bool is_array(PyObject* o) {
  if (PyLong_Check(o) || is_numpy_scalar(o)) return false;
  return is_sequence(o) || is_ndarray(o) || has_array_protocol(o);
}

bool is_mask(const Tensor& t) { return t.dtype() == DType::Bool || t.dtype() == DType::UInt8; }

int64_t to_int64(PyObject* o) {
  Ref number(check_python(PyNumber_Index(o)));
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (overflow) fail_value("index does not fit into 64 bits; Overflow when unpacking long long");
  if (value == -1 && PyErr_Occurred()) throw PythonError();
  return value;
}

// A list or array as an index tensor. Floats count as integers here, as in PyTorch; so does nothing.
Tensor array_index(PyObject* o) {
  Tensor t = is_sequence(o) ? tensor_from_data(o, std::nullopt) : as_tensor(o, std::nullopt);
  if (is_mask(t) || t.dtype() == DType::Int64 || t.dtype() == DType::Int32 || t.is_complex()) return t;
  return kernels::to_dtype(t, DType::Int64);
}

// PyTorch reads a list as a tuple of indices if it is short and holds anything but numbers.
bool reads_as_tuple(PyObject* key) {
  if (!PyList_Check(key) && !(is_sequence(key) && !has_array_protocol(key))) return false;
  const Py_ssize_t n = PySequence_Size(key);
  if (n < 0) throw PythonError();
  if (n >= 32) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    Ref item(check_python(PySequence_GetItem(key, i)));
    PyObject* o = item.get();
    if (!is_tensor(o) && !PySlice_Check(o) && o != Py_Ellipsis && o != Py_None && !PySequence_Check(o)) continue;
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "Using a non-tuple sequence for multidimensional indexing is deprecated: x[seq] is read as "
                     "x[tuple(seq)]; write that, or x[torch.tensor(seq)]",
                     1) < 0)
      throw PythonError();
    return true;
  }
  return false;
}

// Applies the items of a key one after the other.
class KeyReader {
 public:
  KeyReader(const Tensor& self, PyObject* const* items, Py_ssize_t n) : items_(items), n_(n), self_ndim_(self.ndim()) {
    out_.view = self;
    count();
  }
  Indexed read() {
    for (Py_ssize_t i = 0; i < n_; ++i) step(items_[i], i < Py_ssize_t(arrays_.size()) ? arrays_[size_t(i)] : Tensor());
    if (!any_index_) out_.indices.clear();
    return std::move(out_);
  }

 private:
  // How many dims the items use up; lists and arrays become tensors on the way.
  void count() {
    for (Py_ssize_t i = 0; i < n_; ++i) {
      PyObject* item = items_[i];
      if (PyLong_CheckExact(item) || PySlice_Check(item)) {
        ++specified_;
      } else if (is_tensor(item)) {
        const Tensor t = unwrap(item);
        specified_ += is_mask(t) ? t.ndim() : 1;
      } else if (item == Py_None || item == Py_Ellipsis || PyBool_Check(item)) {
        continue;
      } else if (is_text(item)) {
        bad_key(item, true);
      } else if (is_array(item)) {
        arrays_.resize(size_t(n_));
        Tensor& t = arrays_[size_t(i)] = array_index(item);
        specified_ += is_mask(t) ? t.ndim() : 1;
      } else if (PyIndex_Check(item)) {
        ++specified_;
      } else {
        bad_key(item);
      }
    }
    if (specified_ > self_ndim_)
      fail_index("too many indices for tensor of dimension ", self_ndim_, " (got ", specified_, ")");
  }

  void step(PyObject* item, const Tensor& array) {
    if (array.defined()) return step_tensor(array);
    if (PyLong_CheckExact(item)) return step_number(to_int64(item));
    if (PySlice_Check(item)) {
      out_.view = apply_slice(out_.view, dim_, item, true);
      keep(1);
      ++named_dim_;
    } else if (item == Py_None) {
      out_.view = ops::unsqueeze(out_.view, dim_);
      keep(1);
    } else if (item == Py_Ellipsis) {
      const int64_t dims = self_ndim_ - specified_;
      keep(dims);
      named_dim_ += dims;
    } else if (PyBool_Check(item)) {
      step_bool(item == Py_True);
    } else if (is_tensor(item)) {
      step_tensor(unwrap(item));
    } else {
      step_number(to_int64(item));
    }
  }
  void step_number(int64_t index) { out_.view = select_checked(out_.view, dim_, index, named_dim_++); }
  // A new dim of size 1, of which one or no element is taken.
  void step_bool(bool value) {
    out_.view = ops::unsqueeze(out_.view, dim_);
    add(zeros(IntVec{value ? 1 : 0}, DType::Int64), 1);
  }
  void step_tensor(const Tensor& t) {
    if (t.ndim() == 0 && is_integral_or_bool(t.dtype()) && !t->has(kBatched)) {
      const Scalar value = Scalar::load(t.dtype(), t.raw());
      return is_mask(t) ? step_bool(!value.is_zero()) : step_number(value.to_int());
    }
    const int64_t dims = is_mask(t) ? t.ndim() : 1;
    add(t, dims);
    named_dim_ += dims;
  }
  void add(const Tensor& index, int64_t dims) {
    out_.indices.push_back(index);
    any_index_ = true;
    dim_ += dims;
  }
  void keep(int64_t dims) {
    out_.indices.resize(out_.indices.size() + size_t(dims));
    dim_ += dims;
  }

  PyObject* const* items_;
  Py_ssize_t n_;
  TensorList arrays_;
  int64_t self_ndim_, specified_ = 0;
  int64_t dim_ = 0;        // of the view, where the next item applies
  int64_t named_dim_ = 0;  // the same dim of the tensor as the user knows it
  Indexed out_;
  bool any_index_ = false;
};

}  // namespace

Tensor select_checked(const Tensor& self, int64_t dim, int64_t index, int64_t named_dim) {
  if (self.ndim() <= dim) fail_index("too many indices for tensor of dimension ", self.ndim());
  const int64_t size = self.sizes()[size_t(dim)];
  if (index < -size || index >= size)
    fail_index("index ", index, " is out of bounds for dimension ", named_dim, " with size ", size);
  return ops::select(self, dim, index);
}

Tensor apply_slice(const Tensor& self, int64_t dim, PyObject* slice, bool skip_whole) {
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(slice, &start, &stop, &step) < 0) throw PythonError();
  if (step <= 0) fail_value("step must be greater than zero");
  if (skip_whole && start == 0 && step == 1 && self.ndim() > dim && stop >= self.sizes()[size_t(dim)]) return self;
  return ops::slice(self, dim, start, stop, step);
}

Indexed apply_key(const Tensor& self, PyObject* key) {
  if (PyTuple_Check(key)) { return KeyReader(self, &PyTuple_GET_ITEM(key, 0), PyTuple_GET_SIZE(key)).read(); }
  if (!is_tensor(key) && !is_text(key) && reads_as_tuple(key)) {
    Ref items(check_python(PySequence_Tuple(key)));
    return KeyReader(self, &PyTuple_GET_ITEM(items.get(), 0), PyTuple_GET_SIZE(items.get())).read();
  }
  return KeyReader(self, &key, 1).read();
}

}  // namespace torchy::python
