# The optimizers against their formulas step by step, their state, groups, hooks and errors.
from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import torchy
from torchy import nn, optim

START = np.array([[0.5, -1.0, 2.0], [3.0, 0.1, -0.2]])


def gradient(w, step):
    """Of a function whose curvature differs by element; a different pull in every step."""
    return w * np.array([[1.0, 0.1, 2.0], [0.3, 5.0, 1.0]]) + math.sin(step)


def sgd_reference(steps, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False,
                  maximize=False):  # fmt: skip
    w, buf = START.copy(), None
    for step in range(steps):
        g = gradient(w, step) * (-1 if maximize else 1) + weight_decay * w
        if momentum:
            buf = g.copy() if buf is None else momentum * buf + (1 - dampening) * g
            g = g + momentum * buf if nesterov else buf
        w = w - lr * g
    return w


def adam_reference(steps, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False,
                   maximize=False, decoupled=False):  # fmt: skip
    w = START.copy()
    m, v, top = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    for step in range(steps):
        g = gradient(w, step) * (-1 if maximize else 1)
        if decoupled:
            w = w * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        top = np.maximum(top, v)
        root = np.sqrt((top if amsgrad else v) / (1 - betas[1] ** (step + 1)))
        w = w - lr * m / (1 - betas[0] ** (step + 1)) / (root + eps)
    return w


def run(optimizer, w, steps):
    for step in range(steps):
        w.grad = torchy.tensor(gradient(np.array(w.detach().tolist()), step).tolist(), dtype=w.dtype)
        optimizer.step()
    return np.array(w.detach().tolist())


