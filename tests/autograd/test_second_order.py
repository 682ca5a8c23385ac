"""Derivatives of derivatives, also through views and in-place operations, against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

import torchy as torch

PROGRAMS = {}


def program(f):
    PROGRAMS[f.__name__] = f
    return f


@program
def arithmetic(x, w):
    return (x * w / (w * w + 1) - x**3 + (-w)).exp() * x


@program
def functions(x, w):
    return (x.sin() * w.cosh() + (x * x + 1).log() * w.sigmoid()).tanh() + (w * w + 2).sqrt()


@program
def matrix(x, w):
    m = torch.outer(x, w)
    return (m @ m.t() @ x).tanh() * (m.sum(0) + m.mean(1))


@program
def views(x, w):
    m = torch.stack([x, w, x * w])
    return (m.t()[1:].reshape(-1).unsqueeze(0) * m.flatten()[:6]).pow(2).sum() * m.select(1, 0).prod() + x.flip(0)[0]


@program
def in_place(x, w):
    y = x.clone()
    y.mul_(w)
    y.add_(x * x).pow_(2)
    y.div_(w * w + 1)
    y.mul_(y.clone())
    y.exp_()
    return y * x


@program
def in_place_on_views(x, w):
    y = x * 1
    y[1:].mul_(w[:-1])
    y[:2].exp_()  # saves its result, a view
    z = torch.zeros(2, 3, dtype=torch.float64)
    z[0] = y
    z[1, ::2] = w[1:] * y[:2]
    z.t()[1].mul_(x[:2] * w[1:])
    z[0, 1:].sin_()
    return z * z


@program
def in_place_on_a_view_of_a_view(x, w):
    y = torch.outer(x, w)
    v = y.t()[1:]
    u = v[:, ::2]
    u.mul_(w[:2]).sin_()
    v[0].mul_(x)
    y.mul_(y.clone())
    v.tanh_()
    return y + u.sum() * v.sum()


@program
def reductions(x, w):
    m = torch.outer(x, w) + x
    return m.softmax(1).mul(m).sum() + m.logsumexp(0) + m.var() + m.norm() + m.cumsum(1).mean() + m.max() * m.min(0)[0]


@program
def choosing(x, w):
    m = torch.cat([x, w * x])
    picked = torch.where(m > 0.6, m * m, m**3)
    return (
        picked[torch.tensor([0, 2, 2, 5])] * picked.gather(0, torch.tensor([1, 1, 3, 4])) + m.clamp(0.3, 1.2)[:4] ** 2
    )


def gradient(f, x, w):
    y = f(x, w)
    weights = torch.linspace(0.5, 1.5, y.numel(), dtype=torch.float64).reshape(y.shape)
    return torch.autograd.grad((y * weights).sum(), (x, w), create_graph=True)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_second_derivatives(name):
    f = PROGRAMS[name]
    start = [np.array([0.4, 0.9, 0.7]), np.array([0.8, 0.5, 1.1])]

    def tensors(arrays):
        return [torch.tensor(a, requires_grad=True) for a in arrays]

    x, w = tensors(start)
    gx, gw = gradient(f, x, w)
    score = (gx * torch.tensor([1.0, -2.0, 0.5])).sum() + (gw * torch.tensor([0.3, 1.0, -1.0])).sum()
    score.backward()

    def score_at(arrays):
        gx, gw = gradient(f, *tensors(arrays))
        return float(gx.detach().numpy() @ [1.0, -2.0, 0.5] + gw.detach().numpy() @ [0.3, 1.0, -1.0])

    step = 1e-6
    for k, t in enumerate((x, w)):
        expect = []
        for i in range(3):
            up, down = [a.copy() for a in start], [a.copy() for a in start]
            up[k][i] += step
            down[k][i] -= step
            expect.append((score_at(up) - score_at(down)) / (2 * step))
        np.testing.assert_allclose(t.grad.numpy(), expect, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_first_derivatives(name):
    f = PROGRAMS[name]
    start = [np.array([0.4, 0.9, 0.7]), np.array([0.8, 0.5, 1.1])]
    x, w = (torch.tensor(a, requires_grad=True) for a in start)
    grads = [g.detach().numpy() for g in gradient(f, x, w)]

    def value(arrays):
        y = f(*(torch.tensor(a, requires_grad=True) for a in arrays)).detach().numpy()
        return float((y * np.linspace(0.5, 1.5, y.size).reshape(y.shape)).sum())

    for k in range(2):
        for i in range(3):
            up, down = [a.copy() for a in start], [a.copy() for a in start]
            up[k][i] += 1e-6
            down[k][i] -= 1e-6
            assert (value(up) - value(down)) / 2e-6 == pytest.approx(grads[k][i], rel=1e-6, abs=1e-7)


def test_second_derivative_of_an_in_place_product_sees_the_old_value():
    x, w = (torch.tensor([v], requires_grad=True) for v in (2.0, 5.0))
    y = x.clone()
    y.mul_(w)
    (gw,) = torch.autograd.grad(y * y, w, create_graph=True)
    assert gw.item() == 2 * 4 * 5
    gx, gww = torch.autograd.grad(gw, (x, w))
    assert gx.item() == 4 * 2 * 5 and gww.item() == 2 * 4


def test_gradient_penalty():
    w = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x = torch.tensor([0.5, -1.0], requires_grad=True)
    (g,) = torch.autograd.grad((w @ x).tanh().sum(), x, create_graph=True)
    ((g.norm() - 1) ** 2).backward()
    assert w.grad.shape == (2, 2) and x.grad.shape == (2,)
