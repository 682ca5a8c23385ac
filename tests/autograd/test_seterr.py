"""seterr: NaN and infinity are reported by the operation that makes them; zero_times_inf_is_zero."""

from __future__ import annotations

import warnings

import pytest
from _messages import error_of, here, is_off, leaf

import torchy as torch
from torchy import _errstate, autograd
from torchy._errstate import seterr
from torchy.autograd._zero_times_inf import zero_times_inf_is_zero
from torchy.autograd.anomaly_mode import detect_anomaly


def warnings_of(run):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    assert all(w.category is UserWarning and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught], [w.lineno for w in caught]


@pytest.fixture(autouse=True)
def _nothing_stays_on(no_leaks):
    yield
    assert is_off() and dict(seterr()) == {"nan": "ignore", "inf": "ignore"}


def test_seterr_raises_at_the_operation():
    x = torch.tensor([[1.0, -1.0]])
    with seterr(nan="raise"):
        text = error_of(FloatingPointError, lambda: (torch.log(x), x + 1))
    assert text.startswith("log: the result of shape (1, 2) has nan at index (0, 1); inputs were float32 (1, 2).")
    assert f'File "{__file__}", line' in text and "(torch.log(x), x + 1)" in text
    assert torch.log(x)[0, 1].isnan().item()


def test_seterr_raises_for_in_place_operations_and_for_methods():
    x = torch.tensor([-1.0, 4.0])
    with seterr(nan="raise"):
        for run in (x.clone().sqrt_, x.sqrt, x.log2, lambda: torch.stack([x, x]).log()):
            text = error_of(FloatingPointError, run)
            assert "has nan at index" in text and "(so had input" not in text


def test_seterr_names_inputs_that_held_it_already():
    x, bad = torch.ones(2), torch.tensor([1.0, float("nan")])
    with seterr(nan="raise"):
        text = error_of(FloatingPointError, lambda: x + bad)
        assert text.startswith("add: the result of shape (2,) has nan at index (1,) (so had input 1); inputs")
        text = error_of(FloatingPointError, lambda: torch.cat([x, bad]))
        assert "has nan at index (3,) (so had input 0[1])" in text


def test_seterr_warns_where_it_arises_and_goes_on():
    x = torch.tensor([-1.0, 4.0])

    def run():
        y = x.sqrt()
        (y + 1).exp().sum()  # passes it on

    with seterr(nan="warn"):
        texts, lines = warnings_of(run)
    assert len(texts) == 1 and texts[0].startswith("sqrt: the result of shape (2,) has nan at index (0,)")
    assert lines == [run.__code__.co_firstlineno + 1]


def test_seterr_raises_in_backward():
    x = leaf(0.0, 1.0)
    with seterr(nan="raise"):
        y = x.sqrt() * x
        (text, line) = error_of(FloatingPointError, y.sum().backward), here()
    assert "has nan at index (0,)" in text and line in text
    assert x.grad is None


def test_seterr_warns_in_backward_with_the_forward_line():
    x = leaf(0.0, 1.0)
    with seterr(inf="warn"):
        y, line = x.sqrt(), here()
        texts, _ = warnings_of(lambda: y.sum().backward())
    assert x.grad.tolist() == [float("inf"), 0.5]
    (text,) = [t for t in texts if t.startswith("Function 'SqrtBackward0' returned inf values in its 0th output.")]
    assert line in text


def test_seterr_treats_the_two_kinds_apart():
    x = torch.tensor([0.0, -1.0])

    def run():
        x.log()  # -inf, nan

    with seterr(nan="warn"):
        texts, _ = warnings_of(run)
        assert [t.split(" at")[0] for t in texts] == ["log: the result of shape (2,) has nan"]
        with seterr(inf="warn"):
            texts, _ = warnings_of(run)
            assert [("nan at index (1,)" in t, "inf at index (0,)" in t) for t in texts] in (
                [(True, False), (False, True)],
                [(False, True), (True, False)],
            )
        with seterr(inf="raise"):
            assert "has inf at index (0,)" in error_of(FloatingPointError, run)
    with seterr(nan="raise", inf="warn"):
        assert "has nan at index (1,)" in error_of(FloatingPointError, run)


