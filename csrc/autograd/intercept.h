// Where an operation goes when something unusual is on: vmap, then forward mode, then what watches (modes, anomaly,
// hooks on saved tensors, traps), then the operation itself. Layer: autograd.
#pragma once

#include <initializer_list>
#include <string>
#include <tuple>
#include <type_traits>

#include "batch.h"
#include "forward.h"

namespace torchy {

class Generator;

// What interception needs to know of an operation; one constant each, generated.
struct OpEntry {
  const char* name;    // in the table
  uint32_t diff_args;  // bit i: argument i has a derivative
  bool random;
};

// An argument of any type of the table, borrowed for the call.
struct Boxed {
  enum Kind : uint8_t {
    kTensor,
    kOperand,
    kList,
    kScalar,
    kOptScalar,
    kInt,
    kOptInt,
    kInts,
    kOptInts,
    kFloat,
    kOptFloat,
    kBool,
    kOptBool,
    kStr,
    kOptStr,
    kDType,
    kOptDType,
    kGenerator,
  };
  Kind kind;
  const void* p;
  Boxed(const Tensor& t) : kind(kTensor), p(&t) {}
  Boxed(const Operand& t) : kind(kOperand), p(&t) {}
  Boxed(const TensorList& t) : kind(kList), p(&t) {}
  Boxed(const Scalar& t) : kind(kScalar), p(&t) {}
  Boxed(const std::optional<Scalar>& t) : kind(kOptScalar), p(&t) {}
  Boxed(const int64_t& t) : kind(kInt), p(&t) {}
  Boxed(const std::optional<int64_t>& t) : kind(kOptInt), p(&t) {}
  Boxed(const IntSpan& t) : kind(kInts), p(&t) {}
  Boxed(const std::optional<IntVec>& t) : kind(kOptInts), p(&t) {}
  Boxed(const double& t) : kind(kFloat), p(&t) {}
  Boxed(const std::optional<double>& t) : kind(kOptFloat), p(&t) {}
  Boxed(const bool& t) : kind(kBool), p(&t) {}
  Boxed(const std::optional<bool>& t) : kind(kOptBool), p(&t) {}
  Boxed(const std::string& t) : kind(kStr), p(&t) {}
  Boxed(const std::optional<std::string>& t) : kind(kOptStr), p(&t) {}
  Boxed(const DType& t) : kind(kDType), p(&t) {}
  Boxed(const std::optional<DType>& t) : kind(kOptDType), p(&t) {}
  Boxed(Generator* const& t) : kind(kGenerator), p(&t) {}
  template <class T>
  const T& as() const {
    return *static_cast<const T*>(p);
  }
};
using Arguments = std::initializer_list<Boxed>;

// Set by the binding: the Python side of the transforms.
struct InterceptHooks {
  TensorList (*batch)(const OpEntry&, const Arguments&, uint32_t level) = nullptr;
  void* (*before)(const OpEntry&, const Arguments&) = nullptr;
  void (*after)(void* token, const OpEntry&, const TensorList* results) = nullptr;  // null: it raised
  void* (*before_node)(Node*) = nullptr;
  void (*after_node)(void* token, Node*) = nullptr;
  void (*remember_line)(Node*) = nullptr;                            // anomaly mode: who made the node
  void (*remember_change)(const Tensor&) = nullptr;                  // and who changed the memory
  std::string (*describe)(Node* maker, Storage* changed) = nullptr;  // those lines, for an error
  void (*annotate)(const std::string&) = nullptr;                    // adds to the Python exception in flight
  // A result (node: null) or gradient `number` of a node holds NaN or infinity at a row-major position.
  void (*non_finite)(const char* op, const Arguments*, const Tensor& t, int64_t at, Node* node,
                     size_t number) = nullptr;
  Tensor (*pack)(const Tensor&) = nullptr;           // a saved tensor as its packed stand-in
  Tensor (*unpack)(const Tensor& packed) = nullptr;  // and back
};
extern InterceptHooks intercept_hooks;

// What this thread's anomaly mode and trap look for.
struct Watched {
  bool nan = false, inf = false;
};
struct Watch {
  Watched gradients;  // anomaly mode: what backward returns
  Watched results;    // trap: what operations return, backward's included
};
extern thread_local Watch watch;
// Runs a node of backward while something watches.
void apply_watched(Node* node, TensorList& grads, TensorList& out);

class Interception {
 public:
  Interception(const OpEntry& op, const Arguments& args);
  uint32_t batch_level() const { return batch_level_; }
  uint32_t forward_level() const { return forward_level_; }
  TensorList run_batched() const { return intercept_hooks.batch(op_, args_, batch_level_); }
  void begin();
  void end(const TensorList& results);
  ~Interception();

