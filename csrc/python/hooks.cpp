// Hooks: Python callables behind the engine's hook interfaces. Layer: python.
#include "hooks.h"

#include "../autograd/accumulate.h"
#include "../autograd/engine.h"
#include "../autograd/meta.h"

namespace torchy::python {

namespace {

int64_t next_hook_id = 1;

Tensor hook_result(PyObject* result, const char* who) {
  if (result == Py_None) return Tensor();
  if (!is_tensor(result))
    fail_type(who, ": expected a Tensor or None from the hook, but got ", Py_TYPE(result)->tp_name);
  return unwrap(result);
}

std::string hook_name(PyObject* fn) {
  Ref name(PyObject_GetAttrString(fn, "__name__"));
  const char* text = name && PyUnicode_Check(name.get()) ? PyUnicode_AsUTF8(name.get()) : nullptr;
  PyErr_Clear();
  return text ? text : Py_TYPE(fn)->tp_name;
}

struct PyTensorHook final : TensorHook {
  explicit PyTensorHook(PyObject* f) : fn(Ref::borrow(f)) { id = next_hook_id++; }
  void drop() override { fn = Ref(); }
  void* python() const override { return fn.get(); }
  Tensor call(const Tensor& grad) override {
    Ref arg(wrap(grad));
    Ref f = Ref::borrow(fn.get());  // the hook may remove itself
    Ref result(check_python(PyObject_CallOneArg(f.get(), arg.get())));
    if (after_accumulate) return Tensor();  // whatever it returned
    Tensor r = hook_result(result.get(), "hook");
    if (!r.defined()) return r;
    if (r.sizes() != grad.sizes())
      fail("hook '", hook_name(f.get()), "' has changed the size of value: the gradient has shape ", grad.sizes(),
           ", the hook returned ", r.sizes());
    if (r.dtype() != grad.dtype())
      fail("hook '", hook_name(f.get()), "' has changed the type of value: the gradient is ", dtype_name(grad.dtype()),
           ", the hook returned ", dtype_name(r.dtype()));
    return r;
  }
  Ref fn;
  bool after_accumulate = false;
  // Whose gradient it sees; either outlives the hook, which is in its list.
  Node* node = nullptr;
  AutogradMeta* leaf = nullptr;
};

Ref to_tuple(const TensorList& list) {
  Ref t(check_python(PyTuple_New(static_cast<Py_ssize_t>(list.size()))));
  for (size_t i = 0; i < list.size(); ++i) PyTuple_SET_ITEM(t.get(), static_cast<Py_ssize_t>(i), wrap(list[i]));
  return t;
}

struct PyNodeHook final : NodeHook {
  PyNodeHook(PyObject* f, bool p) : fn(Ref::borrow(f)), pre(p) { id = next_hook_id++; }
  void drop() override { fn = Ref(); }
  void* python() const override { return fn.get(); }
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

// A handle keeps nothing alive: neither the hook nor what carries it.
struct PyHandle {
  PyObject_HEAD std::weak_ptr<Hook>* hook;
  int64_t id;
};
PyTypeObject* handle_type = nullptr;

PyObject* make_handle(const std::shared_ptr<Hook>& hook) {
  auto* h = PyObject_New(PyHandle, handle_type);
  if (!h) throw PythonError();
  h->hook = new std::weak_ptr<Hook>(hook);
  h->id = hook->id;
  return reinterpret_cast<PyObject*>(h);
}

PyObject* handle_remove(PyObject* self, PyObject*) {
  std::shared_ptr<Hook> hook = reinterpret_cast<PyHandle*>(self)->hook->lock();
  if (hook && !hook->removed) {
    hook->removed = true;
    if (hook.use_count() <= 2) hook->drop();  // else it is being walked, and goes with that list
  }
  Py_RETURN_NONE;
}
PyObject* handle_enter(PyObject* self, PyObject*) { return Py_NewRef(self); }
PyObject* handle_exit(PyObject* self, PyObject*) { return handle_remove(self, nullptr); }

void handle_dealloc(PyObject* self) {
  delete reinterpret_cast<PyHandle*>(self)->hook;
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// Will the backward in progress call the hook (again)?
PyObject* handle_will_run(PyObject* self, PyObject*) {
  std::shared_ptr<Hook> hook = reinterpret_cast<PyHandle*>(self)->hook->lock();
  auto* of_tensor = dynamic_cast<PyTensorHook*>(hook.get());
  if (!of_tensor || hook->removed) Py_RETURN_FALSE;
  return PyBool_FromLong(will_run(of_tensor->leaf ? of_tensor->leaf->accumulator : of_tensor->node));
}

PyObject* handle_id(PyObject* self, void*) { return PyLong_FromLongLong(reinterpret_cast<PyHandle*>(self)->id); }

PyMethodDef handle_methods[] = {{"remove", handle_remove, METH_NOARGS, "Remove the hook; a second call does nothing."},
                                {"_will_run", handle_will_run, METH_NOARGS, nullptr},
                                {"__enter__", handle_enter, METH_NOARGS, nullptr},
                                {"__exit__", handle_exit, METH_VARARGS, nullptr},
                                {nullptr, nullptr, 0, nullptr}};
PyGetSetDef handle_properties[] = {{"id", handle_id, nullptr, nullptr, nullptr},
                                   {nullptr, nullptr, nullptr, nullptr, nullptr}};

void check_callable(PyObject* fn) {
  if (!PyCallable_Check(fn)) fail_type("register_hook: the hook must be callable, not ", Py_TYPE(fn)->tp_name);
}

}  // namespace

template <class H>
static PyObject* add_hook(HookList<H>& list, std::shared_ptr<H> hook) {
  purge_removed(list);
  list.push_back(hook);
  return make_handle(hook);
}

// The collector must see functions that refer back to their tensor.
void let_collector_see(PyObject* tensor) {
  if (!PyObject_GC_IsTracked(tensor)) PyObject_GC_Track(tensor);
}

PyObject* add_tensor_hook(PyObject* self, PyObject* fn) {
  check_callable(fn);
  TensorImpl* t = impl_of(self);
  TORCHY_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  auto hook = std::make_shared<PyTensorHook>(fn);
  let_collector_see(self);
  if (Node* node = grad_fn(t)) {
    hook->input = meta_of(t)->output_nr;
    hook->node = node;
    return add_hook<TensorHook>(node->hooks().tensor_pre, hook);
  }
  hook->leaf = ensure_meta(t);
  return add_hook<TensorHook>(hook->leaf->hooks, hook);
}

PyObject* add_post_accumulate_hook(PyObject* self, PyObject* fn) {
  check_callable(fn);
  TensorImpl* t = impl_of(self);
  TORCHY_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  TORCHY_CHECK(is_leaf(t), "post accumulate grad hooks cannot be registered on non-leaf tensors");
  auto hook = std::make_shared<PyTensorHook>(fn);
  hook->after_accumulate = true;
  let_collector_see(self);
  return add_hook<TensorHook>(ensure_meta(t)->post_accumulate, hook);
}

PyObject* add_node_hook(Node* node, PyObject* fn, bool pre) {
  check_callable(fn);
  auto hook = std::make_shared<PyNodeHook>(fn, pre);
  return add_hook<NodeHook>(pre ? node->hooks().pre : node->hooks().post, hook);
}

namespace {
// Calls f on every list of hooks that only the tensor's wrapper keeps alive.
template <class F>
int for_owned_hooks(TensorImpl* t, F&& f) {
  AutogradMeta* m = t && t->use_count() == 1 ? meta_of(t) : nullptr;
  if (!m) return 0;
  if (int rc = f(m->hooks)) return rc;
  if (int rc = f(m->post_accumulate)) return rc;
  NodeHooks* hooks = m->grad_fn && m->grad_fn->use_count() == 1 ? m->grad_fn->hooks_if_any() : nullptr;
  if (!hooks) return 0;
  if (int rc = f(hooks->tensor_pre)) return rc;
  if (int rc = f(hooks->pre)) return rc;
  return f(hooks->post);
}
}  // namespace

int traverse_hooks(TensorImpl* t, visitproc visit, void* arg) {
  AutogradMeta* m = t && t->use_count() == 1 ? meta_of(t) : nullptr;
  if (m && m->grad_fn && m->grad_fn->use_count() == 1) Py_VISIT(backward_of_function(m->grad_fn.get()));
  return for_owned_hooks(t, [&](auto& list) {
    for (auto& hook : list) Py_VISIT(static_cast<PyObject*>(hook->python()));
    return 0;
  });
}

void clear_hooks(TensorImpl* t) {
  for_owned_hooks(t, [](auto& list) {
    auto dead = std::move(list);
    list.clear();
    return 0;
  });
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
