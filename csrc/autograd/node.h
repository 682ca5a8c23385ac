// Node: one step of the recorded program, and the edges that join nodes. Layer: autograd.
// Everything here is guarded by the interpreter lock.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "../core/shape.h"
#include "../core/tensor.h"
#include "../core/tls.h"

namespace torchy {

class Node;
class NodeRef;
struct SavedVisitor;

// What the table says of the operation a node came from; generated, one per node type.
struct OpInfo {
  const char* name;     // "MulBackward0"
  const char* op;       // "mul"
  const char* sign;     // "*"
  const char* formula;  // the vjp rules as text
};

struct Edge {
  Node* node = nullptr;  // counted by the node that holds the edge; null: no gradient wanted
  uint32_t nr = 0;
};

// Shape and dtype that a gradient arriving at an input of a node must have.
class GradMeta {
 public:
  GradMeta() = default;
  void set(const TensorImpl* t) {
    dtype_ = t->dtype();
    if (t->ndim() <= kInline) {
      ndim_ = static_cast<int8_t>(t->ndim());
      std::copy(t->sizes().begin(), t->sizes().end(), inline_);
    } else {
      ndim_ = -1;
      heap_ = std::make_unique<IntVec>(t->sizes());
    }
  }
  DType dtype() const { return dtype_; }
  IntSpan sizes() const { return ndim_ >= 0 ? IntSpan(inline_, size_t(ndim_)) : IntSpan(*heap_); }

 private:
  static constexpr int kInline = 4;
  DType dtype_ = DType::Float32;
  int8_t ndim_ = 0;
  int64_t inline_[kInline];
  std::unique_ptr<IntVec> heap_;
};

// A user's function on gradients; the binding derives from these. A removed hook lets go of its
// function at once and leaves its list when that is next walked.
struct Hook {
  virtual ~Hook() = default;
  virtual void drop() = 0;
  virtual void* python() const = 0;  // for the collector; null once dropped
  int64_t id = 0;
  uint32_t input = 0;  // of the node, for hooks of its results
  bool removed = false;
};
struct TensorHook : Hook {
  virtual Tensor call(const Tensor& grad) = 0;  // undefined result: gradient unchanged
};
struct NodeHook : Hook {
  // pre: (grads, -) before the node; post: (its outputs, its inputs) after. May replace `grads`.
  virtual void call(TensorList& grads, const TensorList& inputs) = 0;
};
template <class H>
using HookList = std::vector<std::shared_ptr<H>>;
struct NodeHooks {
  HookList<TensorHook> tensor_pre;
  std::vector<std::pair<uint32_t, TensorImpl*>> retain;  // borrowed: the tensor unregisters itself
  HookList<NodeHook> pre, post;
};
template <class H>
void purge_removed(HookList<H>& list) {
  for (size_t i = list.size(); i-- > 0;)
    if (list[i]->removed) list.erase(list.begin() + static_cast<ptrdiff_t>(i));
}
// Calls what was registered when the walk began: hooks may remove themselves and others meanwhile.
template <class H, class F>
void for_each_hook(HookList<H>& list, F&& call) {
  if (list.empty()) return;
  {
    HookList<H> walked = list;
    for (auto& hook : walked)
      if (hook->python()) call(*hook);
  }
  purge_removed(list);
}

// What one run of the engine keeps per node. Lives in the node for the first run in progress, in a
// map for any other run (backward inside a hook, a second thread on the same graph).
struct Scratch {
  uint64_t run = 0;
  uint32_t deps = 0;
  bool needed = false;
  bool captured = false;
  Tensor slot;                       // gradient of input 0
  std::unique_ptr<TensorList> more;  // gradients of inputs 1, 2, ...
};

class Node {
 public:
  Node() : sequence_nr_(next_sequence_nr()) { ++live_; }
  explicit Node(uint64_t sequence_nr) : sequence_nr_(sequence_nr) { ++live_; }
  virtual ~Node();
  Node(const Node&) = delete;

