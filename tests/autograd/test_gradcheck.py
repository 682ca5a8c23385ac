"""gradcheck and gradgradcheck catch every kind of wrong gradient, in both modes."""

from __future__ import annotations

import pytest
from _gradcheck_samples import COMPLEX, DTYPES, MODES, REAL, leaf, rule

import torchy as torch
from torchy.autograd import Function
from torchy.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

WRONG = {
    "sign": (lambda x: x * x, lambda x, g: -2 * g * x.conj()),
    "factor": (lambda x: x * x, lambda x, g: g * x.conj()),
    "slightly wrong factor": (lambda x: x * x, lambda x, g: 2.02 * g * x.conj()),
    "constant instead of the incoming gradient": (lambda x: x * 2, lambda x, g: torch.full_like(g, 2.0)),
    "zero": (lambda x: x * x, lambda x, g: torch.zeros_like(g)),
    "none": (lambda x: x * x, lambda x, g: None),
    "not a number": (lambda x: x * x, lambda x, g: g * float("nan")),
    "transposed": (lambda x: x.cumsum(0), lambda x, g: g.cumsum(0)),
    "one element": (lambda x: x * 2, lambda x, g: g * torch.tensor([2.0, 2.0, 2.0, 2.1], dtype=REAL)),
}
WRONG_COMPLEX = {
    "missing conj": (lambda x: x * x, lambda x, g: 2 * g * x),
    "conj of all": (lambda x: x * x, lambda x, g: 2 * (g * x.conj()).conj()),
    "only the real part": (lambda x: x * x, lambda x, g: (2 * g * x.conj()).real.to(COMPLEX)),
    "imaginary sign": (lambda x: x.imag, lambda x, g: torch.complex(torch.zeros_like(g), -g)),
    "half of the gradient of abs": (lambda x: x.abs(), lambda x, g: g * x / x.abs() / 2),
}


@pytest.mark.parametrize("name", WRONG)
@DTYPES
@MODES
def test_wrong_gradients_are_caught(name, dtype, fast):
    f, x = rule(*WRONG[name]), leaf(4, dtype=dtype)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(f, x, fast_mode=fast)
    assert gradcheck(f, x, fast_mode=fast, raise_exception=False) is False


@pytest.mark.parametrize("name", WRONG_COMPLEX)
@MODES
def test_wrong_complex_gradients_are_caught(name, fast):
    f, x = rule(*WRONG_COMPLEX[name]), leaf(2, 2, dtype=COMPLEX)
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradcheck(f, x, fast_mode=fast)


@MODES
def test_the_report_names_the_pair_and_shows_both_jacobians(fast):
    wrong = rule(lambda x: x * 2, lambda x, g: g * -3)
    with pytest.raises(GradcheckError, match="for output 1 with respect to input 2") as caught:
        gradcheck(lambda x, n, y: (x * n, wrong(y)), [leaf(2), 3, leaf(2)], fast_mode=fast)
    text = str(caught.value)
    del caught
    assert "[2.0000, 0.0000]" in text and "[-3., -0.]" in text
    assert ("fast_mode=True" in text) == fast


@pytest.mark.parametrize("part", ["real", "imag"])
@MODES
def test_a_report_of_a_complex_output_names_the_part(part, fast):
    right = "imag" if part == "real" else "real"
    unit = {"real": 1, "imag": 1j}[right]
    wrong = rule(lambda x: x * 2, lambda x, g: getattr(g, right).to(COMPLEX) * 2 * unit)
    with pytest.raises(GradcheckError, match=f"{part} part of the output"):
        gradcheck(wrong, leaf(2, dtype=COMPLEX), fast_mode=fast)


@DTYPES
@MODES
def test_a_wrong_second_gradient_is_caught_by_gradgradcheck_only(dtype, fast):
    f, x = rule(lambda x: x**3, lambda x, g: 3 * g * (x * x.detach()).conj()), leaf(3, dtype=dtype)
    assert gradcheck(f, x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="fast_mode=True" if fast else "(?s)Jacobian((?!fast_mode).)*$"):
        gradgradcheck(f, x, fast_mode=fast)
    assert gradgradcheck(f, x, fast_mode=fast, raise_exception=False) is False
    g = rule(lambda x: x**3, lambda x, g: 3 * g.detach() * (x * x).conj())  # loses the way to the weights
    assert gradcheck(g, x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="with respect to input 1"):
        gradgradcheck(g, x, fast_mode=fast)


