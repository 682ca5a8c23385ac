// The argument parser: type checks, keyword aliases, varargs sizes, out=, factory keywords. Layer: python.
#include "parser.h"

#include <cstring>
#include <unordered_map>

#include "../autograd/batch.h"
#include "../autograd/forward.h"
#include "ops_gen.h"

namespace torchy::python {

bool is_number(PyObject* o) {
  if (PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o)) return true;
  const char* name = Py_TYPE(o)->tp_name;
  if (std::strncmp(name, "numpy.", 6) != 0 || std::strcmp(name, "numpy.ndarray") == 0) return false;
  PyNumberMethods* m = Py_TYPE(o)->tp_as_number;
  return m && (m->nb_float || m->nb_index);
}

namespace {

bool is_int(PyObject* o) {
  if (PyLong_Check(o)) return !PyBool_Check(o);
  if (is_tensor(o)) return impl_of(o)->numel() == 1 && is_integral(impl_of(o)->dtype()) && impl_of(o)->ndim() == 0;
  return !PyBool_Check(o) && PyIndex_Check(o) && std::strcmp(Py_TYPE(o)->tp_name, "numpy.ndarray") != 0;
}

bool is_sequence(PyObject* o) { return PyTuple_Check(o) || PyList_Check(o); }

bool all_ints(PyObject* o) {
  if (!is_sequence(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  PyObject** items = PySequence_Fast_ITEMS(o);
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!is_int(items[i])) return false;
  return true;
}

bool all_tensors(PyObject* o, bool none_ok) {
  if (!is_sequence(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  PyObject** items = PySequence_Fast_ITEMS(o);
  for (Py_ssize_t i = 0; i < n; ++i)
    if (!is_tensor(items[i]) && !(none_ok && items[i] == Py_None)) return false;
  return true;
}

// A 0-d tensor passes for a number, unless a gradient, a tangent or an example's own value would get lost.
bool is_scalar_like(PyObject* o) {
  if (!is_tensor(o)) return is_number(o);
  TensorImpl* t = impl_of(o);
  return t->ndim() == 0 && !requires_grad(t) && !t->has(kBatched) &&
         !((tls.flags & kForward) && forward_level_of(t) != 0);
}

bool fits(ArgKind kind, PyObject* o) {
  switch (kind) {
    case kArgTensor: return is_tensor(o);
    case kArgOptTensor: return o == Py_None || is_tensor(o);
    case kArgTensorList: return all_tensors(o, false);
    case kArgOptTensorList: return all_tensors(o, true);
    case kArgOperand: return is_tensor(o) || is_number(o);
    case kArgScalar: return is_scalar_like(o);
    case kArgOptScalar: return o == Py_None || is_scalar_like(o);
    case kArgInt: return is_int(o);
    case kArgOptInt: return o == Py_None || is_int(o);
    case kArgIntList: return is_int(o) || all_ints(o);
    case kArgOptIntList: return o == Py_None || is_int(o) || all_ints(o);
    case kArgFloat: return is_number(o) && !PyComplex_Check(o);
    case kArgOptFloat: return o == Py_None || (is_number(o) && !PyComplex_Check(o));
    case kArgBool: return PyBool_Check(o);
    case kArgOptBool: return o == Py_None || PyBool_Check(o);
    case kArgStr: return PyUnicode_Check(o);
    case kArgOptStr: return o == Py_None || PyUnicode_Check(o);
    case kArgDType: return is_dtype(o) || PyType_Check(o);
    case kArgOptDType: return o == Py_None || is_dtype(o) || PyType_Check(o);
    default: return o == Py_None || std::strstr(Py_TYPE(o)->tp_name, "Generator") != nullptr;
  }
}

const char* kind_name(ArgKind kind) {
  static const char* names[] = {
      "Tensor",           "Tensor or None", "tuple of Tensors",      "tuple of Tensors or None",
      "Tensor or Number", "Number",         "Number or None",        "int",
      "int or None",      "tuple of ints",  "tuple of ints or None", "float",
      "float or None",    "bool",           "bool or None",          "str",
      "str or None",      "torch.dtype",    "torch.dtype or None",   "Generator or None"};
  return names[kind];
}

// PyTorch's and NumPy's other names of a parameter.
bool same_name(const char* param, PyObject* given) {
  if (PyUnicode_CompareWithASCIIString(given, param) == 0) return true;
  if (std::strcmp(param, "self") == 0) return PyUnicode_CompareWithASCIIString(given, "input") == 0;
  if (std::strcmp(param, "dim") == 0) return PyUnicode_CompareWithASCIIString(given, "axis") == 0;
  if (std::strcmp(param, "keepdim") == 0) return PyUnicode_CompareWithASCIIString(given, "keepdims") == 0;
  if (std::strcmp(param, "dims") == 0) return PyUnicode_CompareWithASCIIString(given, "axes") == 0;
  return false;
}

bool kw_is(PyObject* given, const char* name) { return PyUnicode_CompareWithASCIIString(given, name) == 0; }

}  // namespace

// view(2, 3) means view((2, 3)) only where the list is the one thing to give by position.
static bool takes_varargs(const Signature& sig, bool has_self) {
  if (!(sig.flags & kSigVarargs)) return false;
  int positional = 0;
  for (int i = has_self; i < sig.count; ++i) positional += !sig.params[i].kwonly;
  return positional == 1;
}

bool match(const Signature& sig, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Args& out) {
  std::memset(out.slots_, 0, sizeof(PyObject*) * size_t(sig.count));
  int filled = 0;
  if (self) out.slots_[filled++] = self;
  for (Py_ssize_t i = 0; i < n; ++i, ++filled) {
    if (filled >= sig.count || sig.params[filled].kwonly) return false;
    const ParamSpec& p = sig.params[filled];
    bool list = p.kind == kArgIntList || p.kind == kArgOptIntList;
    if (list && i == 0 && n > 1 && is_int(args[i]) && takes_varargs(sig, self != nullptr)) {
      Py_ssize_t end = i;
      while (end < n && is_int(args[end])) ++end;
      if (end - i > 1) {
        PyObject* tuple = PyTuple_New(end - i);
        if (!tuple) throw PythonError();
        for (Py_ssize_t k = i; k < end; ++k) PyTuple_SET_ITEM(tuple, k - i, (Py_INCREF(args[k]), args[k]));
        out.varargs_ = Ref(tuple);
        out.slots_[filled] = tuple;
        i = end - 1;
        continue;
      }
    }
    if (!fits(p.kind, args[i])) return false;
    out.slots_[filled] = args[i];
  }
  if (kwnames) {
    Py_ssize_t count = PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t k = 0; k < count; ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      PyObject* value = args[n + k];
      int at = -1;
      for (int i = 0; i < sig.count && at < 0; ++i)
        if (same_name(sig.params[i].name, name)) at = i;
      if (at >= 0) {
        if (out.slots_[at] || !fits(sig.params[at].kind, value)) return false;
        out.slots_[at] = value;
      } else if ((sig.flags & kSigOut) && kw_is(name, "out")) {
        if (value != Py_None && !is_tensor(value) && !all_tensors(value, false)) return false;
        out.out_ = value == Py_None ? nullptr : value;
      } else if ((sig.flags & kSigFactory) && kw_is(name, "requires_grad")) {
        out.requires_grad_ = PyObject_IsTrue(value) == 1;
      } else if ((sig.flags & kSigFactory) && kw_is(name, "device")) {
        check_device(value);
      } else if (!((sig.flags & kSigFactory) &&
                   (kw_is(name, "layout") || kw_is(name, "pin_memory") || kw_is(name, "memory_format")))) {
        return false;
      }
    }
  }
  for (int i = 0; i < sig.count; ++i)
    if (!out.slots_[i] && !sig.params[i].has_default) return false;
  return true;
}

namespace {

std::string describe(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  std::string got = "(";
  for (Py_ssize_t i = 0; i < n; ++i) got += std::string(i ? ", " : "") + Py_TYPE(args[i])->tp_name;
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
    const char* name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(kwnames, k));
    got += std::string(got.size() > 1 ? ", " : "") + (name ? name : "?") + "=" + Py_TYPE(args[n + k])->tp_name;
  }
  (void)self;
  return got + ")";
}

// With one signature, the argument that is wrong; else all signatures.
[[noreturn]] void no_match(const Overloads& set, PyObject* self, PyObject* const* args, Py_ssize_t n,
                           PyObject* kwnames) {
  const Signature* sig = set.signatures[0];
  if (!set.signatures[1]) {
    int at = self ? 1 : 0;
    for (Py_ssize_t i = 0; i < n; ++i, ++at) {
      if (at >= sig->count || sig->params[at].kwonly)
        fail_type(set.name, "(): takes ", at - (self ? 1 : 0), " positional arguments but ", n,
                  " were given; expected ", sig->text);
      if (!fits(sig->params[at].kind, args[i]))
        fail_type(set.name, "(): argument '", sig->params[at].name, "' (position ", i + 1, ") must be ",
                  kind_name(sig->params[at].kind), ", not ", Py_TYPE(args[i])->tp_name);
    }
    std::vector<bool> given(size_t(sig->count), false);
    for (int i = 0; i < at; ++i) given[size_t(i)] = true;
    for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      bool known = false;
      for (int i = 0; i < sig->count; ++i) {
        if (!same_name(sig->params[i].name, name)) continue;
        known = true;
        if (given[size_t(i)]) fail_type(set.name, "(): argument '", sig->params[i].name, "' was given twice");
        given[size_t(i)] = true;
        if (!fits(sig->params[i].kind, args[n + k]))
          fail_type(set.name, "(): argument '", sig->params[i].name, "' must be ", kind_name(sig->params[i].kind),
                    ", not ", Py_TYPE(args[n + k])->tp_name);
      }
      if (!known && !kw_is(name, "out") && !kw_is(name, "device") && !kw_is(name, "requires_grad"))
        fail_type(set.name, "(): got an unexpected keyword argument '", PyUnicode_AsUTF8(name), "'; expected ",
                  sig->text);
    }
    for (int i = 0; i < sig->count; ++i)
      if (!given[size_t(i)] && !sig->params[i].has_default)
        fail_type(set.name, "(): missing required argument '", sig->params[i].name, "'; expected ", sig->text);
  }
  std::string expected;
  for (const Signature* const* s = set.signatures; *s; ++s) expected += std::string("\n * ") + (*s)->text;
  fail_type(set.name, "() received an invalid combination of arguments - got ", describe(self, args, n, kwnames),
            ", but expected one of:", expected);
}

