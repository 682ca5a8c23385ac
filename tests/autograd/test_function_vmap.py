"""autograd.Function under vmap: a rule of its own or a generated one, in and around every other transform."""

from __future__ import annotations

import pytest

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


def test_generated_rule_keeps_marks_and_missing_gradients():
    seen = []

    class Marks(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, y):
            return x * 2, x * 3, x.sign()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.set_materialize_grads(False)
            ctx.mark_non_differentiable(output[2])
            ctx.x_shape = inputs[0].shape

        @staticmethod
        def backward(ctx, g, h, _):
            seen.append((g is None, h is None, ctx.needs_input_grad, ctx.x_shape))
            return 2 * g, None

    x = torch.rand(4, 3).requires_grad_()
    a, b, sign = vmap(Marks.apply, FIRST)(x, torch.ones(3))
    assert a.requires_grad and b.requires_grad and not sign.requires_grad
    a.sum().backward()
    assert x.grad.tolist() == [[2.0] * 3] * 4
    assert seen == [(False, True, (True, False), (3,))]
    seen.clear()


def test_generated_rule_in_place():
    class Triple(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x.mul_(3)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.mark_dirty(inputs[0])

        @staticmethod
        def backward(ctx, g):
            return g * 3

        @staticmethod
        def jvp(ctx, t):
            return t.mul_(3)

    def f(x):
        y = x * 1
        z = Triple.apply(y)
        assert z is y
        return z * y

    x = torch.rand(4, 3)
    close(vmap(f)(x), 9 * x * x)
    close(vmap(grad(lambda x: f(x).sum()))(x), 18 * x)
    close(vmap(lambda x: jvp(f, (x,), (torch.ones(3),)))(x), (9 * x * x, 18 * x))
    y = x.clone()
    vmap(Triple.apply)(y)
    close(y, 3 * x)


def test_a_gradient_of_a_broadcast_shape_is_summed_within_each_example():
    class Add(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, y):
            return x + y

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return g, g

    x, y = torch.rand(4, 3), torch.rand(4, 2, 3)
    close(vmap(grad(lambda x, y: Add.apply(x, y).sum(), (0, 1)))(x, y), (torch.full((4, 3), 2.0), torch.ones(4, 2, 3)))
    close(grad(lambda x: vmap(Add.apply, (None, 0))(x, y).sum())(x[0]), torch.full((3,), 8.0))


def test_a_gradient_that_is_the_same_for_all_examples_is_repeated():
    class Constant(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * 1

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return torch.arange(3.0)

        @staticmethod
        def jvp(ctx, t):
            return torch.arange(3.0)

    x = torch.rand(4, 3)
    close(vmap(grad(lambda x: Constant.apply(x).sum()))(x), torch.arange(3.0).expand(4, 3))
    close(vmap(lambda x: jvp(Constant.apply, (x,), (x,))[1])(x), torch.arange(3.0).expand(4, 3))


def make(**rules):
    def setup_context(ctx, inputs, output):
        pass

    base = {"forward": staticmethod(lambda x: x * 2), "setup_context": staticmethod(setup_context)}
    return type("Custom", (Function,), {**base, **rules})


ERRORS = {
    "no rule": (make(), "You tried to vmap over Custom, but it does not have vmap support"),
    "two rules": (
        make(generate_vmap_rule=True, vmap=staticmethod(lambda *a: a)),
        "both generate_vmap_rule=True and an overridden vmap",
    ),
    "old style": (
        type("Old", (Function,), {"forward": staticmethod(lambda ctx, x: x), "generate_vmap_rule": True}),
        "must override the setup_context staticmethod",
    ),
    "no tuple": (make(vmap=staticmethod(lambda info, dims, x: x)), "to have two returns.*Got a <class"),
    "three": (make(vmap=staticmethod(lambda info, dims, x: (x, 0, 0))), "to have two returns.*Got 3 returns"),
    "other dims": (make(vmap=staticmethod(lambda info, dims, x: (x, (0, 0)))), r"incompatible \(output, out_dims\)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_no_rule(name):
    cls, text = ERRORS[name]
    with pytest.raises(RuntimeError, match=text):
        vmap(cls.apply)(torch.ones(2))


def test_tensors_as_keywords_and_captured_tensors_are_refused():
    cls = make(generate_vmap_rule=True, forward=staticmethod(lambda *, x: x * 2))
    with pytest.raises(NotImplementedError, match="kwarg-only Tensor args"):
        vmap(lambda x: cls.apply(x=x))(torch.ones(2))
    held = []
    captures = make(forward=staticmethod(lambda w: w * held[0]))

    def f(x):
        held.append(x)
        try:
            return captures.apply(torch.ones(1).requires_grad_())
        finally:
            held.clear()

    with pytest.raises(RuntimeError, match="pass the tensor that it captured as an argument"):
        vmap(f)(torch.ones(2))


def test_default_rules_name_what_to_write():
    with pytest.raises(NotImplementedError, match="either override the vmap staticmethod or set generate_vmap_rule"):
        Function.vmap(None, ())
    with pytest.raises(NotImplementedError, match="implement the jvp function"):
        Function.jvp(None)


def test_generated_rule_keeps_other_tensors_for_jvp_than_for_backward():
    class Product(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, w):
            return x * w, x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(output[1], inputs[1], inputs[0])

        @staticmethod
        def backward(ctx, g, h):
            x, w = ctx.saved_tensors
            return g * w + 2 * h * x, g * x

        @staticmethod
        def jvp(ctx, s, t):
            square, w, x = ctx.saved_tensors
            return s * w + t * square / x, 2 * s * x

    x, w = torch.rand(4, 3, dtype=REAL) + 1, torch.rand(3, dtype=REAL)

    def product(x, w):
        return x * w, x * x

    for transform in (TANGENTS, ONE["vmap of grad"], ONE["vmap of hessian"]):
        close(transform(Product.apply)(x, w), transform(product)(x, w))


TANGENTS = ONE["vmap of jvp"]


def test_a_function_called_by_backward_is_differentiated_as_inside_the_vmap():
    class Scale(Function):
        """3x, whose vmap rule cannot be differentiated."""

        @staticmethod
        def forward(x):
            return x * 3

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            return g * 3

        @staticmethod
        def vmap(info, in_dims, x):
            return x.detach() * 3, 0

    class Half(Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return 1.5 * x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return Scale.apply(ctx.saved_tensors[0]) * g

    x = torch.rand(4, 3, dtype=REAL)
    second = vmap(grad(lambda x: grad(lambda x: Half.apply(x).sum())(x).sum()))(x)
    close(second, torch.full((4, 3), 3.0, dtype=REAL))
