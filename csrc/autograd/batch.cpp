// Levels of vmap and the tensors batched at them. Layer: autograd.
#include "batch.h"

#include "forward.h"
#include "ops_gen.h"

namespace torchy {

std::string (*user_location)() = nullptr;

namespace {
uint32_t level_counter = 0;
int64_t batched_count = 0;
}  // namespace

std::vector<VmapLevel>& vmap_levels() {
  static thread_local std::vector<VmapLevel> levels;
  return levels;
}

void count_batched(int change) { batched_count += change; }
int64_t live_batched() { return batched_count; }

uint32_t enter_vmap_level(int64_t size, std::string randomness, bool tangents_only) {
  vmap_levels().push_back({++level_counter, size, std::move(randomness), tangents_only});
  tls.flags |= kVmap;
  return level_counter;
}

void exit_vmap_level(uint32_t id) {
  auto& levels = vmap_levels();
  TORCHY_CHECK(!levels.empty() && levels.back().id == id,
               "vmap: levels must be left in the order opposite to entering");
  levels.pop_back();
  // A batched tensor that outlived its level must still be noticed.
  if (levels.empty() && batched_count == 0) tls.flags &= ~uint32_t(kVmap);
}

Tensor make_batched(const Tensor& physical, uint32_t level) {
  IntSpan sizes = physical.sizes(), strides = physical.strides();
  TORCHY_CHECK(!sizes.empty(), "vmap: a batched tensor needs a batch dim, but this one is 0-dimensional");
  Tensor t = alias(physical, IntSpan(sizes.data() + 1, sizes.size() - 1), IntSpan(strides.data() + 1, sizes.size() - 1),
                   physical.offset());
  t->set(kBatched);
  MetaExtras& extras = ensure_extras(t.impl());
  extras.batch = physical;
  extras.batch_level = level;
  count_batched(+1);
  return t;
}

Tensor expand_first(const Tensor& t, int64_t size) {
  IntVec shape{size};
  for (int64_t s : t.sizes()) shape.push_back(s);
  return ops::expand(t, shape);
}

namespace {

// A dual tensor whose tangents, not itself, are batched at the level.
std::pair<Tensor, bool> unbatch_dual(const Tensor& t, uint32_t level) {
  AutogradMeta* m = meta_of(t.impl());
  if (!m || !m->extras) return {t, false};
  const Tangents tangents = m->extras->tangents;
  Tangents parts;
  bool any = false;
  for (auto& [at, tangent] : tangents) {
    auto [part, batched] = unbatch(tangent, level);
    any = any || batched;
    parts.emplace_back(at, batched ? part : Tensor());
  }
  if (!any) return {t, false};
  int64_t size = 0;
  for (auto& [at, part] : parts)
    if (part.defined()) size = part.size(0);
  Tensor out;
  {
    Forward below(0);
    out = expand_first(t, size);
  }
  for (size_t i = 0; i < parts.size(); ++i)
    set_tangent(out, parts[i].first,
                parts[i].second.defined() ? parts[i].second : expand_first(tangents[i].second, size));
  return {out, true};
}

}  // namespace

std::pair<Tensor, bool> unbatch(const Tensor& t, uint32_t level) {
  uint32_t own = batch_level_of(t.impl());
  if (own == level) return {batch_of(t), true};
  if (own == 0) return unbatch_dual(t, level);
  auto [inner, batched] = unbatch(batch_of(t), level);
  if (!batched) return {t, false};
  return {make_batched(ops::transpose(inner, 0, 1), own), true};
}

void check_not_batched(const Tensor& t, const char* what) {
  if (!t->has(kBatched)) return;
  fail(
      "vmap: ", what, " needs the value of a tensor that differs from example to example",
      user_location ? str_cat(" (at ", user_location(), ")") : std::string(),
      ". It looks like you're calling .item() on a Tensor, or using it in Python control flow such as `if` or `while`; "
      "write torch.where(condition, a, b) instead, or move this line out of vmap.");
}

}  // namespace torchy
