"""Rules of an index for every element (gather, the scatters), of tables, sets and masks. Layer: torchy.

Index and values get the batch as a dim like any other: these operations look at one line along `dim` at a time.
"""

from __future__ import annotations

import math

from torchy import _C

from ._dims import dim_of, flattened, lifted
from ._loop import data_dependent, loop, refuse
from ._registry import Call, Tensor, rule
from ._shape import with_dims, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _lined(call: Call) -> list[Any]:
    """The arguments with every tensor a batch of at least 1-d examples."""
    return [lifted(call.full(i)) if isinstance(a, Tensor) else a for i, a in enumerate(call.args)]


def _like(out: Tensor, ndim: int) -> Tensor:
    """The result for 0-d examples without the dim that was put in for them."""
    return out if ndim else out.select(1, 0)


@rule("gather")
def gather(call: Call) -> Any:
    self, dim, *rest = _lined(call)
    return _like(call.run(self, dim_of(dim, call.ndim(0)), *rest), call.ndim(2))


@rule("gather_backward")
def gather_backward(call: Call) -> Any:
    grad, sizes, dim, index = _lined(call)
    out = call.run(grad, [call.size, *(sizes or [1])], dim_of(dim, len(sizes)), index)
    return _like(out, len(sizes))


@rule("scatter_src", "scatter_value", "scatter_add", "scatter_reduce", "scatter_extreme")
def scatter(call: Call) -> Any:
    self, dim, *rest = _lined(call)
    out = call.run(self, dim_of(dim, call.ndim(0)), *rest)
    shaped_as = 2 if call.name == "scatter_extreme" and call.args[-1] else 0
    return _like(out, call.ndim(shaped_as))


@rule("corner", "corner_backward")
def corner(call: Call) -> Any:
    self, sizes = call.args
    return _like(call.run(lifted(self), [call.size, *(sizes or [1])]), len(sizes))


@rule("expand_around")
def expand_around(call: Call) -> Any:
    self, shape, dim = call.args
    if len(shape) != call.ndim(0):
        wrong(call)
    return _like(call.run(lifted(self), [call.size, *(shape or [1])], dim_of(dim, len(shape))), len(shape))


# ---- tables


def _folded(call: Call, indices: Tensor, rows: int) -> Tensor:
    """Indices into the rows of all examples one after the other, from those into the rows of each.

    IndexError if one is out of bounds; folded, it would read another example's row.
    """
    bounds = _C.zeros((rows, 0))  # a table whose rows have no elements costs nothing to read
    _C._call_op("embedding", (bounds, indices, -1, False, False))
    start = _C.arange(call.size).mul_(rows).reshape(call.size, *[1] * (indices.ndim - 1))
    return indices + start


@rule("embedding")
def embedding(call: Call) -> Any:
    """A shared table is read once for all; a batch of tables is one tall table."""
    weight, indices, *rest = call.args
    if call.ndim(0) != 2:
        wrong(call)
    if not call.batched[0]:
        return call.run(weight, indices, *rest)
    rows, width = weight.shape[1:]
    at = _folded(call, call.full(1), rows)
    return _C._call_op("embedding", (weight.reshape(call.size * rows, width), at, -1, False, False))


@rule("embedding_dense_backward")
def embedding_dense_backward(call: Call) -> Any:
    """Shared indices add up rows of all examples side by side, batched ones into one tall table."""
    grad, indices, rows, padding, by_frequency = call.args
    width = grad.shape[-1]
    if not call.batched[1]:
        wide = grad.movedim(0, -2).reshape(*indices.shape, call.size * width)
        out = call.run(wide, indices, rows, padding, by_frequency)
        return out.reshape(rows, call.size, width).movedim(1, 0)
    at, last = _folded(call, indices, rows), call.size * rows
    if padding >= 0:  # one row more takes what the padding gets
        at = at.masked_fill(indices == padding, last)
    out = call.run(call.full(0), at, last + 1, last, by_frequency)
    return out.narrow(0, 0, last).reshape(call.size, rows, width)


@rule("embedding_factor")
def embedding_factor(call: Call) -> Any:
    """One call per example where it counts how often an index occurs."""
    return loop(call) if call.args[2] else call.run(*call.args)


@rule("one_hot")
def one_hot(call: Call) -> Any:
    if call.args[1] == -1:
        raise data_dependent(call, "with num_classes=-1")
    return call.run(*call.args)


