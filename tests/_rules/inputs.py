"""The sample descriptions of optable/samples.py made into arrays, always the same ones."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from optable.samples import Arr, Call


def _drawn(a: Arr, rng: np.random.Generator) -> np.ndarray:
    """Real values as the description asks, spread over all of [lo, hi]: one in each of n equal parts."""
    n = int(np.prod(a.shape, dtype=np.int64))
    spread = (0.4 + 0.2 * rng.random()) if a.distinct else rng.random(n)
    x = a.lo + (a.hi - a.lo) * rng.permutation((np.arange(n) + spread) / max(n, 1))
    if a.away:
        near = np.abs(x) < a.away
        x[near] = np.where(x[near] < 0, -1.0, 1.0) * (a.away + np.abs(x[near]))
    return x.reshape(a.shape)


def array_of(a: Arr, complex_run: bool = False, seed: int = 0) -> np.ndarray:
    """The array that `a` describes. In a complex run floating arrays get an imaginary part."""
    rng = np.random.default_rng(zlib.crc32(f"{a.shape} {seed}".encode()))
    if a.values is None:
        x = _drawn(a, rng)
    else:
        x = np.array(a.values).reshape(a.shape)
        if a.dtype is None:
            x = x.astype(np.float64)
    if a.dtype is None:
        if complex_run and not a.real:
            x = x + 1j * _drawn(a, rng)
    elif a.dtype.startswith("complex"):
        x = (x + 1j * _drawn(a, rng)).astype(a.dtype) if a.values is None else x.astype(a.dtype)
    else:
        x = x.astype("float32" if a.dtype == "bfloat16" else a.dtype)
    x = np.ascontiguousarray(x).reshape(a.shape)
    x.flags.writeable = False
    return x


def _made(value: Any, complex_run: bool, seed: int) -> Any:
    if isinstance(value, Arr):
        return array_of(value, complex_run, seed)
    if isinstance(value, (list, tuple)) and any(isinstance(v, Arr) for v in value):
        return [_made(v, complex_run, 100 * seed + i) for i, v in enumerate(value)]
    return value


def inputs_of(sample: Call, complex_run: bool = False) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of a sample with its arrays made."""
    args = [_made(a, complex_run, i + 1) for i, a in enumerate(sample.args)]
    kwargs = {k: _made(v, complex_run, 50 + i) for i, (k, v) in enumerate(sample.kwargs.items())}
    return args, kwargs


def arrays_in(value: Any) -> list[Arr]:
    """The array descriptions in one argument of a sample."""
    if isinstance(value, Arr):
        return [value]
    return [v for v in value if isinstance(v, Arr)] if isinstance(value, (list, tuple)) else []


def has_complex_run(sample: Call) -> bool:
    """Would a complex run differ from the real one, and may it be made?"""
    described = [a for v in [*sample.args, *sample.kwargs.values()] for a in arrays_in(v)]
    return sample.complex and any(a.dtype is None and not a.real for a in described)
