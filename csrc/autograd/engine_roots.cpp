// First gradients, and the error of a root without a graph. Layer: autograd.
#include "engine_roots.h"

#include "ops_gen.h"

namespace torchy {

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
  TORCHY_CHECK(grad.is_complex() == root.is_complex(),
               "For complex Tensors, both grad_output and output are "
               "required to have the same dtype; got ",
               dtype_name(grad.dtype()), " for an output of dtype ", dtype_name(root.dtype()));
  return grad.dtype() == root.dtype() ? grad : ops::_to_copy(grad, root.dtype());
}

void no_graph(const Tensor& root, size_t index) {
  TORCHY_CHECK(!root->has(kBatched),
               "autograd.grad: this output is batched by vmap, whose examples have one history together; use "
               "torch.func.grad inside vmap");
  const char* why = !is_differentiable(root.dtype())
                        ? "it has an integer or bool dtype, which cannot carry gradients; convert before computing it"
                    : root->has(kDetached) ? "the graph was cut by detach() or .data; use the tensor itself"
                    : root->has(kMadeWithoutGrad)
                        ? "it was computed under no_grad or inference_mode; compute it outside"
                        : "none of its inputs requires grad; set requires_grad=True on them before computing it";
  fail("element ", index, " of tensors does not require grad and does not have a grad_fn: ", why);
}

}  // namespace torchy
