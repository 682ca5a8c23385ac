"""Anomaly mode: what the messages name, and that nothing stays on."""

from __future__ import annotations

import sys
import threading

import pytest
from _messages import error_of, here, is_off, leaf

import torchy as torch
from torchy import autograd
from torchy._errstate import seterr
from torchy.autograd import anomaly_mode
from torchy.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly


@pytest.fixture(autouse=True)
def _nothing_stays_on(no_leaks):
    yield
    assert is_off() and dict(seterr()) == {"nan": "ignore", "inf": "ignore"}


class Broken(autograd.Function):
    @staticmethod
    def forward(ctx, x, what):
        ctx.what = what
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        if isinstance(ctx.what, str):
            raise KeyError(ctx.what)
        return grad * ctx.what, None


# ---- gradients that are not finite


def test_nan_in_backward_names_operation_shape_index_and_line():
    x = torch.tensor([[0.0, 1, 4], [9, -1, 1]], requires_grad=True)
    with detect_anomaly():
        y, line = x.sqrt(), here()
        text = error_of(RuntimeError, y.sum().backward)
    assert text.startswith("Function 'SqrtBackward0' returned nan values in its 0th output.")
    assert "gradient of sqrt, of shape (2, 3), is at index (1, 1)" in text
    assert line in text and "y, line = x.sqrt(), here()" in text


def test_the_number_of_the_gradient_is_named():
    x, y = leaf(1.0), leaf(0.0)
    with detect_anomaly():
        z = x * 0 / y
        text = error_of(RuntimeError, z.backward)
    assert text.startswith("Function 'DivBackward0' returned nan values in its 1th output.")


def test_infinity_is_found_only_if_asked_for():
    x = leaf(0.0, 1.0)
    with detect_anomaly():
        x.sqrt().sum().backward()
    assert x.grad[0].item() == float("inf")
    with detect_anomaly(check_nan=False, check_inf=True):
        with set_detect_anomaly(False):
            pass
        y, line = x.sqrt(), here()
        text = error_of(RuntimeError, y.sum().backward)
    assert text.startswith("Function 'SqrtBackward0' returned inf values in its 0th output.")
    assert "index (0,)" in text and line in text


def test_nan_is_let_pass_if_asked_for():
    x = leaf(-1.0)
    with detect_anomaly(check_nan=False):
        x.sqrt().backward()
    assert x.grad.isnan().item()
    with detect_anomaly(check_nan=False, check_inf=True):
        x.sqrt().backward()


def test_scalars_and_views_have_their_index():
    x = torch.tensor([1.0, -1.0], requires_grad=True)
    with detect_anomaly():
        text = error_of(RuntimeError, x[1].sqrt().backward)
    assert "of shape (), is at index ()" in text


def test_a_node_recorded_outside_has_no_line():
    y = leaf(-1.0).sqrt()
    with detect_anomaly():
        text = error_of(RuntimeError, y.backward)
    assert "SqrtBackward0 was recorded outside anomaly mode" in text


def test_the_line_of_a_helper_and_of_its_caller_are_named():
    def helper(x):
        return x.sqrt(), here()

    with detect_anomaly():
        (y, inner), outer = helper(leaf(-1.0)), here()
        text = error_of(RuntimeError, y.backward)
    assert text.index(outer) < text.index(inner)


def test_a_node_that_backward_recorded_has_the_line_of_that_backward():
    x = leaf(0.0)
    with detect_anomaly(check_inf=True):
        (g,), line = autograd.grad(x**1.5, x, create_graph=True), here()
        text = error_of(RuntimeError, g.backward)
    assert "returned inf values in its 0th output" in text and line in text


def test_nan_from_a_function_of_the_user():
    with detect_anomaly():
        y, line = Broken.apply(leaf(1.0, 2.0), float("nan")), here()
        text = error_of(RuntimeError, y.sum().backward)
    assert text.startswith("Function 'BrokenBackward' returned nan values in its 0th output.")
    assert "index (0,)" in text and line in text


# ---- other errors in backward


def test_an_exception_of_the_user_passes_with_a_note():
    with detect_anomaly():
        y, line = Broken.apply(leaf(1.0), "mine"), here()
        try:
            y.backward()
        except KeyError as error:
            assert str(error) == "'mine'"
            names = []
            trace = error.__traceback__
            while trace is not None:
                names.append(trace.tb_frame.f_code.co_name)
                trace = trace.tb_next
            assert names[-1] == "backward"  # the user's own
            notes = getattr(error, "__notes__", None)
        else:
            raise AssertionError("no error")
    if sys.version_info >= (3, 11):
        assert len(notes) == 1 and "BrokenBackward was made by" in notes[0] and line in notes[0]


