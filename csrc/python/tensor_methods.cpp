// Methods of Tensor that are not operations of the table: geometry, flags, history, memory. Layer: python.
#include "../autograd/batch.h"
#include "../autograd/engine.h"
#include "../autograd/meta.h"
#include "hooks.h"
#include "ops_gen.h"
#include "parser.h"
#include "types.h"

namespace torchy::python {

namespace {

#define METHOD(name) PyObject* name(PyObject* self, PyObject* args, PyObject* kwargs)
#define NOARGS(name) PyObject* name(PyObject* self, PyObject*)
#define ONEARG(name) PyObject* name(PyObject* self, PyObject* arg)

int64_t int_arg(PyObject* o) { return int_vec_from(o)[0]; }

METHOD(size) {
  TORCHY_TRY
  static const char* names[] = {"dim", nullptr};
  PyObject* dim = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:size", const_cast<char**>(names), &dim)) return nullptr;
  if (dim == Py_None) return size_object(impl_of(self)->sizes());
  return PyLong_FromLongLong(unwrap(self).size(int_arg(dim)));
  TORCHY_CATCH(nullptr)
}
METHOD(stride) {
  TORCHY_TRY
  static const char* names[] = {"dim", nullptr};
  PyObject* dim = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:stride", const_cast<char**>(names), &dim)) return nullptr;
  if (dim != Py_None) return PyLong_FromLongLong(unwrap(self).stride(int_arg(dim)));
  IntSpan s = impl_of(self)->strides();
  Ref t(check_python(PyTuple_New(static_cast<Py_ssize_t>(s.size()))));
  for (size_t i = 0; i < s.size(); ++i)
    PyTuple_SET_ITEM(t.get(), static_cast<Py_ssize_t>(i), PyLong_FromLongLong(s[i]));
  return t.leak();
  TORCHY_CATCH(nullptr)
}
NOARGS(dim) { return PyLong_FromLong(impl_of(self)->ndim()); }
NOARGS(numel) { return PyLong_FromLongLong(impl_of(self)->numel()); }
NOARGS(element_size) { return PyLong_FromLong(itemsize(impl_of(self)->dtype())); }
NOARGS(storage_offset) { return PyLong_FromLongLong(impl_of(self)->offset()); }
NOARGS(data_ptr) {
  TORCHY_TRY
  check_not_batched(unwrap(self), "data_ptr()");
  return PyLong_FromVoidPtr(impl_of(self)->numel() ? impl_of(self)->data() : nullptr);
  TORCHY_CATCH(nullptr)
}
METHOD(is_contiguous) {
  (void)args;
  (void)kwargs;
  return PyBool_FromLong(impl_of(self)->is_contiguous());
}
NOARGS(is_floating_point) { return PyBool_FromLong(is_float(impl_of(self)->dtype())); }
NOARGS(is_complex_) { return PyBool_FromLong(is_complex(impl_of(self)->dtype())); }
NOARGS(is_inference) { return PyBool_FromLong(impl_of(self)->has(kInferenceTensor)); }
NOARGS(is_signed) {
  return PyBool_FromLong(impl_of(self)->dtype() != DType::Bool && impl_of(self)->dtype() != DType::UInt8);
}
NOARGS(item_) {
  TORCHY_TRY
  return item(unwrap(self));
  TORCHY_CATCH(nullptr)
}
METHOD(requires_grad_) {
  TORCHY_TRY
  static const char* names[] = {"requires_grad", nullptr};
  int on = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:requires_grad_", const_cast<char**>(names), &on)) return nullptr;
  set_requires_grad(unwrap(self), on != 0);
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
// Without arguments straight into the engine; else the Python function that understands them.
PyObject* backward(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  TORCHY_TRY
  if (n == 0 && !names) {
    Tensor root = unwrap(self);
    static const BackwardOptions options;
    run_backward(&root, 1, {}, {}, options);
    Py_RETURN_NONE;
  }
  Ref full(check_python(PyObject_GetAttrString(self, "_backward")));
  return PyObject_Vectorcall(full.get(), args, static_cast<size_t>(n), names);
  TORCHY_CATCH(nullptr)
}
NOARGS(retain_grad_) {
  TORCHY_TRY
  retain_grad(unwrap(self));
  Py_RETURN_NONE;
  TORCHY_CATCH(nullptr)
}
NOARGS(detach_inplace) {
  TORCHY_TRY
  ops::detach_(unwrap(self));
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
ONEARG(register_hook) {
  TORCHY_TRY
  return add_tensor_hook(self, arg);
  TORCHY_CATCH(nullptr)
}
ONEARG(register_post_accumulate_grad_hook) {
  TORCHY_TRY
  return add_post_accumulate_hook(self, arg);
  TORCHY_CATCH(nullptr)
}
METHOD(copy_) {
  TORCHY_TRY
  static const char* names[] = {"src", "non_blocking", nullptr};
  PyObject* src;
  int non_blocking = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:copy_", const_cast<char**>(names), &src, &non_blocking))
    return nullptr;
  if (!is_tensor(src)) fail_type("copy_(): argument 'other' (position 1) must be Tensor, not ", Py_TYPE(src)->tp_name);
  ops::copy_(unwrap(self), unwrap(src));
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
ONEARG(fill_) {
  TORCHY_TRY
  if (is_tensor(arg)) {
    ops::fill_(unwrap(self), unwrap(arg));
  } else {
    Scalar s;
    if (!to_scalar(arg, s)) {
      if (PyErr_Occurred()) return nullptr;
      fail_type("fill_(): argument 'value' (position 1) must be Number or Tensor, not ", Py_TYPE(arg)->tp_name);
    }
    ops::fill_(unwrap(self), s);
  }
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
NOARGS(zero_) {
  TORCHY_TRY
  ops::zero_(unwrap(self));
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
PyObject* resize_(PyObject* self, PyObject* args) {
  TORCHY_TRY
  bool one = PyTuple_GET_SIZE(args) == 1 && !PyLong_Check(PyTuple_GET_ITEM(args, 0));
  ops::resize_(unwrap(self), int_vec_from(one ? PyTuple_GET_ITEM(args, 0) : args));
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
ONEARG(resize_as_) {
  TORCHY_TRY
  if (!is_tensor(arg)) fail_type("resize_as_(): argument must be Tensor, not ", Py_TYPE(arg)->tp_name);
  ops::resize_(unwrap(self), impl_of(arg)->sizes());
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
ONEARG(set_) {
  TORCHY_TRY
  if (!is_tensor(arg)) fail_type("set_(): argument must be Tensor, not ", Py_TYPE(arg)->tp_name);
  ops::set_(unwrap(self), unwrap(arg));
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
PyObject* become_(PyObject* self, PyObject* args) {
  TORCHY_TRY
  PyObject* view;
  const char* op;
  if (!PyArg_ParseTuple(args, "O!s:_become", tensor_type, &view, &op)) return nullptr;
  ops::become_(unwrap(self), unwrap(view), op);
  return Py_NewRef(self);
  TORCHY_CATCH(nullptr)
}
ONEARG(is_same_size) {
  TORCHY_TRY
  if (!is_tensor(arg)) fail_type("is_same_size(): argument must be Tensor, not ", Py_TYPE(arg)->tp_name);
  return PyBool_FromLong(impl_of(self)->sizes() == impl_of(arg)->sizes());
  TORCHY_CATCH(nullptr)
}
ONEARG(is_set_to) {
  TORCHY_TRY
  if (!is_tensor(arg)) fail_type("is_set_to(): argument must be Tensor, not ", Py_TYPE(arg)->tp_name);
  TensorImpl *a = impl_of(self), *b = impl_of(arg);
  return PyBool_FromLong(a->storage() == b->storage() && a->offset() == b->offset() && a->sizes() == b->sizes() &&
                         a->strides() == b->strides());
  TORCHY_CATCH(nullptr)
}
NOARGS(is_view) { return PyBool_FromLong(impl_of(self)->base != nullptr); }
NOARGS(mark_parameter) {
  impl_of(self)->set(kParameter);
  return Py_NewRef(self);
}
NOARGS(storage_ptr) { return PyLong_FromVoidPtr(impl_of(self)->storage()->data()); }
NOARGS(storage_nbytes) { return PyLong_FromSize_t(impl_of(self)->storage()->nbytes()); }
NOARGS(storage_id) { return PyLong_FromVoidPtr(impl_of(self)->storage()); }
NOARGS(storage_bytes) {  // all of the storage as a uint8 tensor that shares it
  TORCHY_TRY
  if (impl_of(self)->has(kBatched))
    fail_not_implemented(
        "Cannot access storage of a batched tensor: it is one example of a larger one; use it outside vmap");
  Storage* s = impl_of(self)->storage();
  s->retain();
  return wrap(Tensor::steal(TensorImpl::make_contiguous(DType::UInt8, s, {int64_t(s->nbytes())})));
  TORCHY_CATCH(nullptr)
}
ONEARG(as_subclass) {
  TORCHY_TRY
  if (!PyType_Check(arg) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(arg), tensor_type))
    fail_type("as_subclass(): argument must be a subclass of Tensor");
  return wrap_as(ops::alias(unwrap(self)), reinterpret_cast<PyTypeObject*>(arg));
  TORCHY_CATCH(nullptr)
}
PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  TORCHY_TRY
  static const char* names[] = {"cls", "data", "require_grad", nullptr};
  PyObject *cls, *data;
  int require_grad = 0;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!|p:_make_subclass", const_cast<char**>(names), &PyType_Type, &cls,
                                   tensor_type, &data, &require_grad))
    return nullptr;
  Tensor t = alias(unwrap(data));
  if (require_grad) set_requires_grad(t, true);
  return wrap_as(std::move(t), reinterpret_cast<PyTypeObject*>(cls));
  TORCHY_CATCH(nullptr)
}

#define KW(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(f)), METH_VARARGS | METH_KEYWORDS

}  // namespace

PyMethodDef tensor_methods[] = {
    {"size", KW(size), "size(dim=None): the sizes, or the size of one dim."},
    {"stride", KW(stride), "stride(dim=None): steps in elements, as a tuple or of one dim."},
    {"dim", dim, METH_NOARGS, "The number of dimensions."},
    {"ndimension", dim, METH_NOARGS, "The number of dimensions."},
    {"numel", numel, METH_NOARGS, "The number of elements."},
    {"nelement", numel, METH_NOARGS, "The number of elements."},
    {"element_size", element_size, METH_NOARGS, "Bytes per element."},
    {"storage_offset", storage_offset, METH_NOARGS, "Elements before the first one in the storage."},
    {"data_ptr", data_ptr, METH_NOARGS, "The address of the first element."},
    {"is_contiguous", KW(is_contiguous), "Whether elements lie in row-major order without gaps."},
    {"is_floating_point", is_floating_point, METH_NOARGS, "Whether the dtype is floating."},
    {"is_complex", is_complex_, METH_NOARGS, "Whether the dtype is complex."},
    {"is_signed", is_signed, METH_NOARGS, "Whether the dtype holds negative numbers."},
    {"is_inference", is_inference, METH_NOARGS, "Whether it was made under inference_mode."},
    {"item", item_, METH_NOARGS, "The one element as a Python number."},
    {"requires_grad_", KW(requires_grad_), "Set requires_grad in place."},
    {"backward", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(backward)), METH_FASTCALL | METH_KEYWORDS,
     "backward(gradient=None, retain_graph=None, create_graph=False, inputs=None): add the gradients of this tensor\n"
     "to the .grad of the leaves it was computed from. gradient is needed unless there is one element; see\n"
     "torchy.autograd.backward for the other arguments and the errors."},
    {"retain_grad", retain_grad_, METH_NOARGS, "Keep the gradient of a non-leaf in .grad."},
    {"detach_", detach_inplace, METH_NOARGS, "Cut this tensor from the graph, in place."},
    {"register_hook", register_hook, METH_O, "Call fn(grad) when the gradient is known; its result replaces it."},
    {"register_post_accumulate_grad_hook", register_post_accumulate_grad_hook, METH_O,
     "Call fn(tensor) after its .grad was stored."},
    {"copy_", KW(copy_), "copy_(src): write src here, broadcast and cast."},
    {"fill_", fill_, METH_O, "fill_(value): write one number everywhere."},
    {"zero_", zero_, METH_NOARGS, "Write zeros."},
    {"resize_", resize_, METH_VARARGS, "resize_(*sizes): change the shape, growing the memory if needed."},
    {"resize_as_", resize_as_, METH_O, "resize_as_(other): resize_ to other's shape."},
    {"set_", set_, METH_O, "set_(source): become another name for source's memory."},
    {"_become", become_, METH_VARARGS, nullptr},
    {"is_same_size", is_same_size, METH_O, "Whether both have the same shape."},
    {"is_set_to", is_set_to, METH_O, "Whether both are the same view of the same memory."},
    {"_is_view", is_view, METH_NOARGS, nullptr},
    {"_mark_parameter", mark_parameter, METH_NOARGS, nullptr},
    {"_storage_ptr", storage_ptr, METH_NOARGS, nullptr},
    {"_storage_nbytes", storage_nbytes, METH_NOARGS, nullptr},
    {"_storage_id", storage_id, METH_NOARGS, nullptr},
    {"_storage_bytes", storage_bytes, METH_NOARGS, nullptr},
    {"as_subclass", as_subclass, METH_O, "The same tensor as an instance of a subclass."},
    {"_make_subclass", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(make_subclass)),
     METH_VARARGS | METH_KEYWORDS | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace torchy::python
