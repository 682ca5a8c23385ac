"""What docs/derivatives.md and test_forward_mode.py say of an operation: one function for each column, which runs it.

A column's function gives the checks of one sample, each a call that raises if the operation is wrong. Tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from _calls import ERRORS, tensor_of, tensors_in
from _derivatives import (
    EXACT,
    TOLERANCE,
    Subject,
    random_like,
    same,
    same_inner,
    tangent_of,
    two_levels,
    zeros_like,
)  # fmt: skip
from _gradcheck import arrays, gradients, leaf

import torchy
from torchy import Tensor
from torchy.autograd import forward_ad

Check = Callable[[], None]


def reverse(s: Subject) -> Iterator[Check]:
    """The gradient by each input against central differences."""

    def check(i: int) -> None:
        same_inner(f"gradient by input {i}", ([s.gradients[i]], [s.steps[i]]), (s.weights, s.differences[i]), TOLERANCE)

    yield from (lambda i=i: check(i) for i in range(len(s.inputs)))


def forward(s: Subject) -> Iterator[Check]:
    """The tangent from each input against central differences and the gradient; the tangent from all is their sum."""

    def check(i: int) -> None:
        tangents = s.tangents(i)
        same(f"tangent from input {i}", tangents, s.differences[i], TOLERANCE)
        same_inner(f"adjointness of input {i}", (s.weights, tangents), ([s.gradients[i]], [s.steps[i]]), EXACT)

    def together() -> None:
        parts = [s.tangents(i) for i in range(len(s.inputs))]
        total = [np.asarray(sum(column)) for column in zip(*parts, strict=True)]
        same("tangent from all inputs", s.tangents(), total)

    yield from (lambda i=i: check(i) for i in range(len(s.inputs)))
    if len(s.inputs) > 1:
        yield together


def in_place(s: Subject) -> Iterator[Check]:
    """The in-place form leaves the tangent of the other form in its tensor, and in what that is a view of."""
    if "inplace" not in s.op.forms or not s.tensors or not in_place_fits(s):
        return

    def check(only: int | None, view: bool) -> None:
        want, other = s.tangents(only), 0.0
        with forward_ad.dual_level():
            full = s.with_inputs(s.duals(only))
            base = torchy.stack([full[0], full[0]], -1).clone() if view else full[0].clone()
            if view:
                other = tangent_of(base.select(-1, 0))
            full[0] = base.select(-1, 1) if view else base
            result = s.in_place(full)
            same("tangent of what the in-place form returns", [tangent_of(result)], want)
            same("tangent of the changed tensor", [tangent_of(full[0])], want)
            if view:
                row = tangent_of(base)
                same("tangent of the changed tensor's base", [row[..., 1]], want)
                same("tangent of the rest of the base", [row[..., 0]], [np.asarray(other)])

    for only in turns(s):
        for view in False, True:
            yield lambda only=only, view=view: check(only, view)


def turns(s: Subject) -> list[int | None]:
    """Which inputs have tangents: all (None), and each alone."""
    return [None, *range(len(s.inputs))] if len(s.inputs) > 1 else [None]


def in_place_fits(s: Subject) -> bool:
    """Whether the in-place form can hold the result: the first argument has its shape and dtype."""
    results = s.call(s.tensors)
    first = s.put(s.tensors)[0][0]
    return len(results) == 1 and isinstance(first, Tensor) and tensors_in(results) == results and (
        (results[0].shape, results[0].dtype) == (first.shape, first.dtype)
    )  # fmt: skip


def on_views(s: Subject) -> Iterator[Check]:
    """Inputs that are views of dual tensors give the same. A change of the result in place shows in the tangents of
    the inputs that it is a view of, and in no other."""

    def check(dim: int) -> None:
        with forward_ad.dual_level():
            pairs = zip(s.inputs, s.steps, strict=True)
            views = [forward_ad.make_dual(wide(x, dim), wide(d, dim)).select(dim, 1) for x, d in pairs]
            found = [tangent_of(y) for y in s.f(*views)]
        same("tangent from views", found, s.tangents())

    def write_through(only: int | None) -> None:
        plain = [tensor_of(d) for d in s.steps]
        for y in s.f(*plain):
            y.mul_(2)
        want = [p if only in (None, i) else np.zeros_like(p) for i, p in enumerate(arrays(plain))]
        with forward_ad.dual_level():
            xs = [x.clone() for x in s.duals(only)]
            outputs = s.f(*xs)
            twice = [2 * tangent_of(y) for y in outputs]
            for y in outputs:
                y.mul_(2)
            if len(outputs) == 1:  # several may overlap
                same("tangent of the changed result", [tangent_of(y) for y in outputs], twice)
            same("tangent of the inputs after a change of the result", [tangent_of(x) for x in xs], want)

    for dim in -1, 0:  # a strided view; one with an offset
        if same_on_views(s, dim):
            yield lambda dim=dim: check(dim)
    if changeable(s):
        yield from (lambda only=only: write_through(only) for only in turns(s))


def same_on_views(s: Subject, dim: int) -> bool:
    """False for what needs a stride or reads memory by its position, as as_strided does."""
    try:
        with torchy.no_grad():
            values = arrays(s.f(*[wide(x, dim).select(dim, 1) for x in s.inputs]))
    except ERRORS:
        return False
    return all(np.array_equal(v, o, equal_nan=True) for v, o in zip(values, s.outputs, strict=True))


def wide(x: np.ndarray, dim: int) -> Tensor:
    """The base of a view of x: select(dim, 1) is x."""
    return torchy.stack([tensor_of(x) + 1, tensor_of(x)], dim)


def changeable(s: Subject) -> bool:
    """Whether the results may be changed in place. Not those of expand, for one, nor parts of one memory, nor what
    takes over its input's memory without being a view, as some operations do that only rules call."""
    plain = [tensor_of(d) for d in s.steps]
    try:
        results = s.f(*plain)
        for y in results:
            y.mul_(2)
    except ERRORS:
        return False
    some = [y.data_ptr() for y in results if y.numel()]
    shared = not all(np.array_equal(p, d) for p, d in zip(arrays(plain), s.steps, strict=True))
    return len(set(some)) == len(some) and (not shared or all(y._is_view() for y in results))


