"""torch.autograd.graph: hooks on saved tensors, gradient edges, versions."""

from __future__ import annotations

import threading

import pytest

import torchy as torch
from torchy.autograd import graph


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def identity(value):
    return value


def text_of(kind, run):
    """The error's text; without pytest's excinfo, which would keep the tensors of its frames."""
    try:
        run()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2 * x


# ---- saved_tensors_hooks


def test_pack_and_unpack_are_called_for_every_saved_tensor():
    log = []
    x, y = leaf(2.0, 3.0), leaf(5.0, 7.0)

    def pack(t):
        log.append(("pack", t.tolist()))
        return t.tolist()

    def unpack(values):
        log.append(("unpack", values))
        return torch.tensor(values)

    with graph.saved_tensors_hooks(pack, unpack):
        z = x * y
    assert sorted(log) == [("pack", [2, 3]), ("pack", [5, 7])]
    z.sum().backward()
    assert sorted(log[2:]) == [("unpack", [2, 3]), ("unpack", [5, 7])]
    assert (x.grad.tolist(), y.grad.tolist()) == ([5, 7], [2, 3])


def test_unpacked_values_are_what_backward_uses():
    x = leaf(2.0, 3.0)
    with graph.saved_tensors_hooks(identity, lambda t: t * 10):
        y = x.exp() + x * x
    (g,) = torch.autograd.grad(y.sum(), x)
    assert torch.allclose(g, 10 * x.detach().exp() + 20 * x.detach())


def test_pack_gets_tensors_without_history_and_records_nothing():
    seen = []
    x = leaf(1.0)

    def pack(t):
        seen.append((t.requires_grad, t.grad_fn, torch.is_grad_enabled()))
        return t

    with graph.saved_tensors_hooks(pack, identity):
        y = (x * 2).exp() * x
    assert seen == [(False, None, False)] * len(seen) and len(seen) >= 3
    y.backward()


def test_hooks_do_not_see_what_they_compute_themselves():
    calls = []
    x = leaf(1.0)

    def pack(t):
        calls.append(t)
        with torch.enable_grad():
            return (t.detach().requires_grad_() * 3).detach() / 3

    with graph.saved_tensors_hooks(pack, identity):
        y = x * x
    assert len(calls) == 2
    y.backward()
    assert x.grad.item() == 2


def test_double_backward_goes_through_unpacked_values():
    x = leaf(2.0, 3.0)
    with graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
        y = x * x * x + x.exp()
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    (ggg,) = torch.autograd.grad(gg.sum(), x)
    value = x.detach()
    assert torch.allclose(g, 3 * value**2 + value.exp())
    assert torch.allclose(gg, 6 * value + value.exp())
    assert torch.allclose(ggg, 6 + value.exp())


def test_in_place_results_and_views_are_packed():
    packed = []
    x = leaf(1.0, 2.0, 3.0)
    with graph.saved_tensors_hooks(lambda t: (packed.append(t.tolist()), t.clone())[1], identity):
        y = x.clone()
        y[:2].exp_()
        y.sigmoid_()
    y.sum().backward()
    inner = torch.cat([x.detach()[:2].exp(), x.detach()[2:]])
    slope = inner.sigmoid() * (1 - inner.sigmoid())
    slope[:2] *= inner[:2]
    assert len(packed) == 2 and torch.allclose(x.grad, slope)


def test_unpack_that_returns_no_tensor_is_an_error():
    x = leaf(1.0)
    with graph.saved_tensors_hooks(identity, lambda t: 3):
        y = x * x
    message = text_of(TypeError, y.backward)
    assert message == "Output of saved tensor unpack_hook expected to be a Tensor but got result of type int"


def test_pack_that_changes_its_input_is_an_error():
    x = leaf(1.0)

    def run():
        with graph.saved_tensors_hooks(lambda t: t.add_(1), identity):
            x.detach().clone() * x

    assert "pack hook is modifying its input in place" in text_of(RuntimeError, run)


def test_an_exception_in_a_hook_passes_through():
    x = leaf(1.0)

    def fail(_):
        raise KeyError("mine")

    def run():
        with graph.saved_tensors_hooks(fail, identity):
            x * x

    assert "mine" in text_of(KeyError, run)
    with graph.saved_tensors_hooks(identity, fail):
        y = x * x
    assert "mine" in text_of(KeyError, y.backward)
    (x * x).backward()  # the with block was left: no hooks
    assert x.grad.item() == 2


def test_hooks_must_be_callable():
    for pair in ((1, identity), (identity, None)):
        with pytest.raises(TypeError, match="must be callable"), graph.saved_tensors_hooks(*pair):
            raise AssertionError("entered")


def test_nested_hooks_use_the_innermost_only():
    log = []
    x = leaf(1.0)

    def hooks(name):
        return graph.saved_tensors_hooks(lambda t: (log.append(name), t)[1], identity)

    with hooks("outer"):
        x.exp()
        with hooks("inner"):
            x.exp()
        x.exp()
    x.exp()
    assert log == ["outer", "inner", "outer"]


