"""One rule for all operations that compute element by element, with broadcasting: pointwise, activation. Layer: torchy.

The operands only have to line up behind the batch, and to promote as they would without it.
"""

from __future__ import annotations

from torchy import _C

from ._dims import dim_of
from ._registry import Call, Tensor, rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROMOTING = """
    add add_alpha sub sub_alpha mul div div_mode floor_divide remainder fmod pow pow_slope addcmul addcdiv
    eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_left_shift
    bitwise_right_shift maximum minimum fmax fmin clamp_Tensor clamp_mask_Tensor clamp_min clamp_max where
    atan2 hypot copysign xlogy logaddexp logaddexp2 tanh_backward sigmoid_backward
    threshold_backward leaky_relu_backward elu_backward gelu_backward silu_backward softplus_backward
""".split()
ONE_TENSOR = """
    neg reciprocal isnan isinf isfinite signbit logical_not bitwise_not clamp clamp_mask nan_to_num abs sign sgn angle
    conj_physical floor ceil trunc round round_decimals frac sqrt rsqrt exp exp2 expm1 log log2 log10 log1p
    sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sinc sigmoid logit logit_mask erf erfc erfinv
    lgamma digamma polygamma relu threshold hardtanh leaky_relu elu celu gelu silu mish softplus log_sigmoid
    hardsigmoid hardswish softshrink hardshrink
""".split()
# They refuse tensors of different dtypes, which a cast would hide; float_power computes in float64 whatever they are.
NOT_PROMOTING = ["lerp", "isclose", "heaviside", "float_power"]


@rule(*ONE_TENSOR)
def one_tensor(call: Call) -> Any:
    """The batch is one more dim."""
    return call.run(*call.args)


@rule(*NOT_PROMOTING)
def not_promoting(call: Call) -> Any:
    """The operation on operands of any shapes that broadcast."""
    return call.run(*lined_up(call))


@rule(*PROMOTING)
def promoting(call: Call) -> Any:
    """The same where the operands' dtypes decide the dtype it computes in."""
    args = lined_up(call)
    if len({a.dtype for a in args if isinstance(a, Tensor)}) > 1:
        as_examples_promote(call, args)
    return call.run(*args)


def lined_up(call: Call) -> list[Any]:
    """The arguments, with dims of size 1 between batch and example so that all examples have the same ndim."""
    args = list(call.args)
    ndims = [a.ndim - b if isinstance(a, Tensor) else -1 for a, b in zip(args, call.batched)]
    top = max(ndims)
    for i, n in enumerate(ndims):
        if 0 <= n < top and call.batched[i]:
            t = args[i]
            args[i] = t.reshape(t.shape[0], *[1] * (top - n), *t.shape[1:])
    return args


def as_examples_promote(call: Call, args: list[Any]) -> None:
    """Casts the operands among `args` to the dtype that the examples promote to, if the batch might change it."""
    # The condition of where takes no part.
    operands = [i for i, a in enumerate(args) if isinstance(a, Tensor) and not (call.name == "where" and i == 0)]
    if not any(call.batched[i] and call.ndim(i) == 0 for i in operands):
        return
    if call.name in ("sub", "sub_alpha") and any(args[i].dtype == _C.bool for i in operands):
        return  # they refuse bool; a cast would hide it
    dtype = common_dtype(call, operands)
    for i in operands:
        args[i] = args[i].to(dtype)


def common_dtype(call: Call, operands: list[int]) -> _C.dtype:
    """The dtype that the examples promote to. A 0-d example has a dim in the batch and would count for more.

    As torch.result_type: 0-d tensors change the dtype of others only where theirs is of a higher kind.
    """
    dimmed = [call.args[i].dtype for i in operands if call.ndim(i) > 0]
    # An unbatched one is asked itself: a Python number made a tensor counts for even less.
    scalars = [_C.empty((), dtype=call.args[i].dtype) if call.batched[i] else call.args[i]
               for i in operands if call.ndim(i) == 0]  # fmt: skip
    if dimmed:
        high = dimmed[0]
        for d in dimmed[1:]:
            high = _C.promote_types(high, d)
        if not scalars:
            return high
    low = scalars[0]
    for t in scalars[1:]:
        low = _C.empty((), dtype=_C.result_type(low, t))
    return _C.result_type(_C.empty((0,), dtype=high), low) if dimmed else low.dtype


@rule("masked_fill")
def masked_fill(call: Call) -> Any:
    """A batch of values to fill with is one per example, which the operation itself does not take."""
    if not call.batched[2]:
        return not_promoting(call)
    if call.ndim(2):
        raise RuntimeError(f"masked_fill: value has {call.ndim(2)} dimensions; it must be a number or a 0-d tensor")
    self, mask, value = lined_up(call)
    if value.is_complex() and not self.is_complex():
        raise RuntimeError(f"masked_fill: value cannot be converted to type {self.dtype} without overflow")
    return _C.where(mask, value.to(self.dtype), self)


@rule("glu_half")
def glu_half(call: Call) -> int:
    """A size of the examples, the same for all."""
    half: int = call.run(call.args[0], dim_of(call.args[1], call.ndim(0)))
    return half
