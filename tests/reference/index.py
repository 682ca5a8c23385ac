"""NumPy references of the operations of optable/index.py and index_scatter.py.

Plain loops over places where that is the clearest statement of what an operation means.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

Array = np.ndarray
Places = Iterator[tuple[tuple[int, ...], tuple[int, ...]]]


def _key(indices: list[Any]) -> tuple[Any, ...]:
    """PyTorch's index list as a NumPy key; uint8 is a mask there."""
    out = []
    for i in indices:
        if i is None:
            out.append(slice(None))
        else:
            i = np.asarray(i)
            out.append(
                i.astype(bool) if i.dtype == np.uint8 else i.astype(np.int64) if i.size == 0 and i.dtype != bool else i
            )
    return tuple(out)


def index(self: Array, indices: list[Any]) -> Array:
    return np.array(self[_key(indices)])


def index_backward(grad_output: Array, sizes: list[int], indices: list[Any]) -> Array:
    out = np.zeros(tuple(sizes), grad_output.dtype)
    np.add.at(out, _key(indices), grad_output)
    return out


def index_put(self: Array, indices: list[Any], values: Array, accumulate: bool = False) -> Array:
    out = np.array(self)
    if accumulate:
        np.add.at(out, _key(indices), values)
    else:
        out[_key(indices)] = values
    return out


# ---- one dim


def _rows(self: Array, dim: int, index: Array) -> tuple[tuple[Any, ...], Array]:
    """The NumPy key of whole parts along dim, and the index as a vector."""
    at = np.atleast_1d(np.asarray(index)).astype(np.int64)
    return (*([slice(None)] * (dim % max(self.ndim, 1))), at), at


def index_select(self: Array, dim: int, index: Array) -> Array:
    if self.ndim == 0:
        return np.array(self)
    return np.take(self, np.atleast_1d(np.asarray(index)).astype(np.int64), axis=dim)


def index_select_backward(grad_output: Array, sizes: list[int], dim: int, index: Array) -> Array:
    return index_add(np.zeros(tuple(sizes), grad_output.dtype), dim, index, grad_output)


def index_add(self: Array, dim: int, index: Array, source: Array, *, alpha: Any = 1) -> Array:
    out = np.array(np.atleast_1d(self))
    key, at = _rows(self, dim, index)
    np.add.at(out, key, np.atleast_1d(source) * alpha)
    return out.reshape(np.shape(self))


def index_copy(self: Array, dim: int, index: Array, source: Array) -> Array:
    out = np.array(np.atleast_1d(self))
    key, at = _rows(self, dim, index)
    out[key] = np.atleast_1d(source)
    return out.reshape(np.shape(self))


def index_fill(self: Array, dim: int, index: Array, value: Any) -> Array:
    out = np.array(np.atleast_1d(self))
    key, at = _rows(self, dim, index)
    out[key] = value
    return out.reshape(np.shape(self))


# ---- the flattened tensor, masks


def take_backward(grad_output: Array, sizes: list[int], index: Array) -> Array:
    return put(np.zeros(tuple(sizes), grad_output.dtype), index, grad_output, True)


