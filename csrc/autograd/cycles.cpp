// Trial deletion (D. F. Bacon, V. T. Rajan, "Concurrent cycle collection in reference counted systems", 2001, in its
// synchronous form), started only from leaves whose .grad has a history. Layer: autograd.
#include "cycles.h"

#include <unordered_map>
#include <unordered_set>

#include "accumulate.h"
#include "saved.h"

namespace torchy {

bool any_recorded_grad = false;

namespace {

std::unordered_set<AutogradMeta*>& leaves() {
  static auto* set = new std::unordered_set<AutogradMeta*>();
  return *set;
}

struct Object {
  void* p;
  bool is_node;
};
struct Info {
  bool is_node = false, live = false;
  uint32_t inside = 0;  // references from other objects of the walk
};

bool has_recorded_grad(const AutogradMeta* m) {
  if (!m->grad.defined()) return false;
  AutogradMeta* g = meta_of(m->grad.impl());
  return g && g->grad_fn;
}

// Calls f(object) for every counted reference that `o` holds.
template <class F>
void for_each_reference(Object o, F&& f) {
  if (o.is_node) {
    auto* n = static_cast<Node*>(o.p);
    for (uint32_t i = 0; i < n->num_edges(); ++i)
      if (n->edge(i).node) f(Object{n->edge(i).node, true});
    if (Node* inner = n->inner()) f(Object{inner, true});
    if (AccumulateGrad* leaf = as_accumulator(n)) {
      if (!leaf->asleep()) f(Object{leaf->variable(), false});
      return;
    }
    struct Visitor : SavedVisitor {
      F& f;
      explicit Visitor(F& f) : f(f) {}
      void visit(const char*, SavedTensor& saved) override { f(Object{saved.held().impl(), false}); }
    } visitor(f);
    n->visit_own_saved(visitor);
    return;
  }
  auto* t = static_cast<TensorImpl*>(o.p);
  if (t->base) f(Object{t->base, false});
  AutogradMeta* m = meta_of(t);
  if (!m) return;
  if (m->grad.defined()) f(Object{m->grad.impl(), false});
  if (m->grad_fn) f(Object{m->grad_fn.get(), true});
  if (!m->extras) return;
  for (auto& [level, tangent] : m->extras->tangents) f(Object{tangent.impl(), false});
  if (m->extras->batch.defined()) f(Object{m->extras->batch.impl(), false});
  if (m->extras->packed_edge.node) f(Object{m->extras->packed_edge.node, true});
}

uint32_t count_of(Object o) {
  return o.is_node ? static_cast<Node*>(o.p)->use_count() : static_cast<TensorImpl*>(o.p)->use_count();
}

// Links whose end lets garbage go: gradients of leaves, and histories of changed tensors.
struct Links {
  TensorList gradients;
  std::vector<NodeRef> histories;
  bool empty() const { return gradients.empty() && histories.empty(); }
};

// Those of tensors that nothing outside what is reached from `start` refers to. `walked` grows by the objects looked
// at.
Links garbage_from(TensorImpl* start, size_t& walked) {
  std::unordered_map<void*, Info> found;
  std::vector<Object> stack{{start, false}};
  found[start];
  while (!stack.empty()) {
    Object o = stack.back();
    stack.pop_back();
    for_each_reference(o, [&](Object to) {
      auto [at, fresh] = found.try_emplace(to.p);
      at->second.is_node = to.is_node;
      ++at->second.inside;
      if (fresh) stack.push_back(to);
    });
  }
  walked += found.size();
  for (auto& [p, info] : found) {
    if (count_of({p, info.is_node}) == info.inside || info.live) continue;
    info.live = true;
    stack.push_back({p, info.is_node});
    while (!stack.empty()) {
      Object o = stack.back();
      stack.pop_back();
      for_each_reference(o, [&](Object to) {
        Info& i = found[to.p];
        if (i.live) return;
        i.live = true;
        stack.push_back(to);
      });
    }
  }
  Links out;
  for (auto& [p, info] : found) {
    if (info.live || info.is_node) continue;
    AutogradMeta* m = meta_of(static_cast<TensorImpl*>(p));
    if (m && has_recorded_grad(m)) out.gradients.push_back(std::move(m->grad));
    if (m && m->changed_while_shared && m->grad_fn) out.histories.push_back(std::exchange(m->grad_fn, NodeRef()));
  }
  return out;
}

}  // namespace

void note_recorded_grad(AutogradMeta* leaf) {
  leaf->had_recorded_grad = true;
  leaf->grad->set(kRecordedGrad);
  leaves().insert(leaf);
  any_recorded_grad = true;
}
void note_shared_change(AutogradMeta* changed) {
  changed->changed_while_shared = true;
  leaves().insert(changed);
  any_recorded_grad = true;
}
void forget_recorded_grad(AutogradMeta* leaf) {
  leaves().erase(leaf);
  any_recorded_grad = !leaves().empty();
}

void look_for_cycles(bool now) {
  static bool looking = false;
  static size_t ended = 0, next_look = 0;
  if (looking || (++ended < next_look && !now)) return;
  looking = true;
  ended = 0;
  size_t walked = 0;
  Links garbage;
  for (auto it = leaves().begin(); it != leaves().end() && garbage.empty();) {
    AutogradMeta* m = *it;
    if (!has_recorded_grad(m) && !(m->changed_while_shared && m->grad_fn)) {
      it = leaves().erase(it);
      continue;
    }
    ++it;
    // A leaf whose wrapper lives is held by Python.
    if (!m->self->python || m->self->has(kOwnsPython)) garbage = garbage_from(m->self, walked);
  }
  any_recorded_grad = !leaves().empty();
  constexpr size_t kSmall = 1024;  // walks up to this cost are not worth avoiding
  next_look = walked > kSmall && garbage.empty() ? walked : 0;
  garbage = Links();
  looking = false;
}

}  // namespace torchy
