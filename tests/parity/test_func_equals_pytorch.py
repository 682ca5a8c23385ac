# torchy.func's reverse mode beside an installed PyTorch: values, structures, requires_grad of every result, and
# exception types. What needs forward mode or vmap is in test_func_forward_equals_pytorch.py.
from __future__ import annotations

import numpy as np
import pytest
from _same import network, same

import torchy
import torchy.func as ours

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.func")

RNG = np.random.default_rng(5)
A, B, W, C = RNG.normal(size=3), RNG.normal(size=(2, 3)), RNG.normal(size=3), RNG.normal(size=())
Z = RNG.normal(size=2) + 1j * RNG.normal(size=2)


def F(T):
    return ours if T is torchy else theirs


def tensor(T, array, grad=False):
    """Double precision: derivatives of derivatives are compared."""
    made = T.tensor(np.asarray(array).tolist(), dtype=T.complex128 if np.iscomplexobj(array) else T.float64)
    return made.requires_grad_() if grad else made


def tanh_network(T):
    """Smooth, so that it has second derivatives, and without the counter of `network`, a captured tensor changed."""
    T.manual_seed(5)
    return T.nn.Sequential(T.nn.Linear(4, 3), T.nn.Tanh(), T.nn.Linear(3, 2)).double()


def described(found):
    """The result with, for each tensor, its size and whether it has history; tuples differ from lists."""
    if isinstance(found, tuple):
        return {"tuple": [described(f) for f in found]}
    if isinstance(found, dict):
        return {key: described(f) for key, f in found.items()}
    if isinstance(found, list):
        return [described(f) for f in found]
    return [found, tuple(found.shape), found.requires_grad]


def off(T, f):
    with T.no_grad():
        return f()


SCALARS = {
    "cube": lambda T, x, w: (x**3).sum(),
    "linear": lambda T, x, w: x.sum(),
    "product": lambda T, x, w: x.prod() * x.sin().sum(),
    "with closure": lambda T, x, w: (x * w).sin().sum(),
    "linear in closure": lambda T, x, w: (x * w).sum(),
    "closure beside": lambda T, x, w: (x**2).sum() + w.sum(),
    "closure only": lambda T, x, w: w.sum(),
    "constant": lambda T, x, w: T.ones((), dtype=T.float64),
    "integer": lambda T, x, w: T.ones((), dtype=T.int64),
    "detached": lambda T, x, w: (x.detach() * x).sum(),
    "no_grad inside": lambda T, x, w: (x * off(T, lambda: x**2 * w)).sum(),
    "all no_grad": lambda T, x, w: off(T, lambda: (x * w).sum()),
    "grad inside": lambda T, x, w: F(T).grad(lambda y: (y * x * w).sin().sum())(x).prod(),
    "grad inside no_grad": lambda T, x, w: (x * off(T, lambda: F(T).grad(lambda y: (y**3).sum())(x))).sum(),
    "grad of grad inside": lambda T, x, w: F(T).grad(lambda y: F(T).grad(lambda z: z * y**3)(y) * x[0])(x[1]),
    "closure over input": lambda T, x, w: F(T).grad(lambda y: (x + y).prod())(w).sum() * x[0],
    "vjp inside": lambda T, x, w: F(T).vjp(lambda y: y.sin() * w, x)[1](x)[0].sum(),
    "in place": lambda T, x, w: x.clone().mul_(x).sin_().sum(),
    "in place on input": lambda T, x, w: x.mul_(2).sum(),
    "one element": lambda T, x, w: x[:1],
    "number": lambda T, x, w: 3.0,
    "complex": lambda T, x, w: (x * 1j).sum(),
    "through complex": lambda T, x, w: (x * (1 + 2j)).exp().abs().sum(),
}


@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize("tracked", [False, True], ids=["plain", "tracked"])
@pytest.mark.parametrize("name", SCALARS)
def test_grad(name, tracked, mode):
    def program(T):
        x, w = tensor(T, A, grad=tracked), tensor(T, W, grad=True)

        def f(y):
            return SCALARS[name](T, y, w), (y * 2, y, w, {"k": [y * w, y.detach()]})

        def run():
            return F(T).grad_and_value(f, has_aux=True)(x), F(T).grad(lambda y: f(y)[0])(x)

        return described(run() if mode == "on" else off(T, run))

    same(program)


FURTHER = ["cube", "with closure", "grad inside", "no_grad inside", "closure beside"]


