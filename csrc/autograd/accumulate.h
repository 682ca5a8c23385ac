// AccumulateGrad: the sink of a leaf, one per leaf and held weakly by it. Layer: autograd.
#pragma once

#include "meta.h"

namespace torchy {

// Accumulators sort before every operation's node, and no other node has this number.
constexpr uint64_t kAccumulateSequence = UINT64_MAX;

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(TensorImpl* variable);
  ~AccumulateGrad() override;
  void apply(TensorList& grads, TensorList& out) override;
  const OpInfo& info() const override;
  TensorImpl* variable() const { return variable_.impl(); }
  // A leaf keeps its accumulator between graphs; asleep, the accumulator does not hold the leaf.
  bool fall_asleep() override;
  void wake(TensorImpl* leaf);
  bool asleep() const { return !variable_.defined(); }

 private:
  void add(Tensor grad);
  Tensor variable_;
  bool busy_ = false;  // a thread is adding; long sums release the interpreter lock
};

// The accumulator of a leaf, counted for the caller.
Node* gradient_accumulator(TensorImpl* leaf);
// The leaf's metadata dies: so does a sleeping accumulator.
void drop_accumulator(Node* accumulator);
AccumulateGrad* as_accumulator(Node* node);

}  // namespace torchy
