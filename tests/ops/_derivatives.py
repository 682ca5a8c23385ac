"""One sample of an operation as a function to differentiate: its inputs, directions, differences and derivatives.

Whatever several columns of tests/ops/_derivative_checks.py compare with is computed once, here. Tests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from _batches import in_order
from _calls import PUBLIC, Case, function, results_of, tensor_of, tensors_in
from _gradcheck import STEP, arrays, direction, gradients, inner, leaf

import torchy
from torchy import _C, Tensor
from torchy.autograd import forward_ad

TOLERANCE = 1e-6  # of what central differences give
EXACT = 1e-9  # of what is computed in two ways
FLOATING = (torchy.float64, torchy.complex128)

Arrays = Sequence[np.ndarray]


class Wrong(AssertionError):
    """Two ways of computing the same numbers disagree."""


def same(what: str, got: Arrays, want: Arrays, tolerance: float = EXACT) -> None:
    """Raise Wrong unless shapes, kinds of numbers and values agree."""
    if len(got) != len(want):
        raise Wrong(f"{what}: {len(got)} tensors instead of {len(want)}")
    for number, (g, w) in enumerate(zip(got, want, strict=True)):
        if g.shape != w.shape or g.dtype != w.dtype:
            raise Wrong(f"{what}: tensor {number} is {g.dtype} {g.shape} instead of {w.dtype} {w.shape}")
        if w.dtype.kind not in "fc":
            near = np.array_equal(g, w)
        else:
            scale = 1 + float(np.max(np.abs(w[np.isfinite(w)]), initial=0.0))
            near = np.allclose(g, w, 0, tolerance * scale, equal_nan=True)
        if not near:
            raise Wrong(f"{what}: tensor {number} is {text(g)} instead of {text(w)}")


def same_inner(what: str, got: tuple[Arrays, Arrays], want: tuple[Arrays, Arrays], tolerance: float) -> None:
    """Raise Wrong unless two inner products Re<a, b> agree."""
    (a, size), (b, more) = inner(*got), inner(*want)
    if not abs(a - b) <= tolerance * (1 + size + more):
        raise Wrong(f"{what}: {a:.9g} instead of {b:.9g}")


def text(a: np.ndarray) -> str:
    """A few of the numbers, in one line."""
    flat = ", ".join(f"{v:.6g}" for v in a.reshape(-1)[:6].tolist())
    return f"[{flat}{', ...' if a.size > 6 else ''}]"


def zeros_like(some: Arrays) -> list[np.ndarray]:
    return [np.zeros_like(a) for a in some]


def random_like(some: Arrays, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [direction(a, rng) for a in some]


class Subject:
    """The function that one case of an operation is, of its tensors or of its differentiable inputs alone.

    places: where the tensors are, (argument, position in a list or None); slots: those of the differentiable ones.
    real: an input of a complex sample whose real part is taken, so that dtypes are mixed.
    """

    def __init__(self, case: Case, real: int | None = None) -> None:
        self.case, self.op = case, case.op
        args, self._kwargs = case.tensors()
        self._count = len(args)
        self._values = {**dict(zip((p.name for p in self.op.params), args, strict=False)), **self._kwargs}
        self.places = [
            (name, i if isinstance(value, list) else None)
            for name, value in self._values.items()
            for i, x in enumerate(value if isinstance(value, list) else [value])
            if isinstance(x, Tensor)
        ]
        self.tensors = [self._values[n] if i is None else self._values[n][i] for n, i in self.places]
        self.slots = [place for place in case.slots() if place in self.places]
        self.positions = [self.places.index(slot) for slot in self.slots]
        self.drawn = self.op.family == "random"
        self.real = real
        if real is not None:
            self.tensors[self.positions[real]] = self.tensors[self.positions[real]].real.clone()

    def __str__(self) -> str:
        return f"{self.case}{'' if self.real is None else f', input {self.real} real'}"

    def put(self, tensors: Sequence[Tensor]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments with these tensors."""
        now = {n: list(v) if isinstance(v, list) else v for n, v in self._values.items()}
        for (name, i), x in zip(self.places, tensors, strict=True):
            if i is None:
                now[name] = x
            else:
                now[name][i] = x
        names = list(now)
        return [now[n] for n in names[: self._count]], {k: now[k] for k in self._kwargs}

    def call(self, tensors: Sequence[Tensor]) -> list[Any]:
        """The results; what has no public form is called by its name."""
        args, kwargs = self.put(tensors)
        if self.drawn:
            torchy.manual_seed(0)
        if self.op.cname in PUBLIC:
            return results_of(self.op, function(self.op)(*args, **kwargs))
        return results_of(self.op, _C._call_op(self.op.cname, tuple(in_order(self.op, args, kwargs))))

    def in_place(self, tensors: Sequence[Tensor]) -> Tensor:
        """The in-place form on the first tensor itself."""
        args, kwargs = self.put(tensors)
        if self.drawn:
            torchy.manual_seed(0)
        return getattr(args[0], f"{self.op.name}_")(*args[1:], **kwargs)

    def with_inputs(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """All tensors, the differentiable ones replaced."""
        full = list(self.tensors)
        for position, x in zip(self.positions, inputs, strict=True):
            full[position] = x
        return full

    def f(self, *inputs: Tensor) -> list[Tensor]:
        """From the differentiable inputs to the differentiable results."""
        return self.kept(self.call(self.with_inputs(inputs)))

    def kept(self, results: Sequence[Any]) -> list[Tensor]:
        named = zip(self.op.returns, results, strict=True)
        return [
            t for (_, n), r in named if n not in self.op.nondiff_outputs for t in tensors_in(r) if t.dtype in FLOATING
        ]

    # ---- numbers to compare with

    @cached_property
    def inputs(self) -> list[np.ndarray]:
        return arrays([self.tensors[i] for i in self.positions])

    @cached_property
    def outputs(self) -> list[np.ndarray]:
        with torchy.no_grad():
            return arrays(self.f(*map(tensor_of, self.inputs)))

    @cached_property
    def steps(self) -> list[np.ndarray]:
        return random_like(self.inputs, 1)

    @cached_property
    def weights(self) -> list[np.ndarray]:
        return random_like(self.outputs, 2)

    def moved(self, g: Callable[[list[np.ndarray]], Arrays], only: int | None = None) -> list[np.ndarray]:
        """Central differences of `g` along the steps, or along one input's step. Draws do not move with anything."""
        if self.drawn:
            return zeros_like(g(self.inputs))

        def at(sign: float) -> Arrays:
            pairs = enumerate(zip(self.inputs, self.steps, strict=True))
            return g([np.asarray(x + sign * STEP * d) if only in (None, i) else x for i, (x, d) in pairs])

        return [np.asarray((p - m) / (2 * STEP)) for p, m in zip(at(1), at(-1), strict=True)]

    @cached_property
    def differences(self) -> list[list[np.ndarray]]:
        """What each input's step alone does to the outputs."""

        def g(inputs: list[np.ndarray]) -> list[np.ndarray]:
            with torchy.no_grad():
                return arrays(self.f(*map(tensor_of, inputs)))

        return [self.moved(g, i) for i in range(len(self.inputs))]

    def gradients_at(self, inputs: Arrays, weights: Arrays) -> list[np.ndarray]:
        return arrays(gradients(self.f, [leaf(x) for x in inputs], [tensor_of(v) for v in weights]))

    @cached_property
    def gradients(self) -> list[np.ndarray]:
        return self.gradients_at(self.inputs, self.weights)

    @cached_property
    def curvature(self) -> list[np.ndarray]:
        """What the steps do to the gradients: the second derivative, by central differences of first ones."""
        return self.moved(lambda inputs: self.gradients_at(inputs, self.weights))

    def tangents(self, only: int | None = None) -> list[np.ndarray]:
        """The outputs' tangents in forward mode, from the steps of all inputs or of one."""
        with forward_ad.dual_level():
            outputs = self.f(*self.duals(only))
            return [tangent_of(y) for y in outputs]

    def duals(self, only: int | None = None, make: Callable[[np.ndarray], Tensor] = tensor_of) -> list[Tensor]:
        pairs = enumerate(zip(self.inputs, self.steps, strict=True))
        return [forward_ad.make_dual(make(x), make(d)) if only in (None, i) else make(x) for i, (x, d) in pairs]


def tangent_of(t: Tensor) -> np.ndarray:
    """Its tangent at the innermost level; zeros for none."""
    tangent = forward_ad.unpack_dual(t).tangent
    (primal,) = arrays([t])
    if tangent is None:
        return np.zeros_like(primal)
    if tangent.shape != t.shape or tangent.dtype != t.dtype:
        raise Wrong(f"a tangent is {tangent.dtype} {tuple(tangent.shape)}, its tensor {t.dtype} {tuple(t.shape)}")
    return arrays([tangent])[0]


@contextlib.contextmanager
def two_levels() -> Iterator[int]:
    """Two levels of forward mode; gives the number of the outer one."""
    with forward_ad.dual_level() as outer, forward_ad.dual_level():
        yield outer
