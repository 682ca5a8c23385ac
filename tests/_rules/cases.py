"""One sample of one operation with everything finite differences say about it, and the checks of rules.

The inner product is PyTorch's: the loss moves by Re<grad, df> when the result moves by df.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from types import CodeType
from typing import Any

import numpy as np

from _rules import language
from _rules.inputs import arrays_in, has_complex_run, inputs_of
from _rules.language import Value
from optable.samples import Arr, Call
from optable.spec import NONDIFF, TABLE, Op

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


def _is_double(x: Any) -> bool:
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


class Case:
    """One sample, real or complex. Directions are random; what needs no rule is computed once."""

    def __init__(self, op: Op, number: int, complex_run: bool) -> None:
        self.op = op
        self.number = number
        self.complex_run = complex_run
        self.sample: Call = op.samples[number]
        args, kwargs = inputs_of(self.sample, complex_run)
        given = language.bound(op, [language.wrapped(a) for a in args], {k: language.wrapped(v) for k, v in kwargs.items()})
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
            if n not in self.fixed and language.differentiable(self.op, n, v) and _is_double(v)
        ]  # fmt: skip

    @functools.cached_property
    def directions(self) -> dict[str, Any]:
        return {name: like(self.values[name], self._direction) for name in self.arguments}

    def _direction(self, a: np.ndarray) -> np.ndarray:
        d = self.rng.uniform(0.3, 1.0, a.shape) * self.rng.choice([-1.0, 1.0], a.shape)
        if a.dtype.kind == "c":
            d = d + 1j * self.rng.uniform(0.3, 1.0, a.shape) * self.rng.choice([-1.0, 1.0], a.shape)
        return d

    @functools.cached_property
    def outputs(self) -> list[Any]:
        """The results that have gradients, None in place of the others."""
        return [None if n in self.op.nondiff_outputs else r for (_, n), r in zip(self.op.returns, self.results, strict=True)]

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
        out = [None if p is None else _difference(p, m) for p, m in zip(plus, minus, strict=True)]
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

    def gradient(self, name: str, rule: str | CodeType | None = None) -> Any:
        """The gradient of one argument by its rule."""
        names = language.environment(self.op, self.names, self.results)
        out = language.evaluate(self.op.vjp[name] if rule is None else rule, {**names, **self.gradient_names})
        return engine_gradient(out, self.values[name])

    def check_vjp(self, name: str, rule: str | CodeType | None = None) -> None:
        want, size = self.expected[name]
        got, more = dot(self.gradient(name, rule), self.directions[name])
        if not close(got, want, max(size, more) if np.isfinite(more) else size, LOOSE):
            raise Wrong(f"{self}: vjp of {name} gives {got:.9g}, finite differences {want:.9g}")

    # ---- jvp

    def tangents(self, moves: dict[str, Any], rule: Any = None) -> list[Any]:
        full = {
            n: _complete(v, moves.get(n)) for n, v in self.values.items() if self.op.param(n).is_tensor
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
        left, size = dot_all(self.grads, [None if x is None else _tangents(x) for x in duals])
        right, more = dot(self.gradient(name), self.directions[name])
        if not close(left, right, max(size, more), TIGHT):
            raise Wrong(f"{self}: jvp and vjp of {name} are not adjoint: {left:.15g} and {right:.15g}")

    # ---- second order

    def check_second_order(self, name: str) -> None:
        """The vjp rule as a function of arguments and gradients, forward through its own operations."""
        moves = self.directions
        grad_moves = [None if g is None else like(g, self._direction) for g in self.grads]
        values = {n: _dual(v, moves[n]) if n in moves else v for n, v in self.names.items()}
        results = [
            r if o is None else language.attach(o, t)
            for r, o, t in zip(self.results, self.outputs, self.tangents(moves), strict=True)
        ]
        grads = [None if g is None else _dual(g, d) for g, d in zip(self.grads, grad_moves, strict=True)]
        names = {**language.environment(self.op, values, results), **language.gradient_names(self.op, grads)}
        dual = language.evaluate(self.op.vjp[name], names)
        plus, minus = (self._rule_at(name, moves, grad_moves, s) for s in (STEP, -STEP))
        self._compare(dual, _difference(plus, minus), f"second derivative ({name})")

    def _rule_at(self, name: str, moves: dict[str, Any], grad_moves: list[Any], step: float) -> Any:
        values = {n: moved(v, moves[n], step) if n in moves else v for n, v in self.values.items()}
        results = language.forward(self.op, values)
        grads = [None if g is None else moved(g, d, step) for g, d in zip(self.grads, grad_moves, strict=True)]
        names = language.environment(self.op, language.with_defaults(self.op, values), results)
        return language.evaluate(self.op.vjp[name], {**names, **language.gradient_names(self.op, grads)})

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

    def check_composite_tangent(self) -> None:
        """Forward mode through the parts agrees with finite differences of the reference."""
        moves = self.floating()
        values = {n: _dual(v, moves[n]) if n in moves else v for n, v in self.values.items()}
        for dual, d, out in zip(self.composed(values), self.difference(moves), self.outputs, strict=True):
            if out is not None and isinstance(flat(dual)[0] if flat(dual) else None, Value):
                self._compare(dual, d, "tangent through the parts")


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


def _difference(plus: Any, minus: Any) -> Any:
    if isinstance(plus, (list, tuple)):
        return [_difference(p, m) for p, m in zip(plus, minus, strict=True)]
    if not isinstance(plus, Value) or plus.array.dtype.kind not in "fc":
        return None
    return Value((plus.array - minus.array) / (2 * STEP))


def _dual(x: Any, d: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [_dual(a, b) for a, b in zip(x, d, strict=True)]
    return x if d is None else Value(x.array, d.array)


def _complete(x: Any, d: Any) -> Any:
    """A direction for every floating array of x, zeros where none is given."""
    if isinstance(x, (list, tuple)):
        return [_complete(v, d[i] if d is not None else None) for i, v in enumerate(x)]
    return d if d is not None else language.tangent(x)


def _tangents(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return [_tangents(v) for v in x]
    return None if x.tangent is None else Value(x.tangent)


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
