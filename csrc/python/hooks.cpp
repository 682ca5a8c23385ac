// Hooks: Python callables behind the engine's hook interfaces. Layer: python.
#include "hooks.h"

#include "../autograd/accumulate.h"
#include "../autograd/meta.h"

namespace torchy::python {

namespace {

int64_t next_hook_id = 1;

Tensor hook_result(PyObject* result, const char* who) {
  if (result == Py_None) return Tensor();
  if (!is_tensor(result)) fail_type(who, ": expected a Tensor or None from the hook, but got ", Py_TYPE(result)->tp_name);
  return unwrap(result);
}

struct PyTensorHook final : TensorHook {
  explicit PyTensorHook(PyObject* f) : fn(Ref::borrow(f)) { id = next_hook_id++; }
  Tensor call(const Tensor& grad) override {
    Ref arg(wrap(grad));
    Ref f = Ref::borrow(fn.get());  // the hook may remove itself
    Ref result(check_python(PyObject_CallOneArg(f.get(), arg.get())));
    Tensor r = hook_result(result.get(), "hook");
    if (r.defined() && r.sizes() != grad.sizes())
      fail("hook: has changed the size of value: the gradient has shape ", grad.sizes(), ", the hook returned ", r.sizes());
    return r;
  }
  Ref fn;
};

Ref to_tuple(const TensorList& list) {
  Ref t(check_python(PyTuple_New(static_cast<Py_ssize_t>(list.size()))));
  for (size_t i = 0; i < list.size(); ++i) PyTuple_SET_ITEM(t.get(), static_cast<Py_ssize_t>(i), wrap(list[i]));
  return t;
}

struct PyNodeHook final : NodeHook {
  PyNodeHook(PyObject* f, bool p) : fn(Ref::borrow(f)), pre(p) { id = next_hook_id++; }
  void call(TensorList& grads, const TensorList& inputs) override {
    Ref f = Ref::borrow(fn.get());
    Ref first = to_tuple(grads);
    Ref result;
    if (pre) {
      result = Ref(PyObject_CallOneArg(f.get(), first.get()));
    } else {
      Ref second = to_tuple(inputs);
      result = Ref(PyObject_CallFunctionObjArgs(f.get(), first.get(), second.get(), nullptr));
    }
    check_python(result.get());
    if (result.get() == Py_None) return;
    if (is_tensor(result.get()) && grads.size() == 1) {
      grads[0] = unwrap(result.get());
      return;
    }
    if (!PyTuple_Check(result.get()) || PyTuple_GET_SIZE(result.get()) != static_cast<Py_ssize_t>(grads.size()))
      fail("hook: has returned an incorrect number of values; expected a tuple of ", grads.size(), " or None");
    for (size_t i = 0; i < grads.size(); ++i)
      grads[i] = hook_result(PyTuple_GET_ITEM(result.get(), static_cast<Py_ssize_t>(i)), "hook");
  }
  Ref fn;
  bool pre;
};

// A handle keeps what carries the hook alive only as long as the handle itself lives.
struct PyHandle {
  PyObject_HEAD
  PyObject* owner;  // Tensor or Node object
  int64_t id;
};
PyTypeObject* handle_type = nullptr;

PyObject* make_handle(PyObject* owner, int64_t id) {
  auto* h = PyObject_New(PyHandle, handle_type);
  if (!h) throw PythonError();
  h->owner = Py_NewRef(owner);
  h->id = id;
  return reinterpret_cast<PyObject*>(h);
}

template <class List> void erase_id(List& list, int64_t id) {
  for (size_t i = 0; i < list.size(); ++i)
    if (list[i]->id == id) {
      auto dead = std::move(list[i]);
      list.erase(list.begin() + static_cast<ptrdiff_t>(i));
      return;
    }
}

void remove_hook(PyObject* owner, int64_t id) {
  if (is_tensor(owner)) {
    if (AutogradMeta* m = meta_of(impl_of(owner))) {
      erase_id(m->hooks, id);
      erase_id(m->post_accumulate, id);
    }
    return;
  }
  if (NodeHooks* hooks = unwrap_node(owner)->hooks_if_any()) {
    erase_id(hooks->pre, id);
    erase_id(hooks->post, id);
    for (size_t i = 0; i < hooks->tensor_pre.size(); ++i)
      if (hooks->tensor_pre[i].second->id == id) {
        auto dead = std::move(hooks->tensor_pre[i].second);
        hooks->tensor_pre.erase(hooks->tensor_pre.begin() + static_cast<ptrdiff_t>(i));
        return;
      }
  }
}

PyObject* handle_remove(PyObject* self, PyObject*) {
  auto* h = reinterpret_cast<PyHandle*>(self);
  if (h->owner) {
    Ref owner(h->owner);
    h->owner = nullptr;
    remove_hook(owner.get(), h->id);
  }
  Py_RETURN_NONE;
}
PyObject* handle_enter(PyObject* self, PyObject*) { return Py_NewRef(self); }
PyObject* handle_exit(PyObject* self, PyObject*) { return handle_remove(self, nullptr); }

void handle_dealloc(PyObject* self) {
  Py_CLEAR(reinterpret_cast<PyHandle*>(self)->owner);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* handle_id(PyObject* self, void*) { return PyLong_FromLongLong(reinterpret_cast<PyHandle*>(self)->id); }

PyMethodDef handle_methods[] = {
    {"remove", handle_remove, METH_NOARGS, "Remove the hook; a second call does nothing."},
    {"__enter__", handle_enter, METH_NOARGS, nullptr},
    {"__exit__", handle_exit, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef handle_properties[] = {{"id", handle_id, nullptr, nullptr, nullptr},
                                   {nullptr, nullptr, nullptr, nullptr, nullptr}};

void check_callable(PyObject* fn) {
  if (!PyCallable_Check(fn)) fail_type("register_hook: the hook must be callable, not ", Py_TYPE(fn)->tp_name);
}

}  // namespace

PyObject* add_tensor_hook(const Tensor& t, PyObject* fn) {
  check_callable(fn);
  TORCHY_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  auto hook = std::make_unique<PyTensorHook>(fn);
  int64_t id = hook->id;
  if (Node* node = grad_fn(t.impl())) {
    Ref owner(check_python(wrap_node(node)));
    node->hooks().tensor_pre.emplace_back(meta_of(t.impl())->output_nr, std::move(hook));
    return make_handle(owner.get(), id);
  }
  ensure_meta(t.impl())->hooks.push_back(std::move(hook));
  Ref owner(check_python(wrap(t)));
  return make_handle(owner.get(), id);
}

PyObject* add_post_accumulate_hook(const Tensor& t, PyObject* fn) {
  check_callable(fn);
  TORCHY_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  TORCHY_CHECK(is_leaf(t.impl()), "post accumulate grad hooks cannot be registered on non-leaf tensors");
  auto hook = std::make_unique<PyTensorHook>(fn);
  int64_t id = hook->id;
  ensure_meta(t.impl())->post_accumulate.push_back(std::move(hook));
  Ref owner(check_python(wrap(t)));
  return make_handle(owner.get(), id);
}

PyObject* add_node_hook(PyObject* node_object, Node* node, PyObject* fn, bool pre) {
  check_callable(fn);
  auto hook = std::make_unique<PyNodeHook>(fn, pre);
  int64_t id = hook->id;
  (pre ? node->hooks().pre : node->hooks().post).push_back(std::move(hook));
  return make_handle(node_object, id);
}

void add_hook_handle_type(PyObject* module) {
  static PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(handle_dealloc)},
                                {Py_tp_methods, handle_methods},
                                {Py_tp_getset, handle_properties},
                                {Py_tp_doc, const_cast<char*>("Removes a hook: remove(), or the end of a with block.")},
                                {0, nullptr}};
  static PyType_Spec spec = {"torchy.utils.hooks.RemovableHandle", sizeof(PyHandle), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  PyObject* type = check_python(PyType_FromSpec(&spec));
  handle_type = reinterpret_cast<PyTypeObject*>(type);
  if (PyModule_AddObjectRef(module, "RemovableHandle", type) < 0) throw PythonError();
}

}  // namespace torchy::python
