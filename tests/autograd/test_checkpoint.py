"""utils.checkpoint: the plain program's values and gradients, with fewer live tensors."""

from __future__ import annotations

import functools
import threading
from collections import namedtuple

import pytest

import torchy as torch
from torchy import nn
from torchy.utils.checkpoint import checkpoint as any_checkpoint, checkpoint_sequential

checkpoint = functools.partial(any_checkpoint, use_reentrant=False)
Pair = namedtuple("Pair", "first second")


def plain(function, *args, **kwargs):
    for name in ("preserve_rng_state", "context_fn", "determinism_check"):
        kwargs.pop(name, None)
    return function(*args, **kwargs)


def leaf(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def net(dropout=0.0):
    torch.manual_seed(1)
    layers = [nn.Linear(4, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3), nn.Sigmoid()]
    return nn.Sequential(*layers).to(torch.float64)


def gradients(run, program, leaves, order=1):
    """Value and gradients of every order of program(run), all flat."""
    torch.manual_seed(5)
    y = program(run)
    found = [y]
    for i in range(order):
        more = i + 1 < order
        grads = torch.autograd.grad((y * y).sum(), leaves, create_graph=more, materialize_grads=True)
        found += grads
        y = torch.cat([g.flatten() for g in grads])
    return [t.detach() for t in found] + [torch.rand(3)]


def assert_same_as_plain(program, leaves, order=2):
    want, got = gradients(plain, program, leaves, order), gradients(checkpoint, program, leaves, order)
    assert len(want) == len(got)
    for a, b in zip(want, got):
        assert a.dtype == b.dtype
        close(a, b)


def close(a, b):
    assert a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-11), (a, b)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_module_gives_the_gradients_and_random_numbers_of_the_plain_call(order, dropout):
    model, x = net(dropout), leaf(5, 4)
    assert_same_as_plain(lambda run: run(model, x.sin()), [x, *model.parameters()], order)


def test_parameters_get_gradients_though_no_input_requires_grad():
    model, x = net(), torch.randn(5, 4, dtype=torch.float64)
    assert_same_as_plain(lambda run: run(model, x), list(model.parameters()))
    want = [g.clone() for g in torch.autograd.grad(model(x).sum(), list(model.parameters()))]
    for _ in range(2):
        checkpoint(model, x).sum().backward()
    for p, g in zip(model.parameters(), want):
        close(p.grad, 2 * g)


def test_nested_structures_and_keywords_are_differentiated():
    a, b, c = leaf(3), leaf(3), leaf(3)
    Config = type("Config", (), {"power": 2})

    def f(items, config, *, more, scale=1.0):
        return {"x": items[0] * more["c"].exp() * scale, "y": Pair(items[1][0] ** config.power, [items[0], None, 3])}

    def program(run):
        out = run(f, [a.sin(), (b.cos(), "text")], Config(), more={"c": c}, scale=2.0)
        assert type(out["y"]) is Pair and out["y"].second[1:] == [None, 3]
        return out["x"] * out["y"].first + out["y"].second[0]

    assert_same_as_plain(program, [a, b, c])


def test_functions_of_two_results_work_when_one_is_used():
    x = leaf(4, 3)

    def program(run):
        values, where = run(lambda t: t.sin().max(1), x)
        same, _, count = run(lambda t: (t, t.cos(), t.argmax()), values)
        assert not where.requires_grad and where.dtype == torch.int64 and not count.requires_grad
        return same * values

    assert_same_as_plain(program, [x])


def test_results_of_max_keep_their_names():
    out = checkpoint(lambda t: t.max(1), leaf(4, 3))
    assert out.values.requires_grad and not out.indices.requires_grad


def test_one_tensor_given_closed_over_and_broadcast_sums_its_gradients():
    x, p = leaf(4, 3), leaf(1)
    assert_same_as_plain(lambda run: run(lambda t, u: t * p * p + u * x[0, 0] * x, x, x), [x, p])
    assert_same_as_plain(lambda run: run(lambda t: (p, t)[0], x) * x, [x, p])
    assert_same_as_plain(lambda run: run(lambda t: t * p + p.exp() * p.sin() + (p + t[0]) ** 2, x), [x, p])


