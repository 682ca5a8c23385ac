"""What gradcheck and gradgradcheck take and refuse."""

from __future__ import annotations

import pytest
from _gradcheck_samples import COMPLEX, MODES, REAL, leaf, rule

import torchy as torch
from torchy.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck


def test_an_input_must_require_grad():
    x = leaf(2)
    for inputs in (x.detach(), (), [3, "a"]):
        for raises in (True, False):
            with pytest.raises(ValueError, match="expects at least one input tensor to require gradient"):
                gradcheck(lambda *a: x, inputs, raise_exception=raises)
    with pytest.raises(ValueError, match="to require gradient"):
        gradgradcheck(torch.exp, x.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.complex64])
def test_a_warning_for_inputs_of_low_precision(dtype):
    x = leaf(2, dtype=dtype)
    with pytest.warns(UserWarning, match=f"Input #1 requires gradient and is {dtype}"):
        assert gradcheck(lambda n, x: x * n, [2, x], eps=0.125, atol=0.1, rtol=0.1)


def test_eps_and_tolerances_are_used():
    f, x = rule(lambda x: x * 2, lambda x, g: 2.01 * g), leaf(2)
    for fast in (False, True):
        assert not gradcheck(f, x, raise_exception=False, fast_mode=fast)
        assert gradcheck(f, x, rtol=0.01, fast_mode=fast)
        assert gradcheck(f, x, atol=0.011, rtol=0.0, fast_mode=fast)
        steps = []
        assert gradcheck(lambda x, steps=steps: steps.append(x.detach().clone()) or x * 2, x, eps=0.25, fast_mode=fast)
        assert max(float((s - x.detach()).norm()) for s in steps) == pytest.approx(0.25)


def test_shared_memory_is_an_error():
    x = torch.ones(1, 1, dtype=REAL).expand(2, 3).requires_grad_()
    with pytest.raises(RuntimeError, match="input 0 has a dimension with stride 0"):
        gradcheck(torch.exp, x)


@MODES
def test_dtypes_of_gradients_are_checked_on_request(monkeypatch, fast):
    x = leaf(2)
    assert gradcheck(torch.exp, x, check_grad_dtypes=True, fast_mode=fast)
    assert gradgradcheck(lambda x: x.to(COMPLEX) * 2j, x, check_grad_dtypes=True, fast_mode=fast)
    right = torch.autograd.grad  # which casts what a backward returns, so that it has to be replaced
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: tuple(g.float() for g in right(*a, **k)))
    assert gradcheck(torch.exp, x, fast_mode=fast, check_undefined_grad=False)
    with pytest.raises(GradcheckError, match="dtype mismatch, torch.float32 for input 0 of torch.float64"):
        gradcheck(torch.exp, x, check_grad_dtypes=True, fast_mode=fast)
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: tuple(g[:1] for g in right(*a, **k)))
    with pytest.raises(GradcheckError, match=r"incorrect size \(1,\) for input 0 of shape \(2,\)"):
        gradcheck(torch.exp, x, fast_mode=fast)


def test_outputs_must_be_tensors():
    with pytest.raises(TypeError, match="output 1 of the function is a float"):
        gradcheck(lambda x: (x, 1.0), leaf(2))


def test_batches_need_the_mode_that_they_are_batches_of():
    for option, mode in (
        ("check_batched_grad", "check_backward_ad"),
        ("check_batched_forward_grad", "check_forward_ad"),
    ):
        options = {
            option: True,
            "check_forward_ad": option == "check_batched_grad",
            "check_backward_ad": option != "check_batched_grad",
        }
        with pytest.raises(AssertionError, match=f"Setting {option}=True requires {mode} to be True"):
            gradcheck(torch.exp, leaf(2), **options)
    for option in ("check_batched_grad", "check_undefined_grad"):
        options = {"check_undefined_grad": False, option: True, "check_rev_over_rev": False, "check_fwd_over_rev": True}
        with pytest.raises(AssertionError, match=f"Setting {option}=True requires check_rev_over_rev"):
            gradgradcheck(torch.exp, leaf(2), **options)


def test_something_must_be_checked():
    with pytest.raises(AssertionError, match="check_forward_ad or check_backward_ad"):
        gradcheck(torch.exp, leaf(2), check_backward_ad=False)
    with pytest.raises(AssertionError, match="check_fwd_over_rev or check_rev_over_rev"):
        gradgradcheck(torch.exp, leaf(2), check_rev_over_rev=False)


def test_the_error_is_a_runtime_error_of_its_module():
    assert GradcheckError.__mro__[1] is RuntimeError
    assert GradcheckError.__module__ == "torchy.autograd.gradcheck"