PyObject* deliver_out(PyObject* result, PyObject* out, const char* op) {
  Ref hold(result);
  if (is_tensor(out)) {
    if (!is_tensor(result)) fail_type(op, "(): out= must be a tuple of tensors, one per result");
    write_out(unwrap(out), unwrap(result), op);
    return Py_NewRef(out);
  }
  Py_ssize_t n = PySequence_Fast_GET_SIZE(out);
  if (!PyTuple_Check(result) || PyTuple_GET_SIZE(result) != n)
    fail_type(op, "(): out= must have one tensor per result");
  for (Py_ssize_t i = 0; i < n; ++i)
    write_out(unwrap(PySequence_Fast_GET_ITEM(out, i)), unwrap(PyTuple_GET_ITEM(result, i)), op);
  return Py_NewRef(out);
}

bool any_requires_grad(const Signature& sig, PyObject* const* slots) {
  for (int i = 0; i < sig.count; ++i)
    if (slots[i] && is_tensor(slots[i]) && requires_grad(impl_of(slots[i]))) return true;
  return false;
}

}  // namespace

void write_out(const Tensor& out, const Tensor& value, const char* op) {
  TORCHY_CHECK(!(grad_enabled() && requires_grad(out)), op,
               "(): functions with out=... arguments don't support automatic differentiation, but the out tensor "
               "requires grad; assign the result instead");
  TORCHY_CHECK(can_cast(value.dtype(), out.dtype()), op, "(): result type ", scalar_type_name(value.dtype()),
               " can't be cast to the desired output type ", scalar_type_name(out.dtype()));
  if (out.sizes() != value.sizes()) ops::resize_(out, value.sizes());
  NoGradGuard no_grad;
  ops::copy_(out, value);
}

