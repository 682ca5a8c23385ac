"""Rules of fused operations of training: the rows of all examples as those of one. Layer: torchy."""

from __future__ import annotations

from ._registry import Call, Tensor, rule
from ._shape import wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NONE, MEAN = 0, 1  # reductions; 2 is the sum


def _rows(call: Call, first: int) -> tuple[Tensor, Tensor]:
    """Scores (B * n, classes) and targets (B * n,) from arguments first and first + 1."""
    scores, target = call.full(first), call.full(first + 1)
    if call.ndim(first) != 2 or call.ndim(first + 1) != 1 or scores.shape[1] != target.shape[1]:
        wrong(call)
    rows = call.size * target.shape[1]
    return scores.reshape(rows, scores.shape[2]), target.reshape(rows)


def _kept(call: Call, target: int) -> Any:
    """How many targets of an example count: (B,), or one number for a shared target."""
    return (call.args[target] != call.args[-1]).sum(-1)


@rule("_cross_entropy_indices")
def cross_entropy(call: Call) -> Any:
    """Losses (B, n) row by row, then each example's sum, or mean over the targets that count."""
    reduction, ignore_index = call.args[2:]
    losses = call.run(*_rows(call, 0), NONE, ignore_index).reshape(call.size, call.args[1].shape[-1])
    if reduction == NONE:
        return losses
    total = losses.sum(1)
    return total / _kept(call, 1) if reduction == MEAN else total


@rule("cross_entropy_backward")
def cross_entropy_backward(call: Call) -> Any:
    """Row by row, with the gradient that an example's reduction gives each of its rows."""
    grad, reduction, ignore_index = call.full(0), *call.args[3:]
    scores, target = _rows(call, 1)
    if reduction == MEAN:
        grad = grad / _kept(call, 2)
    n = call.args[1].shape[-2]
    if reduction != NONE:
        grad = grad.unsqueeze(1).expand(call.size, n)
    out = call.run(grad.reshape(call.size * n), scores, target, NONE, ignore_index)
    return out.reshape(call.size, n, scores.shape[1])
