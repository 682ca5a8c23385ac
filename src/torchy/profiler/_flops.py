"""Multiplications and additions of matrix products, convolutions, mul and add, from the arguments. Layer: torchy."""

from __future__ import annotations

from math import prod
from typing import Any

from ._names import base_name

Shape = tuple[int, ...]


def _matmul(a: Shape, b: Shape) -> int:
    """2 m n k for every pair of matrices; a vector counts as a matrix of one row (left) or column (right)."""
    left = a if len(a) > 1 else (1, *a)
    right = b if len(b) > 1 else (*b, 1)
    batch = 1
    batches = (left[:-2], right[:-2])
    for i in range(1, max(map(len, batches)) + 1):  # broadcast, from the last dimension
        batch *= max(shape[-i] if i <= len(shape) else 1 for shape in batches)
    return 2 * batch * left[-2] * left[-1] * right[-1]


def _conv(input: Shape, weight: Shape, result: Shape | None, transposed: bool) -> int:
    """2 for every element of the kernel at every place it is laid on.

    The weight is (out, in / groups, *kernel) and laid on once for every element of the result; when transposed it is
    (in, out / groups, *kernel) and laid on once for every element of the input.
    """
    places = input if transposed else result
    return 0 if places is None else 2 * prod(places) * prod(weight[1:])


# Where the two factors stand among the arguments.
_FACTORS = {
    "mm": (0, 1), "bmm": (0, 1), "mv": (0, 1), "dot": (0, 1), "vdot": (0, 1), "matmul_nd": (0, 1), "addmm": (1, 2),
    "baddbmm": (1, 2), "addmv": (1, 2), "addbmm": (1, 2),
}  # fmt: skip
_CONV = ("convolution", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
_POINTWISE = ("mul", "add")
COUNTED = frozenset((*_FACTORS, *_CONV, *_POINTWISE, "linear"))


def count(name: str, inputs: Any, result: Shape | None) -> int:
    """Floating point operations of one call, 0 if `name` has no formula or an argument it needs is no tensor.

    inputs: the arguments as _record.describe gives them. result: shape of the first result. mul and add count one
    for every element of their first argument, as PyTorch does.
    """
    name = base_name(name)
    if inputs is None or name not in COUNTED:
        return 0
    shapes: list[Shape | None] = [getattr(value, "shape", None) for value in inputs]
    if name in _POINTWISE:
        return prod(shapes[0]) if shapes[0] is not None else 0
    first, second = _FACTORS.get(name, (0, 1))
    a, b = shapes[first], shapes[second]
    if a is None or b is None:
        return 0
    if name == "linear":
        return 2 * prod(a) * prod(b[:-1])
    if name in _CONV:
        # convolution(input, weight, bias, stride, padding, dilation, transposed, ...)
        return _conv(a, b, result, "transpose" in name or (name == "convolution" and inputs[6] is True))
    return _matmul(a, b)
