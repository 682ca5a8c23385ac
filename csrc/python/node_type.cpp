// Nodes seen from Python: name, next_functions, metadata, hooks, call. Layer: python.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <cstddef>
#include <string>
#include <unordered_map>

#include "../autograd/accumulate.h"
#include "hooks.h"
#include "types.h"

namespace torchy::python {

namespace {

struct PyNode {
  PyObject_HEAD Node* node;  // counted
  PyObject* weakrefs;
};
PyTypeObject* node_type = nullptr;

Node* node_of(PyObject* o) { return reinterpret_cast<PyNode*>(o)->node; }

void node_dealloc(PyObject* self) {
  auto* w = reinterpret_cast<PyNode*>(self);
  if (w->weakrefs) PyObject_ClearWeakRefs(self);
  w->node->python = nullptr;
  w->node->release();
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* node_repr(PyObject* self) {
  return PyUnicode_FromFormat("<%s object at %p>", node_of(self)->info().name, static_cast<void*>(self));
}
PyObject* node_name(PyObject* self, PyObject*) { return PyUnicode_FromString(node_of(self)->info().name); }

PyObject* node_sequence_nr(PyObject* self, PyObject*) {
  return PyLong_FromUnsignedLongLong(node_of(self)->sequence_nr());
}

PyObject* node_call(PyObject* self, PyObject* args, PyObject*) {
  TORCHY_TRY
  Node* n = node_of(self);
  TensorList grads, out(n->num_edges());
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
    PyObject* a = PyTuple_GET_ITEM(args, i);
    if (a != Py_None && !is_tensor(a)) fail_type(n->info().name, ": takes Tensors or None, not ", Py_TYPE(a)->tp_name);
    grads.push_back(a == Py_None ? Tensor() : unwrap(a));
  }
  TORCHY_CHECK(grads.size() == n->num_inputs(), n->info().name, ": expects ", n->num_inputs(),
               " gradients, one per result of the operation, but got ", grads.size());
  n->apply(grads, out);
  if (out.size() == 1) return wrap(std::move(out[0]));
  return wrap_list(std::move(out));
  TORCHY_CATCH(nullptr)
}

PyObject* node_next_functions(PyObject* self, void*) {
  TORCHY_TRY
  Node* n = node_of(self);
  Ref tuple(check_python(PyTuple_New(n->num_edges())));
  for (uint32_t i = 0; i < n->num_edges(); ++i) {
    PyObject* node = wrap_node(n->edge(i).node);
    PyObject* pair = node ? Py_BuildValue("NI", node, n->edge(i).nr) : nullptr;
    PyTuple_SET_ITEM(tuple.get(), i, check_python(pair));
  }
  return tuple.leak();
  TORCHY_CATCH(nullptr)
}

PyObject* node_metadata(PyObject* self, void*) {
  Node* n = node_of(self);
  if (!n->metadata) n->metadata = PyDict_New();
  return Py_XNewRef(static_cast<PyObject*>(n->metadata));
}

PyObject* node_variable(PyObject* self, void*) {
  AccumulateGrad* acc = as_accumulator(node_of(self));
  if (!acc) {
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'variable'; only AccumulateGrad has one",
                 node_of(self)->info().name);
    return nullptr;
  }
  return wrap(Tensor::borrow(acc->variable()));
}

PyObject* node_sign(PyObject* self, void*) { return PyUnicode_FromString(node_of(self)->info().sign); }
PyObject* node_formula(PyObject* self, void*) { return PyUnicode_FromString(node_of(self)->info().formula); }
PyObject* node_op(PyObject* self, void*) { return PyUnicode_FromString(node_of(self)->info().op); }

PyObject* node_register_hook(PyObject* self, PyObject* fn) {
  TORCHY_TRY
  return add_node_hook(node_of(self), fn, false);
  TORCHY_CATCH(nullptr)
}
PyObject* node_register_prehook(PyObject* self, PyObject* fn) {
  TORCHY_TRY
  return add_node_hook(node_of(self), fn, true);
  TORCHY_CATCH(nullptr)
}

PyMethodDef node_methods[] = {
    {"name", node_name, METH_NOARGS, "The node's name, such as 'MulBackward0'."},
    {"_sequence_nr", node_sequence_nr, METH_NOARGS, "Grows, per thread, in order of construction."},
    {"register_hook", node_register_hook, METH_O,
     "Call fn(grad_inputs, grad_outputs) after the node ran; a result that is not None replaces grad_inputs."},
    {"register_prehook", node_register_prehook, METH_O,
     "Call fn(grad_outputs) before the node runs; a result that is not None replaces grad_outputs."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef node_properties[] = {
    {"next_functions", node_next_functions, nullptr, "Pairs (node or None, input number), one per input.", nullptr},
    {"metadata", node_metadata, nullptr, "A dict for notes of the user.", nullptr},
    {"variable", node_variable, nullptr, "The leaf of an AccumulateGrad.", nullptr},
    {"sign", node_sign, nullptr, "The operation's sign in pictures of the graph.", nullptr},
    {"formula", node_formula, nullptr, "The vector-Jacobian rules of the operation, as text.", nullptr},
    {"op", node_op, nullptr, "The operation's name in the table.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef node_members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyNode, weakrefs), READONLY, nullptr},
                              {nullptr, 0, 0, 0, nullptr}};

}  // namespace

// type(y.grad_fn).__name__ is the node's name: one empty subclass of Node each, made when first seen.
static PyTypeObject* type_of(const char* name) {
  static auto* types = new std::unordered_map<std::string, std::pair<std::string, PyTypeObject*>>();
  auto& entry = (*types)[name];
  if (!entry.second) {
    static PyType_Slot slots[] = {{0, nullptr}};
    entry.first = std::string("torchy.autograd.") + name;  // the type points to this text
    PyType_Spec spec = {entry.first.c_str(), 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    Ref bases(check_python(PyTuple_Pack(1, node_type)));
    entry.second = reinterpret_cast<PyTypeObject*>(check_python(PyType_FromSpecWithBases(&spec, bases.get())));
  }
  return entry.second;
}

PyObject* wrap_node(Node* node) {
  if (!node) Py_RETURN_NONE;
  if (node->python) return Py_NewRef(static_cast<PyObject*>(node->python));
  auto* w = PyObject_New(PyNode, type_of(node->info().name));
  if (!w) throw PythonError();
  node->retain();
  w->node = node;
  w->weakrefs = nullptr;
  node->python = w;
  return reinterpret_cast<PyObject*>(w);
}

bool is_node(PyObject* o) { return PyObject_TypeCheck(o, node_type); }
Node* unwrap_node(PyObject* o) { return node_of(o); }

void add_node_type(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
                                {Py_tp_repr, reinterpret_cast<void*>(node_repr)},
                                {Py_tp_call, reinterpret_cast<void*>(node_call)},
                                {Py_tp_methods, node_methods},
                                {Py_tp_getset, node_properties},
                                {Py_tp_members, node_members},
                                {Py_tp_doc, const_cast<char*>("One step of the recorded program.")},
                                {0, nullptr}};
  static PyType_Spec spec = {"torchy.autograd.Node", sizeof(PyNode), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  PyObject* type = check_python(PyType_FromSpec(&spec));
  node_type = reinterpret_cast<PyTypeObject*>(type);
  if (PyModule_AddObjectRef(module, "Node", type) < 0) throw PythonError();
  release_metadata = [](void* dict) { Py_XDECREF(static_cast<PyObject*>(dict)); };
}

}  // namespace torchy::python
