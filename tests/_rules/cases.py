"""One sample of one operation with everything finite differences say about it, and the checks of rules."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import CodeType
from typing import Any

import numpy as np

from _rules import language, reverse
from _rules.inputs import arrays_in, has_complex_run, inputs_of
from _rules.language import Value
from _rules.numeric import (
    LOOSE,
    STEP,
    TIGHT,
    Wrong,
    close,
    completed,
    difference_of,
    dot,
    dot_all,
    dual_of,
    engine_gradient,
    flat,
    is_double,
    like,
    moved,
    same,
    tangents_of,
    text_of,
)
from optable.samples import Call
from optable.spec import NONDIFF, TABLE, Op


class Case:
    """One sample, real or complex. Directions are random; what needs no rule is computed once."""

    def __init__(self, op: Op, number: int, complex_run: bool) -> None:
        self.op = op
        self.number = number
        self.complex_run = complex_run
        self.sample: Call = op.samples[number]
        args, kwargs = inputs_of(self.sample, complex_run)
        given = language.bound(
            op, [language.wrapped(a) for a in args], {k: language.wrapped(v) for k, v in kwargs.items()}
        )
        self.values = {k: given[k] for k in (p.name for p in op.params) if k in given}
        self.names = language.with_defaults(op, self.values)
        self.fixed = {name for name in self.values if self._is_fixed(name)}
        self.rng = np.random.default_rng(7 + number)

    def __str__(self) -> str:
        kind = "complex" if self.complex_run else "real"
        return f"{self.op.cname}: sample {self.number} ({kind}: {text_of(self.sample)})"

    def _is_fixed(self, name: str) -> bool:
        """Described as grad=False: not differentiated here."""
        index = next(i for i, p in enumerate(self.op.params) if p.name == name)
        given = self.sample.kwargs.get(name, self.sample.args[index] if index < len(self.sample.args) else None)
        described = arrays_in(given)
        return bool(described) and not any(a.grad for a in described)

    @property
    def is_complex(self) -> bool:
        """Are there complex numbers among inputs or results?"""
        values = [v for x in [*self.values.values(), *self.results] for v in flat(x)]
        return any(isinstance(v, Value) and v.is_complex for v in values)

    @functools.cached_property
    def results(self) -> list[Any]:
        return language.forward(self.op, self.values)

    @functools.cached_property
    def arguments(self) -> list[str]:
        """The arguments that have a rule and are differentiated in this sample."""
        return [
            n for n, v in self.values.items()
            if n not in self.fixed and language.differentiable(self.op, n, v) and is_double(v)
        ]  # fmt: skip

    @functools.cached_property
    def directions(self) -> dict[str, Any]:
        return {name: like(self.values[name], self._direction) for name in self.arguments}

    def _direction(self, a: np.ndarray) -> np.ndarray:
        """Random, no element near 0."""
        d = self.rng.uniform(-0.7, 0.7, (2, *a.shape) if a.dtype.kind == "c" else a.shape)
        d += np.copysign(0.3, d)
        return d[0] + 1j * d[1] if a.dtype.kind == "c" else d

    @functools.cached_property
    def outputs(self) -> list[Any]:
        """The results that have gradients, None in place of the others."""
        return [
            None if n in self.op.nondiff_outputs else r for (_, n), r in zip(self.op.returns, self.results, strict=True)
        ]

    @functools.cached_property
    def grads(self) -> list[Any]:
        """Random gradients of the results, None where they have none."""
        return [None if r is None else like(r, self._direction) for r in self.outputs]

    @functools.cached_property
    def gradient_names(self) -> dict[str, Any]:
        return language.gradient_names(self.op, self.grads)

    def results_at(self, moves: dict[str, Any], step: float) -> list[Any]:
        values = {n: moved(v, moves[n], step) if n in moves else v for n, v in self.values.items()}
        out = language.forward(self.op, values)
        return [None if n in self.op.nondiff_outputs else r for (_, n), r in zip(self.op.returns, out, strict=True)]

    def difference(self, moves: dict[str, Any]) -> list[Any]:
        """The central difference of every result along `moves`."""
        plus, minus = self.results_at(moves, STEP), self.results_at(moves, -STEP)
        out = [None if p is None else difference_of(p, m) for p, m in zip(plus, minus, strict=True)]
        for d in out:
            for v in flat(d):
                if v is not None and not np.isfinite(v.array).all():
                    raise Wrong(f"{self}: the reference is not finite near this sample")
        return out

    @functools.cached_property
    def differences(self) -> dict[str, list[Any]]:
        """By argument: the central difference of the results along its direction alone."""
        return {n: self.difference({n: d}) for n, d in self.directions.items()}

    @functools.cached_property
    def expected(self) -> dict[str, tuple[float, float]]:
        """By argument: how the loss Re<grads, results> moves along its direction."""
        return {n: dot_all(self.grads, d) for n, d in self.differences.items()}

    # ---- vjp

    @functools.cached_property
    def _rule_names(self) -> dict[str, Any]:
        return {**language.environment(self.op, self.names, self.results), **self.gradient_names}

    def gradient(self, name: str, rule: str | CodeType) -> Any:
        """The gradient of one argument by a rule."""
        return engine_gradient(language.evaluate(rule, self._rule_names.copy()), self.values[name])

    @functools.cache  # noqa: B019 - cases live as long as the tests
    def own_gradient(self, name: str) -> Any:
        return self.gradient(name, self.op.vjp[name])

    def check_vjp(self, name: str, rule: str | CodeType | None = None) -> None:
        want, size = self.expected[name]
        gradient = self.own_gradient(name) if rule is None else self.gradient(name, rule)
        got, more = dot(gradient, self.directions[name])
        if not close(got, want, max(size, more) if np.isfinite(more) else size, LOOSE):
            raise Wrong(f"{self}: vjp of {name} gives {got:.9g}, finite differences {want:.9g}")

    # ---- jvp

    def tangents(self, moves: dict[str, Any], rule: Any = None) -> list[Any]:
        full = {
            n: completed(v, moves.get(n)) for n, v in self.values.items() if self.op.param(n).is_tensor
        }  # fmt: skip
        return language.push_forward(self.op, self.values, full, self.results, rule)

    def check_jvp(self, name: str, rule: Any = None) -> None:
        got = self.tangents({name: self.directions[name]}, rule)
        for out, t, d in zip(self.outputs, got, self.differences[name], strict=True):
            if out is None:
                continue
            if t is None:
                raise Wrong(f"{self}: jvp gives no tangent for a result")
            self._compare(language.attach(out, t), d, f"jvp of {name}")

    def _compare(self, dual: Any, d: Any, what: str) -> None:
        for r, want in zip(flat(dual), flat(d), strict=True):
            if want is None:
                continue
            got = np.zeros_like(want.array) if r.tangent is None else r.tangent
            if r.array.dtype.kind != "c" and got.dtype.kind == "c":
                raise Wrong(f"{self}: {what} is complex, the result real")
            worst = np.abs(got - want.array).max(initial=0.0)
            if not worst <= LOOSE * 5 * (1.0 + np.abs(want.array).max(initial=0.0)):
                raise Wrong(f"{self}: {what} is off by {worst:.3g}:\n{got}\nfinite differences:\n{want.array}")

    def check_adjoint(self, name: str) -> None:
        """Re<grad, jvp(d)> = Re<vjp(grad), d>, without finite differences."""
        moves = self.tangents({name: self.directions[name]})
        duals = [None if o is None else language.attach(o, t) for o, t in zip(self.outputs, moves, strict=True)]
        left, size = dot_all(self.grads, [None if x is None else tangents_of(x) for x in duals])
        right, more = dot(self.own_gradient(name), self.directions[name])
        if not close(left, right, max(size, more), TIGHT):
            raise Wrong(f"{self}: jvp and vjp of {name} are not adjoint: {left:.15g} and {right:.15g}")

    # ---- second order

    @functools.cached_property
    def _moved_names(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """What a rule reads, all of it moving: as dual values, and a step forward and back."""
        moves = self.directions
        grad_moves = [None if g is None else like(g, self._direction) for g in self.grads]
        values = {n: dual_of(v, moves[n]) if n in moves else v for n, v in self.names.items()}
        results = [
            r if o is None else language.attach(o, t)
            for r, o, t in zip(self.results, self.outputs, self.tangents(moves), strict=True)
        ]
        grads = [None if g is None else dual_of(g, d) for g, d in zip(self.grads, grad_moves, strict=True)]
        dual = {**language.environment(self.op, values, results), **language.gradient_names(self.op, grads)}
        return dual, self._names_at(moves, grad_moves, STEP), self._names_at(moves, grad_moves, -STEP)

    def _names_at(self, moves: dict[str, Any], grad_moves: list[Any], step: float) -> dict[str, Any]:
        values = {n: moved(v, moves[n], step) if n in moves else v for n, v in self.values.items()}
        results = language.forward(self.op, values)
        grads = [None if g is None else moved(g, d, step) for g, d in zip(self.grads, grad_moves, strict=True)]
        names = language.environment(self.op, language.with_defaults(self.op, values), results)
        return {**names, **language.gradient_names(self.op, grads)}

    def check_second_order(self, name: str) -> None:
        """The vjp rule as a function of arguments and gradients, forward through its own operations."""
        dual, plus, minus = (language.evaluate(self.op.vjp[name], names.copy()) for names in self._moved_names)
        self._compare(dual, difference_of(plus, minus), f"second derivative ({name})")

    # ---- composites

    def floating(self) -> dict[str, Any]:
        """A direction for every floating argument of a composite."""
        out = {}
        for p in self.op.params:
            if p.is_tensor and p.name in self.values and p.name not in self.fixed:
                d = like(self.values[p.name], self._direction)
                if any(v is not None for v in flat(d)):
                    out[p.name] = d
        return out

    def composed(self, values: dict[str, Any], expression: str | CodeType | None = None) -> list[Any]:
        names = language.with_defaults(self.op, values)
        out = language.evaluate(self.op.composite if expression is None else expression, names)
        return [out] if len(self.op.returns) == 1 else list(out)

    def check_composite(self, expression: str | CodeType | None = None) -> None:
        """The expression computes what the reference computes."""
        for got, want in zip(self.composed(self.values, expression), self.results, strict=True):
            same(got, want, str(self))

    @functools.cached_property
    def _composite_moves(self) -> tuple[dict[str, Any], list[Any]]:
        moves = self.floating()
        return moves, self.difference(moves) if moves else []

    def check_composite_tangent(self, expression: str | CodeType | None = None) -> None:
        """Forward mode through the parts agrees with finite differences of the reference."""
        moves, differences = self._composite_moves
        if not moves:
            return
        values = {n: dual_of(v, moves[n]) if n in moves else v for n, v in self.values.items()}
        for dual, d, out in zip(self.composed(values, expression), differences, self.outputs, strict=True):
            if out is not None and isinstance(flat(dual)[0] if flat(dual) else None, Value):
                self._compare(dual, d, "tangent through the parts")

    def check_composite_gradient(self, expression: str | CodeType | None = None) -> None:
        """Reverse mode through the parts agrees with finite differences of the reference."""
        moves, differences = self._composite_moves
        if not moves:
            return
        inputs = [self.values[n] for n in moves]
        out, recording = reverse.record(inputs, lambda: self.composed(self.values, expression))
        sums = recording.gradients(out, self.grads, engine_gradient)
        got = want = size = 0.0
        for x, d in zip(inputs, moves.values(), strict=True):
            for v, direction in zip(flat(x), flat(d), strict=True):
                if id(v) in sums and direction is not None:
                    terms = (np.conj(sums[id(v)]) * direction.array).real
                    got += float(terms.sum())
                    size += float(np.abs(terms).sum())
        want, _ = dot_all(self.grads, differences)
        if not close(got, want, size, LOOSE * 5):
            raise Wrong(f"{self}: gradients of the parts give {got:.9g}, finite differences {want:.9g}")


@functools.cache
def cases_of(name: str) -> tuple[Case, ...]:
    """Every sample of an operation, real, and complex where it is defined."""
    op = TABLE[name]
    out = []
    for i, sample in enumerate(op.samples):
        out.append(Case(op, i, False))
        if op.complex != "no" and has_complex_run(sample):
            out.append(Case(op, i, True))
    return tuple(out)


def pairs_of(name: str) -> Iterator[tuple[Case, str]]:
    """Every case of an operation with each argument it differentiates."""
    for case in cases_of(name):
        for argument in case.arguments:
            yield case, argument


def rules(op: Op) -> dict[str, str]:
    return {a: r for a, r in op.vjp.items() if r != NONDIFF}
