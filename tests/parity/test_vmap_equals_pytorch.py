# torchy.func.vmap beside an installed PyTorch: in_dims and out_dims, what is refused and what is not: values,
# structures and exception types. test_vmap_in_place_... and test_vmap_composed_equals_pytorch.py have the rest.
from __future__ import annotations

import pytest
from _same import same
from test_func_equals_pytorch import F, tensor
from test_func_forward_equals_pytorch import values

torch = pytest.importorskip("torch")
np = pytest.importorskip("numpy")

RNG = np.random.default_rng(11)
X, Y, V = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=3)
BOX = RNG.normal(size=(4, 2, 3))


def V_(T, f, *args, **options):
    return F(T).vmap(f, *args, **options)


DIMS = {
    "first": lambda T, x, y, v: V_(T, lambda a: a * 2)(x),
    "second": lambda T, x, y, v: V_(T, lambda a: a.cumsum(0), in_dims=1)(x),
    "negative": lambda T, x, y, v: V_(T, lambda a, b: a * b, in_dims=(-2, -1))(x, y),
    "out negative": lambda T, x, y, v: V_(T, lambda a: a * 2, out_dims=-1)(x),
    "out one": lambda T, x, y, v: V_(T, lambda a: a * 2, out_dims=1)(x),
    "none": lambda T, x, y, v: V_(T, lambda a, b: a * b, in_dims=(0, None))(x, v),
    "all none": lambda T, x, y, v: V_(T, lambda a: a, in_dims=None)(x),
    "tuple of none": lambda T, x, y, v: V_(T, lambda a: a, in_dims=(None,))(x),
    "nested tuple": lambda T, x, y, v: V_(T, lambda p, q: p[0] * p[1] + q, in_dims=((0, 1), None))((x, y), v),
    "prefix": lambda T, x, y, v: V_(T, lambda p: p[0] + p[1][0], in_dims=(0,))((x, [x * 2])),
    "dict": lambda T, x, y, v: V_(T, lambda p: p["a"] * p["b"], in_dims=({"a": 0, "b": None},))({"a": x, "b": v}),
    "list for tuple": lambda T, x, y, v: V_(T, lambda a, b: a, in_dims=[0, 0])(x, x),
    "list inside": lambda T, x, y, v: V_(T, lambda p: p[0] * p[1], in_dims=([0, 1],))([x, y]),
    "list for tuple inside": lambda T, x, y, v: V_(T, lambda p: p[0] * p[1], in_dims=([0, 1],))((x, y)),
    "too many": lambda T, x, y, v: V_(T, lambda a: a, in_dims=(0, 0))(x),
    "too few": lambda T, x, y, v: V_(T, lambda a, b: a, in_dims=(0,))(x, x),
    "too low": lambda T, x, y, v: V_(T, lambda a: a, in_dims=-3)(x),
    "too high": lambda T, x, y, v: V_(T, lambda a: a, in_dims=2)(x),
    "of a number": lambda T, x, y, v: V_(T, lambda a, b: a * b)(x, 3.0),
    "number by none": lambda T, x, y, v: V_(T, lambda a, b: a * b, in_dims=(0, None))(x, 3.0),
    "float dim": lambda T, x, y, v: V_(T, lambda a: a, in_dims=0.0)(x),
    "float dim in tuple": lambda T, x, y, v: V_(T, lambda a: a, in_dims=(0.0,))(x),
    "string dim": lambda T, x, y, v: V_(T, lambda a: a, in_dims=("a",))(x),
    "0-d": lambda T, x, y, v: V_(T, lambda a: a)(x.sum()),
    "sizes differ": lambda T, x, y, v: V_(T, lambda a, b: a * b)(x, y),
    "no arguments": lambda T, x, y, v: V_(T, lambda: x)(),
    "keywords only": lambda T, x, y, v: V_(T, lambda a: a)(a=x),
    "keyword": lambda T, x, y, v: V_(T, lambda a, b: a * b)(x, b=x + 1),
    "keyword number": lambda T, x, y, v: V_(T, lambda a, b: a * b)(x, b=2.0),
    "keyword tree": lambda T, x, y, v: V_(T, lambda a, b: a * b["k"][0])(x, b={"k": (x, 1)}),
    "keyword of another size": lambda T, x, y, v: V_(T, lambda a, b: a * b.sum())(x, b=y),
    "keyword and in_dims": lambda T, x, y, v: V_(T, lambda a, b: a * b, in_dims=(1,))(y, b=x),
    "out none": lambda T, x, y, v: V_(T, lambda a: (a, v), out_dims=(0, None))(x),
    "out none of batched": lambda T, x, y, v: V_(T, lambda a: a, out_dims=None)(x),
    "out none of number": lambda T, x, y, v: V_(T, lambda a: (a, 3), out_dims=(0, None))(x)[1:],
    "out unbatched": lambda T, x, y, v: V_(T, lambda a: v)(x),
    "out tree": lambda T, x, y, v: V_(T, lambda a: {"s": a.sum(), "t": [a, (a * 2,)]})(x),
    "out dims tree": lambda T, x, y, v: V_(T, lambda a: {"s": a.sum(), "t": (a, a)}, out_dims={"s": 0, "t": (1, 0)})(x),
    "out dims prefix": lambda T, x, y, v: V_(T, lambda a: (a, (a, a * 2)), out_dims=(0, 1))(x),
    "out dims of wrong tree": lambda T, x, y, v: V_(T, lambda a: (a, a), out_dims=(0, 0, 0))(x),
    "out dims tuple for one": lambda T, x, y, v: V_(T, lambda a: a, out_dims=(1,))(x),
    "out dims list": lambda T, x, y, v: V_(T, lambda a: [a, a], out_dims=[0, 1])(x),
    "out dims list for tuple": lambda T, x, y, v: V_(T, lambda a: (a, a), out_dims=[0, 1])(x),
    "out too high": lambda T, x, y, v: V_(T, lambda a: a, out_dims=2)(x),
    "out too low": lambda T, x, y, v: V_(T, lambda a: a, out_dims=-3)(x),
    "out float": lambda T, x, y, v: V_(T, lambda a: a, out_dims=1.0)(x),
    "out string": lambda T, x, y, v: V_(T, lambda a: a, out_dims="a")(x),
    "returns number": lambda T, x, y, v: V_(T, lambda a: 3)(x),
    "returns none": lambda T, x, y, v: V_(T, lambda a: None)(x),
    "returns text": lambda T, x, y, v: V_(T, lambda a: (a, "text"))(x),
    "returns nothing": lambda T, x, y, v: V_(T, lambda a: ())(x),
    "same twice": lambda T, x, y, v: V_(T, lambda a: (a, a))(x),
    "named results": lambda T, x, y, v: tuple(V_(T, lambda a: a.max(0))(x)),
    "size 0": lambda T, x, y, v: V_(T, lambda a: a.sin().sum())(x[:0]),
    "size 1": lambda T, x, y, v: V_(T, lambda a: a.sin().sum())(x[:1]),
    "chunk 1": lambda T, x, y, v: V_(T, lambda a: (a * 2, a.sum()), out_dims=(1, 0), chunk_size=1)(x),
    "chunk 3": lambda T, x, y, v: V_(T, lambda a: (a * 2, a.sum()), out_dims=(-1, 0), chunk_size=3)(x),
    "chunk 4": lambda T, x, y, v: V_(T, lambda a: a * 2, in_dims=1, chunk_size=4)(y),
    "chunk 100": lambda T, x, y, v: V_(T, lambda a: a * 2, chunk_size=100)(x),
    "chunk and none": lambda T, x, y, v: V_(T, lambda a, b: a * b, in_dims=(0, None), chunk_size=3)(x, v),
    "chunk and keyword": lambda T, x, y, v: V_(T, lambda a, b: a * b, chunk_size=3)(x, b=x + 1),
    "chunk 0": lambda T, x, y, v: V_(T, lambda a: a, chunk_size=0),
    "chunk -1": lambda T, x, y, v: V_(T, lambda a: a, chunk_size=-1)(x),
    "randomness": lambda T, x, y, v: V_(T, lambda a: a, randomness="other"),
    "randomness called": lambda T, x, y, v: V_(T, lambda a: a, randomness="other")(x),
}


