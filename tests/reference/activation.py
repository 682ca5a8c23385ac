"""NumPy references of the activation functions and of their fused gradients."""

from __future__ import annotations

import numpy as np

from reference.pointwise import erf, sigmoid

Array = np.ndarray


def relu(self: Array) -> Array:
    return np.where(self <= 0, 0, self).astype(self.dtype)


def threshold(self: Array, threshold: float, value: float) -> Array:
    return np.where(self <= threshold, value, self).astype(self.dtype)


def threshold_backward(grad_output: Array, self: Array, threshold: float) -> Array:
    return np.where(self <= threshold, 0, grad_output)


def hardtanh(self: Array, min_val: float = -1, max_val: float = 1) -> Array:
    return np.clip(self, min_val, max_val)


def relu6(self: Array) -> Array:
    return hardtanh(self, 0, 6)


def leaky_relu(self: Array, negative_slope: float = 0.01) -> Array:
    return np.where(self > 0, self, self * negative_slope)


def leaky_relu_backward(grad_output: Array, self: Array, negative_slope: float) -> Array:
    return np.where(self > 0, grad_output, grad_output * negative_slope)


def elu(self: Array, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Array:
    return np.where(self > 0, scale * self, scale * alpha * np.expm1(np.minimum(self, 0) * input_scale))


def elu_backward(grad_output: Array, self: Array, alpha: float, scale: float, input_scale: float) -> Array:
    low = scale * alpha * input_scale * np.exp(np.minimum(self, 0) * input_scale)
    return grad_output * np.where(self > 0, scale, low)


def selu(self: Array) -> Array:
    return elu(self, 1.6732632423543772, 1.0507009873554805, 1)


def celu(self: Array, alpha: float = 1.0) -> Array:
    return elu(self, alpha, 1, 1 / alpha)


def _inner(self: Array) -> Array:
    return np.sqrt(2 / np.pi) * (self + 0.044715 * self**3)


def _inner_slope(self: Array) -> Array:
    return np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * self**2)


def gelu(self: Array, *, approximate: str = "none") -> Array:
    if approximate == "tanh":
        return 0.5 * self * (1 + np.tanh(_inner(self)))
    return 0.5 * self * (1 + erf(self / np.sqrt(2)))


def gelu_backward(grad_output: Array, self: Array, *, approximate: str = "none") -> Array:
    if approximate == "tanh":
        t = np.tanh(_inner(self))
        return grad_output * (0.5 * (1 + t) + 0.5 * self * (1 - t * t) * _inner_slope(self))
    density = np.exp(-0.5 * self * self) / np.sqrt(2 * np.pi)
    return grad_output * (0.5 * (1 + erf(self / np.sqrt(2))) + self * density)


def gelu_curvature(self: Array, *, approximate: str = "none") -> Array:
    if approximate == "tanh":
        t, u1 = np.tanh(_inner(self)), _inner_slope(self)
        u2 = np.sqrt(2 / np.pi) * 6 * 0.044715 * self
        return (1 - t * t) * (u1 + 0.5 * self * (u2 - 2 * t * u1 * u1))
    return (2 - self * self) * np.exp(-0.5 * self * self) / np.sqrt(2 * np.pi)


def silu(self: Array) -> Array:
    return self * sigmoid(self)


def silu_backward(grad_output: Array, self: Array) -> Array:
    s = sigmoid(self)
    return grad_output * np.conj(s * (1 + self * (1 - s)))


def mish(self: Array) -> Array:
    return self * np.tanh(np.logaddexp(0, self))


def softplus(self: Array, beta: float = 1, threshold: float = 20) -> Array:
    return np.where(self * beta > threshold, self, np.logaddexp(0, self * beta) / beta)


def softplus_backward(grad_output: Array, self: Array, beta: float, threshold: float) -> Array:
    return np.where(self * beta > threshold, grad_output, grad_output * sigmoid(self * beta))


def log_sigmoid(self: Array) -> Array:
    return -np.logaddexp(0, -self)


def hardsigmoid(self: Array) -> Array:
    return np.clip(self + 3, 0, 6) / 6


def hardswish(self: Array) -> Array:
    return self * hardsigmoid(self)


def softsign(self: Array) -> Array:
    return self / (1 + np.abs(self))


def tanhshrink(self: Array) -> Array:
    return self - np.tanh(self)


def softshrink(self: Array, lambd: float = 0.5) -> Array:
    return np.sign(self) * np.maximum(np.abs(self) - lambd, 0)


def hardshrink(self: Array, lambd: float = 0.5) -> Array:
    return np.where(np.abs(self) > lambd, self, 0)


def prelu(self: Array, weight: Array) -> Array:
    shape = [] if weight.size == 1 else [weight.size] + [1] * (self.ndim - 2)
    return np.where(self > 0, self, weight.reshape(shape) * self)


def glu_half(self: Array, dim: int) -> int:
    return self.shape[dim] // 2


def glu(self: Array, dim: int = -1) -> Array:
    first, second = np.split(self, 2, axis=dim)
    return first * sigmoid(second)