  // From gradients of its inputs (the operation's results; entries may be undefined) to one gradient
  // per edge. `out` entries start undefined and may stay so.
  virtual void apply(TensorList& grads, TensorList& out) = 0;
  virtual const OpInfo& info() const = 0;
  virtual void release_saved() {}
  virtual void visit_saved(SavedVisitor&) {}
  // A node that runs another inside (CopySlices) shows that one's saved values as its own, but holds them through it.
  virtual Node* inner() const { return nullptr; }
  void visit_own_saved(SavedVisitor& v) {
    if (!inner()) visit_saved(v);
  }
  // Called when nobody holds the node any more; true: it stays, cached by its owner.
  virtual bool fall_asleep() { return false; }
  // The node that stands for the result of an in-place operation on a view (see CopySlices).
  virtual NodeRef result_of_inner() const;

  void retain() { ++refcount_; }
  void release() {
    if (--refcount_ == 0) destroy(this);
  }
  uint32_t use_count() const { return refcount_; }
  uint64_t sequence_nr() const { return sequence_nr_; }

  uint32_t num_edges() const { return num_edges_; }
  const Edge& edge(uint32_t i) const { return edges_[i]; }
  bool needs(uint32_t i) const { return edges_[i].node != nullptr; }
  // Takes over the reference to `node`.
  void add_edge(Edge e);
  void replace_edge(uint32_t i, Edge e);

  uint32_t num_inputs() const { return num_inputs_; }
  uint32_t add_input(const TensorImpl* result);
  const GradMeta& input_meta(uint32_t nr) const { return nr == 0 ? first_input_ : (*more_inputs_)[nr - 1]; }
  void set_input_meta(uint32_t nr, const TensorImpl* t) { (nr == 0 ? first_input_ : (*more_inputs_)[nr - 1]).set(t); }
  NodeHooks& hooks() {
    if (!hooks_) hooks_ = std::make_unique<NodeHooks>();
    return *hooks_;
  }
  NodeHooks* hooks_if_any() const { return hooks_.get(); }

  bool released() const { return released_; }
  void mark_released() { released_ = true; }

  static int64_t live_count() { return live_; }
  static uint64_t next_sequence_nr() { return sequence_counter++; }
  static uint64_t peek_sequence_nr() { return sequence_counter; }
  static void* operator new(size_t size);
  static void operator delete(void* p, size_t size);

  Scratch scratch;
  Node* outer = nullptr;     // the CopySlices that runs this node, borrowed
  void* python = nullptr;    // the Python wrapper, borrowed
  void* metadata = nullptr;  // the Python dict, owned; freed by release_metadata

 protected:
  // For fall_asleep: a sleeping node does not count as live.
  bool has_extras() const { return hooks_ || metadata || python; }
  static void count_live(int change) { live_ += change; }

 private:
  static void destroy(Node* node);
  static int64_t live_;
  static thread_local uint64_t sequence_counter;

  uint32_t refcount_ = 1;
  uint32_t num_edges_ = 0;
  uint32_t num_inputs_ = 0;
  uint32_t edge_capacity_ = kInlineEdges;
  bool released_ = false;
  uint64_t sequence_nr_;
  static constexpr uint32_t kInlineEdges = 3;
  Edge inline_edges_[kInlineEdges];
  Edge* edges_ = inline_edges_;
  GradMeta first_input_;
  std::unique_ptr<std::vector<GradMeta>> more_inputs_;
  std::unique_ptr<NodeHooks> hooks_;
};

extern void (*release_metadata)(void* metadata);

// A counted pointer to a node.
class NodeRef {
 public:
  NodeRef() = default;
  explicit NodeRef(Node* stolen) : p_(stolen) {}
  NodeRef(const NodeRef& o) : p_(o.p_) {
    if (p_) p_->retain();
  }
  NodeRef(NodeRef&& o) noexcept : p_(o.p_) { o.p_ = nullptr; }
  NodeRef& operator=(NodeRef o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~NodeRef() {
    if (p_) p_->release();
  }
  static NodeRef borrow(Node* p) {
    if (p) p->retain();
    return NodeRef(p);
  }
  Node* get() const { return p_; }
  Node* operator->() const { return p_; }
  explicit operator bool() const { return p_ != nullptr; }
  Node* leak() {
    Node* p = p_;
    p_ = nullptr;
    return p;
  }

 private:
  Node* p_ = nullptr;
};

inline NodeRef Node::result_of_inner() const { return NodeRef(); }

}  // namespace torchy
