// The Python names of what data.h declares: methods of Tensor, functions of the module. Layer: python.
// Pickling and copying are written in torchy/_pickle.py on top of _tensor_on_storage.
#include "../autograd/meta.h"
#include "../kernels/copy.h"
#include "data.h"
#include "parser.h"

namespace torchy::python {

namespace {

struct CallSpec {
  const char* name;
  const char* const* params;
  int count;
  int positional;  // the others are keyword-only
  int required;
};

// Sorts the arguments of a fast call into `out`, null where one is absent.
void read_args(const CallSpec& f, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, PyObject** out) {
  n = PyVectorcall_NARGS(static_cast<size_t>(n));
  if (n > f.positional)
    fail_type(f.name, "() takes ", f.positional, " positional argument", f.positional == 1 ? "" : "s", " but ", n,
              " were given");
  for (int i = 0; i < f.count; ++i) out[i] = i < n ? args[i] : nullptr;
  const Py_ssize_t named = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < named; ++k) {
    PyObject* name = PyTuple_GET_ITEM(kwnames, k);
    int i = 0;
    while (i < f.count && PyUnicode_CompareWithASCIIString(name, f.params[i]) != 0) ++i;
    const char* text = PyUnicode_AsUTF8(name);
    if (!text) throw PythonError();
    if (i == f.count) fail_type(f.name, "() got an unexpected keyword argument '", text, "'");
    if (out[i]) fail_type(f.name, "() got multiple values for argument '", text, "'");
    out[i] = args[n + k];
  }
  for (int i = 0; i < f.required; ++i)
    if (!out[i]) fail_type(f.name, "() missing 1 required positional arguments: \"", f.params[i], "\"");
}

std::optional<DType> optional_dtype(PyObject* o) {
  if (!o || o == Py_None) return std::nullopt;
  return unwrap_dtype(o);
}
bool truth(PyObject* o) {
  const int on = o ? PyObject_IsTrue(o) : 0;
  if (on < 0) throw PythonError();
  return on == 1;
}
int64_t integer(PyObject* o) {
  Ref index(check_python(PyNumber_Index(o)));
  const long long v = PyLong_AsLongLong(index.get());
  if (v == -1 && PyErr_Occurred()) throw PythonError();
  return v;
}
PyObject* finish(Tensor t, PyObject* device, bool needs_grad = false) {
  if (device) check_device(device);
  if (needs_grad) set_requires_grad(t, true);
  return wrap(std::move(t));
}

#define FASTCALL(name) \
  PyObject* name([[maybe_unused]] PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames)
#define FAST(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(f)), METH_FASTCALL | METH_KEYWORDS
// Declares `a`, the arguments of a call of `function` with the given parameter names.
#define READ_ARGS(function, positional, required, ...)                          \
  static const char* const params[] = {__VA_ARGS__};                            \
  constexpr int count = sizeof(params) / sizeof(params[0]);                     \
  static const CallSpec spec = {function, params, count, positional, required}; \
  PyObject* a[count];                                                           \
  read_args(spec, args, n, kwnames, a)

FASTCALL(make_tensor) {
  TORCHY_TRY
  READ_ARGS("tensor", 1, 1, "data", "dtype", "device", "requires_grad", "pin_memory");
  if (is_tensor(a[0]) && PyErr_WarnEx(PyExc_UserWarning,
                                      "tensor(): To copy construct from a tensor, use source.detach().clone(), with "
                                      ".requires_grad_(True) where gradients are wanted, rather than tensor(source).",
                                      1) < 0)
    return nullptr;
  return finish(tensor_from_data(a[0], optional_dtype(a[1])), a[2], truth(a[3]));
  TORCHY_CATCH(nullptr)
}
FASTCALL(make_as_tensor) {
  TORCHY_TRY
  READ_ARGS("as_tensor", 1, 1, "data", "dtype", "device");
  return finish(as_tensor(a[0], optional_dtype(a[1])), a[2]);
  TORCHY_CATCH(nullptr)
}
PyObject* make_from_numpy(PyObject*, PyObject* array) {
  TORCHY_TRY
  return wrap(from_numpy(array));
  TORCHY_CATCH(nullptr)
}
FASTCALL(make_frombuffer) {
  TORCHY_TRY
  READ_ARGS("frombuffer", 1, 2, "buffer", "dtype", "count", "offset", "requires_grad");
  Tensor t = frombuffer(a[0], unwrap_dtype(a[1]), a[2] ? integer(a[2]) : -1, a[3] ? integer(a[3]) : 0);
  return finish(std::move(t), nullptr, truth(a[4]));
  TORCHY_CATCH(nullptr)
}
FASTCALL(make_from_dlpack) {
  TORCHY_TRY
  READ_ARGS("from_dlpack", 1, 1, "ext_tensor", "device", "copy");
  Tensor t = from_dlpack(a[0]);
  return finish(truth(a[2]) ? kernels::clone(t) : std::move(t), a[1]);
  TORCHY_CATCH(nullptr)
}

// A tensor on the storage of `bytes`, checked: a damaged pickle must not reach beyond the memory.
FASTCALL(tensor_on_storage) {
  TORCHY_TRY
  READ_ARGS("_tensor_on_storage", 5, 5, "bytes", "dtype", "offset", "size", "stride");
  if (!is_tensor(a[0])) fail_type("_tensor_on_storage: bytes must be a Tensor");
  Storage* storage = impl_of(a[0])->storage();
  const DType dtype = unwrap_dtype(a[1]);
  const int64_t offset = integer(a[2]);
  const IntVec size = int_vec_from(a[3]), stride = int_vec_from(a[4]);
  TORCHY_CHECK(size.size() == stride.size() && size.size() <= 64 && offset >= 0, "_tensor_on_storage: offset ", offset,
               ", sizes ", size, " and strides ", stride, " do not fit together");
  int64_t end = offset;
  bool fits = true;
  const bool empty = numel_of(size) == 0;
  for (size_t i = 0; i < size.size() && !empty; ++i) {
    int64_t reach = 0;
    fits = fits && stride[i] >= 0 && !__builtin_mul_overflow(size[i] - 1, stride[i], &reach) &&
           !__builtin_add_overflow(end, reach, &end);
  }
  const auto places = static_cast<int64_t>(storage->nbytes()) / itemsize(dtype);
  TORCHY_CHECK(fits && (empty || end < places), "_tensor_on_storage: sizes ", size, " with strides ", stride,
               " from offset ", offset, " reach beyond the storage of ", storage->nbytes(), " bytes");
  storage->retain();
  return wrap(Tensor::steal(TensorImpl::make(dtype, storage, empty ? 0 : offset, size, stride)));
  TORCHY_CATCH(nullptr)
}

PyObject* method_tolist(PyObject* self, PyObject*) {
  TORCHY_TRY
  return tensor_tolist(unwrap(self));
  TORCHY_CATCH(nullptr)
}
FASTCALL(method_numpy) {
  TORCHY_TRY
  READ_ARGS("numpy", 0, 0, "force");
  return tensor_numpy(self, truth(a[0]));
  TORCHY_CATCH(nullptr)
}
FASTCALL(method_array) {
  TORCHY_TRY
  READ_ARGS("__array__", 1, 0, "dtype", "copy");
  return tensor_array(self, a[0] ? a[0] : Py_None, a[1] ? a[1] : Py_None);
  TORCHY_CATCH(nullptr)
}
// What NumPy makes of the result of a ufunc on tensors.
FASTCALL(method_array_wrap) {
  TORCHY_TRY
  READ_ARGS("__array_wrap__", 3, 1, "array", "context", "return_scalar");
  return wrap(from_array_like(a[0]));
  TORCHY_CATCH(nullptr)
}

bool wants_versioned(PyObject* max_version) {
  if (!max_version || max_version == Py_None) return false;
  Ref major(check_python(PySequence_GetItem(max_version, 0)));
  return integer(major.get()) >= 1;
}
FASTCALL(method_dlpack) {
  TORCHY_TRY
  READ_ARGS("__dlpack__", 0, 0, "stream", "max_version", "dl_device", "copy");
  if (a[0] && a[0] != Py_None && integer(a[0]) != -1) {
    PyErr_SetString(PyExc_BufferError, "__dlpack__: stream must be None for memory of the CPU");
    throw PythonError();
  }
  if (a[2] && a[2] != Py_None) {
    Ref type(check_python(PySequence_GetItem(a[2], 0)));
    if (integer(type.get()) != 1) {
      PyErr_SetString(PyExc_BufferError, "__dlpack__: dl_device must be (1, 0), the CPU; this build has no other");
      throw PythonError();
    }
  }
  return tensor_to_dlpack(self, wants_versioned(a[1]), a[3] && truth(a[3]));
  TORCHY_CATCH(nullptr)
}
PyObject* method_dlpack_device(PyObject*, PyObject*) { return Py_BuildValue("(ii)", 1, 0); }

// Calls torchy._pickle.<function>(self, [extra,] attributes).
PyObject* call_pickle(const char* function, PyObject* self, PyObject* extra) {
  Ref module(check_python(PyImport_ImportModule("torchy._pickle")));
  Ref callable(check_python(PyObject_GetAttrString(module.get(), function)));
  PyObject* dict = reinterpret_cast<PyTensor*>(self)->dict;
  PyObject* attributes = dict && PyDict_GET_SIZE(dict) ? dict : Py_None;
  if (extra) return PyObject_CallFunctionObjArgs(callable.get(), self, attributes, extra, nullptr);
  return PyObject_CallFunctionObjArgs(callable.get(), self, attributes, nullptr);
}
PyObject* method_reduce(PyObject* self, PyObject*) {
  TORCHY_TRY
  return call_pickle("reduce_tensor", self, nullptr);
  TORCHY_CATCH(nullptr)
}
PyObject* method_deepcopy(PyObject* self, PyObject* memo) {
  TORCHY_TRY
  return call_pickle("deepcopy_tensor", self, memo);
  TORCHY_CATCH(nullptr)
}
PyObject* method_copy(PyObject* self, PyObject*) {
  TORCHY_TRY
  return call_pickle("copy_tensor", self, nullptr);
  TORCHY_CATCH(nullptr)
}

}  // namespace

