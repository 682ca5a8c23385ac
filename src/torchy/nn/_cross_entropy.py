# cross_entropy and nll_loss of nn.functional: targets as class indices or as probabilities,
# weights, ignored targets, label smoothing. Re-exported by functional.py.
from __future__ import annotations

import torchy

from ._loss import _REDUCTIONS, _old_reduction, _reduced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from torchy import Tensor

# One operation of the core for the plain case: log-softmax, choice of the target and reduction
# together, and a backward pass that writes softmax - one_hot directly.
_fused = getattr(torchy, "_cross_entropy_indices", None)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Minus the log-probability of the target, for unnormalised scores ``input``.

    Classes are dimension 1 (dimension 0 of a 1-D input). ``target`` holds class indices, or
    probabilities if it has the input's shape.
    """
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    if (
        _fused is not None
        and weight is None
        and label_smoothing == 0.0
        and input.dim() == 2
        and target.dim() == 1
        and target.dtype is torchy.int64
        and reduction in _REDUCTIONS
    ):
        return _fused(input, target, _REDUCTIONS[reduction], ignore_index)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"cross_entropy: label_smoothing is {label_smoothing}; it must be between 0 and 1")
    class_dim = _class_dim("cross_entropy", input)
    if input.shape == target.shape:
        return _probabilities(input, target, class_dim, weight, reduction, label_smoothing)
    log_p = input.log_softmax(class_dim)
    if label_smoothing == 0.0:
        return nll_loss(log_p, target, weight, None, ignore_index, None, reduction)
    return _smoothed(log_p, target, class_dim, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Minus the input at the target's class, for log-probabilities ``input``."""
    if size_average is not None or reduce is not None:
        reduction = _old_reduction(size_average, reduce)
    class_dim = _class_dim("nll_loss", input)
    safe, kept = _checked_target(input, target, class_dim, ignore_index)
    _checked_weight(weight, input.size(class_dim))
    loss = -_pick(input, safe, class_dim)
    weights = None if weight is None else _pick_weight(weight, safe)
    if kept is not None:
        weights = kept.to(input.dtype) if weights is None else weights * kept
        # masked, not multiplied: an ignored infinity must not become NaN
        loss = loss.masked_fill(~kept, 0.0)
    if weights is None:
        return _reduced("nll_loss", loss, reduction)
    loss = loss * weights
    if reduction == "mean":
        return loss.sum() / weights.sum()
    return _reduced("nll_loss", loss, reduction)


def _class_dim(name: str, input: Tensor) -> int:
    if input.dim() == 0:
        raise ValueError(f"{name}: the input is 0-d; it needs a dimension of classes")
    return 0 if input.dim() == 1 else 1


def _checked_weight(weight: Tensor | None, classes: int) -> None:
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"nll_loss: weight has shape {tuple(weight.shape)}; it must be 1-D, one value for "
            f"each of the {classes} classes"
        )


def _pick(input: Tensor, target: Tensor, class_dim: int) -> Tensor:
    return input.gather(class_dim, target.unsqueeze(class_dim)).squeeze(class_dim)


def _pick_weight(weight: Tensor, target: Tensor) -> Tensor:
    return weight.index_select(0, target.reshape(-1)).view(target.shape)


def _checked_target(input: Tensor, target: Tensor, class_dim: int, ignore_index: int) -> tuple[Tensor, Tensor | None]:
    """Indices that are safe to gather, and where the target counts (None: everywhere)."""
    expected = list(input.shape)
    classes = expected.pop(class_dim)
    if list(target.shape) != expected:
        first = (input.size(0), target.size(0)) if target.dim() and class_dim else (0, 0)
        # Batch sizes that differ are a ValueError in PyTorch, other shapes a RuntimeError.
        kind = ValueError if first[0] != first[1] else RuntimeError
        raise kind(
            f"nll_loss: input of shape {tuple(input.shape)} wants targets of shape "
            f"{tuple(expected)}, got {tuple(target.shape)}"
        )
    if target.dtype not in (torchy.int64, torchy.uint8):
        raise RuntimeError(
            f"nll_loss: expected scalar type Long for the target, got {target.dtype}; "
            "give class indices as int64, or probabilities of the input's shape"
        )
    if target.dtype is not torchy.int64:
        target = target.to(torchy.int64)
    if target.numel() == 0:
        return target, None
    if torchy._C._batch_level(target):  # inside vmap no value can be asked for; gather checks the bounds
        kept = target != ignore_index
        return target.masked_fill(~kept, 0), kept
    low, high = int(target.min()), int(target.max())
    if low >= 0 and high < classes and not 0 <= ignore_index < classes:
        return target, None
    kept = target != ignore_index
    safe = target.masked_fill(~kept, 0)
    low, high = int(safe.min()), int(safe.max())
    if low < 0 or high >= classes:
        wrong = low if low < 0 else high
        raise IndexError(f"Target {wrong} is out of bounds. nll_loss: classes are 0 to {classes - 1}")
    return safe, kept


def _smoothed(
    log_p: Tensor,
    target: Tensor,
    class_dim: int,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """Mix of the target's loss and the mean loss over all classes."""
    classes = log_p.size(class_dim)
    sharp = nll_loss(log_p, target, weight, None, ignore_index, None, reduction)
    safe, kept = _checked_target(log_p, target, class_dim, ignore_index)
    if weight is None:
        smooth = -log_p.sum(class_dim)
    else:
        smooth = -(log_p * _along(weight, log_p.dim(), class_dim)).sum(class_dim)
    if kept is not None:
        smooth = smooth.masked_fill(~kept, 0.0)
    if reduction == "mean":
        if weight is not None:
            weights = _pick_weight(weight, safe)
            total = (weights if kept is None else weights * kept).sum()
            smooth = smooth.sum() / total
        elif kept is not None:
            smooth = smooth.sum() / kept.sum()
        else:
            smooth = smooth.mean()
    else:
        smooth = _reduced("cross_entropy", smooth, reduction)
    return sharp * (1 - label_smoothing) + smooth * (label_smoothing / classes)


def _probabilities(
    input: Tensor,
    target: Tensor,
    class_dim: int,
    weight: Tensor | None,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """Targets that are probabilities of every class."""
    if not target.is_floating_point():
        raise RuntimeError(
            f"cross_entropy: targets of the input's shape are probabilities and must be "
            f"floating point, got {target.dtype}"
        )
    classes = input.size(class_dim)
    _checked_weight(weight, classes)
    if label_smoothing > 0.0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = input.log_softmax(class_dim) * target
    if weight is not None:
        terms = terms * _along(weight, input.dim(), class_dim)
    loss = -terms.sum(class_dim)
    if reduction == "mean":
        # over the batch, not over the weights
        return loss.sum() / max(input.numel() / classes, 1) if loss.numel() else loss.mean()
    return _reduced("cross_entropy", loss, reduction)


def _along(weight: Tensor, ndim: int, class_dim: int) -> Tensor:
    shape = [1] * ndim
    shape[class_dim] = -1
    return weight.view(shape)
