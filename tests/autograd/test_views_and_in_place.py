"""Views and in-place operations on the tape: histories, errors, detach and data."""

from __future__ import annotations

import numpy as np
import pytest

import torchy as torch


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def test_in_place_chain():
    x = leaf(2.0, 3.0)
    y = x.clone()
    y.mul_(x).add_(1).pow_(2)
    y += x
    y.sum().backward()
    # (x^2 + 1)^2 + x
    np.testing.assert_allclose(x.grad.numpy(), [2 * 5 * 4 + 1, 2 * 10 * 6 + 1])


def test_in_place_on_a_view_changes_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[1:]
    v.mul_(10)
    assert y.tolist() == [1, 20, 30]
    assert y.grad_fn.name() == "CopySlices" and v.grad_fn.name() == "AsStridedBackward0"
    assert v.grad_fn.next_functions[0][0] is y.grad_fn
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [1, 20, 30]


def test_in_place_on_the_base_reaches_live_views():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[1:]
    old = v.grad_fn
    y.mul_(10)
    assert v.tolist() == [20, 30] and v.grad_fn is not old
    v.sum().backward()
    assert x.grad.tolist() == [0, 10, 10]


def test_siblings_see_each_others_changes():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    a, b = y[:2], y[1:]
    a.mul_(10)
    b.mul_(b.clone())
    assert y.tolist() == [10, 400, 9]
    a.sum().backward()
    assert x.grad.tolist() == [10, 2 * 20 * 10, 0]


def test_chains_of_views():
    x = torch.arange(12.0).requires_grad_()
    base = x * 1
    v = base.view(3, 4).t()[1:3].unsqueeze(0).select(2, 1)
    assert v._base is base
    v.mul_(v.clone())
    w = base.view(2, 6)[:, ::2]
    w.add_(w.detach() * 0 + 1)
    base.mul_(2)
    np.testing.assert_allclose(v.detach().numpy().ravel(), [2 * 25, 2 * 36 + 2])
    base.sum().backward()
    expect = np.full(12, 2.0)
    expect[[5, 6]] *= [10, 12]
    np.testing.assert_allclose(x.grad.numpy(), expect, rtol=1e-6)


def test_a_tensor_without_history_gets_one():
    w = leaf(2.0, 3.0)
    base = torch.ones(3)
    view = base[:2]
    view.mul_(w)
    assert base.requires_grad and not base.is_leaf and view.requires_grad
    (base * base).sum().backward()
    assert w.grad.tolist() == [4, 6] and base.grad_fn.name() == "CopySlices"


def test_setitem():
    x, w = leaf(1.0, 2.0, 3.0), leaf(5.0)
    y = x * 1
    y[1] = w[0] * 2
    y[torch.tensor([True, False, False])] = w
    y[2:] *= 3
    assert y.tolist() == [5, 10, 9]
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 3] and w.grad.tolist() == [3]


def test_copy_fill_zero():
    x, s = leaf(1.0, 2.0), torch.tensor(4.0, requires_grad=True)
    y = torch.zeros(2, 2)
    y.copy_(x)
    y[0].fill_(s)
    y[1, :1].zero_()
    assert y.tolist() == [[4, 4], [0, 2]]
    (y * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    assert x.grad.tolist() == [0, 4] and s.grad.item() == 3
    d = torch.zeros(2, dtype=torch.float64)
    d.copy_(x)
    (g,) = torch.autograd.grad(d.sum(), x)
    assert g.dtype is torch.float32 and g.tolist() == [1, 1]


def test_out_of_reach_values_get_no_gradient():
    x = leaf(1.0, 2.0)
    y = x * 1
    y.zero_()
    y.add_(3)
    y.sum().backward()
    assert x.grad.tolist() == [0, 0]


def test_in_place_through_the_parts_of_a_complex_tensor():
    z = torch.tensor([1 + 2j, 3 + 4j], requires_grad=True)
    y = z.clone()
    y.real.mul_(3)
    (y.abs() ** 2).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [18 + 4j, 54 + 8j], rtol=1e-6)
    z.grad = None
    y = z.clone()
    torch.view_as_real(y)[1, 1:].mul_(2)
    (y.abs() ** 2).sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), [2 + 4j, 6 + 32j])


def test_in_place_on_a_complex_view_of_real_numbers():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x.clone()
    torch.view_as_complex(y)[1:].mul_(1j)
    assert y.tolist() == [[1, 2], [-4, 3]]
    (y * torch.tensor([[1.0, 2.0], [3.0, 5.0]])).sum().backward()
    assert x.grad.tolist() == [[1, 2], [5, -3]]


