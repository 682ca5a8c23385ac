// dtype objects, torch.Size, and the named tuples some operations return. Layer: python.
#include <map>
#include <string>

#include "types.h"

namespace torchy::python {

namespace {

struct PyDType {
  PyObject_HEAD DType value;
};
PyTypeObject* dtype_type = nullptr;
PyObject* dtypes[kNumDTypes];
PyTypeObject* size_type = nullptr;

DType dtype_of(PyObject* o) { return reinterpret_cast<PyDType*>(o)->value; }

PyObject* dtype_repr(PyObject* self) { return PyUnicode_FromFormat("torch.%s", dtype_name(dtype_of(self))); }
PyObject* dtype_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(dtype_name(dtype_of(self))); }
PyObject* dtype_to_real(PyObject* self, PyObject*) { return Py_NewRef(dtypes[int(to_real(dtype_of(self)))]); }
PyObject* dtype_to_complex(PyObject* self, PyObject*) { return Py_NewRef(dtypes[int(to_complex(dtype_of(self)))]); }

PyMethodDef dtype_methods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, nullptr},
                               {"to_real", dtype_to_real, METH_NOARGS, "The dtype of the real part."},
                               {"to_complex", dtype_to_complex, METH_NOARGS, "The complex dtype with this precision."},
                               {nullptr, nullptr, 0, nullptr}};

PyGetSetDef dtype_properties[] = {
    {"is_floating_point", [](PyObject* s, void*) { return PyBool_FromLong(is_float(dtype_of(s))); }, nullptr,
     "Whether this is a floating dtype.", nullptr},
    {"is_complex", [](PyObject* s, void*) { return PyBool_FromLong(is_complex(dtype_of(s))); }, nullptr,
     "Whether this is a complex dtype.", nullptr},
    {"is_signed",
     [](PyObject* s, void*) { return PyBool_FromLong(dtype_of(s) != DType::Bool && dtype_of(s) != DType::UInt8); },
     nullptr, "Whether negative numbers can be held.", nullptr},
    {"itemsize", [](PyObject* s, void*) { return PyLong_FromLong(itemsize(dtype_of(s))); }, nullptr,
     "Bytes per element.", nullptr},
    {"name", [](PyObject* s, void*) { return PyUnicode_FromString(dtype_name(dtype_of(s))); }, nullptr,
     "The plain name, such as 'float32'.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyObject* size_repr(PyObject* self) {
  Ref list(PySequence_List(self));
  if (!list) return nullptr;
  return PyUnicode_FromFormat("torch.Size(%R)", list.get());
}
PyObject* size_numel(PyObject* self, PyObject*) {
  long long n = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) n *= PyLong_AsLongLong(PyTuple_GET_ITEM(self, i));
  return PyErr_Occurred() ? nullptr : PyLong_FromLongLong(n);
}
PyObject* size_item(PyObject* self, PyObject* key) {
  Ref r(PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
  if (!r || !PySlice_Check(key)) return r.leak();
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(size_type), r.get());
}
// Sums and multiples of sizes are sizes.
PyObject* as_size(PyObject* tuple) {
  Ref r(tuple);
  return r && PyTuple_CheckExact(r.get()) ? PyObject_CallOneArg(reinterpret_cast<PyObject*>(size_type), r.get())
                                          : r.leak();
}
PyObject* size_repeat(PyObject* self, Py_ssize_t n) { return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(self, n)); }
PyObject* size_add(PyObject* a, PyObject* b) {
  if (!PyTuple_Check(a) || !PyTuple_Check(b)) Py_RETURN_NOTIMPLEMENTED;
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  Ref plain(PySequence_Tuple(self));
  Ref list(PySequence_List(self));
  return list ? Py_BuildValue("O(O)", size_type, list.get()) : nullptr;
}
PyMethodDef size_methods[] = {{"numel", size_numel, METH_NOARGS, "The product of the sizes."},
                              {"__reduce__", size_reduce, METH_NOARGS, nullptr},
                              {nullptr, nullptr, 0, nullptr}};

