# torchy.optim beside an installed PyTorch: whole training runs, states, construction.
from __future__ import annotations

import numpy as np
import pytest
from _same import network, same, tensor

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(3, 4))
X = RNG.normal(size=(6, 4)).astype(np.float32)
LABELS = [0, 1, 2, 2, 1, 0]
OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.9), "eps": 1e-4}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name, options", OPTIMIZERS, ids=lambda v: str(v))
def test_training_equals_pytorch(name, options, dtype):
    def program(T):
        net = network(T).to(getattr(T, dtype))
        x = tensor(T, X, getattr(T, dtype))
        target = T.tensor(LABELS)
        optimizer = getattr(T.optim, name)(net.parameters(), **options)
        losses = []
        for _ in range(12):
            optimizer.zero_grad()
            loss = T.nn.functional.cross_entropy(net(x), target)
            loss.backward()
            optimizer.step()
            losses.append(loss)
        state = optimizer.state_dict()
        return [
            repr(optimizer),
            losses[0],
            state["param_groups"],
            dict(net.state_dict()),
            state["state"],
        ]

    # bfloat16 keeps 8 bits and rounds at every operation: the order of a sum shows, and in what is
    # small because large things cancel it shows most. The rest agrees closely.
    if dtype == "bfloat16":
        same(program, rtol=0.1, atol=0.02)
    else:
        same(program, rtol=2e-5)


@pytest.mark.parametrize("name, options", OPTIMIZERS, ids=lambda v: str(v))
def test_optimizer_on_complex_and_strided_parameters_equals_pytorch(name, options):
    def program(T):
        z = tensor(T, A + 1j * B, T.complex64).requires_grad_()
        w = tensor(T, A, T.float32).t().requires_grad_()
        late = T.ones(2, requires_grad=True)
        optimizer = getattr(T.optim, name)([z, w, late], **options)
        for step in range(6):
            optimizer.zero_grad()
            loss = (z * z.conj()).real.sum() * 0.1 + (w * w * 0.5 - w).sum()
            if step > 2:
                loss = loss + (late * 3).sum()
            loss.backward()
            optimizer.step()
        return [z, w, late, [sorted(s) for s in optimizer.state.values()]]

    same(program, rtol=2e-5)


@pytest.mark.parametrize(
    "program",
    [
        lambda T: T.optim.SGD([]),
        lambda T: T.optim.SGD(T.ones(2, requires_grad=True)),
        lambda T: T.optim.SGD([T.ones(2, requires_grad=True)], lr=-1.0),
        lambda T: T.optim.SGD([T.ones(2, requires_grad=True)], nesterov=True),
        lambda T: T.optim.SGD([T.ones(2, requires_grad=True) * 2]),
        lambda T: T.optim.SGD([1.0]),
        lambda T: T.optim.SGD([{"params": {T.ones(1)}}]),
        lambda T: T.optim.Adam([T.ones(2, requires_grad=True)], betas=(1.0, 0.9)),
        lambda T: T.optim.Adam([T.ones(2, requires_grad=True)], eps=-1.0),
        lambda T: T.optim.Adam([T.ones(2, requires_grad=True)], fused=True, foreach=True),
        lambda T: T.optim.SGD([{"params": [p := T.ones(1)]}, {"params": [p]}]),
        lambda T: T.optim.SGD([("w", T.ones(1)), T.ones(1)]),
        lambda T: repr(T.optim.SGD([("w", T.ones(1)), ("b", T.ones(1))], lr=0.5)),
        lambda T: T.optim.SGD([("w", T.ones(1)), ("b", T.ones(1))], lr=0.5).state_dict(),
        lambda T: repr(T.optim.AdamW([{"params": [T.ones(1)], "lr": 2.0}, {"params": T.ones(1)}])),
    ],
)
def test_optimizer_construction_equals_pytorch(program):
    same(program)


def test_differentiable_step_equals_pytorch():
    def program(T):
        results = []
        for name, options in (
            ("SGD", {"momentum": 0.9}),
            ("Adam", {}),
            ("AdamW", {"amsgrad": True}),
        ):
            start = T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)
            w = start.clone()
            optimizer = getattr(T.optim, name)([w], lr=0.1, differentiable=True, **options)
            for k in range(1, 4):
                w.grad = start * float(k)
                optimizer.step()
            (w * w).sum().backward()
            results += [w, start.grad]
        return results

    same(program)


@pytest.mark.parametrize("name, options", OPTIMIZERS[:3] + OPTIMIZERS[6:8], ids=lambda v: str(v))
def test_optimizer_state_survives_saving_and_loading_as_in_pytorch(name, options):
    def program(T):
        def train(optimizer, w, steps):
            for _ in range(steps):
                optimizer.zero_grad()
                (w * w).sum().backward()
                optimizer.step()

        w = tensor(T, A, T.float32, grad=True)
        first = getattr(T.optim, name)([w], **options)
        train(first, w, 3)
        second = getattr(T.optim, name)([w], lr=5.0)
        second.load_state_dict(first.state_dict())
        train(second, w, 3)
        return [w, second.state_dict()]

    same(program)
