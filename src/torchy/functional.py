"""Functions composed of operations: where, nonzero, einsum, tensordot, meshgrid and other shape helpers."""

from __future__ import annotations

from torchy import _C
from torchy._einsum import einsum, tensordot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

Tensor = _C.Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors",
    "cartesian_prod", "einsum", "meshgrid", "nonzero", "norm", "split", "tensordot", "unique", "unique_consecutive",
    "where",
]  # fmt: skip


def _many(tensors: tuple[Any, ...]) -> list[Tensor]:
    return list(tensors[0]) if len(tensors) == 1 and not isinstance(tensors[0], Tensor) else list(tensors)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """Elements of input where condition is true, else of other; with condition alone, its nonzero indices."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    return _C.where(condition, input, other)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Indices of elements that are not zero: (n, ndim), or as_tuple one (n,) tensor per dim."""
    found = _C.nonzero(input)
    if not as_tuple:
        return found
    if input.dim() == 0:
        return (found.new_zeros((found.shape[0],)),)
    return found.unbind(1)


def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The p-norm over dim (all elements if None); 'fro' is the 2-norm of all elements."""
    if isinstance(p, str):
        if p != "fro":
            raise RuntimeError(f"norm: p={p!r} is not available; use 'fro' or a number")
        p = 2
    return _C.norm(input, 2 if p is None else p, dim, keepdim, dtype=dtype)


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of tensor along dim: pieces of one size, or of the given sizes."""
    return tensor.split(split_size_or_sections, dim)


def _wanted(found: Any, return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = found
    out = (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
    return out if len(out) > 1 else values


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements (slices along dim, if given) in order, with the inverse map and counts if wanted."""
    if dim is None:
        found = _C._unique2(input, sorted, return_inverse, return_counts)
    else:
        found = _C.unique_dim(input, dim, sorted, return_inverse, return_counts)
    return _wanted(found, return_inverse, return_counts)


def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """unique, but only runs of equal neighbours are merged."""
    return _wanted(_C._unique_consecutive(input, return_inverse, return_counts, dim), return_inverse, return_counts)


def broadcast_shapes(*shapes: Any) -> _C.Size:
    """The shape that all shapes broadcast to. RuntimeError if they do not."""
    out: Any = _C.Size(())
    for s in shapes:
        out = _C._broadcast_shapes(list(out), [s] if isinstance(s, int) else list(s))
    return out


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to one common shape."""
    items = _many(tensors)
    shape = broadcast_shapes(*(t.shape for t in items))
    return tuple(t.expand(shape) for t in items)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinate grids of 1-d tensors; indexing 'ij' (matrix) or 'xy' (first two swapped)."""
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    items = [t.reshape(-1) if t.dim() == 0 else t for t in _many(tensors)]
    swap = indexing == "xy" and len(items) >= 2
    if swap:
        items[0], items[1] = items[1], items[0]
    n = len(items)
    shape = [t.shape[0] for t in items]
    grids = [t.reshape([-1 if j == i else 1 for j in range(n)]).expand(shape) for i, t in enumerate(items)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of the elements of 1-d tensors, one per row."""
    if len(tensors) == 1:
        return tensors[0]
    return _C.stack([g.reshape(-1) for g in meshgrid(*tensors)], 1)


def _atleast(tensors: tuple[Any, ...], fn: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return fn(tensors[0])
    return tuple(fn(t) for t in _many(tensors))


def atleast_1d(*tensors: Any) -> Any:
    """0-d tensors become (1,)."""
    return _atleast(tensors, lambda t: t.reshape(1) if t.dim() == 0 else t)


def atleast_2d(*tensors: Any) -> Any:
    """0-d becomes (1, 1), 1-d becomes (1, n)."""
    return _atleast(tensors, lambda t: t.reshape(1, -1) if t.dim() < 2 else t)


def atleast_3d(*tensors: Any) -> Any:
    """0-d becomes (1, 1, 1), 1-d (1, n, 1), 2-d (m, n, 1)."""

    def fn(t: Tensor) -> Tensor:
        if t.dim() < 2:
            return t.reshape(1, -1, 1)
        return t.unsqueeze(-1) if t.dim() == 2 else t

    return _atleast(tensors, fn)


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices along its diagonal and zeros elsewhere."""
    blocks = [atleast_2d(t) for t in tensors]
    columns = sum(b.shape[1] for b in blocks)
    rows, at = [], 0
    for b in blocks:
        parts = [b.new_zeros((b.shape[0], at)), b, b.new_zeros((b.shape[0], columns - at - b.shape[1]))]
        rows.append(_C.cat(parts, 1))
        at += b.shape[1]
    return _C.cat(rows, 0)
