// AutogradMeta (what hangs on a tensor that takes part in recording), gradient edges, views, versions.
// Layer: autograd.
#pragma once

#include <string>

#include "node.h"

namespace torchy {

// The tangents of a tensor, one per open level of forward mode; see forward.h.
using Tangents = std::vector<std::pair<uint32_t, Tensor>>;
// What few tensors have.
struct MetaExtras {
  Tangents tangents;
  Tensor batch;                  // of a batched tensor: the physical one, batch dim first
  uint32_t batch_level = 0;      // and its level of vmap
  std::shared_ptr<void> packed;  // of a packed saved tensor: what the user's hook made of it
  Edge packed_edge;              // and where its gradient goes; counted
  ~MetaExtras();
};

class AutogradMeta final : public TensorMeta {
 public:
  ~AutogradMeta() override;
  static void* operator new(size_t size);
  static void operator delete(void* p, size_t size);

  bool requires_grad = false;  // of a leaf
  bool retains_grad = false;
  bool had_recorded_grad = false;     // see cycles.h
  bool changed_while_shared = false;  // in place, while others held it: perhaps a node that its new history leads to
  uint32_t output_nr = 0;
  uint32_t view_version = 0;  // of the storage when grad_fn was set, for views
  NodeRef grad_fn;
  Node* accumulator = nullptr;  // weak: cleared by the accumulator's destructor
  TensorImpl* self = nullptr;
  Tensor grad;
  HookList<TensorHook> hooks;  // of a leaf
  HookList<TensorHook> post_accumulate;
  std::string name;
  std::unique_ptr<MetaExtras> extras;  // null but for what follows
};

inline AutogradMeta* meta_of(const TensorImpl* t) { return static_cast<AutogradMeta*>(t->meta); }
AutogradMeta* ensure_meta(TensorImpl* t);
MetaExtras& ensure_extras(TensorImpl* t);
// Replaces the node that made t; retain_grad follows.
void set_grad_fn(TensorImpl* t, NodeRef node, uint32_t output_nr);

inline bool has_own_grad(const TensorImpl* t) {
  AutogradMeta* m = meta_of(t);
  return m && (m->requires_grad || m->grad_fn);
}
// A view requires grad as soon as its base does (the base may have been changed in place).
inline bool requires_grad(const TensorImpl* t) {
  if (!t->meta && !t->base) return false;
  return has_own_grad(t) || (t->base && !t->has(kNoGradView) && has_own_grad(t->base));
}
inline bool requires_grad(const Tensor& t) { return t.defined() && requires_grad(t.impl()); }
inline bool requires_grad(const Operand& o) { return o.is_tensor() && requires_grad(o.impl()); }
inline bool requires_grad(const TensorList& l) {
  for (const Tensor& t : l)
    if (requires_grad(t)) return true;
  return false;
}

// The node that made t, regenerated for a view whose memory was changed since; null for leaves.
Node* grad_fn(TensorImpl* t);
inline bool is_leaf(TensorImpl* t) { return grad_fn(t) == nullptr; }
// Where t's gradient goes: (grad_fn, output number) or its accumulator; counted. Null if none.
Edge gradient_edge(TensorImpl* t);
inline Edge gradient_edge(const Tensor& t) { return t.defined() ? gradient_edge(t.impl()) : Edge{}; }
inline Edge gradient_edge(const Operand& o) { return o.is_tensor() ? gradient_edge(o.impl()) : Edge{}; }

void add_edges(Node* node, const Tensor& t);
void add_edges(Node* node, const Operand& o);
void add_edges(Node* node, const TensorList& list);

// Hangs `node` on a result. Results of non-differentiable dtype stay without history.
void set_history(const Tensor& result, Node* node);
void set_history(const TensorList& results, Node* node);

// Before an in-place operation: errors for leaves, views made under no_grad, multi-output views.
// `recorded`: an input requires grad and recording is on.
void check_inplace(const Tensor& self, bool recorded, const char* op);
// After it: version, last writer.
inline void mark_written(const Tensor& self, const char* op) {
  self->bump_version();
  self.storage()->last_writer = op;
}
// After an in-place operation on `self` whose node is `node` (edge 0 is self's old history).
void rebase_history(const Tensor& self, NodeRef node);

void set_requires_grad(const Tensor& t, bool value);
void retain_grad(const Tensor& t);

}  // namespace torchy
