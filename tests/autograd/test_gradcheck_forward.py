"""gradcheck and gradgradcheck in forward mode and under vmap: what is accepted, which wrong rules are caught."""

from __future__ import annotations

import pytest
from _gradcheck_samples import COMPLEX, DTYPES, MODES, REAL, leaf

import torchy as torch
from torchy.autograd import Function
from torchy.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

FORWARD = {"check_forward_ad": True, "check_backward_ad": False}
EVERYTHING = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}


def rule(forward, jvp, backward=None):
    """The function of one tensor with this forward, jvp(x, tangent) and backward(x, grad)."""

    class Rule(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return forward(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def jvp(ctx, t):
            return jvp(*ctx.saved_tensors, t)

        @staticmethod
        def backward(ctx, g):
            return backward(*ctx.saved_tensors, g)

    return Rule.apply


RIGHT = {
    "one operation": (torch.sin, lambda d: [leaf(2, 3, dtype=d)]),
    "0-d": (lambda x: x * x, lambda d: [leaf(dtype=d)]),
    "empty": (lambda x: x * 2, lambda d: [leaf(0, 3, dtype=d)]),
    "several inputs": (lambda x, y: x @ y.conj(), lambda d: [leaf(2, 3, dtype=d), leaf(3, 2, dtype=d)]),
    "several outputs": (lambda x: (x.exp(), x.abs(), x.sum()), lambda d: [leaf(4, dtype=d)]),
    "not tensors": (lambda x, n, s: x**n * len(s), lambda d: [leaf(2, dtype=d), 3, "ab"]),
    "an input without grad": (lambda x, y: x * y, lambda d: [leaf(2, dtype=d), leaf(2, dtype=d).detach()]),
    "an unused input": (lambda x, y: x * 2, lambda d: [leaf(2, dtype=d), leaf(3, dtype=d)]),
    "an output that does not require grad": (lambda x: (x * x, x.detach() * 3), lambda d: [leaf(2, dtype=d)]),
    "a view": (lambda x: x.t()[1:], lambda d: [leaf(2, 3, dtype=d)]),
    "in place": (lambda x: x.clone().mul_(x).sin_(), lambda d: [leaf(3, dtype=d)]),
    "conjugated": (lambda x: x.conj() * x, lambda d: [leaf(3, dtype=d)]),
    "a rule": (
        rule(lambda x: x * x, lambda x, t: 2 * x * t, lambda x, g: 2 * x.conj() * g),
        lambda d: [leaf(3, dtype=d)],
    ),
}


@pytest.mark.parametrize("name", RIGHT)
@DTYPES
@MODES
def test_right_rules_pass(name, dtype, fast):
    f, inputs = RIGHT[name]
    assert gradcheck(f, inputs(dtype), fast_mode=fast, **EVERYTHING) is True
    assert gradgradcheck(f, inputs(dtype), fast_mode=fast, check_fwd_over_rev=True, check_batched_grad=True) is True


@MODES
def test_real_and_complex_mix(fast):
    x, z = leaf(3), leaf(3, dtype=COMPLEX)
    assert gradcheck(torch.complex, [x, leaf(3)], fast_mode=fast, **EVERYTHING)
    assert gradcheck(lambda x, z: (x * z, z.abs() + x, z.imag), [x, z], fast_mode=fast, **EVERYTHING)


WRONG = {
    "sign": (lambda x: x * x, lambda x, t: -2 * x * t),
    "factor": (lambda x: x * x, lambda x, t: x * t),
    "slightly wrong factor": (lambda x: x * x, lambda x, t: 2.02 * x * t),
    "constant": (lambda x: x * 2, lambda x, t: torch.full_like(t, 2.0)),
    "zero": (lambda x: x * x, lambda x, t: torch.zeros_like(t)),
    "not a number": (lambda x: x * x, lambda x, t: t * float("nan")),
    "transposed": (lambda x: x.cumsum(0), lambda x, t: t.flip(0).cumsum(0).flip(0)),
    "one element": (lambda x: x * 2, lambda x, t: t * torch.tensor([2.0, 2.0, 2.0, 2.1], dtype=REAL)),
}
WRONG_COMPLEX = {
    "conj": (lambda x: x * x, lambda x, t: 2 * x.conj() * t),
    "conj of the tangent": (lambda x: x * x, lambda x, t: 2 * x * t.conj()),
    "only the real part": (lambda x: x * x, lambda x, t: (2 * x * t).real.to(COMPLEX)),
    "imaginary sign": (lambda x: x.imag * 1, lambda x, t: -t.imag),
}


@pytest.mark.parametrize("name", WRONG)
@DTYPES
@MODES
def test_wrong_tangents_are_caught(name, dtype, fast):
    f, x = rule(*WRONG[name], lambda x, g: g), leaf(4, dtype=dtype)
    text = "Jacobian computed with forward mode mismatch for output 0 with respect to input 0"
    with pytest.raises(GradcheckError, match=text):
        gradcheck(f, x, fast_mode=fast, **FORWARD)
    assert gradcheck(f, x, fast_mode=fast, raise_exception=False, **FORWARD) is False


@pytest.mark.parametrize("name", WRONG_COMPLEX)
@MODES
def test_wrong_complex_tangents_are_caught(name, fast):
    f, x = rule(*WRONG_COMPLEX[name], lambda x, g: g), leaf(2, 2, dtype=COMPLEX)
    with pytest.raises(GradcheckError, match="forward mode mismatch"):
        gradcheck(f, x, fast_mode=fast, **FORWARD)


@MODES
def test_each_mode_is_checked_alone(fast):
    x = leaf(3)
    wrong_jvp = rule(lambda x: x * x, lambda x, t: 3 * x * t, lambda x, g: 2 * x * g)
    wrong_backward = rule(lambda x: x * x, lambda x, t: 2 * x * t, lambda x, g: 3 * x * g)
    assert gradcheck(wrong_jvp, x, fast_mode=fast) and gradcheck(wrong_backward, x, fast_mode=fast, **FORWARD)
    for f in (wrong_jvp, wrong_backward):
        with pytest.raises(GradcheckError, match="mismatch"):
            gradcheck(f, x, fast_mode=fast, check_forward_ad=True)


def test_the_report_shows_both_jacobians():
    wrong = rule(lambda x: x * 2, lambda x, t: t * -3, lambda x, g: 2 * g)
    with pytest.raises(GradcheckError, match="for output 1 with respect to input 2") as caught:
        gradcheck(lambda x, n, y: (x * n, wrong(y)), [leaf(2), 3, leaf(2)], check_forward_ad=True)
    text = str(caught.value)
    del caught
    assert "[2.0000, 0.0000]" in text and "[-3., -0.]" in text and "correct the jvp" in text


@MODES
def test_a_missing_tangent_must_act_as_zeros(fast):
    class Sum(Function):
        @staticmethod
        def forward(x, y):
            return x + 2 * y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.set_materialize_grads(False)

        @staticmethod
        def jvp(ctx, s, t):
            # Too small for the comparison of Jacobians
            return (0 if s is None else s) + (1e-4 if t is None else 2 * t)

        @staticmethod
        def backward(ctx, g):
            return g, 2 * g

    x, y = leaf(3), leaf(3)
    with pytest.raises(GradcheckError, match="output with index 0 when input 1 has an undefined tangent value"):
        gradcheck(Sum.apply, [x, y], fast_mode=fast, atol=1e-3, **FORWARD)
    assert gradcheck(Sum.apply, [x, y], fast_mode=fast, atol=1e-3, check_undefined_grad=False, **FORWARD)


def bad_batch(forward_mode):
    """2x, with a rule that is wrong for a batch: it sees from the number of dims of what is captured."""

    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return scaled(g) if not forward_mode else g * 2

        @staticmethod
        def jvp(ctx, t):
            return scaled(t) if forward_mode else t * 2

    def scaled(v):
        return v * (3 if torch._C._vmap_levels() else 2)

    return Twice.apply


@MODES
def test_a_rule_that_differs_for_batches_is_caught(fast):
    x = leaf(3)
    with pytest.raises(GradcheckError, match="batched gradients in backward differ for output 0 and input 0"):
        gradcheck(bad_batch(False), x, fast_mode=fast, check_batched_grad=True)
    with pytest.raises(GradcheckError, match="batched gradients in forward mode differ for output 0 and input 0"):
        gradcheck(bad_batch(True), x, fast_mode=fast, check_forward_ad=True, check_batched_forward_grad=True)
    assert gradcheck(bad_batch(True), x, fast_mode=fast, check_forward_ad=True, check_batched_grad=True)


@MODES
def test_a_rule_that_vmap_cannot_run_is_caught(fast):
    def needs_values(x, v):
        return v * 2 if v.sum().item() < 1e9 else v

    x = leaf(3)
    f = rule(lambda x: x * 2, needs_values, needs_values)
    assert gradcheck(f, x, fast_mode=fast, check_forward_ad=True)
    for options in ({"check_batched_grad": True}, {"check_forward_ad": True, "check_batched_forward_grad": True}):
        with pytest.raises(GradcheckError, match="While computing batched gradients"):
            gradcheck(f, x, fast_mode=fast, **options)


@MODES
def test_a_wrong_second_derivative_is_caught_in_forward_mode_over_backward(fast):
    x = leaf(3)
    f = rule(lambda x: x**3, lambda x, t: 3 * x * x * t, lambda x, g: 3 * g * x * x.detach())
    assert gradcheck(f, x, fast_mode=fast, check_forward_ad=True)
    for options in ({}, {"check_fwd_over_rev": True, "check_rev_over_rev": False, "check_undefined_grad": False}):
        with pytest.raises(GradcheckError, match="mismatch"):
            gradgradcheck(f, x, fast_mode=fast, **options)


@MODES
def test_tangents_have_the_dtype_of_their_output(fast):
    assert gradcheck(lambda x: x.to(COMPLEX) * 2j, leaf(2), fast_mode=fast, check_grad_dtypes=True, **FORWARD)


def test_a_missing_jvp_is_no_failed_check():
    class NoJvp(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with pytest.raises(NotImplementedError, match="jvp"):
        gradcheck(NoJvp.apply, leaf(2), check_forward_ad=True, raise_exception=False)


@DTYPES
@MODES
def test_the_inputs_are_left_as_they_were(dtype, fast):
    x = leaf(2, 3, dtype=dtype)
    before, version, state = x.detach().clone(), x._version, torch.get_rng_state()
    assert gradcheck(torch.tanh, x, fast_mode=fast, **EVERYTHING)
    assert gradgradcheck(torch.tanh, x, fast_mode=fast, check_fwd_over_rev=True)
    assert torch.equal(x.detach(), before) and x._version == version and x.grad is None and x.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
