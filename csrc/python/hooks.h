// Python callables as hooks of tensors and nodes, and the handles that remove them. Layer: python.
#pragma once

#include "tensor_object.h"

namespace torchy::python {

// Each returns a handle with remove().
PyObject* add_tensor_hook(PyObject* tensor, PyObject* fn);
PyObject* add_post_accumulate_hook(PyObject* tensor, PyObject* fn);
PyObject* add_node_hook(Node* node, PyObject* fn, bool pre);
// Puts a tensor under the collector's eyes: something of Python's hangs on it.
void let_collector_see(PyObject* tensor);
// The backward of a user's autograd.Function if `node` is one, borrowed; else null (bind_function.cpp).
PyObject* backward_of_function(Node* node);
// For the collector: the hooks, and the user's backward, that only this tensor's wrapper keeps alive.
int traverse_hooks(TensorImpl* t, visitproc visit, void* arg);
void clear_hooks(TensorImpl* t);
void add_hook_handle_type(PyObject* module);

}  // namespace torchy::python