def test_mixed_dtypes_in_place_on_a_view():
    x = leaf(1.0, 1.0, 1.0)
    w = torch.full((2,), 3.0, dtype=torch.float64, requires_grad=True)
    y = x.clone()
    y[1:].mul_(w)
    y.sum().backward()
    assert x.grad.tolist() == [1, 3, 3] and x.grad.dtype is torch.float32
    assert w.grad.tolist() == [1, 1] and w.grad.dtype is torch.float64


def test_leaf_errors():
    x = torch.ones(2, 2, requires_grad=True)
    for change in (lambda: x.add_(1), lambda: x.zero_(), lambda: x.copy_(torch.ones(2, 2)), lambda: x.fill_(2)):
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place"):
            change()
    with pytest.raises(RuntimeError, match="a leaf Variable"):
        x.exp_()
    for change in (lambda: x[0].add_(1), lambda: x.view(4).mul_(2), lambda: x.t().zero_(), lambda: x[0, 0].fill_(1)):
        with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
            change()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        x[0] = 1.0
    assert x.tolist() == [[1, 1], [1, 1]] and x._version == 0


@pytest.mark.parametrize("name", ["split", "chunk", "unbind", "split_with_sizes"])
def test_views_of_one_call_cannot_change_in_place(name):
    argument = {"split": (2,), "chunk": (2,), "unbind": (), "split_with_sizes": ([1, 3],)}[name]
    y = torch.ones(4, requires_grad=True) * 1
    first = getattr(y, name)(*argument)[0]
    with pytest.raises(RuntimeError, match="returns multiple views.*modified inplace"):
        first.mul_(2)
    with torch.no_grad():
        first.mul_(2)
    assert y[0].item() == 2


def test_a_no_grad_view_cannot_be_changed_under_recording():
    y = torch.ones(4, requires_grad=True) * 1
    with torch.no_grad():
        v = y[:2]
    assert not v.requires_grad
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        v.mul_(torch.ones(2, requires_grad=True))


def test_expanded_memory_cannot_be_written():
    y = torch.ones(1, requires_grad=True) * 1
    for change in (lambda v: v.mul_(2), lambda v: v.add_(torch.ones(3)), lambda v: v.copy_(torch.ones(3))):
        with pytest.raises(RuntimeError, match="single memory location"):
            change(y.expand(3))


def test_in_place_cannot_change_shape_or_kind():
    y = torch.ones(2)
    with pytest.raises(RuntimeError):
        y.add_(torch.ones(3, 2))
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.ones(2, dtype=torch.int64).mul_(1.5)
    assert y.shape == (2,)


def test_views_made_before_requires_grad():
    base = torch.zeros(3)
    v = base[:2]
    base.requires_grad_()
    assert v.requires_grad
    (base * 2).sum().backward()
    assert base.grad.tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="leaf"):
        v.add_(1)


def test_detach_shares_memory_and_versions():
    x = leaf(1.0, 2.0)
    y = x * x
    d = y.detach()
    assert not d.requires_grad and d.is_leaf and d.data_ptr() == y.data_ptr()
    z = y.exp() * y
    d.zero_()
    assert y.tolist() == [0, 0] and y._version == 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_data_shares_memory_without_versions():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    x.data.mul_(10)
    assert x.tolist() == [10, 20] and x._version == 0 and not x.data.requires_grad
    y.backward()
    assert x.grad.tolist() == [20, 40], "unchecked, as in PyTorch"
    x.data = torch.tensor([5.0, 6.0])
    assert x.requires_grad and x.is_leaf and x.tolist() == [5, 6]


def test_detach_in_place():
    x = leaf(1.0)
    y = x * 2
    y.detach_()
    assert y.is_leaf and not y.requires_grad and y.grad_fn is None
    y = x * 2
    with pytest.raises(RuntimeError, match="detach views in-place"):
        y[0].detach_()


def test_self_overlapping_arguments():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:] += y[:-1].clone()
    y.mul_(y.clone())
    y.sum().backward()
    # (x0)^2 + (x0+x1)^2 + (x1+x2)^2
    assert x.grad.tolist() == [2 + 6, 6 + 10, 10]


def test_an_integer_tensor_changed_with_recorded_numbers_has_no_history():
    x = leaf(3.0, 4.0)
    n = torch.zeros(2, dtype=torch.int64)
    n.copy_(x)
    assert n.tolist() == [3, 4] and not n.requires_grad