def test_one_hooks_object_can_be_entered_again():
    count = []
    x = leaf(1.0)
    hooks = graph.saved_tensors_hooks(lambda t: (count.append(1), t)[1], identity)
    with hooks, hooks:
        x.exp()
    with hooks:
        x.exp()
    assert len(count) == 2


def test_hooks_are_of_one_thread():
    packed = []
    x = leaf(1.0)
    with graph.saved_tensors_hooks(lambda t: (packed.append(1), t)[1], identity):
        thread = threading.Thread(target=lambda: x.exp())
        thread.start()
        thread.join()
    assert packed == []


def test_tensors_saved_by_a_function_are_packed():
    x = leaf(3.0)
    with graph.saved_tensors_hooks(lambda t: t.tolist(), lambda values: torch.tensor(values) * 2):
        y = Double.apply(x)
    y.backward()
    assert x.grad.item() == 12


def test_a_packed_output_makes_no_cycle():
    x = leaf(1.0)
    with graph.saved_tensors_hooks(identity, identity):
        x.exp().tanh()  # freed at once, as the fixture checks


# ---- what is made of them


def test_save_on_cpu_keeps_copies():
    x = leaf(2.0, 3.0)
    for options in ({}, {"pin_memory": True, "device_type": "cuda"}):
        with graph.save_on_cpu(**options):
            a = x * 1
            y = a * a
        a.detach().mul_(5)
        (g,) = torch.autograd.grad(y.sum(), x)
        assert g.tolist() == [4, 6]


def test_disable_saved_tensors_hooks_raises_its_message():
    with graph.disable_saved_tensors_hooks("outer"):
        with graph.disable_saved_tensors_hooks("inner"):
            with pytest.raises(RuntimeError, match="^inner$"), graph.save_on_cpu():
                raise AssertionError("entered")
        with pytest.raises(RuntimeError, match="^outer$"), graph.saved_tensors_hooks(identity, identity):
            raise AssertionError("entered")
    with graph.save_on_cpu():
        with pytest.raises(RuntimeError, match="^late$"), graph.disable_saved_tensors_hooks("late"):
            raise AssertionError("entered")
    with graph.save_on_cpu():
        pass


def test_saved_values_may_be_changed_where_that_is_allowed():
    x = leaf(1.0, 2.0)
    with graph.allow_mutation_on_saved_tensors() as kept:
        y = x.clone()
        out = (y * y).sum() + (y**3).sum()
        y.sin_()
        late = (y * y).sum()
        (g,) = torch.autograd.grad(out, x, retain_graph=True)
        assert len(kept.cloned) >= 3  # y before and after, and what sin_ saved
    value = torch.tensor([1.0, 2.0])
    assert torch.allclose(g, 2 * value + 3 * value**2)
    assert "outside of the 'allow_mutation_on_saved_tensors' context" in text_of(AssertionError, out.backward)
    assert "outside of" in text_of(AssertionError, late.backward)


def test_allowed_mutation_cannot_be_nested():
    with graph.allow_mutation_on_saved_tensors():
        with pytest.raises(RuntimeError, match="cannot be nested"), graph.allow_mutation_on_saved_tensors():
            raise AssertionError("entered")
    with graph.allow_mutation_on_saved_tensors():
        pass


def test_allowed_mutation_clones_one_value_once():
    x = leaf(1.0, 2.0)
    with graph.allow_mutation_on_saved_tensors() as kept:
        y = x.clone()
        out = y * y + y.sin() + y[:1]
        assert len(kept.cloned) == 1
        out.sum().backward()
        assert len(kept.cloned) == 0  # backward let go of it
        out = y[0] * y[1]
        assert [c.tensor.item() for c in kept.cloned] in ([1, 2], [2, 1])
        (g,) = torch.autograd.grad(out, x)
    assert g.tolist() == [2, 1]


# ---- edges, versions, nodes


def test_gradient_edge_is_the_node_and_its_output():
    x = leaf(1.0, 2.0)
    parts = (x * 2).unbind()
    edge = graph.get_gradient_edge(parts[1])
    assert edge.node is parts[0].grad_fn and edge.output_nr == 1 and edge.ownership_token is None
    edge = graph.get_gradient_edge(x)
    assert edge.node.name() == "AccumulateGrad" and edge.node.variable is x and edge.output_nr == 0
    assert isinstance(edge, graph.GradientEdge) and isinstance(edge.node, graph.Node)
    with pytest.raises(RuntimeError, match="does not require gradients"):
        graph.get_gradient_edge(torch.ones(1))
    with pytest.raises(TypeError, match="expected a Tensor"):
        graph.get_gradient_edge(3)


def test_increment_version_counts_as_a_change():
    x = leaf(2.0)
    y = x * 1
    z = y * y
    before = y._version
    graph.increment_version(y)
    graph.increment_version([y, y])
    assert y._version == before + 3
    assert "modified by an inplace operation" in text_of(RuntimeError, z.backward)
    with pytest.raises(RuntimeError, match="expect a Iterable"):
        graph.increment_version(3)
    with pytest.raises(RuntimeError, match="each element"):
        graph.increment_version([3])