@pytest.mark.parametrize("name", DIMS)
def test_dims(name):
    same(lambda T: values(DIMS[name](T, tensor(T, X), tensor(T, Y), tensor(T, V))))


REFUSED = {
    "item": lambda T, a: a.sum().item(),
    "float": lambda T, a: float(a.sum()),
    "int": lambda T, a: int(a.sum()),
    "tolist": lambda T, a: a.tolist(),
    "numpy": lambda T, a: a.numpy(),
    "if": lambda T, a: a if a.sum() > 0 else -a,
    "and": lambda T, a: (a.sum() > 0) and a,
    "while": lambda T, a: next(a for _ in range(3) if a.sum() > 0),
    "range": lambda T, a: a * len(range(a.sum().long())),
    "index a list": lambda T, a: a * [1, 2, 3][a.argmax()],
    "equal": lambda T, a: a * T.equal(a, a),
    "allclose": lambda T, a: a * T.allclose(a, a),
    "nonzero": lambda T, a: a.nonzero(),
    "unique": lambda T, a: a.unique(),
    "masked_select": lambda T, a: a.masked_select(a > 0),
    "backward": lambda T, a: a.sum().backward(),
    "rand": lambda T, a: a + T.rand(3),
    "dropout": lambda T, a: T.nn.functional.dropout(a),
    "randn_like": lambda T, a: T.randn_like(a),
    "normal_": lambda T, a: a.normal_(),
    "where of one": lambda T, a: T.where(a > 0)[0],
    "in": lambda T, a: a * (1.0 in a),
    "dlpack": lambda T, a: a.__dlpack__(),
    "array": lambda T, a: np.asarray(a),
    "data_ptr": lambda T, a: a * a.data_ptr(),
    "complex": lambda T, a: complex(a.sum()),
    "format": lambda T, a: a * len(f"{a.sum():.3f}"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    same(lambda T: values(V_(T, lambda a: REFUSED[name](T, a))(tensor(T, X))))


ALLOWED = {
    "iter": lambda T, a: sum(e * i for i, e in enumerate(a)),
    "unpack": lambda T, a: T.stack([p for p in a]),
    "len": lambda T, a: a * len(a),
    "shape": lambda T, a: a.reshape(a.shape[0], 1),
    "where": lambda T, a: T.where(a > 0, a, a.exp()),
    "arange": lambda T, a: a * T.arange(3),
    "tensor": lambda T, a: a * T.tensor([1.0, 2.0, 3.0]),
    "stack": lambda T, a: T.stack([a, T.ones_like(a)]),
    "cat": lambda T, a: T.cat([a, T.ones(2, dtype=a.dtype)]),
    "chunk": lambda T, a: a.chunk(2)[1] if len(a.chunk(2)) > 1 else a,
    "sort": lambda T, a: (a.sort()[0], a.sort(descending=True)[1]),
    "topk": lambda T, a: a.topk(2)[0],
    "matmul": lambda T, a: a.outer(a) @ a,
    "dtype": lambda T, a: a.long() if a.is_floating_point() else a,
    "float": lambda T, a: a.float(),
    "complex": lambda T, a: (a * 1j).exp(),
    "item of shared": lambda T, a: a * T.tensor(3.0).item(),
    "detach": lambda T, a: a.detach() * a,
    "einsum": lambda T, a: T.einsum("i,j->ij", a, a),
    "same numbers": lambda T, a: a.to(T.float64),
    "requires_grad": lambda T, a: a * a.requires_grad,
    "masked_fill": lambda T, a: a.masked_fill(a > 0, 0.0),
    "one_hot": lambda T, a: T.nn.functional.one_hot(a.argmax(), 3),
    "type_as": lambda T, a: T.ones(3).type_as(a) * a,
    "norm": lambda T, a: a.norm() + T.norm(a, 1),
    "var_mean": lambda T, a: tuple(T.var_mean(a, 0)),
    "view_as": lambda T, a: a.view_as(T.ones(3)),
    "T": lambda T, a: a.unsqueeze(0).T,
    "roll": lambda T, a: a.roll(1),
    "flip": lambda T, a: a.flip(0),
    "pow": lambda T, a: 2.0**a + a**2 + a.abs() ** a,
    "rsub": lambda T, a: 1 - a,
    "inner": lambda T, a: T.inner(a, a),
    "meshgrid": lambda T, a: tuple(T.meshgrid(a, a, indexing="ij")),
    "pad": lambda T, a: T.nn.functional.pad(a, (1, 2)),
    "clamp": lambda T, a: a.clamp(-0.5, a.mean()) if False else a.clamp(-0.5, 0.5),
    "cumsum": lambda T, a: a.cumsum(-1),
    "std": lambda T, a: a.std(),
    "median": lambda T, a: a.median(),
    "max": lambda T, a: a.max(),
    "argsort": lambda T, a: a.argsort(),
    "gather": lambda T, a: a.gather(0, a.argsort()),
    "scatter": lambda T, a: T.zeros(3, dtype=a.dtype).scatter(0, a.argsort(), a),
    "tril": lambda T, a: a.outer(a).tril(),
    "diag": lambda T, a: a.diag(),
    "bool": lambda T, a: a * bool(T.tensor(True)),
    "repeat": lambda T, a: a.repeat(2, 2),
    "tile": lambda T, a: a.tile(2),
    "expand": lambda T, a: a.expand(2, 3),
    "split": lambda T, a: a.split([1, 2])[1],
    "unbind": lambda T, a: a.unbind()[2],
    "autograd.grad": lambda T, a: T.autograd.grad((a.requires_grad_() ** 2).sum(), a)[0],
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed(name):
    same(lambda T: values(V_(T, lambda a: ALLOWED[name](T, a))(tensor(T, X))))
