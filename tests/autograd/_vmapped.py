"""Functions with a vmap rule, generated and of their own, the transforms and the comparison that their tests share."""

from __future__ import annotations

import torchy as torch
from torchy._pytree import tree_leaves
from torchy.autograd import Function
from torchy.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

REAL = torch.float64


def close(a, b):
    got, want = tree_leaves(a), tree_leaves(b)
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert g.shape == w.shape and torch.allclose(g, w, 1e-10 if g.dtype == REAL else 1e-5)


class Generated(Function):
    """x^3 w and 2 x; reads its second output in both rules."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, w):
        return x**3 * w, x * 2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output[1])
        ctx.save_for_forward(*inputs, output[1])

    @staticmethod
    def backward(ctx, g, h):
        x, w, twice = ctx.saved_tensors
        return g * 0.75 * twice * twice * w + 2 * h, g * x**3

    @staticmethod
    def jvp(ctx, s, t):
        x, w, twice = ctx.saved_tensors
        return 0.75 * twice * twice * w * s + x**3 * t, 2 * s


class Own(Generated):
    """The same, with a vmap rule of its own."""

    generate_vmap_rule = False
    infos = []

    @staticmethod
    def vmap(info, in_dims, x, w):
        Own.infos.append((info.batch_size, info.randomness, in_dims))
        if in_dims[0] is None:
            x = x.expand(info.batch_size, *x.shape)
        if in_dims[1] is None:
            return Own.apply(x, w), (0, 0)
        return Own.apply(x, w.reshape(w.shape[0], *[1] * (x.ndim - w.ndim), *w.shape[1:])), 0


def plain(x, w):
    return x**3 * w, x * 2


def scalar(f):
    return lambda x, w: f(x, w)[0].sin().sum() + f(x, w)[1].cos().sum()


def tangents(f):
    return lambda x, w: jvp(f, (x, w), (x + 1, w - 1))


FIRST = (0, None)
ONE = {  # of x (4, 3) and w (3,)
    "vmap": lambda f: vmap(f, FIRST),
    "out_dims": lambda f: vmap(f, FIRST, out_dims=(1, 0)),
    "vmap of grad": lambda f: vmap(grad(scalar(f), (0, 1)), FIRST),
    "grad of vmap": lambda f: grad(scalar(vmap(f, FIRST)), (0, 1)),
    "vmap of jvp": lambda f: vmap(tangents(f), FIRST),
    "jvp of vmap": lambda f: tangents(vmap(f, FIRST)),
    "vmap of vjp": lambda f: vmap(lambda x, w: vjp(f, x, w)[1]((x + 2, w)), FIRST),
    "jacrev": lambda f: jacrev(f, (0, 1)),
    "jacfwd": lambda f: jacfwd(f, (0, 1)),
    "vmap of jacrev": lambda f: vmap(jacrev(f, (0, 1)), FIRST),
    "vmap of jacfwd": lambda f: vmap(jacfwd(f, (0, 1)), FIRST),
    "vmap of hessian": lambda f: vmap(hessian(scalar(f), (0, 1)), FIRST),
    "vmap of grad of grad": lambda f: vmap(grad(lambda x, w: grad(scalar(f))(x, w).sum(), (0, 1)), FIRST),
    "grad of vmap of grad": lambda f: grad(lambda x, w: vmap(grad(scalar(f)), FIRST)(x, w).sin().sum(), (0, 1)),
    "hessian of vmap": lambda f: hessian(scalar(vmap(f, FIRST)), 1),
}
