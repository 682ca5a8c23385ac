// Python callables as hooks of tensors and nodes, and the handles that remove them. Layer: python.
#pragma once

#include "tensor_object.h"

namespace torchy::python {

// Each returns a handle with remove().
PyObject* add_tensor_hook(PyObject* tensor, PyObject* fn);
PyObject* add_post_accumulate_hook(PyObject* tensor, PyObject* fn);
PyObject* add_node_hook(Node* node, PyObject* fn, bool pre);
// For the collector: the functions of hooks that only this tensor's wrapper keeps alive.
int traverse_hooks(TensorImpl* t, visitproc visit, void* arg);
void clear_hooks(TensorImpl* t);
void add_hook_handle_type(PyObject* module);

}  // namespace torchy::python
