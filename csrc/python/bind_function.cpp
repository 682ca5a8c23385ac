// The node of a user's autograd.Function: its backward is a Python callable. Layer: python.
#include "../autograd/saved.h"
#include "../autograd/record.h"
#include "bind.h"
#include "hooks.h"

namespace nb = nanobind;

namespace torchy::python {

namespace {

class FunctionNode final : public Node {
 public:
  FunctionNode(std::string name, PyObject* backward, bool materialize)
      : name_(std::move(name)), backward_(Ref::borrow(backward)), materialize_(materialize) {
    info_ = {name_.c_str(), name_.c_str(), name_.c_str(), "written in Python"};
  }
  const OpInfo& info() const override { return info_; }
  void release_saved() override {
    if (saved.empty()) return;
    saved.clear();
    mark_released();
  }
  void apply(TensorList& grads, TensorList& out) override {
    if (materialize_) fill_undefined(this, grads);
    for (uint32_t i : skipped) grads[i].reset();
    bool any = false;
    for (const Tensor& g : grads) any = any || g.defined();
    if (!any) return;
    if (released()) SavedTensor().unpack(this);  // the error of a second backward
    TensorList values;
    for (const SavedTensor& s : saved) values.push_back(s.unpack(this));
    Ref kept(wrap_list(std::move(values))), given(wrap_list(grads));
    Ref result(check_python(PyObject_CallFunctionObjArgs(backward_.get(), kept.get(), given.get(), nullptr)));
    for (uint32_t i = 0; i < num_edges(); ++i) {
      PyObject* r = PyTuple_GET_ITEM(result.get(), static_cast<Py_ssize_t>(i));
      if (r != Py_None) out[i] = unwrap(r);
    }
  }
  void visit_saved(SavedVisitor& v) override {
    for (SavedTensor& s : saved) v("saved", s);
  }
  PyObject* backward() const { return backward_.get(); }
  std::vector<SavedTensor> saved;
  std::vector<uint32_t> skipped;  // results that are no tensors

 private:
  std::string name_;
  OpInfo info_;
  Ref backward_;
  bool materialize_;
};

// outputs: undefined for what is no tensor.
void attach(const std::string& name, nb::object backward, const TensorList& inputs, const TensorList& outputs,
            const TensorList& saved, const std::vector<bool>& differentiable, const std::vector<bool>& dirty,
            bool materialize) {
  auto* node = new FunctionNode(name, backward.ptr(), materialize);
  NodeRef hold(node);
  for (const Tensor& t : inputs) add_edges(node, t);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& t = outputs[i];
    if (!t.defined()) {  // not a tensor: passed through, its gradient is None
      node->skipped.push_back(node->add_input(wrap_number(Scalar(0.0)).impl()));
      continue;
    }
    if (dirty[i]) {
      check_inplace(t, true, name.c_str());
      mark_written(t, "autograd.Function (mark_dirty)");
      if (t->base) {
        TORCHY_CHECK(outputs.size() == 1 && !inputs.empty() && inputs[0].is_same(t), name,
                     ": a view changed in place "
                     "(mark_dirty) must be the first input and the only output; clone() it, or return one tensor");
        rebase_history(t, hold);
        continue;
      }
    }
    uint32_t nr = node->add_input(t.impl());
    if (!differentiable[i]) continue;
    set_grad_fn(t.impl(), hold, nr);
    if (t->python) let_collector_see(static_cast<PyObject*>(t->python));
    AutogradMeta* m = meta_of(t.impl());
    m->requires_grad = false;
    if (t->base) m->view_version = t->version();
  }
  for (const Tensor& t : saved) {
    node->saved.emplace_back();
    if (!t.defined()) continue;
    int nr = -1;
    for (size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].is_same(t) && differentiable[i]) nr = static_cast<int>(i);
    if (nr >= 0) node->saved.back().save_output(t, static_cast<uint32_t>(nr));
    else node->saved.back().save(t);
  }
  if (tls.flags & (kAnomaly | kTrap | kSavedHooks)) watch_new_node(node);
}

}  // namespace

PyObject* backward_of_function(Node* node) {
  auto* function = dynamic_cast<FunctionNode*>(node);
  return function ? function->backward() : nullptr;
}

void bind_function(nb::module_& m) { m.def("_attach_function", &attach); }

}  // namespace torchy::python
