"""autograd.graph.memory: the bytes that a recorded program keeps, exactly."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy.autograd import graph

FLOAT, LONG = 4, 8


def parameter(*shape):
    return torch.ones(shape, requires_grad=True)


def test_every_saved_storage_counts_once():
    x = parameter(10)
    a = x.exp()  # saves its result
    b = a * a  # saves it again
    held = graph.memory(b.sum())
    assert (held.bytes, held.activation_bytes, held.parameter_bytes) == (10 * FLOAT, 10 * FLOAT, 0)
    assert (held.nodes, held.saved_tensors, held.parameters) == (3, 3, 1)
    assert held.operations == {
        "ExpBackward0": (1, 1, 10 * FLOAT),
        "MulBackward0": (1, 2, 0),
        "SumBackward0": (1, 0, 0),
    }


def test_parameters_are_counted_apart():
    x, w = torch.ones(3, 4), parameter(4, 5)
    y = (x @ w).relu() @ parameter(5, 2)
    held = graph.memory(y)
    assert held.parameter_bytes == 5 * 2 * FLOAT  # x needs no gradient, so the first product does not save w
    assert held.activation_bytes == (3 * 4 + 3 * 5) * FLOAT
    assert held.parameters == 2


def test_views_hold_their_whole_storage():
    x = torch.ones(100)
    y = x[:3] * parameter(3)
    assert graph.memory(y).activation_bytes == 100 * FLOAT
    assert graph.memory(y * x[5:8]).activation_bytes == (100 + 3) * FLOAT - 3 * FLOAT


def test_indices_count_with_their_own_dtype():
    y = parameter(10)[torch.tensor([1, 2, 3])]
    assert graph.memory(y).activation_bytes == 3 * LONG


def test_several_tensors_are_one_program():
    x = parameter(10)
    a = x.exp()
    b, c = a * 2, a.sin()
    held = graph.memory([b, c])
    assert held.operations["ExpBackward0"] == (1, 1, 10 * FLOAT)
    assert held.nodes == 3 and held.bytes == 10 * FLOAT
    assert graph.memory((graph.get_gradient_edge(b), c.grad_fn)).nodes == 3


def test_a_program_without_history_holds_nothing():
    held = graph.memory([torch.ones(5), torch.ones(5).exp()])
    assert (held.bytes, held.nodes, held.saved_tensors, held.operations) == (0, 0, 0, {})
    held = graph.memory(parameter(5))
    assert (held.bytes, held.nodes, held.parameters) == (0, 0, 1)


def test_backward_frees_it():
    y = parameter(10).exp().sum()
    assert graph.memory(y).bytes == 10 * FLOAT
    y.backward(retain_graph=True)
    assert graph.memory(y).bytes == 10 * FLOAT
    y.backward()
    held = graph.memory(y)
    assert (held.bytes, held.saved_tensors, held.nodes) == (0, 0, 2)


def test_packed_tensors_count_and_other_packed_values_do_not():
    x = parameter(10)
    with graph.saved_tensors_hooks(lambda t: {"half": [t[:5].clone()]}, lambda packed: packed["half"][0]):
        y = x.exp()
    assert graph.memory(y).activation_bytes == 5 * FLOAT
    with graph.save_on_cpu():
        y = x * x
    assert graph.memory(y).activation_bytes == 2 * 10 * FLOAT
    with graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
        y = x.exp()
    held = graph.memory(y)
    assert (held.bytes, held.saved_tensors) == (0, 1)


def test_a_function_counts_what_it_saved():
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, x * 2)
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad

    held = graph.memory(Keep.apply(parameter(6)))
    assert (held.activation_bytes, held.parameter_bytes, held.saved_tensors) == (6 * FLOAT, 6 * FLOAT, 2)


def test_long_programs_need_no_recursion():
    y = parameter(1)
    for _ in range(20_000):
        y = y.sin()
    held = graph.memory(y)
    assert held.nodes == held.saved_tensors == 20_000
    assert held.bytes == 20_000 * FLOAT and held.parameter_bytes == FLOAT


def test_repr_is_a_table_with_the_most_bytes_first():
    x = parameter(512)
    y = x.exp() * torch.cat([x, x]).sum().sin()
    text = repr(graph.memory(y)).splitlines()
    assert text[0].split() == ["operation", "nodes", "saved", "bytes"]
    assert text[1].split() == ["ExpBackward0", "1", "1", "2.0", "KiB"]
    assert text[-2].split() == ["parameters", "1", "0", "B"]
    assert text[-1].split()[:3] == ["total", "5", "4"]
    assert len({len(line) for line in text}) == 1


def test_other_arguments_are_an_error():
    for wrong in (3, "x", None, [3], {"a": torch.ones(1)}):
        with pytest.raises(TypeError, match="memory: expected Tensors"):
            graph.memory(wrong)
