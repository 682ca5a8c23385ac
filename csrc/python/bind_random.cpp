// The Generator class and the default generator. Layer: python. Drawing is csrc/kernels/random.cpp.
#include "../kernels/random.h"

#include "bind.h"
#include "parser.h"

namespace nb = nanobind;

namespace torchy::python {

namespace {

// An integer from -2^63 to 2^64 - 1; a negative one stands for its two's complement.
uint64_t seed_from(nb::handle value) {
  PyObject* o = value.ptr();
  if (PyBool_Check(o) || !PyIndex_Check(o) || is_tensor(o))
    fail("manual_seed: expected a long, but got ", Py_TYPE(o)->tp_name, "; use an int");
  Ref index(check_python(PyNumber_Index(o)));
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (overflow == 0) return static_cast<uint64_t>(v);
  const unsigned long long u = overflow > 0 ? PyLong_AsUnsignedLongLong(index.get()) : 0;
  if (overflow > 0 && !PyErr_Occurred()) return u;
  PyErr_Clear();
  fail_value("manual_seed: overflow, the seed is out of range; use an int from -2**63 to 2**64 - 1");
}

Tensor state_of(const Generator& gen) {
  Tensor out = empty({Generator::kStateBytes}, DType::UInt8);
  gen.get_state(out.data<uint8_t>());
  return out;
}

nb::object load_state(nb::object self, const Tensor& state) {
  Generator& gen = nb::cast<Generator&>(self);
  if (!state.defined() || state.dtype() != DType::UInt8 || !state.is_contiguous())
    fail_type("set_state: RNG state must be a contiguous uint8 tensor, as get_state returns");
  Draw draw(gen, 0);
  gen.set_state(state.data<uint8_t>(), state.numel());
  return self;
}

nb::bytes state_bytes(const Generator& gen) {
  uint8_t bytes[Generator::kStateBytes];
  gen.get_state(bytes);
  return nb::bytes(bytes, sizeof(bytes));
}

void define_generator(nb::module_& m) {
  nb::class_<Generator>(m, "Generator", "A stream of random numbers: PyTorch's Mersenne twister.")
      .def(
          "__init__",
          [](Generator* self, nb::object device) {
            check_device(device.ptr());
            new (self) Generator();
          },
          nb::arg("device") = "cpu")
      .def(
          "manual_seed",
          [](nb::object self, nb::handle seed) {
            Generator& gen = nb::cast<Generator&>(self);
            const uint64_t value = seed_from(seed);
            Draw draw(gen, 0);
            gen.seed(value);
            return self;
          },
          nb::arg("seed").none(), "Start the stream anew; returns the generator.")
      .def(
          "seed",
          [](Generator& gen) {
            const uint64_t value = Generator::seed_from_system();
            Draw draw(gen, 0);
            gen.seed(value);
            return value;
          },
          "Start from a seed of the system's randomness, which is returned.")
      .def("initial_seed", &Generator::initial_seed, "The seed last given.")
      .def("get_state", &state_of, "The state as a uint8 tensor.")
      .def("set_state", &load_state, nb::arg("new_state").none(),
           "Put back a state from get_state; returns the generator.")
      .def(
          "clone_state", [](const Generator& gen) { return Generator(gen); }, "Another generator in the same state.")
      .def("__getstate__", &state_bytes)
      .def("__setstate__",
           [](Generator& self, nb::bytes bytes) {
             new (&self) Generator();
             self.set_state(static_cast<const uint8_t*>(bytes.data()), int64_t(bytes.size()));
           })
      .def_prop_ro("device", [](nb::handle) { return nb::module_::import_("torchy._device").attr("CPU"); });
}

}  // namespace

Generator* unwrap_generator(PyObject* o) {
  if (!o || o == Py_None) return &default_generator();
  Generator* gen = nullptr;
  if (!nb::try_cast<Generator*>(nb::handle(o), gen) || !gen)
    fail_type("generator must be a torch.Generator or None, not ", Py_TYPE(o)->tp_name);
  return gen;
}

void bind_random(nb::module_& m) {
  define_generator(m);
  m.attr("default_generator") = nb::cast(&default_generator(), nb::rv_policy::reference);
  m.attr("_version") = TORCHY_VERSION;
}

}  // namespace torchy::python
