"""register_multi_grad_hook: once in every backward, when all gradients are there, or with the first one."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy.autograd import graph


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def four():
    a, b = torch.rand(2, 3, requires_grad=True), torch.rand(2, 3, requires_grad=True)
    return a, b, a * b, a * b


def test_multi_grad_hook_waits_for_the_gradients_of_this_backward():
    a, b, c, d = four()
    calls = []
    graph.register_multi_grad_hook((a, b, c, d), lambda grads: calls.append([g is not None for g in grads]))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    (c + d).sum().backward(retain_graph=True)
    torch.autograd.grad(c.sum(), a, retain_graph=True)
    torch.autograd.grad((c + d).sum(), c, retain_graph=True)
    assert calls == [
        [True, True, True, False],
        [True, False, True, False],
        [True, True, True, True],
        [True, False, True, False],
        [False, False, True, False],
    ]


def test_multi_grad_hook_gets_the_values_in_order():
    a, b, c, _ = four()
    calls = []
    graph.register_multi_grad_hook((c, b, a), calls.append)
    c.sum().backward()
    ((gc, gb, ga),) = calls
    assert torch.equal(gc, torch.ones(2, 3)) and torch.equal(gb, a.detach()) and torch.equal(ga, b.detach())


def test_multi_grad_hook_any_gets_the_first_gradient_once():
    a, b, c, _ = four()
    calls = []
    constant = torch.ones(1)
    graph.register_multi_grad_hook((a, constant, b, c), lambda g: calls.append(g.tolist()), mode="any")
    for scale in (1.0, 2.0):
        (c * scale).sum().backward(retain_graph=True)
    assert calls == [torch.full((2, 3), scale).tolist() for scale in (1.0, 2.0)]


def test_multi_grad_hook_is_removed():
    a, b, c, _ = four()
    calls = []
    for mode in ("all", "any"):
        handle = graph.register_multi_grad_hook((a, b), calls.append, mode=mode)
        handle.remove()
        handle.remove()
        with graph.register_multi_grad_hook((a, c), calls.append, mode=mode):
            pass
    c.sum().backward()
    assert calls == []


def test_multi_grad_hook_in_a_backward_within_a_backward():
    a = leaf(2.0)
    calls = []
    y, z = a * 3, a * 5
    graph.register_multi_grad_hook((y, a), lambda grads: calls.append([g is not None for g in grads]))
    z.register_hook(lambda g: torch.autograd.grad(y, a, retain_graph=True) and None)
    (y + z).backward()
    assert calls == [[True, True], [True, True]]


def test_multi_grad_hook_starts_afresh_after_an_error():
    a = leaf(2.0)
    y = a * 3
    calls, live = [], []

    def fail(grad):
        raise KeyError("mine")

    failing = a.register_hook(fail)
    graph.register_multi_grad_hook((y, a), lambda grads: calls.append([g.item() for g in grads]))
    for _ in range(3):
        try:  # without pytest's excinfo, which would keep the tensors of its frames
            y.backward(retain_graph=True)
        except KeyError:
            live.append(torch._C._live_tensors())
    assert len(set(live)) == 1 and len(live) == 3  # no gradients of runs that are over
    failing.remove()
    y.backward()
    assert calls == [[1, 3]]


def test_multi_grad_hook_errors():
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        graph.register_multi_grad_hook((leaf(1.0),), print, mode="some")
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        graph.register_multi_grad_hook((torch.ones(1),), print)
