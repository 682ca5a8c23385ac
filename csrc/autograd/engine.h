// The engine: gradients from roots to leaves, iteratively. Layer: autograd.
#pragma once

#include "meta.h"

namespace torchy {

struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
  bool accumulate = true;  // false: return gradients of `inputs` (autograd.grad)
  bool allow_unused = false;
};

// Runs backward from `roots` with first gradients `grads` (undefined: ones, for one-element roots).
// With `inputs`, only what leads to them runs; without accumulate their gradients are returned.
TensorList run_backward(const Tensor* roots, size_t count, const TensorList& grads, const TensorList& inputs,
                        const BackwardOptions& options);

// The backward passes in progress in this thread, the innermost last.
std::vector<uint64_t> runs_in_progress();
// Will the innermost one give this node a gradient?
bool will_run(Node* node);

// Called every few thousand nodes so that other threads run and Ctrl-C works. Set by the binding.
extern void (*engine_breather)();

}  // namespace torchy