 private:
  void look_at(const TensorImpl* t, bool differentiable);
  const OpEntry& op_;
  const Arguments& args_;
  uint32_t batch_level_ = 0, forward_level_ = 0;
  uint64_t first_node_ = 0;  // nodes made by the operation have this sequence number or more
  void* token_ = nullptr;    // of the modes, between begin and end
};

inline TensorList to_list(const Tensor& t) { return {t}; }
inline const TensorList& to_list(const TensorList& t) { return t; }
template <class... T>
TensorList to_list(const std::tuple<T...>& t) {
  return std::apply([](const auto&... x) { return TensorList{x...}; }, t);
}
template <class R>
TensorList to_list(const R&) {
  return {};  // a number
}

[[noreturn]] void wrong_result_count(const OpEntry& op, size_t got);
template <class R, size_t... I>
R tuple_from(TensorList& list, std::index_sequence<I...>) {
  return R{std::move(list[I])...};
}
template <class R>
R from_list(const OpEntry& op, TensorList list) {
  if constexpr (std::is_same_v<R, Tensor>) {
    if (list.size() != 1) wrong_result_count(op, list.size());
    return std::move(list[0]);
  } else if constexpr (std::is_same_v<R, TensorList>) {
    return list;
  } else {
    if (list.size() != std::tuple_size_v<R>) wrong_result_count(op, list.size());
    return tuple_from<R>(list, std::make_index_sequence<std::tuple_size_v<R>>());
  }
}

template <class Plain>
auto observe(Interception& at, uint32_t flags, Plain&& plain) {
  at.begin();
  auto result = [&] {
    FlagsGuard mask(flags);
    return plain();
  }();
  at.end(to_list(result));
  return result;
}

// A primitive: `plain` is the operation's own function, `jvp(forward, result)` sets the tangents.
template <class R, class Plain, class Jvp>
R intercept(const OpEntry& op, const Arguments& args, Plain&& plain, Jvp&& jvp) {
  Interception at(op, args);
  if (at.batch_level()) return from_list<R>(op, at.run_batched());
  if (at.forward_level()) {
    Forward forward(at.forward_level());
    R result = plain();
    jvp(forward, result);
    return result;
  }
  return observe(at, tls.flags & ~kUnusual, plain);
}

// A composite, only while a mode watches: its parts are intercepted themselves.
template <class R, class Body>
R intercept_composite(const OpEntry& op, const Arguments& args, Body&& body) {
  Interception at(op, args);
  return observe(at, tls.flags, body);
}

// Does an in-place operation go through its out-of-place form, whose result is copied in?
bool inplace_by_copy(const OpEntry& op, const Arguments& args);

// Lets the watchers see an in-place operation: `plain` runs it.
void watch_inplace(const OpEntry& op, const Arguments& args, const Tensor& self, void (*run)(void*), void* context);
// `result` copied into self, recorded as that; errors name `op`.
void inplace_from(const Tensor& self, const Tensor& result, const char* op);

// self as the out-of-place form may save it: a copy while recording, for self is about to change.
Tensor before_change(const Tensor& self);

template <class Plain, class Compute>
void intercept_inplace(const OpEntry& op, const Arguments& args, const Tensor& self, Plain&& plain, Compute&& compute) {
  if (inplace_by_copy(op, args)) return inplace_from(self, compute(before_change(self)), op.name);
  watch_inplace(op, args, self, [](void* f) { (*static_cast<std::remove_reference_t<Plain>*>(f))(); }, &plain);
}

// Anomaly mode, traps and hooks on saved tensors look at a node just made.
void watch_new_node(Node* node);

// Zero gradient times infinity or NaN counts as zero (see kZeroTimesInf).
Tensor zero_where_gradient_is(const Tensor& grad, Tensor product);

}  // namespace torchy
