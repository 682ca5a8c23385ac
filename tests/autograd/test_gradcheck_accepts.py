"""gradcheck and gradgradcheck accept right gradients and leave everything as it was."""

from __future__ import annotations

import itertools

import pytest
from _gradcheck_samples import COMPLEX, DTYPES, MODES, REAL, leaf, rule

import torchy as torch
from torchy.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

RIGHT = {
    "one operation": (torch.sin, lambda d: [leaf(2, 3, dtype=d)]),
    "0-d": (lambda x: x * x, lambda d: [leaf(dtype=d)]),
    "empty": (lambda x: x * 2, lambda d: [leaf(0, 3, dtype=d)]),
    "empty input, full output": (lambda x: x.sum(0) + 1, lambda d: [leaf(0, 3, dtype=d)]),
    "full input, empty output": (lambda x: x[:0], lambda d: [leaf(2, dtype=d)]),
    "several inputs": (lambda x, y: x @ y.conj(), lambda d: [leaf(2, 3, dtype=d), leaf(3, 2, dtype=d)]),
    "several outputs": (lambda x: (x.exp(), x.abs(), x.sum()), lambda d: [leaf(4, dtype=d)]),
    "a list of outputs": (lambda x: [x * x, x + 1], lambda d: [leaf(2, dtype=d)]),
    "not tensors": (lambda x, n, s: x**n * len(s), lambda d: [leaf(2, dtype=d), 3, "ab"]),
    "an input without grad": (lambda x, y: x * y, lambda d: [leaf(2, dtype=d), leaf(2, dtype=d).detach()]),
    "an unused input": (lambda x, y: x * 2, lambda d: [leaf(2, dtype=d), leaf(3, dtype=d)]),
    "an output that does not require grad": (lambda x: (x * x, x.detach() * 3), lambda d: [leaf(2, dtype=d)]),
    "the input itself": (lambda x: x, lambda d: [leaf(2, dtype=d)]),
    "a view": (lambda x: x.t()[1:], lambda d: [leaf(2, 3, dtype=d)]),
    "a transposed input": (lambda x: x * x, lambda d: [leaf(3, 2, dtype=d).detach().t().requires_grad_()]),
    "a result of another operation": (lambda x: x * x, lambda d: [leaf(3, dtype=d) * 2]),
    "conjugated": (lambda x: x.conj() * x, lambda d: [leaf(3, dtype=d)]),
    "parts": (lambda x: torch.view_as_real(x) if x.is_complex() else x.square(), lambda d: [leaf(3, dtype=d)]),
}


@pytest.mark.parametrize("name", RIGHT)
@DTYPES
@MODES
def test_right_gradients_pass(name, dtype, fast):
    f, inputs = RIGHT[name]
    assert gradcheck(f, inputs(dtype), fast_mode=fast) is True
    assert gradgradcheck(f, tuple(inputs(dtype)), fast_mode=fast) is True


@MODES
def test_real_and_complex_mix(fast):
    assert gradcheck(torch.complex, [leaf(3), leaf(3)], fast_mode=fast)
    assert gradcheck(lambda x, z: (x * z, z.abs() + x, z.imag), [leaf(3), leaf(3, dtype=COMPLEX)], fast_mode=fast)
    assert gradgradcheck(lambda x, z: x * z, [leaf(3), leaf(3, dtype=COMPLEX)], fast_mode=fast)


@MODES
def test_tensors_reached_outside_of_the_arguments_are_checked(fast):
    x, w = leaf(2), leaf(2)
    assert gradcheck(lambda x, _: x * w, (x, w), fast_mode=fast)
    with pytest.raises(GradcheckError, match="input 1"):
        gradcheck(lambda x, _: x * w.detach(), (x, w), fast_mode=fast)


@MODES
def test_a_single_tensor_and_a_single_weight_are_accepted(fast):
    x = leaf(2, 2)
    assert gradcheck(torch.exp, x, fast_mode=fast)
    assert gradgradcheck(torch.exp, x, leaf(2, 2), fast_mode=fast)
    assert gradgradcheck(torch.exp, x, [torch.ones(2, 2, dtype=REAL)], fast_mode=fast)


@DTYPES
@MODES
def test_the_inputs_and_the_random_stream_are_left_as_they_were(dtype, fast):
    x = leaf(2, 3, dtype=dtype)
    before, version, state = x.detach().clone(), x._version, torch.get_rng_state()
    assert gradcheck(torch.tanh, x, fast_mode=fast) and gradgradcheck(torch.tanh, x, fast_mode=fast)
    assert torch.equal(x.detach(), before) and x._version == version and x.grad is None
    assert torch.equal(torch.get_rng_state(), state)

    def fails_after(calls):
        left = itertools.count()

        def f(x):
            if next(left) == calls:
                raise KeyError("user")
            return x * 2

        return f

    for calls in range(3):
        with pytest.raises(KeyError):
            gradcheck(fails_after(calls), x, fast_mode=fast)
        assert torch.equal(x.detach(), before)


def test_weights_can_be_not_contiguous():
    seen = []
    scaled = rule(lambda x: x * 2, lambda x, g: seen.append(g.is_contiguous()) or g * 2)
    assert gradgradcheck(scaled, leaf(3, 2), gen_non_contig_grad_outputs=True)
    assert seen and not any(seen[:1])
    seen.clear()
    assert gradgradcheck(scaled, leaf(3, 2))
    assert all(seen[:1])
