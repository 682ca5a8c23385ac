# The expression tree as text (Tensor.graph() and viz._tree.graph_text). Layer: tests/api.
from __future__ import annotations

import pytest

import torchy
from torchy.viz._tree import graph_text

g = torchy.tensor(5.0, requires_grad=True)


def leaf(*shape: int):
    return torchy.ones(shape, requires_grad=True)


def test_graph_text_is_the_tree_of_the_expression():
    a = torchy.tensor(2.0, requires_grad=True)
    b = torchy.tensor(43.0, requires_grad=True)
    c = (a * b) - ((b / a) + b)
    assert graph_text(c) == (
        "Tensor (-)\n"
        "  Tensor (*)\n"
        "    Tensor a\n"
        "    Tensor b\n"
        "  Tensor (+)\n"
        "    Tensor (/)\n"
        "      Tensor b\n"
        "      Tensor a\n"
        "    Tensor b"
    )


def test_graph_text_names_functions_by_operation():
    x = torchy.tensor(0.5, requires_grad=True)
    assert graph_text(x.exp()) == "Tensor (exp)\n  Tensor x"


def test_graph_text_of_a_leaf_is_its_name():
    a = leaf(2)
    assert graph_text(a) == "Tensor a"


def test_graph_text_finds_globals_and_prefers_locals():
    assert graph_text(g * g) == "Tensor (*)\n  Tensor g\n  Tensor g"
    local = g
    assert graph_text(local * g) == "Tensor (*)\n  Tensor local\n  Tensor local"


def test_graph_text_prefers_names_without_underscore():
    _hidden = shown = leaf(2)
    assert graph_text(shown * _hidden).endswith("Tensor shown")


def test_graph_text_shows_the_shape_of_an_unnamed_leaf():
    leaves = [leaf(2, 3), leaf(3), leaf()]
    text = graph_text((leaves[0] + leaves[1]) * leaves[2])
    assert text == ("Tensor (*)\n  Tensor (+)\n    Tensor leaf(2, 3)\n    Tensor leaf(3,)\n  Tensor leaf()")


def test_graph_text_takes_names_as_a_mapping():
    a, b = leaf(2), leaf(2)
    assert graph_text(a + b, {"weight": a}) == "Tensor (+)\n  Tensor weight\n  Tensor leaf(2,)"


def test_graph_text_shows_inputs_without_gradient_as_constants():
    a, constant = leaf(2), torchy.ones(2)
    assert graph_text(a * constant) == "Tensor (*)\n  Tensor a\n  Tensor const"


def test_graph_text_prints_a_shared_result_once():
    a, b = leaf(2), leaf(2)
    s = a + b
    assert graph_text(s * s) == ("Tensor (*)\n  Tensor (+)\n    Tensor a\n    Tensor b\n  Tensor (+) ^")


def test_graph_text_stays_linear_where_paths_are_exponential():
    x = leaf(1)
    y = x
    for _ in range(60):
        y = y * y
    assert len(graph_text(y).split("\n")) == 1 + 2 * 60


def test_graph_text_of_a_deep_chain_needs_no_recursion_and_stays_narrow():
    y = x = leaf(1)
    for _ in range(20_000):
        y = y * 1.0
    lines = [line for line in graph_text(y).split("\n") if not line.endswith("const")]
    assert len(lines) == 20_001
    assert lines[30] == " " * 60 + "Tensor (*)"
    assert lines[31] == " " * 60 + "@31 Tensor (*)"
    assert lines[-1] == " " * 60 + "@20000 Tensor x"
    assert x.grad is None


def test_graph_text_names_the_nodes_of_python_functions():
    class Twice(torchy.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = leaf(2)
    assert graph_text(Twice.apply(x)) == "Tensor (Twice)\n  Tensor x"


def test_tensor_graph_prints_the_tree(capsys):
    a, b = leaf(2), leaf(2)
    (a - b).graph()
    assert capsys.readouterr().out == "Tensor (-)\n  Tensor a\n  Tensor b\n"


@pytest.mark.parametrize("name", ["locals", "mapping"])
def test_graph_text_leaves_the_graph_usable(name):
    a = leaf(2)
    y = (a * a).sum()
    graph_text(y, None if name == "locals" else {"a": a})
    y.backward()
    assert a.grad.tolist() == [2.0, 2.0]
