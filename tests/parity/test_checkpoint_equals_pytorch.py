"""utils.checkpoint run by torchy and by PyTorch (use_reentrant=False): values, gradients of two orders, errors, calls."""

from __future__ import annotations

import numpy as np
import pytest

import torchy
from torchy.utils.checkpoint import checkpoint, checkpoint_sequential

pytorch = pytest.importorskip("torch")
from torch.utils import checkpoint as theirs  # noqa: E402  (after importorskip)

# Each is f(lib, ck, x, p): `ck` is checkpoint of that library, x (3, 4) has history, p (4,) is a leaf.
PROGRAMS = {
    "argument": lambda lib, ck, x, p: ck(lambda t: (t.sin() * t).exp(), x),
    "parameter": lambda lib, ck, x, p: ck(lambda t: t * p * p + p, x),
    "parameter alone": lambda lib, ck, x, p: ck(lambda t: t * p.exp(), x.detach()),
    "keyword": lambda lib, ck, x, p: ck(lambda t, *, by: t * by.tanh(), x, by=p),
    "containers": lambda lib, ck, x, p: ck(lambda d, *r: d["x"][0] * r[0][1], {"x": [x, 1]}, (None, p)),
    "several results": lambda lib, ck, x, p: sum(ck(lambda t: (t * p, t.cos(), t.argmax()), x)[:2]),
    "one of two results": lambda lib, ck, x, p: ck(lambda t: (t * p, t.cos()), x)[1],
    "dict result": lambda lib, ck, x, p: ck(lambda t: {"a": t * p, "b": [t]}, x)["b"][0],
    "named result": lambda lib, ck, x, p: ck(lambda t: (t * p).max(1), x).values,
    "random numbers": lambda lib, ck, x, p: ck(lambda t: t * p * lib.rand(3, 4, dtype=lib.float64), x),
    "nested": lambda lib, ck, x, p: ck(lambda t: ck(lambda u: u.sin() * p, t * p).exp() + ck(lib.cos, t), x),
    "chain": lambda lib, ck, x, p: ck(lambda t: t.exp() * p, ck(lambda t: t.sin() * p, x)),
    "closure": lambda lib, ck, x, p: ck((lambda h: lambda t: h.exp() * t)(p * x), x),
    "no argument": lambda lib, ck, x, p: ck(lambda: x.exp() * p),
    "the argument": lambda lib, ck, x, p: ck(lambda t: t, x) * p,
    "view": lambda lib, ck, x, p: ck(lambda t: t[1:, ::2].mT, x) * 2,
    "broadcast": lambda lib, ck, x, p: ck(lambda t: t.sum(0, keepdim=True) * p[:1], x),
    "gradient inside": lambda lib, ck, x, p: ck(
        lambda t: lib.autograd.grad((t**3 * p).sum(), t, create_graph=True)[0], x
    ),
    "detached inside": lambda lib, ck, x, p: ck(lambda t: t.detach() * t.sin() * p.detach(), x),
    "in place inside": lambda lib, ck, x, p: ck(lambda t: (t * p).clone().mul_(t).exp_(), x),
}  # fmt: skip


def run(lib, ck, program):
    lib.manual_seed(4)
    values = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
    leaf = lib.tensor(values.tolist(), dtype=lib.float64, requires_grad=True)
    p = lib.tensor([0.5, -0.25, 1.5, 2.0], dtype=lib.float64, requires_grad=True)
    y = program(lib, lambda f, *a, **k: ck(f, *a, use_reentrant=False, **k), leaf.sin(), p)
    first = lib.autograd.grad((y * y).sum(), [leaf, p], create_graph=True, materialize_grads=True)
    squares = sum((g * g).sum() for g in first) + 0 * leaf.sum()
    second = lib.autograd.grad(squares, [leaf, p], materialize_grads=True)
    tensors = [y, *first, *second, lib.rand(2, dtype=lib.float64)]
    return [t.detach().numpy() for t in tensors], [y.requires_grad, y.is_leaf]


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_gradients_of_two_orders_equal(name):
    got, flags = run(torchy, checkpoint, PROGRAMS[name])
    want, their_flags = run(pytorch, theirs.checkpoint, PROGRAMS[name])
    assert flags == their_flags
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def changing(*results):
    left = list(results)
    return lambda t: left.pop(0)(t)


