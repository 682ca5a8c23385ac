# Activation functions of nn.functional. The common ones are operations of the core; the others
# are compositions. Re-exported by functional.py.
from __future__ import annotations

import warnings

import torchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torchy import Tensor

tanh = torchy.tanh
sigmoid = torchy.sigmoid
gelu = torchy.gelu

_relu = torchy.relu
_silu = torchy.silu
_elu = torchy.elu
_leaky_relu = torchy.leaky_relu
_softplus = torchy.softplus


def _overwrite(input: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """``input`` overwritten by ``function(input)``. The graph keeps a copy of the old values."""
    return input.copy_(function(input.clone()))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return input.relu_() if inplace else _relu(input)


def relu_(input: Tensor) -> Tensor:
    """relu in place."""
    return input.relu_()


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x)."""
    return _overwrite(input, _silu) if inplace else _silu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, negative_slope * x elsewhere."""
    if inplace:
        return _overwrite(input, lambda x: _leaky_relu(x, negative_slope))
    return _leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""
    if inplace:
        return _overwrite(input, lambda x: _elu(x, alpha))
    return _elu(input, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Scaled elu whose outputs keep zero mean and unit variance (Klambauer et al., 2017)."""
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    if inplace:
        return _overwrite(input, selu)
    return _elu(input, alpha) * scale


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    if alpha == 0:
        raise RuntimeError("celu: alpha is 0; it must not be zero")
    if inplace:
        return _overwrite(input, lambda x: celu(x, alpha))
    return _elu(input / alpha, 1.0) * alpha


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold."""
    return _softplus(input, beta, threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(x)), without overflow."""
    return -_softplus(-input, 1.0, 40.0)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * tanh(softplus(x))."""
    if inplace:
        return _overwrite(input, mish)
    return input * tanh(_softplus(input, 1.0, 20.0))


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]; the gradient is 0 at the limits too."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} is greater than max_val {max_val}")
    if inplace:
        return _overwrite(input, lambda x: hardtanh(x, min_val, max_val))
    inside = (input > min_val) & (input < max_val)
    return torchy.where(inside, input, input.detach().clamp(min_val, max_val))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(x + 3) / 6 limited to [0, 1]."""
    if inplace:
        return _overwrite(input, hardsigmoid)
    inside = (input > -3.0) & (input < 3.0)
    return torchy.where(inside, input + 3.0, (input.detach() + 3.0).clamp(0.0, 6.0)) / 6.0


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x * hardsigmoid(x)."""
    if inplace:
        return _overwrite(input, hardswish)
    return input * hardsigmoid(input)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, ``value`` elsewhere."""
    if inplace:
        return input.masked_fill_(input.detach() <= threshold, value)
    return input.masked_fill(input <= threshold, value)


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - tanh(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and 0 within lambd of it."""
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambd is {lambd}; it must be at least 0")
    shifted = input - input.detach().sign() * lambd
    return shifted.masked_fill(input.abs() <= lambd, 0.0)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, 0 elsewhere."""
    return input.masked_fill(input.abs() <= lambd, 0.0)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """First half of ``dim`` times the sigmoid of the second half."""
    if input.dim() == 0:
        raise RuntimeError("glu: the input is 0-d; it needs at least one dimension")
    if input.size(dim) % 2:
        raise RuntimeError(f"glu: dimension {dim} has odd size {input.size(dim)}; use an even one")
    first, second = input.chunk(2, dim)
    return first * sigmoid(second)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """leaky_relu whose slope is a parameter: one for all, or one per channel (dimension 1)."""
    if weight.numel() != 1:
        channels = input.size(1) if input.dim() >= 2 else 1
        if weight.dim() != 1 or weight.numel() != channels:
            raise RuntimeError(
                f"prelu: weight has shape {tuple(weight.shape)} for {channels} channels; "
                "give one slope or one per channel"
            )
        weight = weight.view([1, -1] + [1] * (input.dim() - 2))
    return torchy.where(input > 0, input, weight * input)


def _softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"{name}: the dimension was chosen by an old rule (0 for 0, 1 or 3 dimensions, else 1); pass dim=",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``."""
    if dim is None:
        dim = _softmax_dim("softmax", input.dim(), _stacklevel)
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax of -x."""
    if dim is None:
        dim = _softmax_dim("softmin", input.dim(), _stacklevel)
    return softmax(-input, dim, dtype=dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(x)), computed in one go."""
    if dim is None:
        dim = _softmax_dim("log_softmax", input.dim(), _stacklevel)
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of the Gumbel-softmax distribution; ``hard`` makes it one-hot, with the gradient
    of the soft sample."""
    gumbels = -torchy.empty_like(logits).exponential_().log()
    soft = ((logits + gumbels) / tau).softmax(dim)
    if not hard:
        return soft
    index = soft.max(dim, keepdim=True)[1]
    one = torchy.zeros_like(logits).scatter_(dim, index, 1.0)
    return one - soft.detach() + soft
