"""Python twins of csrc/kernels/shape_helpers.h, for running rules over NumPy. For tests only.

Sizes are known to be right here: the checks are the C++ functions' own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Ints = Sequence[int]


# ---- geometry of an array


def can_view(self: np.ndarray, size: Ints) -> bool:
    return True


def is_contiguous(self: np.ndarray) -> bool:
    return bool(self.flags.c_contiguous)


def strides_of(self: np.ndarray) -> list[int]:
    return [s // self.itemsize for s in self.strides]


def offset_of(self: np.ndarray) -> int:
    return 0


def value_or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


# ---- shapes and dims


def flatten_shape(shape: Ints, start_dim: int, end_dim: int) -> list[int]:
    if not len(shape):
        return [1]
    start, end = start_dim % len(shape), end_dim % len(shape)
    return [*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :]]


def unflatten_shape(shape: Ints, dim: int, sizes: Ints) -> list[int]:
    dim %= len(shape)
    known = int(np.prod([s for s in sizes if s != -1]))
    return [*shape[:dim], *(shape[dim] // known if s == -1 else s for s in sizes), *shape[dim + 1 :]]


def reversed_dims(ndim: int) -> list[int]:
    return list(range(ndim))[::-1]


def matrix_dim(ndim: int) -> int:
    assert ndim >= 2
    return -2


def needs_ndim(ndim: int, at_least: int, dim: int) -> int:
    assert ndim >= at_least
    return dim


def inverse_permutation(dims: Ints) -> list[int]:
    wrapped = [d % len(dims) for d in dims]
    return [wrapped.index(i) for i in range(len(dims))]


def movedim_order(ndim: int, source: Ints, destination: Ints) -> list[int]:
    places = {d % ndim: s % ndim for s, d in zip(source, destination, strict=True)}
    rest = iter(d for d in range(ndim) if d not in places.values())
    return [places[d] if d in places else next(rest) for d in range(ndim)]


def narrow_start(shape: Ints, dim: int, start: int, length: int) -> int:
    return start + shape[dim] if start < 0 else start


def negated(values: Ints) -> list[int]:
    return [-v for v in values]


def diagonal_length(shape: Ints) -> int:
    return min(shape)


def diag_ndim(ndim: int) -> int:
    return ndim


# ---- parts of a dim


def _pairs(sizes: Ints) -> list[int]:
    ends = np.cumsum(sizes).tolist()
    return [x for end, size in zip(ends, sizes, strict=True) for x in (end - size, end)]


def split_bounds(shape: Ints, split_size: int, dim: int) -> list[int]:
    n = shape[dim]
    return [x for a in range(0, n, split_size) for x in (a, min(a + split_size, n))] if n else [0, 0]


def sizes_bounds(shape: Ints, split_sizes: Ints, dim: int) -> list[int]:
    return _pairs(split_sizes)


def chunk_size(shape: Ints, chunks: int, dim: int) -> int:
    return -(-shape[dim] // chunks)


def chunk_bounds(shape: Ints, chunks: int, dim: int) -> list[int]:
    size = chunk_size(shape, chunks, dim)
    return split_bounds(shape, size, dim) if size else [0] * (2 * chunks)


def section_bounds(shape: Ints, sections: int, dim: int) -> list[int]:
    return _pairs([len(part) for part in np.array_split(np.arange(shape[dim]), sections)])


def index_bounds(shape: Ints, indices: Ints, dim: int) -> list[int]:
    n, out, start = shape[dim], [], 0
    for index in [*indices, n]:
        end = min(max(index + n if index < 0 else index, 0), n)
        out += [start, max(start, end)]
        start = end
    return out


def even_sections(shape: Ints, sections: int, dim: int) -> int:
    assert shape[dim] % sections == 0
    return sections


def hsplit_dim(ndim: int) -> int:
    return 0 if ndim == 1 else 1


# ---- repeat


def _interleaved(shape: Ints, repeats: Ints) -> list[int]:
    padded = [1] * (len(repeats) - len(shape)) + list(shape)
    return [x for pair in zip(repeats, padded, strict=True) for x in pair]


def repeat_shape(shape: Ints, repeats: Ints) -> list[int]:
    return _interleaved(shape, repeats)


def tile_shape(shape: Ints, repeats: Ints) -> list[int]:
    return _interleaved(shape, [1] * len(repeats))


def tile_repeats(ndim: int, dims: Ints) -> list[int]:
    return [1] * (ndim - len(dims)) + list(dims)


def interleave_shape(shape: Ints, repeats: int, dim: int) -> list[int]:
    dim %= len(shape)
    return [*shape[: dim + 1], repeats, *shape[dim + 1 :]]


def interleaved_shape(shape: Ints, repeats: int, dim: int) -> list[int]:
    dim %= len(shape)
    return [*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]]


# ---- cat and its relatives


def join_shape(shape: Ints, mode: int) -> list[int]:
    empty = np.empty(tuple(shape), np.void)
    if mode == 4 and len(shape) < 2:
        return [empty.size, 1]
    reshape = [lambda a: a, np.atleast_1d, np.atleast_2d, np.atleast_3d, lambda a: a][mode]
    return list(reshape(empty).shape)


def list_shapes(tensors: Sequence[np.ndarray]) -> list[int]:
    return [x for t in tensors for x in (t.ndim, *t.shape)]


def hstack_dim(tensors: Sequence[np.ndarray]) -> int:
    return 0 if tensors[0].ndim <= 1 else 1


# ---- checks of matrix products: the C++ functions raise, rules here get right shapes


def check_vectors(a: int, b: int) -> None:
    assert a == b == 1


def check_matmul(a: int, b: int) -> None:
    assert a >= 1 and b >= 1