def failing(lib, ck, what):
    """The type names, from the class to RuntimeError's, of the error of a program that must not work."""
    x = lib.ones(3, requires_grad=True)
    try:
        if what == "shape":
            ck(changing(lambda t: t.exp(), lambda t: t[:2].exp()), x, use_reentrant=False).sum().backward()
        elif what == "count":
            ck(changing(lambda t: t.exp().sin(), lambda t: t * 1), x, use_reentrant=False).sum().backward()
        elif what == "argument changed":
            a = x * 1
            y = ck(lib.exp, a, use_reentrant=False)
            a.mul_(2)
            y.sum().backward()
        elif what == "twice":
            y = ck(lib.exp, x, use_reentrant=False).sum()
            y.backward()
            y.backward()
        elif what == "raises":
            ck(changing(lambda t: t.exp(), lambda t: {}["missing"]), x, use_reentrant=False).sum().backward()
        elif what == "raises at once":
            ck(lambda t: {}["missing"], x, use_reentrant=False)
        elif what == "determinism_check":
            ck(lib.exp, x, use_reentrant=False, determinism_check="sometimes").sum().backward()
    except Exception as error:
        return [c.__name__ for c in type(error).__mro__]
    return "no error"


@pytest.mark.parametrize(
    "what", ["shape", "count", "argument changed", "twice", "raises", "raises at once", "determinism_check"]
)
def test_errors_are_of_the_same_types(what):
    assert failing(torchy, checkpoint, what) == failing(pytorch, theirs.checkpoint, what) != "no error"


@pytest.mark.parametrize("grad_enabled", [True, False])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_the_function_is_called_as_often_and_in_the_same_modes(grad_enabled, requires_grad):
    def calls(lib, ck):
        log = []

        def f(t):
            log.append((lib.is_grad_enabled(), t.requires_grad))
            return t.exp().sin()

        x = lib.ones(3, requires_grad=requires_grad)
        with lib.set_grad_enabled(grad_enabled):
            y = ck(f, x, use_reentrant=False)
        log.append(y.requires_grad)
        if y.requires_grad:
            y.sum().backward(retain_graph=True)
        return log

    assert calls(torchy, checkpoint) == calls(pytorch, theirs.checkpoint)


@pytest.mark.parametrize("segments", [1, 2, 3])
def test_checkpoint_sequential_calls_and_gradients_equal(segments):
    def outcome(lib, sequential):
        log = []

        def step(k):
            return lambda t: log.append(k) or (t * k).sin()

        x = lib.tensor([0.5, 1.0], dtype=lib.float64, requires_grad=True)
        y = sequential([step(k) for k in range(1, 6)], segments, x, use_reentrant=False)
        y.sum().backward()
        return log[:5], sorted(log), y.tolist(), x.grad.tolist()

    ours, other = outcome(torchy, checkpoint_sequential), outcome(pytorch, theirs.checkpoint_sequential)
    assert ours[:2] == other[:2]
    np.testing.assert_allclose(ours[2:], other[2:], rtol=1e-12)


def test_parameters_of_a_module_get_the_same_gradients():
    def grads(lib, ck):
        net = lib.nn.Sequential(lib.nn.Linear(3, 5), lib.nn.Tanh(), lib.nn.Linear(5, 2)).to(lib.float64)
        with lib.no_grad():
            for k, p in enumerate(net.parameters()):
                p.copy_(lib.linspace(-1, 1, p.numel(), dtype=lib.float64).reshape(p.shape) + 0.1 * k)
        x = lib.linspace(0, 1, 6, dtype=lib.float64).reshape(2, 3)
        for _ in range(2):  # .grad adds up
            ck(net, x, use_reentrant=False).square().sum().backward()
        return [p.grad.numpy() for p in net.parameters()]

    for a, b in zip(grads(torchy, checkpoint), grads(pytorch, theirs.checkpoint), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("call", ["checkpoint", "checkpoint_sequential"])
def test_parameters_of_the_functions_have_the_same_names_and_defaults(call):
    import inspect

    import torchy.utils.checkpoint as ours

    got = inspect.signature(getattr(ours, call)).parameters
    for name, parameter in inspect.signature(getattr(theirs, call)).parameters.items():
        assert name in got and got[name].kind == parameter.kind
        assert getattr(got[name].default, "__name__", got[name].default) == getattr(
            parameter.default, "__name__", parameter.default
        )