SGD_OPTIONS = [
    {}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"momentum": 0.9, "dampening": 0.5},
    {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}, {"maximize": True, "momentum": 0.5},
]  # fmt: skip
ADAM_OPTIONS = [
    {}, {"betas": (0.5, 0.7), "eps": 1e-3}, {"weight_decay": 0.1}, {"amsgrad": True},
    {"maximize": True, "amsgrad": True, "weight_decay": 0.2},
]  # fmt: skip
TOLERANCE = {"float64": 1e-11, "float32": 1e-5, "bfloat16": 0.05, "float16": 0.01}


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("options", SGD_OPTIONS, ids=str)
def test_sgd_equals_its_formula(options, dtype):
    w = torchy.tensor(START.tolist(), dtype=getattr(torchy, dtype), requires_grad=True)
    got = run(optim.SGD([w], lr=0.05, **options), w, 8)
    np.testing.assert_allclose(got, sgd_reference(8, 0.05, **options), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
@pytest.mark.parametrize("options", ADAM_OPTIONS, ids=str)
def test_adam_equals_its_formula(kind, options, dtype):
    if dtype == "float16":
        options = {"eps": 1e-3, **options}  # float16 has no 1e-8
    options = {"weight_decay": 0.0, **options}
    w = torchy.tensor(START.tolist(), dtype=getattr(torchy, dtype), requires_grad=True)
    got = run(kind([w], lr=0.05, **options), w, 8)
    want = adam_reference(8, 0.05, decoupled=kind is optim.AdamW, **options)
    tolerance = TOLERANCE[dtype] * (3 if dtype.endswith("16") else 1)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", [1, 3, 7, 8, 15, 16, 17, 31, 33, 1000, 40_001])
@pytest.mark.parametrize("dtype", [torchy.float32, torchy.float64])
def test_every_length_is_updated_to_its_last_element(size, dtype):
    w = torchy.ones(size, dtype=dtype, requires_grad=True)
    for optimizer in (optim.SGD([w], lr=0.5, momentum=0.5), optim.Adam([w], lr=0.25)):
        with torchy.no_grad():
            w.fill_(1.0)
        w.grad = torchy.ones(size, dtype=dtype)
        optimizer.step()
        optimizer.step()
        want = 1 - 0.5 - 0.5 * 1.5 if isinstance(optimizer, optim.SGD) else 0.5
        assert w.min().item() == pytest.approx(want, rel=1e-5)
        assert w.max().item() == pytest.approx(want, rel=1e-5)


def test_strided_parameters_are_updated():
    base = torchy.zeros(4, 6)
    w = base.t().requires_grad_()
    optimizer = optim.Adam([w], lr=0.1)
    w.grad = torchy.arange(24.0).view(6, 4) + 1
    optimizer.step()
    assert w.tolist() == [[pytest.approx(-0.1, rel=1e-4)] * 4] * 6
    assert base[0, 0].item() == w[0, 0].item()


def test_complex_parameters_descend_along_the_gradient():
    z = torchy.tensor([1 + 1j, -2j], requires_grad=True)
    optimizer = optim.SGD([z], lr=0.25)
    (z * z.conj()).real.sum().backward()  # gradient 2 z
    optimizer.step()
    assert z.tolist() == [0.5 + 0.5j, -1j]


def test_step_bumps_the_version_so_that_stale_graphs_fail():
    w = torchy.ones(3, requires_grad=True)
    loss = (w * w).sum()
    w.grad = torchy.ones(3)
    optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified"):
        loss.backward()


def test_step_records_no_graph():
    w = torchy.ones(2, requires_grad=True)
    w.grad = torchy.ones(2)
    optimizer = optim.Adam([w])
    for _ in range(2):
        optimizer.step()
        assert w.is_leaf and w.grad_fn is None and w.requires_grad
        assert all(not s.requires_grad for s in optimizer.state[w].values())


def test_parameters_without_gradient_are_left_alone_and_get_no_state():
    a, b = torchy.ones(2, requires_grad=True), torchy.ones(2, requires_grad=True)
    optimizer = optim.Adam([a, b], lr=0.1)
    a.grad = torchy.ones(2)
    optimizer.step()
    assert b.tolist() == [1.0, 1.0] and b not in optimizer.state
    b.grad = torchy.ones(2)
    optimizer.step()
    assert optimizer.state[a]["step"].item() == 2 and optimizer.state[b]["step"].item() == 1
    assert b.tolist() == pytest.approx([0.9, 0.9], rel=1e-5)


def test_state_has_pytorchs_layout():
    w = torchy.ones(2, requires_grad=True)
    w.grad = torchy.ones(2)
    adam, sgd = optim.Adam([w], amsgrad=True), optim.SGD([w], momentum=0.9)
    adam.step()
    sgd.step()
    assert list(adam.state[w]) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    assert adam.state[w]["step"].dtype is torchy.float32 and adam.state[w]["step"].dim() == 0
    assert list(sgd.state_dict()["state"][0]) == ["momentum_buffer"]
    assert sgd.state_dict()["param_groups"][0]["params"] == [0]


def test_changed_options_and_state_take_effect():
    w = torchy.ones(2, requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0, momentum=0.5)
    w.grad = torchy.ones(2)
    optimizer.step()  # buffer 1, w = 0
    optimizer.param_groups[0]["lr"] = 2.0
    optimizer.state[w]["momentum_buffer"] = torchy.zeros(2)
    optimizer.step()  # buffer 1, w = -2
    assert w.tolist() == [-2.0, -2.0]
    optimizer.state.clear()
    optimizer.param_groups[0]["lr"] = torchy.tensor(0.5)
    optimizer.step()
    assert w.tolist() == [-2.5, -2.5]


def test_groups_have_their_own_options():
    a, b = torchy.zeros(1, requires_grad=True), torchy.zeros(1, requires_grad=True)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 3.0}], lr=1.0)
    a.grad, b.grad = torchy.ones(1), torchy.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (-1.0, -3.0)
    c = torchy.zeros(1, requires_grad=True)
    optimizer.add_param_group({"params": c, "lr": 5.0})
    c.grad = torchy.ones(1)
    optimizer.step()
    assert (a.item(), c.item()) == (-2.0, -5.0)


