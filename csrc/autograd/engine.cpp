// The engine. A run counts, for every node it can reach, how many edges lead there; a node runs when
// all its gradients have arrived, latest-recorded first. Layer: autograd.
#include "engine.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "accumulate.h"
#include "cycles.h"
#include "engine_roots.h"
#include "intercept.h"
#include "ops_gen.h"

namespace torchy {

void (*engine_breather)() = nullptr;

namespace {

bool scratch_busy = false;  // the nodes' own scratch serves one run at a time
uint64_t run_counter = 0;

struct Capture {
  Node* node;
  uint32_t nr;
  Tensor grad;
  size_t input;
};

struct BySequence {
  bool operator()(const NodeRef& a, const NodeRef& b) const { return a->sequence_nr() < b->sequence_nr(); }
};

// The working lists of a run; the usual run reuses one set, so that it allocates nothing.
struct Buffers {
  std::vector<NodeRef> roots, heap;
  std::vector<Edge> edges;  // of the roots
  std::vector<Node*> stack;
  std::vector<Capture> captures;
  TensorList in, out;
  void clear() {
    roots.clear();
    heap.clear();
    edges.clear();
    stack.clear();
    captures.clear();
    in.clear();
    out.clear();
    constexpr size_t kKeep = 4096;
    if (heap.capacity() > kKeep) heap = {};
    if (stack.capacity() > kKeep) stack = {};
  }
};
Buffers shared_buffers;  // of the run that owns the scratch

class Run;
std::vector<Run*>& running() {
  static thread_local std::vector<Run*> stack;
  return stack;
}

class Run {
 public:
  Run(const BackwardOptions& options, bool limited)
      : options_(options), limited_(limited), run_(++run_counter), owner_(!scratch_busy) {
    if (owner_) scratch_busy = true;
    else own_.emplace();
    b_ = owner_ ? &shared_buffers : &*own_;
    running().push_back(this);
  }
  ~Run() {
    running().pop_back();
    if (failed_) drop_waiting_gradients();
    b_->clear();
    if (owner_) scratch_busy = false;
  }

  Scratch& at(Node* n) {
    if (!owner_) return map_[n];
    return n->scratch;
  }
  // Takes over the edge's count.
  void add_root(const Edge& e) {
    b_->roots.emplace_back(e.node);
    b_->edges.push_back(e);
  }
  void add_capture(const Edge& e, size_t input) {
    hold_.emplace_back(e.node);
    b_->captures.push_back({e.node, e.nr, Tensor(), input});
  }
  void seed(size_t root, Tensor grad) {
    const Edge& e = b_->edges[root];
    add_gradient(at(e.node), e.nr, std::move(grad));
  }

  void count_dependencies();
  void mark_needed();
  void loop();
  std::vector<Capture>& captures() { return b_->captures; }
  bool limited() const { return limited_; }
  uint64_t id() const { return run_; }
  bool reaches(Node* n) {
    if (!owner_ && !map_.count(n)) return false;
    Scratch& s = at(n);
    return s.run == run_ && (s.needed || s.captured);
  }

 private:
  void enter(Scratch& s) {
    s.run = run_;
    s.deps = 0;
    s.needed = !limited_;
    s.captured = false;
    s.slot.reset();
    s.more.reset();
  }
  void drop_waiting_gradients();
  void add_gradient(Scratch& s, uint32_t nr, Tensor grad);
  void execute(Node* n);
  void deliver(Node* n, TensorList& out);
  void push_ready(NodeRef n);
  Tensor validate(Tensor grad, Node* from, uint32_t index, const Edge& edge);

