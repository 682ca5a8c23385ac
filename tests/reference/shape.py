"""NumPy references of optable/shape.py: the same arguments, PyTorch's meaning. For tests only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Ints = Sequence[int]


def same(self: np.ndarray) -> np.ndarray:
    return self.copy()


def reshape(self: np.ndarray, shape: Ints) -> np.ndarray:
    return np.reshape(self, tuple(shape))


def view(self: np.ndarray, size: Ints) -> np.ndarray:
    return np.reshape(self, tuple(size))


def view_dtype(self: np.ndarray, dtype: str) -> np.ndarray:
    return np.ascontiguousarray(self).reshape(self.shape).view(dtype)


def view_as(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.reshape(self, other.shape)


def resize(self: np.ndarray, size: Ints) -> np.ndarray:
    return self.reshape(-1)[: int(np.prod(size))].reshape(tuple(size))


def flatten(self: np.ndarray, start_dim: int = 0, end_dim: int = -1) -> np.ndarray:
    if self.ndim == 0:
        return self.reshape(1)
    start, end = start_dim % self.ndim, end_dim % self.ndim
    merged = int(np.prod(self.shape[start : end + 1]))
    return self.reshape((*self.shape[:start], merged, *self.shape[end + 1 :]))


def unflatten(self: np.ndarray, dim: int, sizes: Ints) -> np.ndarray:
    dim %= self.ndim
    shape = list(sizes)
    if -1 in shape:
        shape[shape.index(-1)] = self.shape[dim] // -int(np.prod(shape))
    return self.reshape((*self.shape[:dim], *shape, *self.shape[dim + 1 :]))


def squeeze(self: np.ndarray) -> np.ndarray:
    return np.squeeze(self)


def squeeze_dim(self: np.ndarray, dim: int) -> np.ndarray:
    return squeeze_dims(self, [dim])


def squeeze_dims(self: np.ndarray, dim: Ints) -> np.ndarray:
    axes = tuple(d % self.ndim for d in dim) if self.ndim else ()
    return np.squeeze(self, tuple(d for d in axes if self.shape[d] == 1))


def transpose(self: np.ndarray, dim0: int, dim1: int) -> np.ndarray:
    return np.swapaxes(self, dim0, dim1) if self.ndim else self


def t(self: np.ndarray) -> np.ndarray:
    return self.T


def mT(self: np.ndarray) -> np.ndarray:
    return np.swapaxes(self, -1, -2)


def mH(self: np.ndarray) -> np.ndarray:
    return np.conj(np.swapaxes(self, -1, -2))


def permute(self: np.ndarray, dims: Ints) -> np.ndarray:
    return np.transpose(self, tuple(dims))


def movedim(self: np.ndarray, source: Ints, destination: Ints) -> np.ndarray:
    return np.moveaxis(self, tuple(source), tuple(destination))


def expand(self: np.ndarray, size: Ints) -> np.ndarray:
    lead = len(size) - self.ndim
    shape = [self.shape[i - lead] if s == -1 else s for i, s in enumerate(size)]
    return np.broadcast_to(self, shape).copy()


def expand_as(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.broadcast_to(self, other.shape).copy()


# ---- parts: each is an index, which the backward and the scatter assign to


def _at(ndim: int, dim: int, index: object) -> tuple:
    return tuple(index if d == dim % ndim else np.s_[:] for d in range(ndim))


def _put(src: np.ndarray, sizes: Ints, index: tuple) -> np.ndarray:
    out = np.zeros(tuple(sizes), src.dtype)
    out[index] = src
    return out


def _replaced(self: np.ndarray, src: np.ndarray, index: tuple) -> np.ndarray:
    out = np.array(self, dtype=np.result_type(self, src))
    out[index] = src
    return out


def _diagonal_index(shape: Ints, offset: int, dim1: int, dim2: int) -> tuple:
    """Positions in the flat array, in the shape that diagonal gives."""
    flat = np.arange(int(np.prod(shape))).reshape(tuple(shape))
    return (np.diagonal(flat, offset, dim1, dim2),)


def select(self: np.ndarray, dim: int, index: int) -> np.ndarray:
    return self[_at(self.ndim, dim, index)].copy()


def select_backward(src: np.ndarray, sizes: Ints, dim: int, index: int) -> np.ndarray:
    return _put(src, sizes, _at(len(sizes), dim, index))


def select_scatter(self: np.ndarray, src: np.ndarray, dim: int, index: int) -> np.ndarray:
    return _replaced(self, src, _at(self.ndim, dim, index))


def slice(  # noqa: A001 - the table's name
    self: np.ndarray, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> np.ndarray:
    return self[_at(self.ndim, dim, np.s_[start:end:step])].copy()


def slice_backward(src: np.ndarray, sizes: Ints, dim: int, start: int | None, end: int | None, step: int) -> np.ndarray:
    return _put(src, sizes, _at(len(sizes), dim, np.s_[start:end:step]))


def slice_scatter(
    self: np.ndarray,
    src: np.ndarray,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> np.ndarray:
    return _replaced(self, src, _at(self.ndim, dim, np.s_[start:end:step]))


def narrow(self: np.ndarray, dim: int, start: int, length: int) -> np.ndarray:
    first = start % self.shape[dim] if start < 0 else start
    return self[_at(self.ndim, dim, np.s_[first : first + length])].copy()


def diagonal(self: np.ndarray, offset: int = 0, dim1: int = 0, dim2: int = 1) -> np.ndarray:
    return np.diagonal(self, offset, dim1, dim2).copy()


def diagonal_backward(src: np.ndarray, sizes: Ints, offset: int, dim1: int, dim2: int) -> np.ndarray:
    out = np.zeros(int(np.prod(sizes)), src.dtype)
    out[_diagonal_index(sizes, offset, dim1, dim2)] = src
    return out.reshape(tuple(sizes))


def diagonal_scatter(self: np.ndarray, src: np.ndarray, offset: int = 0, dim1: int = 0, dim2: int = 1) -> np.ndarray:
    flat = _replaced(self.reshape(-1), src, _diagonal_index(self.shape, offset, dim1, dim2))
    return flat.reshape(self.shape)


def _unfold_index(shape: Ints, dimension: int, size: int, step: int) -> np.ndarray:
    flat = np.arange(int(np.prod(shape))).reshape(tuple(shape) or (1,))
    dim = dimension % flat.ndim
    count = (flat.shape[dim] - size) // step + 1
    windows = [np.take(flat, range(i * step, i * step + size), dim) for i in range(count)]
    out = np.moveaxis(np.stack(windows, dim), dim + 1, -1)
    return out if len(shape) else out.reshape(size)


def unfold(self: np.ndarray, dimension: int, size: int, step: int) -> np.ndarray:
    return self.reshape(-1)[_unfold_index(self.shape, dimension, size, step)]


def unfold_backward(src: np.ndarray, sizes: Ints, dimension: int, size: int, step: int) -> np.ndarray:
    out = np.zeros(int(np.prod(sizes)), src.dtype)
    np.add.at(out, _unfold_index(sizes, dimension, size, step), src)
    return out.reshape(tuple(sizes))


# ---- as_strided: places in a storage


def _places(sizes: Ints, strides: Ints, offset: int) -> np.ndarray:
    out = np.full((1,) * len(sizes), offset)
    for d, (n, s) in enumerate(zip(sizes, strides, strict=True)):
        out = out + s * np.arange(n).reshape([-1 if i == d else 1 for i in range(len(sizes))])
    return out.reshape(tuple(sizes))


def _scattered(src: np.ndarray, places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    buffer, counts = np.zeros(size, src.dtype), np.zeros(size)
    np.add.at(buffer, places, src)
    np.add.at(counts, places, 1)
    return buffer, np.maximum(counts, 1)


def as_strided(self: np.ndarray, size: Ints, stride: Ints, storage_offset: int | None = None) -> np.ndarray:
    return np.ascontiguousarray(self).reshape(-1)[_places(size, stride, storage_offset or 0)]


def as_strided_of(
    self: np.ndarray, size: Ints, stride: Ints, storage_offset: int, base_stride: Ints, base_offset: int
) -> np.ndarray:
    return as_strided_gather(self, self.shape, base_stride, base_offset, size, stride, storage_offset)


def as_strided_backward(
    src: np.ndarray,
    base_sizes: Ints,
    base_strides: Ints,
    base_offset: int,
    sizes: Ints,
    strides: Ints,
    offset: int,
) -> np.ndarray:
    base, part = _places(base_sizes, base_strides, base_offset), _places(sizes, strides, offset)
    size = 1 + max(base.max(initial=0), part.max(initial=0))
    buffer, _ = _scattered(src, part, size)
    _, counts = _scattered(np.zeros(base.shape), base, size)
    return (buffer / counts)[base]


def as_strided_gather(
    src: np.ndarray,
    base_sizes: Ints,
    base_strides: Ints,
    base_offset: int,
    sizes: Ints,
    strides: Ints,
    offset: int,
) -> np.ndarray:
    base, part = _places(base_sizes, base_strides, base_offset), _places(sizes, strides, offset)
    buffer, counts = _scattered(src, base, 1 + max(base.max(initial=0), part.max(initial=0)))
    return (buffer / counts)[part]


def as_strided_scatter(
    self: np.ndarray, src: np.ndarray, size: Ints, stride: Ints, storage_offset: int | None = None
) -> np.ndarray:
    flat = np.array(self, dtype=np.result_type(self, src)).reshape(-1)
    flat[_places(size, stride, storage_offset or 0)] = src
    return flat.reshape(self.shape)


def as_strided_scatter_of(
    self: np.ndarray,
    src: np.ndarray,
    size: Ints,
    stride: Ints,
    storage_offset: int,
    base_stride: Ints,
    base_offset: int,
) -> np.ndarray:
    base = _places(self.shape, base_stride, base_offset)
    buffer, counts = _scattered(self, base, 1 + base.max(initial=0))
    buffer = (buffer / counts).astype(np.result_type(self, src))
    buffer[_places(size, stride, storage_offset)] = src
    return buffer[base]


# ---- complex numbers


def view_as_real(self: np.ndarray) -> np.ndarray:
    return np.stack([self.real, self.imag], -1)


def view_as_complex(self: np.ndarray) -> np.ndarray:
    return self[..., 0] + 1j * self[..., 1]


def to_copy(self: np.ndarray, dtype: str) -> np.ndarray:
    if np.iscomplexobj(self) and np.dtype(dtype).kind not in "cb":
        self = self.real
    return self.astype(dtype)