def test_closure_is_run_with_gradients_on():
    w = torchy.tensor(3.0, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = w * w
        loss.backward()
        return loss

    with torchy.no_grad():
        assert optimizer.step(closure).item() == 9.0
    assert w.item() == 0.0


def test_zero_grad_drops_or_clears():
    w = torchy.ones(2, requires_grad=True)
    optimizer = optim.SGD([w])
    w.grad = torchy.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert w.grad is None


def test_state_dict_round_trip_continues_the_same_run():
    def new():
        w = torchy.tensor(START.tolist(), dtype=torchy.float64, requires_grad=True)
        return w, optim.AdamW([w], lr=0.05, amsgrad=True)

    w, optimizer = new()
    run(optimizer, w, 4)
    other_w, other = new()
    with torchy.no_grad():
        other_w.copy_(w)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert (run(optimizer, w, 3) == run(other, other_w, 3)).all()


def test_load_state_dict_refuses_other_groups():
    a, b = torchy.ones(1, requires_grad=True), torchy.ones(1, requires_grad=True)
    one, two = optim.SGD([a]), optim.SGD([a, b])
    with pytest.raises(ValueError, match="size"):
        one.load_state_dict(two.state_dict())
    with pytest.raises(ValueError, match="number of parameter groups"):
        one.load_state_dict(optim.SGD([{"params": a}, {"params": b}]).state_dict())


def test_step_hooks_run_around_the_step():
    w = torchy.zeros(1, requires_grad=True)
    w.grad = torchy.ones(1)
    optimizer = optim.SGD([w], lr=1.0)
    seen = []
    pre = optimizer.register_step_pre_hook(lambda o, a, k: seen.append(("pre", w.item())))
    optimizer.register_step_post_hook(lambda o, a, k: seen.append(("post", w.item())))
    optimizer.step()
    pre.remove()
    optimizer.step()
    assert seen == [("pre", 0.0), ("post", -1.0), ("post", -2.0)]


def test_own_optimizers_can_be_derived():
    class SignDescent(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @torchy.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        p.add_(p.grad.sign(), alpha=-group["lr"])

    w = torchy.tensor([1.0, -1.0], requires_grad=True)
    optimizer = SignDescent([w], lr=0.25)
    (w * w).sum().backward()
    optimizer.step()
    assert w.tolist() == [0.75, -0.75]


def test_differentiable_step_has_a_gradient():
    x = torchy.tensor(2.0, requires_grad=True)
    w = x.clone()
    optimizer = optim.SGD([w], lr=0.1, differentiable=True)
    w.grad = 3 * x
    optimizer.step()  # w = x - 0.3 x
    w.backward()
    assert x.grad.item() == pytest.approx(0.7)


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_small_network_learns(kind):
    torchy.manual_seed(0)
    x = torchy.randn(64, 2)
    y = (x[:, 0] * x[:, 1] > 0).to(torchy.int64)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    options = {"lr": 0.5, "momentum": 0.9} if kind is optim.SGD else {"lr": 0.05}
    optimizer = kind(net.parameters(), **options)
    for _ in range(150):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda w: optim.SGD([]), ValueError),
        (lambda w: optim.SGD(w), TypeError),
        (lambda w: optim.SGD([1.0]), TypeError),
        (lambda w: optim.SGD([w * 2]), ValueError),
        (lambda w: optim.SGD([w], lr=-1.0), ValueError),
        (lambda w: optim.SGD([w], momentum=-1.0), ValueError),
        (lambda w: optim.SGD([w], nesterov=True), ValueError),
        (lambda w: optim.SGD([{"params": w}, {"params": w}]), ValueError),
        (lambda w: optim.Adam([w], betas=(0.9, 1.0)), ValueError),
        (lambda w: optim.Adam([w], eps=-1e-8), ValueError),
        (lambda w: optim.AdamW([w], weight_decay=-0.1), ValueError),
        (lambda w: optim.AdamW([w], fused=True, differentiable=True), RuntimeError),
        (lambda w: optim.Optimizer([w], {}).step(), NotImplementedError),
    ],
)
def test_wrong_arguments_are_refused(make, error):
    with pytest.raises(error):
        make(torchy.ones(2, requires_grad=True))


def test_repr_lists_the_options_of_every_group():
    w = torchy.ones(1, requires_grad=True)
    text = repr(optim.SGD([w], lr=0.5))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n")
    assert "    lr: 0.5\n" in text and text.endswith("    weight_decay: 0\n)")
