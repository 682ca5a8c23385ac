// How data enters and leaves tensors: Python numbers and sequences, buffers, NumPy, DLPack, pickles.
// Layer: python. NumPy is imported when it is first asked for, never before.
#pragma once

#include <optional>
#include <string>

#include "tensor_object.h"

namespace torchy::python {

// data.cpp: tensor_from_data is declared in tensor_object.h.
// Shares memory with arrays and tensors when the dtype allows it, else copies.
Tensor as_tensor(PyObject* data, std::optional<DType> dtype);

// tolist.cpp: nested lists of Python numbers; a number for a 0-d tensor.
PyObject* tensor_tolist(const Tensor& t);

// numpy_bridge.cpp. `force` detaches first. All of these share memory.
PyObject* tensor_numpy(PyObject* self, bool force);
PyObject* tensor_array(PyObject* self, PyObject* dtype, PyObject* copy);  // __array__
Tensor from_numpy(PyObject* array);
// Classes are recognised by name, so that nothing here needs NumPy to be loaded.
bool is_ndarray(PyObject* o);
bool is_numpy_scalar(PyObject* o);
Scalar read_numpy_scalar(PyObject* o, DType& dtype);
// Is there a protocol (DLPack, __array__) by which the object gives its elements away?
bool has_array_protocol(PyObject* o);
// Elements of a tensor, an array, a NumPy scalar or an object with such a protocol.
Tensor from_array_like(PyObject* o);

// buffer.cpp: the buffer protocol in both directions.
int tensor_getbuffer(PyObject* self, Py_buffer* view, int flags);
void tensor_releasebuffer(PyObject* self, Py_buffer* view);
Tensor frombuffer(PyObject* buffer, DType dtype, int64_t count, int64_t offset);

// A held Py_buffer; share() hands it to a tensor, which lets go of it with its storage.
class BufferView {
 public:
  // Holds nothing, with no exception set, if the object exports no such buffer.
  BufferView(PyObject* exporter, int flags);
  BufferView(const BufferView&) = delete;
  ~BufferView();
  explicit operator bool() const { return view_ != nullptr; }
  const Py_buffer& operator*() const { return *view_; }
  const Py_buffer* operator->() const { return view_; }

  enum class Order : uint8_t { Native, Foreign };
  // The dtype of the format; nullopt for anything a tensor cannot hold.
  std::optional<DType> dtype(Order* order = nullptr) const;
  // A tensor on this memory. ValueError for strides that a tensor cannot have.
  Tensor share(DType dtype);
  Tensor share_flat(DType dtype, int64_t count, int64_t offset_bytes);

 private:
  Tensor share(DType dtype, void* data, IntSpan sizes, IntSpan strides);
  Py_buffer* view_ = nullptr;
};

// dlpack.cpp
PyObject* tensor_to_dlpack(PyObject* self, bool versioned, bool copy);
Tensor from_dlpack(PyObject* source);  // an object with __dlpack__, or a capsule

// data_methods.cpp: what the type and the module get.
extern PyMethodDef data_methods[];
extern PyMethodDef data_functions[];

}  // namespace torchy::python
