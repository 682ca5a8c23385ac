"""The rows and columns of autograd.functional.jacobian: by a loop, by vmap over backward or forward mode. Layer: torchy."""

from __future__ import annotations

from torchy import _C
from torchy.autograd import forward_ad
from torchy.autograd._functional_common import filled, grads_of, listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Tensors = tuple[Any, ...]

Tensor = _C.Tensor


def by_loop(outputs: Tensors, xs: Tensors, create_graph: bool, strict: bool) -> Iterator[Tensors]:
    """For each output, its Jacobian by each input: a backward for every element."""
    for out in outputs:
        if out.requires_grad and out.is_complex():
            raise RuntimeError(f"jacobian: an output is {out.dtype}; return real tensors, or use vectorize=True")
        if not out.numel():
            raise RuntimeError("jacobian: an output has no elements to differentiate; omit it")
        flat, rows = out.reshape(-1), []
        for j in range(out.numel()):
            one = _C.zeros_like(flat.detach())
            one[j] = 1
            found = grads_of([flat], xs, [one], create_graph, True)
            rows.append(filled(found, xs, strict, create_graph, "jacobian", "an output does not depend on input"))
        yield tuple(_C.stack(c).view((*out.shape, *x.shape)) for c, x in zip(zip(*rows), xs))


def identity(like: Sequence[Tensor]) -> list[Tensor]:
    """The identity matrix over all elements of `like`, cut into blocks of size (elements of all, *shape)."""
    total, first, blocks = sum([t.numel() for t in like]), 0, []
    for t in like:
        block = _C.zeros(total, t.numel(), dtype=t.dtype)
        block.diagonal(-first).fill_(1)
        blocks.append(block.view(total, *t.shape))
        first += t.numel()
    return blocks


def by_rows(outputs: Tensors, xs: Tensors, create_graph: bool) -> Iterator[Tensors]:
    """For each output, its Jacobian by each input: one backward for all elements, under vmap."""
    flats = [out.reshape(-1) for out in outputs]
    total = sum([f.numel() for f in flats])
    if total == 0 and any(out.requires_grad for out in outputs):
        raise IndexError("jacobian: an output has no elements to differentiate; omit it")
    found = grads_of(flats, xs, identity(flats), create_graph, create_graph, True) if total else (None,) * len(xs)
    tables, first = [x.new_zeros((total, *x.shape)) if g is None else g for g, x in zip(found, xs)], 0
    for out in outputs:
        yield tuple(t.narrow(0, first, out.numel()).reshape((*out.shape, *x.shape)) for t, x in zip(tables, xs))
        first += out.numel()


def by_columns(func: Callable[..., Any], xs: Tensors) -> tuple[bool, list[Tensors]]:
    """Whether func returns a tuple, and for each output its Jacobian by each input: one run of forward mode.

    Under vmap, with all directions at once.
    """
    from torchy.func import vmap

    shapes: list[Any] = []
    is_tuple = False

    def push(tangents: Any) -> Tensors:
        nonlocal is_tuple
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(x, t) for x, t in zip(xs, tangents)]
            is_tuple, outputs = listed(func(*duals), "outputs of the function", "jacobian")
            pairs = [forward_ad.unpack_dual(y) for y in outputs]
            shapes[:] = [tuple(y.shape) for y, _ in pairs]
            return tuple(_C.zeros_like(y.detach()) if t is None else t for y, t in pairs)

    tables, result = vmap(push)(tuple(identity(xs))), []
    for table, shape in zip(tables, shapes):
        last, first, row = table.movedim(0, -1), 0, []
        for x in xs:
            row.append(last.narrow(-1, first, x.numel()).reshape((*shape, *x.shape)))
            first += x.numel()
        result.append(tuple(row))
    return is_tuple, result
