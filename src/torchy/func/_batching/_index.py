"""Rules of indexing by tensors: index, index_put, index_select and its relatives, take, put. Layer: torchy.

Shared indices only move by one dim. A batch of indices goes together with an index of the batch, 0 to B - 1.
"""

from __future__ import annotations

import math

from torchy import _C

from . import _scatter  # noqa: F401  the rest of the family
from ._dims import dim_of, flattened, lifted
from ._loop import loop
from ._registry import Call, Tensor, rule
from ._scatter import batch_of_masks
from ._shape import with_dims, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

MASKS = (_C.bool, _C.uint8)


def _examples(size: int, ndim: int) -> Tensor:
    """0 to B - 1 along the first of ndim dims."""
    return _C.arange(size).reshape(size, *[1] * (ndim - 1))


class _Keys:
    """The index tensors for a physical tensor, and where the dims of its result have to go.

    keys: one entry for each dim of it, None for a whole dim. src, dst: the moves that make (B, result of an example)
    of the physical result. ndim: how many dims the result of an example has, whose self has the shape `sizes`.
    """

    def __init__(self, call: Call, at: int, sizes: Sequence[int], self_batched: bool) -> None:
        self.keys: list[Tensor | None] = []
        flags: list[bool] = []
        for t, batched in zip(call.args[at], call.batched[at]):
            if t is not None and t.dtype in MASKS:
                place = len(self.keys)
                if t.shape[bool(batched) :] != tuple(sizes[place : place + t.ndim - bool(batched)]):
                    wrong(call)
                if batched:
                    raise batch_of_masks(call)
                columns = t.nonzero().unbind(1)
                self.keys += columns
                flags += [False] * len(columns)
            else:
                self.keys.append(t)
                flags.append(batched)
        ndims = [t.ndim - b for t, b in zip(self.keys, flags) if t is not None]
        m = max(ndims, default=0)
        self.ndim = len(sizes) - len(ndims) + m
        places = [i for i, t in enumerate(self.keys) if t is not None] or [0]
        apart = places[-1] - places[0] >= len(places)
        self._place(call.size, flags, m, places[0], apart, self_batched)

    def _place(self, size: int, flags: list[bool], m: int, first: int, apart: bool, self_batched: bool) -> None:
        """Adds the batch, and works out the moves. Indices apart put their m dims first of all."""
        self.src: list[int] = []
        self.dst: list[int] = []
        if not any(flags):
            self.keys.insert(0, None)
            if apart:
                self.src, self.dst = [m], [0]
            return
        keys = [with_dims(t, t.ndim - 1, m) if t is not None and b else t for t, b in zip(self.keys, flags)]
        if self_batched:
            keys.insert(0, _examples(size, m + 1))
            if not apart:  # with the batch's index they are, if whole dims stand before them
                self.src, self.dst = list(range(1, m + 1)), list(range(first + 1, first + m + 1))
        elif not apart:
            self.src, self.dst = [first], [0]
        self.keys = keys

    def in_order(self, out: Tensor) -> Tensor:
        return out.movedim(self.src, self.dst) if self.src != self.dst else out

    def as_result(self, t: Tensor) -> Tensor:
        """(B, result of an example) in the order that the physical result has."""
        return t.movedim(self.dst, self.src) if self.src != self.dst else t


def _scalar_mask(call: Call, at: int) -> bool:
    """Is a shared 0-d mask among the indices? It stands for no dim of self and makes a new one; examples are looped."""
    pairs = zip(call.args[at], call.batched[at])
    return any(t is not None and t.dtype in MASKS and t.ndim == 0 for t, batched in pairs)


@rule("index")
def index(call: Call) -> Any:
    if _scalar_mask(call, 1):
        return loop(call)
    keys = _Keys(call, 1, call.full(0).shape[1:], call.batched[0])
    return keys.in_order(call.run(call.args[0], keys.keys))


@rule("index_backward")
def index_backward(call: Call) -> Any:
    if _scalar_mask(call, 2):
        return loop(call)
    sizes = call.args[1]
    keys = _Keys(call, 2, sizes, True)
    return call.run(keys.as_result(call.full(0)), [call.size, *sizes], keys.keys)


@rule("index_put")
def index_put(call: Call) -> Any:
    if _scalar_mask(call, 1):
        return loop(call)
    _, _, values, accumulate = call.args
    keys = _Keys(call, 1, call.full(0).shape[1:], True)
    if call.ndim(2) > keys.ndim:
        wrong(call)
    if call.ndim(2) or call.batched[2]:
        values = keys.as_result(with_dims(call.full(2), call.ndim(2), keys.ndim))
    return call.run(call.full(0), keys.keys, values, accumulate)


# ---- one dim


def _rows(call: Call, dim: int, index: Tensor) -> list[Tensor | None]:
    """Keys for a batch of vectors of indices along a dim of the examples; the result is (B, k, other dims)."""
    return [_examples(call.size, 2), *[None] * (dim - 1), index]


def _vector(call: Call, i: int) -> Tensor:
    """A batched index argument as (B, k)."""
    return lifted(call.args[i]) if call.ndim(i) <= 1 else wrong(call)