PyObject* dispatch(const Overloads& set, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  TORCHY_TRY
  n = PyVectorcall_NARGS(size_t(n));
  Args parsed;
  for (const Signature* const* s = set.signatures; *s; ++s) {
    parsed.out_ = nullptr;
    parsed.requires_grad_ = false;
    if (!match(**s, self, args, n, kwnames, parsed)) continue;
    if (parsed.out_) {
      TORCHY_CHECK(!(grad_enabled() && any_requires_grad(**s, parsed.slots_)), set.name,
                   "(): functions with out=... arguments don't support automatic differentiation, but one of the "
                   "arguments requires grad.");
      PyObject* result = (*s)->call(parsed);
      return result ? deliver_out(result, parsed.out_, set.name) : nullptr;
    }
    PyObject* result = (*s)->call(parsed);
    if (parsed.requires_grad_ && result) {
      Ref hold(result);
      set_requires_grad(unwrap(result), true);
      return hold.leak();
    }
    return result;
  }
  no_match(set, self, args, n, kwnames);
  TORCHY_CATCH(nullptr)
}

namespace {
const Signature& signature_named(PyObject* name) {
  static const auto* by_name = [] {
    auto* map = new std::unordered_map<std::string, const Signature*>();
    for (const NamedSignature* s = generated_signatures; s->name; ++s) (*map)[s->name] = s->signature;
    return map;
  }();
  const char* text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
  auto found = text ? by_name->find(text) : by_name->end();
  if (found == by_name->end()) fail_type("_call_op: no operation of this name in the table");
  return *found->second;
}
}  // namespace

