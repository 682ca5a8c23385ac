// Modes, anomaly mode, traps and hooks on saved tensors: what watches operations, as Python sees it. Layer: python.
#include "../core/shape.h"
#include "bind.h"
#include "boxed.h"

#include <unordered_map>

namespace nb = nanobind;

namespace torchy::python {

namespace {

void set_flag(uint32_t flag, bool on) { tls.flags = on ? (tls.flags | flag) : (tls.flags & ~flag); }

// ---- modes: objects with before_op, after_op, before_node, after_node

std::vector<PyObject*>& modes() {
  static thread_local std::vector<PyObject*> stack;
  return stack;
}

// One token per mode, outermost first.
template <class Call>
void* ask_modes(Call&& call) {
  FlagsGuard quiet(tls.flags & ~uint32_t(kModeHook));
  Ref tokens(check_python(PyList_New(0)));
  for (size_t i = 0; i < modes().size(); ++i) {
    Ref token(check_python(call(modes()[i])));
    if (PyList_Append(tokens.get(), token.get()) < 0) throw PythonError();
  }
  return tokens.leak();
}
template <class Call>
void tell_modes(void* token, Call&& call) {
  FlagsGuard quiet(tls.flags & ~uint32_t(kModeHook));
  Ref tokens(static_cast<PyObject*>(token));
  for (Py_ssize_t i = PyList_GET_SIZE(tokens.get()); i-- > 0;)
    if (size_t(i) < modes().size()) Ref done(check_python(call(modes()[size_t(i)], PyList_GET_ITEM(tokens.get(), i))));
}

void* before_op(const OpEntry& op, const Arguments& args) {
  FlagsGuard quiet(tls.flags & ~uint32_t(kModeHook));
  Ref given = to_python(args);
  return ask_modes([&](PyObject* mode) { return PyObject_CallMethod(mode, "before_op", "sO", op.name, given.get()); });
}
void after_op(void* token, const OpEntry& op, const TensorList* results) {
  if (!results) {  // the operation raised: that error stays
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    try {
      tell_modes(token, [&](PyObject* mode, PyObject* t) {
        return PyObject_CallMethod(mode, "after_op", "OsO", t, op.name, Py_None);
      });
    } catch (const Error&) { PyErr_Clear(); }
    PyErr_Restore(type, value, trace);
    return;
  }
  Ref out = to_python(*results);
  tell_modes(token, [&](PyObject* mode, PyObject* t) {
    return PyObject_CallMethod(mode, "after_op", "OsO", t, op.name, out.get());
  });
}
void* before_node(Node* node) {
  Ref n(wrap_node(node));
  return ask_modes([&](PyObject* mode) { return PyObject_CallMethod(mode, "before_node", "O", n.get()); });
}
void after_node(void* token, Node* node) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  Ref n(wrap_node(node));
  tell_modes(token,
             [&](PyObject* mode, PyObject* t) { return PyObject_CallMethod(mode, "after_node", "OO", t, n.get()); });
  PyErr_Restore(type, value, trace);
}

// ---- lines of anomaly mode

struct Change {
  uint32_t version;
  Ref frames;
};
// Who last changed a storage; kept while anomaly mode is on.
std::unordered_map<const Storage*, Change>& changes() {
  static auto* map = new std::unordered_map<const Storage*, Change>();
  return *map;
}

void remember_line(Node* node) {
  Ref frames = user_frames();
  if (!node->metadata) node->metadata = check_python(PyDict_New());
  if (PyDict_SetItemString(static_cast<PyObject*>(node->metadata), "traceback_", frames.get()) < 0) throw PythonError();
}
void remember_change(const Tensor& t) { changes()[t.storage()] = {t->version(), user_frames()}; }

std::string ask_anomaly(const char* function, PyObject* args) {
  Ref hold(check_python(args));
  Ref module(check_python(PyImport_ImportModule("torchy.autograd.anomaly_mode")));
  Ref f(check_python(PyObject_GetAttrString(module.get(), function)));
  Ref result(check_python(PyObject_CallObject(f.get(), hold.get())));
  const char* text = PyUnicode_Check(result.get()) ? PyUnicode_AsUTF8(result.get()) : "";
  return text ? text : "";
}

std::string describe(Node* maker, Storage* changed) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  Ref node(wrap_node(maker));
  auto found = changed ? changes().find(changed) : changes().end();
  bool known = found != changes().end() && found->second.version == changed->version();
  PyObject* change = known ? found->second.frames.get() : Py_None;
  std::string text = ask_anomaly("_describe", Py_BuildValue("(OO)", node.get(), change));
  PyErr_Restore(type, value, trace);
  return text;
}

void annotate(const std::string& text) {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (value) Ref done(PyObject_CallMethod(value, "add_note", "s", text.c_str()));  // from Python 3.11 on
  PyErr_Clear();
  PyErr_Restore(type, value, trace);
}