def test_complex_values_with_real_parameters():
    z, p = torch.randn(3, dtype=torch.complex128, requires_grad=True), leaf(3)
    assert_same_as_plain(lambda run: run(lambda t: (t * p).exp(), z.sin()).abs(), [z, p], order=1)


def test_gradcheck_style_differences_agree():
    x = leaf(3)
    (g,) = torch.autograd.grad(checkpoint(lambda t: (t.exp() * t).sum(), x), x)
    for i in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[i] = 1e-6
        slope = sum(s * ((x + s * step).exp() * (x + s * step)).sum().item() for s in (1, -1)) / 2e-6
        assert abs(slope - g[i].item()) < 1e-6


def test_nested_checkpoints():
    one, two, x = net(0.3), nn.Linear(3, 4).to(torch.float64), leaf(5, 4)

    def program(run):
        def inner(t):
            return two(run(one, t) + 1)

        return run(lambda t: run(inner, t.sin()) * run(inner, t), x)

    assert_same_as_plain(program, [x, *one.parameters(), *two.parameters()])


def test_a_gradient_taken_inside_the_function():
    x, p = leaf(3), leaf(3)

    def force(t):
        t = t.detach().requires_grad_()
        return torch.autograd.grad((t**3 * p).sum(), t, create_graph=True)[0]

    assert_same_as_plain(lambda run: run(force, x) * run(lambda t: penalty(t, p), x), [x, p])


def penalty(t, p):
    return torch.autograd.grad((t**3 * p).sum(), t, create_graph=True)[0]


def test_hooks_of_parameters_and_arguments_run_once():
    model, x, calls = net(), leaf(5, 4), []
    p = model[0].weight
    p.register_hook(lambda g: calls.append("p") or 10 * g)
    x.register_hook(lambda g: calls.append("x") or 3 * g)
    p.register_post_accumulate_grad_hook(lambda t: calls.append("post"))
    want = torch.autograd.grad(model(x).sum(), [p, x])
    calls.clear()
    checkpoint(model, x).sum().backward()
    close(p.grad, want[0])
    close(x.grad, want[1])
    assert sorted(calls) == ["p", "post", "x"]


def test_autograd_grad_touches_no_grad_attribute_and_inputs_limit_backward():
    model, x = net(), leaf(5, 4)
    y = checkpoint(model, x)
    assert y.grad_fn.name() == "CheckpointFunctionBackward"
    torch.autograd.grad(y.sum(), model[0].weight, retain_graph=True)
    assert all(p.grad is None for p in [x, *model.parameters()])
    y.sum().backward(inputs=[x])
    assert x.grad is not None and all(p.grad is None for p in model.parameters())


def test_backward_twice_needs_retain_graph():
    x = leaf(3)
    y = checkpoint(torch.exp, x).sum()
    y.backward(retain_graph=True)
    y.backward()
    close(x.grad, 2 * x.detach().exp())
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_fewer_tensors_live_until_backward():
    def deep(t):
        for _ in range(20):
            t = t.sin().exp()
        return t

    def held(run):
        x = torch.randn(4, requires_grad=True)
        before = torch._C._live_tensors(), torch._C._live_nodes()
        y = run(deep, x)
        after = torch._C._live_tensors(), torch._C._live_nodes()
        y.sum().backward()
        return after[0] - before[0], after[1] - before[1]

    assert held(plain)[0] >= 40 and held(plain)[1] >= 40
    one = held(checkpoint)
    assert one[0] <= 4 and one[1] <= 3
    # the state of the random stream is kept only if the function drew numbers
    drawing = held(lambda f, x: checkpoint(lambda t: f(t) * torch.rand(4), x))
    assert drawing == (one[0] + 1, one[1])
    assert held(lambda f, x: checkpoint(lambda t: f(t) * torch.rand(4), x, preserve_rng_state=False)) == one