def _check_bounds(size: int, index: Tensor) -> None:
    """IndexError for what index_select refuses: negative indices too, which keys allow."""
    _C.index_select(_C.zeros((size, 0)), 0, index.reshape(index.numel()))


@rule("index_select")
def index_select(call: Call) -> Any:
    self, dim, index = call.args
    at = dim_of(dim, call.ndim(0))
    if not call.batched[2]:
        out = call.run(lifted(self), at, index)
        return out if call.ndim(0) else out.reshape(call.size)
    index = _vector(call, 2)
    k = index.shape[1]
    if not call.batched[0]:  # all examples' indices as one vector
        out = call.run(self.reshape(self.shape or [1]), at - 1, index.reshape(call.size * k))
        if call.ndim(0) == 0:
            return out.reshape(call.size)
        return out.reshape(*self.shape[: at - 1], call.size, k, *self.shape[at:]).movedim(at - 1, 0)
    self = lifted(self)
    _check_bounds(self.shape[at], index)
    out = _C._call_op("index", (self, _rows(call, at, index))).movedim(1, at)
    return out if call.ndim(0) else out.reshape(call.size)


@rule("index_select_backward")
def index_select_backward(call: Call) -> Any:
    _, sizes, dim, index = call.args
    at, full, grad = dim_of(dim, len(sizes)), [call.size, *(sizes or [1])], lifted(call.full(0))
    if not call.batched[3]:
        out = call.run(grad, full, at, index)
    else:
        index = _vector(call, 3)
        _check_bounds(full[at], index)
        out = _C._call_op("index_backward", (grad.movedim(at, 1), full, _rows(call, at, index)))
    return out if sizes else out.reshape(call.size)


@rule("index_add", "index_copy")
def index_add(call: Call) -> Any:
    self, source = lifted(call.full(0)), lifted(call.full(3))
    at, index = dim_of(call.args[1], call.ndim(0)), call.args[2]
    if not call.batched[2]:
        return call.run(self, at, index, source, *call.args[4:]).reshape(call.full(0).shape)
    index = _vector(call, 2)
    if source.shape != (*self.shape[:at], index.shape[1], *self.shape[at + 1 :]):
        wrong(call)
    n, k = self.shape[at], index.numel()  # keys would allow negative indices
    call.run(self.new_empty((n, 0)), 0, index.reshape(k), source.new_empty((k, 0)), *call.args[4:])
    adds = call.name == "index_add"
    if adds and call.args[4] != 1:
        source = (source * call.args[4]).to(self.dtype)
    out = _C.index_put(self, _rows(call, at, index), source.movedim(at, 1), adds)
    return out.reshape(call.full(0).shape)


@rule("index_fill", "index_fill_tensor")
def index_fill(call: Call) -> Any:
    """Where an index or a value differs from example to example, a mask of the index chooses between value and self."""
    self, (_, dim, index, value) = lifted(call.full(0)), call.args
    at, of_tensor = dim_of(dim, call.ndim(0)), isinstance(value, Tensor)
    if of_tensor and call.ndim(3):
        wrong(call)
    if not call.batched[2] and not call.batched[3]:
        return call.run(self, at, index, value).reshape(call.full(0).shape)
    if call.batched[2]:
        true = _C.ones((), dtype=_C.bool)
        mask = _C.index_put(_C.zeros(self.shape, dtype=_C.bool), _rows(call, at, _vector(call, 2)), true)
    else:
        mask = _C.index_fill(_C.zeros(self.shape[1:], dtype=_C.bool), at - 1, index, True)
    value = value.to(self.dtype) if of_tensor else _C.full([], value, dtype=self.dtype)
    if call.batched[3]:
        value = value.reshape(call.size, *[1] * (self.ndim - 1))
    return _C.where(mask, value, self).reshape(call.full(0).shape)


# ---- the flattened tensor


def _flat_keys(call: Call, i: int) -> list[Tensor | None]:
    """Keys for (B, n), flattened examples, from positions that are a batch or shared."""
    index = call.args[i]
    if index.dtype != _C.int64:
        wrong(call)
    return [_examples(call.size, index.ndim), index] if call.batched[i] else [None, index]


@rule("take")
def take(call: Call) -> Any:
    self, index = call.args
    if not call.batched[0]:
        return call.run(self, index)
    return _C._call_op("index", (flattened(lifted(self)), _flat_keys(call, 1)))


@rule("take_backward")
def take_backward(call: Call) -> Any:
    sizes = call.args[1]
    flat = [call.size, math.prod(sizes)]
    out = _C._call_op("index_backward", (call.full(0), flat, _flat_keys(call, 2)))
    return out.reshape(call.size, *sizes)


@rule("put")
def put(call: Call) -> Any:
    self, keys, source = call.full(0), _flat_keys(call, 1), call.full(2)
    shape = call.args[1].shape[bool(call.batched[1]) :]
    if math.prod(source.shape[1:]) != math.prod(shape):
        wrong(call)
    out = _C.index_put(flattened(lifted(self)), keys, source.reshape(call.size, *shape), call.args[3])
    return out.reshape(self.shape)
