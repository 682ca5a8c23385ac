"""Version counters, and the error of a saved value that was changed."""

from __future__ import annotations

import pytest

import torchy as torch


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def test_what_counts_as_a_change():
    t = torch.zeros(4)
    view = t[1:]
    changes = [
        lambda: t.add_(1), lambda: view.mul_(2), lambda: t.__setitem__(0, 5.0), lambda: t.copy_(torch.ones(4)),
        lambda: t.fill_(2), lambda: t.zero_(), lambda: view.exp_(), lambda: t.detach().add_(1),
        lambda: torch.add(torch.ones(4), 1, out=t),
    ]  # fmt: skip
    for count, change in enumerate(changes, 1):
        change()
        assert t._version == view._version == count
    for reading in (lambda: t + 1, lambda: t[0].item(), lambda: t.data.add_(1), lambda: t.tolist()):
        reading()
        assert t._version == count
    assert t.clone()._version == 0


def check(y, *words):
    with pytest.raises(RuntimeError, match="modified by an inplace operation") as info:
        y.sum().backward()
    text = str(info.value)
    del info
    for word in words:
        assert word in text, text


def test_error_of_a_changed_result():
    y = leaf(1.0, 2.0).exp()
    y.add_(1)
    check(y, "(2,)", "result of ExpBackward0", "is at version 1; expected version 0", "changed by add_", "clone()")


def test_error_of_a_changed_input():
    a = leaf(1.0, 2.0) * 2
    y = a * a
    a[0] = 1
    check(y, "saved by MulBackward0", "expected version 0", "changed by")


def test_error_after_a_change_of_a_leaf_under_no_grad():
    w = leaf(1.0, 2.0)
    y = w * w
    with torch.no_grad():
        w.sub_(0.1)
    check(y, "MulBackward0", "changed by sub_")


def test_a_change_that_no_rule_reads_is_fine():
    x = leaf(1.0, 2.0)
    a = x * 2
    b = a + 1
    a.mul_(7)
    (a + b).sum().backward()
    assert x.grad.tolist() == [16, 16]


def test_a_change_before_saving_is_fine():
    x = leaf(1.0, 2.0)
    a = x * 2
    a.add_(1)
    (a * a).sum().backward()
    assert x.grad.tolist() == [12, 20]


def test_in_place_rules_that_read_the_old_value():
    """mul_ reads self when the other side wants a gradient: the tape keeps a copy."""
    x, w = leaf(2.0, 3.0), leaf(5.0, 7.0)
    y = x * 1
    y.mul_(w)
    y.mul_(y.detach() * 0 + w)
    y.sum().backward()
    assert x.grad.tolist() == [25, 49] and w.grad.tolist() == [2 * 2 * 5, 2 * 3 * 7]


def test_in_place_rules_that_read_the_result():
    x = leaf(0.0, 1.0)
    y = x * 1
    y.exp_()
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([1, 2.718281828])


def test_other_views_of_a_saved_value_count():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    saved = y[:1] * y[:1]
    y[2:].zero_()
    check(saved, "MulBackward0", "zero_")
