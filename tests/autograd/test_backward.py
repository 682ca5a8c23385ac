"""backward and grad: arguments, errors, sums, inputs, kept and freed graphs."""

from __future__ import annotations

import numpy as np
import pytest

import torchy as torch

grad = torch.autograd.grad


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def test_gradients_add_up_over_calls():
    x = leaf(1.0, 2.0)
    for k in range(1, 4):
        (x * x).sum().backward()
        assert x.grad.tolist() == [2 * k, 4 * k]
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_a_tensor_used_many_times():
    x = leaf(2.0)
    y = x * x * x + x - x / 2
    y.backward()
    assert x.grad.item() == pytest.approx(12.5)


def test_a_gradient_is_not_shared_between_leaves():
    x, y = leaf(1.0, 1.0), leaf(1.0, 1.0)
    (x + y).backward(torch.ones(2))
    x.grad.mul_(5)
    assert y.grad.tolist() == [1, 1]


def test_the_given_gradient_is_not_changed_or_kept():
    x = leaf(1.0, 1.0)
    g = torch.ones(2)
    x.clone().backward(g)
    (x * 1 + x).backward(g)
    x.grad.mul_(7)
    assert g.tolist() == [1, 1]
    x.grad = None
    x.backward(g)
    x.grad.mul_(7)
    assert g.tolist() == [1, 1]


def test_gradient_of_a_vector():
    x = leaf(1.0, 2.0)
    (x * x).backward(gradient=torch.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [2, 40]


def test_gradient_argument_errors():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"only for scalar outputs.*shape \(2,\)"):
        (x * x).backward()
    with pytest.raises(RuntimeError, match=r"Mismatch in shape.*\(3,\).*\(2,\)"):
        (x * x).backward(torch.ones(3))
    with pytest.raises(TypeError):
        (x * x).backward([1.0, 2.0])
    z = torch.tensor([1 + 1j], requires_grad=True)
    with pytest.raises(RuntimeError, match="only for real scalar"):
        (z * z).sum().backward()


def test_errors_that_say_where_the_graph_was_cut():
    x = leaf(1.0)
    with torch.no_grad():
        unrecorded = x * 2
    cases = [
        (unrecorded, "under no_grad"),
        ((x * 2).detach(), r"detach\(\)"),
        ((x * 2).data, r"\.data"),
        (x.long(), "integer or bool"),
        (torch.ones(1) * 2, "none of its inputs"),
    ]
    for tensor, reason in cases:
        with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad.*" + reason):
            tensor.backward()


def test_one_element_of_any_shape_needs_no_gradient():
    x = torch.ones(1, 1, 1, requires_grad=True)
    (x * 4).backward()
    assert x.grad.shape == (1, 1, 1) and x.grad.item() == 4


def test_second_backward():
    x = leaf(1.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="second time.*MulBackward0.*retain_graph=True"):
        y.backward()
    assert x.grad.item() == 2
    z = x * x
    z.backward(retain_graph=True)
    z.backward()
    assert x.grad.item() == 6
    s = x + x
    s.backward()
    s.backward()
    assert x.grad.item() == 10, "nothing was saved, so nothing was freed"


def test_part_of_a_graph_may_be_shared():
    x = leaf(3.0)
    y = x * x
    a, b = y + 1, y * 2
    a.backward(retain_graph=True)
    b.backward()
    assert x.grad.item() == 6 + 12


def test_saved_values_are_freed_by_backward():
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = (y * y).sum()
    del y
    before = torch._C._live_tensors()
    z.backward()
    assert torch._C._live_tensors() <= before - 2 + 1, "two saved, one .grad"


def test_backward_of_several_roots():
    x = leaf(1.0, 1.0)
    torch.autograd.backward([x * 2, (x * 3).sum()], [torch.ones(2), None])
    assert x.grad.tolist() == [5, 5]
    y = x.sum()
    x.grad = None
    torch.autograd.backward([y, y])
    assert x.grad.tolist() == [2, 2]
    x.grad = None
    y = x * 2
    torch.autograd.backward([y.sum(), y], [None, torch.ones(2)])
    assert x.grad.tolist() == [4, 4], "a root inside another root's graph"
    with pytest.raises(RuntimeError, match="2 tensors and 1 gradients"):
        torch.autograd.backward([x * 2, x * 3], [torch.ones(2)])
    with pytest.raises(TypeError):
        torch.autograd.backward([1.0])


def test_backward_inputs():
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    z = y * y
    z.backward(inputs=[w], retain_graph=True)
    assert x.grad is None and w.grad.item() == 2 * 6 * 2
    z.backward(inputs=[y, y], retain_graph=True)
    assert y.grad.item() == 12 and x.grad is None
    z.backward(inputs=x)
    assert x.grad.item() == 36
    with pytest.raises(RuntimeError, match="cannot be empty"):
        z.backward(inputs=[])
    with pytest.raises(RuntimeError, match="does not require grad"):
        (x * 2).backward(inputs=[torch.ones(1)])


def test_grad_returns_and_stores_nothing():
    x, w = leaf(2.0), leaf(3.0)
    gx, gw = grad(x * w, (x, w))
    assert (gx.item(), gw.item()) == (3, 2)
    assert x.grad is None and w.grad is None
    assert isinstance(grad(x * 2, x), tuple)


def test_grad_of_several_outputs_and_weights():
    x = leaf(2.0, 3.0)
    (g,) = grad([x * x, x.sum()], x, grad_outputs=[torch.tensor([1.0, 2.0]), None])
    assert g.tolist() == [5, 13]
    with pytest.raises(RuntimeError, match="1 outputs and 2"):
        grad(x.sum(), x, [torch.ones(()), torch.ones(())])