def test_a_value_changed_in_place_names_both_lines():
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        y = x * 1
        z, made = y * y, here()
        changed = (y.add_(1), here())[1]
        text = error_of(RuntimeError, z.sum().backward)
    assert "modified by an inplace operation" in text and "add_" in text
    assert text.count(made) == 1 and text.count(changed) == 1
    assert "z, made = y * y, here()" in text and "changed = (y.add_(1), here())[1]" in text


def test_a_change_through_a_view_is_named():
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        y = x * 1
        z, made = y.exp(), here()
        z[0] = 5
        changed = here().replace(f"line {sys._getframe().f_lineno}", f"line {sys._getframe().f_lineno - 1}")
        w = y * z.detach()
        text = error_of(RuntimeError, z.sum().backward)
    assert made in text and changed in text
    assert w.requires_grad


def test_a_change_before_the_mode_was_on_has_no_line():
    y = leaf(1.0) * 1
    z = y * y
    y.add_(1)
    with detect_anomaly():
        text = error_of(RuntimeError, z.backward)
    assert "modified by an inplace operation" in text and "recorded outside anomaly mode" in text
    assert "changed in place at" not in text


def test_metadata_holds_the_frames():
    x = leaf(1.0)
    assert x.exp().grad_fn.metadata == {}
    with detect_anomaly():
        node, line = x.exp().grad_fn, here()
    code, number = node.metadata["traceback_"][:2]
    assert f'File "{code.co_filename}", line {number}, in {code.co_name}' == line


# ---- modes


def test_modes_nest_and_are_put_back():
    assert not anomaly_mode.is_anomaly_enabled() and anomaly_mode.is_anomaly_check_nan_enabled()
    with detect_anomaly(check_nan=False):
        assert anomaly_mode.is_anomaly_enabled() and not anomaly_mode.is_anomaly_check_nan_enabled()
        with detect_anomaly():
            assert anomaly_mode.is_anomaly_check_nan_enabled()
            with set_detect_anomaly(False):
                assert not anomaly_mode.is_anomaly_enabled()
            assert anomaly_mode.is_anomaly_enabled()
        assert anomaly_mode.is_anomaly_enabled() and not anomaly_mode.is_anomaly_check_nan_enabled()
    assert not anomaly_mode.is_anomaly_enabled() and anomaly_mode.is_anomaly_check_nan_enabled()
    mode = detect_anomaly()
    with mode, mode:
        pass
    assert is_off()


def test_public_names_are_these():
    assert torch.seterr is seterr and torch.is_anomaly_enabled is anomaly_mode.is_anomaly_enabled
    assert torch.is_anomaly_check_nan_enabled is anomaly_mode.is_anomaly_check_nan_enabled
    assert autograd.detect_anomaly is detect_anomaly and autograd.set_detect_anomaly is set_detect_anomaly
    assert autograd.anomaly_mode is anomaly_mode and autograd.graph.saved_tensors_hooks


def test_set_detect_anomaly_is_also_a_function():
    set_detect_anomaly(True, check_nan=False)
    assert anomaly_mode.is_anomaly_enabled() and not anomaly_mode.is_anomaly_check_nan_enabled()
    anomaly_mode.set_anomaly_enabled(False)
    assert is_off() and anomaly_mode.is_anomaly_check_nan_enabled()


def test_the_mode_is_put_back_after_an_error():
    with pytest.raises(KeyError):
        with detect_anomaly(), seterr(nan="raise"):
            raise KeyError
    assert is_off()


def test_modes_take_bools():
    with pytest.raises(TypeError, match="mode must be a bool, not int"):
        set_detect_anomaly(1)
    with pytest.raises(TypeError, match="check_nan must be a bool"), detect_anomaly(check_nan="yes"):
        raise AssertionError("entered")
    assert is_off()


def test_modes_are_of_one_thread():
    seen = []
    with detect_anomaly(), seterr(nan="raise"):

        def look():
            seen.append((anomaly_mode.is_anomaly_enabled(), dict(seterr()), is_off()))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [(False, {"nan": "ignore", "inf": "ignore"}, True)]
