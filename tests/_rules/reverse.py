"""Reverse mode over the rule language: the operations that an expression calls, and their vjp rules backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from _rules import language
from _rules.language import Value
from optable.spec import Op


class Recording:
    """What was called while an expression ran, in order."""

    def __init__(self, inputs: Sequence[Any]) -> None:
        self.tracked = {id(v): v for x in inputs for v in _values(x)}
        self.calls: list[tuple[Op, dict[str, Any], list[Any]]] = []

    def note(self, op: Op, given: dict[str, Any], results: list[Any]) -> None:
        """Called by language.call_op."""
        names = [n for n in given if op.param(n).is_tensor and language.differentiable(op, n, given[n])]
        if any(id(v) in self.tracked for n in names for v in _values(given[n])):
            self.calls.append((op, given, results))
            self.tracked.update({id(v): v for x in results for v in _values(x)})

    def gradients(
        self, results: Sequence[Any], grads: Sequence[Any], after: Callable[[Any, Any], Any]
    ) -> dict[int, Any]:
        """Gradients by identity of value; `after` is what the engine does to each."""
        sums: dict[int, np.ndarray] = {}

        def arrive(x: Any, g: Any) -> None:
            for v, d in zip(_values(x), _values(g), strict=True):
                if id(v) in self.tracked:
                    sums[id(v)] = sums[id(v)] + d.array if id(v) in sums else d.array

        for x, g in zip(results, grads, strict=True):
            if g is not None:
                arrive(x, g)
        for op, given, out in reversed(self.calls):
            if not any(id(v) in sums for x in out for v in _values(x)):
                continue
            arrived = [_filled(x, sums) for x in out]
            names = language.environment(op, language.with_defaults(op, given), out)
            names.update(language.gradient_names(op, arrived))
            for name, value in given.items():
                if language.differentiable(op, name, value):
                    arrive(value, after(language.evaluate(op.vjp[name], dict(names)), value))
        return sums


def _values(x: Any) -> list[Value]:
    if isinstance(x, (list, tuple)):
        return [v for item in x for v in _values(item)]
    return [x] if isinstance(x, Value) else []


def _filled(x: Any, sums: dict[int, np.ndarray]) -> Any:
    """The gradients that arrived at a result, zeros where none did."""
    if isinstance(x, (list, tuple)):
        return [_filled(v, sums) for v in x]
    if not isinstance(x, Value):
        return None
    return Value(sums[id(x)] if id(x) in sums else np.zeros_like(x.array))


def record(inputs: Sequence[Any], run: Callable[[], Any]) -> tuple[Any, Recording]:
    """The result of `run`, and what it called."""
    recording = Recording(inputs)
    language.recorders.append(recording)
    try:
        return run(), recording
    finally:
        language.recorders.pop()
