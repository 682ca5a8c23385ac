// torch.tensor(data): a new tensor from numbers, nested sequences and arrays, in two passes: shape
// and dtype first, then the elements. Layer: python.
#include "../kernels/copy.h"
#include "../autograd/batch.h"
#include "data.h"
#include "ops_gen.h"

namespace torchy::python {

namespace {

constexpr size_t kMaxDims = 64;

// Weak: memory of an exporter that means Python numbers (array.array, bytearray, ctypes).
enum class Kind : uint8_t { Bool, Int, Float, Complex, Sequence, Array, Weak, NumpyScalar, Text, Other };

bool has_known_format(PyObject* o) {
  BufferView view(o, PyBUF_RECORDS_RO);
  return view && view.dtype();
}

Kind classify_unusual(PyObject* o) {
  if (is_tensor(o)) return Kind::Array;
  if (is_numpy_scalar(o)) return Kind::NumpyScalar;
  if (is_ndarray(o)) return Kind::Array;
  if (PyFloat_Check(o)) return Kind::Float;
  if (PyLong_Check(o)) return Kind::Int;
  if (PyComplex_Check(o)) return Kind::Complex;
  if (PyUnicode_Check(o) || PyBytes_Check(o)) return Kind::Text;
  if (PyList_Check(o) || PyTuple_Check(o)) return Kind::Sequence;
  if (has_array_protocol(o)) return Kind::Array;
  if (PyObject_CheckBuffer(o) && has_known_format(o)) return Kind::Weak;
  return PySequence_Check(o) ? Kind::Sequence : Kind::Other;
}

inline Kind classify(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PyFloat_Type) return Kind::Float;
  if (type == &PyLong_Type) return Kind::Int;
  if (type == &PyList_Type || type == &PyTuple_Type) return Kind::Sequence;
  if (type == &PyBool_Type) return Kind::Bool;
  return classify_unusual(o);
}

// The elements of an Array or Weak object. `inside` a sequence a one-element tensor is a number.
Tensor open_array(PyObject* o, Kind kind, bool inside) {
  if (kind == Kind::Weak) {
    BufferView view(o, PyBUF_RECORDS_RO);
    auto dtype = view ? view.dtype() : std::nullopt;
    if (!dtype) fail_type("tensor(): cannot read the buffer of ", Py_TYPE(o)->tp_name);
    return view.share(*dtype);
  }
  Tensor t = from_array_like(o);
  if (inside && is_tensor(o) && t.numel() == 1 && t.ndim() > 0) return alias(t, {}, {}, t.offset());
  return t;
}

[[noreturn]] void text_error(PyObject* o) {
  fail_type("new(): invalid data type '", Py_TYPE(o)->tp_name, "'; data must be numbers");
}
[[noreturn]] void length_error(int64_t expected, size_t dim, int64_t got) {
  fail_value("expected sequence of length ", expected, " at dim ", dim, " (got ", got, ")");
}
[[noreturn]] void uneven_error(PyObject* o) {
  fail_type("'", Py_TYPE(o)->tp_name,
            "' object cannot be interpreted as a number: the data is nested "
            "unevenly, a number was expected here");
}

// PySequence_Fast of any sequence: its items stay valid while `fast` lives and nothing else runs.
Ref fast_items(PyObject* o) { return Ref(check_python(PySequence_Fast(o, "not a sequence"))); }

// First pass.
class Survey {
 public:
  Survey(PyObject* data, bool infer) : infer_(infer) {
    find_shape(data);
    visit(data, 0);
  }
  const IntVec& shape() const { return shape_; }
  DType dtype() const {
    std::optional<DType> d = array_;
    auto join = [&](DType other) { d = d ? promote_types(*d, other) : other; };
    if (saw(Kind::Bool)) join(DType::Bool);
    if (saw(Kind::Int)) join(DType::Int64);
    if (saw(Kind::Float)) join(default_dtype());
    if (saw(Kind::Complex)) join(default_complex_dtype());
    return d.value_or(default_dtype());
  }

 private:
  bool saw(Kind k) const { return seen_ & (1u << int(k)); }
  void see(Kind k) { seen_ |= 1u << int(k); }
  void see(DType d) {
    see(d == DType::Bool ? Kind::Bool : is_integral(d) ? Kind::Int : is_complex(d) ? Kind::Complex : Kind::Float);
  }

  void see_exact(DType d) { array_ = array_ ? promote_types(*array_, d) : d; }

