# torchy.autograd.functional beside an installed PyTorch: values, structures, history of results,
# every option, and exception types.
from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
from _same import same, tensor

import torchy.autograd.functional as ours

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(11)
A, B, C = RNG.normal(size=3), RNG.normal(size=(2, 3)), RNG.normal(size=())
Z = RNG.normal(size=(2, 2)) + 1j * RNG.normal(size=(2, 2))


def lib(T):
    return ours if T.__name__ == "torchy" else T.autograd.functional


def described(found):
    """The result with, for each tensor, its size and whether it has history; tuples stay tuples in its structure."""
    if isinstance(found, tuple):
        return {"tuple": [described(f) for f in found]}
    return [found, tuple(found.shape), found.requires_grad]


MAPS = {
    "sine": (lambda T, x: x.sin(), A),
    "linear": (lambda T, x: 2 * x + 1, A),
    "constant": (lambda T, x: T.ones(2, 1, dtype=T.float64), A),
    "scalar": (lambda T, x: (x * x).exp(), C),
    "two in": (lambda T, x, y: y @ x.tanh(), (A, B)),
    "two in, one used": (lambda T, x, y: x.cos() * x[0], (A, B)),
    "two out": (lambda T, x: (x.sin(), x.sum() ** 3), A),
    "two out, one constant": (lambda T, x: (x**2, T.ones(2, dtype=T.float64), x * 2), A),
    "three in, two out": (lambda T, x, y, z: (x * z + y.sum(0), (y * x).exp() @ x), (A, B, C)),
    "tuple of one": (lambda T, x: (x.sin() * x,), (A,)),
    "integer out": (lambda T, x: (x * x, x.long()), A),
    "root at zero": (lambda T, x: (x.sqrt(), x * x), np.array([0.0, 4.0])),
    "in place": (lambda T, x: x.clone().mul_(x).sin_(), A),
    "only no elements out": (lambda T, x: x[:0] * 2, A),
    "no elements in": (lambda T, x: x.sum() * 2, np.zeros((0, 2))),
    "no outputs": (lambda T, x: (), A),
    "list out": (lambda T, x: [x], A),
    "number out": (lambda T, x: 3.0, A),
    "complex": (lambda T, z: z * z * z.conj(), Z),
    "complex to real": (lambda T, z: (z * z.conj()).real, Z),
    "real to complex": (lambda T, x: x * x * (1 + 2j), A),
    "mixed": (lambda T, x, z: (z.abs().sum() * x, z.sin() * x[0]), (A, Z)),
}
SCALARS = {
    "cube": (lambda T, x: (x**3).sum(), A),
    "product": (lambda T, x: x.prod() * x.sin().sum(), A),
    "one element": (lambda T, x: (x.sin() * x).reshape(1, 1), np.array([[0.7]])),
    "two": (lambda T, x, y: (y * x).sin().sum() * x.prod(), (A, B)),
    "one not used": (lambda T, x, y: x.exp().sum(), (A, B)),
    "one linear": (lambda T, x, y: x.exp().sum() + y.sum(), (A, B)),
    "linear": (lambda T, x: x.sum(), A),
    "constant": (lambda T, x: T.ones((), dtype=T.float64), A),
    "tuple out": (lambda T, x: ((x * x).sum(),), A),
    "number": (lambda T, x: 2.0, A),
    "complex": (lambda T, z: (z * z.conj()).real.sum() + (z * z).imag.sum() ** 2, Z),
    "complex out": (lambda T, z: (z * z).sum(), Z),
    "complex and real": (lambda T, x, z: (z * z.conj()).real.sum() * x.prod(), (A, Z)),
}


def inputs_of(T, arrays, grad):
    if isinstance(arrays, tuple):
        return tuple(inputs_of(T, a, grad) for a in arrays)
    dtype = T.complex128 if np.iscomplexobj(arrays) else T.float64
    return T.tensor(arrays.tolist(), dtype=dtype).reshape(arrays.shape).requires_grad_(grad)


