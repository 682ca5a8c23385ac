"""Rules of views, of their backward operations and of copies. Layer: torchy.

A view of the physical tensor is returned wherever the operation gives a view, so that writing through it works.
"""

from __future__ import annotations

import math

from torchy import _C

from ._dims import dim_of, dims_of, lifted
from ._registry import Call, Tensor, rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def first_example(call: Call) -> list[Any]:
    """The arguments of example 0."""

    def one(a: Any, batched: Any) -> Any:
        if isinstance(batched, (list, tuple)):
            return tuple(one(x, b) for x, b in zip(a, batched))
        return a.select(0, 0) if batched else a

    return [one(a, b) for a, b in zip(call.args, call.batched)]


def wrong(call: Call) -> NoReturn:
    """Raises what the operation raises for one example: its text has the shapes that the user knows."""
    call.run(*first_example(call))
    raise RuntimeError(f"{call.name}: arguments of these shapes cannot be batched")


def out_of_place(other: str = "other") -> RuntimeError:
    """The error of writing a batch into a tensor that has no batch dim."""
    return RuntimeError(
        "vmap: inplace arithmetic(self, *extra_args) is not possible: self has one value for all examples, but the "
        f"Tensor `{other}` has one for each; use the out-of-place form, or give vmap a batched self"
    )


def with_dims(t: Tensor, ndim: int, to: int) -> Tensor:
    """A batch of `ndim`-d examples as a view of `to`-d ones, with new dims of size 1 after the batch."""
    for _ in range(to - ndim):
        t = t.unsqueeze(1)
    return t


# ---- views


@rule("alias", "detach", "clone", "contiguous_copy", "_to_copy", "view_as_real")
def same_dims(call: Call) -> Any:
    """What treats all dims alike and adds none in front."""
    return call.run(*call.args)