PyObject* call_by_name(PyObject*, PyObject* const* args, Py_ssize_t n) {
  TORCHY_TRY
  if (n != 2 || !PyTuple_Check(args[1])) fail_type("_call_op: expects (name, tuple of all arguments)");
  const Signature& sig = signature_named(args[0]);
  if (PyTuple_GET_SIZE(args[1]) != sig.count)
    fail_type("_call_op: expected ", sig.count, " arguments for ", sig.text, ", got ", PyTuple_GET_SIZE(args[1]));
  Args parsed;
  for (int i = 0; i < sig.count; ++i) {
    PyObject* a = PyTuple_GET_ITEM(args[1], i);
    if (!(sig.params[i].has_default && a == Py_None) && !fits(sig.params[i].kind, a))
      fail_type("_call_op: argument '", sig.params[i].name, "' of ", sig.text, " must be ",
                kind_name(sig.params[i].kind), ", not ", Py_TYPE(a)->tp_name);
    parsed.slots_[i] = a;
  }
  return sig.call(parsed);
  TORCHY_CATCH(nullptr)
}

TensorList Args::tensor_list(int i) const {
  PyObject* o = slots_[i];
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  PyObject** items = PySequence_Fast_ITEMS(o);
  TensorList out;
  out.reserve(size_t(n));
  for (Py_ssize_t k = 0; k < n; ++k) out.push_back(items[k] == Py_None ? Tensor() : unwrap(items[k]));
  return out;
}

Operand Args::operand(int i) const {
  if (is_tensor(slots_[i])) return Operand(impl_of(slots_[i]));
  return Operand(scalar(i));
}

Scalar Args::scalar(int i) const {
  if (is_tensor(slots_[i])) {
    check_not_batched(unwrap(slots_[i]), "a number argument");
    return Scalar::load(impl_of(slots_[i])->dtype(), impl_of(slots_[i])->data());
  }
  Scalar s;
  if (!to_scalar(slots_[i], s)) throw PythonError();
  return s;
}

int64_t Args::integer(int i) const {
  if (is_tensor(slots_[i])) return scalar(i).to_int();
  Ref index(PyNumber_Index(slots_[i]));
  if (!index) throw PythonError();
  long long v = PyLong_AsLongLong(index.get());
  if (v == -1 && PyErr_Occurred()) throw PythonError();
  return v;
}

IntVec int_vec_from(PyObject* o) {
  auto one = [](PyObject* x) -> int64_t {
    if (is_tensor(x)) check_not_batched(unwrap(x), "a size or dim");
    if (is_tensor(x)) return Scalar::load(impl_of(x)->dtype(), impl_of(x)->data()).to_int();
    Ref index(PyNumber_Index(x));
    if (!index) throw PythonError();
    long long v = PyLong_AsLongLong(index.get());
    if (v == -1 && PyErr_Occurred()) throw PythonError();
    return v;
  };
  if (!is_sequence(o)) return IntVec{one(o)};
  IntVec out;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  for (Py_ssize_t i = 0; i < n; ++i) out.push_back(one(PySequence_Fast_GET_ITEM(o, i)));
  return out;
}
IntVec Args::int_list(int i) const { return int_vec_from(slots_[i]); }

double Args::number(int i) const {
  double v = PyFloat_AsDouble(slots_[i]);
  if (v == -1.0 && PyErr_Occurred()) throw PythonError();
  return v;
}

std::string Args::text(int i) const {
  Py_ssize_t n;
  const char* p = PyUnicode_AsUTF8AndSize(slots_[i], &n);
  if (!p) throw PythonError();
  return std::string(p, size_t(n));
}

Generator* Args::generator(int i) const { return unwrap_generator(present(i) ? slots_[i] : Py_None); }

void check_device(PyObject* device) {
  if (device == Py_None) return;
  Ref text(PyObject_Str(device));
  if (!text) throw PythonError();
  const char* name = PyUnicode_AsUTF8(text.get());
  if (!name) throw PythonError();
  TORCHY_CHECK(std::strncmp(name, "cpu", 3) == 0, "device: '", name, "' is not available; this build has only 'cpu'");
}

}  // namespace torchy::python
