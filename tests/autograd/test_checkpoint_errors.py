"""utils.checkpoint: the errors of what it cannot do, and of functions that do not the same twice."""

from __future__ import annotations

import functools
import traceback

import pytest

import torchy as torch
from torchy.utils.checkpoint import CheckpointError, checkpoint as any_checkpoint, checkpoint_sequential

checkpoint = functools.partial(any_checkpoint, use_reentrant=False)


def leaf(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def changing(*results):
    """A function that gives another of `results` at every call."""
    left = list(results)
    return lambda t: left.pop(0)(t)


def test_an_exception_in_the_second_call_keeps_its_traceback():
    x, calls = leaf(3), []

    def fails_later(t):
        calls.append(None)
        if len(calls) > 1:
            raise KeyError("the second call")
        return t * 2

    y = checkpoint(fails_later, x).sum()
    with pytest.raises(KeyError, match="the second call") as caught:
        y.backward()
    assert "fails_later" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    del caught
    with pytest.raises(ZeroDivisionError):
        checkpoint(lambda t: t / (1 // 0), x)


@pytest.mark.parametrize(
    "second, message",
    [
        (lambda t: (t * 2, t), "had 1 outputs that require grad, and its recomputation in backward has 2"),
        (lambda t: t[:2] * 2, r"number 0 was \(3,\), torch.float64 .* is \(2,\), torch.float64"),
        (lambda t: t.float(), r"number 0 was \(3,\), torch.float64 .* is \(3,\), torch.float32"),
        (lambda t: t * torch.ones(3, requires_grad=True), "had 0 parameters, .* has 1"),
        (lambda t: t.detach(), "had 1 outputs that require grad, .* has 0"),
    ],
)
def test_another_second_computation_is_an_error(second, message):
    y = checkpoint(changing(lambda t: t * 2, second), leaf(3)).sum()
    with pytest.raises(CheckpointError, match=message):
        y.backward()
    assert issubclass(CheckpointError, RuntimeError)


def test_determinism_check_none_leaves_out_dtypes():
    x = leaf(3)
    f = changing(lambda t: t * 2, lambda t: (t * 3).float())
    checkpoint(f, x, determinism_check="none").sum().backward()
    assert x.grad.tolist() == [3.0] * 3


def test_what_cannot_be_differentiated_is_an_error():
    x = leaf(3)
    outside = [x.exp()]
    with pytest.raises(RuntimeError, match=r"tensor made by ExpBackward0 outside of it"):
        checkpoint(lambda t: t * outside[0], x)
    kept = []
    y = checkpoint(lambda t: kept.append(t * 2) or t * 3, x)
    with pytest.raises(RuntimeError, match="kept elsewhere; return that tensor"):
        kept[0].sum().backward()
    y.sum().backward()
    holder = type("Holder", (), {})

    def hides(t):
        h = holder()
        h.inner = t * 2
        return h

    with pytest.raises(TypeError, match="returned a Holder whose attribute 'inner'"):
        checkpoint(hides, x)


def test_changes_in_place_are_errors():
    x, buffer, p = leaf(3), torch.zeros(3), leaf(3)
    with pytest.raises(RuntimeError, match=r"changed tensor argument 1 of shape \(3,\) in place.*clone"):
        checkpoint(lambda t, b: t * b.add_(1), x, buffer)
    with pytest.raises(RuntimeError, match="in-place"):
        checkpoint(lambda t: t.mul_(2), x * 1)
    for changed in (x, p):
        y = checkpoint(lambda t: t * p, x).sum()
        with torch.no_grad():
            changed.add_(1)
        with pytest.raises(RuntimeError, match="modified by an in-?place"):
            y.backward()


def test_arguments_that_are_not_supported_are_errors():
    x = leaf(3)
    with pytest.warns(UserWarning, match="use_reentrant was not passed"):
        any_checkpoint(torch.exp, x)
    with pytest.raises(NotImplementedError, match="use_reentrant=True"):
        any_checkpoint(torch.exp, x, use_reentrant=True)
    with pytest.raises(NotImplementedError, match="debug=True"):
        checkpoint(torch.exp, x, debug=True)
    with pytest.raises(ValueError, match="determinism_check must be"):
        checkpoint(torch.exp, x, determinism_check="all")


def test_checkpoint_sequential_refuses_bad_arguments():
    for segments in (0, 4, -1):
        with pytest.raises(ValueError, match="give 1 to 3"):
            checkpoint_sequential([torch.sin] * 3, segments, leaf(2), use_reentrant=False)
    with pytest.raises(ValueError, match="unexpected keyword arguments other"):
        checkpoint_sequential([torch.sin], 1, leaf(2), use_reentrant=False, other=1)


def test_assigning_to_an_outer_tensor_is_an_error():
    x = leaf(3)
    total = x.sum()

    def f(t):
        nonlocal total
        total = total + t.sum()
        return t * 2

    with pytest.raises(RuntimeError, match="assigned to an outer variable"):
        checkpoint(f, x)


def test_another_number_of_operations_is_an_error():
    x = leaf(3)
    f = changing(lambda t: t.exp() * 2, lambda t: t * 2, lambda t: t * 2)
    y = checkpoint(f, x).sum()
    with pytest.raises(CheckpointError, match="recorded 2 operations, .* 1; the function must do the same"):
        y.backward()
    assert x.grad is None


def test_the_message_of_a_tensor_found_nowhere_says_what_to_do():
    class Holder:
        def __init__(self, t):
            self.t = t

        def __call__(self, x):
            return x * self.t

    x = leaf(3)
    with pytest.raises(RuntimeError, match="made by ExpBackward0 outside of it, and not in its closure; pass that"):
        checkpoint(Holder(x.exp()), x)
