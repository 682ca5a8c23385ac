"""autograd.Function under vmap: what a generated rule keeps, sums and refuses, and what is no rule."""

from __future__ import annotations

import pytest
from _vmapped import FIRST, ONE, REAL, close

import torchy as torch
from torchy.autograd import Function
from torchy.func import grad, jvp, vmap


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
