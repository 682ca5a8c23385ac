// The buffer protocol: tensors as exporters, and any exporter's memory as a tensor. Layer: python.
#include <cstring>

#include "../autograd/meta.h"
#include "../autograd/batch.h"
#include "data.h"

namespace torchy::python {

namespace {

// struct-module codes, in the order of DType. Where `long` has 64 bits NumPy's int64 is 'l'.
constexpr const char* kInt64Format = sizeof(long) == 8 ? "l" : "q";
const char* const kFormats[kNumDTypes] = {"?", "B", "b", "h", "i", kInt64Format, "e", nullptr, "f", "d", "Zf", "Zd"};

std::optional<DType> signed_of(Py_ssize_t size) {
  switch (size) {
    case 1: return DType::Int8;
    case 2: return DType::Int16;
    case 4: return DType::Int32;
    case 8: return DType::Int64;
    default: return std::nullopt;
  }
}
std::optional<DType> float_of(Py_ssize_t size) {
  switch (size) {
    case 2: return DType::Float16;
    case 4: return DType::Float32;
    case 8: return DType::Float64;
    default: return std::nullopt;
  }
}

// One element's code (without the byte order prefix) and its size.
std::optional<DType> dtype_of_code(const char* code, Py_ssize_t size) {
  const char c = code[0];
  const bool pair = c == 'Z' && code[1] != '\0';
  if (code[pair ? 2 : 1] != '\0') return std::nullopt;
  if (pair || c == 'F' || c == 'D') {
    if (pair && !std::strchr("fd", code[1])) return std::nullopt;
    return size == 8 ? std::optional(DType::Complex64) : size == 16 ? std::optional(DType::Complex128) : std::nullopt;
  }
  if (c == '?') return size == 1 ? std::optional(DType::Bool) : std::nullopt;
  if (std::strchr("bhilqn", c)) return signed_of(size);
  if (std::strchr("BHILQN", c)) return size == 1 ? std::optional(DType::UInt8) : std::nullopt;
  if (std::strchr("efd", c)) return float_of(size);
  return std::nullopt;
}

// What one export holds on to: the storage it shows (the tensor may be given another meanwhile).
struct Export {
  Storage* storage;
  Py_ssize_t dims[1];  // sizes, then strides in bytes
};

[[noreturn]] void refuse(const char* text) {
  PyErr_SetString(PyExc_BufferError, text);
  throw PythonError();
}

void describe(const TensorImpl* t, Py_buffer* view, int flags) {
  const auto ndim = static_cast<size_t>(t->ndim());
  void* memory = PyMem_Malloc(sizeof(Export) + 2 * ndim * sizeof(Py_ssize_t));
  if (!memory) throw std::bad_alloc();
  auto* held = static_cast<Export*>(memory);
  held->storage = t->storage();
  const Py_ssize_t size = itemsize(t->dtype());
  for (size_t i = 0; i < ndim; ++i) {
    held->dims[i] = static_cast<Py_ssize_t>(t->sizes()[i]);
    held->dims[ndim + i] = static_cast<Py_ssize_t>(t->strides()[i]) * size;
  }
  view->internal = held;
  view->buf = t->data();
  view->len = static_cast<Py_ssize_t>(t->numel()) * size;
  view->itemsize = size;
  view->readonly = t->storage()->readonly();
  view->ndim = static_cast<int>(ndim);
  view->format = const_cast<char*>(kFormats[int(t->dtype())]);
  view->shape = held->dims;
  view->strides = held->dims + ndim;
  view->suboffsets = nullptr;
  auto wants = [flags](int bits) { return (flags & bits) == bits; };
  const bool ok = (wants(PyBUF_STRIDES) || t->is_contiguous()) && (!wants(PyBUF_C_CONTIGUOUS) || t->is_contiguous()) &&
                  (!wants(PyBUF_F_CONTIGUOUS) || PyBuffer_IsContiguous(view, 'F')) &&
                  (!wants(PyBUF_ANY_CONTIGUOUS) || PyBuffer_IsContiguous(view, 'A'));
  if (!ok) {
    PyMem_Free(held);
    refuse("buffer: this tensor is not contiguous as the consumer asks; use contiguous() first");
  }
  if (!wants(PyBUF_FORMAT)) view->format = nullptr;
  if (!wants(PyBUF_STRIDES)) view->strides = nullptr;
  if (!wants(PyBUF_ND)) {
    view->shape = nullptr;
    view->ndim = 1;
  }
}

void release_view(void* context) {
  auto* view = static_cast<Py_buffer*>(context);
  PyBuffer_Release(view);
  delete view;
}

}  // namespace

int tensor_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  TORCHY_TRY
  check_not_batched(unwrap(self), "the buffer protocol");
  TensorImpl* t = impl_of(self);
  if (!kFormats[int(t->dtype())]) refuse("buffer: bfloat16 has no buffer format; convert first, e.g. with float()");
  if (requires_grad(t)) refuse("buffer: can't export the memory of a Tensor that requires grad; use tensor.detach()");
  if ((flags & PyBUF_WRITABLE) && t->storage()->readonly())
    refuse("buffer: this tensor shares read-only memory of another library; clone() it first");
  describe(t, view, flags);
  t->storage()->retain();
  t->storage()->pin();
  view->obj = Py_NewRef(self);
  return 0;
  TORCHY_CATCH(-1)
}

