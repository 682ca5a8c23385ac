// Levels of forward mode, tangents of tensors and of their views. Layer: autograd.
#include "forward.h"

#include <unordered_set>

#include "batch.h"
#include "ops_gen.h"

namespace torchy {

namespace {

uint32_t level_counter = 0;
// Which tensors have tangents, so that leaving a level can take them away.
std::unordered_set<AutogradMeta*>& holders() {
  static auto* set = new std::unordered_set<AutogradMeta*>();
  return *set;
}
std::vector<uint32_t>& open_levels() {
  static thread_local std::vector<uint32_t> levels;
  return levels;
}

Tangents* tangents_of(const TensorImpl* t) {
  AutogradMeta* m = meta_of(t);
  return m && m->extras && !m->extras->tangents.empty() ? &m->extras->tangents : nullptr;
}

Tensor own_tangent(const TensorImpl* t, uint32_t level) {
  if (const Tangents* list = tangents_of(t))
    for (auto& [at, tangent] : *list)
      if (at == level) return tangent;
  return Tensor();
}

// The part of a base's tangent that a view of the base looks at. Both have the base's strides.
Tensor part_of(const Tensor& base_tangent, const TensorImpl* base, const TensorImpl* view) {
  bool from_reals = is_complex(view->dtype()) && !is_complex(base->dtype());
  bool to_reals = !is_complex(view->dtype()) && is_complex(base->dtype());
  Tensor t = to_reals ? ops::view_as_real(base_tangent) : base_tangent;
  IntVec sizes(view->sizes()), strides(view->strides());
  int64_t offset = view->offset() - (to_reals ? 2 : 1) * base->offset();
  if (from_reals) {
    for (int64_t& s : strides) s *= 2;
    offset = 2 * view->offset() - base->offset();
    sizes.push_back(2);
    strides.push_back(1);
  }
  t = ops::as_strided(t, sizes, strides, offset + t.offset());
  return from_reals ? ops::view_as_complex(t) : t;
}

// Elements from the first to the last that t looks at.
int64_t extent_of(const TensorImpl* t) {
  if (t->numel() == 0) return 0;
  int64_t extent = 1;
  for (size_t i = 0; i < t->sizes().size(); ++i) extent += (t->sizes()[i] - 1) * t->strides()[i];
  return extent;
}

// Zeros laid out as t is, for the tangent of a tensor that gets its first by an in-place change.
Tensor zeros_laid_out_as(const TensorImpl* t) {
  return alias(zeros(IntVec{extent_of(t)}, t->dtype()), t->sizes(), t->strides(), 0);
}

// The same, batched at every level at which `like` is.
Tensor zeros_batched_as(const TensorImpl* t, const Tensor& like) {
  std::vector<std::pair<uint32_t, int64_t>> levels;  // innermost first
  for (Tensor x = like; x->has(kBatched); x = batch_of(x))
    levels.emplace_back(batch_level_of(x.impl()), batch_of(x).size(0));
  if (levels.empty()) return zeros_laid_out_as(t);
  IntVec sizes(t->sizes()), strides(t->strides());
  IntVec all, by;  // the outermost level's dim comes first
  int64_t total = extent_of(t);
  for (auto& [level, size] : levels) {
    all.insert_at(0, size);
    by.insert_at(0, total);
    total *= size;
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    all.push_back(sizes[i]);
    by.push_back(strides[i]);
  }
  Tensor out = alias(zeros(IntVec{total}, t->dtype()), all, by, 0);
  for (size_t i = levels.size(); i-- > 0;) out = make_batched(out, levels[i].first);
  return out;
}

}  // namespace

uint32_t enter_forward_level() {
  open_levels().push_back(++level_counter);
  tls.flags |= kForward;
  return level_counter;
}

void exit_forward_level(uint32_t level) {
  auto& levels = open_levels();
  TORCHY_CHECK(!levels.empty() && levels.back() == level,
               "Trying to exit a forward AD level that was not the last one that was created");
  levels.pop_back();
  if (levels.empty()) tls.flags &= ~uint32_t(kForward);
  std::vector<Tensor> dropped;  // they go after the walk: their own end changes the set
  for (auto it = holders().begin(); it != holders().end();) {
    Tangents& list = (*it)->extras->tangents;
    for (size_t i = list.size(); i-- > 0;)
      if (list[i].first == level) {
        dropped.push_back(std::move(list[i].second));
        list.erase(list.begin() + static_cast<ptrdiff_t>(i));
      }
    it = list.empty() ? holders().erase(it) : std::next(it);
  }
}

uint32_t innermost_forward_level() { return open_levels().empty() ? 0 : open_levels().back(); }

bool has_tangents(const Tensor& t) { return tangents_of(t.impl()) != nullptr; }

void drop_tangents(TensorImpl* t) {
  AutogradMeta* m = meta_of(t);
  if (!m || !m->extras || m->extras->tangents.empty()) return;
  Tangents dropped = std::move(m->extras->tangents);
  m->extras->tangents.clear();
  holders().erase(m);
}

void forget_tangents(AutogradMeta* meta) { holders().erase(meta); }

Tensor tangent_at(const Tensor& t, uint32_t level) {
  if (t->has(kBatched)) {
    Tensor inner = tangent_at(batch_of(t), level);
    return inner.defined() ? make_batched(inner, batch_level_of(t.impl())) : inner;
  }
  Tensor own = own_tangent(t.impl(), level);
  if (own.defined() || !t->base) return own;
  Tensor of_base = own_tangent(t->base, level);
  return of_base.defined() ? part_of(of_base, t->base, t.impl()) : Tensor();
}

static uint32_t own_level(const TensorImpl* t) {
  uint32_t level = 0;
  if (const Tangents* list = tangents_of(t))
    for (auto& [at, tangent] : *list)
      if (at < tls.forward_cap && at > level) level = at;
  return level;
}

uint32_t forward_level_of(const TensorImpl* t) {
  uint32_t level = own_level(t);
  return t->base ? std::max(level, own_level(t->base)) : level;
}

void set_tangent(const Tensor& t, uint32_t level, Tensor tangent) {
  Tangents& list = ensure_extras(t.impl()).tangents;
  if (list.empty()) holders().insert(meta_of(t.impl()));
  for (auto& [at, old] : list)
    if (at == level) {
      old = std::move(tangent);
      return;
    }
  list.emplace_back(level, std::move(tangent));
}

void write_tangent(const Tensor& t, uint32_t level, const Tensor& tangent) {
  Tensor own = tangent_at(t, level);
  if (!own.defined()) {
    Tensor whole = Tensor::borrow(t->base ? t->base : t.impl());
    set_tangent(whole, level, zeros_batched_as(whole.impl(), tangent));
    own = tangent_at(t, level);
  }
  ops::copy_(own, tangent);
}

void share_tangents(const Tensor& from, const Tensor& to) {
  if (const Tangents* own = tangents_of(from.impl())) {
    Tangents list = *own;
    for (auto& [at, tangent] : list) set_tangent(to, at, tangent);
  }
  const Tangents* of_base = from->base ? tangents_of(from->base) : nullptr;
  if (!of_base) return;
  Tangents list = *of_base;
  for (auto& [at, whole] : list)
    if (!own_tangent(to.impl(), at).defined()) set_tangent(to, at, part_of(whole, from->base, from.impl()));
}

std::vector<uint32_t> visible_forward_levels() {
  std::vector<uint32_t> out;
  for (uint32_t level : open_levels())
    if (level < tls.forward_cap) out.push_back(level);
  return out;
}

Tensor fitted_tangent(const Tensor& primal, const Tensor& tangent, uint32_t level) {
  TORCHY_CHECK(primal.sizes() == tangent.sizes(),
               "make_dual: Trying to set a forward gradient that has a different size than that of the original "
               "Tensor, this is not supported. Tensor is of size ",
               primal.sizes(), " while the given forward gradient is of size ", tangent.sizes());
  Forward below(level);
  Tensor t = tangent;
  if (t.dtype() != primal.dtype()) t = ops::_to_copy(t, primal.dtype());
  bool same_layout = t->has(kBatched) || t.strides() == primal.strides();
  if (same_layout || has_internal_overlap(primal)) return t;
  Tensor laid_out = zeros_laid_out_as(primal.impl());
  ops::copy_(laid_out, t);
  return laid_out;
}

Tensor make_dual(const Tensor& primal, const Tensor& tangent, uint32_t level) {
  if (uint32_t batch = batch_level_of(primal.impl())) {
    const Tensor& inner = batch_of(primal);
    auto [part, batched] = unbatch(tangent, batch);
    return make_batched(make_dual(inner, batched ? part : expand_first(part, inner.size(0)), level), batch);
  }
  Tensor t = fitted_tangent(primal, tangent, level);
  Forward below(level);
  Tensor dual = ops::alias(primal);
  // The view's tangent is its own: the primal stays without one.
  set_tangent(dual, level, std::move(t));
  return dual;
}

Tensor primal_of(const Tensor& dual, uint32_t level) {
  if (uint32_t batch = batch_level_of(dual.impl())) return make_batched(primal_of(batch_of(dual), level), batch);
  Forward below(level);
  return ops::alias(dual);
}

Forward::Forward(uint32_t level) : level_(level), saved_cap_(tls.forward_cap), saved_flags_(tls.flags) {
  if (level < tls.forward_cap) tls.forward_cap = level;
  bool lower = false;
  for (uint32_t open : open_levels()) lower = lower || open < level;
  if (!lower) tls.flags &= ~uint32_t(kForward);
}
Forward::~Forward() {
  tls.forward_cap = saved_cap_;
  tls.flags = saved_flags_;
}

Tensor Forward::or_zeros(const Tensor& t) const {
  if (!t.defined()) return t;
  Tensor own = tangent(t);
  return own.defined() ? own : ops::zeros_like(t);
}
TensorList Forward::or_zeros(const TensorList& list) const {
  TensorList out;
  out.reserve(list.size());
  for (const Tensor& t : list) out.push_back(or_zeros(t));
  return out;
}
Value Forward::or_zero(const Operand& o) const {
  Tensor t = tangent(o);
  return t.defined() ? Value(t) : Value(Scalar(0));
}

namespace {
// A node that saved its own result saved it before the tangent was known.
struct GiveTangent : SavedVisitor {
  const Tensor& tangent;
  uint32_t level, nr;
  GiveTangent(const Tensor& t, uint32_t level, uint32_t nr) : tangent(t), level(level), nr(nr) {}
  void visit(const char*, SavedTensor& saved) override {
    if (saved.output_nr() == static_cast<int32_t>(nr)) set_tangent(saved.held(), level, tangent);
  }
};
}  // namespace

void give_to_saved(const Tensor& result, uint32_t level, const Tensor& tangent) {
  AutogradMeta* m = meta_of(result.impl());
  if (!m || !m->grad_fn) return;
  GiveTangent visitor(tangent, level, m->output_nr);
  m->grad_fn->visit_saved(visitor);
}

void add_term(Tensor& sum, Tensor term) { sum = sum.defined() ? ops::add(sum, term) : std::move(term); }

Tensor Forward::as_result(const Tensor& tangent, const Tensor& result) const {
  return result.is_complex() && !tangent.is_complex() ? ops::_to_copy(tangent, result.dtype()) : tangent;
}

namespace {
// Does nobody else look at this memory, and can every element be written?
bool is_own(const Tensor& t) {
  if (t->has(kBatched)) {
    const Tensor& inner = batch_of(t);
    return t->use_count() == 1 && inner->use_count() == 1 && inner.storage()->use_count() <= 2 &&
           !has_internal_overlap(inner);
  }
  return t->use_count() == 1 && t.storage()->use_count() == 1 && !has_internal_overlap(t);
}
}  // namespace

void Forward::set(const Tensor& result, Tensor tangent) const {
  if (!tangent.defined() || !is_differentiable(result.dtype())) return;
  if (tangent.sizes() != result.sizes()) tangent = ops::expand(tangent, result.sizes());
  if (tangent.is_complex() && !result.is_complex()) tangent = ops::real(tangent);
  if (tangent.dtype() != result.dtype()) tangent = ops::_to_copy(tangent, result.dtype());
  // A change of the result in place must not reach another tensor's tangent; a view's tangent is a view. Views of the
  // result take views of its tangent, which is therefore laid out as the result is.
  if (!result->base) {
    if (tangent.strides() != result.strides() && !has_internal_overlap(result)) {
      Tensor laid_out = zeros_batched_as(result.impl(), tangent);
      ops::copy_(laid_out, tangent);
      tangent = std::move(laid_out);
    } else if (!is_own(tangent)) {
      tangent = ops::clone(tangent);
    }
  }
  give_to_saved(result, level_, tangent);
  set_tangent(result, level_, std::move(tangent));
}
void Forward::set(const TensorList& results, const TensorList& tangents) const {
  for (size_t i = 0; i < results.size() && i < tangents.size(); ++i) set(results[i], tangents[i]);
}

}  // namespace torchy
