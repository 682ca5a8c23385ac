"""Gradients of the real engine against central differences, along one random direction for each input.

The loss is Re<v, f(x)> with random v, so that one backward pass gives every gradient; PyTorch's convention makes
its derivative along d equal to Re<gradient, d>, for complex numbers as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from _calls import tensor_of

import torchy
from torchy import Tensor

STEP = 1e-5
TOLERANCE = 1e-6

Function = Callable[..., Sequence[Tensor]]


class WrongGradient(AssertionError):
    """The engine and the differences disagree."""


def direction(a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random, no element near 0."""
    d = rng.uniform(-0.7, 0.7, (2, *a.shape) if a.dtype.kind == "c" else a.shape)
    d += np.copysign(0.3, d)
    return np.asarray(d[0] + 1j * d[1] if a.dtype.kind == "c" else d)


def inner(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> tuple[float, float]:
    """Re<a, b>, and the sum of the sizes of its terms."""
    terms = [np.real(np.conj(x) * y) for x, y in zip(a, b, strict=True)]
    return float(sum(t.sum() for t in terms)), float(sum(np.abs(t).sum() for t in terms))


def arrays(tensors: Sequence[Tensor]) -> list[np.ndarray]:
    return [np.array(t.detach().resolve_conj().numpy()) for t in tensors]


def leaf(a: np.ndarray) -> Tensor:
    return tensor_of(a).requires_grad_()


def gradients(f: Function, inputs: Sequence[Tensor], weights: Sequence[Tensor], graph: bool = False) -> list[Tensor]:
    """The gradients of Re<weights, f(inputs)>; zeros where there is none."""
    pairs = [(y, v) for y, v in zip(f(*inputs), weights, strict=True) if y.requires_grad]
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if pairs:
        outputs, grads = zip(*pairs, strict=True)
        found = torchy.autograd.grad(outputs, inputs, grads, create_graph=graph, allow_unused=True)
    for x, g in zip(inputs, found, strict=True):
        if g is not None and (g.shape != x.shape or g.dtype != x.dtype):
            raise WrongGradient(f"a gradient is {g.dtype} {tuple(g.shape)}, its input {x.dtype} {tuple(x.shape)}")
    return [torchy.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def check(f: Function, inputs: Sequence[np.ndarray], seed: int = 0, tolerance: float = TOLERANCE) -> None:
    """Raise WrongGradient unless the gradient of every input agrees with central differences of `f`."""
    rng = np.random.default_rng(seed)
    with torchy.no_grad():
        weights = [direction(a, rng) for a in arrays(f(*map(tensor_of, inputs)))]
    found = arrays(gradients(f, [leaf(a) for a in inputs], [tensor_of(v) for v in weights]))
    for number, (x, gradient) in enumerate(zip(inputs, found, strict=True)):
        d = direction(x, rng)

        def loss(step: float, number: int = number, x: np.ndarray = x, d: np.ndarray = d) -> tuple[float, float]:
            moved = [*inputs[:number], x + step * d, *inputs[number + 1 :]]
            with torchy.no_grad():
                return inner(weights, arrays(f(*map(tensor_of, moved))))

        (plus, size), (minus, _) = loss(STEP), loss(-STEP)
        want = (plus - minus) / (2 * STEP)
        got, more = inner([gradient], [d])
        if not abs(got - want) <= tolerance * (1 + size + more):
            raise WrongGradient(f"input {number}: the gradient gives {got:.9g}, differences {want:.9g}")


def check_second(f: Function, inputs: Sequence[np.ndarray], seed: int = 0, tolerance: float = TOLERANCE) -> None:
    """The same for the gradients as functions of the inputs and of the gradients that arrive."""
    rng = np.random.default_rng(seed)
    with torchy.no_grad():
        weights = [direction(a, rng) for a in arrays(f(*map(tensor_of, inputs)))]

    def first(*everything: Tensor) -> list[Tensor]:
        with torchy.enable_grad():
            at = [t if t.requires_grad else t.detach().requires_grad_() for t in everything]
            return gradients(f, at[: len(inputs)], at[len(inputs) :], graph=True)

    check(first, [*inputs, *weights], seed + 1, tolerance)
