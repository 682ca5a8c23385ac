# backward(create_graph=True) makes leaf -> .grad -> graph -> leaf: freed without the collector. Layer: tests.
from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

import torchy as torch
from torchy import _C


@pytest.fixture(autouse=True)
def collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def two_leaves() -> None:
    x, w = torch.rand(3, requires_grad=True), torch.rand(3, requires_grad=True)
    ((x * w).exp() * x**3).sum().backward(create_graph=True)


def gradients_used_again() -> None:
    x, w = torch.rand(3, requires_grad=True), torch.rand(3, requires_grad=True)
    ((x * w).exp() * x**3).sum().backward(create_graph=True)
    (x.grad * w.grad).sum().backward()


def leaves_die_before_their_loss() -> None:
    model = torch.nn.Linear(3, 3)
    loss = model(torch.rand(2, 3)).pow(2).sum()
    loss.backward(create_graph=True)
    del model
    assert float(loss) >= 0


def gradient_dies_last() -> None:
    x = torch.rand(3, requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    g = x.grad
    del x
    assert g.grad_fn is not None


def change_through_a_view() -> None:
    x = torch.rand(3, requires_grad=True)
    y = x * 1
    y[1:].mul_(x[1:])
    y.pow(2).sum().backward(create_graph=True)


def kept_gradient_of_an_inner_tensor() -> None:
    x = torch.rand(3, requires_grad=True)
    y = x * 2
    y.retain_grad()
    (y**3).sum().backward(create_graph=True)


CASES = (
    two_leaves, gradients_used_again, leaves_die_before_their_loss, gradient_dies_last, change_through_a_view,
    kept_gradient_of_an_inner_tensor,
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[c.__name__ for c in CASES])
def test_recorded_gradients_are_freed_with_their_leaves(case: Callable[[], None]) -> None:
    case()
    before = _C._live_tensors(), _C._live_nodes()
    for _ in range(20):
        case()
    assert (_C._live_tensors(), _C._live_nodes()) == before


def test_a_leaf_in_use_keeps_its_recorded_gradient() -> None:
    kept = []
    for _ in range(5):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        (x**3).sum().backward(create_graph=True)
        kept.append(x)
        two_leaves()
    for x in kept:
        assert x.grad.tolist() == [3.0, 12.0]
        (second,) = torch.autograd.grad(x.grad.sum(), x)
        assert second.tolist() == [6.0, 12.0]


def test_a_gradient_in_use_keeps_its_graph() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    g = x.grad
    alias = x.view(2)  # the leaf stays reachable through its view
    del x
    two_leaves()
    (second,) = torch.autograd.grad(g.sum(), alias._base)
    assert second.tolist() == [6.0, 12.0]


def test_large_graphs_do_not_slow_every_release() -> None:
    x = torch.rand(3, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y * x
    y.sum().backward(create_graph=True)
    kept, x = x.grad, None
    for _ in range(20_000):  # each release would walk thousands of nodes if it looked every time
        kept * 1
    assert kept.grad_fn is not None