def like(T, given, seed=0):
    """Vectors of the sizes and dtypes of the tensors of `given`, the same numbers in both libraries."""
    if isinstance(given, tuple):
        return tuple(like(T, g, seed + i) for i, g in enumerate(given))
    if not hasattr(given, "shape"):
        return None
    rng = np.random.default_rng(seed + 5)
    array = rng.normal(size=tuple(given.shape))
    if given.is_complex():
        array = array + 1j * rng.normal(size=tuple(given.shape))
    return T.tensor(array.tolist(), dtype=given.dtype).reshape(given.shape)


def listed(value):
    return value if isinstance(value, tuple) else (value,)


def run(T, name, function, arrays, with_v=True, grad=False, **options):
    f, given = (lambda *xs: function(T, *xs)), inputs_of(T, arrays, grad)
    if name in ("jacobian", "hessian"):
        found = getattr(lib(T), name)(f, given, **options)
    else:
        v = None
        if with_v:
            v = like(T, f(*listed(given)) if name == "vjp" else given)
        found = getattr(lib(T), name)(f, given, v, **options)
    for x in listed(given):
        assert x.grad is None and x.requires_grad == grad
    return described(found)


BOTH = [False, True]
FIRST = [("vjp", "with_v"), ("jvp", "with_v"), ("jacobian", "vectorize")]
SECOND = [("vhp", "with_v"), ("hvp", "with_v"), ("hessian", "vectorize")]


def same_with_all_flags(op, function, arrays, vary, tight_rtol=1e-12):
    """In one test: each refused call leaves a cycle behind, and collecting those after every test is slow."""
    for create_graph, strict, grad, last in itertools.product(BOTH, repeat=4):
        options = {"create_graph": create_graph, "strict": strict, "grad": grad, vary: last}
        same(lambda T: run(T, op, function, arrays, **options), tight_rtol=tight_rtol)  # noqa: B023


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("op, vary", FIRST)
def test_first_derivative_equals_pytorch(op, vary, name):
    same_with_all_flags(op, *MAPS[name], vary)


@pytest.mark.parametrize("name", SCALARS)
@pytest.mark.parametrize("op, vary", SECOND)
def test_second_derivative_equals_pytorch(op, vary, name):
    same_with_all_flags(op, *SCALARS[name], vary)


UNARY = ["sin", "tanh", "sigmoid", "cos", "atan"]  # bounded: large values cancel, and then no two sums agree


def random_function(seed):
    """A random program of several inputs and outputs, and its inputs."""
    rng = np.random.default_rng(seed)
    sizes = [(2, 3), (3,), (), (2, 1), (1, 3)]
    arrays = tuple(rng.normal(size=sizes[k]) for k in rng.integers(0, 5, size=rng.integers(1, 4)))
    steps = [(rng.choice(UNARY), rng.integers(0, 100), rng.integers(0, 100), rng.integers(0, 3)) for _ in range(6)]
    outputs = int(rng.integers(1, 4))

    def function(T, *xs):
        known = list(xs)
        for name, i, j, kind in steps:
            a, b = getattr(T, name)(known[i % len(known)]), known[j % len(known)]
            known.append([a * b, a + b.sum(), a - b.mean() * a][kind])
        results = tuple(known[-outputs:])
        return results if outputs > 1 else results[0]

    return function, arrays if len(arrays) > 1 else arrays[0]


@pytest.mark.parametrize("seed", range(25))
def test_random_functions_equal_pytorch(seed):
    function, arrays = random_function(seed)

    def to_scalar(T, *xs):
        return sum((r.sin().sum() for r in listed(function(T, *xs))), T.zeros((), dtype=T.float64))

    for op, vary in FIRST:
        same_with_all_flags(op, function, arrays, vary, tight_rtol=1e-11)
    for op, vary in SECOND:
        same_with_all_flags(op, to_scalar, arrays, vary, tight_rtol=1e-11)


