"""Descriptions of inputs for tests. Layer: optable; describes values, never makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Arr:
    """An array of the given shape; values are drawn deterministically from [lo, hi]."""

    shape: tuple[int, ...]
    lo: float = -2.0
    hi: float = 2.0
    dtype: str | None = None  # None: floating, run as real and (where defined) complex
    away: float = 0.0  # keep |x| at least this far from zero (kinks, poles)
    distinct: bool = False  # a shuffled ladder: no two values close to each other
    grad: bool = True  # False: not differentiated in this sample (a mask, a constant)
    real: bool = False  # stays real when the sample is run complex
    values: tuple | None = None  # exact (nested) values instead of drawn ones


@dataclass(frozen=True)
class Call:
    """One call of an operation: positional and keyword arguments."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    complex: bool = True  # may also be run with complex inputs
    batched: bool = True


def arr(*shape: int, **options: Any) -> Arr:
    """A floating array of `shape`; ``arr()`` is 0-d. Options are the fields of `Arr`."""
    return Arr(tuple(shape), **options)


def idx(values: Any, dtype: str = "int64") -> Arr:
    """An integer (or bool) array with exactly these values (a number or nested lists)."""

    def freeze(v: Any) -> Any:
        return tuple(freeze(x) for x in v) if isinstance(v, (list, tuple)) else v

    def shape_of(v: Any) -> tuple[int, ...]:
        if not isinstance(v, (list, tuple)):
            return ()
        return (len(v), *(shape_of(v[0]) if v else ()))

    frozen = freeze(values)
    return Arr(shape_of(values), dtype=dtype, grad=False, values=(frozen,))


def mask(values: Any) -> Arr:
    """A bool array with exactly these values."""
    return idx(values, dtype="bool")


def call(*args: Any, **kwargs: Any) -> Call:
    """A call; a list of `Arr` is a Tensor[] argument. ``_complex=False`` keeps it real."""
    complex_ok = kwargs.pop("_complex", True)
    batched = kwargs.pop("_batched", True)
    return Call(tuple(args), kwargs, complex_ok, batched)
