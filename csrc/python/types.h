// The small Python types beside Tensor: dtype, Size, Node; and the pieces tensor_type.cpp assembles.
// Layer: python.
#pragma once

#include "tensor_object.h"

namespace torchy::python {

void add_dtypes(PyObject* module);
void add_size(PyObject* module);
void add_node_type(PyObject* module);
void add_tensor_type(PyObject* module);

void tensor_dealloc(PyObject* self);
int tensor_traverse(PyObject* self, visitproc visit, void* arg);
int tensor_clear(PyObject* self);
int tensor_setattro(PyObject* self, PyObject* name, PyObject* value);

extern PyMethodDef tensor_methods[];
extern PyGetSetDef tensor_properties[];

}  // namespace torchy::python