PyTypeObject* make_type(PyObject* module, PyType_Spec& spec, PyObject* bases = nullptr) {
  PyObject* type = check_python(PyType_FromSpecWithBases(&spec, bases));
  const char* dot = std::strrchr(spec.name, '.');
  if (PyModule_AddObjectRef(module, dot + 1, type) < 0) throw PythonError();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

void add_dtypes(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_repr, reinterpret_cast<void*>(dtype_repr)},
                                {Py_tp_methods, dtype_methods},
                                {Py_tp_getset, dtype_properties},
                                {Py_tp_doc, const_cast<char*>("The type of a tensor's elements; a singleton.")},
                                {0, nullptr}};
  static PyType_Spec spec = {"torchy.dtype", sizeof(PyDType), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  dtype_type = make_type(module, spec);
  static const std::pair<const char*, DType> more[] = {{"half", DType::Float16},     {"float", DType::Float32},
                                                       {"double", DType::Float64},   {"short", DType::Int16},
                                                       {"int", DType::Int32},        {"long", DType::Int64},
                                                       {"cfloat", DType::Complex64}, {"cdouble", DType::Complex128}};
  for (int i = 0; i < kNumDTypes; ++i) {
    auto* d = PyObject_New(PyDType, dtype_type);
    if (!d) throw PythonError();
    d->value = static_cast<DType>(i);
    dtypes[i] = reinterpret_cast<PyObject*>(d);
    if (PyModule_AddObjectRef(module, dtype_name(d->value), dtypes[i]) < 0) throw PythonError();
  }
  for (auto [name, d] : more)
    if (PyModule_AddObjectRef(module, name, dtypes[int(d)]) < 0) throw PythonError();
}

void add_size(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_repr, reinterpret_cast<void*>(size_repr)},
                                {Py_tp_methods, size_methods},
                                {Py_mp_subscript, reinterpret_cast<void*>(size_item)},
                                {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
                                {Py_nb_add, reinterpret_cast<void*>(size_add)},
                                {Py_tp_doc, const_cast<char*>("The sizes of a tensor: a tuple of ints.")},
                                {0, nullptr}};
  static PyType_Spec spec = {"torchy.Size", 0, 0, Py_TPFLAGS_DEFAULT, slots};
  Ref bases(check_python(PyTuple_Pack(1, reinterpret_cast<PyObject*>(&PyTuple_Type))));
  size_type = make_type(module, spec, bases.get());
}

PyObject* dtype_object(DType d) { return dtypes[int(d)]; }
bool is_dtype(PyObject* o) { return Py_TYPE(o) == dtype_type; }
DType unwrap_dtype(PyObject* o) {
  if (is_dtype(o)) return dtype_of(o);
  auto is = [&](PyTypeObject& t) { return o == reinterpret_cast<PyObject*>(&t); };
  if (is(PyFloat_Type)) return DType::Float64;
  if (is(PyLong_Type)) return DType::Int64;
  if (is(PyBool_Type)) return DType::Bool;
  if (is(PyComplex_Type)) return DType::Complex128;
  fail_type("dtype must be a torch.dtype such as torch.float32, not ", Py_TYPE(o)->tp_name);
}

PyObject* size_object(IntSpan sizes) {
  auto n = static_cast<Py_ssize_t>(sizes.size());
  PyObject* tuple = size_type->tp_alloc(size_type, n);
  if (!tuple) throw PythonError();
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple, i, PyLong_FromLongLong(sizes[static_cast<size_t>(i)]));
  return tuple;
}

// torch.return_types.max(values=..., indices=...): one structseq type per operation, made when first used.
PyObject* wrap_named(const char* op, const char* const* names, TensorList values) {
  static auto* types = new std::map<std::string, PyTypeObject*>();
  std::string key = op;
  for (size_t i = 0; i < values.size(); ++i) key += std::string(",") + names[i];
  PyTypeObject*& type = (*types)[key];
  if (!type) {
    auto* fields = new std::vector<PyStructSequence_Field>();
    for (size_t i = 0; i < values.size(); ++i) fields->push_back({names[i], nullptr});
    fields->push_back({nullptr, nullptr});
    auto* name = new std::string(std::string("torch.return_types.") + op);
    PyStructSequence_Desc desc = {name->c_str(), nullptr, fields->data(), static_cast<int>(values.size())};
    type = PyStructSequence_NewType(&desc);
    if (!type) throw PythonError();
  }
  Ref out(check_python(PyStructSequence_New(type)));
  for (size_t i = 0; i < values.size(); ++i)
    PyStructSequence_SetItem(out.get(), static_cast<Py_ssize_t>(i), wrap(std::move(values[i])));
  return out.leak();
}

}  // namespace torchy::python
