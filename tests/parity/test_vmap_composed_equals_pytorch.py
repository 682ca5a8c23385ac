# vmap together with the other transforms, modules, losses and random numbers, beside an installed PyTorch: values,
# structures, exception types, and what requires grad.
from __future__ import annotations

import pytest
from _same import same
from test_func_equals_pytorch import F, described, tensor
from test_func_forward_equals_pytorch import values
from test_vmap_equals_pytorch import BOX, V_, V, X, Y


def cubes(T, p):
    return (p**3).sum()


COMPOSED = {
    "vmap of vmap": lambda T, x, y, b: V_(T, V_(T, lambda p, q: p @ q, (None, 1)), (0, None))(x, y),
    "vmap of vmap over one": lambda T, x, y, b: V_(T, V_(T, lambda p: p.cumsum(0)))(b),
    "vmap of vmap in dims": lambda T, x, y, b: V_(T, V_(T, lambda p: p.cumsum(0), 1, 1), 2, 0)(b),
    "three": lambda T, x, y, b: V_(T, V_(T, V_(T, lambda p: p.sin())))(b),
    "closure over the outer": lambda T, x, y, b: V_(T, lambda p: V_(T, lambda q: (p * q).sum())(x))(x),
    "inner out dims": lambda T, x, y, b: V_(T, lambda p: V_(T, lambda q: p * q, out_dims=1)(x), out_dims=2)(x),
    "vmap of grad": lambda T, x, y, b: V_(T, F(T).grad(lambda p: cubes(T, p)))(x),
    "vmap of grad, shared": lambda T, x, y, b: V_(T, F(T).grad(lambda w, p: (w * p).sin().sum()), (None, 0))(x[0], x),
    "vmap of grad_and_value": lambda T, x, y, b: V_(T, F(T).grad_and_value(lambda p: cubes(T, p)))(x),
    "vmap of grad, closure": lambda T, x, y, b: V_(T, lambda p: F(T).grad(lambda w: (w * p).sin().sum())(x[0]))(x),
    "vmap of grad of grad": lambda T, x, y, b: V_(T, F(T).grad(F(T).grad(lambda p: p**4)))(x[0]),
    "grad of vmap": lambda T, x, y, b: F(T).grad(lambda p: V_(T, lambda q: cubes(T, q))(p).prod())(x),
    "grad of vmap, closure": lambda T, x, y, b: F(T).grad(lambda w: V_(T, lambda q: (w * q).sin())(x).sum())(x[0]),
    "grad of vmap of grad": lambda T, x, y, b: F(T).grad(lambda p: V_(T, F(T).grad(lambda q: cubes(T, q)))(p).prod())(x),
    "vmap of vjp": lambda T, x, y, b: V_(T, lambda p: F(T).vjp(T.sin, p)[1](p)[0])(x),
    "vmap of vjp of unbatched": lambda T, x, y, b: V_(T, lambda p: F(T).vjp(T.sin, x[0])[1](p)[0])(x),
    "vmapped vjp": lambda T, x, y, b: V_(T, F(T).vjp(T.sin, x[0])[1])(x),
    "vmap of jvp": lambda T, x, y, b: V_(T, lambda p: F(T).jvp(T.sin, (p,), (p,)))(x),
    "vmap of jvp, tangents": lambda T, x, y, b: V_(T, lambda t: F(T).jvp(T.sin, (x[0],), (t,)))(x),
    "vmap of jvp, primals": lambda T, x, y, b: V_(T, lambda p: F(T).jvp(T.sin, (p,), (x[0],)))(x),
    "jvp of vmap": lambda T, x, y, b: F(T).jvp(V_(T, lambda p: p.sin().prod()), (x,), (x * 2,)),
    "jvp of vmap, closure": lambda T, x, y, b: F(T).jvp(lambda w: V_(T, lambda p: p * w)(x), (x[0],), (x[1],)),
    "vmapped linearize": lambda T, x, y, b: V_(T, F(T).linearize(T.sin, x[0])[1])(x),
    "vmap of jacrev": lambda T, x, y, b: V_(T, F(T).jacrev(lambda p: p.cumprod(0)))(x),
    "vmap of jacrev by chunks": lambda T, x, y, b: V_(T, F(T).jacrev(lambda p: p.cumprod(0), chunk_size=2))(x),
    "vmap of jacfwd": lambda T, x, y, b: V_(T, F(T).jacfwd(lambda p: p.cumprod(0)))(x),
    "vmap of hessian": lambda T, x, y, b: V_(T, F(T).hessian(lambda p: p.prod() * p.sin().sum()))(x),
    "jacrev of vmap": lambda T, x, y, b: F(T).jacrev(V_(T, lambda p: p.prod()))(x),
    "jacfwd of vmap": lambda T, x, y, b: F(T).jacfwd(V_(T, lambda p: p.prod()))(x),
    "hessian of vmap": lambda T, x, y, b: F(T).hessian(lambda p: V_(T, lambda q: q.prod())(p).sum())(x),
    "jacrev of vmap of jacfwd": lambda T, x, y, b: F(T).jacrev(V_(T, F(T).jacfwd(lambda q: q.sin() * q[0])))(x[:2]),
    "vmap of vmap of grad": lambda T, x, y, b: V_(T, V_(T, F(T).grad(lambda p: cubes(T, p))))(b),
    "vmap of vmap of jvp": lambda T, x, y, b: V_(T, V_(T, lambda p: F(T).jvp(T.sin, (p,), (p,))))(b),
    "has_aux": lambda T, x, y, b: V_(T, F(T).grad(lambda p: (cubes(T, p), {"k": p * 2}), has_aux=True))(x),
    "dict": lambda T, x, y, b: V_(T, F(T).grad(lambda p: (p["a"] * p["b"]).sum()), ({"a": 0, "b": None},))({"a": x, "b": x[0]}),
    "hvp": lambda T, x, y, b: V_(T, lambda v: F(T).jvp(F(T).grad(lambda p: cubes(T, p)), (x[0],), (v,))[1])(x),
    "functional jvp of vmap of grad": lambda T, x, y, b: F(T).jvp(V_(T, F(T).grad(lambda p: cubes(T, p))), (x,), (x,)),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
def test_composed(name):
    same(lambda T: values(COMPOSED[name](T, tensor(T, X), tensor(T, Y), tensor(T, BOX))))


LAYERS = {
    "linear": lambda T: T.nn.Linear(3, 2),
    "no bias": lambda T: T.nn.Linear(3, 2, bias=False),
    "sequence": lambda T: T.nn.Sequential(T.nn.Linear(3, 4), T.nn.ReLU(), T.nn.Linear(4, 2), T.nn.Tanh()),
    "gelu": lambda T: T.nn.GELU(),
    "softmax": lambda T: T.nn.Softmax(-1),
    "log softmax": lambda T: T.nn.LogSoftmax(-1),
    "flatten": lambda T: T.nn.Flatten(0),
    "dropout in eval": lambda T: T.nn.Dropout(0.5).eval(),
    "dropout in error mode": lambda T: T.nn.Dropout(0.5),
}


@pytest.mark.parametrize("shape", ["vectors", "matrices"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, shape):
    def program(T):
        T.manual_seed(3)
        layer = LAYERS[name](T).double()
        return described(V_(T, layer)(tensor(T, X if shape == "vectors" else BOX)))

    same(program)


LOSSES = {
    "cross entropy": lambda T, p, t, o: T.nn.functional.cross_entropy(p, t, **o),
    "probabilities": lambda T, p, t, o: T.nn.functional.cross_entropy(p, p.softmax(-1), **o),
    "nll": lambda T, p, t, o: T.nn.functional.nll_loss(p.log_softmax(-1), t, **o),
    "mse": lambda T, p, t, o: T.nn.functional.mse_loss(p, p * 2 + 1, **o),
    "l1": lambda T, p, t, o: T.nn.functional.l1_loss(p, p * 2 + 1, **o),
    "bce with logits": lambda T, p, t, o: T.nn.functional.binary_cross_entropy_with_logits(p, (p > 0).double(), **o),
}


@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"reduction": "none"}], ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, options):
    def program(T):
        box, targets = tensor(T, BOX), T.tensor([[0, 2], [1, 1], [2, 0], [0, 0]])

        def loss(p, t):
            return LOSSES[name](T, p, t, options)

        grads = V_(T, F(T).grad(lambda p, t: loss(p, t).sum()))(box, targets)
        single = V_(T, loss)(box[:, 0], targets[:, 0])
        return described([V_(T, loss)(box, targets), grads, single])

    same(program)


