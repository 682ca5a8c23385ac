"""NumPy references of the reductions: PyTorch's arguments, NumPy arrays in and out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference.reduce_helpers import axes_of, keepdim_shape

Array = np.ndarray
Dims = Sequence[int] | None


def _sum_type(a: Array, dtype: Any) -> Any:
    return dtype or (np.int64 if a.dtype.kind in "bui" else a.dtype)


# ---- sums, means, products


def sum_all(self: Array, dtype: Any = None) -> Array:
    return np.asarray(self.sum(dtype=_sum_type(self, dtype)))


def sum_dim(self: Array, dim: Dims, keepdim: bool = False, dtype: Any = None) -> Array:
    return np.asarray(self.sum(axis=axes_of(self.ndim, dim), keepdims=keepdim, dtype=_sum_type(self, dtype)))


def mean_dim(self: Array, dim: Dims, keepdim: bool = False, dtype: Any = None) -> Array:
    axes = axes_of(self.ndim, dim)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = np.prod([self.shape[d] for d in axes], initial=1)
        return np.asarray(self.sum(axis=axes, keepdims=keepdim, dtype=dtype) / count).astype(dtype or self.dtype)


def mean_all(self: Array, dtype: Any = None) -> Array:
    return mean_dim(self, None, False, dtype)


def nansum(self: Array, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Array:
    clean = np.where(np.isnan(self), 0, self).astype(self.dtype) if self.dtype.kind == "f" else self
    return sum_dim(clean, dim, keepdim, dtype)


def nanmean(self: Array, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Array:
    return nansum(self, dim, keepdim, dtype) / sum_dim(~np.isnan(self), dim, keepdim)


def sum_to_size(self: Array, size: Sequence[int]) -> Array:
    lead = self.ndim - len(size)
    axes = [d for d in range(self.ndim) if d < lead or (size[d - lead] == 1 and self.shape[d] != 1)]
    return self.sum(axis=tuple(axes), keepdims=True).reshape(size)


def prod_all(self: Array, dtype: Any = None) -> Array:
    return np.asarray(self.prod(dtype=_sum_type(self, dtype)))


def prod_dim(self: Array, dim: int, keepdim: bool = False, dtype: Any = None) -> Array:
    return np.asarray(self.prod(axis=axes_of(self.ndim, dim), keepdims=keepdim, dtype=_sum_type(self, dtype)))


def _lines(f: Callable[..., Array], dim: int, *arrays: Array) -> Array:
    """f applied to every line along dim; f takes and gives 1-d arrays of one length."""
    if arrays[0].ndim == 0:
        return f(*[a.reshape(1) for a in arrays]).reshape(())
    moved = [np.moveaxis(a, dim, -1) for a in arrays]
    out = np.empty(moved[0].shape, dtype=np.result_type(*arrays))
    for at in np.ndindex(moved[0].shape[:-1]):
        out[at] = f(*[m[at] for m in moved])
    return np.moveaxis(out, -1, dim)


def prod_others(self: Array, dim: int) -> Array:
    return _lines(lambda x: np.array([np.delete(x, i).prod() for i in range(len(x))], dtype=x.dtype), dim, self)


def prod_others_dual(self: Array, tangent: Array, dim: int) -> Array:
    def line(x: Array, t: Array) -> Array:
        n = len(x)
        return np.array([sum((t[i] * np.delete(x, [i, k]).prod() for i in range(n) if i != k), start=0 * x[0])
                         for k in range(n)], dtype=np.result_type(x, t))  # fmt: skip

    return _lines(line, dim, self, tangent)


def _square(self: Array, keep: Array, value: float) -> Array:
    return np.where(keep, self[..., None, :], np.asarray(value, dtype=self.dtype))


def rows_without_each(self: Array, value: float) -> Array:
    return _square(self, ~np.eye(self.shape[-1], dtype=bool), value)


def rows_of_prefixes(self: Array, value: float) -> Array:
    return _square(self, np.tri(self.shape[-1], dtype=bool), value)


# ---- counts and truth


def count_nonzero(self: Array, dim: Dims = None) -> Array:
    return np.asarray((self != 0).sum(axis=axes_of(self.ndim, dim), dtype=np.int64))


def _truth(f: Callable[..., Any]) -> tuple[Callable[..., Array], Callable[..., Array]]:
    def over_dims(self: Array, dim: Dims = None, keepdim: bool = False) -> Array:
        axes = () if dim is not None and len(dim) == 0 else axes_of(self.ndim, dim)
        out = np.asarray(f(self != 0, axis=axes, keepdims=keepdim))
        return out.astype(np.uint8) if self.dtype == np.uint8 else out

    return over_dims, lambda self, dim, keepdim=False: over_dims(self, [dim], keepdim)


any_dims, any_dim = _truth(np.any)
all_dims, all_dim = _truth(np.all)


# ---- extremes


def amax(self: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    return np.asarray(self.max(axis=axes_of(self.ndim, dim), keepdims=keepdim))


def amin(self: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    return np.asarray(self.min(axis=axes_of(self.ndim, dim), keepdims=keepdim))


def aminmax(self: Array, *, dim: int | None = None, keepdim: bool = False) -> tuple[Array, Array]:
    dims = None if dim is None else [dim]
    return amin(self, dims, keepdim), amax(self, dims, keepdim)


def _index(f: Callable[..., Any], self: Array, dim: int | None, keepdim: bool) -> Array:
    if dim is None or self.ndim == 0:
        out = np.asarray(f(self.reshape(-1)))
        return out.reshape([1] * self.ndim) if keepdim else out
    return np.asarray(f(self, axis=dim, keepdims=keepdim))


def argmax(self: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    return _index(np.argmax, self, dim, keepdim)


def argmin(self: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    return _index(np.argmin, self, dim, keepdim)


def max_dim(self: Array, dim: int, keepdim: bool = False) -> tuple[Array, Array]:
    return amax(self, [dim], keepdim), argmax(self, dim, keepdim)


def min_dim(self: Array, dim: int, keepdim: bool = False) -> tuple[Array, Array]:
    return amin(self, [dim], keepdim), argmin(self, dim, keepdim)


# ---- moments


def var_correction(self: Array, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False) -> Array:
    axes = axes_of(self.ndim, dim)
    n = np.prod([self.shape[d] for d in axes], initial=1)
    dev = self - self.mean(axis=axes, keepdims=True)
    left = max(0.0, n - (1 if correction is None else correction))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((np.abs(dev) ** 2).sum(axis=axes, keepdims=keepdim) / left)


def var_dim(self: Array, dim: Dims, unbiased: bool = True, keepdim: bool = False) -> Array:
    return var_correction(self, dim, correction=int(unbiased), keepdim=keepdim)


def var_all(self: Array, unbiased: bool = True) -> Array:
    return var_dim(self, None, unbiased)


def std_correction(self: Array, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False) -> Array:
    return np.sqrt(var_correction(self, dim, correction=correction, keepdim=keepdim))


def std_dim(self: Array, dim: Dims, unbiased: bool = True, keepdim: bool = False) -> Array:
    return np.sqrt(var_dim(self, dim, unbiased, keepdim))


def std_all(self: Array, unbiased: bool = True) -> Array:
    return std_dim(self, None, unbiased)


def var_mean_correction(
    self: Array, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False
) -> tuple[Array, Array]:
    return var_correction(self, dim, correction=correction, keepdim=keepdim), mean_dim(self, dim, keepdim)


def var_mean_dim(self: Array, dim: Dims, unbiased: bool = True, keepdim: bool = False) -> tuple[Array, Array]:
    return var_dim(self, dim, unbiased, keepdim), mean_dim(self, dim, keepdim)


def var_mean_all(self: Array, unbiased: bool = True) -> tuple[Array, Array]:
    return var_mean_dim(self, None, unbiased)


def std_mean_correction(
    self: Array, dim: Dims = None, *, correction: float | None = None, keepdim: bool = False
) -> tuple[Array, Array]:
    return std_correction(self, dim, correction=correction, keepdim=keepdim), mean_dim(self, dim, keepdim)


def std_mean_dim(self: Array, dim: Dims, unbiased: bool = True, keepdim: bool = False) -> tuple[Array, Array]:
    return std_dim(self, dim, unbiased, keepdim), mean_dim(self, dim, keepdim)


def std_mean_all(self: Array, unbiased: bool = True) -> tuple[Array, Array]:
    return std_mean_dim(self, None, unbiased)


# ---- norms, logsumexp, softmax


def linalg_vector_norm(
    self: Array, ord: float = 2.0, dim: Dims = None, keepdim: bool = False, dtype: Any = None
) -> Array:
    x = np.abs(self if dtype is None else self.astype(dtype))
    axes = axes_of(self.ndim, dim)
    if ord == 0:
        return np.asarray((x != 0).sum(axis=axes, keepdims=keepdim).astype(x.dtype))
    if np.isinf(ord):
        return np.asarray((x.max if ord > 0 else x.min)(axis=axes, keepdims=keepdim))
    with np.errstate(divide="ignore"):
        return np.asarray((x**ord).sum(axis=axes, keepdims=keepdim) ** (1.0 / ord))


def logsumexp(self: Array, dim: Dims, keepdim: bool = False) -> Array:
    axes = axes_of(self.ndim, dim)
    top = self.max(axis=axes, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):
        out = np.log(np.exp(self - top).sum(axis=axes, keepdims=True)) + top
    kept = [n for d, n in enumerate(self.shape) if d not in axes]
    return out.reshape(keepdim_shape(self.shape, dim) if keepdim else kept)


def softmax(self: Array, dim: int, dtype: Any = None) -> Array:
    x = self if dtype is None else self.astype(dtype)
    if x.size == 0:
        return x.copy()
    e = np.exp(x - amax(x, [dim], True))
    return e / sum_dim(e, [dim], True)


def log_softmax(self: Array, dim: int, dtype: Any = None) -> Array:
    x = self if dtype is None else self.astype(dtype)
    return x.copy() if x.size == 0 else x - logsumexp(x, [dim], True)


def softmax_backward_data(grad_output: Array, output: Array, dim: int) -> Array:
    return output * (grad_output - sum_dim(output * grad_output, [dim], True))


def log_softmax_backward_data(grad_output: Array, output: Array, dim: int) -> Array:
    return grad_output - np.exp(output) * sum_dim(grad_output, [dim], True)
