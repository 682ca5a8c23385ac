"""Rules of running sums and extremes, of sorting and ranks, of unique, bins and searches. Layer: torchy."""

from __future__ import annotations

from torchy import _C

from ._dims import along, dim_of, each, flattened, lifted, over_dim
from ._loop import loop, refuse
from ._registry import Call, Tensor, rule, with_batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Where dim is among the arguments; for the second also keepdim.
ALONG = {
    "cumsum": 1, "cumprod": 1, "cumprod_backward": 2, "cumprod_dual": 2, "logcumsumexp": 1, "logcumsumexp_backward": 3,
    "logcumsumexp_dual": 3, "cummax": 1, "cummin": 1, "sort": 1, "sort_stable": 2, "argsort": 1, "argsort_stable": 2,
}  # fmt: skip
OVER_DIM = {"kthvalue": (2, 3), "median_dim": (1, 2), "nanmedian_dim": (1, 2), "mode": (1, 2)}


@rule(*ALONG)
def along_dim(call: Call) -> Any:
    """Along a dim that the results keep."""
    return along(call, ALONG[call.name])


@rule(*OVER_DIM)
def over_one_dim(call: Call) -> Any:
    """One element of each row along a dim."""
    return over_dim(call, *OVER_DIM[call.name])


@rule("topk")
def topk(call: Call) -> Any:
    """k elements of each row along a dim; of a 0-d example itself, for a k of 0 too."""
    self, k, dim, largest, ordered = call.args
    at = dim_of(dim, call.ndim(0))
    if call.ndim(0):
        return call.run(self, k, at, largest, ordered)
    return each(call.run(lifted(self), 1 if k == 0 else k, at, largest, ordered), lambda t: t.squeeze(1))


@rule("median", "nanmedian")
def median(call: Call) -> Any:
    """The middle of all elements of an example. Of equal ones, the gradient goes to one, as in torch.func.vmap."""
    flat = flattened(call.args[0])
    if not flat.shape[1]:
        return _C.stack([call.run(example) for example in flat.unbind(0)])  # NaN, or the error of an integer
    return _C._call_op(f"{call.name}_dim", (flat, 1, False))[0]


rule("_unique2", "unique_dim", "_unique_consecutive")(refuse)
rule("bincount", "histc")(loop)


@rule("searchsorted")
def searchsorted(call: Call) -> Any:
    """Into one sequence all values at once; of a batch of sequences, each is searched for its own values."""
    sequence, values, out_int32, right, side, sorter = call.args
    shared = call.ndim(0) == 1
    if shared and not call.batched[0] and not call.batched[5]:
        return call.run(*call.args)
    if not shared and call.ndim(1) == 0 or call.ndim(0) == 0:
        return loop(call)  # which raises the error
    if sorter is not None:
        sorter = call.full(5)
    return _search(call.full(0), call.full(1), shared, out_int32, right, side, sorter)


@rule("bucketize")
def bucketize(call: Call) -> Any:
    """searchsorted with its first arguments swapped."""
    values, boundaries, out_int32, right = call.args
    if not call.batched[1]:
        return call.run(*call.args)
    if call.ndim(1) != 1:
        raise RuntimeError(f"bucketize: boundaries must be 1-d, got shape {tuple(boundaries.shape[1:])}")
    return _search(boundaries, call.full(0), True, out_int32, right, None, None)


@rule("searchsorted_Scalar")
def searchsorted_number(call: Call) -> Any:
    """One number's place in each sequence."""
    sequence, number, out_int32, right, side, sorter = call.args
    if call.ndim(0) != 1:
        return loop(call)  # which raises the error
    if sorter is not None:
        sorter = call.full(5)
    return _search(call.full(0), _of_number(number, call.size), True, out_int32, right, side, sorter)


@rule("bucketize_Scalar")
def bucketize_number(call: Call) -> Any:
    """One number's place in each list of boundaries."""
    number, boundaries, out_int32, right = call.args
    if call.ndim(1) != 1:
        raise RuntimeError(f"bucketize: boundaries must be 1-d, got shape {tuple(boundaries.shape[1:])}")
    return _search(boundaries, _of_number(number, call.size), True, out_int32, right, None, None)


def _search(
    sequence: Tensor, values: Tensor, flat: bool, out_int32: bool, right: bool, side: str | None, sorter: Tensor | None
) -> Tensor:
    """searchsorted of (B, ..., n) for (B, ...); with `flat`, of (B, n) for all values of an example."""
    found = flattened(values) if flat else values
    out: Tensor = _C._call_op("searchsorted", (sequence, found, out_int32, right, side, sorter))
    return out.reshape(values.shape) if flat else out


def _of_number(number: Any, size: int) -> Tensor:
    """(B,) of the number, in the dtype in which the operation takes it: a float as float64, an integer as int64."""
    number = number.item() if isinstance(number, Tensor) else number
    dtype = _C.int64 if hasattr(number, "__index__") else _C.float64
    return with_batch(_C._call_op("full", ([], number, dtype)), False, size)
