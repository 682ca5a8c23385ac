# One optimizer step for a list of tensors: the compiled functions when the core has what it takes,
# and the same formulas in tensor operations for what they leave (see the contract below).
from __future__ import annotations

import torchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from torchy import Tensor

# The contract with the core, for csrc/kernels/optim_kernels.h and its binding:
#
#   _C._sgd_step(params, grads, bufs, lr, momentum, dampening, weight_decay, nesterov, maximize)
#   _C._adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, beta1, beta2,
#                 eps, weight_decay, amsgrad, maximize, decoupled)
#
# The lists have one entry for each parameter. grads[i] is None: parameter i is skipped. bufs is
# None without momentum, max_exp_avg_sqs is None without AMSGrad. steps are 0-d float32 tensors; the
# function adds 1, then uses the new value. Everything written gets a new version; no graph is
# recorded. The numbers are doubles.
#
# The result is None when all was done, or the list of the indices that were left untouched because
# something is not in the fast form: a state entry is None (first step), a dtype other than
# float32, float64, complex64 and complex128 (equal for all of a parameter's tensors), tensors that
# are not all contiguous or not of one size, a step that is not float32. Python does those.


def sgd_composed(
    params: list[Tensor],
    grads: list[Any],
    bufs: list[Any] | None,
    group: dict[str, Any],
    indices: Iterable[int],
) -> None:
    """SGD by tensor operations, for ``indices``. New momentum buffers are put into ``bufs``."""
    lr, weight_decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
    for i in indices:
        param, grad = params[i], grads[i]
        if grad is None:
            continue
        if group["maximize"]:
            grad = -grad
        if isinstance(weight_decay, torchy.Tensor):
            grad = grad + param.clone() * weight_decay
        elif weight_decay != 0:
            grad = grad.add(param, alpha=weight_decay)
        if bufs is not None:
            buf = bufs[i]
            if buf is None:
                buf = bufs[i] = grad.detach().clone()
            else:
                buf.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buf, alpha=momentum) if group["nesterov"] else buf
        if isinstance(lr, torchy.Tensor):
            param.sub_(grad * lr)
        else:
            param.add_(grad, alpha=-lr)


def adam_composed(
    params: list[Tensor],
    grads: list[Any],
    exp_avgs: list[Any],
    exp_avg_sqs: list[Any],
    max_exp_avg_sqs: list[Any] | None,
    steps: list[Any],
    group: dict[str, Any],
    indices: Iterable[int],
) -> None:
    """Adam and AdamW by tensor operations, for ``indices``. All state must exist."""
    for i in indices:
        if grads[i] is not None:
            maximum = None if max_exp_avg_sqs is None else max_exp_avg_sqs[i]
            steps[i].add_(1)
            _adam_one(params[i], grads[i], exp_avgs[i], exp_avg_sqs[i], maximum, steps[i], group)


def _adam_one(
    param: Tensor,
    grad: Tensor,
    exp_avg: Tensor,
    exp_avg_sq: Tensor,
    max_exp_avg_sq: Tensor | None,
    step: Tensor,
    group: dict[str, Any],
) -> None:
    lr, weight_decay = group["lr"], group["weight_decay"]
    beta1, beta2 = group["betas"]
    differentiable = group["differentiable"]
    if not differentiable:
        lr, beta1, beta2 = float(lr), float(beta1), float(beta2)
    if group["maximize"]:
        grad = -grad
    if group["decoupled_weight_decay"]:
        param.mul_(1 - lr * weight_decay)
    elif weight_decay != 0:
        grad = grad.add(param, alpha=weight_decay)
    if param.is_complex():
        param, grad, exp_avg, exp_avg_sq = (torchy.view_as_real(t) for t in (param, grad, exp_avg, exp_avg_sq))
        if max_exp_avg_sq is not None:
            max_exp_avg_sq = torchy.view_as_real(max_exp_avg_sq)
    exp_avg.lerp_(grad, 1 - beta1)
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    # As a tensor, the step would be a part of the graph that a differentiable step records.
    count = float(step)
    correction1 = 1 - beta1**count
    correction2_root = (1 - beta2**count) ** 0.5
    second = exp_avg_sq
    if max_exp_avg_sq is not None:
        old = max_exp_avg_sq.clone() if differentiable else max_exp_avg_sq
        max_exp_avg_sq.copy_(torchy.maximum(old, exp_avg_sq))
        second = max_exp_avg_sq
    denominator = second.sqrt() / correction2_root + group["eps"]
    step_size = lr / correction1
    # A differentiable step keeps exp_avg for its backward, while the next step changes it in place.
    first = exp_avg.clone() if differentiable else exp_avg
    if isinstance(step_size, torchy.Tensor):
        param.sub_(first / denominator * step_size)
    else:
        param.addcdiv_(first, denominator, value=-step_size)
