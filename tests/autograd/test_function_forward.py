"""autograd.Function in forward mode: what jvp receives and may return, with nested levels and with backward."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy.autograd import Function, forward_ad as fwad
from torchy.func import grad, jacfwd, jacrev, jvp

REAL = torch.float64


def values(*numbers):
    return torch.tensor(list(numbers), dtype=REAL)


def function(forward, jvp=None, backward=None):
    """The Function of these three, each with ctx as its first argument."""
    rules = {"forward": staticmethod(forward)}
    if jvp is not None:
        rules["jvp"] = staticmethod(jvp)
    if backward is not None:
        rules["backward"] = staticmethod(backward)
    return type("Custom", (Function,), rules)


def plain_of(x):
    return x.tolist() if isinstance(x, torch.Tensor) else x


def pushed(cls, x, t, *rest):
    """The outputs of cls at x as lists of numbers, each with its tangent for the tangent t of x."""
    with fwad.dual_level():
        out = cls.apply(fwad.make_dual(x, t), *rest)
        pairs = [fwad.unpack_dual(y) if isinstance(y, torch.Tensor) else (y, None) for y in as_tuple(out)]
        found = [(plain_of(value), plain_of(tangent)) for value, tangent in pairs]
    return found if isinstance(out, tuple) else found[0]


def as_tuple(out):
    return out if isinstance(out, tuple) else (out,)


class Cube(Function):
    """Old style; keeps for jvp another tensor than for backward."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x * x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x

    @staticmethod
    def jvp(ctx, t):
        (square,) = ctx.saved_tensors
        return 3 * square * t


class Power(Function):
    """New style, with two outputs, one of which both rules read."""

    @staticmethod
    def forward(x, y):
        return x * x * y, x * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, y = inputs
        ctx.save_for_backward(x, y, output[1])

    @staticmethod
    def backward(ctx, g, h):
        x, y, product = ctx.saved_tensors
        return 2 * product * g + y * h, x * x * g + x * h

    @staticmethod
    def jvp(ctx, s, t):
        x, y, product = ctx.saved_tensors
        return 2 * product * s + x * x * t, y * s + x * t


def test_jvp_gives_the_tangent_and_may_return_a_tuple():
    x, t = values(2.0, 3.0), values(1.0, 10.0)
    assert pushed(Cube, x, t) == ([8.0, 27.0], [12.0, 270.0])
    one = function(lambda ctx, x: x * 2, lambda ctx, t: (t * 2,))
    assert pushed(one, x, t) == ([4.0, 6.0], [2.0, 20.0])


def test_jvp_reads_what_was_saved_for_backward_if_nothing_was_saved_for_it():
    x, y = values(2.0), values(5.0)
    out, tangents = jvp(Power.apply, (x, y), (values(1.0), values(0.0)))
    assert [o.tolist() for o in out] == [[20.0], [10.0]] and [t.tolist() for t in tangents] == [[20.0], [5.0]]


def test_inputs_without_a_tangent_get_zeros_or_none():
    seen = []
    rest = (3, values(4.0), torch.arange(2), values(1.0) > 0, "text")

    def rule(materialize):
        def forward(ctx, x, *rest):
            ctx.set_materialize_grads(materialize)
            return x * 2

        return function(forward, lambda ctx, t, *others: seen.append([plain_of(o) for o in others]) or t * 2)

    assert pushed(rule(True), values(1.0), values(1.0), *rest) == ([2.0], [2.0])
    assert pushed(rule(False), values(1.0), values(1.0), *rest) == ([2.0], [2.0])
    assert seen == [[None, [0.0], None, None, None], [None] * 5]


def test_forward_sees_values_only_and_adds_no_tangents_of_its_own():
    seen = []

    def forward(ctx, x):
        y = x.sin()
        seen.append(fwad.unpack_dual(y).tangent is None)
        return y

    assert pushed(function(forward, lambda ctx, t: t * 0 + 7), values(1.0), values(1.0))[1] == [7.0]
    captured = []

    def captures(ctx, x):
        return x * captured[0]

    with fwad.dual_level():
        captured.append(fwad.make_dual(values(1.0), values(1.0)))
        assert fwad.unpack_dual(function(captures).apply(values(2.0))).tangent is None
        captured.clear()
    assert seen == [True]