void non_finite(const char* op, const Arguments* args, const Tensor& t, int64_t at, Node* node, size_t number) {
  Ref given = args ? to_python(*args) : Ref::borrow(Py_None);
  Ref maker(wrap_node(node));
  Ref tensor(wrap(alias(t)));
  ask_anomaly("_non_finite",
              Py_BuildValue("(sOOLOn)", op, given.get(), tensor.get(), (long long)at, maker.get(), Py_ssize_t(number)));
}

// ---- hooks on saved tensors

struct SavedHooks {
  PyObject *pack, *unpack;  // counted
};
std::vector<SavedHooks>& saved_hooks() {
  static thread_local std::vector<SavedHooks> stack;
  return stack;
}
struct Packed {
  Ref value, unpack;
};

Tensor pack(const Tensor& t) {
  if (saved_hooks().empty()) return t;
  FlagsGuard plain(tls.flags & ~uint32_t(kSavedHooks));
  NoGradGuard no_grad;
  const SavedHooks hooks = saved_hooks().back();
  auto packed = std::make_shared<Packed>();
  packed->unpack = Ref::borrow(hooks.unpack);
  Ref given(wrap(t));
  packed->value = Ref(check_python(PyObject_CallOneArg(hooks.pack, given.get())));
  Tensor out = empty(IntVec{0}, t.dtype());
  ensure_extras(out.impl()).packed = packed;
  return out;
}
Tensor unpack(const Tensor& t) {
  auto* packed = static_cast<Packed*>(meta_of(t.impl())->extras->packed.get());
  Ref result(check_python(PyObject_CallOneArg(packed->unpack.get(), packed->value.get())));
  if (!is_tensor(result.get()))
    fail_type("Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
              Py_TYPE(result.get())->tp_name);
  return unwrap(result.get());
}

struct Lister : SavedVisitor {
  nb::list out;
  void visit(const char* name, SavedTensor& saved) override {
    const Tensor& t = saved.held();
    if (!t->has(kPacked)) {
      out.append(nb::make_tuple(name, alias(t)));
      return;
    }
    auto* packed = static_cast<Packed*>(meta_of(t.impl())->extras->packed.get());
    out.append(nb::make_tuple(name, nb::borrow(packed->value.get())));
  }
};

}  // namespace

void bind_watch(nb::module_& m) {
  intercept_hooks.before = before_op;
  intercept_hooks.after = after_op;
  intercept_hooks.before_node = before_node;
  intercept_hooks.after_node = after_node;
  intercept_hooks.remember_line = remember_line;
  intercept_hooks.remember_change = remember_change;
  intercept_hooks.describe = describe;
  intercept_hooks.annotate = annotate;
  intercept_hooks.non_finite = non_finite;
  intercept_hooks.pack = pack;
  intercept_hooks.unpack = unpack;

  m.def("_push_mode", [](nb::object mode) {
    modes().push_back(mode.release().ptr());
    set_flag(kModeHook, true);
  });
  m.def("_pop_mode", [] {
    TORCHY_CHECK(!modes().empty(), "_pop_mode: no mode is on");
    Ref last(modes().back());
    modes().pop_back();
    set_flag(kModeHook, !modes().empty());
  });
  m.def("_set_anomaly", [](bool on, bool nan, bool inf) {
    watch.gradients = {on && nan, on && inf};
    set_flag(kAnomaly, on);
    if (!on) changes().clear();
  });
  m.def("_anomaly",
        [] { return nb::make_tuple((tls.flags & kAnomaly) != 0, watch.gradients.nan, watch.gradients.inf); });
  m.def("_set_trap", [](bool nan, bool inf) {
    watch.results = {nan, inf};
    set_flag(kTrap, nan || inf);
  });
  m.def("_set_zero_times_inf", [](bool on) {
    bool before = (tls.flags & kZeroTimesInf) != 0;
    set_flag(kZeroTimesInf, on);
    return before;
  });
  m.def("_push_saved_hooks", [](nb::object pack, nb::object unpack) {
    saved_hooks().push_back({pack.release().ptr(), unpack.release().ptr()});
    set_flag(kSavedHooks, true);
  });
  m.def("_pop_saved_hooks", [] {
    TORCHY_CHECK(!saved_hooks().empty(), "_pop_saved_hooks: none are on");
    Ref pack(saved_hooks().back().pack), unpack(saved_hooks().back().unpack);
    saved_hooks().pop_back();
    set_flag(kSavedHooks, !saved_hooks().empty());
  });
  m.def("_node_saved", [](nb::handle node) {
    if (!is_node(node.ptr())) fail_type("_node_saved: expected a Node");
    Lister lister;
    unwrap_node(node.ptr())->visit_saved(lister);
    return lister.out;
  });
  m.def("_gradient_edge", [](const Tensor& t) {
    Edge e = gradient_edge(t);
    if (!e.node) return nb::object(nb::none());
    NodeRef hold(e.node);
    return nb::object(nb::make_tuple(nb::steal(wrap_node(e.node)), e.nr));
  });
  m.def("_increment_version", [](const Tensor& t) { t->bump_version(); });
}

}  // namespace torchy::python
