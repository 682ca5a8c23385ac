"""Nodes, edges, accumulators, sequence numbers, identity of what Python sees."""

from __future__ import annotations

import pytest

import torchy as torch


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def test_leaf_and_result_flags():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert x.is_leaf and x.requires_grad and x.grad_fn is None
    assert not y.is_leaf and y.requires_grad and y.grad_fn.name() == "MulBackward0"
    z = torch.ones(2) * 2
    assert z.is_leaf and not z.requires_grad and z.grad_fn is None


def test_next_functions_lead_to_accumulators():
    x, w = leaf(1.0), leaf(3.0)
    a = x * w
    b = a + x
    node = b.grad_fn
    (first, i), (second, j) = node.next_functions
    assert first is a.grad_fn and i == j == 0
    assert second.name() == "AccumulateGrad" and second.variable is x
    assert first.next_functions[0][0] is second, "one accumulator per leaf"
    assert first.next_functions[1][0].variable is w
    assert second.next_functions == ()


def test_an_input_without_gradient_has_no_node():
    y = leaf(1.0) * torch.ones(1)
    assert y.grad_fn.next_functions[1] == (None, 0)
    assert len((leaf(1.0) * 3).grad_fn.next_functions) == 2


def test_output_numbers_of_several_results():
    values, indices = leaf(3.0, 1.0).sort()
    assert values.output_nr == 0 and indices.grad_fn is None
    parts = leaf(1.0, 2.0, 3.0).unbind()
    assert [p.output_nr for p in parts] == [0, 1, 2]
    assert parts[0].grad_fn is parts[2].grad_fn
    total = parts[2] * 1
    assert total.grad_fn.next_functions[0] == (parts[0].grad_fn, 2)


def test_sequence_numbers_grow():
    x = leaf(1.0)
    nodes = [(x * i).grad_fn for i in range(4)]
    numbers = [n._sequence_nr() for n in nodes]
    assert numbers == sorted(set(numbers))


def test_identity():
    x = leaf(1.0)
    y = x.exp()
    assert y.grad_fn is y.grad_fn
    y.sum().backward()
    assert x.grad is x.grad
    held = x.grad
    x.grad.mul_(2)
    assert held is x.grad
    assert x.view(1)._base is x


def test_type_name_is_the_nodes_name():
    y = leaf(1.0).exp()
    assert type(y.grad_fn).__name__ == y.grad_fn.name() == "ExpBackward0"
    assert isinstance(y.grad_fn, torch.autograd.Node)
    assert not isinstance(y, torch.autograd.Node)
    assert type(y.grad_fn) is type(leaf(2.0).exp().grad_fn)


def test_metadata_lives_with_the_node():
    y = leaf(1.0).exp()
    y.grad_fn.metadata["where"] = 7
    assert y.grad_fn.metadata == {"where": 7}


def test_attributes_survive_while_the_graph_holds_the_tensor():
    def build():
        x = leaf(1.0)
        x.label = "kept"
        return x * x

    y = build()
    assert y.grad_fn.next_functions[0][0].variable.label == "kept"


def test_calling_a_node_runs_its_rule():
    x = leaf(3.0)
    y = x * x
    a, b = y.grad_fn(torch.ones(1))
    assert a.item() == b.item() == 3.0
    with pytest.raises(RuntimeError, match="expects 1"):
        y.grad_fn()


def test_variable_only_of_accumulators():
    with pytest.raises(AttributeError, match="variable"):
        _ = (leaf(1.0) * 2).grad_fn.variable


def test_requires_grad_errors():
    with pytest.raises(RuntimeError, match="floating point"):
        torch.arange(3).requires_grad_()
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([True], requires_grad=True)
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match="leaf variables"):
        y.requires_grad = False
    y.requires_grad_()
    assert y.grad_fn is not None


def test_requires_grad_can_be_switched_on_a_leaf():
    x = torch.ones(2)
    x.requires_grad_()
    assert (x * 2).requires_grad
    x.requires_grad_(False)
    assert not (x * 2).requires_grad
    assert not x.requires_grad


def test_integer_results_have_no_history():
    x = leaf(3.0, 1.0)
    for result in (x.argmax(), x > 1, x.long(), x.argsort()):
        assert not result.requires_grad and result.grad_fn is None


def test_grad_of_a_non_leaf_warns():
    y = leaf(1.0) * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert y.grad is None


def test_grad_assignment_is_checked():
    x = leaf(1.0, 2.0)
    x.grad = torch.ones(2)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="size"):
        x.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="type"):
        x.grad = torch.ones(2, dtype=torch.float64)
    with pytest.raises(TypeError):
        x.grad = 1.0
    with pytest.raises(RuntimeError, match="own grad"):
        x.grad = x
    del x.grad
    assert x.grad is None


def test_parameters_are_leaves():
    from torchy.nn import Parameter

    p = Parameter(torch.ones(2))
    assert isinstance(p, Parameter) and isinstance(p, torch.Tensor) and p.is_leaf and p.requires_grad
    (p * 3).sum().backward()
    assert p.grad.tolist() == [3, 3]
    assert not isinstance(p * 3, Parameter)
    with pytest.raises(RuntimeError, match="floating point"):
        Parameter(torch.arange(3))
    assert not Parameter(torch.arange(3), requires_grad=False).requires_grad


def test_subclasses_take_part():
    class Mine(torch.Tensor):
        pass

    x = torch.Tensor._make_subclass(Mine, torch.ones(2), True)
    assert type(x) is Mine and x.requires_grad and x.is_leaf
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]
    y = leaf(1.0, 2.0).as_subclass(Mine)
    assert type(y) is Mine and y.requires_grad and y.grad_fn is not None
