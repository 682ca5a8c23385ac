"""autograd.Function: what forward may return and mark, what backward receives and may give."""

from __future__ import annotations

import gc

import pytest

import torchy as torch
from torchy.autograd import Function
from torchy.autograd.function import once_differentiable


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x


class Exp(Function):
    """Saves its own result."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


def test_first_and_second_derivative():
    x = leaf(3.0)
    y = Square.apply(x)
    assert y.grad_fn.name() == type(y.grad_fn).__name__ == "SquareBackward"
    (g,) = torch.autograd.grad(Square.apply(y), x, create_graph=True)
    assert g.item() == 4 * 27
    (gg,) = torch.autograd.grad(g, x, create_graph=True)
    assert gg.item() == 12 * 9
    (ggg,) = torch.autograd.grad(gg, x)
    assert ggg.item() == 24 * 3


def test_a_saved_result_makes_no_leak_and_differentiates_twice():
    x = leaf(0.0, 0.0)
    y = Exp.apply(x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (gg,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    assert gg.tolist() == [1, 1]


def test_forward_does_not_record():
    class Probe(Function):
        @staticmethod
        def forward(ctx, x):
            assert not torch.is_grad_enabled()
            return x.sin()

        @staticmethod
        def backward(ctx, g):
            return g

    y = Probe.apply(leaf(1.0))
    assert len(y.grad_fn.next_functions) == 1
    with torch.no_grad():
        assert not Probe.apply(leaf(1.0)).requires_grad
    assert not Probe.apply(torch.ones(1)).requires_grad


def test_needs_input_grad_and_other_arguments():
    seen = []

    class Scale(Function):
        @staticmethod
        def forward(ctx, x, k, w, note=None):
            ctx.k = k
            ctx.save_for_backward(x, w)
            return x * k * w

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            x, w = ctx.saved_tensors
            return g * ctx.k * w, None, g * ctx.k * x if ctx.needs_input_grad[2] else None, None

    x = leaf(2.0)
    Scale.apply(x, 3, torch.ones(1), "note").backward()
    assert seen == [(True, False, False, False)] and x.grad.item() == 3
    w = leaf(5.0)
    Scale.apply(torch.ones(1), 3, w).backward()
    assert seen[1] == (False, False, True) and w.grad.item() == 3


def test_setup_context_style():
    class Cube(Function):
        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            (x,) = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x

    x = leaf(2.0)
    Cube.apply(x).backward()
    assert x.grad.item() == 12


def test_several_results_and_missing_gradients():
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x, materialize):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append((a, b if b is None else b.tolist()))
            return a * 2 + (0 if b is None else b * 3), None

    x = leaf(1.0, 1.0)
    a, b = Two.apply(x, True)
    assert a.grad_fn is b.grad_fn and (a.output_nr, b.output_nr) == (0, 1)
    a.sum().backward()
    a, b = Two.apply(x, False)
    a.sum().backward()
    assert [s[1] for s in seen] == [[0, 0], None] and x.grad.tolist() == [4, 4]
    seen.clear()


def test_results_that_are_no_tensors():
    seen = []

    class Mixed(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, 7, None

        @staticmethod
        def backward(ctx, *grads):
            seen.append(grads[1:])
            return grads[0] * 2

    x = leaf(1.0)
    y, seven, none = Mixed.apply(x)
    assert seven == 7 and none is None
    y.backward()
    assert x.grad.item() == 2 and seen == [(None, None)]


def test_mark_non_differentiable_and_integer_results():
    class Sort(Function):
        @staticmethod
        def forward(ctx, x):
            values, order = x.sort()
            rank = order.to(torch.float32)
            ctx.mark_non_differentiable(rank)
            ctx.save_for_backward(order)
            return values, order, rank

        @staticmethod
        def backward(ctx, g, *rest):
            (order,) = ctx.saved_tensors
            return torch.zeros(3).scatter(0, order, g)

    x = leaf(3.0, 1.0, 2.0)
    values, order, rank = Sort.apply(x)
    assert values.requires_grad and not order.requires_grad and not rank.requires_grad
    (values * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [3, 1, 2]


class Triple(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(3)

    @staticmethod
    def backward(ctx, g):
        return g * 3


def test_mark_dirty():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = Triple.apply(y)
    assert z is y and y.tolist() == [3, 6] and y.grad_fn.name() == "TripleBackward"
    (y * y).sum().backward()
    assert x.grad.tolist() == [18, 36]


def test_mark_dirty_on_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    v = y[1:]
    assert Triple.apply(v) is v
    assert y.grad_fn.name() == "CopySlices"
    y.sum().backward()
    assert x.grad.tolist() == [1, 3, 3]


def test_mark_dirty_errors():
    with pytest.raises(RuntimeError, match="leaf Variable"):
        Triple.apply(leaf(1.0))

    class NotReturned(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.mul_(2)
            return x * 2

    with pytest.raises(RuntimeError, match="not returned as output"):
        NotReturned.apply(leaf(1.0) * 1)


def test_an_input_may_be_returned():
    class Same(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 10

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x and y.grad_fn.name() == "SameBackward" and x.is_leaf
    y.backward()
    assert x.grad.item() == 10


def test_none_gradients():
    class Stop(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return None

    x = leaf(1.0)
    (Stop.apply(x) + x).backward()
    assert x.grad.item() == 1
    assert torch.autograd.grad(Stop.apply(x), x, allow_unused=True) == (None,)


def test_backward_errors():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x, answer):
            ctx.answer = answer
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return ctx.answer

    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="BadBackward returned an incorrect number of gradients.*expected 2, got 3"):
        Bad.apply(x, (torch.ones(1),) * 3).backward()
    with pytest.raises(TypeError, match="must be a Tensor or None"):
        Bad.apply(x, (5, None)).backward()
    with pytest.raises(RuntimeError, match="invalid gradient at index 0"):
        Bad.apply(leaf(1.0, 2.0), (torch.ones(3), None)).sum().backward()
    Bad.apply(x, (torch.ones(1), None, None)).backward()
    assert x.grad.item() == 1, "extra None are allowed"

    class Unwritten(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    with pytest.raises(NotImplementedError, match="backward"):
        Unwritten.apply(x).backward()
    with pytest.raises(NotImplementedError, match="forward"):
        Function.apply(x)


def test_save_for_backward_checks():
    class SaveNumber(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x

    with pytest.raises(TypeError, match="int"):
        SaveNumber.apply(leaf(1.0))
    x = leaf(1.0)
    a = x * 1
    y = Square.apply(a)
    a.add_(1)
    with pytest.raises(RuntimeError, match="saved by SquareBackward.*modified|modified.*SquareBackward"):
        y.backward()
    y = Square.apply(x)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_exceptions_pass_through_and_the_graph_stays_usable():
    state = {"fail": True}

    class Fragile(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            if state["fail"]:
                raise OSError("broken")
            return g

    x = leaf(2.0)
    y = Fragile.apply(x * x).exp()
    with pytest.raises(OSError, match="broken"):
        y.backward(retain_graph=True)
    state["fail"] = False
    y.backward()
    assert x.grad is not None


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            assert not torch.is_grad_enabled()
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = leaf(3.0)
    Once.apply(x).backward()
    assert x.grad.item() == 6
    (g,) = torch.autograd.grad((Once.apply(x) * x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()


def test_backward_inside_backward():
    class Solve(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            with torch.enable_grad():
                y = x.detach().requires_grad_()
                (inner,) = torch.autograd.grad(Square.apply(y) * y, y)
            return g * inner

    x = leaf(2.0)
    Solve.apply(Solve.apply(x)).backward()
    assert x.grad.item() == 9 * 2**8


def test_saved_result_makes_no_reference_loop():
    gc.collect()
    before = torch._C._live_nodes()
    y = Exp.apply(leaf(1.0))
    del y
    assert torch._C._live_nodes() == before


def test_result_kept_as_context_attribute_makes_cycle_that_is_collected():
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.result = x * 2
            return ctx.result

        @staticmethod
        def backward(ctx, g):
            return g * 2

    gc.collect()
    before = torch._C._live_nodes(), torch._C._live_tensors()
    y = Keep.apply(leaf(1.0))
    y.backward()
    del y
    assert torch._C._live_nodes() > before[0]  # the result refers to its node, and the node's context to it
    gc.collect()
    assert (torch._C._live_nodes(), torch._C._live_tensors()) == before