def test_the_random_stream_goes_on_as_without_the_second_call():
    x = leaf(50)
    y = checkpoint(lambda t: t * torch.rand(50), x)
    state = torch.get_rng_state()
    (g,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(g * x.detach(), y.detach())
    assert torch.equal(torch.get_rng_state(), state)


def test_without_preserve_rng_state_the_second_call_draws_anew():
    x = torch.ones(50, requires_grad=True)
    y = checkpoint(lambda t: t * torch.rand(50), x, preserve_rng_state=False)
    y.sum().backward()
    assert not torch.equal(x.grad, y.detach())


def test_modes_without_recording_call_plainly():
    x, calls = leaf(3), []

    def f(t):
        calls.append(t is x)
        return t * 2

    with torch.no_grad():
        assert not checkpoint(f, x).requires_grad
    with torch.inference_mode():
        assert checkpoint(f, x).is_inference()
    assert calls == [True, True]
    y = checkpoint(lambda t: t * 2, torch.ones(2))
    assert not y.requires_grad and y.grad_fn is None
    assert checkpoint(lambda t: None, x) is None


def test_contexts_surround_the_two_calls():
    log, x = [], leaf(3)

    class Note:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(self.name)

        def __exit__(self, *_):
            log.append("end")

    y = checkpoint(lambda t: log.append("call") or t * 2, x, context_fn=lambda: (Note("first"), Note("second")))
    assert log == ["first", "call", "end"]
    y.sum().backward()
    assert log[3:] == ["second", "call", "end"]


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
def test_checkpoint_sequential_equals_the_chain(segments):
    model, x = net(0.5), leaf(5, 4)

    def sequential(run):
        if run is plain:
            return model(x)
        return checkpoint_sequential(model, segments, x, use_reentrant=False)

    assert_same_as_plain(sequential, [x, *model.parameters()])
    functions = checkpoint_sequential([torch.sin, torch.exp, torch.cos], 2, x, use_reentrant=False)
    close(functions.detach(), x.detach().sin().exp().cos())


def test_tensors_with_history_in_closures_defaults_and_partials_are_arguments():
    x, h = leaf(3), leaf(3)

    def program(run):
        made, other, third = h.exp(), h.sin(), x * h

        def inner(t):
            return t * made * other

        def given(t, *, extra=third):
            return inner(t) + extra * made

        return run(given, x) + run(lambda: other * x) * run(functools.partial(lambda a, b: a * b, made), third)

    assert_same_as_plain(program, [x, h], order=3)


def test_a_closed_over_variable_may_be_assigned_after_the_call():
    x = leaf(3)

    def program(run):
        h = x.sin()
        for _ in range(3):
            h = run(lambda t: t * h.exp(), x)  # noqa: B023  (called at once, and again in backward)
        return h

    assert_same_as_plain(program, [x])


def test_shared_variables_of_the_function_stay_shared():
    x, calls = leaf(3), 0
    h = x.exp()

    def f(t):
        nonlocal calls
        calls += 1
        return t * h

    checkpoint(f, x).sum().backward()
    assert calls == 2


def test_a_recursive_function_makes_cycle():
    x, h = leaf(3), leaf(3)

    def program(run):
        made = h.exp()

        def power(t, n=3):
            return t if n == 0 else power(t, n - 1) * made

        return run(power, x)

    assert_same_as_plain(program, [x, h])


def test_results_may_be_changed_in_place_and_viewed():
    x, p = leaf(3, 4), leaf(4)

    def program(run):
        y, z = run(lambda t: (t * p, t.sin().mT), x)
        y.mul_(3)
        y[0].add_(z[:, 1].sum())
        return y * z.mT[1:2]

    assert_same_as_plain(program, [x, p])


def test_backward_in_another_thread():
    model, x = net(0.5), leaf(5, 4)
    y = checkpoint(model, x.sin()).sum()
    (want,) = torch.autograd.grad(y, x, retain_graph=True)
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert torch.equal(x.grad, want)


def test_grad_mode_inside_the_function_is_kept():
    x = leaf(3)

    @torch.no_grad()
    def scale(t):
        return t.exp()

    assert_same_as_plain(lambda run: run(lambda t: scale(t) * t, x), [x])
    with torch.enable_grad():
        y = checkpoint(scale, x)
    assert not y.requires_grad


def test_results_are_the_same_object_where_the_function_gives_one_twice():
    a, b = checkpoint(lambda t: (t * 2,) * 2, leaf(3))
    assert a is b