def layer_norm(T, x, weight, bias):
    mean, var = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def test_layer_norm_by_hand():
    def program(T):
        x, v = tensor(T, BOX), tensor(T, V)
        f = V_(T, F(T).grad(lambda w, p: layer_norm(T, p, w, w).sin().sum()), (None, 0))
        return described([V_(T, lambda p: layer_norm(T, p, v, v))(x), f(v, x)])

    same(program)


def regressor(T):
    return T.nn.Sequential(T.nn.Linear(3, 4), T.nn.Tanh(), T.nn.Linear(4, 2)).double()


def test_per_sample_gradients_of_a_module():
    def program(T):
        T.manual_seed(1)
        model, x, t = regressor(T), tensor(T, X), T.tensor([0, 1, 1, 0])
        params = {name: p.detach() for name, p in model.named_parameters()}

        def loss(p, a, b):
            out = F(T).functional_call(model, p, (a.unsqueeze(0),))
            return T.nn.functional.cross_entropy(out, b.unsqueeze(0))

        return described(V_(T, F(T).grad_and_value(loss), (None, 0, 0))(params, x, t))

    same(program)


def test_ensembles():
    def program(T):
        T.manual_seed(1)
        models, x = [regressor(T) for _ in range(3)], tensor(T, X)
        params, buffers = F(T).stack_module_state(models)
        base = models[0]

        def call(p, b, a):
            return F(T).functional_call(base, (p, b), (a,))

        each = V_(T, call, (0, 0, None))(params, buffers, x)
        own = V_(T, call, (0, 0, 0))(params, buffers, x[:3])
        grads = T.autograd.grad(each.sum(), list(params.values()))
        return described([each, own, list(grads)])

    same(program)