def test_seterr_lets_numbers_pass_that_were_asked_for():
    x, mask = torch.ones(3), torch.tensor([True, False, True])
    with seterr(nan="raise", inf="raise"):
        y = x.masked_fill(mask, float("-inf"))
        torch.full((2,), float("nan"))
        z = x.clone().fill_(float("inf"))
        torch.full((3, 3), -float("inf")).triu(1) + x  # passed on
        torch.empty(100)  # whatever memory holds
        assert "mul: the result of shape (3,) has nan" in error_of(FloatingPointError, lambda: z * 0)
        assert y.softmax(0).tolist() == [0, 1, 0]


def test_seterr_returns_the_old_settings():
    old = seterr(nan="raise")
    assert dict(old) == {"nan": "ignore", "inf": "ignore"}
    before = seterr(inf="warn")
    assert dict(before) == {"nan": "raise", "inf": "ignore"} and dict(seterr()) == {"nan": "raise", "inf": "warn"}
    with seterr(nan="ignore", inf="ignore"):
        assert is_off()
    assert dict(seterr()) == {"nan": "raise", "inf": "warn"}
    seterr(**old)
    assert is_off() and isinstance(old, _errstate.ErrorState)


def test_seterr_checks_its_values():
    with pytest.raises(ValueError, match="seterr: inf='stop' is not known; use 'ignore', 'warn' or 'raise'"):
        seterr(nan="raise", inf="stop")
    assert is_off()


def test_anomaly_mode_and_seterr_together():
    x = leaf(0.0)
    with detect_anomaly(), seterr(inf="raise"):
        y, line = x.sqrt(), here()
        text = error_of(FloatingPointError, y.backward)
    assert "inf" in text and line in text


# ---- zero times infinity


def branch(x):
    return torch.where(x > 0, x.sqrt(), x)


def test_a_branch_not_taken_has_no_gradient_where_that_is_asked_for():
    x = leaf(-1.0, 4.0)
    with zero_times_inf_is_zero():
        assert autograd.grad(branch(x).sum(), x)[0].tolist() == [1, 0.25]
        with zero_times_inf_is_zero(False):
            assert autograd.grad(branch(x).sum(), x)[0].isnan().tolist() == [True, False]
        assert autograd.grad(branch(x).sum(), x)[0].tolist() == [1, 0.25]
    assert autograd.grad(branch(x).sum(), x)[0].isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    "name, at",
    [("sqrt", 0.0), ("log", 0.0), ("reciprocal", 0.0), ("rsqrt", 0.0), ("asin", -1.0), ("acosh", 0.5), ("log2", 0.0)],
)
def test_a_branch_not_taken_of_other_operations(name, at):
    x = leaf(at)
    y = torch.where(x > 7, getattr(x, name)(), 2 * x)
    with zero_times_inf_is_zero():
        assert autograd.grad(y, x)[0].tolist() == [2]


def test_gradients_that_are_not_zero_stay_infinite():
    x = leaf(0.0)
    with zero_times_inf_is_zero():
        assert autograd.grad(x.sqrt(), x)[0].tolist() == [float("inf")]


def test_it_is_about_backward_and_works_as_a_decorator():
    x = leaf(-1.0)
    y = branch(x)

    @zero_times_inf_is_zero()
    def slope():
        return autograd.grad(y, x)[0].item()

    assert slope() == 1 and is_off()

    @zero_times_inf_is_zero
    def steps():
        for _ in range(2):
            yield autograd.grad(branch(x), x)[0].item()

    for value in steps():
        assert value == 1 and is_off()


def test_it_is_put_back_after_an_error():
    with pytest.raises(KeyError):
        with zero_times_inf_is_zero():
            raise KeyError
    assert is_off()


def test_a_mode_is_told_of_an_operation_that_the_trap_refuses():
    log = []

    class Mode:
        def before_op(self, name, inputs):
            log.append(name)

        def after_op(self, token, name, outputs):
            log.append((name, outputs is None))

        def before_node(self, node):
            return None

        def after_node(self, token, node):
            return None

    torch._C._push_mode(Mode())
    try:
        with seterr(nan="raise"):
            error_of(FloatingPointError, lambda: torch.tensor([-1.0]).sqrt())
    finally:
        torch._C._pop_mode()
    assert log == ["sqrt", ("sqrt", True)]
