"""autograd.Function in forward mode and under vmap, gradcheck's options and vectorized functional: as PyTorch."""

from __future__ import annotations

import inspect

import pytest
from _same import same, tensor, torch

import torchy

A = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]
B = [0.3, -0.6, 1.1]


def cube(T, rule="generated"):
    """x^3 w and 2x, for one of the libraries, with a vmap rule of a kind."""

    class Cube(T.autograd.Function):
        generate_vmap_rule = rule == "generated"

        @staticmethod
        def forward(x, w):
            return x**3 * w, x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g, h):
            x, w = ctx.saved_tensors
            return 3 * g * x * x * w + 2 * h, g * x**3

        @staticmethod
        def jvp(ctx, s, t):
            x, w = ctx.saved_tensors
            return 3 * x * x * w * s + x**3 * t, 2 * s

    if rule == "own":

        def batched(info, in_dims, x, w):
            x = x if in_dims[0] is None else x.movedim(in_dims[0], 0)
            return Cube.apply(x, w), 0

        Cube.vmap = staticmethod(batched)
    return Cube.apply


def scalar(f):
    return lambda x, w: f(x, w)[0].sin().sum() + f(x, w)[1].cos().sum()


TRANSFORMS = {
    "grad": lambda F, f, x, w: F.grad(scalar(f), (0, 1))(x[0], w),
    "vmap": lambda F, f, x, w: F.vmap(f, (0, None))(x, w),
    "vmap of grad": lambda F, f, x, w: F.vmap(F.grad(scalar(f), (0, 1)), (0, None))(x, w),
    "grad of vmap": lambda F, f, x, w: F.grad(scalar(F.vmap(f, (0, None))), (0, 1))(x, w),
    "jvp": lambda F, f, x, w: F.jvp(f, (x, w), (x, w)),
    "vmap of jvp": lambda F, f, x, w: F.vmap(lambda x, w: F.jvp(f, (x, w), (x * 2, w)), (0, None))(x, w),
    "jvp of vmap": lambda F, f, x, w: F.jvp(F.vmap(f, (0, None)), (x, w), (x, w)),
    "vjp": lambda F, f, x, w: F.vjp(f, x[0], w)[1]((w, w)),
    "jacrev": lambda F, f, x, w: F.jacrev(f, (0, 1))(x[0], w),
    "jacfwd": lambda F, f, x, w: F.jacfwd(f, (0, 1))(x[0], w),
    "hessian": lambda F, f, x, w: F.hessian(scalar(f), (0, 1))(x[0], w),
    "vmap of hessian": lambda F, f, x, w: F.vmap(F.hessian(scalar(f)), (0, None))(x, w),
    "two vmaps": lambda F, f, x, w: F.vmap(F.vmap(f, (0, None)), (None, 0))(x, w.reshape(3, 1) * x[:, :3][:1]),
}