  const BackwardOptions& options_;
  bool limited_;
  uint64_t run_;
  bool owner_;
  bool failed_ = true;  // until the loop ends
  std::unordered_map<Node*, Scratch> map_;
  Buffers* b_;
  std::optional<Buffers> own_;
  std::vector<NodeRef> hold_;  // nodes of captures
  NodeRef next_;
};

void Run::count_dependencies() {
  std::vector<Node*>& stack = b_->stack;
  auto visit = [&](Node* n) {
    Scratch& s = at(n);
    if (s.run == run_) return;
    enter(s);
    stack.push_back(n);
  };
  for (NodeRef& r : b_->roots) visit(r.get());
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    for (uint32_t i = 0; i < n->num_edges(); ++i) {
      Node* to = n->edge(i).node;
      if (!to) continue;
      visit(to);
      ++at(to).deps;
    }
  }
  for (Capture& c : b_->captures) {
    Scratch& s = at(c.node);
    if (s.run == run_) s.captured = true;
  }
}

// After an error gradients may still wait in nodes, which live on with their graph.
void Run::drop_waiting_gradients() {
  std::vector<Node*> stack;
  for (NodeRef& r : b_->roots) stack.push_back(r.get());
  while (!stack.empty()) {
    Node* n = stack.back();
    stack.pop_back();
    Scratch& s = at(n);
    if (s.run != run_) continue;
    s.run = 0;
    s.slot.reset();
    s.more.reset();
    for (uint32_t i = 0; i < n->num_edges(); ++i)
      if (n->edge(i).node) stack.push_back(n->edge(i).node);
  }
}

// Post-order walk: a node is needed if an edge leads to something captured or needed.
void Run::mark_needed() {
  struct Frame {
    Node* node;
    uint32_t edge;
  };
  std::unordered_map<Node*, bool> done;
  std::vector<Frame> stack;
  for (NodeRef& r : b_->roots) {
    if (done.count(r.get())) continue;
    done[r.get()] = false;
    stack.push_back({r.get(), 0});
    while (!stack.empty()) {
      Frame& f = stack.back();
      if (f.edge < f.node->num_edges()) {
        Node* to = f.node->edge(f.edge++).node;
        if (to && !done.count(to)) {
          done[to] = false;
          stack.push_back({to, 0});
        }
        continue;
      }
      Node* n = f.node;
      stack.pop_back();
      Scratch& s = at(n);
      for (uint32_t i = 0; i < n->num_edges() && !s.needed; ++i)
        if (Node* to = n->edge(i).node) s.needed = at(to).needed || at(to).captured;
      if (s.captured && options_.accumulate && as_accumulator(n)) s.needed = true;
    }
  }
}

void Run::add_gradient(Scratch& s, uint32_t nr, Tensor grad) {
  if (!grad.defined()) return;
  if (nr > 0) {
    if (!s.more) s.more = std::make_unique<TensorList>();
    if (s.more->size() < nr) s.more->resize(nr);
  }
  Tensor& slot = nr == 0 ? s.slot : (*s.more)[nr - 1];
  if (!slot.defined()) {
    slot = std::move(grad);
  } else if (!options_.create_graph && !(tls.flags & (kVmap | kForward)) && slot->use_count() == 1 &&
             slot.storage()->use_count() == 1 && !slot->base && slot.is_contiguous() && slot.dtype() == grad.dtype()) {
    ops::add_(slot, grad);  // a sum only this run holds
  } else {
    slot = ops::add(slot, grad);
  }
}

void Run::push_ready(NodeRef n) {
  if (!next_) {
    if (b_->heap.empty() || !BySequence{}(n, b_->heap.front())) {
      next_ = std::move(n);
      return;
    }
  } else if (BySequence{}(next_, n)) {
    std::swap(next_, n);
  }
  b_->heap.push_back(std::move(n));
  std::push_heap(b_->heap.begin(), b_->heap.end(), BySequence{});
}

Tensor Run::validate(Tensor grad, Node* from, uint32_t index, const Edge& edge) {
  const GradMeta& want = edge.node->input_meta(edge.nr);
  if (grad.sizes() != want.sizes()) {
    if (!broadcastable_to(want.sizes(), grad.sizes()))
      fail("Function ", from->info().name, " returned an invalid gradient at index ", index, " - got ", grad.sizes(),
           " but expected shape compatible with ", want.sizes(), ", the shape of its input (made by ",
           edge.node->info().name, "); a gradient must have its input's shape, or one that broadcasts from it");
    grad = ops::sum_to_size(grad, want.sizes());
  }
  if (grad.dtype() != want.dtype()) {
    if (grad.is_complex() && !is_complex(want.dtype())) grad = ops::real(grad);
    if (grad.dtype() != want.dtype()) grad = ops::_to_copy(grad, want.dtype());
  }
  return grad;
}

void Run::deliver(Node* n, TensorList& out) {
  for (uint32_t i = 0; i < n->num_edges(); ++i) {
    const Edge& e = n->edge(i);
    if (!e.node) continue;
    Scratch& s = at(e.node);
    if (s.run != run_) continue;
    Tensor grad = std::move(out[i]);
    if (grad.defined() && (s.needed || s.captured)) add_gradient(s, e.nr, validate(std::move(grad), n, i, e));
    if (--s.deps == 0 && (s.needed || s.captured)) push_ready(NodeRef::borrow(e.node));
  }
}

// Hooks of the tensors whose gradients these are; what they return is also what is captured.
void run_tensor_hooks(Node* n, TensorList& in) {
  if (AccumulateGrad* acc = n->sequence_nr() == UINT64_MAX ? as_accumulator(n) : nullptr) {
    if (AutogradMeta* m = meta_of(acc->variable()))
      for_each_hook(m->hooks, [&](TensorHook& hook) {
        if (!in[0].defined()) return;
        if (Tensor r = hook.call(in[0]); r.defined()) in[0] = std::move(r);
      });
  }
  NodeHooks* hooks = n->hooks_if_any();
  if (!hooks) return;
  for_each_hook(hooks->tensor_pre, [&](TensorHook& hook) {
    Tensor& g = in[hook.input];
    if (!g.defined()) return;
    if (Tensor r = hook.call(g); r.defined()) g = std::move(r);
  });
  for (size_t i = 0; i < hooks->retain.size(); ++i) {
    auto [nr, t] = hooks->retain[i];
    if (!in[nr].defined()) continue;
    AutogradMeta* m = meta_of(t);
    m->grad = m->grad.defined() ? ops::add(m->grad, in[nr]) : in[nr];
    if (grad_enabled() && requires_grad(m->grad)) note_recorded_grad(m);
  }
}

void apply_node(Node* n, TensorList& in, TensorList& out) {
  if (tls.flags & kUnusual) [[unlikely]]
    return apply_watched(n, in, out);
  n->apply(in, out);
}

void Run::execute(Node* n) {
  Scratch& s = at(n);
  b_->in.clear();
  b_->in.push_back(std::move(s.slot));
  for (uint32_t i = 1; i < n->num_inputs(); ++i)
    b_->in.push_back(s.more && i - 1 < s.more->size() ? std::move((*s.more)[i - 1]) : Tensor());
  s.more.reset();
  run_tensor_hooks(n, b_->in);
  if (s.captured)
    for (Capture& c : b_->captures)
      if (c.node == n) c.grad = b_->in[c.nr];
  if (!s.needed) return;

  b_->out.clear();
  b_->out.resize(n->num_edges());
  NodeHooks* hooks = n->hooks_if_any();
  if (hooks) for_each_hook(hooks->pre, [&](NodeHook& hook) { hook.call(b_->in, b_->in); });
  if (hooks && !hooks->post.empty()) {
    TensorList in = b_->in;
    apply_node(n, b_->in, b_->out);
    for_each_hook(hooks->post, [&](NodeHook& hook) { hook.call(b_->out, in); });
  } else {
    apply_node(n, b_->in, b_->out);
  }
  if (!options_.retain_graph) n->release_saved();
  deliver(n, b_->out);
}

void Run::loop() {
  NoGradGuard mode(!options_.create_graph);
  for (NodeRef& r : b_->roots) {
    Scratch& s = at(r.get());
    if (s.deps == 0 && s.run == run_ && (s.needed || s.captured)) {
      s.deps = UINT32_MAX;  // several roots may be one node: push once
      push_ready(r);
    }
  }
  uint32_t count = 0;
  while (next_ || !b_->heap.empty()) {
    NodeRef n;
    if (next_) {
      n = std::move(next_);
      next_ = NodeRef();
    } else {
      std::pop_heap(b_->heap.begin(), b_->heap.end(), BySequence{});
      n = std::move(b_->heap.back());
      b_->heap.pop_back();
    }
    execute(n.get());
    if ((++count & 4095) == 0 && engine_breather) engine_breather();
  }
  failed_ = false;
}

}  // namespace

