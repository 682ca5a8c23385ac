"""torchy.func's jvp, jacfwd, hessian, and jacrev a batch of rows at a time: what needs forward mode or vmap."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy import nn
from torchy.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp


def x(tracked=False):
    return torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=tracked)


def one(tracked=False):
    return torch.tensor([1.0, 0.5, -2.0], dtype=torch.float64, requires_grad=tracked)


# -- jvp: forward mode only -------------------------------------------------------------------------


def test_jvp_gives_the_output_and_its_change():
    a, t = x(), one()
    out, pushed = jvp(torch.sin, (a,), (t,))
    assert torch.allclose(out, a.sin()) and torch.allclose(pushed, a.cos() * t)


def test_jvp_takes_and_gives_trees():
    a, t = x(), one()
    out, pushed = jvp(lambda p, q: {"y": p["a"] * q, "z": [p["a"].sum()]}, ({"a": a}, t), ({"a": t}, a))
    assert torch.allclose(out["y"], a * t) and torch.allclose(out["z"][0], a.sum())
    assert torch.allclose(pushed["y"], t * t + a * a) and torch.allclose(pushed["z"][0], t.sum())


def test_jvp_of_what_does_not_depend_on_the_inputs_is_zeros_or_an_error():
    assert jvp(lambda p: torch.ones(2), (x(),), (one(),))[1].tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="independent of the inputs"):
        jvp(lambda p: torch.ones(2), (x(),), (one(),), strict=True)


def test_jvp_returns_aux_without_a_tangent():
    a, t = x(), one()
    out, pushed, aux = jvp(lambda p: (p * p, {"twice": p * 2}), (a,), (t,), has_aux=True)
    assert torch.allclose(out, a * a) and torch.allclose(pushed, 2 * a * t) and torch.allclose(aux["twice"], 2 * a)


def test_jvps_nest_without_confusing_their_variables():
    a = torch.tensor(3.0, dtype=torch.float64)
    unit = torch.ones_like(a)

    def slope(f):
        return lambda s: jvp(f, (s,), (unit,))[1]

    assert slope(lambda s: s * slope(lambda r: s + r)(unit))(a).item() == 1.0
    assert torch.allclose(slope(slope(torch.sin))(a), -a.sin())


def test_jvp_of_grad_is_a_hessian_vector_product():
    a, t = x(), one()
    _, hv = jvp(grad(lambda p: (p**3).sum()), (a,), (t,))
    assert torch.allclose(hv, 6 * a * t)
    assert torch.allclose(grad(lambda p: jvp(torch.sin, (p,), (t,))[1].sum())(a), -a.sin() * t)
    assert torch.allclose(jvp(lambda p: vjp(torch.sin, p)[1](t)[0], (a,), (t,))[1], -a.sin() * t * t)


def test_jvp_is_recorded_by_the_tape():
    a, t = x(tracked=True), one(tracked=True)
    _, pushed = jvp(torch.sin, (a,), (t,))
    ga, gt = torch.autograd.grad(pushed.sum(), (a, t))
    assert torch.allclose(ga, -a.sin() * t) and torch.allclose(gt, a.cos())
    assert not jvp(torch.sin, (x(),), (one(),))[1].requires_grad
    with torch.no_grad():
        assert not any(r.requires_grad for r in jvp(torch.sin, (a,), (t,)))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda a: jvp(torch.sin, a, a), RuntimeError, "Expected primals to be a tuple"),
        (lambda a: jvp(torch.sin, [a], [a]), RuntimeError, "Expected primals to be a tuple"),
        (lambda a: jvp(torch.sin, (a,), [a]), RuntimeError, "same python structure"),
        (lambda a: jvp(torch.sin, (a,), (a, a)), RuntimeError, "same python structure"),
        (lambda a: jvp(lambda: a, (), ()), RuntimeError, "primals to contain at least one Tensor"),
        (lambda a: jvp(torch.sin, (3.0,), (a,)), RuntimeError, "primals to only contain Tensors, got <class 'float'>"),
        (lambda a: jvp(torch.sin, (a,), (None,)), RuntimeError, "tangents to only contain Tensors"),
    ],
)
def test_misuse_of_jvp_says_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call(x())


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda a: jvp(lambda t: 3, (a,), (a,)), RuntimeError, "only tensors, got unsupported type <class 'int'>"),
        (lambda a: jvp(lambda t: (), (a,), (a,)), RuntimeError, "non-empty output"),
        (lambda a: jvp(torch.sin, (a,), (a,), has_aux=True), RuntimeError, r"a tuple: \(output, aux\)"),
        (lambda a: jvp(lambda t: (t, 3), (a,), (a,), has_aux=True), RuntimeError, "Expected tensors, got"),
        (lambda a: jvp(torch.sin, (a,), (a[:2],)), RuntimeError, "size"),
        (lambda a: jvp(torch.sin, (a.long(),), (a,)), ValueError, "floating point or complex"),
    ],
)
def test_misuse_seen_in_forward_mode_says_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call(x())


# -- jacrev with vmap -------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk_size", [None, 2, 3, 100])
def test_batches_of_rows_equal_a_loop_over_them(chunk_size):
    p = {"a": x(), "b": torch.tensor(2.0, dtype=torch.float64)}

    def f(t):
        return t["a"].sin() * t["b"], [t["a"].sum() ** 2]

    found, loop = jacrev(f, chunk_size=chunk_size)(p), jacrev(f, chunk_size=1)(p)
    for name in p:
        assert torch.allclose(found[0][name], loop[0][name])
        assert torch.allclose(found[1][0][name], loop[1][0][name])


def test_batched_jacobians_are_recorded():
    w = x(tracked=True)
    j = jacrev(torch.sin)(w)
    assert torch.allclose(torch.autograd.grad(j.sum(), w)[0], -w.sin())
    assert torch.allclose(jacrev(jacrev(lambda t: (t**3).sum()))(x()), (6 * x()).diag())


# -- jacfwd and hessian: forward mode and vmap ------------------------------------------------------


def test_jacfwd_equals_jacrev():
    a, b = x(), torch.ones(2, 3, dtype=torch.float64)

    def f(p, q):
        return {"y": q @ p.exp(), "s": (p * p).sum()}

    forward, reverse = jacfwd(f, argnums=(0, 1))(a, b), jacrev(f, argnums=(0, 1), chunk_size=1)(a, b)
    for name in ("y", "s"):
        assert isinstance(forward[name], tuple)
        for i in (0, 1):
            assert forward[name][i].shape == reverse[name][i].shape
            assert torch.allclose(forward[name][i], reverse[name][i])


def test_jacfwd_by_all_arguments_and_with_aux():
    a = x()
    j, aux = jacfwd(lambda t: (t * t, {"half": t / 2}), has_aux=True)(a)
    assert torch.allclose(j, (2 * a).diag()) and torch.allclose(aux["half"], a / 2)
    both = jacfwd(lambda p, q: p * q, argnums=None)(a, one())
    assert torch.allclose(both[0], one().diag()) and torch.allclose(both[1], a.diag())
    assert torch.allclose(jacfwd(lambda p, q: p * q, argnums=-1)(a, one()), a.diag())


def test_jacfwd_refuses_complex():
    with pytest.raises(RuntimeError, match="jacfwd: Expected all inputs to be real"):
        jacfwd(torch.sin)(x() + 1j)
    with pytest.raises(RuntimeError, match="jacfwd: Expected all outputs to be real"):
        jacfwd(lambda t: t * 1j)(x())


def test_hessian_is_the_matrix_of_second_derivatives():
    a, b = x(), one()
    assert torch.allclose(hessian(lambda t: (t**3).sum())(a), (6 * a).diag())
    h = hessian(lambda p, q: (p * p * q).sum(), argnums=(0, 1))(a, b)
    assert torch.allclose(h[0][0], (2 * b).diag()) and torch.allclose(h[0][1], (2 * a).diag())
    assert torch.allclose(h[1][0], (2 * a).diag()) and not h[1][1].any()
    assert hessian(lambda t: t**3)(a).shape == (3, 3, 3)


def test_hessian_by_a_modules_parameters_in_one_call():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    t, y = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 1, dtype=torch.float64)
    params = dict(model.named_parameters())

    def loss(p):
        return nn.functional.mse_loss(functional_call(model, p, (t,)), y)

    h = hessian(loss)(params)
    slow = jacrev(jacrev(loss, chunk_size=1), chunk_size=1)(params)
    assert list(h) == list(params) and all(list(row) == list(params) for row in h.values())
    for i, p in params.items():
        for j, q in params.items():
            assert h[i][j].shape == (*p.shape, *q.shape)
            assert torch.allclose(h[i][j], slow[i][j], atol=1e-12)
