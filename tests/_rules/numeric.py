"""Arithmetic on lists of values for the checks: directions, differences, inner products, comparisons.

The inner product is PyTorch's: the loss moves by Re<grad, df> when the result moves by df.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from _rules import language
from _rules.language import Value
from optable.samples import Arr, Call

STEP = 1e-5  # of central differences; the error is about STEP ** 2 and 1e-16 / STEP
LOOSE = 2e-7  # finite differences against a rule
TIGHT = 1e-10  # two exact rules against each other


class Wrong(AssertionError):
    """A rule, sample or reference that fails its check."""


def flat(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def like(x: Any, made: Callable[[np.ndarray], np.ndarray]) -> Any:
    """The same structure with `made(array)` in place of every floating array, None elsewhere."""
    if isinstance(x, (list, tuple)):
        return [like(v, made) for v in x]
    return Value(made(x.array)) if isinstance(x, Value) and x.array.dtype.kind in "fc" else None


def moved(x: Any, d: Any, step: float) -> Any:
    """x + step * d."""
    if isinstance(x, (list, tuple)):
        return [moved(a, b, step) for a, b in zip(x, d, strict=True)]
    return x if d is None else Value(x.array + step * d.array)


def text_of(sample: Call) -> str:
    """A sample as short text, arrays by shape."""

    def short(v: Any) -> str:
        if isinstance(v, Arr):
            return f"arr{v.shape}" if v.dtype is None else f"{v.dtype}{v.shape}"
        return f"[{', '.join(map(short, v))}]" if isinstance(v, (list, tuple)) else repr(v)

    return ", ".join([short(v) for v in sample.args] + [f"{k}={short(v)}" for k, v in sample.kwargs.items()])


def is_double(x: Any) -> bool:
    """Precise enough for finite differences?"""
    return all(v.array.dtype.name in ("float64", "complex128") for v in flat(x) if isinstance(v, Value))


def dot(grads: Any, moves: Any) -> tuple[float, float]:
    """Re<grads, moves>, and the sum of the magnitudes of its terms."""
    total = size = 0.0
    for g, d in zip(flat(grads), flat(moves), strict=True):
        if g is None or d is None:
            continue
        terms = (np.conj(g.array) * d.array).real
        total += float(terms.sum())
        size += float(np.abs(terms).sum())
    return total, size


def engine_gradient(grad: Any, x: Any) -> Any:
    """What the engine does after a rule: sum to the input's shape, real part for a real input."""
    if isinstance(x, (list, tuple)):
        if len(flat(grad)) != len(x):
            raise Wrong(f"the rule returns {len(flat(grad))} gradients for {len(x)} tensors")
        return [engine_gradient(g, v) if v is not None else None for g, v in zip(grad, x, strict=True)]
    if x.array.dtype.kind not in "fc":
        return None
    if not isinstance(grad, Value):
        raise Wrong(f"the rule returns {grad!r}, not a tensor")
    a, want = grad.array, x.array.shape
    if a.shape != want:
        extra = a.ndim - len(want)
        if extra < 0 or any(w not in (1, s) for w, s in zip(want, a.shape[extra:], strict=True)):
            raise Wrong(f"the rule returns shape {a.shape} for an input of shape {want}")
        ones = tuple(range(extra)) + tuple(extra + i for i, w in enumerate(want) if w == 1 and a.shape[extra + i] != 1)
        a = a.sum(axis=ones, keepdims=True).reshape(want)
    if a.dtype.kind == "c" and x.array.dtype.kind != "c":
        a = a.real
    return Value(a)


def close(a: float, b: float, size: float, tolerance: float) -> bool:
    return abs(a - b) <= tolerance * (1.0 + size)


def same(got: Any, want: Any, who: str) -> None:
    """Equal shapes and (to rounding) values."""
    if isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            raise Wrong(f"{who}: {len(flat(got))} results instead of {len(want)}")
        for a, b in zip(got, want, strict=True):
            same(a, b, who)
        return
    if not isinstance(want, Value):
        if language.unwrapped(got) != want:
            raise Wrong(f"{who}: the expression gives {language.unwrapped(got)!r}, the reference {want!r}")
        return
    if not isinstance(got, Value):
        raise Wrong(f"{who}: the expression gives {got!r}, not a tensor")
    a, b = got.array, want.array
    if a.shape != b.shape or a.dtype.kind != b.dtype.kind:
        raise Wrong(f"{who}: {a.dtype}{a.shape} instead of {b.dtype}{b.shape}")
    if not np.allclose(a, b, 1e-9, 1e-11, equal_nan=True):
        raise Wrong(f"{who}: the expression gives\n{a}\nthe reference\n{b}")


def dot_all(grads: Sequence[Any], moves: Sequence[Any]) -> tuple[float, float]:
    pairs = [dot(g, d) for g, d in zip(grads, moves, strict=True) if g is not None and d is not None]
    return sum(p[0] for p in pairs), sum(p[1] for p in pairs)


def difference_of(plus: Any, minus: Any) -> Any:
    if isinstance(plus, (list, tuple)):
        return [difference_of(p, m) for p, m in zip(plus, minus, strict=True)]
    if not isinstance(plus, Value) or plus.array.dtype.kind not in "fc":
        return None
    return Value((plus.array - minus.array) / (2 * STEP))


def dual_of(x: Any, d: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [dual_of(a, b) for a, b in zip(x, d, strict=True)]
    return x if d is None else Value(x.array, d.array)


def completed(x: Any, d: Any) -> Any:
    """A direction for every floating array of x, zeros where none is given."""
    if isinstance(x, (list, tuple)):
        return [completed(v, d[i] if d is not None else None) for i, v in enumerate(x)]
    return d if d is not None else language.tangent(x)


def tangents_of(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [tangents_of(v) for v in x]
    return None if x.tangent is None else Value(x.tangent)
