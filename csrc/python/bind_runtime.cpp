// Default dtype, threads, memory, BLAS and build facts. Layer: python.
#include "../core/promote.h"
#include "../core/shape.h"
#include "../core/threads.h"
#include "../kernels/blas.h"
#include "bind.h"
#include "parser.h"

namespace nb = nanobind;

namespace torchy::python {

namespace {

nb::object dtype_handle(DType d) { return nb::borrow(dtype_object(d)); }

std::string best_isa() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw"))
    return "x86-64-v4";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "x86-64-v3";
  return "x86-64-v2";
#else
  return "generic";
#endif
}

nb::dict build_info() {
  nb::dict d;
  d["version"] = TORCHY_VERSION;
  d["compiler"] = __VERSION__;
  d["isa"] = best_isa();
  d["num_threads"] = get_num_threads();
  d["blas"] = blas::available() ? blas::config() : std::string("none: ") + blas::load_error();
  return d;
}

// Asked once, when a product first needs BLAS: where the OpenBLAS of the Python package lies.
std::string find_blas() {
  nb::gil_scoped_acquire gil;
  try {
    return nb::cast<std::string>(nb::module_::import_("torchy._blas").attr("find")());
  } catch (nb::python_error&) { return std::string(); }
}

}  // namespace

void bind_runtime(nb::module_& m) {
  m.def("get_default_dtype", [] { return dtype_handle(default_dtype()); }, "The dtype of new floating tensors.");
  m.def("_set_default_dtype", [](nb::handle d) { set_default_dtype(unwrap_dtype(d.ptr())); });
  m.def("get_num_threads", &get_num_threads, "Threads that large operations use.");
  m.def("_set_num_threads", [](int n) {
    TORCHY_CHECK(n > 0, "set_num_threads: expected a positive number of threads, got ", n);
    set_num_threads(n);
    blas::match_threads();
  });
  m.def(
      "promote_types",
      [](nb::handle a, nb::handle b) {
        return dtype_handle(promote_types(unwrap_dtype(a.ptr()), unwrap_dtype(b.ptr())));
      },
      "The smallest dtype both convert to.");
  m.def(
      "can_cast",
      [](nb::handle from, nb::handle to) { return can_cast(unwrap_dtype(from.ptr()), unwrap_dtype(to.ptr())); },
      nb::arg("from_"), nb::arg("to"), "Whether a result of one dtype may be written into another.");
  m.def(
      "result_type",
      [](nb::handle a, nb::handle b) {
        auto operand = [](nb::handle h) {
          if (is_tensor(h.ptr())) return Operand(impl_of(h.ptr()));
          Scalar s;
          if (!to_scalar(h.ptr(), s)) {
            if (PyErr_Occurred()) throw PythonError();
            fail_type("result_type(): expected a Tensor or Number, not ", Py_TYPE(h.ptr())->tp_name);
          }
          return Operand(s);
        };
        return dtype_handle(result_type(operand(a), operand(b)));
      },
      "The dtype an arithmetic operation on both computes in.");
  m.def("_broadcast_shapes", [](const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
    return nb::steal(size_object(broadcast_shapes(a, b, "broadcast_shapes")));
  });
  m.def("_build_info", &build_info);
  m.def("_memory_stats", [] {
    MemoryStats s = memory_stats();
    nb::dict d;
    d["live_storages"] = s.live_storages;
    d["live_bytes"] = s.live_bytes;
    d["peak_bytes"] = s.peak_bytes;
    d["cached_bytes"] = s.cached_bytes;
    return d;
  });
  m.def("_release_cached_memory", &release_cached_memory);
  blas::set_blas_finder(&find_blas);
}

}  // namespace torchy::python
