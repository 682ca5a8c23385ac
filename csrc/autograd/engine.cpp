// The engine. A run counts, for every node it can reach, how many edges lead there; a node runs when
// all its gradients have arrived, latest-recorded first. Layer: autograd.
#include "engine.h"

#include <algorithm>
#include <unordered_map>

#include "accumulate.h"
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

class Run {
 public:
  Run(const BackwardOptions& options, bool limited)
      : options_(options), limited_(limited), run_(++run_counter), owner_(!scratch_busy) {
    if (owner_) scratch_busy = true;
  }
  ~Run() {
    if (failed_) drop_waiting_gradients();
    if (owner_) scratch_busy = false;
  }

  Scratch& at(Node* n) {
    if (!owner_) return map_[n];
    return n->scratch;
  }
  void add_root(Node* n) {
    n->retain();
    roots_.emplace_back(n);
  }
  void add_capture(Node* n, uint32_t nr, size_t input) { captures_.push_back({n, nr, Tensor(), input}); }

  void count_dependencies();
  void mark_needed();
  void seed(Node* n, uint32_t nr, const Tensor& grad) { add_gradient(at(n), nr, grad); }
  void loop();
  std::vector<Capture>& captures() { return captures_; }
  bool limited() const { return limited_; }

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
  std::vector<NodeRef> roots_;
  std::vector<NodeRef> heap_;
  NodeRef next_;
  std::vector<Capture> captures_;
  TensorList in_, out_;

  friend TensorList torchy::run_backward(const TensorList&, const TensorList&, const TensorList&,
                                         const BackwardOptions&);
};

void Run::count_dependencies() {
  std::vector<Node*> stack;
  auto visit = [&](Node* n) {
    Scratch& s = at(n);
    if (s.run == run_) return;
    enter(s);
    stack.push_back(n);
  };
  for (NodeRef& r : roots_) visit(r.get());
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
  for (Capture& c : captures_) {
    Scratch& s = at(c.node);
    if (s.run == run_) s.captured = true;
  }
}

// After an error gradients may still wait in nodes, which live on with their graph.
void Run::drop_waiting_gradients() {
  std::vector<Node*> stack;
  for (NodeRef& r : roots_) stack.push_back(r.get());
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
  struct Frame { Node* node; uint32_t edge; };
  std::unordered_map<Node*, bool> done;
  std::vector<Frame> stack;
  for (NodeRef& r : roots_) {
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
  } else if (!options_.create_graph && slot->use_count() == 1 && slot.storage()->use_count() == 1 &&
             !slot->base && slot.is_contiguous() && slot.dtype() == grad.dtype()) {
    ops::add_(slot, grad);  // a sum only this run holds
  } else {
    slot = ops::add(slot, grad);
  }
}

void Run::push_ready(NodeRef n) {
  if (!next_) {
    if (heap_.empty() || !BySequence{}(n, heap_.front())) {
      next_ = std::move(n);
      return;
    }
  } else if (BySequence{}(next_, n)) {
    std::swap(next_, n);
  }
  heap_.push_back(std::move(n));
  std::push_heap(heap_.begin(), heap_.end(), BySequence{});
}

