"""Rules of joining, splitting, repeating and rearranging. Layer: torchy."""

from __future__ import annotations

from torchy import _C

from ._dims import dim_of, flattened, lifted
from ._loop import data_dependent, loop
from ._pointwise import common_dtype
from ._registry import Call, rule, with_batch
from ._shape import with_dims, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

CAT, VSTACK, DSTACK, COLUMN_STACK = 0, 2, 3, 4  # the modes of cat_of; 1 is hstack


def _full(call: Call) -> list[Any]:
    """The tensors of a list argument, each with a batch dim; None stays."""
    return [t if t is None else with_batch(t, b, call.size) for t, b in zip(call.args[0], call.batched[0])]


def _shapes(flat: Sequence[int]) -> list[list[int]]:
    """[ndim, sizes..., ndim, sizes..., ...] as shapes."""
    out, at = [], 0
    while at < len(flat):
        out.append(list(flat[at + 1 : at + 1 + flat[at]]))
        at += 1 + flat[at]
    return out


def _joined(shape: list[int], mode: int) -> list[int]:
    """The shape that an input of this shape is joined with."""
    if mode == CAT:
        return shape
    shape = shape or [1]
    if len(shape) == 1 and mode in (VSTACK, DSTACK):
        shape = [1, *shape]
    if len(shape) == 1 and mode == COLUMN_STACK or len(shape) == 2 and mode == DSTACK:
        shape = [*shape, 1]
    return shape


def _skipped(shape: list[int], mode: int) -> bool:
    return mode == CAT and shape == [0]


@rule("cat_of")
def cat_of(call: Call) -> Any:
    """The inputs are given their final rank here: behind the batch, the operation would not see it."""
    _, dim, mode, flat = call.args
    shapes, tensors = _shapes(flat), _full(call)
    some = [i for i, t in enumerate(tensors) if t is not None]
    dtype = tensors[some[0]].dtype
    if len({tensors[i].dtype for i in some}) > 1:
        numbers = Call(call.name, call.size, [call.args[0][i] for i in some], [call.batched[0][i] for i in some])
        dtype = common_dtype(numbers, list(range(len(some))))
    kept = []
    for t, shape in zip(tensors, shapes):
        if not _skipped(shape, mode):
            to = [call.size, *_joined(shape, mode)]
            kept.append(_C.zeros(to, dtype=dtype) if t is None else t.to(dtype).reshape(to))
    if not kept:
        return _C.zeros([call.size, 0], dtype=dtype)
    if any(t.ndim != kept[0].ndim or t.ndim == 1 for t in kept):
        wrong(call)
    at = dim_of(dim, kept[0].ndim - 1)
    return _C.cat(kept, at)


@rule("cat_backward")
def cat_backward(call: Call) -> Any:
    src, dim, mode, flat = call.args
    at, start, out = dim_of(dim, call.ndim(0)), 0, []
    for shape in _shapes(flat):
        if _skipped(shape, mode):
            out.append(src.new_empty([call.size, 0]))
            continue
        n = _joined(shape, mode)[at - 1]
        out.append(src.narrow(at, start, n).reshape(call.size, *shape))
        start += n
    return tuple(out)


@rule("stack")
def stack(call: Call) -> Any:
    tensors = _full(call)
    if not tensors or any(t.shape != tensors[0].shape for t in tensors):
        wrong(call)
    return call.run(tensors, dim_of(call.args[1], tensors[0].ndim))


@rule("split", "split_with_sizes", "slices")
def split(call: Call) -> Any:
    self, sizes, dim = call.args
    return call.run(self, sizes, dim_of(dim, call.ndim(0))) if call.ndim(0) else wrong(call)


@rule("unbind")
def unbind(call: Call) -> Any:
    return call.run(call.args[0], dim_of(call.args[1], call.ndim(0))) if call.ndim(0) else wrong(call)


@rule("slices_backward")
def slices_backward(call: Call) -> Any:
    _, sizes, bounds, dim = call.args
    at, parts = dim_of(dim, len(sizes)), _full(call)
    dtype = next(p.dtype for p in parts if p is not None)
    for i, p in enumerate(parts):
        if p is None:
            shape = [call.size, *sizes]
            shape[at] = bounds[2 * i + 1] - bounds[2 * i]
            parts[i] = _C.zeros(shape, dtype=dtype)
    return call.run(parts, [call.size, *sizes], bounds, at)


@rule("unbind_backward")
def unbind_backward(call: Call) -> Any:
    _, sizes, dim = call.args
    parts = _full(call)
    like = next(p for p in parts if p is not None)
    parts = [_C.zeros_like(like) if p is None else p for p in parts]
    return call.run(parts, [call.size, *sizes], dim_of(dim, len(sizes)))


@rule("flip")
def flip(call: Call) -> Any:
    self, dims = call.args
    out = call.run(lifted(self), [dim_of(d, call.ndim(0)) for d in dims])
    return out if call.ndim(0) else out.select(1, 0)


@rule("rot90")
def rot90(call: Call) -> Any:
    self, k, dims = call.args
    if call.ndim(0) < 2 or len(dims) != 2:
        wrong(call)
    return call.run(self, k, [dim_of(d, call.ndim(0)) for d in dims])


@rule("roll")
def roll(call: Call) -> Any:
    """Without dims, each example is rolled as the vector of its elements."""
    self, shifts, dims = call.args
    if dims:
        if call.ndim(0) == 0:
            wrong(call)
        return call.run(self, shifts, [dim_of(d, call.ndim(0)) for d in dims])
    if len(shifts) != 1:
        wrong(call)
    return call.run(flattened(lifted(self)), shifts, [1]).reshape(self.shape)


@rule("repeat")
def repeat(call: Call) -> Any:
    (self, repeats), ndim = call.args, call.ndim(0)
    if len(repeats) < ndim:
        wrong(call)
    return call.run(with_dims(self, ndim, len(repeats)), [1, *repeats])


@rule("repeat_indices")
def repeat_indices(call: Call) -> Any:
    """One call per example, as counts differ; RuntimeError unless output_size fixes their sum."""
    if call.args[2] is None:
        raise data_dependent(call, "without output_size=")
    return loop(call)


@rule("tril", "triu")
def triangle(call: Call) -> Any:
    return call.run(*call.args) if call.ndim(0) >= 2 else wrong(call)


@rule("diag_embed")
def diag_embed(call: Call) -> Any:
    (self, offset, *dims), ndim = call.args, call.ndim(0)
    return call.run(self, offset, *(dim_of(d, ndim + 1) for d in dims)) if ndim else wrong(call)


@rule("trace")
def trace(call: Call) -> Any:
    if call.ndim(0) != 2:
        wrong(call)
    return _C.sum(call.args[0].diagonal(0, 1, 2), 1)


@rule("constant_pad_nd")
def constant_pad_nd(call: Call) -> Any:
    """Pads count from the last dim; too many would reach the batch."""
    return call.run(*call.args) if len(call.args[1]) <= 2 * call.ndim(0) else wrong(call)