@pytest.mark.parametrize("op", ["vjp", "jvp", "jacobian", "vhp", "hvp", "hessian"])
def test_derivative_of_the_result_equals_pytorch(op):
    """create_graph: one more derivative, by the inputs and by v."""

    def program(T):
        x, y, v = (tensor(T, a, T.float64, grad=True) for a in (A, B, A[::-1]))
        w = tensor(T, B[::-1], T.float64, grad=True)
        over = (1,) if op in ("vjp", "jvp", "jacobian") else (0, 1)
        vectors = [(v[:2],)] if op == "vjp" else [(v, w)] if op in ("jvp", "vhp", "hvp") else []
        found = getattr(lib(T), op)(
            lambda x, y: (y * x).sin().sum(over) * x.prod(), (x, y), *vectors, create_graph=True
        )
        parts = [p for f in found for p in listed(f)]
        score = sum(((p * p).sum() for row in parts for p in listed(row)), T.zeros((), dtype=T.float64))
        return [found, *T.autograd.grad(score, (x, y, v, w), allow_unused=True, materialize_grads=True)]

    same(program)


CALLS = {
    "number as input": lambda T, F, x: F.jvp(lambda x: x.sum(), 3.0),
    "integer inputs": lambda T, F, x: F.jacobian(lambda x: x * 2.0, T.tensor([1, 2])),
    "no inputs, constant": lambda T, F, x: F.jacobian(lambda: x, ()),
    "no inputs, with history": lambda T, F, x: F.jacobian(lambda: x.clone().requires_grad_(), ()),
    "wrong size of v": lambda T, F, x: F.vjp(lambda x: x * 2, x, x[:2]),
    "wrong number of v": lambda T, F, x: F.jvp(lambda x: x * 2, x, (x, x)),
    "number as v": lambda T, F, x: F.vjp(lambda x: x.sum(), x, 1.0),
    "v checked before the function": lambda T, F, x: F.jvp(lambda x: [][0], x, x[:2]),
    "function runs before v": lambda T, F, x: F.vjp(lambda x: {}[0], x, x[:2]),
    "v in another dtype": lambda T, F, x: F.vjp(lambda x: x.sin(), x, x.float()),
    "complex v for real outputs": lambda T, F, x: F.vjp(lambda x: x.sin(), x, x * 1j),
    "unknown strategy": lambda T, F, x: F.jacobian(lambda x: x, x, strategy="sideways"),
    "unknown strategy of hessian": lambda T, F, x: F.hessian(lambda x: x.sum(), x, outer_jacobian_strategy="up"),
    "forward mode": lambda T, F, x: F.jacobian(lambda x: x, x, strategy="forward-mode"),
    "forward mode, graph": lambda T, F, x: F.jacobian(T.sin, x, True, strict=True, strategy="forward-mode"),
    "forward mode, strict": lambda T, F, x: F.jacobian(lambda x: x, x, strict=True, strategy="forward-mode"),
    "graph is freed": lambda T, F, x: history_after(T, F, x, False),
    "graph is freed, vectorize": lambda T, F, x: history_after(T, F, x, True),
    "function captures its input": lambda T, F, x: F.jacobian(lambda y: x * y, x.requires_grad_()),
    "without recording": lambda T, F, x: without_recording(T, F, x),
}


def history_after(T, F, x, vectorize):
    """Whether the graph of an output that the function kept can be used again."""
    kept = []
    found = F.jacobian(lambda x: kept.append((x * x).sum()) or kept[0], x, vectorize=vectorize)
    kept[0].backward()
    return found


def without_recording(T, F, x):
    with T.no_grad():
        found = F.hvp(lambda x: (x**3).sum(), x, x), F.vjp(lambda x: x**2, x, x, create_graph=True)
        assert not T.is_grad_enabled()
    return described(found)


@pytest.mark.parametrize("name", CALLS)
def test_call_equals_pytorch(name):
    same(lambda T: CALLS[name](T, lib(T), tensor(T, A, T.float64)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dtype_of_the_results_equals_pytorch(dtype):
    def program(T):
        x = T.tensor([0.5, -1.0, 3.14], dtype=getattr(T, dtype))
        f = lambda x: (x * x).sum()  # noqa: E731
        return [lib(T).jacobian(lambda x: x.double() * x, x), lib(T).hessian(f, x), lib(T).hvp(f, x, x)]

    same(program)


@pytest.mark.parametrize("name", ours.__all__)
def test_signature_equals_pytorch(name):
    def arguments(f):
        return [(p.name, p.default, p.kind) for p in inspect.signature(f).parameters.values()]

    assert arguments(getattr(ours, name)) == arguments(getattr(torch.autograd.functional, name))
    assert ours.__all__ == torch.autograd.functional.__all__
