"""NumPy references of scans, sorting, unique and searches, with PyTorch's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray


def _lines(f: Callable[..., Any], dim: int, *arrays: Array) -> Any:
    """f applied to every line along dim; its results (one array or several) put together again."""
    scalar = arrays[0].ndim == 0
    moved = [a.reshape(1) if scalar else np.moveaxis(a, dim, -1) for a in arrays]
    shape = moved[0].shape[:-1]
    rows = [f(*[m[at] for m in moved]) for at in np.ndindex(shape)]
    if not rows:
        rows = [f(*[m.reshape(-1)[:0] for m in moved])]
        shape = (0,)
        rows, many = rows[:0], isinstance(rows[0], tuple)
        empty = np.moveaxis(moved[0], -1, dim).copy()
        return (empty, empty.astype(np.int64)) if many else empty

    def joined(parts: list[Array]) -> Array:
        out = np.stack(parts).reshape(*shape, -1)
        return out.reshape(()) if scalar and out.size == 1 else np.moveaxis(out, -1, dim)

    if isinstance(rows[0], tuple):
        return tuple(joined([np.atleast_1d(r[i]) for r in rows]) for i in range(len(rows[0])))
    return joined([np.atleast_1d(r) for r in rows])


# ---- running sums and products


def _scan_type(a: Array, dtype: Any) -> Any:
    return dtype or (np.int64 if a.dtype.kind in "bui" else a.dtype)


def cumsum(self: Array, dim: int, dtype: Any = None) -> Array:
    return np.cumsum(self, axis=dim if self.ndim else 0, dtype=_scan_type(self, dtype)).reshape(self.shape)


def cumprod(self: Array, dim: int, dtype: Any = None) -> Array:
    return np.cumprod(self, axis=dim if self.ndim else 0, dtype=_scan_type(self, dtype)).reshape(self.shape)


def _slopes(x: Array) -> Array:
    """d cumprod(x)[i] / d x[k], naively."""
    n = len(x)
    out = np.zeros((n, n), dtype=x.dtype)
    for i in range(n):
        for k in range(i + 1):
            out[i, k] = np.delete(x[: i + 1], k).prod()
    return out


def cumprod_backward(grad_output: Array, self: Array, dim: int) -> Array:
    return _lines(lambda g, x: g @ _slopes(x), dim, grad_output, self)


def cumprod_dual(self: Array, tangent: Array, dim: int) -> Array:
    return _lines(lambda x, t: _slopes(x) @ t, dim, self, tangent)


def logcumsumexp(self: Array, dim: int) -> Array:
    return _lines(np.logaddexp.accumulate, dim, self)


def _exps(x: Array, y: Array) -> Array:
    """exp(x[j] - y[i]) for j <= i, else 0."""
    return np.tril(np.exp(x[None, :] - y[:, None]))


def logcumsumexp_backward(grad_output: Array, self: Array, output: Array, dim: int) -> Array:
    return _lines(lambda g, x, y: g @ _exps(x, y), dim, grad_output, self, output)


def logcumsumexp_dual(tangent: Array, self: Array, output: Array, dim: int) -> Array:
    return _lines(lambda t, x, y: _exps(x, y) @ t, dim, tangent, self, output)


def _running(better: Callable[[Any, Any], bool]) -> Callable[[Array, int], tuple[Array, Array]]:
    def line(x: Array) -> tuple[Array, Array]:
        values, at = x.copy(), np.zeros(len(x), dtype=np.int64)
        for i in range(1, len(x)):
            take = x[i] != x[i] or better(x[i], values[i - 1])
            values[i], at[i] = (x[i], i) if take else (values[i - 1], at[i - 1])
        return values, at

    return lambda self, dim: _lines(line, dim, self)


cummax = _running(lambda new, best: new >= best)
cummin = _running(lambda new, best: new <= best)


# ---- sorting


def _order(x: Array, descending: bool) -> Array:
    """A stable order; NaN is greater than every number."""
    if not descending:
        return np.argsort(x, kind="stable")
    return len(x) - 1 - np.argsort(x[::-1], kind="stable")[::-1]


def sort(self: Array, dim: int = -1, descending: bool = False) -> tuple[Array, Array]:
    def line(x: Array) -> tuple[Array, Array]:
        order = _order(x, descending)
        return x[order], order

    return _lines(line, dim, self)


def sort_stable(self: Array, *, stable: bool | None, dim: int = -1, descending: bool = False) -> tuple[Array, Array]:
    return sort(self, dim, descending)


def argsort(self: Array, dim: int = -1, descending: bool = False) -> Array:
    return sort(self, dim, descending)[1]


def argsort_stable(self: Array, *, stable: bool | None, dim: int = -1, descending: bool = False) -> Array:
    return argsort(self, dim, descending)


def msort(self: Array) -> Array:
    return sort(self, 0)[0]


def topk(self: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Array, Array]:
    values, indices = sort(self, dim, largest)
    if self.ndim == 0:
        return values, indices
    taken = [slice(None)] * self.ndim
    taken[dim] = slice(0, k)
    return values[tuple(taken)], indices[tuple(taken)]


def _one(pick: Callable[[Array], int], self: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """The element of every line at the position that `pick` gives."""

    def line(x: Array) -> tuple[Array, Array]:
        at = pick(x)
        return x[at : at + 1], np.array([at])

    values, indices = _lines(line, dim, self)
    if keepdim or self.ndim == 0:
        return values, indices
    return values.squeeze(dim), indices.squeeze(dim)


def kthvalue(self: Array, k: int, dim: int = -1, keepdim: bool = False) -> tuple[Array, Array]:
    return _one(lambda x: int(_order(x, False)[k - 1]), self, dim, keepdim)


def _median_at(x: Array) -> int:
    if np.isnan(x).any():
        return int(np.argmax(np.isnan(x)))
    return int(_order(x, False)[(len(x) - 1) // 2])


def _nanmedian_at(x: Array) -> int:
    return int(_order(x, False)[max(int((~np.isnan(x)).sum()) - 1, 0) // 2])


def median_dim(self: Array, dim: int, keepdim: bool = False) -> tuple[Array, Array]:
    return _one(_median_at, self, dim, keepdim)


def nanmedian_dim(self: Array, dim: int, keepdim: bool = False) -> tuple[Array, Array]:
    return _one(_nanmedian_at, self, dim, keepdim)


def median(self: Array) -> Array:
    return median_dim(self.reshape(-1), 0)[0]


def nanmedian(self: Array) -> Array:
    return nanmedian_dim(self.reshape(-1), 0)[0]


def mode(self: Array, dim: int = -1, keepdim: bool = False) -> tuple[Array, Array]:
    def pick(x: Array) -> int:
        values, counts = np.unique(x, return_counts=True)
        return int(np.flatnonzero(x == values[np.argmax(counts)])[-1])

    return _one(pick, self, dim, keepdim)


# ---- unique, bins, searches


def unique2(
    self: Array, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> tuple[Array, Array, Array]:
    values, inverse, counts = np.unique(self, return_inverse=True, return_counts=True)
    none = np.zeros(0, dtype=np.int64)
    return values, inverse.reshape(self.shape) if return_inverse else none, counts if return_counts else none


def unique_dim(
    self: Array, dim: int, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
) -> tuple[Array, Array, Array]:
    values, inverse, counts = np.unique(self, axis=dim, return_inverse=True, return_counts=True)
    none = np.zeros(0, dtype=np.int64)
    return values, inverse.reshape(-1) if return_inverse else none, counts if return_counts else none


def unique_consecutive(
    self: Array, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> tuple[Array, Array, Array]:
    rows = self.reshape(-1) if dim is None else np.moveaxis(self, dim, 0)
    new = np.array([i == 0 or not np.array_equal(rows[i], rows[i - 1]) for i in range(len(rows))], dtype=bool)
    inverse = np.cumsum(new) - 1
    values = rows[new] if dim is None else np.moveaxis(rows[new], 0, dim)
    none = np.zeros(0, dtype=np.int64)
    shape = self.shape if dim is None else (-1,)
    return (
        values, inverse.reshape(shape) if return_inverse else none,
        np.bincount(inverse, minlength=0) if return_counts else none,
    )  # fmt: skip


def bincount(self: Array, weights: Array | None = None, minlength: int = 0) -> Array:
    return np.bincount(self.astype(np.int64), weights, minlength)


def histc(self: Array, bins: int = 100, min: float = 0, max: float = 0) -> Array:
    if min == max:
        min, max = self.min(), self.max()
    if min == max:
        min, max = min - 1, max + 1
    return np.histogram(self, bins, (min, max))[0].astype(self.dtype)


def searchsorted(
    sorted_sequence: Array, self: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Array | None = None,
) -> Array:  # fmt: skip
    where = side or ("right" if right else "left")
    values = np.asarray(self)
    if sorted_sequence.ndim == 1:
        out = np.asarray(np.searchsorted(sorted_sequence, values, where, sorter))
    else:
        out = np.empty(values.shape, dtype=np.int64)
        for at in np.ndindex(values.shape[:-1]):
            out[at] = np.searchsorted(sorted_sequence[at], values[at], where, None if sorter is None else sorter[at])
    return out.astype(np.int32 if out_int32 else np.int64)


def bucketize(self: Any, boundaries: Array, *, out_int32: bool = False, right: bool = False) -> Array:
    return searchsorted(boundaries, self, out_int32=out_int32, right=right)
