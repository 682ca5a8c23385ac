"""autograd.Function under vmap: a rule of its own or a generated one, in and around every other transform."""

from __future__ import annotations

import pytest
from _vmapped import FIRST, ONE, REAL, Generated, Own, close, plain, scalar, tangents

import torchy as torch
from torchy.autograd import Function
from torchy.func import grad, jvp, vmap

TWO = {  # of x (2, 2, 3) and w (3,)
    "vmap of vmap": lambda f: vmap(vmap(f, FIRST), FIRST),
    "vmaps of other arguments": lambda f: vmap(vmap(f, (0, None)), (None, 0)),
    "two vmaps of grad": lambda f: vmap(vmap(grad(scalar(f), (0, 1)), FIRST), FIRST),
    "grad of two vmaps": lambda f: grad(scalar(vmap(vmap(f, FIRST), FIRST)), (0, 1)),
    "grad between": lambda f: vmap(grad(scalar(vmap(f, FIRST)), (0, 1)), FIRST),
    "jvp between": lambda f: vmap(tangents(vmap(f, FIRST)), FIRST),
    "two vmaps of jvp": lambda f: vmap(vmap(tangents(f), FIRST), FIRST),
}


@pytest.mark.parametrize("cls", [Generated, Own])
@pytest.mark.parametrize("name", ONE)
def test_transforms_equal_those_of_plain_operations(name, cls):
    x, w = torch.rand(4, 3, dtype=REAL), torch.rand(3, dtype=REAL)
    close(ONE[name](cls.apply)(x, w), ONE[name](plain)(x, w))


@pytest.mark.parametrize("cls", [Generated, Own])
@pytest.mark.parametrize("name", TWO)
def test_nested_transforms_equal_those_of_plain_operations(name, cls):
    x, w = torch.rand(2, 2, 3, dtype=REAL), torch.rand(3, dtype=REAL)
    if name == "vmaps of other arguments":
        x, w = x[0], torch.rand(5, 3, dtype=REAL)
    close(TWO[name](cls.apply)(x, w), TWO[name](plain)(x, w))


@pytest.mark.parametrize("cls", [Generated, Own])
@pytest.mark.parametrize("dims", [(0, 0), (None, 0), (1, 0)])
def test_any_argument_may_be_batched(cls, dims):
    x, w = torch.rand(3, 3, dtype=REAL), torch.rand(3, 3, dtype=REAL)
    x = x if dims[0] is not None else x[0]
    close(vmap(cls.apply, dims)(x, w), vmap(plain, dims)(x, w))
    close(vmap(grad(scalar(cls.apply), (0, 1)), dims)(x, w), vmap(grad(scalar(plain), (0, 1)), dims)(x, w))
    if cls is Generated:
        close(grad(scalar(vmap(cls.apply, dims)), (0, 1))(x, w), grad(scalar(vmap(plain, dims)), (0, 1))(x, w))


@pytest.mark.parametrize("cls", [Generated, Own])
def test_leaves_outside_get_summed_gradients(cls):
    x = torch.rand(4, 3, dtype=REAL).requires_grad_()
    w = torch.rand(3, dtype=REAL).requires_grad_()
    found = [torch.autograd.grad(scalar(vmap(f, FIRST))(x, w), (x, w)) for f in (cls.apply, plain)]
    close(*found)


def test_vmap_gets_the_batch_size_and_randomness_and_skips_levels_without_a_batch():
    Own.infos.clear()
    x, w = torch.rand(4, 3), torch.rand(3)
    vmap(Own.apply, FIRST, randomness="different")(x, w)
    vmap(lambda x: Own.apply(w, w)[0] * x)(x)
    vmap(lambda x: vmap(Own.apply, (None, 0))(x, w))(x)
    assert Own.infos == [(4, "different", (0, None)), (3, "error", (None, 0)), (4, "error", (0, None))]
    Own.infos.clear()


def test_vmap_may_move_the_batch_and_return_unbatched_outputs():
    class Parts(Function):
        @staticmethod
        def forward(x, n):
            return x * n, torch.ones(2)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.n = inputs[1]

        @staticmethod
        def backward(ctx, g, _):
            return g * ctx.n, None

        @staticmethod
        def vmap(info, in_dims, x, n):
            return ((x * n).movedim(in_dims[0], -1), torch.ones(2)), (-1, None)

    x = torch.rand(4, 3)
    out, ones = vmap(lambda x: Parts.apply(x, 3))(x)
    close(out, x * 3)
    assert ones.shape == (4, 2)
    close(vmap(grad(lambda x: Parts.apply(x, 3)[0].sum()))(x), torch.full((4, 3), 3.0))


def test_the_derivative_inside_vmap_is_the_functions_own():
    class Straight(Function):
        """round, whose gradient is that of the identity; the vmap rule itself has none."""

        @staticmethod
        def forward(x):
            return x.round()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.shape = inputs[0].shape

        @staticmethod
        def backward(ctx, g):
            assert g.shape == ctx.shape == (3,)
            return g * 1

        @staticmethod
        def jvp(ctx, t):
            return t * 1

        @staticmethod
        def vmap(info, in_dims, x):
            return x.round(), in_dims[0]

    x = torch.rand(4, 3)
    close(vmap(grad(lambda x: (Straight.apply(x) * x).sum()))(x), x.round() + x)
    close(vmap(lambda x: jvp(Straight.apply, (x,), (x,)))(x), (x.round(), x))
    close(grad(lambda x: (vmap(Straight.apply)(x) * x).sum())(x), x.round())  # here the vmap rule is differentiated
