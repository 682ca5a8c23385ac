"""NumPy references of optable/create.py: the same arguments, PyTorch's meaning. For tests only.

The default dtype is taken to be float32. `empty` and its relatives give zeros: only the shape and the
dtype can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Ints = Sequence[int]


def _kind(*values: Any, dtype: str | None) -> str:
    """The dtype that numbers imply."""
    if dtype is not None:
        return dtype
    if all(isinstance(v, bool) for v in values):
        return "bool"
    if any(np.iscomplexobj(v) for v in values):
        return "complex64"
    return "int64" if all(isinstance(v, int) for v in values) else "float32"


def empty(size: Ints, dtype: str | None = None) -> np.ndarray:
    return np.zeros(tuple(size), dtype or "float32")


zeros = empty


def ones(size: Ints, dtype: str | None = None) -> np.ndarray:
    return np.ones(tuple(size), dtype or "float32")


def full(size: Ints, fill_value: Any, dtype: str | None = None) -> np.ndarray:
    return np.full(tuple(size), fill_value, _kind(fill_value, dtype=dtype))


def zeros_like(self: np.ndarray, dtype: str | None = None) -> np.ndarray:
    return np.zeros(self.shape, dtype or self.dtype)


empty_like = zeros_like


def ones_like(self: np.ndarray, dtype: str | None = None) -> np.ndarray:
    return np.ones(self.shape, dtype or self.dtype)


def full_like(self: np.ndarray, fill_value: Any, dtype: str | None = None) -> np.ndarray:
    return np.full(self.shape, fill_value, dtype or self.dtype)


def zeros_of(like: np.ndarray, size: Ints, dtype: str | None = None) -> np.ndarray:
    return np.zeros(tuple(size), dtype or like.dtype)


new_empty = zeros_of


def new_ones(self: np.ndarray, size: Ints, dtype: str | None = None) -> np.ndarray:
    return np.ones(tuple(size), dtype or self.dtype)


def new_full(self: np.ndarray, size: Ints, fill_value: Any, dtype: str | None = None) -> np.ndarray:
    return np.full(tuple(size), fill_value, dtype or self.dtype)


def empty_strided(size: Ints, stride: Ints, dtype: str | None = None) -> np.ndarray:
    return empty(size, dtype)


def arange_start(start: Any, end: Any, step: Any = 1, dtype: str | None = None) -> np.ndarray:
    return np.arange(start, end, step).astype(_kind(start, end, step, dtype=dtype))


def arange(end: Any, dtype: str | None = None) -> np.ndarray:
    return arange_start(0, end, 1, dtype)


def _range_dtype(start: Any, end: Any, dtype: str | None) -> str:
    return dtype or ("complex64" if np.iscomplexobj(start + end) else "float32")


def linspace(start: Any, end: Any, steps: int, dtype: str | None = None) -> np.ndarray:
    return np.linspace(start, end, steps).astype(_range_dtype(start, end, dtype))


def logspace(start: Any, end: Any, steps: int, base: float = 10.0, dtype: str | None = None) -> np.ndarray:
    return np.power(base, np.linspace(start, end, steps)).astype(_range_dtype(start, end, dtype))


def eye(n: int, m: int | None = None, dtype: str | None = None) -> np.ndarray:
    return np.eye(n, m, dtype=dtype or "float32")


def tril_indices(row: int, col: int, offset: int = 0, dtype: str | None = None) -> np.ndarray:
    return np.stack(np.tril_indices(row, offset, col)).astype(dtype or "int64")


def triu_indices(row: int, col: int, offset: int = 0, dtype: str | None = None) -> np.ndarray:
    return np.stack(np.triu_indices(row, offset, col)).astype(dtype or "int64")


def complex(real: np.ndarray, imag: np.ndarray) -> np.ndarray:  # noqa: A001 - the table's name
    return real + 1j * imag


def polar(abs: np.ndarray, angle: np.ndarray) -> np.ndarray:  # noqa: A002 - the table's name
    return abs * np.exp(1j * angle)