def put(self: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    out = np.array(self).reshape(-1)
    at = np.asarray(index).reshape(-1).astype(np.int64)
    if accumulate:
        np.add.at(out, at, np.asarray(source).reshape(-1))
    else:
        out[at] = np.asarray(source).reshape(-1)
    return out.reshape(np.shape(self))


def masked_select(self: Array, mask: Array) -> Array:
    self, mask = np.broadcast_arrays(self, mask)
    return np.array(self[mask]).reshape(-1)


def masked_select_backward(grad_output: Array, sizes: list[int], mask: Array) -> Array:
    shape = np.broadcast_shapes(tuple(sizes), np.shape(mask))
    return masked_scatter(np.zeros(shape, grad_output.dtype), mask, grad_output)


def masked_scatter(self: Array, mask: Array, source: Array) -> Array:
    self, mask = np.broadcast_arrays(self, mask)
    out = np.array(self)
    out[mask] = np.asarray(source).reshape(-1)[: int(mask.sum())]
    return out


def masked_scatter_backward(grad_output: Array, mask: Array, sizes: list[int]) -> Array:
    out = np.zeros(int(np.prod(sizes)), grad_output.dtype)
    taken = masked_select(grad_output, np.broadcast_to(mask, np.shape(grad_output)))
    out[: taken.size] = taken
    return out.reshape(tuple(sizes))


# ---- an index for every element


def _places(index: Array, dim: int) -> Places:
    """Pairs of a place in index (and src) and the place in self that it names, in order."""
    index = np.atleast_1d(index)
    if index.size:
        assert -index.ndim <= dim < index.ndim
        for place in product(*map(range, index.shape)):
            target = list(place)
            target[dim % index.ndim] = operator.index(index[place])
            yield place, tuple(target)


def gather(self: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    out = np.zeros(np.shape(np.atleast_1d(index)), self.dtype)
    for place, target in _places(index, dim):
        out[place] = np.atleast_1d(self)[target]
    return out.reshape(np.shape(index))


def _scatter(self: Array, dim: int, index: Array, src: Any, fold: Callable[[Any, Any], Any]) -> Array:
    out = np.array(np.atleast_1d(self))
    values = np.atleast_1d(src) if np.ndim(src) or np.ndim(index) == 0 else np.broadcast_to(src, np.shape(index))
    for place, target in _places(index, dim):
        out[target] = fold(out[target], values[place])
    return out.reshape(np.shape(self))


def gather_backward(grad_output: Array, sizes: list[int], dim: int, index: Array) -> Array:
    return scatter_add(np.zeros(tuple(sizes), grad_output.dtype), dim, index, grad_output)


def scatter(self: Array, dim: int, index: Array, src: Any) -> Array:
    return _scatter(self, dim, index, src, lambda old, new: new)


def scatter_add(self: Array, dim: int, index: Array, src: Any) -> Array:
    return _scatter(self, dim, index, src, lambda old, new: old + new)


def scatter_by(self: Array, dim: int, index: Array, src: Any, *, reduce: str) -> Array:
    return scatter_reduce(self, dim, index, src, {"add": "sum", "multiply": "prod"}[reduce])


def scatter_reduce(self: Array, dim: int, index: Array, src: Any, reduce: str, *, include_self: bool = True) -> Array:
    folds: dict[str, Callable[[Any, Any], Any]] = {
        "sum": lambda a, b: a + b, "mean": lambda a, b: a + b, "prod": lambda a, b: a * b, "amax": max, "amin": min,
    }  # fmt: skip
    counts = np.full(np.shape(self), 1 if include_self else 0)
    seen = counts.astype(bool).reshape(np.atleast_1d(self).shape).copy()
    out = np.array(np.atleast_1d(self))
    values = np.atleast_1d(src) if np.ndim(src) or np.ndim(index) == 0 else np.broadcast_to(src, np.shape(index))
    for place, target in _places(index, dim):
        out[target] = folds[reduce](out[target], values[place]) if seen[target] else values[place]
        seen[target] = True
    if reduce == "mean":
        counts = np.maximum(scatter_add(counts, dim, index, np.ones(np.shape(index), int)), 1)
        counts = counts.reshape(out.shape)
        out = out / counts if np.issubdtype(out.dtype, np.inexact) else out // counts
    return out.reshape(np.shape(self))


def scatter_extreme(
    self: Array, dim: int, index: Array, src: Array, reduce: str, include_self: bool, of_src: bool
) -> Array:
    result = scatter_reduce(self, dim, index, src, reduce, include_self=include_self)
    mine = np.atleast_1d(self == result) & include_self
    ties = np.array(mine, float)
    hits = []
    for place, target in _places(index, dim):
        if np.atleast_1d(src)[place] == np.atleast_1d(result)[target]:
            ties[target] += 1
            hits.append((place, target))
    if not of_src:
        return np.where(mine, 1 / np.maximum(ties, 1), 0).reshape(np.shape(self)).astype(self.dtype)
    out = np.zeros(np.atleast_1d(index).shape, self.dtype)
    for place, target in hits:
        out[place] = 1 / ties[target]
    return out.reshape(np.shape(index))


def corner(self: Array, sizes: list[int]) -> Array:
    if not np.prod(sizes):
        return np.zeros(tuple(sizes), self.dtype)
    if not sizes:
        return np.array(self).reshape(-1)[0].reshape(())
    return np.array(np.atleast_1d(self)[tuple(slice(0, s) for s in sizes)])


def corner_backward(grad_output: Array, sizes: list[int]) -> Array:
    out = np.zeros(tuple(sizes), grad_output.dtype)
    if grad_output.size and not sizes:
        return grad_output.reshape(())
    if grad_output.size:
        out[tuple(slice(0, s) for s in np.atleast_1d(grad_output).shape)] = grad_output
    return out


def expand_around(self: Array, shape: list[int], dim: int) -> Array:
    target = list(shape)
    target[dim] = self.shape[dim]
    return np.broadcast_to(self, np.broadcast_shapes(self.shape, tuple(target)))


def take_along_dim(self: Array, indices: Array, dim: int | None = None) -> Array:
    if dim is None:
        return self.reshape(-1)[indices.reshape(-1)]
    return np.take_along_axis(self, indices, dim)


# ---- tables and sets


def embedding(
    weight: Array, indices: Array, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Array:
    return np.array(weight[np.asarray(indices).astype(np.int64)])


def embedding_factor(indices: Array, padding_idx: int, scale_grad_by_freq: bool) -> Array:
    _, which, counts = np.unique(np.asarray(indices).reshape(-1), return_inverse=True, return_counts=True)
    factor = 1 / counts[which].reshape(np.shape(indices)) if scale_grad_by_freq else np.ones(np.shape(indices))
    return np.where(np.asarray(indices) == padding_idx, 0.0, factor)


def embedding_dense_backward(
    grad_output: Array, indices: Array, num_weights: int, padding_idx: int, scale_grad_by_freq: bool
) -> Array:
    factor = embedding_factor(indices, padding_idx, scale_grad_by_freq)
    out = np.zeros((num_weights, grad_output.shape[-1]), grad_output.dtype)
    np.add.at(out, np.asarray(indices).astype(np.int64), grad_output * factor[..., None])
    return out


def one_hot(self: Array, num_classes: int = -1) -> Array:
    at = np.asarray(self).astype(np.int64)
    return np.eye(int(at.max()) + 1 if num_classes < 0 else num_classes, dtype=np.int64)[at]


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Array:
    return np.isin(elements, test_elements, invert=invert)