  // The shape is that of the first element of the first element ...
  void find_shape(PyObject* data) {
    for (Ref o = Ref::borrow(data);;) {
      const Kind kind = classify(o.get());
      if (kind == Kind::Text && !shape_.empty())
        fail_value("too many dimensions '", Py_TYPE(o.get())->tp_name, "'; data must be numbers");
      if (kind == Kind::Array || kind == Kind::Weak) {
        const Tensor array = open_array(o.get(), kind, !shape_.empty());
        for (int64_t size : array.sizes()) shape_.push_back(size);
      }
      if (shape_.size() > kMaxDims)
        fail_value("tensor(): the data is nested over ", kMaxDims, " levels deep; that is the limit");
      if (kind != Kind::Sequence) return;
      const Py_ssize_t n = PySequence_Size(o.get());
      Ref first(n > 0 ? PySequence_GetItem(o.get(), 0) : nullptr);
      if (n < 0 || (n > 0 && !first)) {
        PyErr_Clear();
        fail_value("could not determine the shape of object type '", Py_TYPE(o.get())->tp_name, "'");
      }
      shape_.push_back(n);
      if (n == 0) return;
      o = std::move(first);
    }
  }

  void visit_array(PyObject* o, Kind kind, size_t dim) {
    Tensor t = open_array(o, kind, dim > 0);
    const IntSpan rest(shape_.data() + dim, shape_.size() - dim);
    for (size_t i = 0; i < rest.size(); ++i) {
      if (i >= size_t(t.ndim())) fail_type("not a sequence: an array of ", t.ndim(), " dimensions at dim ", dim + i);
      if (t.sizes()[i] != rest[i]) length_error(rest[i], dim + i, t.sizes()[i]);
    }
    if (size_t(t.ndim()) > rest.size()) uneven_error(o);
    if (kind == Kind::Weak) see(t.dtype());
    else see_exact(t.dtype());
  }

  void visit_number(PyObject* o, Kind kind) {
    if (kind <= Kind::Complex) return see(kind);
    if (kind == Kind::NumpyScalar) {
      DType dtype;
      read_numpy_scalar(o, dtype);
      return see_exact(dtype);
    }
    if (kind == Kind::Sequence) uneven_error(o);
    if (infer_) fail("Could not infer dtype of ", Py_TYPE(o)->tp_name, "; data must be numbers");
  }

  void visit(PyObject* o, size_t dim) {
    const Kind kind = classify(o);
    if (kind == Kind::Text) text_error(o);
    if (kind == Kind::Array || kind == Kind::Weak) return visit_array(o, kind, dim);
    if (dim == shape_.size()) return visit_number(o, kind);
    if (kind != Kind::Sequence) fail_type("not a sequence: ", Py_TYPE(o)->tp_name, " at dim ", dim);
    Ref fast = fast_items(o);
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.get());
    if (n != shape_[dim]) length_error(shape_[dim], dim, n);
    const bool row = dim + 1 == shape_.size();
    // Unusual elements run code of their own, which may change the list: its size is read anew.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(fast.get()); ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(fast.get(), i);
      if (row && Py_TYPE(item) == &PyFloat_Type) see(Kind::Float);
      else if (row && Py_TYPE(item) == &PyLong_Type) see(Kind::Int);
      else visit(Ref::borrow(item).get(), dim + 1);
    }
  }

  IntVec shape_;
  std::optional<DType> array_;
  unsigned seen_ = 0;
  bool infer_;
};

// Second pass.
class Filler {
 public:
  Filler(Tensor& out) : shape_(out.sizes()), strides_(out.strides()), dtype_(out.dtype()), width_(itemsize(dtype_)) {}

  void fill(PyObject* o, size_t dim, char* out) {
    const Kind kind = classify(o);
    if (dim == shape_.size()) return store(o, kind, out);
    if (kind == Kind::Array || kind == Kind::Weak) return fill_array(open_array(o, kind, dim > 0), dim, out);
    Ref fast = fast_items(o);
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(fast.get());
    if (n != shape_[dim]) length_error(shape_[dim], dim, n);
    if (dim + 1 == shape_.size()) return fill_row(fast.get(), n, out);
    const int64_t step = strides_[dim] * width_;
    for (Py_ssize_t i = 0; i < n; ++i) fill(item(fast.get(), i, n).get(), dim + 1, out + i * step);
  }

 private:
  Ref item(PyObject* fast, Py_ssize_t i, Py_ssize_t n) const {
    if (PySequence_Fast_GET_SIZE(fast) != n) fail("tensor(): the data changed while it was read");
    return Ref::borrow(PySequence_Fast_GET_ITEM(fast, i));
  }

  void fill_array(const Tensor& t, size_t dim, char* out) {
    const IntSpan sizes(shape_.data() + dim, shape_.size() - dim), strides(strides_.data() + dim, sizes.size());
    if (t.sizes() != sizes) fail("tensor(): the data changed while it was read");
    check_not_batched(t, "tensor()");
    if (t.numel()) kernels::copy_strided(out, dtype_, strides, t.raw(), t.dtype(), t.strides(), sizes);
  }

  void fill_row(PyObject* fast, Py_ssize_t n, char* out) {
    switch (dtype_) {
      case DType::Float32: return fill_numbers<float>(fast, n, out);
      case DType::Float64: return fill_numbers<double>(fast, n, out);
      case DType::Int64: return fill_numbers<int64_t>(fast, n, out);
      default:
        for (Py_ssize_t i = 0; i < n; ++i) {
          Ref o = item(fast, i, n);
          store(o.get(), classify(o.get()), out + i * width_);
        }
    }
  }