void tensor_releasebuffer(PyObject*, Py_buffer* view) {
  auto* held = static_cast<Export*>(view->internal);
  held->storage->release();
  PyMem_Free(held);
  view->internal = nullptr;
}

BufferView::BufferView(PyObject* exporter, int flags) {
  if (!PyObject_CheckBuffer(exporter)) return;
  view_ = new Py_buffer;
  if (PyObject_GetBuffer(exporter, view_, flags) == 0) return;
  PyErr_Clear();
  delete view_;
  view_ = nullptr;
}

BufferView::~BufferView() {
  if (view_) release_view(view_);
}

std::optional<DType> BufferView::dtype(Order* order) const {
  const char* format = view_->format ? view_->format : "B";
  const uint16_t one = 1;
  const bool little = *reinterpret_cast<const char*>(&one) == 1;
  bool foreign = false;
  if (std::strchr("@=<>!^", format[0]) && format[0]) {
    foreign = (format[0] == '<') ? !little : (format[0] == '>' || format[0] == '!') ? little : false;
    ++format;
  }
  auto found = dtype_of_code(format, view_->itemsize);
  foreign = foreign && view_->itemsize > 1;
  if (order) *order = foreign ? Order::Foreign : Order::Native;
  else if (foreign) return std::nullopt;
  return found;
}

Tensor BufferView::share(DType dtype, void* data, IntSpan sizes, IntSpan strides) {
  const int64_t width = itemsize(dtype);
  int64_t places = numel_of(sizes) ? 1 : 0;
  for (size_t i = 0; places && i < sizes.size(); ++i) places += (sizes[i] - 1) * strides[i];
  Storage* s = Storage::wrap(data, size_t(places * width), release_view, view_, view_->readonly);
  view_ = nullptr;
  return Tensor::steal(TensorImpl::make(dtype, s, 0, sizes, strides));
}

Tensor BufferView::share(DType dtype) {
  const auto ndim = static_cast<size_t>(view_->ndim);
  if (ndim > 64) fail_value("a buffer of ", ndim, " dimensions; at most 64 are supported");
  IntVec sizes;
  for (size_t i = 0; i < ndim; ++i) sizes.push_back(view_->shape ? view_->shape[i] : view_->len / view_->itemsize);
  IntVec strides = contiguous_strides(sizes);
  for (size_t i = 0; view_->strides && i < ndim; ++i) {  // ctypes leaves them out where they are plain
    const int64_t bytes = view_->strides[i];
    if (bytes < 0)
      fail_value("At least one stride in the given numpy array is negative (stride ", bytes, " at dim ", i,
                 "); tensors cannot have that. Use array.copy() first");
    if (sizes[i] <= 1 || numel_of(sizes) == 0) continue;
    if (bytes % view_->itemsize)
      fail_value("given numpy array strides not a multiple of the element byte size (stride ", bytes, ", element size ",
                 view_->itemsize, "). Use array.copy() first");
    strides[i] = bytes / view_->itemsize;
  }
  return share(dtype, view_->buf, sizes, strides);
}

Tensor BufferView::share_flat(DType dtype, int64_t count, int64_t offset_bytes) {
  return share(dtype, static_cast<char*>(view_->buf) + offset_bytes, IntVec{count}, IntVec{1});
}

Tensor frombuffer(PyObject* buffer, DType dtype, int64_t count, int64_t offset) {
  if (!PyObject_CheckBuffer(buffer))
    fail_value("object does not implement Python buffer protocol (got ", Py_TYPE(buffer)->tp_name,
               "); frombuffer takes bytes, bytearray, memoryview, array, mmap, ...");
  BufferView view(buffer, PyBUF_SIMPLE);
  TORCHY_CHECK(view, "frombuffer: could not retrieve buffer from object; it must be contiguous memory");
  const int64_t length = view->len, width = itemsize(dtype);
  if (length <= 0 || count == 0) fail_value("both buffer length (", length, ") and count (", count, ") must not be 0");
  if (offset < 0 || offset >= length)
    fail_value("offset (", offset, " bytes) must be non-negative and no greater than buffer length (", length,
               " bytes) minus 1");
  if (count < 0) {
    if ((length - offset) % width)
      fail_value("buffer length (", length, " bytes) after offset (", offset,
                 " bytes) must be a multiple of element size (", width, ")");
    count = (length - offset) / width;
  } else if (count > (length - offset) / width) {
    fail_value("requested buffer length (", count, " * ", width, " bytes) after offset (", offset,
               " bytes) must not be greater than actual buffer length (", length, " bytes)");
  }
  if (view->readonly && PyErr_WarnEx(PyExc_UserWarning,
                                     "The given buffer is not writable. The tensor shares it, so in-place operations "
                                     "on the tensor will raise an error; clone() it to get one that can be changed.",
                                     1) < 0)
    throw PythonError();
  return view.share_flat(dtype, count, offset);
}

}  // namespace torchy::python