@rule("isin")
def isin(call: Call) -> Any:
    """One call per example where each has its own set: comparing all with all would take far more memory."""
    return loop(call) if call.batched[1] else call.run(*call.args)


# ---- masks

rule("nonzero")(refuse)


def _taken(size: int, mask: Tensor, source: Tensor, mask_batched: bool, source_batched: bool) -> Tensor:
    """What masked_scatter takes from source (n,) for each place of a flat mask (m,), true or not: (B, m).

    The batch dims of both are in front if they have one.
    """
    at = _C.cumsum(mask, -1)
    padded = _C.constant_pad_nd(source, [1, 0])  # place 0 is read before the first true, and by empty sources
    if mask_batched and source_batched:
        return padded.gather(1, at)
    if mask_batched:
        return padded.index_select(0, at.reshape(at.numel())).reshape(at.shape)
    out = padded.index_select(-1, at)
    return out if source_batched else out.unsqueeze(0).expand(size, at.shape[0])


def batch_of_masks(call: Call) -> RuntimeError:
    """The error of indexing by masks that select another number of elements of each example."""
    return RuntimeError(
        f"vmap: {call.name}: a batch of masks selects parts whose shape depends on the data; use torch.where, or a "
        "mask that all examples share"
    )


def _shared_mask(call: Call, at: int) -> Tensor:
    """A mask that all examples share; RuntimeError for a batch of them."""
    mask: Tensor = call.args[at]
    if call.batched[at]:
        raise data_dependent(call, "as a batch of masks gives")
    return mask if mask.dtype == _C.bool else wrong(call)


@rule("masked_select")
def masked_select(call: Call) -> Any:
    mask = _shared_mask(call, 1)
    self, ndim = call.args[0], call.ndim(0)
    shape = _C._broadcast_shapes(self.shape[1:], mask.shape)
    whole = with_dims(self, ndim, len(shape)).expand([call.size, *shape])
    return _C._call_op("index", (whole.reshape(call.size, math.prod(shape)), [None, mask.expand(shape).reshape(-1)]))


def _masked(call: Call, mask_at: int, source_at: int, self: Tensor, ndim: int) -> Tensor:
    """self with elements of source where the mask is true; self is a batch of ndim-d examples."""
    (mask, m), (source, s) = ((call.args[i], call.batched[i]) for i in (mask_at, source_at))
    if mask.dtype != _C.bool or self.dtype != source.dtype:
        wrong(call)
    shape = list(_C._broadcast_shapes(self.shape[1:], mask.shape[bool(m) :]))
    places = math.prod(shape)
    if m:
        mask = with_dims(mask, call.ndim(mask_at), len(shape)).expand([call.size, *shape])
    flat_mask = mask.reshape([call.size, places]) if m else mask.expand(shape).reshape([places])
    flat = flattened(lifted(source)) if s else source.reshape([source.numel()])
    taken = _taken(call.size, flat_mask, flat, m, s).reshape([call.size, *shape])
    return _C.where(mask, taken, with_dims(self, ndim, len(shape)))


@rule("masked_scatter")
def masked_scatter(call: Call) -> Any:
    return _masked(call, 1, 2, call.full(0), call.ndim(0))


@rule("masked_select_backward")
def masked_select_backward(call: Call) -> Any:
    grad, sizes, _ = call.args
    return _masked(call, 2, 0, _C.zeros([call.size, *sizes], dtype=grad.dtype), len(sizes))


@rule("masked_scatter_backward")
def masked_scatter_backward(call: Call) -> Any:
    """Each masked element goes to its number among the true ones, all others to a place that is cut off."""
    grad, mask, sizes = call.full(0), call.args[1], call.args[2]
    shape = list(grad.shape[1:])
    if call.batched[1]:
        mask = with_dims(mask, call.ndim(1), len(shape))
    mask = mask.expand([call.size, *shape])
    n, places = math.prod(sizes), math.prod(shape)
    flat = mask.reshape(call.size, places)
    at = _C.where(flat, _C.cumsum(flat, 1) - 1, n)
    out = _C.zeros([call.size, n + 1], dtype=grad.dtype).scatter(1, at, grad.reshape(call.size, places))
    return out.narrow(1, 0, n).reshape(call.size, *sizes)
