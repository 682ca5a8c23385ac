// DLPack, the exchange of tensors between libraries without copying. Layer: python.
// The structures follow the public specification (DLPack 1.0, dmlc.github.io/dlpack).
#include <cstring>
#include <new>

#include "../autograd/batch.h"
#include "../kernels/copy.h"
#include "data.h"

namespace torchy::python {

namespace {

enum : int32_t { kCpuDevice = 1 };
enum : uint8_t { kCodeInt = 0, kCodeUInt = 1, kCodeFloat = 2, kCodeBFloat = 4, kCodeComplex = 5, kCodeBool = 6 };
enum : uint64_t { kReadOnly = 1, kIsCopied = 2 };

struct DLDevice {
  int32_t type;
  int32_t id;
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null means row-major
  uint64_t byte_offset;
};
struct Legacy {  // DLManagedTensor
  DLTensor tensor;
  void* context;
  void (*deleter)(Legacy*);
  static constexpr const char* kName = "dltensor";
  static constexpr const char* kUsed = "used_dltensor";
};
struct Versioned {  // DLManagedTensorVersioned
  uint32_t major, minor;
  void* context;
  void (*deleter)(Versioned*);
  uint64_t flags;
  DLTensor tensor;
  static constexpr const char* kName = "dltensor_versioned";
  static constexpr const char* kUsed = "used_dltensor_versioned";
};

DLDataType to_dl(DType d) {
  const auto bits = static_cast<uint8_t>(8 * itemsize(d));
  uint8_t code = kCodeInt;
  if (d == DType::Bool) code = kCodeBool;
  else if (d == DType::UInt8) code = kCodeUInt;
  else if (d == DType::BFloat16) code = kCodeBFloat;
  else if (is_float(d)) code = kCodeFloat;
  else if (is_complex(d)) code = kCodeComplex;
  return {code, bits, 1};
}

DType from_dl(DLDataType t) {
  for (int i = 0; i < kNumDTypes; ++i) {
    const DLDataType own = to_dl(static_cast<DType>(i));
    if (own.code == t.code && own.bits == t.bits && t.lanes == 1) return static_cast<DType>(i);
  }
  fail("from_dlpack: elements of type code ", int(t.code), " with ", int(t.bits), " bits and ", t.lanes,
       " lanes are not supported; convert them in the other library first");
}

[[noreturn]] void refuse(const char* text) {
  PyErr_SetString(PyExc_BufferError, text);
  throw PythonError();
}

// The consumer may let go on any thread, with or without the interpreter lock.
template <class M>
void delete_managed(M* managed) {
  if (!Py_IsInitialized()) return;  // at exit the memory goes anyway
  PyGILState_STATE state = PyGILState_Ensure();
  static_cast<TensorImpl*>(managed->context)->release();
  ::operator delete(managed);
  PyGILState_Release(state);
}

// Of a capsule that nobody consumed.
template <class M>
void destroy_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, M::kName)) return;
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, M::kName));
  if (managed->deleter) managed->deleter(managed);
}

template <class M>
PyObject* export_as(Tensor t, [[maybe_unused]] bool copied) {
  const auto ndim = static_cast<size_t>(t.ndim());
  auto* managed = static_cast<M*>(::operator new(sizeof(M) + 2 * ndim * sizeof(int64_t)));
  std::memset(static_cast<void*>(managed), 0, sizeof(M));
  auto* dims = reinterpret_cast<int64_t*>(managed + 1);
  std::copy(t.sizes().begin(), t.sizes().end(), dims);
  for (size_t i = 0; i < ndim; ++i)  // a single element's stride says nothing: make it plain
    dims[ndim + i] = t.sizes()[i] < 2 ? 1 : t.strides()[i];
  managed->tensor = {t.raw(), {kCpuDevice, 0}, static_cast<int32_t>(ndim), to_dl(t.dtype()), dims, dims + ndim, 0};
  managed->deleter = delete_managed<M>;
  if constexpr (std::is_same_v<M, Versioned>) {
    managed->major = 1;
    managed->flags = (t.storage()->readonly() ? uint64_t(kReadOnly) : 0) | (copied ? uint64_t(kIsCopied) : 0);
  }
  managed->context = t.leak();
  PyObject* capsule = PyCapsule_New(managed, M::kName, destroy_capsule<M>);
  if (!capsule) {
    managed->deleter(managed);
    throw PythonError();
  }
  return capsule;
}

template <class M>
void release_managed(void* context) {
  auto* managed = static_cast<M*>(context);
  if (managed->deleter) managed->deleter(managed);
}

template <class M>
bool is_readonly([[maybe_unused]] const M* managed) {
  if constexpr (std::is_same_v<M, Versioned>) return managed->flags & kReadOnly;
  else return false;
}

