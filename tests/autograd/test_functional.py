"""torchy.autograd.functional against analytic derivatives: values, structures, strict, create_graph, inputs untouched."""

from __future__ import annotations

import functools
import inspect

import numpy as np
import pytest

import torchy as torch
from torchy.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

X, Y = np.array([0.5, -1.0, 2.0]), np.array([[1.5, 0.2, -0.3], [0.4, 1.0, 0.7]])


def tensors(*arrays, grad=False):
    made = tuple(torch.tensor(a, dtype=torch.float64, requires_grad=grad) for a in arrays)
    return made if len(made) > 1 else made[0]


def check(found, expect):
    """Equal values and sizes, and a result that was not asked to have history has none."""
    assert tuple(found.shape) == np.shape(expect) and not found.requires_grad
    np.testing.assert_allclose(np.array(found.tolist()).reshape(found.shape), expect, rtol=1e-13, atol=1e-14)


def test_vjp_is_the_vector_times_the_jacobian():
    x, y = tensors(X, Y)
    v = torch.tensor([2.0, -1.0], dtype=torch.float64)
    out, (by_x, by_y) = vjp(lambda x, y: y @ x.exp(), (x, y), v)
    check(out, Y @ np.exp(X))
    check(by_x, v.numpy() @ Y * np.exp(X))
    check(by_y, np.outer(v.numpy(), np.exp(X)))


def test_vjp_of_several_outputs_adds_their_parts():
    x = tensors(X)
    out, by_x = vjp(lambda x: (x * x, x.sum()), x, (torch.ones(3, dtype=torch.float64), tensors(5.0)))
    assert isinstance(out, tuple) and len(out) == 2
    check(by_x, 2 * X + 5)


def test_jvp_is_the_jacobian_times_the_vector():
    x, y = tensors(X, Y)
    dx, dy = X[::-1].copy(), Y * 2
    out, along = jvp(lambda x, y: (y @ x.exp(), x.sum()), (x, y), tensors(dx, dy))
    assert isinstance(out, tuple) and isinstance(along, tuple)
    check(along[0], dy @ np.exp(X) + Y @ (np.exp(X) * dx))
    check(along[1], dx.sum())


def test_v_may_be_left_out_for_one_element():
    x = tensors(0.7)
    check(vjp(torch.sin, x)[1], np.cos(0.7))
    check(jvp(lambda x: (x * tensors(X)).sin(), x)[1], np.cos(0.7 * X) * X)
    check(vhp(torch.sin, x)[1], -np.sin(0.7))
    check(hvp(torch.sin, x)[1], -np.sin(0.7))


@pytest.mark.parametrize("vectorize", [False, True])
def test_jacobian_has_the_sizes_of_output_and_input(vectorize):
    x, y = tensors(X, Y)
    found = jacobian(lambda x, y: (y * x, x.prod()), (x, y), vectorize=vectorize)
    assert [[tuple(j.shape) for j in row] for row in found] == [[(2, 3, 3), (2, 3, 2, 3)], [(3,), (2, 3)]]
    check(found[0][0], np.einsum("ij,jk->ijk", Y, np.eye(3)))
    check(found[0][1], np.einsum("ik,jl,j->ijkl", np.eye(2), np.eye(3), X))
    check(found[1][0], X.prod() / X)
    check(found[1][1], np.zeros((2, 3)))


@pytest.mark.parametrize("vectorize", [False, True])
def test_jacobian_nests_as_inputs_and_outputs_do(vectorize):
    def nest(f, inputs):
        def shape(j):
            return tuple(map(shape, j)) if isinstance(j, tuple) else "tensor"

        return shape(jacobian(f, inputs, vectorize=vectorize))

    x = tensors(X)
    assert nest(lambda x: x * x, x) == "tensor"
    assert nest(lambda x: x * x, (x,)) == ("tensor",)
    assert nest(lambda x: (x * x,), x) == ("tensor",)
    assert nest(lambda x: (x * x,), (x,)) == (("tensor",),)
    assert nest(lambda x, y: (x, y, x * y), (x, x)) == (("tensor", "tensor"),) * 3


@pytest.mark.parametrize("vectorize", [False, True])
def test_hessian_of_a_cubic_form(vectorize):
    x, y = tensors(X, Y)
    (xx, xy), (yx, yy) = hessian(lambda x, y: (y @ x**2).sum(), (x, y), vectorize=vectorize)
    check(xx, np.diag(2 * Y.sum(0)))
    check(xy, np.einsum("jl,k->jkl", np.diag(2 * X), np.ones(2)))
    check(yx, np.einsum("jl,k->klj", np.diag(2 * X), np.ones(2)))
    check(yy, np.zeros((2, 3, 2, 3)))
    check(hessian(lambda x: (x**3).sum(), x, vectorize=vectorize), np.diag(6 * X))


