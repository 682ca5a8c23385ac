"""Rules of matrix products: one product of all rows where a matrix is shared, batched products else. Layer: torchy."""

from __future__ import annotations

import math

from torchy import _C

from ._registry import Call, Tensor, rule
from ._shape import with_dims, wrong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def product(a: Tensor, b: Tensor) -> Tensor:
    """Matrix products over the last two dims, the others broadcast; a shared matrix b takes all rows at once."""
    out: Tensor = _C._call_op("matmul_nd", (a, b))
    return out


def _check(call: Call, first: int, ndims: tuple[int, int]) -> None:
    """Arguments first and first + 1 must have these dims and shapes that multiply."""
    a, b = (tuple(call.args[i].shape[bool(call.batched[i]) :]) for i in (first, first + 1))
    if (len(a), len(b)) != ndims or a[-1] != b[-2 if len(b) > 1 else -1] or (ndims == (3, 3) and a[0] != b[0]):
        wrong(call)


@rule("mm")
def mm(call: Call) -> Any:
    _check(call, 0, (2, 2))
    return product(*call.args)


@rule("bmm")
def bmm(call: Call) -> Any:
    _check(call, 0, (3, 3))
    return product(*call.args)


@rule("mv")
def mv(call: Call) -> Any:
    """A batch of vectors is the rows of one matrix; a batch of matrices, all their rows."""
    _check(call, 0, (2, 1))
    matrix, vector = call.args
    if not call.batched[0]:
        return _C.mm(vector, matrix.t())
    return product(matrix, vector.unsqueeze(-1)).squeeze(-1)


@rule("dot")
def dot(call: Call) -> Any:
    _check(call, 0, (1, 1))
    a, b = call.args
    if call.batched[0] and call.batched[1]:
        return product(a.unsqueeze(1), b.unsqueeze(2)).reshape(call.size)
    return _C.mv(a, b) if call.batched[0] else _C.mv(b, a)


@rule("matmul_nd")
def matmul_nd(call: Call) -> Any:
    self, other = call.args
    na, nb = call.ndim(0), call.ndim(1)
    if na < 2 or nb < 2:
        wrong(call)
    if call.batched[0]:
        self = with_dims(self, na, nb)
    if call.batched[1]:
        other = with_dims(other, nb, na)
    return product(self, other)


@rule("addmm", "baddbmm")
def addmm(call: Call) -> Any:
    """The product, then the sum; self is not read if beta is 0."""
    self, a, b, beta, alpha = call.args
    ndim = 2 if call.name == "addmm" else 3
    _check(call, 1, (ndim, ndim))
    if call.ndim(0) > ndim or self.dtype != a.dtype:
        wrong(call)
    out = _times(product(a, b), alpha)
    shape = [call.size, *out.shape[-ndim:]]
    if call.batched[0]:
        self = with_dims(self, call.ndim(0), ndim)
    if any(n not in (1, to) for n, to in zip(reversed(self.shape), reversed(shape))):
        wrong(call)
    if beta == 0:
        return out if list(out.shape) == shape else out.expand(shape).clone()
    return out + _times(self, beta)


def _times(t: Tensor, factor: Any) -> Tensor:
    """t times a number, in t's dtype; the products of integers take integer factors."""
    if factor == 1:
        return t
    return t * (factor if t.dtype.is_floating_point or t.dtype.is_complex else int(factor))


@rule("linear")
def linear(call: Call) -> Any:
    """A shared weight takes all rows at once; shared rows take all weights as one."""
    x, weight, bias = call.args
    if call.ndim(1) != 2 or not call.ndim(0) or x.shape[-1] != weight.shape[-1]:
        wrong(call)
    if bias is not None and (call.ndim(2) != 1 or bias.shape[-1] != weight.shape[-2]):
        wrong(call)
    if not call.batched[1] and not call.batched[2]:
        return call.run(x, weight, bias)
    if not call.batched[1]:
        out = call.run(x, weight, None)
    elif not call.batched[0]:
        m, k = weight.shape[1:]
        out = call.run(x, weight.reshape(call.size * m, k), None)
        out = out.reshape(*x.shape[:-1], call.size, m).movedim(-2, 0)
    else:
        rows = x.reshape(call.size, math.prod(x.shape[1:-1]), x.shape[-1])
        out = product(rows, weight.transpose(1, 2)).reshape(*x.shape[:-1], weight.shape[1])
    if bias is None:
        return out
    if not call.batched[2]:
        return out + bias
    if not (call.batched[0] or call.batched[1]):
        return out + with_dims(bias, 1, out.ndim)
    return out + with_dims(bias, 1, out.ndim - 1)