std::vector<uint64_t> runs_in_progress() {
  std::vector<uint64_t> ids;
  for (Run* run : running()) ids.push_back(run->id());
  return ids;
}
bool will_run(Node* node) { return node && !running().empty() && running().back()->reaches(node); }

TensorList run_backward(const Tensor* roots, size_t count, const TensorList& grads, const TensorList& inputs,
                        const BackwardOptions& options) {
  if (options.accumulate && (tls.flags & kVmap))
    for (const VmapLevel& level : vmap_levels())
      TORCHY_CHECK(level.tangents_only,
                   "backward() inside vmap would add a gradient per example to one .grad; use torch.func.grad, or "
                   "torch.autograd.grad, which return it");
  if (any_recorded_grad && options.create_graph) look_for_cycles(true);
  Run run(options, !inputs.empty());
  for (size_t i = 0; i < count; ++i) {
    if (!requires_grad(roots[i])) no_graph(roots[i], i);
    run.add_root(gradient_edge(roots[i]));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    TORCHY_CHECK(requires_grad(inputs[i]), "One of the differentiated Tensors does not require grad: input ", i,
                 " of shape ", inputs[i].sizes(), "; set requires_grad=True on it before the computation");
    if (options.accumulate) retain_grad(inputs[i]);  // non-leaves keep theirs too
    run.add_capture(gradient_edge(inputs[i]), i);
  }
  run.count_dependencies();
  if (run.limited()) run.mark_needed();
  for (size_t i = 0; i < count; ++i) run.seed(i, first_gradient(roots[i], i < grads.size() ? grads[i] : Tensor()));
  run.loop();

  TensorList results(inputs.size());
  for (Capture& c : run.captures()) results[c.input] = std::move(c.grad);
  if (options.accumulate) return {};
  if (!options.allow_unused)
    for (size_t i = 0; i < results.size(); ++i)
      TORCHY_CHECK(results[i].defined(),
                   "One of the differentiated Tensors appears to not have been used in the "
                   "graph (input ",
                   i, " of shape ", inputs[i].sizes(), "). Set allow_unused=True if this is the desired behavior.");
  return results;
}

}  // namespace torchy
