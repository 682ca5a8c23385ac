# Reverse mode through the real engine, once and twice, against central differences of the operation itself.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import _gradcheck
import numpy as np
import pytest
from _calls import PUBLIC, Case, arguments, cases_of, run, tensors_in
from _gradcheck import WrongGradient

import torchy
from torchy.autograd import Function

CHECKED = [
    name for name, op in PUBLIC.items()
    if op.family != "random" and any(case.slots() for case in cases_of(op)) and (op.differentiable or op.composite)
]  # fmt: skip
DRAWN = [name for name, op in PUBLIC.items() if op.family == "random" and op.differentiable]


def every(name: str, check: Callable[..., None]) -> None:
    """Run a check on all cases; one report of all that failed."""
    problems = []
    for case in cases_of(PUBLIC[name]):
        if not case.slots():
            continue
        try:
            check(case.as_function(), case.inputs(), seed=case.number)
        except WrongGradient as error:
            problems.append(f"{case}: {error}")
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("name", CHECKED)
def test_gradients_match_central_differences(name: str) -> None:
    every(name, _gradcheck.check)


@pytest.mark.parametrize("name", CHECKED)
def test_second_gradients_match_central_differences(name: str) -> None:
    every(name, _gradcheck.check_second)


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_numbers_have_zero_gradients(name: str) -> None:
    for case in cases_of(PUBLIC[name]):
        if not case.slots():
            continue
        inputs = [_gradcheck.leaf(a) for a in case.inputs()]
        outputs = case.as_function()(*inputs)
        assert outputs and all(y.requires_grad for y in outputs), str(case)
        found = torchy.autograd.grad([y.sum() for y in outputs], inputs)
        assert all(bool((g == 0).all()) for g in found), str(case)


def results_without_gradient(case: Case) -> list[Any]:
    """The results that nondiff_outputs lists, for inputs that require gradients."""
    args, kwargs = arguments(
        case.op, case.args, case.kwargs,
        lambda t: t.requires_grad_() if t.is_floating_point() or t.is_complex() else t,
    )  # fmt: skip
    out = run(case.op, args, kwargs)
    return [r for (_, n), r in zip(case.op.returns, out, strict=True) if n in case.op.nondiff_outputs]


@pytest.mark.parametrize("name", [n for n, op in PUBLIC.items() if op.nondiff_outputs])
def test_results_without_gradient_do_not_require_any(name: str) -> None:
    case = cases_of(PUBLIC[name])[0]
    tensors = tensors_in(results_without_gradient(case))
    assert tensors and not any(t.requires_grad for t in tensors)


# ---- the check itself


class Scaled(Function):
    """x * x with a gradient that is right only for scale 1."""

    @staticmethod
    def forward(ctx: Any, x: torchy.Tensor, scale: float) -> torchy.Tensor:
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x * x

    @staticmethod
    def backward(ctx: Any, grad: torchy.Tensor) -> tuple[torchy.Tensor, None]:
        (x,) = ctx.saved_tensors
        return 2 * ctx.scale * grad * x.conj(), None


@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_a_wrong_gradient_is_caught(kind: str) -> None:
    x = np.linspace(0.5, 1.5, 6).reshape(2, 3).astype(kind)
    x = x + 0.3j if kind == "complex128" else x
    _gradcheck.check(lambda t: [Scaled.apply(t, 1.0)], [x])
    for scale in (1.001, -1.0, 0.0):
        with pytest.raises(WrongGradient, match="input 0"):
            _gradcheck.check(lambda t, scale=scale: [Scaled.apply(t, scale)], [x])


def test_a_missing_conjugate_is_caught() -> None:
    x = np.array([0.5 + 0.7j, -0.2 + 0.4j])
    y = np.array([1.5 - 0.2j, 0.8 + 0.9j])
    _gradcheck.check(lambda a, b: [a * b], [x, y])
    with pytest.raises(WrongGradient):  # the gradient of a * b, the differences of a * conj(b)
        _gradcheck.check(lambda a, b: [a * (b if a.requires_grad else b.conj())], [x, y])


def test_a_gradient_that_is_lost_is_caught() -> None:
    with pytest.raises(WrongGradient):
        _gradcheck.check(lambda t: [t * t.detach()], [np.array([0.5, 1.0])])


def test_a_wrong_second_gradient_is_caught() -> None:
    x = np.array([0.5, -0.8, 1.1])

    class Cube(Function):
        @staticmethod
        def forward(ctx: Any, t: torchy.Tensor) -> torchy.Tensor:
            ctx.save_for_backward(t)
            return t**3

        @staticmethod
        def backward(ctx: Any, grad: torchy.Tensor) -> torchy.Tensor:
            (t,) = ctx.saved_tensors
            return 3 * grad * t * t.detach()  # right once, wrong when differentiated

    _gradcheck.check(lambda t: [Cube.apply(t)], [x])
    _gradcheck.check_second(lambda t: [t**3], [x])
    with pytest.raises(WrongGradient):
        _gradcheck.check_second(lambda t: [Cube.apply(t)], [x])
