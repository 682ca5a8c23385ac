"""NumPy references of the pointwise operations: PyTorch's arguments, NumPy arrays and numbers in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Operand = Any  # an array or a Python number


def _each(function: Callable[[float], float], x: Any, *more: Any) -> Array:
    """A scalar function over the elements, in double."""
    out = np.vectorize(lambda *v: function(*map(float, v)), otypes=[np.float64])(x, *more)
    kind = np.asarray(x).dtype
    return np.asarray(out).astype(kind if kind.kind == "f" else np.float64)


def identity(self: Array) -> Array:
    return self


# ---- arithmetic


def add_alpha(self: Operand, other: Operand, *, alpha: Any) -> Array:
    return np.asarray(self + alpha * other)


def sub_alpha(self: Operand, other: Operand, *, alpha: Any) -> Array:
    return np.asarray(self - alpha * other)


def rsub(self: Array, other: Operand, *, alpha: Any = 1) -> Array:
    return np.asarray(other - alpha * self)


def div_mode(self: Operand, other: Operand, *, rounding_mode: str | None) -> Array:
    if rounding_mode == "floor":
        return floor_divide(self, other)
    quotient = np.true_divide(self, other)
    if rounding_mode is None:
        return np.asarray(quotient)
    return np.asarray(np.trunc(quotient)).astype(np.result_type(self, other))


def floor_divide(self: Operand, other: Operand) -> Array:
    return np.asarray(np.floor_divide(self, other))


def pow_slope(self: Operand, exponent: Operand) -> Array:
    """exponent * self ** (exponent - 1), 0 where exponent is 0."""
    base = np.asarray(self)
    if base.dtype.kind in "iu" and np.asarray(exponent).dtype.kind in "iu":
        base = base.astype(np.float64)
    slope = exponent * np.power(base, np.asarray(exponent) - 1)
    return np.where(np.equal(exponent, 0), np.zeros_like(slope), slope)


def lerp(self: Array, end: Array, weight: Operand) -> Array:
    return np.asarray(self + weight * (end - self))


def addcmul(self: Array, tensor1: Array, tensor2: Array, *, value: Any = 1) -> Array:
    return np.asarray(self + value * tensor1 * tensor2)


def addcdiv(self: Array, tensor1: Array, tensor2: Array, *, value: Any = 1) -> Array:
    return np.asarray(self + value * tensor1 / tensor2)


# ---- functions of one number


def sign(self: Array) -> Array:
    return np.nan_to_num(np.sign(self)) if self.dtype.kind == "f" else np.sign(self)


def sgn(self: Array) -> Array:
    size = np.abs(self)
    if self.dtype.kind != "c":
        return sign(self)
    return np.where(size == 0, 0, self / np.where(size == 0, 1, size))


def angle(self: Array) -> Array:
    return np.angle(self) if self.dtype.kind == "c" else np.where(np.isnan(self), self, np.where(self < 0, np.pi, 0.0))


def round_decimals(self: Array, *, decimals: int) -> Array:
    power = 10.0 ** abs(decimals)
    return np.rint(self * power) / power if decimals >= 0 else np.rint(self / power) * power


def frac(self: Array) -> Array:
    return self - np.trunc(self)


def rsqrt(self: Array) -> Array:
    return 1 / np.sqrt(self)


def exp2(self: Array) -> Array:
    return np.exp(self * math.log(2)) if self.dtype.kind == "c" else np.exp2(self)


def log2(self: Array) -> Array:
    return np.log(self) / math.log(2) if self.dtype.kind == "c" else np.log2(self)


def tanh_backward(grad_output: Array, output: Array) -> Array:
    return grad_output * np.conj(1 - output * output)


def sinc(self: Array) -> Array:
    z = np.pi * np.where(self == 0, 1, self)
    return np.where(self == 0, 1, np.sin(z) / z)


def sigmoid(self: Array) -> Array:
    return 1 / (1 + np.exp(-self))


def sigmoid_backward(grad_output: Array, output: Array) -> Array:
    return grad_output * np.conj((1 - output) * output)


def logit(self: Array, eps: Any = None) -> Array:
    x = self if eps is None else np.clip(self, eps, 1 - eps)
    return np.log(x / (1 - x))


def logit_mask(self: Array, eps: Any = None) -> Array:
    low = 0.0 if eps is None else eps
    return (self >= low) & (self <= 1 - low)


def erf(self: Array) -> Array:
    return _each(math.erf, self)


def erfc(self: Array) -> Array:
    return _each(math.erfc, self)


def _erfinv(x: float) -> float:
    """Bisection: slow and sure."""
    if abs(x) >= 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    low, high = -6.0, 6.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < x else (low, middle)
    y = (low + high) / 2
    for _ in range(2):  # bisection stops at the spacing of erf's values
        y -= (math.erf(y) - x) / (2 / math.sqrt(math.pi) * math.exp(-y * y))
    return y


def erfinv(self: Array) -> Array:
    return _each(_erfinv, self)


def lgamma(self: Array) -> Array:
    return _each(lambda x: math.inf if math.isinf(x) or (x <= 0 and x == math.floor(x)) else math.lgamma(x), self)


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _digamma(x: float) -> float:
    if x == 0:
        return math.copysign(math.inf, -x)
    if x < 0:
        if x == math.floor(x):
            return math.nan
        return _digamma(1 - x) - math.pi / math.tan(math.pi * (x - math.floor(x)))
    shift = 0.0
    while x < 12:
        shift -= 1 / x
        x += 1
    series = sum(b / ((2 * k + 2) * x ** (2 * k + 2)) for k, b in enumerate(_BERNOULLI))
    return shift + math.log(x) - 0.5 / x - series


def digamma(self: Array) -> Array:
    return _each(_digamma, self)


def _polygamma(n: int, x: float) -> float:
    """The series sum of 1 / (x + k)^(n+1), with Euler and Maclaurin's tail."""
    s, total = n + 1, 0.0
    for _ in range(20):
        total += x**-s
        x += 1
    total += x ** (1 - s) / (s - 1) + 0.5 * x**-s
    factor, power = float(s), x ** (-s - 1)
    for k, b in enumerate(_BERNOULLI):
        total += b / math.factorial(2 * k + 2) * factor * power
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2)
        power /= x * x
    return (1 if n % 2 else -1) * math.factorial(n) * total


