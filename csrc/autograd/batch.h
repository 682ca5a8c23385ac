// Batched tensors: what vmap shows the user's function in place of a tensor with one dim more. The rules that
// run an operation over the hidden dim are Python (torchy/func/_batching). Layer: autograd.
#pragma once

#include "meta.h"

namespace torchy {

struct VmapLevel {
  uint32_t id;
  int64_t size;
  std::string randomness;  // "error", "different", "same"
  bool tangents_only;      // only tangents are batched here (jacfwd): new leaves need no batch dim
};
// The open levels of this thread, outermost first. Ids grow and are never used again.
std::vector<VmapLevel>& vmap_levels();
uint32_t enter_vmap_level(int64_t size, std::string randomness, bool tangents_only);
void exit_vmap_level(uint32_t id);

inline uint32_t batch_level_of(const TensorImpl* t) { return t->has(kBatched) ? meta_of(t)->extras->batch_level : 0; }
inline const Tensor& batch_of(const Tensor& t) { return meta_of(t.impl())->extras->batch; }
// The tensor that holds all examples and the history; t itself unless it is batched.
inline TensorImpl* physical(TensorImpl* t) {
  while (t->has(kBatched)) t = meta_of(t)->extras->batch.impl();
  return t;
}
// The tensor as one example of `physical`, whose dim 0 is the batch.
Tensor make_batched(const Tensor& physical, uint32_t level);
// (physical, true) with the batch of this level as dim 0, or (t, false) if t is not batched there.
std::pair<Tensor, bool> unbatch(const Tensor& t, uint32_t level);
// `t` repeated `size` times along a new first dim, without copying.
Tensor expand_first(const Tensor& t, int64_t size);
// RuntimeError if t is batched: its values depend on the example.
void check_not_batched(const Tensor& t, const char* what);
extern std::string (*user_location)();  // "file:line" of the user's innermost Python line

void count_batched(int change);
int64_t live_batched();

}  // namespace torchy