@pytest.mark.parametrize("product", [vhp, hvp])
def test_products_with_the_hessian_equal_the_matrix(product):
    x, y = tensors(X, Y)

    def f(x, y):
        return (y @ x**2).sum() * x.sin().sum()

    (xx, xy), (yx, yy) = hessian(f, (x, y))
    dx, dy = tensors(X[::-1].copy(), Y * 2)
    out, (by_x, by_y) = product(f, (x, y), (dx, dy))
    check(out, f(x, y).numpy())
    check(by_x, (xx @ dx + (xy * dy).sum((1, 2))).numpy())
    check(by_y, (yx @ dx + (yy * dy).sum((2, 3))).numpy())


def test_complex_vjp_and_vectorized_jacobian_give_the_conjugate():
    z = torch.tensor([1 + 2j, -0.5 + 1j], dtype=torch.complex128)
    _, by_z = vjp(lambda z: z**3, z, torch.ones(2, dtype=torch.complex128))
    check(by_z, np.conj(3 * z.numpy() ** 2))
    check(jacobian(lambda z: z**3, z, vectorize=True), np.diag(np.conj(3 * z.numpy() ** 2)))
    check(jacobian(lambda z: (z * z.conj()).real, z), np.diag(2 * z.numpy()))
    with pytest.raises(RuntimeError, match="complex128"):
        jacobian(lambda z: z**3, z)


def test_complex_jvp_is_the_derivative_times_the_vector():
    z = torch.tensor([1 + 2j, -0.5 + 1j], dtype=torch.complex128)
    _, along = jvp(lambda z: z**3, z, torch.tensor([1j, 2.0], dtype=torch.complex128))
    check(along, 3 * z.numpy() ** 2 * np.array([1j, 2.0]))


