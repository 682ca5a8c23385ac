# torchy.func's jvp, jacfwd, hessian and batched jacrev (forward mode, vmap) beside an installed PyTorch: values,
# structures, exception types, and requires_grad of what jacrev gives. Not that of tangents: PyTorch calls the tangent of
# 2 * x tracked if x is, which it does not depend on.
from __future__ import annotations

import pytest
from _same import same
from test_func_equals_pytorch import JACOBIANS, RNG_INPUT, A, B, C, F, W, Z, described, off, tanh_network, tensor

torch = pytest.importorskip("torch")


def values(found):
    """As `described`, without requires_grad."""
    if isinstance(found, tuple):
        return {"tuple": [values(f) for f in found]}
    if isinstance(found, dict):
        return {key: values(f) for key, f in found.items()}
    return [values(f) for f in found] if isinstance(found, list) else [found, tuple(found.shape)]


@pytest.mark.parametrize("tracked", [(), ("x",), ("t",), ("x", "t")], ids=str)
@pytest.mark.parametrize(
    "f",
    [
        lambda T, x: x.sin() * x,
        lambda T, x: 2 * x,
        lambda T, x: {"a": x.prod(), "b": [x.exp(), T.ones(2)]},
        lambda T, x: (x.long(), x),
        lambda T, x: F(T).grad(lambda y: (y**3 * x).sum())(x),
        lambda T, x: F(T).vjp(T.sin, x)[1](x)[0],
        lambda T, x: F(T).jvp(T.sin, (x,), (x * x,)),
        lambda T, x: F(T).jvp(lambda y: y * x, (x,), (T.ones_like(x),))[1],
        lambda T, x: (),
        lambda T, x: 3,
        lambda T, x: None,
    ],
)
def test_jvp(f, tracked):
    def program(T):
        x, t = tensor(T, A, grad="x" in tracked), tensor(T, W, grad="t" in tracked)

        def run():
            return F(T).jvp(lambda y: f(T, y), (x,), (t,))

        return values((run(), off(T, run)))

    same(program)


@pytest.mark.parametrize(
    "program",
    [
        lambda T, x, t: F(T).jvp(T.sin, x, t),
        lambda T, x, t: F(T).jvp(T.sin, [x], [t]),
        lambda T, x, t: F(T).jvp(T.sin, (x,), [t]),
        lambda T, x, t: F(T).jvp(T.sin, (x,), (t, t)),
        lambda T, x, t: F(T).jvp(T.sin, (3.0,), (t,)),
        lambda T, x, t: F(T).jvp(T.sin, (x,), (t[:2],)),
        lambda T, x, t: F(T).jvp(T.sin, (x.long(),), (t,)),
        lambda T, x, t: F(T).jvp(lambda: x, (), ()),
        lambda T, x, t: F(T).jvp(lambda y: T.ones(2), (x,), (t,)),
        lambda T, x, t: F(T).jvp(lambda y: T.ones(2), (x,), (t,), strict=True),
        lambda T, x, t: F(T).jvp(lambda y: (y * 2, [y]), (x,), (t,), has_aux=True),
        lambda T, x, t: F(T).jvp(lambda y: (y * 2, 3), (x,), (t,), has_aux=True),
        lambda T, x, t: F(T).jvp(T.sin, (x,), (t,), has_aux=True),
        lambda T, x, t: F(T).jvp(lambda a, b: a["k"] * b, ({"k": x}, t), ({"k": t}, x)),
        lambda T, x, t: F(T).jvp(lambda y: y * y.conj(), (tensor(T, Z),), (tensor(T, Z * (1 - 2j)),)),
    ],
)
def test_jvp_options(program):
    same(lambda T: values(program(T, tensor(T, A), tensor(T, W))))


@pytest.mark.parametrize("tracked", [False, True], ids=["plain", "tracked"])
@pytest.mark.parametrize("argnums", [0, (0, 1)], ids=str)
@pytest.mark.parametrize("name", [n for n in JACOBIANS if n != "nested"])
def test_jacobians(name, argnums, tracked):
    def program(T, transform, **options):
        x, y = tensor(T, A, grad=tracked), tensor(T, B)
        f = getattr(F(T), transform)(lambda p, q: JACOBIANS[name](T, p, q), argnums=argnums, **options)
        found = f(x, y), off(T, lambda: f(x, y))
        return described(found) if transform == "jacrev" else values(found)

    same(lambda T: program(T, "jacfwd"))
    same(lambda T: program(T, "jacrev"))
    same(lambda T: program(T, "jacrev", chunk_size=2))


@pytest.mark.parametrize(
    "program",
    [
        lambda T, x: F(T).jacfwd(lambda p: (p * 2, {"k": p}), has_aux=True)(x),
        lambda T, x: F(T).jacfwd(T.sin, argnums=None)(x),
        lambda T, x: F(T).jacfwd(T.sin)(x + 1j),
        lambda T, x: F(T).jacfwd(T.sin)(x.long()),
        lambda T, x: F(T).jacfwd(lambda p: p.long())(x),
        lambda T, x: F(T).jacfwd(T.sin, argnums=2)(x),
        lambda T, x: F(T).jacfwd(F(T).jacfwd(lambda p: (p**3).sum()))(x),
        lambda T, x: F(T).jacrev(F(T).jacfwd(lambda p: (p**3).sum()))(x),
        lambda T, x: F(T).hessian(lambda p: (p**3).prod())(x),
        lambda T, x: F(T).hessian(lambda p: p**3)(x),
        lambda T, x: F(T).hessian(lambda p, q: (p * q).prod(), argnums=(0, 1))(x, x * 2),
        lambda T, x: F(T).hessian(lambda p: (p["a"] ** 2 * p["b"]).sum())({"a": x, "b": tensor(T, C)}),
    ],
)
def test_jacobian_options(program):
    same(lambda T: values(program(T, tensor(T, A))))


def test_hessian_by_a_modules_parameters():
    def program(T):
        model, x = tanh_network(T), tensor(T, RNG_INPUT)
        params = dict(model.named_parameters())
        return values(F(T).hessian(lambda p: F(T).functional_call(model, p, (x,)).pow(2).mean())(params))

    same(program, tight_rtol=1e-9)


@pytest.mark.parametrize("name", ["tanh", "sin", "exp", "sigmoid", "sqrt", "rsqrt", "log"])
def test_hessian_by_one_operation(name):
    same(lambda T: values(F(T).hessian(lambda x: (getattr(T, name)(x) * x).sum())(tensor(T, A).abs())))
