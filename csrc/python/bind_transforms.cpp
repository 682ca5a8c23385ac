// Forward mode and vmap as Python sees them; the batching rules themselves are Python. Layer: python.
#include "../autograd/accumulate.h"
#include "bind.h"
#include "boxed.h"

#include <unordered_set>

namespace nb = nanobind;

namespace torchy::python {

namespace {

std::string location() {
  Ref frames = user_frames();
  if (PyTuple_GET_SIZE(frames.get()) == 0) return "unknown line";
  Ref file(PyObject_GetAttrString(PyTuple_GET_ITEM(frames.get(), 0), "co_filename"));
  const char* name = file ? PyUnicode_AsUTF8(file.get()) : nullptr;
  PyErr_Clear();
  return str_cat(name ? name : "?", ":", PyLong_AsLong(PyTuple_GET_ITEM(frames.get(), 1)));
}

VmapLevel& level_named(uint32_t id) {
  for (VmapLevel& l : vmap_levels())
    if (l.id == id) return l;
  fail("vmap: level ", id, " is not open");
}

// While a rule draws for all examples, its own level asks for nothing more.
class RandomnessGiven {
 public:
  explicit RandomnessGiven(uint32_t id) : id_(id), randomness_(std::exchange(level_named(id).randomness, "same")) {}
  ~RandomnessGiven() { level_named(id_).randomness = randomness_; }

 private:
  uint32_t id_;
  std::string randomness_;
};

// Calls torchy.func._batching._dispatch.dispatch, which finds the rule.
TensorList batch(const OpEntry& op, const Arguments& args, uint32_t id) {
  static PyObject* dispatcher = nullptr;
  if (!dispatcher) {
    Ref module(check_python(PyImport_ImportModule("torchy.func._batching._dispatch")));
    dispatcher = check_python(PyObject_GetAttrString(module.get(), "dispatch"));
  }
  const VmapLevel level = level_named(id);
  Ref given = to_python(args);
  RandomnessGiven drawing(id);
  Ref result(check_python(PyObject_CallFunction(dispatcher, "sILsO", op.name, level.id, (long long)level.size,
                                                level.randomness.c_str(), given.get())));
  TensorList out;
  if (is_tensor(result.get())) {
    out.push_back(unwrap(result.get()));
    return out;
  }
  if (result.get() == Py_None) return out;
  Ref items(check_python(PySequence_Fast(result.get(), "vmap: a batching rule must return tensors")));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i)
    out.push_back(unwrap(PySequence_Fast_GET_ITEM(items.get(), i)));
  return out;
}

// A leaf of its own on x's memory, with x's tangents.
Tensor fresh_leaf(const Tensor& x) {
  Tensor leaf = alias(x);
  share_tangents(x, leaf);
  set_requires_grad(leaf, true);
  return leaf;
}

bool reaches_other_leaves(const TensorList& outputs, const TensorList& leaves) {
  std::unordered_set<const TensorImpl*> own;
  for (const Tensor& t : leaves) own.insert(t.impl());
  std::unordered_set<Node*> seen;
  std::vector<Node*> stack;
  for (const Tensor& t : outputs) {
    if (!t.defined() || !requires_grad(t)) continue;
    if (Node* n = grad_fn(t.impl())) stack.push_back(n);
    else if (!own.count(t.impl())) return true;
  }
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    if (!seen.insert(n).second) continue;
    if (AccumulateGrad* leaf = as_accumulator(n)) {
      if (!own.count(leaf->variable())) return true;
      continue;
    }
    for (uint32_t i = 0; i < n->num_edges(); ++i)
      if (n->edge(i).node) stack.push_back(n->edge(i).node);
  }
  return false;
}

// t without its history. Its tangents stay, without theirs where that leads to nothing but `leaves`.
Tensor off_tape(const Tensor& t, const TensorList& leaves) {
  if (uint32_t level = batch_level_of(t.impl())) return make_batched(off_tape(batch_of(t), leaves), level);
  Tensor out = alias(t);
  share_tangents(t, out);
  AutogradMeta* m = meta_of(out.impl());
  if (m && m->extras)
    for (auto& [level, tangent] : m->extras->tangents) {
      Tensor holder = tangent;
      while (batch_level_of(holder.impl())) holder = batch_of(holder);
      if (!reaches_other_leaves({holder}, leaves)) tangent = off_tape(tangent, leaves);
    }
  return out;
}

nb::list levels() {
  nb::list out;
  for (const VmapLevel& l : vmap_levels()) out.append(nb::make_tuple(l.id, l.size, l.randomness, l.tangents_only));
  return out;
}

}  // namespace

void bind_transforms(nb::module_& m) {
  intercept_hooks.batch = batch;
  user_location = location;
  m.def("_forward_enter", &enter_forward_level);
  m.def("_forward_exit", &exit_forward_level);
  m.def("_forward_level", &innermost_forward_level);
  m.def("_make_dual", &make_dual);
  m.def("_primal_of", &primal_of);
  m.def("_tangent_at", &tangent_at);
  m.def("_forward_levels", &visible_forward_levels);
  m.def("_set_tangent", [](const Tensor& t, uint32_t level, const Tensor& tangent) {
    Tensor fitted = fitted_tangent(t, tangent, level);
    give_to_saved(t, level, fitted);
    set_tangent(t, level, fitted);
  });
  m.def("_set_forward_cap", [](uint32_t cap) { return std::exchange(tls.forward_cap, cap); });
  m.def("_fresh_leaf", &fresh_leaf);
  m.def("_off_tape", &off_tape);
  m.def("_reaches_other_leaves", &reaches_other_leaves);
  m.def("_vmap_enter", &enter_vmap_level);
  m.def("_vmap_exit", &exit_vmap_level);
  m.def("_vmap_levels", &levels);
  m.def("_batch_wrap", &make_batched);
  m.def("_batch_unwrap", [](const Tensor& t, uint32_t level) {
    auto [physical, batched] = unbatch(t, level);
    return nb::make_tuple(physical, batched);
  });
  m.def("_batch_level", [](const Tensor& t) { return batch_level_of(t.impl()); });
}

}  // namespace torchy::python