@rule("view", "unsafe_view")
def view(call: Call) -> Any:
    """A size of -1 is worked out for one example: a batch of none would leave it open."""
    (self, size), n = call.args, math.prod(call.args[0].shape[1:])
    known = math.prod(s for s in size if s != -1)
    if list(size).count(-1) == 1 and known > 0 and n % known == 0:
        size = [n // known if s == -1 else s for s in size]
    elif known != n or -1 in size:
        wrong(call)
    return call.run(self, [call.size, *size])


@rule("view_dtype")
def view_dtype(call: Call) -> Any:
    if call.ndim(0) == 0 and _C.empty(0, dtype=call.args[1]).element_size() != call.args[0].element_size():
        wrong(call)  # it would be the batch that shrinks or grows
    return call.run(*call.args)


@rule("view_as_complex")
def view_as_complex(call: Call) -> Any:
    return call.run(call.args[0]) if call.ndim(0) else wrong(call)


@rule("squeeze")
def squeeze(call: Call) -> Any:
    """All dims of size 1 but the batch."""
    return _C._call_op("squeeze_dims", (call.args[0], list(range(1, call.args[0].ndim))))


@rule("squeeze_dim")
def squeeze_dim(call: Call) -> Any:
    self, dim = call.args
    at = dim_of(dim, call.ndim(0))
    return call.run(self, at) if call.ndim(0) else _C._call_op("alias", (self,))


@rule("squeeze_dims")
def squeeze_dims(call: Call) -> Any:
    at = dims_of("squeeze", call.args[1], call.ndim(0))
    return call.run(call.args[0], at if call.ndim(0) else [])


@rule("unsqueeze")
def unsqueeze(call: Call) -> Any:
    return call.run(call.args[0], dim_of(call.args[1], call.ndim(0) + 1))


@rule("transpose")
def transpose(call: Call) -> Any:
    self, ndim = call.args[0], call.ndim(0)
    dims = [dim_of(d, ndim) for d in call.args[1:]]
    return call.run(self, *(dims if ndim else (0, 0)))


@rule("t")
def t(call: Call) -> Any:
    ndim = call.ndim(0)
    if ndim > 2:
        wrong(call)
    return _C._call_op("transpose", (call.args[0], 1, 2) if ndim == 2 else (call.args[0], 0, 0))


@rule("permute")
def permute(call: Call) -> Any:
    if len(call.args[1]) != call.ndim(0):
        wrong(call)
    return call.run(call.args[0], [0, *(dim_of(d, call.ndim(0)) for d in call.args[1])])


@rule("expand")
def expand(call: Call) -> Any:
    (self, size), ndim = call.args, call.ndim(0)
    new = len(size) - ndim
    if new < 0 or any(s < 0 for s in size[:new]):
        wrong(call)
    return call.run(with_dims(self, ndim, len(size)), [call.size, *size])


@rule("select", "slice")
def part(call: Call) -> Any:
    self, dim, *rest = call.args
    return call.run(self, dim_of(dim, call.ndim(0)), *rest) if call.ndim(0) else wrong(call)


@rule("diagonal")
def diagonal(call: Call) -> Any:
    self, offset, *dims = call.args
    return call.run(self, offset, *(dim_of(d, call.ndim(0)) for d in dims))


@rule("unfold")
def unfold(call: Call) -> Any:
    """The windows are a last dim; those of a 0-d example its only one."""
    self, dim, size, step = call.args
    out = call.run(lifted(self), dim_of(dim, call.ndim(0)), size, step)
    return out if call.ndim(0) else out.select(1, 0)


@rule("as_strided_of")
def as_strided_of(call: Call) -> Any:
    """Strides and offset are those of example 0; the others lie the batch's stride further on each.

    RuntimeError if the view would leave the memory that its own example spans.
    """
    self, size, stride, offset, base_stride, base_offset = call.args
    if len(size) == len(stride) and 0 not in size and min(stride, default=0) >= 0:
        end = offset + sum((n - 1) * s for n, s in zip(size, stride))
        last = base_offset + sum((n - 1) * s for n, s in zip(self.shape[1:], base_stride))
        if offset < base_offset or end > last:
            raise RuntimeError(
                f"vmap: as_strided: sizes {tuple(size)}, strides {tuple(stride)} and storage offset {offset} reach "
                f"elements {offset} to {end}, but an example has only {base_offset} to {last}; index the batch instead"
            )
    shift = self.storage_offset() - base_offset
    own = list(self.stride())
    if own[0] == 0 and call.size > 1 and self.requires_grad and _C.is_grad_enabled():
        # Examples that lie in the same memory would get equal parts of all their gradients: lay them out apart.
        geometry = list(self.shape[1:]), base_stride, base_offset, size, stride, offset
        if _span(geometry[:3]) > self[0].numel():
            raise RuntimeError(
                "vmap: as_strided: a tensor with gaps in its memory has no gradient here; clone it first"
            )
        return _C._call_op("as_strided_gather", (self, *_apart(call.size, *geometry)))
    return call.run(self, [call.size, *size], [own[0], *stride], offset + shift, own, self.storage_offset())


# ---- backward operations of views, and copies with one part replaced


@rule("select_backward", "slice_backward", "unfold_backward")
def part_backward(call: Call) -> Any:
    src, sizes, dim, *rest = call.args
    if sizes:
        return call.run(src, [call.size, *sizes], dim_of(dim, len(sizes)), *rest)
    return call.run(src.unsqueeze(1), [call.size, 1], dim_of(dim, 0), *rest).select(1, 0)


@rule("diagonal_backward")
def diagonal_backward(call: Call) -> Any:
    src, sizes, offset, *dims = call.args
    return call.run(src, [call.size, *sizes], offset, *(dim_of(d, len(sizes)) for d in dims))


def _span(*geometries: tuple[Any, Any, int]) -> int:
    """How many elements of memory (sizes, strides, offset) cover together."""
    low, high = [], []
    for sizes, strides, offset in geometries:
        if 0 not in sizes:
            steps = [(n - 1) * s for n, s in zip(sizes, strides)]
            low.append(offset + sum(min(s, 0) for s in steps))
            high.append(offset + sum(max(s, 0) for s in steps))
    return max(high) - min(low) + 1 if low else 1


def _apart(
    size: int, base_sizes: Any, base_strides: Any, base_offset: int, sizes: Any, strides: Any, offset: int
) -> Any:
    """Both geometries for a batch whose examples lie one after the other, so that no two share an element."""
    n = _span((base_sizes, base_strides, base_offset), (sizes, strides, offset))
    return [size, *base_sizes], [n, *base_strides], base_offset, [size, *sizes], [n, *strides], offset


@rule("as_strided_backward", "as_strided_gather")
def as_strided_backward(call: Call) -> Any:
    return call.run(call.args[0], *_apart(call.size, *call.args[1:]))


@rule("as_strided_scatter_of")
def as_strided_scatter_of(call: Call) -> Any:
    _, _, size, stride, offset, base_stride, base_offset = call.args
    self, src = call.full(0), call.full(1)
    n = _span((self.shape[1:], base_stride, base_offset))
    if n < _span((self.shape[1:], base_stride, base_offset), (size, stride, offset)):
        wrong(call)
    return call.run(self, src, [call.size, *size], [n, *stride], offset, [n, *base_stride], base_offset)


@rule("select_scatter", "slice_scatter")
def part_scatter(call: Call) -> Any:
    if call.ndim(0) == 0:
        wrong(call)
    return call.run(call.full(0), call.full(1), dim_of(call.args[2], call.ndim(0)), *call.args[3:])


@rule("diagonal_scatter")
def diagonal_scatter(call: Call) -> Any:
    dims = [dim_of(d, call.ndim(0)) for d in call.args[3:]]
    return call.run(call.full(0), call.full(1), call.args[2], *dims)
