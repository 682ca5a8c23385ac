"""Rules of tensors made from sizes, numbers, or the shape or dtype of others, and of writing. Layer: torchy."""

from __future__ import annotations

import math

from ._pointwise import lined_up
from ._registry import Call, rule, with_batch
from ._shape import out_of_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@rule("empty", "zeros", "ones", "full", "empty_strided", "arange", "arange_start", "linspace", "logspace", "eye",
      "tril_indices", "triu_indices")  # fmt: skip
def constant(call: Call) -> Any:
    """The same for every example; each has its own memory, so that it can be written to."""
    return with_batch(call.run(*call.args), False, call.size).clone()


@rule("empty_like", "zeros_like", "ones_like", "full_like")
def like(call: Call) -> Any:
    return call.run(call.full(0), *call.args[1:])


@rule("zeros_of", "new_empty", "new_zeros", "new_ones", "new_full")
def of_dtype(call: Call) -> Any:
    """Only the dtype of self matters, and the batch its results have."""
    self, size, *rest = call.args
    return call.run(self, [call.size, *size], *rest)


@rule("complex", "polar")
def complex_of(call: Call) -> Any:
    """Two tensors that broadcast behind the batch."""
    return call.run(*lined_up(call))


# ---- writing into self


@rule("copy_")
def copy_(call: Call) -> Any:
    """self.copy_(src), src broadcast to self behind the batch. RuntimeError if only src is batched."""
    if not call.batched[0]:
        if call.batched[1]:
            raise out_of_place("src")
        return call.args[0].copy_(call.args[1])
    if call.ndim(1) > call.ndim(0):
        shapes = [tuple(t.shape[bool(b) :]) for t, b in zip(call.args, call.batched)]
        raise RuntimeError(
            f"copy_: output with shape {shapes[0]} doesn't match the broadcast shape of the source {shapes[1]}"
        )
    self, src = lined_up(call)
    return self.copy_(src)


@rule("fill_")
def fill_(call: Call) -> Any:
    """self.fill_(value), a number or one 0-d tensor per example."""
    self, value = call.args
    if not call.batched[1]:
        return self.fill_(value)
    if call.ndim(1):
        raise RuntimeError(f"fill_: value has {call.ndim(1)} dimensions; it must be a number or a 0-d tensor")
    if not call.batched[0]:
        raise out_of_place("value")
    return self.copy_(lined_up(call)[1])


@rule("zero_")
def zero_(call: Call) -> Any:
    return call.args[0].zero_()


@rule("resize")
def resize(call: Call) -> Any:
    """Every example of self, which is batched, keeps its first elements as they lie in memory."""
    self, size = call.args
    old, new = math.prod(self.shape[1:]), math.prod(size)
    kept = self.detach().as_strided([call.size, min(old, new)], [self.stride()[0], 1]).clone()
    call.run(self, [call.size, *size])
    self.detach().reshape(call.size, new).narrow(1, 0, min(old, new)).copy_(kept)
    return self