@pytest.mark.parametrize("rule", ["generated", "own"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_function_under_transforms_equals_pytorch(name, rule):
    same(lambda T: TRANSFORMS[name](T.func, cube(T, rule), tensor(T, A, T.float64), tensor(T, B, T.float64)))


def custom(T, forward, jvp=None, **more):
    rules = {"forward": staticmethod(forward), **more}
    if jvp is not None:
        rules["jvp"] = staticmethod(jvp)
    return type("Custom", (T.autograd.Function,), rules)


def run_dual(T, cls, *rest):
    fwad = T.autograd.forward_ad
    with fwad.dual_level():
        x = fwad.make_dual(tensor(T, B, T.float64), tensor(T, [1.0, 2.0, 3.0], T.float64))
        out = cls.apply(x, *rest)
        outs = out if isinstance(out, tuple) else (out,)
        return [tuple(fwad.unpack_dual(y)) if hasattr(y, "shape") else y for y in outs], out is x


def dirty(ctx, x, *rest):
    ctx.mark_dirty(x)
    return x.mul_(2)


def marked(ctx, x):
    y = x * 3
    ctx.mark_non_differentiable(y)
    return x * 2, y


DUAL = {
    "no jvp": lambda T: run_dual(T, custom(T, lambda ctx, x: x * 2)),
    "one": lambda T: run_dual(T, custom(T, lambda ctx, x: x * 2, lambda ctx, t: t * 2)),
    "tuple of one": lambda T: run_dual(T, custom(T, lambda ctx, x: x * 2, lambda ctx, t: (t * 2,))),
    "two": lambda T: run_dual(T, custom(T, lambda ctx, x: (x * 2, x), lambda ctx, t: (t * 2, t.view_as(t)))),
    "too many": lambda T: run_dual(T, custom(T, lambda ctx, x: x * 2, lambda ctx, t: (t, t))),
    "too few": lambda T: run_dual(T, custom(T, lambda ctx, x: (x * 2, x * 3), lambda ctx, t: t)),
    "none": lambda T: run_dual(T, custom(T, lambda ctx, x: x * 2, lambda ctx, t: None)),
    "number": lambda T: run_dual(T, custom(T, lambda ctx, x: x * 2, lambda ctx, t: 3)),
    "size": lambda T: run_dual(T, custom(T, lambda ctx, x: x * 2, lambda ctx, t: t[:1])),
    "others": lambda T: run_dual(T, custom(T, lambda ctx, x: (x * 2, 7, x.long()), lambda ctx, t: (t, None, None))),
    "integer": lambda T: run_dual(T, custom(T, lambda ctx, x: (x * 2, x.long()), lambda ctx, t: (t, t))),
    "marked": lambda T: run_dual(T, custom(T, marked, lambda ctx, t: (t, None))),
    "marked with a tangent": lambda T: run_dual(T, custom(T, marked, lambda ctx, t: (t, t))),
    "input": lambda T: run_dual(T, custom(T, lambda ctx, x: x, lambda ctx, t: t * 2)),
    "view": lambda T: run_dual(T, custom(T, lambda ctx, x: x.view_as(x), lambda ctx, t: t.view_as(t))),
    "no view": lambda T: run_dual(T, custom(T, lambda ctx, x: x.view_as(x), lambda ctx, t: t * 2)),
    "in place": lambda T: run_dual(T, custom(T, dirty, lambda ctx, t: t.mul_(2))),
    "not in place": lambda T: run_dual(T, custom(T, dirty, lambda ctx, t: t * 2)),
    "rest": lambda T: run_dual(T, custom(T, lambda ctx, x, y, n: x * y, lambda ctx, t, u, n: t + u), T.ones(3), 4),
}


@pytest.mark.parametrize("name", DUAL)
def test_what_jvp_returns_equals_pytorch(name):
    same(DUAL[name])


def rules(T, **more):
    def setup_context(ctx, inputs, output):
        pass

    return custom(T, lambda x: x * 2, setup_context=staticmethod(setup_context), **more)


BATCHED = {
    "no rule": lambda T: rules(T),
    "two rules": lambda T: rules(T, generate_vmap_rule=True, vmap=staticmethod(lambda info, dims, x: (x, 0))),
    "no tuple": lambda T: rules(T, vmap=staticmethod(lambda info, dims, x: x)),
    "three": lambda T: rules(T, vmap=staticmethod(lambda info, dims, x: (x, 0, 0))),
    "other dims": lambda T: rules(T, vmap=staticmethod(lambda info, dims, x: (x, (0, 0)))),
    "old style": lambda T: custom(T, lambda ctx, x: x * 2),
    "info": lambda T: rules(
        T, vmap=staticmethod(lambda info, dims, x: (x * info.batch_size + (info.randomness == "same"), dims[0]))
    ),
    "generated": lambda T: rules(T, generate_vmap_rule=True),
}


@pytest.mark.parametrize("name", BATCHED)
def test_vmap_rules_equal_pytorch(name):
    same(lambda T: T.func.vmap(BATCHED[name](T).apply, randomness="same")(tensor(T, A, T.float64)))


def right(T):
    return cube(T)


def wrong(T, which):
    class Wrong(T.autograd.Function):
        generate_vmap_rule = True

        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * x.conj() * (3 if which == "backward" else 2)

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return t * x * (3 if which == "jvp" else 2)

    return Wrong.apply


OPTIONS = [
    {"check_forward_ad": True},
    {"check_forward_ad": True, "check_backward_ad": False},
    {"check_forward_ad": True, "check_batched_forward_grad": True, "check_batched_grad": True},
    {"check_batched_grad": True},
    {"check_backward_ad": False},
    {"check_batched_grad": True, "check_backward_ad": False, "check_forward_ad": True},
    {"check_batched_forward_grad": True},
]


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("which", ["right", "jvp", "backward"])
def test_verdicts_of_gradcheck_equal_pytorch(which, fast):
    for options in OPTIONS:
        for dtype in ("float64", "complex128"):

            def check(T, options=options, dtype=dtype):
                x = tensor(T, B, getattr(T, dtype), grad=True)
                f = wrong(T, which)
                return T.autograd.gradcheck(f, x, fast_mode=fast, raise_exception=False, **options)

            if options == {"check_batched_forward_grad": True}:  # PyTorch asserts; so do we
                for T in (torchy, torch):
                    with pytest.raises(AssertionError):
                        check(T)
            else:
                same(check)


@pytest.mark.parametrize("options", [
    {"check_fwd_over_rev": True}, {"check_batched_grad": True}, {"check_rev_over_rev": False},
    {"check_fwd_over_rev": True, "check_rev_over_rev": False},
    {"check_fwd_over_rev": True, "check_rev_over_rev": False, "check_undefined_grad": False},
])  # fmt: skip
def test_verdicts_of_gradgradcheck_equal_pytorch(options):
    def check(T):
        x, w = tensor(T, B, T.float64, grad=True), tensor(T, B, T.float64, grad=True)
        return T.autograd.gradgradcheck(cube(T), [x, w], raise_exception=False, **options)

    same(check)


MAPS = {
    "one": (lambda T, x: x.sin(), (A,)),
    "two in, two out": (lambda T, x, y: ((x * y).exp(), y.sum() * x[0]), (A, B)),
    "constant": (lambda T, x: (T.ones(2, dtype=T.float64), x * 2), (A,)),
    "scalar": (lambda T, x: x.sum(), (A,)),
    "list": (lambda T, x: [x], (A,)),
}


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", MAPS)
def test_forward_mode_jacobian_equals_pytorch(name, single):
    function, arrays = MAPS[name]
    if single and len(arrays) > 1:
        return

    def run(T):
        xs = tuple(tensor(T, a, T.float64) for a in arrays)
        given = xs[0] if single else xs
        found = T.autograd.functional.jacobian(
            lambda *xs: function(T, *xs), given, vectorize=True, strategy="forward-mode"
        )
        return found

    same(run)


@pytest.mark.parametrize("options", [
    {}, {"create_graph": True}, {"strict": True}, {"vectorize": False}, {"create_graph": True, "strict": True},
])  # fmt: skip
def test_options_of_forward_mode_equal_pytorch(options):
    options = {"vectorize": True, **options}

    def run(T):
        x, y = tensor(T, A, T.float64), tensor(T, B, T.float64)
        jacobian = T.autograd.functional.jacobian(lambda x: x.sin() * x, x, strategy="forward-mode", **options)
        f = lambda x, y: (x * y).sin().sum() * y.prod()  # noqa: E731
        hessian = T.autograd.functional.hessian(f, (x, y), outer_jacobian_strategy="forward-mode", **options)
        return jacobian, hessian, [h.requires_grad for row in hessian for h in row]

    same(run)


GRADS = {
    "one": lambda T, x, y: T.autograd.grad(y, x, T.eye(3, dtype=T.float64), is_grads_batched=True),
    "unused": lambda T, x, y: T.autograd.grad(
        y, [x, T.ones(2, requires_grad=True)], T.eye(3, dtype=T.float64), is_grads_batched=True, allow_unused=True
    ),
    "not allowed": lambda T, x, y: T.autograd.grad(
        y, [x, T.ones(2, requires_grad=True)], T.eye(3, dtype=T.float64), is_grads_batched=True
    ),
    "materialized": lambda T, x, y: T.autograd.grad(
        y, [x, T.ones(2, requires_grad=True)], T.eye(3, dtype=T.float64), is_grads_batched=True, materialize_grads=True
    ),
    "two outputs": lambda T, x, y: T.autograd.grad(
        [y, y.sum()], x, [T.eye(3, dtype=T.float64), T.arange(3.0, dtype=T.float64)], is_grads_batched=True
    ),
    "second": lambda T, x, y: T.autograd.grad(
        T.autograd.grad(y, x, T.eye(3, dtype=T.float64), create_graph=True, is_grads_batched=True)[0].sum(), x
    ),
    "wrong size": lambda T, x, y: T.autograd.grad(y, x, T.ones(3, dtype=T.float64), is_grads_batched=True),
    "different batches": lambda T, x, y: T.autograd.grad(
        [y, y * 2], x, [T.ones(2, 3, dtype=T.float64), T.ones(4, 3, dtype=T.float64)], is_grads_batched=True
    ),
}


@pytest.mark.parametrize("name", GRADS)
def test_batched_grads_equal_pytorch(name):
    def run(T):
        x = tensor(T, B, T.float64, grad=True)
        return GRADS[name](T, x, x.sin() * x)

    same(run)


@pytest.mark.parametrize("name", ["forward", "backward", "jvp", "vmap", "setup_context"])
def test_the_methods_are_those_of_pytorch(name):
    ours, theirs = getattr(torchy.autograd.Function, name), getattr(torch.autograd.Function, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)


def test_the_arguments_of_gradcheck_are_those_of_pytorch():
    for name in ("gradcheck", "gradgradcheck"):
        ours, theirs = getattr(torchy.autograd, name), getattr(torch.autograd, name)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