def test_create_graph_gives_the_third_derivative():
    x = tensors(X, grad=True)
    second = hessian(lambda x: (x**4).sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    check(third, 24 * X)
    for product in (vhp, hvp):
        out, found = product(lambda x: (x**4).sum(), x, torch.ones(3, dtype=torch.float64), create_graph=True)
        assert out.requires_grad
        check(torch.autograd.grad(found.sum(), x)[0], 24 * X)
    third_table = jacobian(lambda x: hessian(lambda x: (x**4).sum(), x, create_graph=True), x)
    check(third_table, np.einsum("i,ij,jk->ijk", 24 * X, np.eye(3), np.eye(3)))


def test_create_graph_lets_gradients_reach_v():
    x = tensors(X)
    for product, factor in ((vjp, np.cos(X)), (jvp, np.cos(X))):
        v = tensors(np.ones(3), grad=True)
        _, found = product(torch.sin, x, v, create_graph=True)
        check(torch.autograd.grad(found.sum(), v)[0], factor)
        assert not product(torch.sin, x, v)[1].requires_grad


def calls(x):
    def square(x):
        return (x**2).sum() * x.sum()

    yield lambda **k: vjp(square, x, **k)
    yield lambda **k: jvp(square, x, torch.ones_like(x.detach()), **k)
    yield lambda **k: vhp(square, x, torch.ones_like(x.detach()), **k)
    yield lambda **k: hvp(square, x, torch.ones_like(x.detach()), **k)
    for vectorize in (False, True):
        yield functools.partial(jacobian, square, x, vectorize=vectorize)
        yield functools.partial(hessian, square, x, vectorize=vectorize)


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("create_graph", [False, True])
def test_inputs_are_left_unchanged(create_graph, grad):
    x = tensors(X, grad=grad)
    version = x._version
    for call in calls(x):
        with torch.no_grad():
            call(create_graph=create_graph)
            assert not torch.is_grad_enabled()
        assert x.grad is None and x.requires_grad == grad and x.grad_fn is None and x._version == version
        assert x.tolist() == X.tolist()


def test_a_function_that_captures_its_input_is_differentiated_by_the_argument_only():
    x = tensors(X, grad=True)
    check(jacobian(lambda y: x * y, x), np.diag(X))
    check(vjp(lambda y: x * y, x, torch.ones(3, dtype=torch.float64), create_graph=True)[1].detach(), X)


def test_strict_names_the_independent_input():
    x, y = tensors(X, Y)
    v = torch.ones(3, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="vjp: .* input 1, which strict=True"):
        vjp(lambda x, y: x * x, (x, y), v, strict=True)
    with pytest.raises(RuntimeError, match="jvp: .* input 1, which strict=True"):
        jvp(lambda x, y: x * x, (x, y), (x, y), strict=True)
    with pytest.raises(RuntimeError, match="jacobian: .* input 1, which strict=True"):
        jacobian(lambda x, y: x * x, (x, y), strict=True)
    for product in (vhp, hvp):
        with pytest.raises(RuntimeError, match=f"{product.__name__}: .* input 1, which strict=True"):
            product(lambda x, y: (x * x).sum(), (x, y), (x, y), strict=True)
    check(jacobian(lambda x, y: x * x, (x, y))[1], np.zeros((3, 2, 3)))


def test_strict_refuses_what_has_no_history():
    x = tensors(X)
    with pytest.raises(RuntimeError, match="output 0 of the function does not require grad"):
        jacobian(lambda x: torch.ones(2), x, strict=True)
    with pytest.raises(RuntimeError, match="entry 0 of a derivative does not depend"):
        hessian(lambda x: x.sum(), x, strict=True)
    with pytest.raises(RuntimeError, match="entry 0 of a derivative does not depend"):
        vjp(lambda x: 2 * x, x, x, create_graph=True, strict=True)
    check(hessian(lambda x: x.sum(), x), np.zeros((3, 3)))
    check(vjp(lambda x: 2 * x, x, x, strict=True)[1], 2 * X)


def test_strict_cannot_go_with_vectorize():
    with pytest.raises(RuntimeError, match="use vectorize=False"):
        jacobian(lambda x: x * x, tensors(X), strict=True, vectorize=True)


def test_forward_mode_says_what_to_use_instead():
    x = tensors(X)
    forward = {"vectorize": True, "strategy": "forward-mode"}
    with pytest.raises(NotImplementedError, match="for vectorize=True only"):
        jacobian(lambda x: x, x, strategy="forward-mode")
    with pytest.raises(NotImplementedError, match="create_graph=False or use strategy"):
        jacobian(lambda x: x, x, create_graph=True, **forward)
    with pytest.raises(RuntimeError, match='use strategy="reverse-mode"'):
        jacobian(lambda x: x, x, strict=True, **forward)
    with pytest.raises(AssertionError, match="'sideways'"):
        jacobian(lambda x: x, x, strategy="sideways")


@pytest.mark.parametrize("options", [{"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}])
def test_all_strategies_give_the_same_jacobian(options):
    def f(x, y):
        return (x * y.sum(0)).sin(), y.exp().sum(1) * x[0], torch.ones(2, dtype=torch.float64)

    x, y = torch.rand(3, dtype=torch.float64), torch.rand(2, 3, dtype=torch.float64)
    for want, got in zip(jacobian(f, (x, y)), jacobian(f, (x, y), **options)):
        for a, b in zip(want, got):
            assert a.shape == b.shape and a.dtype == b.dtype and torch.allclose(a, b, 1e-12) and not b.requires_grad
    assert torch.allclose(jacobian(torch.sin, x, **options), x.cos().diag())


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_all_strategies_give_the_same_hessian(strategy):
    def f(x, y):
        return (x * y).sin().sum() * y.prod()

    given = torch.rand(3, dtype=torch.float64), torch.rand(2, 3, dtype=torch.float64)
    found = hessian(f, given, vectorize=True, outer_jacobian_strategy=strategy)
    for want, got in zip(hessian(f, given), found):
        for a, b in zip(want, got):
            assert a.shape == b.shape and torch.allclose(a, b, 1e-12)


def test_vectorized_jacobian_runs_backward_once():
    calls = []

    class Counted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            calls.append(g.shape)
            return g * 2

    x = torch.rand(5)
    check(jacobian(Counted.apply, x, vectorize=True), 2 * np.eye(5))
    assert calls == [(5,)]
    check(jacobian(Counted.apply, x), 2 * np.eye(5))
    assert len(calls) == 6
    calls.clear()


def test_forward_mode_runs_the_function_once():
    calls = []
    x = torch.rand(4, 3)
    found = jacobian(lambda x: calls.append(x.shape) or x.sum(0), x, vectorize=True, strategy="forward-mode")
    assert found.shape == (3, 4, 3) and calls == [(4, 3)]


def test_wrong_arguments_say_what_is_wrong():
    x = tensors(X)
    with pytest.raises(TypeError, match="vjp: the inputs has type list; give a Tensor"):
        vjp(lambda x: x, [x])
    with pytest.raises(TypeError, match="entry 1 of the outputs of the function has type float"):
        jacobian(lambda x: (x, 1.0), x)
    with pytest.raises(RuntimeError, match=r"entry 0 of v has size \(1,\); give it \(3,\)"):
        jvp(torch.sin, x, x[:1])
    with pytest.raises(RuntimeError, match="v has 2 tensors, but there are 1 outputs"):
        vjp(torch.sin, x, (x, x))
    with pytest.raises(RuntimeError, match=r"v is None, but the inputs have sizes \[\(3,\)\]"):
        hvp(lambda x: x.sum(), x)
    with pytest.raises(RuntimeError, match=r"returned sizes \[\(3,\)\]; return a single Tensor of one element"):
        hessian(torch.sin, x)


def test_arguments_have_the_order_of_the_documentation():
    assert list(inspect.signature(jacobian).parameters)[2:] == ["create_graph", "strict", "vectorize", "strategy"]
    assert list(inspect.signature(hessian).parameters)[-1] == "outer_jacobian_strategy"
    for product in (vjp, jvp, vhp, hvp):
        assert list(inspect.signature(product).parameters) == ["func", "inputs", "v", "create_graph", "strict"]
