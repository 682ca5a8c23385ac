// The extension module torchy._C: types, generated functions, and what bind_*.cpp add. Layer: python.
#include <nanobind/nanobind.h>

#include "bind.h"
#include "data.h"
#include "hooks.h"
#include "parser.h"
#include "slots.h"
#include "types.h"

namespace nb = nanobind;

namespace torchy::python {

static PyMethodDef call_functions[] = {
    {"_call_op", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(call_by_name)), METH_FASTCALL,
     "_call_op(name, args): an operation of the table by its name, all arguments in the order of the schema."},
    {nullptr, nullptr, 0, nullptr}};

static void add_functions(PyObject* module, PyMethodDef* methods) {
  if (PyModule_AddFunctions(module, methods) < 0) throw PythonError();
}

}  // namespace torchy::python

NB_MODULE(_C, m) {
  using namespace torchy::python;
  m.doc() = "The compiled core of torchy; import torchy instead.";
  try {
    PyObject* module = m.ptr();
    add_dtypes(module);
    add_size(module);
    add_node_type(module);
    add_hook_handle_type(module);
    add_tensor_type(module);
    add_functions(module, generated_functions);
    add_functions(module, data_functions);
    add_functions(module, call_functions);
    bind_autograd(m);
    bind_random(m);
    bind_runtime(m);
    bind_function(m);
    bind_optim(m);
    bind_transforms(m);
    bind_watch(m);
  } catch (const torchy::Error& e) {
    if (e.kind == torchy::ErrorKind::Python) throw nb::python_error();
    throw;
  }
}