template <class M>
Tensor import_as(PyObject* capsule) {
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, M::kName));
  if (!managed) throw PythonError();
  if constexpr (std::is_same_v<M, Versioned>)
    TORCHY_CHECK(managed->major == 1, "from_dlpack: version ", managed->major, ".", managed->minor,
                 " of the protocol is not understood; this build speaks 1.0 and the unversioned form");
  const DLTensor& d = managed->tensor;
  TORCHY_CHECK(d.device.type == kCpuDevice, "from_dlpack: the memory is on device type ", d.device.type,
               "; this build has only the CPU, copy it there first");
  TORCHY_CHECK(d.ndim >= 0 && d.ndim <= 64, "from_dlpack: ", d.ndim, " dimensions; at most 64 are supported");
  const DType dtype = from_dl(d.dtype);
  const IntVec sizes(IntSpan(d.shape, static_cast<size_t>(d.ndim)));
  IntVec strides = contiguous_strides(sizes);
  int64_t places = numel_of(sizes) ? 1 : 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (d.strides && sizes[i] > 1) strides[i] = d.strides[i];
    if (strides[i] < 0)
      fail_value("from_dlpack: stride ", strides[i], " at dim ", i,
                 " is negative, which tensors cannot have; copy the array first");
    if (places) places += (sizes[i] - 1) * strides[i];
  }
  Storage* s = Storage::wrap(static_cast<char*>(d.data) + d.byte_offset, size_t(places * itemsize(dtype)),
                             release_managed<M>, managed, is_readonly(managed));
  Tensor t = Tensor::steal(TensorImpl::make(dtype, s, 0, sizes, strides));
  // From here on the storage owns it, and the capsule is spent.
  PyCapsule_SetDestructor(capsule, nullptr);
  if (PyCapsule_SetName(capsule, M::kUsed) < 0) throw PythonError();
  return t;
}

Tensor import_capsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, Versioned::kName)) return import_as<Versioned>(capsule);
  if (PyCapsule_IsValid(capsule, Legacy::kName)) return import_as<Legacy>(capsule);
  fail(
      "from_dlpack received an invalid capsule: a capsule can be consumed only once, and this one is "
      "spent or no DLPack capsule");
}

void check_source_device(PyObject* source) {
  if (!PyObject_HasAttrString(source, "__dlpack_device__")) return;
  Ref device(check_python(PyObject_CallMethod(source, "__dlpack_device__", nullptr)));
  Ref type(check_python(PySequence_GetItem(device.get(), 0)));
  const long code = PyLong_AsLong(type.get());
  if (code == -1 && PyErr_Occurred()) throw PythonError();
  TORCHY_CHECK(code == kCpuDevice, "from_dlpack: the memory is on device type ", code,
               "; this build has only the CPU, copy it there first");
}

Ref ask_for_capsule(PyObject* source) {
  Ref method(check_python(PyObject_GetAttrString(source, "__dlpack__")));
  Ref none(check_python(PyTuple_New(0)));
  Ref versioned(check_python(Py_BuildValue("{s(ii)}", "max_version", 1, 0)));
  Ref capsule(PyObject_Call(method.get(), none.get(), versioned.get()));
  if (!capsule && PyErr_ExceptionMatches(PyExc_TypeError)) {  // from before version 1.0
    PyErr_Clear();
    capsule = Ref(PyObject_CallNoArgs(method.get()));
  }
  check_python(capsule.get());
  return capsule;
}

}  // namespace

PyObject* tensor_to_dlpack(PyObject* self, bool versioned, bool copy) {
  Tensor t = unwrap(self);
  check_not_batched(t, "dlpack");
  if (requires_grad(t)) refuse("Can't export tensors that require gradient, use tensor.detach()");
  if (copy) t = kernels::clone(t);
  else t = alias(t);  // a later set_ or resize_ of `self` must not show in what was handed out
  t.storage()->pin();
  if (versioned) return export_as<Versioned>(std::move(t), copy);
  if (t.storage()->readonly())
    refuse("__dlpack__: the memory is read-only, which only max_version=(1, 0) can say; clone() it first");
  return export_as<Legacy>(std::move(t), copy);
}

Tensor from_dlpack(PyObject* source) {
  if (PyCapsule_CheckExact(source)) return import_capsule(source);
  if (PyType_Check(source) || !PyObject_HasAttrString(source, "__dlpack__"))
    fail("from_dlpack received an invalid capsule or object (", Py_TYPE(source)->tp_name,
         "): it must have __dlpack__ or be a DLPack capsule");
  check_source_device(source);
  Ref capsule = ask_for_capsule(source);
  if (!PyCapsule_CheckExact(capsule.get()))
    fail_type("from_dlpack: __dlpack__ returned ", Py_TYPE(capsule.get())->tp_name, ", not a capsule");
  return import_capsule(capsule.get());
}

}  // namespace torchy::python