@pytest.mark.parametrize("name, tracked", [(n, t) for n in FURTHER for t in (False, True) if t or n != "cube"])
def test_results_are_differentiated_further(name, tracked):
    def program(T):
        x, w = tensor(T, A, grad=tracked), tensor(T, W, grad=True)
        g, value = F(T).grad_and_value(lambda y: SCALARS[name](T, y, w))(x)
        inputs = [x, w] if tracked else [w]
        total = (g * g).sum() * value
        return list(T.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True))

    same(program)


@pytest.mark.parametrize(
    "program",
    [
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=(1, 0))(x, y),
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=-1)(x, y),
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=(0,))(x, q=y),
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=1)(x, q=y),
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=())(x, y),
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=(0, 0))(x, y),
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=[0])(x, y),
        lambda T, x, y: F(T).grad(lambda p, q: (p * q).sum(), argnums=("a",))(x, y),
        lambda T, x, y: F(T).grad(lambda p: (p["a"] * p["b"][0]).sum())({"a": x, "b": [y, T.ones(2)]}),
        lambda T, x, y: F(T).grad(lambda p: x.sum())({"a": x, "b": None}),
        lambda T, x, y: F(T).grad(lambda p: x.sum())({}),
        lambda T, x, y: F(T).grad(lambda p: p.sum())(x.long()),
        lambda T, x, y: F(T).grad(lambda p: [p.sum(), p], has_aux=True)(x),
        lambda T, x, y: F(T).grad(lambda p: (p.sum(), None), has_aux=True)(x),
        lambda T, x, y: F(T).grad(lambda p: (p.sum(), 3), has_aux=True)(x),
        lambda T, x, y: F(T).grad(lambda p: (p.sum(), (p, [p * 2])), has_aux=True)(x),
        lambda T, x, y: F(T).grad(F(T).grad(F(T).grad(lambda p: p**4)))(x[0]),
        lambda T, x, y: F(T).vjp(lambda p: (p * y, {"s": p.sum()}), x)[1]((y, {"s": x[0]})),
        lambda T, x, y: F(T).vjp(lambda p: (p, p), x)[1]([y, y]),
        lambda T, x, y: F(T).vjp(lambda p: p, x)[1](None),
        lambda T, x, y: F(T).vjp(lambda p: p.sum(), x)[1](None),
        lambda T, x, y: F(T).vjp(lambda p: p, x)[1](y[:2]),
        lambda T, x, y: F(T).vjp(lambda p: p, x)[1](y.float()),
        lambda T, x, y: F(T).vjp(lambda p: p.long(), x)[0],
        lambda T, x, y: F(T).vjp(lambda p: 3.0, x)[0],
        lambda T, x, y: F(T).vjp(lambda p: (), x)[0],
        lambda T, x, y: F(T).vjp(lambda p: p, 3.0)[0],
        lambda T, x, y: F(T).vjp(lambda p, q: (p, q), x, y)[0],
        lambda T, x, y: F(T).vjp(lambda p: (p * p, [p * 2]), x, has_aux=True)[2],
        lambda T, x, y: F(T).vjp(lambda p: p, x, has_aux=True)[2],
    ],
)
def test_arguments_and_structures(program):
    same(lambda T: described(program(T, tensor(T, A), tensor(T, W))))


@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize("tracked", ["nothing", "x", "w", "cotangent"])
@pytest.mark.parametrize(
    "f",
    [
        lambda T, x, w: x * w,
        lambda T, x, w: x.sin(),
        lambda T, x, w: 2 * x,
        lambda T, x, w: w * 2,
        lambda T, x, w: (x.exp(), (x * w).sum()),
        lambda T, x, w: {"x": x, "w": w},
    ],
)
def test_vjp(f, tracked, mode):
    def program(T):
        x, w, ct = (tensor(T, v, grad=tracked == n) for n, v in (("x", A), ("w", W), ("cotangent", B[0])))

        def run():
            out, pull = F(T).vjp(lambda y: f(T, y, w), x)
            weights = (ct, ct[0]) if isinstance(out, tuple) else {"x": ct, "w": ct} if isinstance(out, dict) else ct
            return out, pull(weights), pull(weights)

        return described(run() if mode == "on" else off(T, run))

    same(program)


def test_vjp_of_complex_functions():
    for f in (lambda z: z * z, lambda z: z.abs(), lambda z: z.conj() * z.exp()):
        same(lambda T, f=f: described(F(T).vjp(f, tensor(T, Z))[1](f(tensor(T, Z)))))


def test_linearize():
    def program(T, tracked, f):
        x, t = tensor(T, A, grad=tracked), tensor(T, W)
        out, push = F(T).linearize(lambda y: f(T, y), x)
        return described((out, push(t), push(2 * t)))

    for f in (
        lambda T, x: x.sin() * x,
        lambda T, x: {"a": x * 2, "b": (x.prod(), [x[:1]])},
        lambda T, x: x.exp().sum() * x,
        lambda T, x: (x, T.ones(2), x.long()),
    ):
        same(lambda T, f=f: program(T, False, f))
        same(lambda T, f=f: program(T, True, f))


