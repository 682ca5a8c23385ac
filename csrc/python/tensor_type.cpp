// The Tensor type: generated methods and slots, and the hand-written properties. Layer: python.
#include <Python.h>
#include <structmember.h>

#include <cstddef>
#include <vector>

#include "../autograd/batch.h"
#include "data.h"
#include "index.h"
#include "ops_gen.h"
#include "parser.h"
#include "slots.h"
#include "types.h"

namespace torchy::python {

namespace {

#define GETTER(name) PyObject* name(PyObject* self, void*)

GETTER(get_shape) {
  TORCHY_TRY
  return size_object(impl_of(self)->sizes());
  TORCHY_CATCH(nullptr)
}
GETTER(get_dtype) { return Py_NewRef(dtype_object(impl_of(self)->dtype())); }
GETTER(get_ndim) { return PyLong_FromLong(impl_of(self)->ndim()); }
GETTER(get_requires_grad) { return PyBool_FromLong(requires_grad(physical(impl_of(self)))); }
GETTER(get_is_leaf) {
  TORCHY_TRY
  return PyBool_FromLong(is_leaf(physical(impl_of(self))));
  TORCHY_CATCH(nullptr)
}
GETTER(get_grad_fn) {
  TORCHY_TRY
  TensorImpl* t = physical(impl_of(self));
  if (!t->meta && !t->base) Py_RETURN_NONE;
  return wrap_node(grad_fn(t));
  TORCHY_CATCH(nullptr)
}
GETTER(get_grad) {
  TORCHY_TRY
  AutogradMeta* m = meta_of(impl_of(self));
  if (!m || !m->grad.defined()) {
    if (m && m->grad_fn && !m->retains_grad)
      if (PyErr_WarnEx(
              PyExc_UserWarning,
              "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
              "won't be populated during autograd.backward(). Call .retain_grad() on the non-leaf Tensor first.",
              1) < 0)
        return nullptr;
    Py_RETURN_NONE;
  }
  return wrap(m->grad);
  TORCHY_CATCH(nullptr)
}
GETTER(get_data) {
  TORCHY_TRY
  if (impl_of(self)->has(kBatched)) return wrap(ops::detach(unwrap(self)));
  Tensor t = alias(unwrap(self));
  t->set(kUnversioned | kDetached);
  return wrap(std::move(t));
  TORCHY_CATCH(nullptr)
}
GETTER(get_base) {
  TORCHY_TRY
  TensorImpl* base = impl_of(self)->base;
  return base ? wrap(Tensor::borrow(base)) : Py_NewRef(Py_None);
  TORCHY_CATCH(nullptr)
}
GETTER(get_version) { return PyLong_FromUnsignedLong(impl_of(self)->version()); }
GETTER(get_output_nr) {
  AutogradMeta* m = meta_of(impl_of(self));
  return PyLong_FromUnsignedLong(m ? m->output_nr : 0);
}
GETTER(get_itemsize) { return PyLong_FromLong(itemsize(impl_of(self)->dtype())); }
GETTER(get_nbytes) { return PyLong_FromLongLong(impl_of(self)->numel() * itemsize(impl_of(self)->dtype())); }
GETTER(get_retains_grad) {
  AutogradMeta* m = meta_of(impl_of(self));
  return PyBool_FromLong(m && m->retains_grad);
}
GETTER(get_is_parameter) { return PyBool_FromLong(impl_of(self)->has(kParameter)); }
GETTER(get_false) {
  (void)self;
  Py_RETURN_FALSE;
}
GETTER(get_name) {
  AutogradMeta* m = meta_of(impl_of(self));
  if (!m || m->name.empty()) Py_RETURN_NONE;
  return PyUnicode_FromString(m->name.c_str());
}

#define SETTER(name) int name(PyObject* self, PyObject* value, void*)
#define NO_DELETE(what)                                                   \
  if (!value) {                                                           \
    PyErr_SetString(PyExc_RuntimeError, "cannot delete attribute " what); \
    return -1;                                                            \
  }

SETTER(set_requires_grad_attr) {
  TORCHY_TRY
  NO_DELETE("requires_grad")
  int on = PyObject_IsTrue(value);
  if (on < 0) return -1;
  set_requires_grad(unwrap(self), on == 1);
  return 0;
  TORCHY_CATCH(-1)
}
SETTER(set_grad) {
  TORCHY_TRY
  TensorImpl* t = impl_of(self);
  if (!value || value == Py_None) {
    if (AutogradMeta* m = meta_of(t)) m->grad.reset();
    return 0;
  }
  if (!is_tensor(value))
    fail_type("assigned grad expected to be a Tensor or None but got grad of type ", Py_TYPE(value)->tp_name);
  TensorImpl* g = impl_of(value);
  TORCHY_CHECK(g != t, "can't assign Variable as its own grad");
  TORCHY_CHECK(g->sizes() == t->sizes(), "assigned grad has data of a different size: the tensor has shape ",
               t->sizes(), ", the gradient ", g->sizes());
  TORCHY_CHECK(g->dtype() == t->dtype(), "assigned grad has data of a different type: the tensor is ",
               dtype_name(t->dtype()), ", the gradient ", dtype_name(g->dtype()));
  ensure_meta(t)->grad = Tensor::borrow(g);
  return 0;
  TORCHY_CATCH(-1)
}
SETTER(set_data) {
  TORCHY_TRY
  NO_DELETE("data")
  if (!is_tensor(value)) fail_type("data: expected a Tensor, not ", Py_TYPE(value)->tp_name);
  ops::set_(unwrap(self), unwrap(value));
  if (AutogradMeta* m = meta_of(impl_of(self)); m && m->accumulator) m->accumulator->set_input_meta(0, impl_of(self));
  return 0;
  TORCHY_CATCH(-1)
}
SETTER(set_grad_fn) {
  TORCHY_TRY(void) self;
  if (value == Py_None || !value) {
    ops::detach_(unwrap(self));
    return 0;
  }
  fail("_grad_fn: can only be set to None; use detach_()");
  TORCHY_CATCH(-1)
}
SETTER(set_name) {
  TORCHY_TRY
  NO_DELETE("name")
  const char* text = PyUnicode_AsUTF8(value);
  if (!text) return -1;
  ensure_meta(impl_of(self))->name = text;
  return 0;
  TORCHY_CATCH(-1)
}

Py_ssize_t tensor_len(PyObject* self) {
  TensorImpl* t = impl_of(self);
  if (t->ndim() == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return static_cast<Py_ssize_t>(t->sizes()[0]);
}

int tensor_bool(PyObject* self) {
  TORCHY_TRY
  TensorImpl* t = impl_of(self);
  check_not_batched(unwrap(self), "bool()");
  if (t->numel() != 1) {
    if (t->numel() == 0) fail("Boolean value of Tensor with no values is ambiguous");
    fail("Boolean value of Tensor with more than one value is ambiguous; use .any() or .all()");
  }
  Scalar s = Scalar::load(t->dtype(), t->data());
  return !s.is_zero();
  TORCHY_CATCH(-1)
}

PyObject* tensor_float(PyObject* self) {
  TORCHY_TRY
  Ref value(item(unwrap(self)));
  if (PyComplex_Check(value.get())) {
    Py_complex c = PyComplex_AsCComplex(value.get());
    TORCHY_CHECK(c.imag == 0, "value cannot be converted to type double without overflow: it is complex");
    return PyFloat_FromDouble(c.real);
  }
  return PyNumber_Float(value.get());
  TORCHY_CATCH(nullptr)
}
PyObject* tensor_int(PyObject* self) {
  TORCHY_TRY
  Ref value(item(unwrap(self)));
  return PyNumber_Long(value.get());
  TORCHY_CATCH(nullptr)
}
PyObject* tensor_index(PyObject* self) {
  TORCHY_TRY
  TensorImpl* t = impl_of(self);
  if (!is_integral_or_bool(t->dtype()) || t->numel() != 1)
    fail_type("only integer tensors of a single element can be converted to an index");
  Ref value(item(unwrap(self)));
  return PyNumber_Long(value.get());
  TORCHY_CATCH(nullptr)
}

Py_hash_t tensor_hash(PyObject* self) {
  auto v = reinterpret_cast<size_t>(self);
  auto h = static_cast<Py_hash_t>((v >> 4) | (v << (8 * sizeof(v) - 4)));
  return h == -1 ? -2 : h;
}

// Tensor(data), Tensor(2, 3): PyTorch's old constructor; floats always.
PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  TORCHY_TRY
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (kwargs && PyDict_Size(kwargs) > 0) {
    PyObject* device = PyDict_GetItemString(kwargs, "device");
    if (!device || PyDict_Size(kwargs) > 1)
      fail_type("Tensor(): takes data or sizes only; use torch.tensor(data, dtype=...)");
    check_device(device);
  }
  Tensor t;
  PyObject* first = n ? PyTuple_GET_ITEM(args, 0) : nullptr;
  if (n == 0) {
    t = empty({0}, default_dtype());
  } else if (PyLong_Check(first)) {
    t = empty(int_vec_from(args), default_dtype());
  } else if (n == 1) {
    t = is_tensor(first) ? alias(unwrap(first)) : tensor_from_data(first, default_dtype());
  } else {
    fail_type("Tensor(): takes sizes or one sequence of data");
  }
  return wrap_as(std::move(t), type);
  TORCHY_CATCH(nullptr)
}

PyMemberDef tensor_members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
                                {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, nullptr},
                                {nullptr, 0, 0, 0, nullptr}};

template <class T>
void append_all(std::vector<T>& out, const T* list, bool (*more)(const T&)) {
  for (; more(*list); ++list) out.push_back(*list);
}

}  // namespace