Tensor Run::validate(Tensor grad, Node* from, uint32_t index, const Edge& edge) {
  const GradMeta& want = edge.node->input_meta(edge.nr);
  if (grad.sizes() != want.sizes()) {
    if (!broadcastable_to(want.sizes(), grad.sizes()))
      fail(from->info().name, ": returned a gradient of shape ", grad.sizes(), " at index ", index,
           ", but the input it belongs to (of ", edge.node->info().name, ") has shape ", want.sizes(),
           "; a gradient must have the shape of its input, or one that broadcasts from it");
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

void run_pre_hooks(Node* n, TensorList& in) {
  if (AccumulateGrad* acc = n->sequence_nr() == UINT64_MAX ? as_accumulator(n) : nullptr) {
    if (AutogradMeta* m = meta_of(acc->variable()))
      for (size_t i = 0; i < m->hooks.size(); ++i)
        if (in[0].defined())
          if (Tensor r = m->hooks[i]->call(in[0]); r.defined()) in[0] = std::move(r);
  }
  NodeHooks* hooks = n->hooks_if_any();
  if (!hooks) return;
  for (size_t i = 0; i < hooks->tensor_pre.size(); ++i) {
    Tensor& g = in[hooks->tensor_pre[i].first];
    if (!g.defined()) continue;
    if (Tensor r = hooks->tensor_pre[i].second->call(g); r.defined()) g = std::move(r);
  }
  for (size_t i = 0; i < hooks->retain.size(); ++i) {
    auto [nr, t] = hooks->retain[i];
    if (!in[nr].defined()) continue;
    AutogradMeta* m = meta_of(t);
    m->grad = m->grad.defined() ? ops::add(m->grad, in[nr]) : in[nr];
  }
  for (size_t i = 0; i < hooks->pre.size(); ++i) hooks->pre[i]->call(in, in);
}

void Run::execute(Node* n) {
  Scratch& s = at(n);
  in_.clear();
  in_.push_back(std::move(s.slot));
  for (uint32_t i = 1; i < n->num_inputs(); ++i)
    in_.push_back(s.more && i - 1 < s.more->size() ? std::move((*s.more)[i - 1]) : Tensor());
  s.more.reset();
  run_pre_hooks(n, in_);
  if (s.captured)
    for (Capture& c : captures_)
      if (c.node == n) c.grad = in_[c.nr];
  if (!s.needed) return;

  out_.clear();
  out_.resize(n->num_edges());
  NodeHooks* hooks = n->hooks_if_any();
  if (hooks && !hooks->post.empty()) {
    TensorList in = in_;
    n->apply(in_, out_);
    for (size_t i = 0; i < hooks->post.size(); ++i) hooks->post[i]->call(out_, in);
  } else {
    n->apply(in_, out_);
  }
  if (!options_.retain_graph) n->release_saved();
  deliver(n, out_);
}

void Run::loop() {
  NoGradGuard mode(!options_.create_graph);
  for (NodeRef& r : roots_) {
    Scratch& s = at(r.get());
    if (s.deps == 0 && s.run == run_ && (s.needed || s.captured)) {
      s.deps = UINT32_MAX;  // several roots may be one node: push once
      push_ready(r);
    }
  }
  uint32_t count = 0;
  while (next_ || !heap_.empty()) {
    NodeRef n;
    if (next_) {
      n = std::move(next_);
      next_ = NodeRef();
    } else {
      std::pop_heap(heap_.begin(), heap_.end(), BySequence{});
      n = std::move(heap_.back());
      heap_.pop_back();
    }
    execute(n.get());
    if ((++count & 4095) == 0 && engine_breather) engine_breather();
  }
  failed_ = false;
}

Tensor first_gradient(const Tensor& root, const Tensor& grad) {
  if (!grad.defined()) {
    TORCHY_CHECK(root.numel() == 1, "grad can be implicitly created only for scalar outputs; this one has shape ",
                 root.sizes(), ": reduce it first, e.g. with .sum(), or pass gradient=torch.ones_like(it)");
    TORCHY_CHECK(!root.is_complex(), "grad can be implicitly created only for real scalar outputs but got ",
                 dtype_name(root.dtype()), "; use .abs() or .real, or pass gradient=");
    Tensor one = empty(root.sizes(), root.dtype());
    Scalar(1.0).store(root.dtype(), one.raw());
    return one;
  }
  TORCHY_CHECK(grad.sizes() == root.sizes(), "Mismatch in shape: gradient has shape ", grad.sizes(),
               " and the output has shape ", root.sizes(), "; they must be the same");
  TORCHY_CHECK(grad.is_complex() == root.is_complex(), "For complex Tensors, both grad_output and output are "
               "required to have the same dtype; got ", dtype_name(grad.dtype()), " for an output of dtype ",
               dtype_name(root.dtype()));
  return grad.dtype() == root.dtype() ? grad : ops::_to_copy(grad, root.dtype());
}

[[noreturn]] void no_graph(const Tensor& root, size_t index) {
  const char* why = !is_differentiable(root.dtype())
      ? "it has an integer or bool dtype, which cannot carry gradients"
      : "it was made without recording: from inputs none of which requires grad, under no_grad, or by detach()";
  fail("element ", index, " of tensors does not require grad and does not have a grad_fn: ", why,
       "; set requires_grad=True on the inputs before computing it");
}

}  // namespace

TensorList run_backward(const TensorList& roots, const TensorList& grads, const TensorList& inputs,
                        const BackwardOptions& options) {
  Run run(options, !inputs.empty());
  std::vector<Edge> edges;
  TensorList firsts;
  std::vector<NodeRef> hold;
  for (size_t i = 0; i < roots.size(); ++i) {
    if (!requires_grad(roots[i])) no_graph(roots[i], i);
    Edge e = gradient_edge(roots[i]);
    hold.emplace_back(e.node);
    edges.push_back(e);
    firsts.push_back(first_gradient(roots[i], i < grads.size() ? grads[i] : Tensor()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    TORCHY_CHECK(requires_grad(inputs[i]), "One of the differentiated Tensors does not require grad: input ", i,
                 " of shape ", inputs[i].sizes(), "; set requires_grad=True on it before the computation");
    Edge e = gradient_edge(inputs[i]);
    hold.emplace_back(e.node);
    run.add_capture(e.node, e.nr, i);
  }
  for (const Edge& e : edges) run.add_root(e.node);
  run.count_dependencies();
  if (run.limited()) run.mark_needed();
  for (size_t i = 0; i < edges.size(); ++i) run.seed(edges[i].node, edges[i].nr, firsts[i]);
  firsts.clear();
  run.loop();

  TensorList results(inputs.size());
  for (Capture& c : run.captures()) results[c.input] = std::move(c.grad);
  if (options.accumulate) {
    // backward(inputs=...) on non-leaves stores their gradients too
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (is_leaf(inputs[i].impl()) || !results[i].defined()) continue;
      AutogradMeta* m = meta_of(inputs[i].impl());
      m->grad = m->grad.defined() ? ops::add(m->grad, results[i]) : results[i];
    }
    return {};
  }
  if (!options.allow_unused)
    for (size_t i = 0; i < results.size(); ++i)
      TORCHY_CHECK(results[i].defined(), "One of the differentiated Tensors appears to not have been used in the "
                   "graph (input ", i, " of shape ", inputs[i].sizes(),
                   "). Set allow_unused=True if this is the desired behavior.");
  return results;
}

}  // namespace torchy