def test_a_missing_jvp_is_an_error_only_where_a_tangent_comes():
    plain = function(lambda ctx, x, y: x * y)
    x, y = values(2.0), values(3.0)
    text = "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
    with fwad.dual_level():
        dual = fwad.make_dual(x, x)
        for args in ((dual, y), (y, dual)):
            with pytest.raises(NotImplementedError, match=text):
                plain.apply(*args)
        assert plain.apply(x, y).tolist() == [6.0]
        with fwad._set_fwd_grad_enabled(False):
            assert plain.apply(dual, y).tolist() == [6.0]
        del dual


WRONG = {
    "too many": (
        lambda ctx, x: x * 2,
        lambda ctx, t: (t, t),
        "invalid number of forward gradients .expected 1 but got 2",
    ),
    "too few": (
        lambda ctx, x: (x * 2, x),
        lambda ctx, t: t,
        "invalid number of forward gradients .expected 2 but got 1",
    ),
    "a number": (lambda ctx, x: x * 2, lambda ctx, t: 3, "expected Variable or None .got int. for grad output 0"),
    "another size": (lambda ctx, x: x * 2, lambda ctx, t: t[:1], "forward gradient that has a different size"),
    "none": (lambda ctx, x: x * 2, lambda ctx, t: None, "tangent of output 0 is None"),
    "for an integer": (lambda ctx, x: (x * 2, x.long()), lambda ctx, t: (t, t), "gradient at position 1"),
    "no view of an input": (lambda ctx, x: x, lambda ctx, t: t * 1, "jvp is not returning a view"),
    "no view": (lambda ctx, x: x.view_as(x), lambda ctx, t: t * 2, "jvp is not returning a view"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_jvp_must_not_return(name):
    forward, rule, text = WRONG[name]
    with pytest.raises(RuntimeError, match=text):
        pushed(function(forward, rule), values(1.0, 2.0), values(1.0, 1.0))


def test_outputs_without_a_derivative_get_none():
    def forward(ctx, x):
        sign = x.sign()
        ctx.mark_non_differentiable(sign)
        return x * 2, 7, x.long(), sign, None

    found = pushed(function(forward, lambda ctx, t: (t * 2, None, None, None, None)), values(3.0), values(1.0))
    assert found == [([6.0], [2.0]), (7, None), ([3], None), ([1.0], None), (None, None)]


def test_views_have_views_as_tangents():
    view = function(lambda ctx, x: x[1:], lambda ctx, t: t[1:])
    assert pushed(view, values(1.0, 2.0), values(3.0, 4.0)) == ([2.0], [4.0])
    same = function(lambda ctx, x: x, lambda ctx, t: t.view_as(t))
    assert pushed(same, values(1.0), values(3.0)) == ([1.0], [3.0])


def dirty(rule):
    def forward(ctx, x, y):
        ctx.mark_dirty(x)
        return x.mul_(y)

    return function(forward, rule)


def test_in_place_changes_the_tangent_in_place():
    right = dirty(lambda ctx, s, t: s.mul_(2).add_(t))
    with fwad.dual_level():
        x = fwad.make_dual(values(3.0), values(1.0))
        assert right.apply(x, values(2.0)) is x
        assert x.tolist() == [6.0] and fwad.unpack_dual(x).tangent.tolist() == [2.0]
        plain, y = values(3.0), fwad.make_dual(values(2.0), values(5.0))
        assert right.apply(plain, y) is plain
        assert fwad.unpack_dual(plain).tangent.tolist() == [5.0]  # it had none
        del x, plain, y
    with pytest.raises(RuntimeError, match="not modifying the forward mode gradients inplace"):
        pushed(dirty(lambda ctx, s, t: s * 2), values(3.0), values(1.0), values(2.0))


def test_a_tangent_handed_through_is_not_shared():
    twice = function(lambda ctx, x: (x * 1, x + 1), lambda ctx, t: (t, t))
    with fwad.dual_level():
        x = fwad.make_dual(values(3.0), values(1.0))
        y, z = twice.apply(x)
        y.mul_(2)
        assert [fwad.unpack_dual(v).tangent.tolist() for v in (x, y, z)] == [[1.0], [2.0], [1.0]]
        del x, y, z


def test_output_keeps_its_history_beside_its_tangent():
    with fwad.dual_level():
        x = values(2.0).requires_grad_()
        t = values(10.0).requires_grad_()
        y = Cube.apply(fwad.make_dual(x, t))
        assert y.grad_fn.name() == "CubeBackward"
        tangent = fwad.unpack_dual(y).tangent
        assert torch.autograd.grad(y, x, retain_graph=True)[0].tolist() == [12.0]
        assert torch.autograd.grad(tangent, t)[0].tolist() == [12.0]
        del x, t, y, tangent


def test_tangent_is_recorded_through_saved_inputs_and_outputs():
    x, y = values(2.0).requires_grad_(), values(5.0).requires_grad_()
    with fwad.dual_level():
        out = Power.apply(fwad.make_dual(x, values(1.0)), y)
        tangent = fwad.unpack_dual(out[0]).tangent  # 2xy
        found = [g.tolist() for g in torch.autograd.grad(tangent, (x, y))]
        del out, tangent
    assert found == [[10.0], [4.0]]


def plain(x, y):
    return x * x * y, x * y


NESTED = {
    "forward over forward": lambda f: jacfwd(jacfwd(f)),
    "forward over backward": lambda f: jacfwd(jacrev(f)),
    "backward over forward": lambda f: jacrev(jacfwd(f)),
    "three": lambda f: jacfwd(jacfwd(jacfwd(f))),
    "backward over two": lambda f: jacrev(jacfwd(jacfwd(f))),
    "forward over two": lambda f: jacfwd(jacrev(jacfwd(f))),
}


@pytest.mark.parametrize("name", NESTED)
def test_levels_nest(name):
    x, y = values(1.5, -0.5), values(0.7, 2.0)

    def both(f):
        return NESTED[name](lambda x: sum(part.sin().sum() for part in f(x, y * x)))(x)

    assert torch.allclose(both(Power.apply), both(plain), 1e-12)


def test_a_tangent_of_an_outer_level_only_is_pushed_there():
    with fwad.dual_level() as outer:
        x = fwad.make_dual(values(2.0), values(1.0))
        with fwad.dual_level():
            y = Power.apply(x, values(3.0))[0]
            assert fwad.unpack_dual(y).tangent is None
            assert fwad.unpack_dual(y, level=outer).tangent.tolist() == [12.0]
        del x, y


def test_jvp_with_arguments_that_have_defaults():
    class Scale(Function):
        @staticmethod
        def forward(x, factor=3.0):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

        @staticmethod
        def jvp(ctx, t, _):
            return t * ctx.factor

    x = values(1.0)
    assert jvp(Scale.apply, (x,), (x,))[1].tolist() == [3.0]
    assert jvp(lambda x: Scale.apply(x, factor=5.0), (x,), (x,))[1].tolist() == [5.0]
    assert grad(lambda x: Scale.apply(x).sum())(x).tolist() == [3.0]


def test_save_for_forward_takes_tensors_only():
    with pytest.raises(AssertionError, match="save_for_forward expects all arguments to be tensors"):
        function(lambda ctx, x: ctx.save_for_forward(3) or x).apply(values(1.0))


def test_a_tangent_has_no_tangent_of_its_own_level():
    captured = []

    def rule(ctx, s, t):
        x, y, product = ctx.saved_tensors
        seen.append([fwad.unpack_dual(v).tangent is None for v in (x, y, product, s, t)])
        seen.append(fwad.unpack_dual(captured[0] * 2).tangent is None)
        return 2 * product * s + x * x * t, y * s + x * t

    seen = []
    cls = type("Seen", (Power,), {"jvp": staticmethod(rule)})
    with fwad.dual_level():
        x = fwad.make_dual(values(2.0), values(1.0))
        captured.append(x)
        tangent = fwad.unpack_dual(cls.apply(x, values(3.0))[0]).tangent
        assert fwad.unpack_dual(tangent).tangent is None
        del x, tangent
    captured.clear()
    assert seen == [[True] * 5, True]
