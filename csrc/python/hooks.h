// Python callables as hooks of tensors and nodes, and the handles that remove them. Layer: python.
#pragma once

#include "tensor_object.h"

namespace torchy::python {

// Each returns a handle with remove().
PyObject* add_tensor_hook(const Tensor& t, PyObject* fn);
PyObject* add_post_accumulate_hook(const Tensor& t, PyObject* fn);
PyObject* add_node_hook(PyObject* node_object, Node* node, PyObject* fn, bool pre);
void add_hook_handle_type(PyObject* module);

}  // namespace torchy::python