def test_results_require_grad_as_without_vmap():
    def program(T):
        x, w = tensor(T, X, grad=True), tensor(T, V, grad=True)
        plain = tensor(T, X)
        found = [
            V_(T, lambda a: (a * 2, a.detach(), a > 0))(x),
            V_(T, lambda a: (a * w, w, a))(plain),
            V_(T, lambda a: w, out_dims=None)(plain),
            V_(T, F(T).grad(lambda p: (p * w).sin().sum()))(plain),
        ]
        with T.no_grad():
            found.append(V_(T, lambda a: a * w)(x))
        out = V_(T, lambda a: (a * w).sin().sum())(x)
        return described([found, list(T.autograd.grad(out.prod(), (x, w)))])

    same(program)


def test_autograd_grad_by_batched_weights():
    def program(T):
        w = tensor(T, V, grad=True)
        out = w.sin() * w.prod()

        def row(v):
            return T.autograd.grad(out, w, v, retain_graph=True)

        basis = T.eye(3, dtype=T.float64)
        return described([V_(T, row)(basis), T.autograd.grad(out, w, basis, is_grads_batched=True)])

    same(program)


DRAWS = {
    "rand": lambda T, a: a + T.rand(3, dtype=a.dtype),
    "randn_like": lambda T, a: T.randn_like(a),
    "dropout": lambda T, a: T.nn.functional.dropout(a),
    "bernoulli": lambda T, a: T.bernoulli(T.full((3,), 0.5)),
    "bernoulli of batched": lambda T, a: T.bernoulli(a.sigmoid()),
    "randperm": lambda T, a: T.randperm(5),
    "randint": lambda T, a: T.randint(5, (2,)),
    "normal": lambda T, a: T.normal(0.0, 1.0, (2,)),
    "multinomial": lambda T, a: T.multinomial(T.ones(4), 2),
}


@pytest.mark.parametrize("name", DRAWS)
def test_same_draws(name):
    def program(T):
        T.manual_seed(2)
        return values(V_(T, lambda a: DRAWS[name](T, a), randomness="same")(tensor(T, X)))

    same(program)
