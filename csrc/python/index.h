// x[key] and x[key] = value. Layer: python.
#pragma once

#include "tensor_object.h"

namespace torchy::python {

PyObject* tensor_getitem(PyObject* self, PyObject* key);
// value is null for `del x[key]`, which is a TypeError.
int tensor_setitem(PyObject* self, PyObject* key, PyObject* value);

// What a key means: the view that its numbers, slices, None and ... make, and the index tensors for
// what is left (empty, or one entry for each of the view's first dims, undefined for a whole dim).
struct Indexed {
  Tensor view;
  TensorList indices;
};
Indexed apply_key(const Tensor& self, PyObject* key);

// The pieces of which the fast paths consist too.
Tensor select_checked(const Tensor& self, int64_t dim, int64_t index, int64_t named_dim);
Tensor apply_slice(const Tensor& self, int64_t dim, PyObject* slice, bool skip_whole);

}  // namespace torchy::python