PyMethodDef data_methods[] = {
    {"tolist", method_tolist, METH_NOARGS, "The elements as nested lists of numbers; a number if 0-d."},
    {"numpy", FAST(method_numpy), "numpy(*, force=False): a NumPy array on the same memory."},
    {"__array__", FAST(method_array), "__array__(dtype=None, copy=None): the tensor as a NumPy array."},
    {"__array_wrap__", FAST(method_array_wrap), nullptr},
    {"__dlpack__", FAST(method_dlpack), "A DLPack capsule on the same memory."},
    {"__dlpack_device__", method_dlpack_device, METH_NOARGS, "(1, 0): the CPU."},
    {"__reduce_ex__", method_reduce, METH_O, nullptr},
    {"__deepcopy__", method_deepcopy, METH_O, nullptr},
    {"__copy__", method_copy, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef data_functions[] = {
    {"tensor", FAST(make_tensor),
     "tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False): a new tensor with "
     "a copy of data: numbers, nested sequences, arrays."},
    {"as_tensor", FAST(make_as_tensor),
     "as_tensor(data, *, dtype=None, device=None): data as a tensor, sharing memory where possible."},
    {"from_numpy", make_from_numpy, METH_O, "from_numpy(array): a tensor on the memory of a NumPy array."},
    {"frombuffer", FAST(make_frombuffer),
     "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False): a 1-d tensor on the memory of "
     "an object with the buffer protocol."},
    {"from_dlpack", FAST(make_from_dlpack),
     "from_dlpack(ext_tensor, *, device=None, copy=None): a tensor on the memory of another library's."},
    {"_tensor_on_storage", FAST(tensor_on_storage), nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace torchy::python
