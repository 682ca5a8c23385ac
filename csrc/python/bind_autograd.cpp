// Grad mode, the engine, node counts. Layer: python.
#include "../autograd/engine.h"
#include "bind.h"

namespace nb = nanobind;

namespace torchy::python {

void register_errors() {
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const Error& e) { translate_exception(); }
  });
}

namespace {

void set_flag(TlsFlag flag, bool on) { tls.flags = on ? (tls.flags | flag) : (tls.flags & ~uint32_t(flag)); }

TensorList backward(const TensorList& roots, const TensorList& grads, const TensorList& inputs, bool retain_graph,
                    bool create_graph, bool accumulate, bool allow_unused) {
  BackwardOptions options;
  options.retain_graph = retain_graph;
  options.create_graph = create_graph;
  options.accumulate = accumulate;
  options.allow_unused = allow_unused;
  return run_backward(roots.data(), roots.size(), grads, inputs, options);
}

}  // namespace

void bind_autograd(nb::module_& m) {
  register_errors();
  m.def("is_grad_enabled", [] { return grad_enabled(); }, "Whether operations are recorded in this thread.");
  m.def("_set_grad_enabled", [](bool on) { set_flag(kNoGrad, !on); });
  m.def(
      "is_inference_mode_enabled", [] { return (tls.flags & kInference) != 0; },
      "Whether inference_mode is on in this thread.");
  m.def("_set_inference_mode", [](bool on) { set_flag(kInference, on); });
  m.def("_tls_flags", [] { return tls.flags; });
  m.def("_set_tls_flags", [](uint32_t flags) {  // of the grad modes; what else is on stays on
    constexpr uint32_t kModes = kNoGrad | kInference;
    tls.flags = (tls.flags & ~kModes) | (flags & kModes);
  });
  m.def("_run_backward", &backward, nb::arg("roots"), nb::arg("grads"), nb::arg("inputs"), nb::arg("retain_graph"),
        nb::arg("create_graph"), nb::arg("accumulate"), nb::arg("allow_unused"));
  m.def("_graph_task_ids", &runs_in_progress);
  m.def("_live_nodes", &Node::live_count);
  m.def("_live_tensors", &live_tensor_count);

  lock_hooks.release = []() -> void* { return PyEval_SaveThread(); };
  lock_hooks.acquire = [](void* state) { PyEval_RestoreThread(static_cast<PyThreadState*>(state)); };
  engine_breather = [] {
    if (PyErr_CheckSignals() != 0) throw PythonError();
    PyThreadState* state = PyEval_SaveThread();
    PyEval_RestoreThread(state);
  };
}

}  // namespace torchy::python
