"""Every example of the requirements, parts 1 to 3, as it is written there."""

from __future__ import annotations

import pytest

import torchy


def leaf(value, **options):
    return torchy.tensor(value, requires_grad=True, **options)


def test_row_major_strides_of_an_image_are_wc_c_1():
    x = torchy.zeros(4, 5, 3)
    assert x.stride() == (15, 3, 1)
    assert x.is_contiguous() and x.storage_offset() == 0
    assert x.element_size() == 4 and x.nbytes == 240


def test_assignment_names_and_indexing_copies_or_views():
    a = torchy.arange(6.0)
    b = a
    assert b is a
    a[1] = 3
    a[2:4] = torchy.tensor([7.0, 8.0])
    a[torchy.tensor([False, False, False, False, True, True])] = 0
    a[[0, 5]] = torchy.tensor([1.0, 2.0])
    assert a.tolist() == [1, 3, 7, 8, 0, 2]
    view = a[1]
    a[1] = 9
    assert view.item() == 9
    assert view.data_ptr() == a.data_ptr() + 4


def test_requires_grad_of_an_integer_tensor_says_which_dtypes_may():
    with pytest.raises(RuntimeError, match="only Tensors of floating point and complex dtype can require gradients"):
        torchy.tensor([1, 2], requires_grad=True)


def test_derivative_of_the_running_example():
    a, b = leaf(2.0), leaf(43.0)
    c = (a * b) - ((b / a) + b)
    c.backward()
    assert a.grad.item() == 53.75
    assert b.grad.item() == 0.5


def test_derivative_of_a_quotient():
    a, b = leaf(2.0), leaf(43.0)
    (a / b).backward()
    assert a.grad.item() == pytest.approx(0.0232558, abs=1e-7)
    assert b.grad.item() == pytest.approx(-0.00108167, abs=1e-8)


def test_derivative_of_a_product():
    a, b = leaf(43.0), leaf(2.0)
    (a * b).backward()
    assert (a.grad.item(), b.grad.item()) == (2, 43)


def test_a_tensor_used_twice_gets_both_gradients():
    a = leaf(1.0)
    (a + a).backward()
    assert a.grad.item() == 2


def test_derivative_of_a_sum_of_four_is_one_each():
    leaves = [leaf(float(i)) for i in range(4)]
    a, b, c, d = leaves
    (a + b + c + d).backward()
    assert [x.grad.item() for x in leaves] == [1, 1, 1, 1]


def test_derivative_of_log_times_sin():
    x = leaf([0.5, 0.75])
    y = torchy.log(x[0] * x[1]) * torchy.sin(x[1])
    y.backward(torchy.tensor(1.0))
    assert x.grad.tolist() == pytest.approx([1.3633, 0.1912], abs=5e-5)


def test_derivative_of_a_matrix_expression():
    a, b = leaf([[2.0, 3], [4, 5]]), leaf([[6.0, 7], [8, 9]])
    c, d = torchy.full((2, 2), 10.0), torchy.full((2, 2), 11.0)
    f = ((a @ b + c) * d).sum()
    f.backward()
    assert f.item() == 2794
    assert a.grad.tolist() == [[143, 187], [143, 187]]
    assert b.grad.tolist() == [[66, 66], [88, 88]]


def test_repr_names_the_node():
    x = leaf([0.5, 0.75])
    assert repr(x[0] * x[1]) == "tensor(0.3750, grad_fn=<MulBackward0>)"


def test_node_has_name_next_functions_metadata_and_growing_sequence_numbers():
    a, b = leaf(2.0), leaf(3.0)
    c = a * b
    d = c + a
    node = d.grad_fn
    assert node.name() == "AddBackward0"
    assert node.next_functions[0] == (c.grad_fn, 0)
    assert node.next_functions[1][0].name() == "AccumulateGrad"
    assert node.next_functions[1][0].variable is a
    node.metadata["note"] = 1
    assert d.grad_fn.metadata == {"note": 1}
    assert c.grad_fn._sequence_nr() < node._sequence_nr()
    assert node(torchy.tensor(1.0)) == (1.0, 1.0)


def test_graph_prints_the_expression_tree(capsys):
    a, b = leaf(2.0), leaf(43.0)
    c = (a * b) - ((b / a) + b)
    c.graph()
    assert capsys.readouterr().out == (
        "Tensor (-)\n"
        "  Tensor (*)\n"
        "    Tensor a\n"
        "    Tensor b\n"
        "  Tensor (+)\n"
        "    Tensor (/)\n"
        "      Tensor b\n"
        "      Tensor a\n"
        "    Tensor b\n"
    )


def test_backward_of_several_elements_needs_a_gradient():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    (x * 2).backward(torchy.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 20]


def test_user_defined_operation_is_named_after_its_class():
    class Exp(torchy.autograd.Function):
        @staticmethod
        def forward(ctx, i):
            result = i.exp()
            ctx.save_for_backward(result)
            return result

        @staticmethod
        def backward(ctx, grad_output):
            (result,) = ctx.saved_tensors
            return grad_output * result

    x = leaf(0.5)
    y = Exp.apply(x)
    assert repr(y) == "tensor(1.6487, grad_fn=<ExpBackward>)"
    y.backward()
    assert x.grad.item() == pytest.approx(1.6487, abs=1e-4)


def test_a_million_nodes_run_and_are_freed_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y * 1.0
    y.backward()
    assert x.grad.item() == 1
    before = torchy._C._live_nodes()
    del y
    assert torchy._C._live_nodes() <= before - 1_000_000
