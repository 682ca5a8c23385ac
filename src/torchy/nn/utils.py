# torchy.nn.utils: gradients clipped, parameters as one vector. Layer: torchy.nn.
from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torchy

Tensor = torchy.Tensor


def _with_grad(parameters: Any) -> list[Tensor]:
    items = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p.grad for p in items if p.grad is not None]


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None
) -> Tensor:
    """The norm of the norms of all tensors: the norm of their elements taken together."""
    items = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not items:
        return torchy.tensor(0.0)
    p = float(norm_type)
    total = torchy.stack([torchy.norm(t, p) for t in items])
    total = total.max() if p == math.inf else torchy.norm(total, p)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped; pass error_if_nonfinite=False to scale by it anyway"
        )
    return total


def clip_grad_norm_(
    parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: Any = None
) -> Tensor:
    """Scale all gradients so that their norm together is at most max_norm; the norm before is returned."""
    grads = _with_grad(parameters)
    with torchy.no_grad():
        total = get_total_norm(grads, norm_type, error_if_nonfinite)
        factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for g in grads:
            g.mul_(factor.to(g.dtype))
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: Any = None) -> None:
    """Limit every element of the gradients to [-clip_value, clip_value]."""
    with torchy.no_grad():
        for g in _with_grad(parameters):
            g.clamp_(min=-float(clip_value), max=float(clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after another in one vector."""
    return torchy.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Give every parameter its part of the vector, which it then shares."""
    at = 0
    for p in parameters:
        p.data = vec[at : at + p.numel()].view_as(p).data
        at += p.numel()
