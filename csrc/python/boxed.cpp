// Boxed arguments and the user's stack as Python objects. Layer: python.
#include "boxed.h"

#include <nanobind/nanobind.h>

#include <cstring>
#include <string>

#include "../kernels/random.h"

namespace nb = nanobind;

namespace torchy::python {

namespace {

template <class T>
bool none(const std::optional<T>& o, Ref& out) {
  if (!o) out = Ref::borrow(Py_None);
  return !o;
}
Ref number(int64_t v) { return Ref(check_python(PyLong_FromLongLong(v))); }
Ref text(const std::string& s) {
  return Ref(check_python(PyUnicode_FromStringAndSize(s.data(), Py_ssize_t(s.size()))));
}
Ref ints(IntSpan list) {
  Ref out(check_python(PyList_New(Py_ssize_t(list.size()))));
  for (size_t i = 0; i < list.size(); ++i) PyList_SET_ITEM(out.get(), Py_ssize_t(i), number(list[i]).leak());
  return out;
}

}  // namespace

Ref to_python(const Boxed& b) {
  Ref out;
  switch (b.kind) {
    case Boxed::kTensor: return Ref(wrap(b.as<Tensor>()));
    case Boxed::kOperand: {
      const Operand& o = b.as<Operand>();
      return o.is_tensor() ? Ref(wrap(o.tensor())) : Ref(from_scalar(o.scalar()));
    }
    case Boxed::kList: return to_python(b.as<TensorList>());
    case Boxed::kScalar: return Ref(from_scalar(b.as<Scalar>()));
    case Boxed::kOptScalar: {
      const auto& o = b.as<std::optional<Scalar>>();
      return none(o, out) ? std::move(out) : Ref(from_scalar(*o));
    }
    case Boxed::kInt: return number(b.as<int64_t>());
    case Boxed::kOptInt: {
      const auto& o = b.as<std::optional<int64_t>>();
      return none(o, out) ? std::move(out) : number(*o);
    }
    case Boxed::kInts: return ints(b.as<IntSpan>());
    case Boxed::kOptInts: {
      const auto& o = b.as<std::optional<IntVec>>();
      return none(o, out) ? std::move(out) : ints(*o);
    }
    case Boxed::kFloat: return Ref(check_python(PyFloat_FromDouble(b.as<double>())));
    case Boxed::kOptFloat: {
      const auto& o = b.as<std::optional<double>>();
      return none(o, out) ? std::move(out) : Ref(check_python(PyFloat_FromDouble(*o)));
    }
    case Boxed::kBool: return Ref::borrow(b.as<bool>() ? Py_True : Py_False);
    case Boxed::kOptBool: {
      const auto& o = b.as<std::optional<bool>>();
      return none(o, out) ? std::move(out) : Ref::borrow(*o ? Py_True : Py_False);
    }
    case Boxed::kStr: return text(b.as<std::string>());
    case Boxed::kOptStr: {
      const auto& o = b.as<std::optional<std::string>>();
      return none(o, out) ? std::move(out) : text(*o);
    }
    case Boxed::kDType: return Ref::borrow(dtype_object(b.as<DType>()));
    case Boxed::kOptDType: {
      const auto& o = b.as<std::optional<DType>>();
      return none(o, out) ? std::move(out) : Ref::borrow(dtype_object(*o));
    }
    case Boxed::kGenerator: {
      Generator* g = b.as<Generator*>();
      if (!g || g == &default_generator()) return Ref::borrow(Py_None);
      return Ref(nb::cast(g, nb::rv_policy::reference).release().ptr());
    }
  }
  return Ref::borrow(Py_None);
}

Ref to_python(const Arguments& args) {
  Ref out(check_python(PyTuple_New(Py_ssize_t(args.size()))));
  Py_ssize_t i = 0;
  for (const Boxed& b : args) PyTuple_SET_ITEM(out.get(), i++, to_python(b).leak());
  return out;
}

Ref to_python(const TensorList& list) {
  Ref out(check_python(PyTuple_New(Py_ssize_t(list.size()))));
  for (size_t i = 0; i < list.size(); ++i) {
    PyObject* item = list[i].defined() ? wrap(list[i]) : Py_NewRef(Py_None);
    PyTuple_SET_ITEM(out.get(), Py_ssize_t(i), item);
  }
  return out;
}

namespace {
// Where this package lies: its own lines are of no help to the user.
const std::string& package_folder() {
  static const std::string folder = [] {
    std::string file;
    Ref module(PyImport_ImportModule("torchy"));
    Ref path(module ? PyObject_GetAttrString(module.get(), "__file__") : nullptr);
    const char* name = path ? PyUnicode_AsUTF8(path.get()) : nullptr;
    PyErr_Clear();
    if (name) file = name;
    size_t slash = file.find_last_of("/\\");
    return slash == std::string::npos ? std::string() : file.substr(0, slash + 1);
  }();
  return folder;
}
}  // namespace

Ref user_frames() {
  constexpr int kDeepest = 24;
  PyObject* found[2 * kDeepest];
  int count = 0;
  const std::string& own = package_folder();
  Ref frame(Py_XNewRef(reinterpret_cast<PyObject*>(PyEval_GetFrame())));
  while (frame && count < 2 * kDeepest) {
    auto* f = reinterpret_cast<PyFrameObject*>(frame.get());
    Ref code(reinterpret_cast<PyObject*>(PyFrame_GetCode(f)));
    Ref file(PyObject_GetAttrString(code.get(), "co_filename"));
    const char* name = file ? PyUnicode_AsUTF8(file.get()) : "";
    if (own.empty() || std::strncmp(name, own.c_str(), own.size()) != 0) {
      found[count++] = code.leak();
      found[count++] = PyLong_FromLong(PyFrame_GetLineNumber(f));
    }
    frame = Ref(reinterpret_cast<PyObject*>(PyFrame_GetBack(f)));
  }
  PyErr_Clear();
  Ref out(check_python(PyTuple_New(count)));
  for (int i = 0; i < count; ++i) PyTuple_SET_ITEM(out.get(), i, found[i]);
  return out;
}

}  // namespace torchy::python