# ---- second derivatives


def reverse_over_reverse(s: Subject) -> Iterator[Check]:
    """The gradient of the gradient, by the inputs and by the weights, against differences of the gradient."""

    def check() -> None:
        extra, us = random_like(s.outputs, 3), random_like(s.inputs, 4)
        xs, vs = [leaf(x) for x in s.inputs], [leaf(v) for v in s.weights]
        first = gradients(s.f, xs, vs, graph=True)
        found = gradients(lambda *_: first, [*xs, *vs], [tensor_of(u) for u in us])
        want = [h + g for h, g in zip(s.curvature, s.gradients_at(s.inputs, extra), strict=True)]
        same_inner("gradient of the gradient", (arrays(found), [*s.steps, *extra]), (us, want), TOLERANCE)

    yield check


def forward_over_reverse(s: Subject) -> Iterator[Check]:
    """The gradient's tangent, from the inputs and from the weights, against differences of the gradient."""

    def check() -> None:
        extra = random_like(s.outputs, 3)
        want = [np.asarray(h + g) for h, g in zip(s.curvature, s.gradients_at(s.inputs, extra), strict=True)]
        with forward_ad.dual_level():
            vs = [forward_ad.make_dual(tensor_of(v), tensor_of(d)) for v, d in zip(s.weights, extra, strict=True)]
            found = gradients(s.f, s.duals(make=leaf), vs)
            same("tangent of the gradient", [tangent_of(g) for g in found], want, TOLERANCE)

    yield check


def reverse_over_forward(s: Subject) -> Iterator[Check]:
    """The gradient of the tangent, by the inputs against differences of the gradient, by the steps the gradient."""

    def check() -> None:
        es = random_like(s.inputs, 5)
        xs, ds = [leaf(x) for x in s.inputs], [leaf(e) for e in es]
        with forward_ad.dual_level():
            outputs = s.f(*[forward_ad.make_dual(x, d) for x, d in zip(xs, ds, strict=True)])
            tangents = [forward_ad.unpack_dual(y).tangent for y in outputs]
        pairs = [(t, v) for t, v in zip(tangents, s.weights, strict=True) if t is not None]
        found = gradients(lambda *_: [t for t, _ in pairs], [*xs, *ds], [tensor_of(v) for _, v in pairs])
        by_inputs, by_steps = arrays(found[: len(xs)]), arrays(found[len(xs) :])
        same_inner("gradient of the tangent by the inputs", (by_inputs, s.steps), (s.curvature, es), TOLERANCE)
        same("gradient of the tangent by the steps", by_steps, s.gradients)

    yield check


def forward_over_forward(s: Subject) -> Iterator[Check]:
    """The tangent's tangent against differences of the gradient."""

    def check() -> None:
        es = random_like(s.inputs, 5)
        with two_levels() as outer:
            duals = [
                forward_ad.make_dual(forward_ad.make_dual(tensor_of(x), tensor_of(d), level=outer), tensor_of(e))
                for x, d, e in zip(s.inputs, s.steps, es, strict=True)
            ]
            tangents = [forward_ad.unpack_dual(y).tangent for y in s.f(*duals)]
            second = [None if t is None else forward_ad.unpack_dual(t, level=outer).tangent for t in tangents]
            found = [z if t is None else arrays([t])[0] for t, z in zip(second, zeros_like(s.outputs), strict=True)]
        same_inner("tangent of the tangent", (s.weights, found), (s.curvature, es), TOLERANCE)

    yield check
