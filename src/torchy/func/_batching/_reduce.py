"""Rules of reductions, of some dims or of all, and of softmax. Layer: torchy.

Dims move behind the batch; all dims are all but the batch.
"""

from __future__ import annotations

from torchy import _C

from ._dims import along, dims_of, each, flattened, lifted, over_dim
from ._registry import Call, rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Where dim and keepdim are among the arguments.
OVER_DIMS = {
    "sum_dim": (1, 2), "mean_dim": (1, 2), "nansum": (1, 2), "count_nonzero": (1, None), "any_dims": (1, 2),
    "all_dims": (1, 2), "amax": (1, 2), "amin": (1, 2), "logsumexp": (1, 2), "linalg_vector_norm": (2, 3),
    "var_correction": (1, 3), "std_correction": (1, 3), "var_mean_correction": (1, 3), "std_mean_correction": (1, 3),
}  # fmt: skip
OVER_DIM = {"prod_dim": (1, 2), "any_dim": (1, 2), "all_dim": (1, 2), "max_dim": (1, 2), "min_dim": (1, 2)}
OVER_DIM_OR_ALL = ("argmax", "argmin", "aminmax")
# Of all elements: what computes it over one dim.
OVER_ALL = {
    "sum": "sum_dim", "mean": "mean_dim", "prod": "prod_dim", "any": "any_dim", "all": "all_dim", "max": "amax",
    "min": "amin",
}  # fmt: skip
WITH_DIM_LIST = ("sum_dim", "mean_dim", "amax", "amin")
ALONG = {
    "softmax": 1, "log_softmax": 1, "softmax_backward_data": 2, "log_softmax_backward_data": 2,
    "prod_others": 1, "prod_others_dual": 2,
}  # fmt: skip


@rule(*OVER_DIMS)
def over_dims(call: Call) -> Any:
    """Over the dims of a list. None, and but for any and all an empty list too, stands for all."""
    at, keep = OVER_DIMS[call.name]
    args, ndim = list(call.args), call.ndim(0)
    dims = args[at]
    if dims is None or not isinstance(dims, int) and not len(dims):
        if dims is not None and call.name in ("any_dims", "all_dims"):
            return call.run(*args)
        if call.name in ("amax", "amin"):
            check_not_empty(call)
        dims = None
    args[at] = dims_of(call.name.removesuffix("_correction").removesuffix("_dims").removesuffix("_dim"), dims, ndim)
    if ndim == 0:
        args[0] = lifted(args[0])
        if keep is not None:  # keepdim of a 0-d tensor keeps nothing
            args[keep] = False
    return call.run(*args)


@rule(*OVER_DIM)
def over_one_dim(call: Call) -> Any:
    """Over one dim."""
    return over_dim(call, *OVER_DIM[call.name])


@rule(*OVER_DIM_OR_ALL)
def over_dim_or_all(call: Call) -> Any:
    """Over one dim, or without one over all, where a position counts in the flattened example."""
    self, dim, keepdim = call.args
    if dim is not None:
        return over_dim(call, 1, 2)
    check_not_empty(call)
    result = call.run(flattened(self), 1, False)
    return each(result, lambda t: t.reshape(t.shape[0], *[1] * call.ndim(0))) if keepdim else result


@rule(*OVER_ALL)
def over_all(call: Call) -> Any:
    """Over all elements of an example, made one dim."""
    name = OVER_ALL[call.name]
    if name in ("amax", "amin"):
        check_not_empty(call)
    dim = [1] if name in WITH_DIM_LIST else 1
    return _C._call_op(name, (flattened(call.args[0]), dim, False, *call.args[1:]))


def check_not_empty(call: Call) -> None:
    """Examples without elements have no extreme; over a dim the operation would name the dim, with another error."""
    if call.size and not call.args[0].numel():
        call.run(call.args[0].select(0, 0), *call.args[1:])


@rule("sum_to_size")
def sum_to_size(call: Call) -> Any:
    """To (B, *size); dims that an example has too many go through a size of 1."""
    self, size = call.args[0], [call.args[1]] if isinstance(call.args[1], int) else list(call.args[1])
    missing = call.ndim(0) - len(size)
    out = call.run(self, [call.size, *[1] * missing, *size])
    return out.reshape(call.size, *size) if missing > 0 else out


@rule("rows_without_each", "rows_of_prefixes")
def rows(call: Call) -> Any:
    """On the last dim, which a 0-d example has not."""
    if call.ndim(0) == 0:
        raise RuntimeError(f"{call.name}: got a 0-d tensor; it needs at least one dim")
    return call.run(*call.args)


@rule(*ALONG)
def along_dim(call: Call) -> Any:
    """Along a dim that the result keeps."""
    return along(call, ALONG[call.name])