@pytest.mark.parametrize(
    "program",
    [
        lambda T, x: F(T).linearize(T.sin, x)[1](x[:2]),
        lambda T, x: F(T).linearize(T.sin, x)[1](x.float()),
        lambda T, x: F(T).linearize(T.sin, x)[1](x, x),
        lambda T, x: F(T).linearize(T.sin, x.long()),
    ],
)
def test_linearize_refuses(program):
    same(lambda T: program(T, tensor(T, A)))


def rows(T, f, **options):
    return F(T).jacrev(f, chunk_size=1, **options)


JACOBIANS = {
    "sine": lambda T, x, y: x.sin(),
    "matrix": lambda T, x, y: y @ x.exp(),
    "scalar": lambda T, x, y: (x * y).prod(),
    "tree": lambda T, x, y: {"a": (x * y).sum(0), "b": [x[0], (y.sum(),)]},
    "constant": lambda T, x, y: T.ones(2, 1, dtype=T.float64),
    "identity": lambda T, x, y: (x, y),
    "complex": lambda T, x, y: x * 1j,
    "number": lambda T, x, y: 3.0,
    "nested": lambda T, x, y: rows(T, lambda p: (p**2 * y).sum(0))(x),
    "of a gradient": lambda T, x, y: F(T).grad(lambda p: (p**3 * y).sum())(x),
}


@pytest.mark.parametrize("tracked", [False, True], ids=["plain", "tracked"])
@pytest.mark.parametrize("argnums", [0, 1, (0, 1), (-1,)])
@pytest.mark.parametrize("name", JACOBIANS)
def test_jacrev(name, argnums, tracked):
    def program(T):
        x, y = tensor(T, A, grad=tracked), tensor(T, B)
        f = rows(T, lambda p, q: JACOBIANS[name](T, p, q), argnums=argnums)
        return described((f(x, y), off(T, lambda: f(x, y))))

    same(program)


@pytest.mark.parametrize(
    "program",
    [
        lambda T, x: rows(T, lambda p: (p * 2, {"k": p}), has_aux=True)(x),
        lambda T, x: rows(T, lambda p: p["a"] * p["b"])({"a": x, "b": x * 2}),
        lambda T, x: rows(T, T.sin)(x + 1j),
        lambda T, x: rows(T, T.sin, argnums=None)(x),
        lambda T, x: rows(T, T.sin)(x.long()),
        lambda T, x: F(T).jacrev(T.sin, chunk_size=0),
        lambda T, x: F(T).jacrev(lambda p: p[:0])(x),
        lambda T, x: rows(T, T.sin)(x[:0].sum()),
        lambda T, x: rows(T, rows(T, rows(T, lambda p: (p**4).sum())))(x),
    ],
)
def test_jacrev_options(program):
    same(lambda T: described(program(T, tensor(T, A))))


def test_functional_call_by_parameters():
    def program(T):
        model, x = tanh_network(T), tensor(T, RNG_INPUT)
        params = dict(model.named_parameters())
        first = {name: p for name, p in params.items() if name.startswith("0")}
        others = {name: p for name, p in params.items() if name not in first}

        def loss(p, rest=None):
            return F(T).functional_call(model, (p, rest) if rest else p, (x,)).pow(2).mean()

        g, value = F(T).grad_and_value(loss)(params)
        plain = F(T).grad(loss)({name: p.detach() for name, p in params.items()})
        part = F(T).grad(loss)(first, others)
        twice = rows(T, F(T).grad(loss))(first)
        return described([g, value, plain, part, twice])

    same(program, tight_rtol=1e-10)


RNG_INPUT = RNG.normal(size=(5, 4))


@pytest.mark.parametrize(
    "given",
    [
        {"scale": None},
        {"scale": 3},
        {"nowhere": None},
        {"no.where": None},
        {"": None},
        {"head": None},
        {"forward": None},
        [3],
        3,
        [{"scale": None}, {"scale": None}],
    ],
)
def test_functional_call_refuses(given):
    same(lambda T: described(F(T).functional_call(network(T).eval(), given, T.ones(2, 4))))


def test_stacked_states():
    def program(T):
        models = [network(T) for _ in range(3)]
        return described(F(T).stack_module_state(models))

    same(program)
    same(lambda T: F(T).stack_module_state([]))
    same(lambda T: F(T).stack_module_state([network(T), network(T).eval()]))
    same(lambda T: F(T).stack_module_state([network(T), T.nn.Tanh()]))