def test_grad_of_non_leaf_and_the_output_itself():
    x = leaf(2.0)
    y = x * 3
    z = y * y
    gz, gy, gx = grad(z, (z, y, x))
    assert (gz.item(), gy.item(), gx.item()) == (1, 12, 36)
    assert grad(x, x)[0].item() == 1


def test_grad_same_input_twice():
    x = leaf(2.0)
    y = x * 3
    a, b, c, d = grad(y * y, (x, x, y, y))
    assert a.item() == b.item() == 36 and c.item() == d.item() == 12


def test_grad_unused():
    x, w = leaf(2.0), leaf(3.0, 4.0)
    with pytest.raises(RuntimeError, match=r"not have been used in the graph \(input 1 of shape \(2,\)\)"):
        grad(x * 2, (x, w))
    g, none = grad(x * 2, (x, w), allow_unused=True)
    assert g.item() == 2 and none is None
    g, zeros = grad(x * 2, (x, w), materialize_grads=True)
    assert zeros.tolist() == [0, 0]
    with pytest.raises(ValueError):
        grad(x * 2, w, allow_unused=False, materialize_grads=True)
    with pytest.raises(ValueError):
        grad(x * 2, [])
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad(x * 2, torch.ones(1))


def test_grad_runs_only_what_leads_to_the_inputs():
    ran = []
    x, w = leaf(2.0), leaf(3.0)
    a, b = x * 2, w * 3
    a.grad_fn.register_hook(lambda gi, go: ran.append("a"))
    b.grad_fn.register_hook(lambda gi, go: ran.append("b"))
    grad(a * b, w)
    assert ran == ["b"]


def test_create_graph_makes_gradients_differentiable():
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad and x.grad.item() == 27
    (second,) = grad(x.grad, x)
    assert second.item() == 18
    with torch.no_grad():
        (g,) = grad_of_cube(x)
    assert g.requires_grad, "create_graph decides, not the mode around it"
    x.grad = None


def grad_of_cube(x):
    with torch.enable_grad():
        y = x**3
    return grad(y, x, create_graph=True)


def test_create_graph_grad_leaves_nothing_behind():
    x = leaf(1.0, 2.0)
    before = torch._C._live_tensors(), torch._C._live_nodes()
    for _ in range(20):
        (g,) = grad((x.exp() * x).sum(), x, create_graph=True)
        (h,) = grad((g * g).sum(), x, create_graph=True)
        h.sum()
        del g, h
    assert (torch._C._live_tensors(), torch._C._live_nodes()) == before


def test_backward_with_create_graph_leaves_nothing_once_grad_is_cleared():
    x = leaf(1.0, 2.0)
    before = torch._C._live_tensors(), torch._C._live_nodes()
    for _ in range(5):
        (x.exp() * x).sum().backward(create_graph=True)
        x.grad.sum().backward()
        x.grad = None
    assert (torch._C._live_tensors(), torch._C._live_nodes()) == before


def test_higher_derivatives_of_one_function():
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    y = x.sin() * x.exp()
    values = []
    for _ in range(6):
        (y,) = grad(y, x, create_graph=True)
        values.append(y.item())
    # the k-th derivative of e^x sin x is 2^(k/2) e^x sin(x + k pi/4)
    expect = [2 ** (k / 2) * np.exp(0.7) * np.sin(0.7 + k * np.pi / 4) for k in range(1, 7)]
    np.testing.assert_allclose(values, expect, rtol=1e-12)


def test_shape_errors_name_node_input_and_both_shapes():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g[:2]

    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    with pytest.raises(RuntimeError, match=r"WrongBackward.*index 0.*\(2,\).*\(3,\).*MulBackward0"):
        Wrong.apply(y).sum().backward()


def test_data_may_change_shape():
    x = leaf(1.0, 2.0)
    y = x * 2
    x.data = torch.ones(3)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2] and y.shape == (2,)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (4, 1, 3), (1, 1)])
def test_gradients_of_broadcasting_are_summed(shape):
    a = torch.ones(shape, requires_grad=True)
    b = torch.full((4, 2, 3), 2.0)
    (a * b).sum().backward()
    assert a.grad.shape == shape
    assert np.all(a.grad.numpy() == 2 * 24 / a.numel())


def test_gradients_take_the_leafs_dtype():
    x = torch.ones(2, requires_grad=True)
    y = torch.full((2,), 3.0, dtype=torch.float64, requires_grad=True)
    (x * y * torch.arange(2)).sum().backward()
    assert x.grad.dtype is torch.float32 and x.grad.tolist() == [0, 3]
    assert y.grad.dtype is torch.float64 and y.grad.tolist() == [0, 1]
    h = torch.ones(2, dtype=torch.float16, requires_grad=True)
    (h.float() * 2).sum().backward()
    assert h.grad.dtype is torch.float16


def test_a_real_leaf_in_a_complex_expression_gets_a_real_gradient():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    z = torch.tensor([1j, 2 + 1j], requires_grad=True)
    (x * z).abs().sum().backward()
    assert x.grad.dtype is torch.float32 and z.grad.dtype is torch.complex64
    np.testing.assert_allclose(x.grad.numpy(), np.abs([1j, 2 + 1j]), rtol=1e-6)
    np.testing.assert_allclose(z.grad.numpy(), np.array([1j, (4 + 2j) / np.sqrt(5)]), rtol=1e-6)


def test_complex_gradient_descends():
    z = torch.tensor([3 + 4j], requires_grad=True)
    (z.abs() ** 2).sum().backward()
    assert z.grad.tolist() == [6 + 8j], "PyTorch's convention: the direction of steepest ascent"
