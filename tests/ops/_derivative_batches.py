"""The columns of docs/derivatives.md about vmap: an operation, its gradient and its tangent in a batch. Tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from _batches import other_example
from _calls import leaves, numeric, tensor_of
from _derivative_checks import in_place_fits
from _derivatives import EXACT, Subject, Wrong, random_like, same, tangent_of
from _gradcheck import arrays, gradients, leaf

import torchy
from torchy import Tensor, func
from torchy.autograd import forward_ad

Check = Callable[[], None]
Function = Callable[..., "list[Tensor]"]
EXAMPLES = 3


def batched(s: Subject) -> Iterator[Check]:
    """vmap of the operation against a loop: all tensors as batches, each alone, batches of batches, in place."""
    if not s.tensors or not all(isinstance(r, Tensor) for r in leaves(s.call(s.tensors))):
        return
    numbers = range(len(s.tensors))

    def check(call: Callable[[Sequence[Tensor]], Any], marked: Sequence[int]) -> None:
        batches = [examples(t) if i in marked else t for i, t in enumerate(s.tensors)]
        compare("batched", lambda *some: leaves(call(some)), batches, marked, exactly(s))

    yield lambda: check(s.call, numbers)
    if len(numbers) > 1:
        yield from (lambda i=i: check(s.call, [i]) for i in numbers)
    if "inplace" in s.op.forms and in_place_fits(s):
        yield lambda: check(lambda some: s.in_place([some[0].clone(), *some[1:]]), numbers)
    yield lambda: nested(s)


def exactly(s: Subject) -> bool:
    """Whether the values are the same every time."""
    return not (s.drawn or s.op.name.startswith(("empty", "new_empty")))


def nested(s: Subject) -> None:
    """vmap of vmap: each example of the inner one is a batch of the outer one."""

    def inner(*some: Tensor) -> list[Tensor]:
        return func.vmap(lambda *t: leaves(s.call(t)), randomness="different")(*some)

    def slow(*some: Tensor) -> list[Tensor]:
        rows = [leaves(s.call([t.select(0, i).clone() for t in some])) for i in range(2)]
        return [torchy.stack(list(column)) for column in zip(*rows, strict=True)]

    batches = [torchy.stack([examples(t), examples(t)], 1) for t in s.tensors]
    compare("batch of batches", inner, batches, range(len(batches)), exactly(s), slow)


def batched_gradient(s: Subject) -> Iterator[Check]:
    """vmap of the gradient, and the gradient of vmap, against a loop."""
    k = len(s.inputs)
    every = range(k + len(s.weights))

    def one(*both: Tensor) -> list[Tensor]:
        return list(func.vjp(s.f, *both[:k])[1](list(both[k:])))

    def slow(*both: Tensor) -> list[Tensor]:
        return gradients(s.f, [leaf(arrays([x])[0]) for x in both[:k]], both[k:])

    def outside() -> None:
        both = in_batches(s, s.weights, every)
        found = gradients(func.vmap(s.f), [leaf(arrays([x])[0]) for x in both[:k]], both[k:])
        same("gradient of vmap", arrays(found), looped(slow, both, every))

    for marked in turns_of(s, s.weights):
        yield lambda marked=marked: compare(
            "vmap of gradient", one, in_batches(s, s.weights, marked), marked, True, slow
        )
    yield outside


def batched_tangent(s: Subject) -> Iterator[Check]:
    """vmap of the tangent, and the tangent of vmap, against a loop."""
    k = len(s.inputs)
    every = range(2 * k)

    def one(*both: Tensor) -> list[Tensor]:
        return list(func.jvp(s.f, both[:k], both[k:])[1])

    def pushed(f: Function, both: Sequence[Tensor]) -> list[np.ndarray]:
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(x, t) for x, t in zip(both[:k], both[k:], strict=True)]
            return [tangent_of(y) for y in f(*duals)]

    def slow(*both: Tensor) -> list[Tensor]:
        return [tensor_of(t) for t in pushed(s.f, both)]

    def outside() -> None:
        both = in_batches(s, s.steps, every)
        same("tangent of vmap", pushed(func.vmap(s.f), both), looped(slow, both, every))

    for marked in turns_of(s, s.steps):
        yield lambda marked=marked: compare("vmap of tangent", one, in_batches(s, s.steps, marked), marked, True, slow)
    yield outside


def batched_second(s: Subject) -> Iterator[Check]:
    """vmap of the gradient's tangent and of the gradient's gradient, against a loop."""
    k = len(s.inputs)
    us = [tensor_of(u) for u in random_like(s.inputs, 4)]

    def split(both: Sequence[Tensor]) -> tuple[Callable[..., Any], Sequence[Tensor]]:
        weights = list(both[k:])
        return lambda *xs: func.vjp(s.f, *xs)[1](weights), both[:k]

    def forward(*both: Tensor) -> list[Tensor]:
        gradient, xs = split(both)
        return list(func.jvp(gradient, tuple(xs), tuple(us))[1])

    def reverse(*both: Tensor) -> list[Tensor]:
        gradient, xs = split(both)
        return list(func.vjp(gradient, *xs)[1](tuple(us)))

    for what, f in ("tangent", forward), ("gradient", reverse):
        for marked in turns_of(s, s.weights):
            yield lambda what=what, f=f, marked=marked: compare(
                f"vmap of the gradient's {what}", f, in_batches(s, s.weights, marked), marked, True
            )


def turns_of(s: Subject, more: Sequence[np.ndarray]) -> list[Sequence[int]]:
    """Which of the inputs, and of what is multiplied with the Jacobian, are batches: all, and each alone."""
    every = range(len(s.inputs) + len(more))
    return [every, *([i] for i in every)]


def in_batches(s: Subject, more: Sequence[np.ndarray], marked: Sequence[int]) -> list[Tensor]:
    both = [tensor_of(x) for x in [*s.inputs, *more]]
    return [examples(x) if i in marked else x for i, x in enumerate(both)]


def examples(t: Tensor) -> Tensor:
    return torchy.stack([other_example(t, i) for i in range(EXAMPLES)])


def looped(f: Function, values: Sequence[Tensor], marked: Sequence[int]) -> list[np.ndarray]:
    """One call per example; those of `values` that are marked have a batch dim."""
    rows = [
        [numeric(t) for t in f(*[v.select(0, i).clone() if n in marked else v for n, v in enumerate(values)])]
        for i in range(EXAMPLES)
    ]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def compare(
    what: str, f: Function, values: Sequence[Tensor], marked: Sequence[int], defined: bool, slow: Function | None = None
) -> None:
    """vmap(f) against a loop of `slow`, or of f; shapes only if the values are not defined."""
    dims = tuple(0 if n in marked else None for n in range(len(values)))
    got = [numeric(t) for t in func.vmap(f, dims, randomness="different")(*values)]
    want = looped(slow or f, values, marked)
    if defined:
        same(what, got, want, 1e-4 if any(w.dtype.itemsize < 8 for w in want) else EXACT)
    elif [g.shape for g in got] != [w.shape for w in want]:
        raise Wrong(f"{what}: shapes {[g.shape for g in got]} instead of {[w.shape for w in want]}")
