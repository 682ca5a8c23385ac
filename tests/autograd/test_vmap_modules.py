"""Modules and losses of torchy.nn under torchy.func.vmap, against loops: per-sample gradients, ensembles."""

from __future__ import annotations

import functools

import pytest

import torchy as torch
from torchy.func import functional_call, grad, grad_and_value, stack_module_state, vmap
from torchy.nn import functional as F


def looped(f, *args):
    return torch.stack([f(*row) for row in zip(*args)])


def test_per_sample_gradients_are_those_of_a_loop():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)).double()
    inputs = torch.randn(4, 3, dtype=torch.float64)
    targets = torch.tensor([0, 1, 1, 0])
    params = {k: p.detach() for k, p in model.named_parameters()}

    def loss(p, a, t):
        return F.cross_entropy(functional_call(model, p, (a.unsqueeze(0),)), t.unsqueeze(0))

    for chunk in (None, 3):
        grads, values = vmap(grad_and_value(loss), (None, 0, 0), chunk_size=chunk)(params, inputs, targets)
        assert list(grads) == list(params) and values.shape == (4,)
        for i in range(4):
            one = grad(loss)(params, inputs[i], targets[i])
            assert all(torch.allclose(grads[k][i], one[k]) for k in params)
    assert all(p.grad is None for p in model.parameters())


def test_ensembles_are_their_members():
    torch.manual_seed(0)
    models = [torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU()) for _ in range(3)]
    params, buffers = stack_module_state(models)
    a = torch.randn(4, 3)
    out = vmap(lambda p, b, v: functional_call(models[0], (p, b), (v,)), (0, 0, None))(params, buffers, a)
    assert torch.allclose(out, torch.stack([m(a) for m in models]))


def layer_norm(v):
    return (v - v.mean(-1, keepdim=True)) / (v.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()


MODULES = {
    "Linear": lambda: torch.nn.Linear(4, 3), "PReLU": lambda: torch.nn.PReLU(), "Softmax": lambda: torch.nn.Softmax(-1),
    "LogSoftmax": lambda: torch.nn.LogSoftmax(0), "GLU": lambda: torch.nn.GLU(), "GELU": lambda: torch.nn.GELU(),
    "SiLU": lambda: torch.nn.SiLU(), "Mish": lambda: torch.nn.Mish(), "ELU": lambda: torch.nn.ELU(),
    "Softplus": lambda: torch.nn.Softplus(), "Hardswish": lambda: torch.nn.Hardswish(), "layer norm": lambda: layer_norm,
    "Flatten": lambda: torch.nn.Flatten(0), "Unflatten": lambda: torch.nn.Unflatten(-1, (2, 2)),
    "ReLU in place": lambda: torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(inplace=True)),
    "Dropout in eval": lambda: torch.nn.Dropout(0.5).eval(),
}  # fmt: skip


@pytest.mark.parametrize("shape", [(5, 4), (5, 3, 4)], ids=str)
@pytest.mark.parametrize("name", MODULES)
def test_modules_and_their_gradients_are_those_of_a_loop(name, shape):
    module, a = MODULES[name](), torch.randn(shape)
    assert torch.allclose(vmap(module)(a), looped(module, a), atol=1e-6)
    gradient = grad(lambda v: module(v).sin().sum())
    assert torch.allclose(vmap(gradient)(a), looped(gradient, a), atol=1e-6)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("options", [{}, {"ignore_index": 1}, {"label_smoothing": 0.1}, {"weight": 0}], ids=str)
def test_cross_entropy_is_that_of_a_loop(options, reduction):
    if "weight" in options:
        options = {"weight": torch.tensor([0.5, 1.0, 2.0, 0.1])}
    loss = functools.partial(F.cross_entropy, reduction=reduction, **options)
    for size, targets in (((5, 4), (5,)), ((5, 3, 4), (5, 3)), ((5, 3, 4, 2), (5, 3, 2))):
        a, t = torch.randn(size), torch.randint(0, 4, targets)
        for f in (loss, grad(lambda v, s: loss(v, s).sum())):
            assert torch.allclose(vmap(f)(a, t), looped(f, a, t), atol=1e-6, equal_nan=True)