PyGetSetDef tensor_properties[] = {
    {"shape", get_shape, nullptr, "The sizes, as a torch.Size.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad_attr, "Whether gradients flow to or through it.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Made by the user, not by a recorded operation.", nullptr},
    {"grad_fn", get_grad_fn, nullptr, "The node that made it, or None.", nullptr},
    {"_grad_fn", get_grad_fn, set_grad_fn, nullptr, nullptr},
    {"grad", get_grad, set_grad, "The gradient that backward() stored, or None.", nullptr},
    {"data", get_data, set_data, "The same memory without history; changes through it are not checked.", nullptr},
    {"_base", get_base, nullptr, "The tensor this one is a view of, or None.", nullptr},
    {"_version", get_version, nullptr, "How often its memory was changed in place.", nullptr},
    {"output_nr", get_output_nr, nullptr, "Which result of grad_fn it is.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes per element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"retains_grad", get_retains_grad, nullptr, "Whether retain_grad() was called.", nullptr},
    {"_is_parameter", get_is_parameter, nullptr, nullptr, nullptr},
    {"name", get_name, set_name, "A name for pictures of the graph, or None.", nullptr},
    {"is_sparse", get_false, nullptr, "Always False.", nullptr},
    {"is_quantized", get_false, nullptr, "Always False.", nullptr},
    {"is_cuda", get_false, nullptr, "Always False in this build.", nullptr},
    {"is_meta", get_false, nullptr, "Always False.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

void add_tensor_type(PyObject* module) {
  static std::vector<PyMethodDef> methods;
  auto method_more = +[](const PyMethodDef& m) { return m.ml_name != nullptr; };
  append_all(methods, generated_methods, method_more);
  append_all(methods, static_cast<const PyMethodDef*>(tensor_methods), method_more);
  append_all(methods, static_cast<const PyMethodDef*>(data_methods), method_more);
  methods.push_back({nullptr, nullptr, 0, nullptr});

  static std::vector<PyGetSetDef> properties;
  auto property_more = +[](const PyGetSetDef& p) { return p.name != nullptr; };
  append_all(properties, static_cast<const PyGetSetDef*>(generated_properties), property_more);
  append_all(properties, static_cast<const PyGetSetDef*>(tensor_properties), property_more);
  properties.push_back({nullptr, nullptr, nullptr, nullptr, nullptr});

  std::vector<PyType_Slot> slots;
  append_all(slots, generated_slots, +[](const PyType_Slot& s) { return s.slot != 0; });
  auto add = [&](int id, auto* p) { slots.push_back({id, reinterpret_cast<void*>(p)}); };
  add(Py_tp_new, tensor_new);
  add(Py_tp_dealloc, tensor_dealloc);
  add(Py_tp_traverse, tensor_traverse);
  add(Py_tp_clear, tensor_clear);
  add(Py_tp_setattro, tensor_setattro);
  add(Py_tp_hash, tensor_hash);
  add(Py_tp_methods, methods.data());
  add(Py_tp_getset, properties.data());
  add(Py_tp_members, tensor_members);
  add(Py_mp_subscript, tensor_getitem);
  add(Py_mp_ass_subscript, tensor_setitem);
  add(Py_mp_length, tensor_len);
  add(Py_sq_length, tensor_len);
  add(Py_nb_bool, tensor_bool);
  add(Py_nb_float, tensor_float);
  add(Py_nb_int, tensor_int);
  add(Py_nb_index, tensor_index);
  add(Py_bf_getbuffer, tensor_getbuffer);
  add(Py_bf_releasebuffer, tensor_releasebuffer);
  static const char* doc =
      "A view of counted memory: dtype, shape, strides; records what made it if gradients are wanted.";
  slots.push_back({Py_tp_doc, const_cast<char*>(doc)});
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"torchy.Tensor", sizeof(PyTensor), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  tensor_type = reinterpret_cast<PyTypeObject*>(check_python(PyType_FromSpec(&spec)));
  if (PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type)) < 0) throw PythonError();
  release_python_wrapper = [](void* wrapper) {
    // The impl that owned this wrapper is going: the wrapper must not touch it again.
    reinterpret_cast<PyTensor*>(wrapper)->impl = nullptr;
    Py_DECREF(static_cast<PyObject*>(wrapper));
  };
}

}  // namespace torchy::python
