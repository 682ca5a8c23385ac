"""Hooks on tensors and nodes: order, removal, replacement, errors; retain_grad."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import torchy as torch


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def test_order_of_all_kinds():
    log = []
    x = leaf(1.0)
    y = x * 2
    y.grad_fn.register_prehook(lambda g: log.append("pre"))
    y.grad_fn.register_hook(lambda gi, go: log.append("post"))
    y.register_hook(lambda g: log.append("tensor"))
    x.register_hook(lambda g: log.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda t: log.append(("stored", t.grad.item())))
    y.backward()
    assert log == ["tensor", "pre", "post", "leaf", ("stored", 2.0)]


def test_results_replace_the_gradient_one_after_another():
    x = leaf(1.0, 1.0)
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: None)
    x.sum().backward()
    assert x.grad.tolist() == [11, 11]


def test_hook_of_a_non_leaf_changes_what_flows_on():
    x = leaf(1.0)
    y = x * 2
    y.register_hook(lambda g: g * 5)
    (y * 3).backward()
    assert x.grad.item() == 30


def test_hooks_see_the_sum_once():
    seen = []
    x = leaf(2.0)
    y = x * 1
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 3 + y * 4).backward()
    assert seen == [7.0]


def test_node_hooks_replace():
    x = leaf(2.0)
    y = x * 3
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 2,))
    y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (grad_inputs[0] + grad_outputs[0], None))
    y.backward()
    assert x.grad.item() == 8.0


def test_node_hook_errors():
    x = leaf(2.0)
    y = x * 3
    y.grad_fn.register_hook(lambda a, b: (a[0],) * 5)
    with pytest.raises(RuntimeError, match="incorrect number"):
        y.backward()
    y = x * 3
    y.grad_fn.register_prehook(lambda g: 7)
    with pytest.raises(RuntimeError, match="incorrect number"):
        y.backward()
    with pytest.raises(TypeError, match="callable"):
        y.grad_fn.register_hook(3)


def test_removal():
    log = []
    x = leaf(1.0)
    first = x.register_hook(lambda g: log.append(1))
    x.register_hook(lambda g: log.append(2))
    x.sum().backward()
    first.remove()
    first.remove()
    x.sum().backward()
    with x.register_hook(lambda g: log.append(3)):
        x.sum().backward()
    x.sum().backward()
    assert log == [1, 2, 2, 2, 3, 2]


def test_removal_while_running():
    """As in PyTorch the walk in progress is not changed; the next one is."""
    log, handles = [], []
    x = leaf(1.0)

    def first(g):
        log.append(1)
        for h in handles[:2]:
            h.remove()

    handles.append(x.register_hook(first))
    handles.append(x.register_hook(lambda g: log.append(2)))
    handles.append(x.register_hook(lambda g: log.append(3)))
    x.sum().backward()
    x.sum().backward()
    assert log == [1, 2, 3, 3]


def test_hook_added_while_running_waits_for_the_next_run():
    log = []
    x = leaf(1.0)

    def first(g):
        log.append(1)
        if len(log) == 1:
            x_now[0].register_hook(lambda g: log.append(2))

    x_now = [x]
    x.register_hook(first)
    x.sum().backward()
    assert log == [1]
    x.sum().backward()
    assert log == [1, 1, 2]
    x_now.clear()


def test_a_removed_hook_lets_go_of_its_function():
    class Probe:
        def __call__(self, g):
            pass

    import weakref

    x = leaf(1.0)
    probe = Probe()
    gone = weakref.ref(probe)
    handle = x.register_hook(probe)
    del probe
    assert gone() is not None
    handle.remove()
    assert gone() is None


def test_a_handle_keeps_no_graph():
    def build():
        y = leaf(1.0) * 2
        return y.register_hook(lambda g: None)

    before = torch._C._live_nodes()
    handle = build()
    assert torch._C._live_nodes() == before
    handle.remove()


def test_hook_that_refers_to_its_tensor_makes_cycle_that_is_collected():
    gc.collect()
    before = torch._C._live_tensors(), torch._C._live_nodes()

    def build():
        x = leaf(1.0)
        x.register_hook(lambda g: g * x.detach())
        y = x * 2
        y.register_hook(lambda g: g + y.detach())
        y.sum().backward()
        x.handle = x.register_hook(print)

    build()
    gc.collect()  # y, which holds the graph and so x
    gc.collect()  # x
    assert (torch._C._live_tensors(), torch._C._live_nodes()) == before


def test_hook_errors():
    x = leaf(1.0, 2.0)
    handle = x.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match="changed the size of value"):
        x.sum().backward()
    handle.remove()
    handle = x.register_hook(lambda g: g.double())
    with pytest.raises(RuntimeError, match="changed the type of value"):
        x.sum().backward()
    handle.remove()
    handle = x.register_hook(lambda g: 3)
    with pytest.raises(TypeError, match="int"):
        x.sum().backward()
    handle.remove()
    assert x.grad is None
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        torch.ones(1).register_hook(print)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)
    with pytest.raises(TypeError, match="callable"):
        x.register_hook("no")


def test_an_exception_in_a_hook_leaves_the_graph_usable():
    x = leaf(1.0, 2.0)
    y = x * x
    z = (y.exp() * y).sum()

    def fail(g):
        raise KeyError("from the hook")

    handle = y.register_hook(fail)
    for _ in range(3):
        with pytest.raises(KeyError, match="from the hook"):
            z.backward(retain_graph=True)
    assert x.grad is None
    handle.remove()
    z.backward()
    expect = (x * x).exp() * (1 + x * x) * 2 * x
    np.testing.assert_allclose(x.grad.numpy(), expect.detach().numpy(), rtol=1e-6)


def test_post_accumulate_hook_can_step_and_clear():
    x = leaf(1.0)

    def step(t):
        with torch.no_grad():
            t -= 0.5 * t.grad
        t.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 2).sum().backward()
    assert x.item() == 0.0 and x.grad is None


def test_hooks_stay_with_the_value_when_the_tensor_changes():
    log = []
    y = leaf(1.0) * 2
    y.register_hook(lambda g: log.append(("old", g.item())))
    y.mul_(3)
    y.register_hook(lambda g: log.append(("new", g.item())))
    y.backward()
    assert log == [("new", 1.0), ("old", 3.0)]


def test_captured_gradients_pass_tensor_hooks_but_not_node_hooks():
    log = []
    y = leaf(1.0) * 2
    y.grad_fn.register_prehook(lambda g: log.append("pre"))
    y.grad_fn.register_hook(lambda a, b: log.append("post"))
    y.register_hook(lambda g: g * 2)
    (g,) = torch.autograd.grad(y.sum(), y)
    assert g.item() == 2.0 and log == []


def test_retain_grad():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    (y * y).sum().backward()
    assert y.grad.tolist() == [4, 8]
    x.retain_grad()
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        torch.ones(1).retain_grad()


def test_retain_grad_follows_in_place_changes():
    x = leaf(1.0, 1.0, 1.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    assert y.grad.tolist() == [1, 1, 1] and x.grad.tolist() == [6, 6, 6]


def test_retain_grad_follows_a_change_through_a_view():
    x = leaf(1.0, 1.0, 1.0)
    y = x * 2
    y.retain_grad()
    y[0].mul_(5)
    y.sum().backward()
    assert y.grad.tolist() == [1, 1, 1] and x.grad.tolist() == [10, 2, 2]


def test_retain_grad_of_a_view_that_changes():
    x = leaf(1.0, 1.0, 1.0)
    y = x * 2
    v = y[:2]
    v.retain_grad()
    v.mul_(5)
    (y.sum() + v.sum()).backward()
    assert v.grad.tolist() == [1, 1]
    y = x * 2
    v = y[:2]
    v.retain_grad()
    y.mul_(5)
    (v * v).sum().backward()
    assert v.grad.tolist() == [20, 20]


def test_a_retaining_tensor_may_die_before_backward():
    x = leaf(1.0, 1.0)
    y = x * 2
    v = y[:1]
    v.retain_grad()
    v.mul_(5)
    v = None
    w = y * 1
    w.retain_grad()
    z = w * 2
    w = None
    z.sum().backward()
    assert x.grad.tolist() == [20, 4]
