// Matching Python arguments against generated signatures, in table order. Layer: python.
#pragma once

#include "tensor_object.h"

namespace torchy {
class Generator;
}

namespace torchy::python {

enum ArgKind : uint8_t {
  kArgTensor,
  kArgOptTensor,
  kArgTensorList,
  kArgOptTensorList,
  kArgOperand,
  kArgScalar,
  kArgOptScalar,
  kArgInt,
  kArgOptInt,
  kArgIntList,
  kArgOptIntList,
  kArgFloat,
  kArgOptFloat,
  kArgBool,
  kArgOptBool,
  kArgStr,
  kArgOptStr,
  kArgDType,
  kArgOptDType,
  kArgOptGenerator,
};
enum SignatureFlag : uint8_t {
  kSigDifferentiable = 1,
  kSigFactory = 2,  // also takes device=, layout=, pin_memory=, requires_grad=
  kSigOut = 4,      // also takes out=
  kSigVarargs = 8,  // view(2, 3) means view((2, 3))
};

class Args;
struct ParamSpec {
  const char* name;
  ArgKind kind;
  bool has_default;
  bool kwonly;
};
struct Signature {
  const char* text;
  const ParamSpec* params;
  int count;
  uint8_t flags;
  PyObject* (*call)(Args&);
};
struct NamedSignature {
  const char* name;
  const Signature* signature;
};
extern const NamedSignature generated_signatures[];  // ends with nullptr
struct Overloads {
  const char* name;
  const Signature* const* signatures;  // ends with nullptr
};

// The arguments of one call, matched to one signature: borrowed objects, converted when read.
class Args {
 public:
  static constexpr int kMax = 16;
  bool has(int i) const { return slots_[i] != nullptr; }
  PyObject* self() const {
    Py_INCREF(slots_[0]);
    return slots_[0];
  }
  Tensor tensor(int i) const { return unwrap(slots_[i]); }
  Tensor opt_tensor(int i) const { return present(i) ? unwrap(slots_[i]) : Tensor(); }
  TensorList tensor_list(int i) const;
  TensorList opt_tensor_list(int i) const { return tensor_list(i); }
  Operand operand(int i) const;
  Scalar scalar(int i) const;
  std::optional<Scalar> opt_scalar(int i) const { return present(i) ? std::optional<Scalar>(scalar(i)) : std::nullopt; }
  int64_t integer(int i) const;
  std::optional<int64_t> opt_integer(int i) const {
    return present(i) ? std::optional<int64_t>(integer(i)) : std::nullopt;
  }
  IntVec int_list(int i) const;
  std::optional<IntVec> opt_int_list(int i) const {
    return present(i) ? std::optional<IntVec>(int_list(i)) : std::nullopt;
  }
  double number(int i) const;
  std::optional<double> opt_number(int i) const { return present(i) ? std::optional<double>(number(i)) : std::nullopt; }
  bool boolean(int i) const { return slots_[i] == Py_True; }
  std::optional<bool> opt_boolean(int i) const { return present(i) ? std::optional<bool>(boolean(i)) : std::nullopt; }
  std::string text(int i) const;
  std::optional<std::string> opt_text(int i) const {
    return present(i) ? std::optional<std::string>(text(i)) : std::nullopt;
  }
  DType dtype(int i) const { return unwrap_dtype(slots_[i]); }
  std::optional<DType> opt_dtype(int i) const { return present(i) ? std::optional<DType>(dtype(i)) : std::nullopt; }
  Generator* generator(int i) const;

 private:
  friend bool match(const Signature&, PyObject*, PyObject* const*, Py_ssize_t, PyObject*, Args&);
  friend PyObject* call_by_name(PyObject*, PyObject* const*, Py_ssize_t);
  friend PyObject* dispatch(const Overloads&, PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
  bool present(int i) const { return slots_[i] && slots_[i] != Py_None; }

  PyObject* slots_[kMax];
  Ref varargs_;
  PyObject* out_ = nullptr;
  bool requires_grad_ = false;
};

// Calls the first signature that fits, or raises a TypeError that lists what would.
PyObject* dispatch(const Overloads& set, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);

// _call_op(name, args): any operation of the table, all arguments given in the order of its schema.
PyObject* call_by_name(PyObject* module, PyObject* const* args, Py_ssize_t n);

bool is_number(PyObject* o);
IntVec int_vec_from(PyObject* o);
Generator* unwrap_generator(PyObject* o);  // default generator for None / null
// device= of factories: None, "cpu", a device object; RuntimeError for anything that is not the CPU.
void check_device(PyObject* device);

// Writes `value` into `out` as out= does: resized if the shape differs, cast if allowed.
void write_out(const Tensor& out, const Tensor& value, const char* op);

}  // namespace torchy::python
