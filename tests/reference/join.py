"""NumPy references of optable/join.py: the same arguments, PyTorch's meaning. For tests only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Ints = Sequence[int]
Arrays = Sequence[np.ndarray]

CAT, HSTACK, VSTACK, DSTACK, COLUMN_STACK = range(5)


def _joinable(a: np.ndarray, mode: int) -> np.ndarray:
    if mode == CAT:
        return a
    if mode == COLUMN_STACK:
        return a.reshape(-1, 1) if a.ndim < 2 else a
    return {HSTACK: np.atleast_1d, VSTACK: np.atleast_2d, DSTACK: np.atleast_3d}[mode](a)


def cat(tensors: Arrays, dim: int = 0) -> np.ndarray:
    kept = [a for a in tensors if a.shape != (0,)]
    return np.concatenate(kept, dim) if kept else np.concatenate(tensors)


def cat_of(tensors: Arrays, dim: int, mode: int, shapes: Ints) -> np.ndarray:
    return cat([_joinable(a, mode) for a in tensors], dim)


def cat_backward(src: np.ndarray, dim: int, mode: int, shapes: Ints) -> list[np.ndarray]:
    out, at, start = [], 0, 0
    while at < len(shapes):
        shape = tuple(shapes[at + 1 : at + 1 + shapes[at]])
        at += 1 + len(shape)
        if mode == CAT and shape == (0,):
            out.append(np.zeros(0, src.dtype))
            continue
        size = _joinable(np.empty(shape), mode).shape[dim]
        out.append(np.take(src, range(start, start + size), dim).reshape(shape))
        start += size
    return out


def stack(tensors: Arrays, dim: int = 0) -> np.ndarray:
    return np.stack(tensors, dim)


def column_stack(tensors: Arrays) -> np.ndarray:
    return np.concatenate([_joinable(a, COLUMN_STACK) for a in tensors], 1)


# ---- splitting


def slices(self: np.ndarray, bounds: Ints, dim: int) -> list[np.ndarray]:
    return [np.take(self, range(a, b), dim) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]


def slices_backward(parts: Arrays, sizes: Ints, bounds: Ints, dim: int) -> np.ndarray:
    out = np.zeros(tuple(sizes), np.result_type(*parts))
    moved = np.moveaxis(out, dim, 0)
    for part, a, b in zip(parts, bounds[::2], bounds[1::2], strict=True):
        moved[a:b] += np.moveaxis(part, dim, 0)
    return out


def split(self: np.ndarray, split_size: int, dim: int = 0) -> list[np.ndarray]:
    cuts = range(split_size, self.shape[dim], split_size) if split_size else []
    return list(np.split(self, list(cuts), dim))


def split_with_sizes(self: np.ndarray, split_sizes: Ints, dim: int = 0) -> list[np.ndarray]:
    return list(np.split(self, np.cumsum(split_sizes)[:-1], dim))


def chunk(self: np.ndarray, chunks: int, dim: int = 0) -> list[np.ndarray]:
    size = self.shape[dim]
    return split(self, -(-size // chunks), dim) if size else [self] * chunks


def tensor_split(self: np.ndarray, sections: int, dim: int = 0) -> list[np.ndarray]:
    return list(np.array_split(self, sections, dim))


def tensor_split_indices(self: np.ndarray, indices: Ints, dim: int = 0) -> list[np.ndarray]:
    return list(np.array_split(self, list(indices), dim))


def _cuts(how: int | Ints) -> int | list[int]:
    return how if isinstance(how, int) else list(how)


def hsplit(self: np.ndarray, how: int | Ints) -> list[np.ndarray]:
    return list(np.hsplit(self, _cuts(how)))


def vsplit(self: np.ndarray, how: int | Ints) -> list[np.ndarray]:
    return list(np.vsplit(self, _cuts(how)))


def dsplit(self: np.ndarray, how: int | Ints) -> list[np.ndarray]:
    return list(np.dsplit(self, _cuts(how)))


def unbind(self: np.ndarray, dim: int = 0) -> list[np.ndarray]:
    return list(np.moveaxis(self, dim, 0))


def unbind_backward(parts: Arrays, sizes: Ints, dim: int) -> np.ndarray:
    return np.stack(parts, dim)


# ---- rearranging


def flip(self: np.ndarray, dims: Ints) -> np.ndarray:
    return np.flip(self, tuple(dims)) if self.ndim else self.copy()


def rot90(self: np.ndarray, k: int = 1, dims: Ints = (0, 1)) -> np.ndarray:
    return np.rot90(self, k, tuple(dims))


def roll(self: np.ndarray, shifts: Ints, dims: Ints = ()) -> np.ndarray:
    return np.roll(self, tuple(shifts), tuple(dims)) if len(dims) else np.roll(self, shifts[0])


def repeat(self: np.ndarray, repeats: Ints) -> np.ndarray:
    return np.tile(self, tuple(repeats))


def repeat_interleave(
    self: np.ndarray, repeats: int | np.ndarray, dim: int | None = None, output_size: int | None = None
) -> np.ndarray:
    return np.repeat(self, repeats, dim)


def repeat_indices(repeats: np.ndarray, size: int = -1, output_size: int | None = None) -> np.ndarray:
    return np.repeat(np.arange(len(repeats) if size < 0 else size), repeats)


def diag_embed(self: np.ndarray, offset: int = 0, dim1: int = -2, dim2: int = -1) -> np.ndarray:
    length = self.shape[-1]
    n = length + abs(offset)
    out = np.zeros((*self.shape[:-1], n, n), self.dtype)
    i = np.arange(length)
    out[..., i + max(-offset, 0), i + max(offset, 0)] = self
    return np.moveaxis(out, (-2, -1), (dim1 % out.ndim, dim2 % out.ndim))


def diagflat(self: np.ndarray, offset: int = 0) -> np.ndarray:
    return np.diagflat(self, offset)


def trace(self: np.ndarray) -> np.ndarray:
    return np.trace(self)


def constant_pad_nd(self: np.ndarray, pad: Ints, value: complex = 0) -> np.ndarray:
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    pairs = [(0, 0)] * (self.ndim - len(pairs)) + pairs[::-1]
    index = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, self.shape, strict=True))
    widths = [(max(a, 0), max(b, 0)) for a, b in pairs]
    return np.pad(self[index], widths, constant_values=value) if pairs else self.copy()
