# Losses of nn.functional, composed of differentiable operations. cross_entropy uses one fused
# operation of the core in its plain case. Re-exported by functional.py.
from __future__ import annotations

import warnings

import torchy

from ._activation import _softplus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from torchy import Tensor

_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def _old_reduction(size_average: Any, reduce: Any) -> str:
    """The reduction that PyTorch's two old flags stood for."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    reduction = ("mean" if size_average else "sum") if reduce else "none"
    warnings.warn(f"size_average and reduce are old; pass reduction='{reduction}' instead", stacklevel=3)
    return reduction


def _reduced(name: str, loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: {reduction} is not a valid value for reduction; "
                     "use 'none', 'mean' or 'sum'")  # fmt: skip


def _warn_sizes(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: the input has size {tuple(input.shape)}, the target "
            f"{tuple(target.shape)}; they are broadcast, which is rarely what is meant",
            stacklevel=3,
        )


def _weighted(name: str, loss: Tensor, weight: Tensor | None, reduction: str, divide: bool) -> Tensor:
    """Elementwise ``weight``, then the reduction; ``divide`` makes the mean a weighted one."""
    if weight is None:
        return _reduced(name, loss, reduction)
    if weight.shape != loss.shape:
        raise ValueError(
            f"{name}: weight has shape {tuple(weight.shape)}, the loss {tuple(loss.shape)}; they must be equal"
        )
    loss = loss * weight
    if divide and reduction == "mean":
        return loss.sum() / weight.sum()
    return _reduced(name, loss, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target) squared."""
    _warn_sizes("mse_loss", input, target)
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    difference = input - target
    return _weighted("mse_loss", difference * difference, weight, reduction, True)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|."""
    _warn_sizes("l1_loss", input, target)
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    return _weighted("l1_loss", (input - target).abs(), weight, reduction, True)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d*d / (2*beta) where d = |input - target| < beta, d - beta/2 elsewhere."""
    _warn_sizes("smooth_l1_loss", input, target)
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta is {beta}; it must be at least 0")
    if beta == 0:
        return _reduced("smooth_l1_loss", (input - target).abs(), reduction)
    loss = _huber(input, target, beta) / beta
    return _reduced("smooth_l1_loss", loss, reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d*d / 2 where d = |input - target| <= delta, delta * (d - delta/2) elsewhere."""
    _warn_sizes("huber_loss", input, target)
    if delta <= 0:
        raise RuntimeError(f"huber_loss: delta is {delta}; it must be greater than 0")
    return _weighted("huber_loss", _huber(input, target, delta), weight, reduction, True)


def _huber(input: Tensor, target: Tensor, delta: float) -> Tensor:
    difference = input - target
    size = difference.abs()
    return torchy.where(size < delta, difference * difference * 0.5, (size - 0.5 * delta) * delta)


class _BinaryCrossEntropy(torchy.autograd.Function):
    """Logarithms limited to -100. Its own rule, because the chain rule through the limit would
    divide 0 by 0 where a probability is exactly 0 or 1."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(input, target)
        ctx.save_for_forward(input, target)
        log_p = input.log().clamp(min=-100)
        log_q = (-input).log1p().clamp(min=-100)
        return (target - 1) * log_q - target * log_p

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        input, target = ctx.saved_tensors
        # PyTorch's limit is the float32 nearest to 1e-12.
        spread = ((1 - input) * input).clamp(min=9.999999960041972e-13)
        grad_input = grad * (input - target) / spread
        grad_target = None
        if ctx.needs_input_grad[1]:
            grad_target = grad * ((-input).log1p() - input.log()).clamp(-100, 100)
        return grad_input, grad_target

    @staticmethod
    def jvp(ctx: Any, input_t: Tensor | None, target_t: Tensor | None) -> Tensor:
        input, target = ctx.saved_tensors
        moved = torchy.zeros_like(input)
        if input_t is not None:
            moved = moved + input_t * (input - target) / ((1 - input) * input).clamp(min=9.999999960041972e-13)
        if target_t is not None:
            moved = moved + target_t * ((-input).log1p() - input.log()).clamp(-100, 100)
        return moved


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target * log(input) + (1 - target) * log(1 - input)) for probabilities ``input``."""
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    if input.shape != target.shape:
        raise ValueError(
            f"binary_cross_entropy: the target has size {tuple(target.shape)}, the input "
            f"{tuple(input.shape)}; they must be equal"
        )
    with torchy.no_grad():
        # inside vmap no value can be asked for
        if not torchy._C._batch_level(input) and input.numel() and not bool(((input >= 0) & (input <= 1)).all()):
            raise RuntimeError(
                "binary_cross_entropy: some input is outside [0, 1]; give probabilities, or "
                "use binary_cross_entropy_with_logits"
            )
    loss = _BinaryCrossEntropy.apply(input, target)
    if weight is not None:
        weight = weight.expand(loss.shape)
    return _weighted("binary_cross_entropy", loss, weight, reduction, False)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy(sigmoid(input), target), without overflow."""
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    if input.shape != target.shape:
        raise ValueError(
            f"binary_cross_entropy_with_logits: Target size ({target.size()}) must be the same "
            f"as input size ({input.size()})"
        )
    minus_log_p = _softplus(-input, 1.0, 40.0)
    if pos_weight is not None:
        minus_log_p = minus_log_p * ((pos_weight - 1) * target + 1)
    loss = (1 - target) * input + minus_log_p
    if weight is not None:
        loss = loss * weight
    return _reduced("binary_cross_entropy_with_logits", loss, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target * (log(target) - input), for log-probabilities ``input``."""
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = torchy.xlogy(target, target) - target * input
    if reduction == "batchmean":
        return loss.sum() / input.size(0) if input.dim() else loss.sum()
    if reduction == "mean":
        warnings.warn(
            "kl_div: reduction 'mean' averages over elements; 'batchmean' is the divergence",
            stacklevel=2,
        )
    return _reduced("kl_div", loss, reduction)