def polygamma(n: int, self: Array) -> Array:
    return digamma(self) if n == 0 else _each(lambda x: _polygamma(n, x), self)


# ---- choices and functions of two numbers


def clamp(self: Array, min: Operand = None, max: Operand = None) -> Array:
    low = self if min is None else np.maximum(self, min)
    return np.asarray(low if max is None else np.minimum(low, max))


def clamp_mask(self: Array, min: Operand = None, max: Operand = None) -> Array:
    inside = np.ones(self.shape, bool)
    if min is not None:
        inside = inside & (self >= min)
    return inside if max is None else inside & (self <= max)


def masked_fill(self: Array, mask: Array, value: Operand) -> Array:
    return np.where(mask, np.asarray(value).astype(self.dtype), self)


def nan_to_num(
    self: Array, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Array:
    return np.nan_to_num(self, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def xlogy(self: Operand, other: Operand) -> Array:
    x, y = np.asarray(self), np.asarray(other)
    with np.errstate(all="ignore"):
        product = x * np.log(y)
    return np.where((x == 0) & ~np.isnan(y), np.zeros_like(product), product)


def logaddexp(self: Array, other: Array) -> Array:
    if np.result_type(self, other).kind == "c":
        return np.log(np.exp(self) + np.exp(other))
    return np.logaddexp(self, other)


def logaddexp2(self: Array, other: Array) -> Array:
    return np.logaddexp2(self, other)
