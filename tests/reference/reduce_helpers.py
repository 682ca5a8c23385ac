"""NumPy twins of the reduction helpers of csrc/kernels/shape_helpers.h."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def axes_of(ndim: int, dims: Sequence[int] | int | None) -> tuple[int, ...]:
    """The axes that a dim list means: all for None or an empty one, none of a 0-d array."""
    if isinstance(dims, (int, np.integer)):
        dims = [int(dims)]
    if ndim == 0:
        return ()
    return tuple(range(ndim)) if not dims else tuple(int(d) % ndim for d in dims)


def keepdim_shape(shape: Sequence[int], dims: Sequence[int] | None) -> list[int]:
    axes = axes_of(len(shape), dims)
    return [1 if d in axes else n for d, n in enumerate(shape)]


def reduced_numel(shape: Sequence[int], dims: Sequence[int] | None) -> int:
    n = 1
    for d in axes_of(len(shape), dims):
        n *= shape[d]
    return n


def as_dims(dim: int | None) -> list[int] | None:
    return None if dim is None else [dim]


def var_factor(numel: int, correction: float | None) -> float:
    left = max(0.0, numel - (1 if correction is None else correction))
    return 2.0 / left if left else float("inf")
