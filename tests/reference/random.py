"""NumPy references of optable/random.py, for the checks of rules only: the right shape and dtype, and numbers
of the right kind that are always the same. As the operations' gradients are zero, more is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Ints = Sequence[int]
Arr = np.ndarray


def _stream() -> np.random.Generator:
    return np.random.default_rng(5)


def rand(size: Ints, generator: Any = None, dtype: str | None = None) -> Arr:
    return np.asarray(_stream().random(tuple(size)), dtype or "float32")


def randint_low(low: int, high: int, size: Ints, generator: Any = None, dtype: str | None = None) -> Arr:
    return np.asarray(_stream().integers(low, high, tuple(size)), dtype or "int64")


def randint(high: int, size: Ints, generator: Any = None, dtype: str | None = None) -> Arr:
    return randint_low(0, high, size, dtype=dtype)


def randperm(n: int, generator: Any = None, dtype: str | None = None) -> Arr:
    return _stream().permutation(n).astype(dtype or "int64")


def rand_like(self: Arr, generator: Any = None, dtype: str | None = None) -> Arr:
    return np.asarray(_stream().random(self.shape), dtype or self.dtype)


def randint_like_low(self: Arr, low: int, high: int, generator: Any = None, dtype: str | None = None) -> Arr:
    return randint_low(low, high, self.shape, dtype=dtype or str(self.dtype))


def randint_like(self: Arr, high: int, generator: Any = None, dtype: str | None = None) -> Arr:
    return randint_like_low(self, 0, high, dtype=dtype)


def normal_float_float(mean: float, std: float, size: Ints, generator: Any = None, dtype: str | None = None) -> Arr:
    return np.asarray(_stream().normal(mean, std, tuple(size)), dtype or "float32")


# From here on the numbers depend on no tensor: a drawn number has no derivative.


def _shaped(size: Ints, dtype: Any) -> Arr:
    return np.asarray(_stream().integers(0, 2, tuple(size)), dtype)


def normal_fill(self: Arr, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Arr:
    return np.asarray(_stream().normal(mean, std, self.shape), self.dtype)


def normal_Tensor_float(mean: Arr, std: float = 1.0, generator: Any = None) -> Arr:
    return normal_fill(mean, 0.0, std)


def normal_float_Tensor(mean: float, std: Arr, generator: Any = None) -> Arr:
    return normal_fill(std, mean)


def normal_Tensor_Tensor(mean: Arr, std: Arr, generator: Any = None) -> Arr:
    return _shaped(np.broadcast_shapes(mean.shape, std.shape), mean.dtype)


def bernoulli(self: Arr, generator: Any = None) -> Arr:
    return _shaped(self.shape, self.dtype)


poisson = random = bernoulli


def bernoulli_p(self: Arr, p: float, generator: Any = None) -> Arr:
    return _shaped(self.shape, self.dtype)


def bernoulli_Tensor(self: Arr, p: Arr, generator: Any = None) -> Arr:
    return _shaped(self.shape, self.dtype)


def bernoulli_float(self: Arr, p: float = 0.5, generator: Any = None) -> Arr:
    return _shaped(self.shape, self.dtype)


def multinomial(self: Arr, num_samples: int, replacement: bool = False, generator: Any = None) -> Arr:
    rows = [
        _stream().choice(self.shape[-1], num_samples, replacement, row / row.sum())
        for row in self.reshape(-1, self.shape[-1])
    ]
    return np.reshape(rows, (*self.shape[:-1], num_samples)).astype("int64")


def uniform(self: Arr, from_: float = 0.0, to: float = 1.0, generator: Any = None) -> Arr:
    return np.asarray(_stream().uniform(from_, to, self.shape), self.dtype)


def random_from(self: Arr, from_: int, to: int | None, generator: Any = None) -> Arr:
    return np.asarray(_stream().integers(from_, 2**24 if to is None else to, self.shape), self.dtype)


def random_to(self: Arr, to: int, generator: Any = None) -> Arr:
    return random_from(self, 0, to)


def exponential(self: Arr, lambd: float = 1.0, generator: Any = None) -> Arr:
    return np.asarray(_stream().exponential(1 / lambd, self.shape), self.dtype)


def cauchy(self: Arr, median: float = 0.0, sigma: float = 1.0, generator: Any = None) -> Arr:
    return np.asarray(median + sigma * _stream().standard_cauchy(self.shape), self.dtype)


def log_normal(self: Arr, mean: float = 1.0, std: float = 2.0, generator: Any = None) -> Arr:
    return np.asarray(_stream().lognormal(mean, std, self.shape), self.dtype)


def geometric(self: Arr, p: float, generator: Any = None) -> Arr:
    return np.asarray(_stream().geometric(p, self.shape), self.dtype)
