# vmap, forward and reverse mode inside one another, with branches, changes in place and loops in the functions, beside
# an installed PyTorch: values and exception types.
from __future__ import annotations

import pytest
from _same import same
from test_func_equals_pytorch import F
from test_func_forward_equals_pytorch import values

torch = pytest.importorskip("torch")


def changed(b, change):
    change(b)
    return b


def newton(f, T, x):
    for _ in range(3):
        x = x - f.grad(lambda y: (y**4 / 4 - y).sum())(x) / (3 * x**2)
    return x


def step(f, w, x):
    return w - 0.1 * f.grad(lambda v: ((v * x) ** 2).sum())(w)


PROGRAMS = {
    "hess branch": lambda T, f: f.hessian(lambda x: x.prod() if x.sum() > 0 else x.sum())(T.tensor([1.0, 2.0])),
    "jacfwd branch": lambda T, f: f.jacfwd(lambda x: x.prod() if x.sum() > 0 else x.sum())(T.tensor([1.0, 2.0])),
    "jacrev branch": lambda T, f: f.jacrev(lambda x: x * x if x.sum() > 0 else x.sum())(T.tensor([1.0, 2.0])),
    "jacfwd item": lambda T, f: f.jacfwd(lambda x: x * x.sum().item())(T.tensor([1.0, 2.0])),
    "jacfwd inplace": lambda T, f: f.jacfwd(lambda x: changed(x * 1, lambda b: b.mul_(x).sin_()))(T.tensor([1.0, 2.0])),
    "jacfwd zeros set": lambda T, f: f.jacfwd(lambda x: changed(T.zeros(2), lambda b: b.__setitem__(0, x.prod())))(
        T.tensor([1.0, 2.0])
    ),
    "jacfwd zeros copy": lambda T, f: f.jacfwd(lambda x: changed(T.zeros(2), lambda b: b.copy_(x * x)))(
        T.tensor([1.0, 2.0])
    ),
    "jacfwd zeros add": lambda T, f: f.jacfwd(lambda x: changed(T.zeros(2), lambda b: b.add_(x * x)))(
        T.tensor([1.0, 2.0])
    ),
    "hess inplace": lambda T, f: f.hessian(lambda x: changed(x * 1, lambda b: b.mul_(x).sin_()).prod())(
        T.tensor([1.0, 2.0])
    ),
    "hess zeros": lambda T, f: f.hessian(lambda x: changed(T.zeros(2), lambda b: b.__setitem__(0, x.prod())).sum())(
        T.tensor([1.0, 2.0])
    ),
    "jacrev zeros": lambda T, f: f.jacrev(lambda x: changed(T.zeros(2), lambda b: b.__setitem__(0, x.prod())))(
        T.tensor([1.0, 2.0])
    ),
    "vmap jacfwd branch": lambda T, f: f.vmap(f.jacfwd(lambda x: x if x.sum() > 0 else -x))(T.ones(2, 2)),
    "newton": lambda T, f: f.vmap(lambda x: newton(f, T, x))(T.tensor([1.0, 2.0, 3.0])),
    "newton grad": lambda T, f: f.vmap(f.grad(lambda x: newton(f, T, x)))(T.tensor([1.0, 2.0, 3.0])),
    "maml": lambda T, f: f.grad(lambda w: f.vmap(lambda x: (step(f, w, x) * x).sum())(T.arange(6.0).view(3, 2)).sum())(
        T.ones(2)
    ),
    "vv jvp": lambda T, f: f.vmap(
        lambda t: f.jvp(lambda x: f.vmap(lambda y: y.sin() * x[0])(x), (T.ones(2),), (t,))[1]
    )(T.eye(2)),
    "jvp jvp vmap": lambda T, f: f.jvp(
        lambda x: f.jvp(f.vmap(lambda y: y.sin()), (x,), (T.ones(2),))[1], (T.ones(2),), (T.ones(2),)
    ),
    "third": lambda T, f: f.jacfwd(f.jacfwd(f.jacrev(lambda x: x.prod())))(T.tensor([1.0, 2.0, 3.0])),
    "third r": lambda T, f: f.jacrev(f.hessian(lambda x: x.prod()))(T.tensor([1.0, 2.0, 3.0])),
    "vmap hess sum": lambda T, f: f.vmap(f.hessian(lambda x, w: (x.outer(x) @ w).sin().sum()), (0, None))(
        T.arange(6.0).view(2, 3), T.ones(3)
    ),
    "jacrev multi in": lambda T, f: f.vmap(f.jacrev(lambda x, w: x * w.sum(), (0, 1)))(
        T.arange(6.0).view(2, 3), T.ones(2, 2)
    ),
    "jacfwd of jvp": lambda T, f: f.jacfwd(lambda x: f.jvp(T.sin, (x,), (x,))[1])(T.ones(2)),
    "vmap linear layers grads": lambda T, f: f.vmap(f.grad(lambda w, x: (x @ w.t()).tanh().sum()), (None, 0))(
        T.ones(2, 3), T.arange(6.0).view(2, 3)
    ),
    "vmap where grad": lambda T, f: f.vmap(f.grad(lambda x: T.where(x > 1, x**2, x.sqrt()).sum()))(
        T.arange(1.0, 7.0).view(2, 3)
    ),
    "double where": lambda T, f: f.vmap(lambda x: T.where(x.sum() > 5, x, T.zeros(())))(T.arange(1.0, 7.0).view(2, 3)),
    "cumprod zeros": lambda T, f: f.vmap(f.grad(lambda x: x.cumprod(0).sum()))(T.arange(6.0).view(2, 3)),
    "prod zeros hess": lambda T, f: f.vmap(f.hessian(lambda x: x.prod()))(T.arange(6.0).view(2, 3)),
    "sort grad": lambda T, f: f.vmap(f.grad(lambda x: (x.sort()[0] * T.arange(3.0)).sum()))(
        T.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    ),
    "std grad": lambda T, f: f.vmap(f.grad(lambda x: x.std()))(T.arange(6.0).view(2, 3)),
    "gather hess": lambda T, f: f.vmap(f.hessian(lambda x, i: x.gather(0, i.reshape(1)).pow(2).sum()), (None, 0))(
        T.arange(3.0), T.tensor([1, 2])
    ),
    "softmax hess": lambda T, f: f.vmap(f.hessian(lambda x: x.log_softmax(0)[0]))(T.arange(6.0).view(2, 3)),
    "no_grad in vmap grad": lambda T, f: f.vmap(f.grad(lambda x: (x * T.no_grad()(lambda: x * 2)()).sum()))(
        T.ones(2, 2)
    ),
    "detach": lambda T, f: f.vmap(f.grad(lambda x: (x * x.detach()).sum()))(T.ones(2, 2)),
    "vjp closure": lambda T, f: f.vmap(lambda x: f.vjp(lambda y: y * x, T.ones(2))[1](x)[0])(T.arange(4.0).view(2, 2)),
    "complex grad": lambda T, f: f.vmap(f.grad(lambda x: (x * 1j).exp().abs().sum()))(T.ones(2, 2)),
    "double in dims": lambda T, f: f.vmap(f.vmap(lambda x: x.max(0), 1), 1)(T.arange(24.0).view(2, 3, 4))[1],
    "einsum nested": lambda T, f: f.vmap(f.vmap(lambda x, y: T.einsum("i,i->", x, y), (0, None)), (None, 0))(
        T.arange(6.0).view(2, 3), T.arange(12.0).view(4, 3)
    ),
    "inplace across levels": lambda T, f: f.vmap(
        lambda x: changed(x.clone(), lambda b: f.vmap(lambda y: y.add_(1))(b))
    )(T.arange(6.0).view(2, 3)),
    "inplace outer by inner": lambda T, f: f.vmap(lambda x: f.vmap(lambda y: x.add_(y))(x))(T.arange(6.0).view(2, 3)),
    "inplace inner by outer": lambda T, f: f.vmap(lambda x: f.vmap(lambda y: y.add_(x.sum()))(x.clone()))(
        T.arange(6.0).view(2, 3)
    ),
    "jvp input inplace": lambda T, f: f.jvp(lambda x: x.mul_(x), (T.ones(2),), (T.ones(2),)),
    "vmap jvp inplace": lambda T, f: f.vmap(lambda x: f.jvp(lambda x: (x * 1).mul_(x), (x,), (x,))[1])(T.ones(2, 2)),
    "vmap jvp set": lambda T, f: f.vmap(
        lambda x: f.jvp(lambda x: changed(T.zeros(2), lambda b: b.__setitem__(0, x[1] * x[0])), (x,), (x,))[1]
    )(T.ones(2, 2)),
    "vmap jvp view": lambda T, f: f.vmap(
        lambda x: f.jvp(lambda x: changed(x * 1, lambda b: b[1:].mul_(b[:1])), (x,), (x,))[1]
    )(T.arange(4.0).view(2, 2)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_nested(name):
    same(lambda T: values(PROGRAMS[name](T, F(T))), rtol=2e-5, atol=1e-6)
