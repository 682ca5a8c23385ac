"""Dims of the user's tensors as dims of the physical ones, which have the batch in front. Layer: torchy.

A 0-d tensor counts as one of one dim: reductions and scans take dim 0 and -1 of it.
"""

from __future__ import annotations

import math

from ._registry import Call, Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def dim_of(dim: int, ndim: int) -> int:
    """A dim of the user's `ndim`-d tensor as a dim of the physical one; IndexError if it has no such dim.

    Without the check a dim that is too low would be the batch.
    """
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n + 1


def dims_of(name: str, dims: Sequence[int] | int | None, ndim: int) -> list[int]:
    """Several dims likewise, all of them for None; RuntimeError if one is given twice."""
    if dims is None:
        return list(range(1, max(ndim, 1) + 1))
    given = [dims] if isinstance(dims, int) else list(dims)
    out: list[int] = []
    for d in given:
        if (at := dim_of(d, ndim)) in out:
            raise RuntimeError(f"{name}: dim {d} appears multiple times in the list of dims {tuple(given)}")
        out.append(at)
    return out


def lifted(t: Tensor) -> Tensor:
    """(B, ...) as it is; (B,), a batch of 0-d tensors, as (B, 1): with the one dim that 0-d tensors count as having."""
    return t.unsqueeze(1) if t.ndim == 1 else t


def flattened(t: Tensor) -> Tensor:
    """(B, ...) to (B, n): all elements of an example in one dim."""
    return t if t.ndim == 2 else t.reshape(t.shape[0], math.prod(t.shape[1:]))


def each(result: Any, f: Callable[[Tensor], Tensor]) -> Any:
    """`f` of the result, or of each of several; a tuple keeps its type."""
    return type(result)([f(t) for t in result]) if isinstance(result, tuple) else f(result)


def along(call: Call, at: int) -> Any:
    """Computes along the dim in argument `at`, which the results keep: softmax, cumsum, sort.

    All tensor arguments have the shape of an example.
    """
    args = list(call.args)
    tensors = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
    args[at] = dim_of(args[at], call.ndim(tensors[0]))
    scalars = all(call.ndim(i) == 0 for i in tensors)
    for i in tensors:
        args[i] = lifted(call.full(i)) if scalars else call.full(i)
    result = call.run(*args)
    return each(result, lambda t: t.squeeze(1)) if scalars else result


def over_dim(call: Call, at: int, keep: int) -> Any:
    """Reduces the one dim in argument `at`; argument `keep` is keepdim."""
    args, ndim = list(call.args), call.ndim(0)
    args[at] = dim_of(args[at], ndim)
    if ndim == 0:  # keepdim of a 0-d tensor keeps nothing
        args[0], args[keep] = lifted(args[0]), False
    return call.run(*args)