@DTYPES
@MODES
def test_a_backward_that_differs_from_run_to_run_is_caught(dtype, fast):
    f = rule(lambda x: x * 2, lambda x, g: g * (2 + 1e-9 * torch.rand((), dtype=REAL)))
    x = leaf(3, dtype=dtype)
    with pytest.raises(GradcheckError, match="Backward is not reentrant.*nondet_tol"):
        gradcheck(f, x, fast_mode=fast)
    assert gradcheck(f, x, fast_mode=fast, nondet_tol=1e-6)
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(f, x, fast_mode=fast, nondet_tol=1e-13)
    twice = rule(lambda x: x * x, lambda x, g: 2 * f(x).conj() / 2 * g)  # the second backward runs f's
    assert gradcheck(twice, x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="not reentrant"):
        gradgradcheck(twice, x, fast_mode=fast)
    assert gradgradcheck(twice, x, fast_mode=fast, nondet_tol=1e-6)


@MODES
def test_a_lost_history_is_caught(fast):
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradcheck(lambda x: x * x.detach(), leaf(3), fast_mode=fast)
    with pytest.raises(GradcheckError, match="expected to be zero.*output 1 changes with input 0"):
        gradcheck(lambda x: (x.detach() > 9, x.detach() * 2), leaf(3), fast_mode=fast)
    with pytest.raises(GradcheckError, match="expected to be zero"):
        gradcheck(lambda x: x.detach().imag, leaf(3, dtype=COMPLEX), fast_mode=fast)
    assert gradcheck(lambda x: (x.argmax(), x.detach().sign(), x > 0), leaf(3), fast_mode=fast)
    assert gradgradcheck(lambda x: x.detach().sign(), leaf(3), fast_mode=fast)


@MODES
def test_a_term_without_the_incoming_gradient_is_caught(fast):
    # Too small for the comparison of Jacobians
    f = rule(lambda x: x * 2, lambda x, g: g * 2 + 1e-7)
    with pytest.raises(GradcheckError, match="not multiplied by grad_output"):
        gradcheck(f, leaf(3), fast_mode=fast)


def two(missing):
    """2x and 3x, where backward uses missing(x, weight) for a gradient that did not arrive."""

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            ctx.save_for_backward(x)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            (x,) = ctx.saved_tensors
            return (missing(x, 2) if g is None else 2 * g) + (missing(x, 3) if h is None else 3 * h)

    return Two.apply


def fails(x, weight):
    raise RuntimeError("no gradient came")


@MODES
def test_missing_gradients_must_act_as_zeros(fast):
    x = leaf(3)
    assert gradcheck(two(lambda x, weight: torch.zeros_like(x)), x, fast_mode=fast)
    for f, match in (
        (two(lambda x, weight: torch.ones_like(x)), "Jacobian mismatch"),
        (two(fails), "no gradient came"),
    ):
        with pytest.raises(RuntimeError, match=match):  # a gradient of one output comes without the other's
            gradcheck(f, x, fast_mode=fast)

    def both(f):
        return lambda x: sum(f(x))

    assert gradcheck(both(two(fails)), x, fast_mode=fast)
    hidden = two(lambda x, weight: torch.full_like(x, 1e-7))  # too small for the comparison of Jacobians
    with pytest.raises(GradcheckError, match=r"outputs \[0\] are undefined"):
        gradcheck(hidden, x, fast_mode=fast)
    assert gradcheck(hidden, x, fast_mode=fast, check_undefined_grad=False)


@MODES
def test_a_backward_that_fails_on_a_missing_gradient_is_caught(fast):
    class Three(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3, x * 4

        @staticmethod
        def backward(ctx, *grads):
            if sum(g is None for g in grads) == 1:  # never so where one output is differentiated alone
                raise RuntimeError("one is missing")
            return sum(n * g for n, g in zip((2, 3, 4), grads, strict=True) if g is not None)

    x = leaf(3)
    with pytest.raises(GradcheckError, match=r"fails \(one is missing\) where .* outputs \[0\] are undefined"):
        gradcheck(Three.apply, x, fast_mode=fast)
    assert gradcheck(Three.apply, x, fast_mode=fast, check_undefined_grad=False)


@MODES
def test_the_shape_of_a_gradient_is_checked(fast):
    with pytest.raises(RuntimeError, match=r"RuleBackward returned an invalid gradient.*\(3,\).*\(2, 3\)"):
        gradcheck(rule(lambda x: x * 2, lambda x, g: 2 * g.sum(0)), leaf(2, 3), fast_mode=fast)
