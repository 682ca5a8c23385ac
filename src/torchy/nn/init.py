# Ways to fill a tensor before training, with PyTorch's formulas and the same order of random
# draws. All work in place, without recording, and return the tensor.
from __future__ import annotations

import math
import warnings

import torchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from torchy import Tensor

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_",
    "normal_", "ones_", "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_",
    "xavier_uniform_", "zeros_",
]  # fmt: skip

_LINEAR = frozenset(["linear", "conv1d", "conv2d", "conv3d", "sigmoid"] + [f"conv_transpose{n}d" for n in (1, 2, 3)])


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity wants its weights scaled; ``param`` is the negative
    slope of leaky_relu (0.01 by default)."""
    if nonlinearity in _LINEAR:
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "selu":
        return 3.0 / 4
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"calculate_gain: negative slope {slope!r} is not a number")
        return math.sqrt(2.0 / (1 + slope**2))
    raise ValueError(f"calculate_gain: Unsupported nonlinearity {nonlinearity}")


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform in [a, b)."""
    with torchy.no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with the given mean and standard deviation."""
    with torchy.no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """One value everywhere."""
    with torchy.no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """1 everywhere."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """0 everywhere."""
    with torchy.no_grad():
        return tensor.zero_()


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, cut or padded to the tensor's shape."""
    if tensor.dim() != 2:
        raise ValueError(f"eye_: the tensor has {tensor.dim()} dimensions; it must have 2")
    with torchy.no_grad():
        tensor.zero_()
        tensor.diagonal().fill_(1)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Convolution weights that pass as many input channels through as they can."""
    ndim = tensor.dim()
    if ndim not in (3, 4, 5):
        raise ValueError(f"dirac_: the tensor has {ndim} dimensions; it must have 3, 4 or 5")
    if tensor.size(0) % groups:
        raise ValueError(f"dirac_: {tensor.size(0)} output channels do not split into {groups}")
    per_group = tensor.size(0) // groups
    centre = tuple(size // 2 for size in tensor.shape[2:])
    with torchy.no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.size(1))):
                place = (group * per_group + channel, channel, *centre)
                tensor[place] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.dim() < 2:
        raise ValueError(f"init: fan in and fan out need at least 2 dimensions, the tensor has {tensor.dim()}")
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.size(1) * receptive_field, tensor.size(0) * receptive_field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"init: mode {mode} is not known; use fan_in or fan_out")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode == "fan_in" else fan_out


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Uniform with variance gain^2 * 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / float(fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Normal with variance gain^2 * 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Uniform with variance gain^2 / fan (He et al., 2015); ``a`` is leaky_relu's slope."""
    if 0 in tensor.shape:
        warnings.warn("kaiming_uniform_: the tensor has no elements", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Tensor:
    """Normal with variance gain^2 / fan (He et al., 2015); ``a`` is leaky_relu's slope."""
    if 0 in tensor.shape:
        warnings.warn("kaiming_normal_: the tensor has no elements", stacklevel=2)
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Tensor:
    """Normal, with values outside [a, b] drawn again."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            f"trunc_normal_: the mean {mean} is more than 2 standard deviations from "
            f"[{a}, {b}]; the distribution may be off",
            stacklevel=2,
        )
    inside = _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std)
    with torchy.no_grad():
        if inside > 0.3:
            _redraw_normal(tensor, mean, std, a, b, generator)
        else:
            _reject_uniform(tensor, mean, std, a, b, generator)
    return tensor


def _redraw_normal(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any) -> None:
    """Draw from the whole normal until every element falls inside."""
    # The limits are rounded to the tensor's dtype, so that they compare as its values do.
    low, high = tensor.new_tensor(a).item(), tensor.new_tensor(b).item()
    tensor.normal_(mean, std, generator=generator)
    outside = (tensor < low) | (tensor > high)
    while bool(outside.any()):
        again = torchy.empty_like(tensor).normal_(mean, std, generator=generator)
        tensor.copy_(torchy.where(outside, again, tensor))
        outside = (tensor < low) | (tensor > high)


def _reject_uniform(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Any) -> None:
    """Rejection sampling from a uniform proposal, for limits that hold little of the normal."""
    mode = max(a, min(mean, b))
    log_peak = -0.5 * ((mode - mean) / std) ** 2
    pending = None
    while pending is None or bool(pending.any()):
        draw = torchy.empty_like(tensor).uniform_(a, b, generator=generator)
        tensor.copy_(draw if pending is None else torchy.where(pending, draw, tensor))
        log_density = draw.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(log_peak)
        log_u = torchy.empty_like(tensor).uniform_(generator=generator).log_()
        rejected = log_u > log_density
        pending = rejected if pending is None else pending & rejected


def _orthonormal_columns(matrix: Tensor) -> Tensor:
    """Q of the QR factors whose R has a positive diagonal (uniform over orthogonal matrices if
    ``matrix`` is normal). Gram-Schmidt, twice for each column: orthogonal to rounding
    (Giraud, Langou and Rozloznik, 2005)."""
    q = torchy.zeros_like(matrix)
    for j in range(matrix.size(1)):
        column, done = matrix[:, j], q[:, :j]
        for _ in range(2):
            column = column - done @ (done.t() @ column)
        q[:, j] = column / column.norm()
    return q


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """A (semi-)orthogonal matrix from the QR factors of a normal one (Saxe et al., 2013)."""
    if tensor.dim() < 2:
        raise ValueError(f"orthogonal_: the tensor has {tensor.dim()} dimensions; it needs at least 2")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.size(0)
    columns = tensor.numel() // rows
    with torchy.no_grad():
        flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
        q = _orthonormal_columns(flat.t() if rows < columns else flat)
        tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape))
        return tensor.mul_(gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Normal, with a fraction ``sparsity`` of each column set to zero (Martens, 2010)."""
    if tensor.dim() != 2:
        raise ValueError(f"sparse_: the tensor has {tensor.dim()} dimensions; it must have 2")
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with torchy.no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            chosen = torchy.randperm(rows)[:zeros]
            tensor[chosen, column] = 0
    return tensor
