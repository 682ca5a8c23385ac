"""Bad arguments for any operation: each way to spoil a good call, by the types in its schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from _calls import Case, mapped

import torchy
from optable.spec import Param

HUGE = 2**62


class Strange:
    """An object of no use anywhere, whose conversions fail."""

    def __len__(self) -> int:
        raise ArithmeticError("no length")

    def __index__(self) -> int:
        raise ArithmeticError("no index")

    def __float__(self) -> float:
        raise ArithmeticError("no number")

    def __repr__(self) -> str:
        return "Strange()"


ANYTHING = [None, "a string", b"bytes", object, Strange(), {}, {1}, [[1], "x"], [None], 1j, float("nan"), True, ()]
INTS = [HUGE, -HUGE, 2**63 - 1, -(2**63), 2**70, 1.5, "1", 99, -99]
FLOATS = [float("nan"), float("inf"), 1e308, -1.0, "x", 2**2000]


def _tensors() -> list[Any]:
    """Tensors that fit few operations: strange shapes, types and layouts."""
    return [
        torchy.zeros(0),
        torchy.zeros(2, 0, 3),
        torchy.zeros(7),
        torchy.zeros(5, 1, 5, 1),
        torchy.zeros(()).expand(3, 2),
        torchy.full((2, 2), float("nan")),
        torchy.tensor([2**62, -(2**62), -1, 10**6]),
        torchy.tensor(True),
        torchy.zeros(2, 3, dtype=torchy.complex64),
        torchy.zeros(2, 3, dtype=torchy.bfloat16),
        torchy.ones(2, dtype=torchy.uint8),
        np.zeros(2),
        1.5,
    ]


def values_for(p: Param) -> list[Any]:
    """What to try in place of a good value of this parameter."""
    kind = p.type.rstrip("?")
    if kind in ("Tensor", "Operand"):
        return [*ANYTHING, *_tensors()]
    if kind in ("Tensor[]",):
        return [*ANYTHING, [], _tensors(), [torchy.zeros(2), None], [torchy.zeros(2), 3], [torchy.zeros(0)] * 3]
    if kind == "int[]":
        lists = [[v] for v in INTS] + [[-1, -1, -1], [0, 0, 0, 0], [1] * 70, [HUGE, HUGE], [2, -2], [3, "x"], []]
        return [*ANYTHING, *INTS, *lists, torchy.zeros(3)]
    if kind == "int":
        return [*ANYTHING, *INTS, torchy.zeros(3), [1]]
    if kind in ("float", "Scalar"):
        return [*ANYTHING, *FLOATS, *INTS, torchy.zeros(3)]
    if kind == "Generator":
        return [*ANYTHING, np.random.default_rng(0), 3]
    return [*ANYTHING, 3, "sum", torchy.zeros(2)]


def spoiled(case: Case) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Calls of `case` with one argument spoilt, missing, doubled or unknown."""
    good, keywords = case.tensors()
    first_is_free = "function" in case.op.forms  # else Python looks the method up on the first argument
    for at, p in enumerate(case.op.params[: len(good)]):
        for value in values_for(p):
            if at == 0 and not first_is_free and not isinstance(value, torchy.Tensor):
                continue
            yield [*good[:at], value, *good[at + 1 :]], keywords
    named = {p.name: p for p in case.op.params}
    for name, p in named.items():
        for value in values_for(p):
            if name in keywords or p.kwonly:
                yield good, {**keywords, name: value}
    for cut in range(0 if first_is_free else 1, len(good)):
        yield good[:cut], {}
    yield [*good, *good, *good], keywords
    yield [*good, None], keywords
    yield good, {**keywords, "nonsense": 1}
    yield good, {**keywords, "self": torchy.zeros(1), "input": torchy.zeros(1)}
    yield [mapped(a, lambda t: t.new_zeros(3, 1, 2, 1, 3), torchy.Tensor) for a in good], keywords
    yield [mapped(a, lambda t: t.new_zeros(()), torchy.Tensor) for a in good], keywords
    yield [mapped(a, lambda t: t.new_zeros(0, 0), torchy.Tensor) for a in good], keywords
    for out in (3, "x", None, torchy.zeros(1, dtype=torchy.bool), [torchy.zeros(1)], (torchy.zeros(1),) * 3, ()):
        yield good, {**keywords, "out": out}