  // Exact floats and small ints are read in place; everything else takes the general way.
  template <class T>
  void fill_numbers(PyObject* fast, Py_ssize_t n, char* memory) {
    T* out = reinterpret_cast<T*>(memory);
    for (Py_ssize_t i = 0; i < n; ++i) {
      if (PySequence_Fast_GET_SIZE(fast) != n) fail("tensor(): the data changed while it was read");
      PyObject* o = PySequence_Fast_GET_ITEM(fast, i);
      if (std::is_floating_point_v<T> && Py_TYPE(o) == &PyFloat_Type) {
        out[i] = static_cast<T>(PyFloat_AS_DOUBLE(o));
        continue;
      }
      if (Py_TYPE(o) == &PyLong_Type) {
        int overflow = 0;
        const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
        if (!overflow) {
          if constexpr (std::is_floating_point_v<T>) out[i] = static_cast<T>(static_cast<double>(v));
          else out[i] = v;
          continue;
        }
      }
      Ref hold = Ref::borrow(o);
      store(o, classify(o), reinterpret_cast<char*>(out + i));
    }
  }

  // One element of any kind.
  void store(PyObject* o, Kind kind, char* out) const {
    if (kind == Kind::Sequence) uneven_error(o);
    if (kind == Kind::Text) text_error(o);
    if (kind == Kind::NumpyScalar) {
      DType dtype;
      return store(read_numpy_scalar(o, dtype), out);
    }
    if (kind == Kind::Array || kind == Kind::Weak) {
      Tensor t = open_array(o, kind, true);
      check_not_batched(t, "tensor()");
      if (t.ndim() != 0) uneven_error(o);
      return store(Scalar::load(t.dtype(), t.raw()), out);
    }
    if (is_complex(dtype_)) {
      const Py_complex c = PyComplex_AsCComplex(o);
      if (c.real == -1.0 && PyErr_Occurred()) throw PythonError();
      return Scalar(c128(c.real, c.imag)).store(dtype_, out);
    }
    if (is_float(dtype_)) {
      const double v = PyFloat_AsDouble(o);  // Python's own TypeError and OverflowError
      if (v == -1.0 && PyErr_Occurred()) throw PythonError();
      return Scalar(v).store(dtype_, out);
    }
    if (kind == Kind::Float) return store(Scalar(PyFloat_AsDouble(o)), out);
    if (kind == Kind::Complex && dtype_ == DType::Bool) {
      const Py_complex c = PyComplex_AsCComplex(o);
      return store(Scalar(c128(c.real, c.imag)), out);
    }
    store_integer(o, out);
  }

  void store_integer(PyObject* o, char* out) const {
    Ref index(check_python(PyNumber_Index(o)));
    int overflow = 0;
    const long long v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
    if (v == -1 && PyErr_Occurred()) throw PythonError();
    if (overflow) fail_value("Overflow when unpacking long long: an int does not fit in 64 bits; use a float dtype");
    store(Scalar(static_cast<int64_t>(v)), out);
  }

  void store(const Scalar& s, char* out) const {
    if (s.is_complex() && !is_complex(dtype_) && dtype_ != DType::Bool)
      fail_type("must be real number, not complex: dtype is ", dtype_name(dtype_));
    if (dtype_ == DType::UInt8 && s.is_float() && s.to_double() < 0)  // only ints wrap around
      fail("tensor(): value cannot be converted to type uint8_t without overflow; got ", s);
    if (is_integral(dtype_)) kernels::check_fits(s, dtype_, "tensor()");
    s.store(dtype_, out);
  }

  const IntVec shape_, strides_;
  DType dtype_;
  int64_t width_;
};

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (is_tensor(data)) {
    Tensor t = unwrap(data);
    if (t->has(kBatched)) return ops::_to_copy(ops::clone(ops::detach(t)), dtype.value_or(t.dtype()));
    return kernels::to_copy(t, dtype.value_or(t.dtype()));
  }
  if (PyUnicode_Check(data) || PyBytes_Check(data)) text_error(data);
  Survey survey(data, !dtype);
  Tensor out = empty(survey.shape(), dtype ? *dtype : survey.dtype());
  Filler(out).fill(data, 0, out.raw());
  return out;
}

Tensor as_tensor(PyObject* data, std::optional<DType> dtype) {
  const bool tensor = is_tensor(data);
  if (!tensor && classify(data) != Kind::Array) return tensor_from_data(data, dtype);
  Tensor t = from_array_like(data);
  if (!dtype || *dtype == t.dtype()) return t;
  if (!tensor) return kernels::to_dtype(t, *dtype);
  // The conversion of a tensor is recorded.
  Ref converted(check_python(PyObject_CallMethod(data, "to", "O", dtype_object(*dtype))));
  return unwrap(converted.get());
}

}  // namespace torchy::python
