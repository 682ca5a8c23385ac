// AccumulateGrad: the sink of a leaf, one per leaf and held weakly by it. Layer: autograd.
#pragma once

#include "meta.h"

namespace torchy {

class AccumulateGrad final : public Node {
 public:
  // Sorts before every operation's node: gradients are stored as soon as they are complete.
  explicit AccumulateGrad(TensorImpl* variable);
  ~AccumulateGrad() override;
  void apply(TensorList& grads, TensorList& out) override;
  const OpInfo& info() const override;
  TensorImpl* variable() const { return variable_.impl(); }

 private:
  Tensor variable_;
};

// The accumulator of a leaf, counted for the caller.
Node* gradient_accumulator(TensorImpl* leaf);
// The leaf dies or loses its metadata while the accumulator lives.
void forget_variable(Node* accumulator);
AccumulateGrad* as_accumulator(Node* node);

}  // namespace torchy
