# Functions of nn.functional that are neither activations nor losses: products, dropout, one_hot,
# normalize and distances. Re-exported by functional.py.
from __future__ import annotations

import torchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from torchy import Tensor

linear = torchy.linear


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``y[..., k] = x1 @ weight[k] @ x2 + bias[k]``."""
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            f"bilinear: inputs of shape {tuple(input1.shape)} and {tuple(input2.shape)} differ "
            "before the last dimension"
        )
    out_features, in1, in2 = weight.shape
    x1 = input1.reshape(-1, in1)
    x2 = input2.reshape(-1, in2)
    # (N, in1) @ (in1, out * in2), then a weighted sum over in2
    left = (x1 @ weight.permute(1, 0, 2).reshape(in1, out_features * in2)).view(-1, out_features, in2)
    result = (left * x2.unsqueeze(1)).sum(-1)
    if bias is not None:
        result = result + bias
    return result.reshape([*input1.shape[:-1], out_features])


def _checked_p(name: str, p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: p is {p}; it must be between 0 and 1")


def _masked(input: Tensor, shape: Any, p: float, training: bool, inplace: bool) -> Tensor:
    if not training or p == 0.0 or input.numel() == 0:
        return input
    if p == 1.0:
        noise = torchy.zeros(shape, dtype=input.dtype, device=input.device)
    else:
        noise = torchy.bernoulli(torchy.empty(shape, dtype=input.dtype, device=input.device), 1 - p).div_(1 - p)
    return input.mul_(noise) if inplace else input * noise


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zero each element with probability p and scale the rest by 1 / (1 - p)."""
    _checked_p("dropout", p)
    return _masked(input, input.shape, p, training, inplace)


def _channel_dropout(name: str, input: Tensor, spatial: int, p: float, training: bool, inplace: bool) -> Tensor:
    _checked_p(name, p)
    ndim = input.dim()
    if ndim not in (spatial + 1, spatial + 2):
        raise RuntimeError(f"{name}: the input has {ndim} dimensions; it must have {spatial + 1} or {spatial + 2}")
    shape = [*input.shape[: ndim - spatial], *([1] * spatial)]
    return _masked(input, shape, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, L) or (C, L)."""
    return _channel_dropout("dropout1d", input, 1, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, H, W) or (C, H, W)."""
    return _channel_dropout("dropout2d", input, 2, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    return _channel_dropout("dropout3d", input, 3, p, training, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout to the negative saturation of SELU, rescaled to keep mean and variance."""
    _checked_p("alpha_dropout", p)
    if not training or p == 0.0 or input.numel() == 0:
        return input
    if p == 1.0:
        return input.mul_(0) if inplace else input * 0
    alpha = 1.7580993408473766  # scale * alpha of SELU
    a = 1.0 / ((alpha * alpha * p + 1) * (1 - p)) ** 0.5
    noise = torchy.bernoulli(torchy.empty_like(input), 1 - p)
    b = (noise - 1) * (alpha * a) + alpha * a * p
    noise = noise * a
    return input.mul_(noise).add_(b) if inplace else input * noise + b


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Indices to vectors of zeros with a single 1, along a new last dimension."""
    if tensor.dtype is not torchy.int64:
        raise RuntimeError(f"one_hot: the indices are {tensor.dtype}; they must be int64")
    if torchy._C._batch_level(tensor):  # inside vmap no value can be asked for
        return torchy._C._call_op("one_hot", (tensor, num_classes))
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("one_hot: num_classes cannot be told from an empty tensor; give it")
        return torchy.zeros([*tensor.shape, num_classes], dtype=torchy.int64)
    if int(tensor.min()) < 0:
        raise RuntimeError(f"one_hot: index {int(tensor.min())} is negative")
    largest = int(tensor.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError(f"one_hot: num_classes is {num_classes}; it must be at least 1")
    elif largest >= num_classes:
        raise RuntimeError(f"one_hot: index {largest} does not fit {num_classes} classes; raise num_classes")
    result = torchy.zeros([*tensor.shape, num_classes], dtype=torchy.int64, device=tensor.device)
    return result.scatter_(-1, tensor.unsqueeze(-1), 1)


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """x divided by its p-norm along ``dim`` (by eps where the norm is smaller)."""
    norm = input.norm(p, dim, keepdim=True).clamp(min=eps)
    if out is not None:
        return torchy.div(input, norm, out=out)
    return input / norm


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Dot product of x1 and x2 along ``dim``, each divided by its length (at least eps)."""
    x1, x2 = torchy.broadcast_tensors(x1, x2)
    length1 = x1.norm(2, dim, keepdim=True).clamp(min=eps)
    length2 = x2.norm(2, dim, keepdim=True).clamp(min=eps)
    return ((x1 / length1) * (x2 / length2)).sum(dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """p-norm of x1 - x2 + eps along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim=keepdim)
