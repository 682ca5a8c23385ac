"""autograd.graph, anomaly mode and torchy's: the same programs give the same gradients, calls and errors."""

from __future__ import annotations

import inspect
import warnings

import pytest

import torchy
from torchy.autograd import anomaly_mode, graph

torch = pytest.importorskip("torch")

BOTH = (torchy, torch)


def graph_of(lib):
    return graph if lib is torchy else torch.autograd.graph


def outcome(program, lib, *args):
    """What the program returns, or the type of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that anomaly mode is on, and prints tracebacks as warnings
        try:
            return program(lib, *args)
        except Exception as error:  # noqa: BLE001  (its type is compared)
            return type(error)


def same(program, *args):
    ours, theirs = (outcome(program, lib, *args) for lib in BOTH)
    assert ours == theirs
    return ours


def leaves(lib):
    x = lib.tensor([[0.5, -1.5], [2.0, 0.25]], requires_grad=True)
    w = lib.tensor([[1.5, 0.5], [-0.75, 2.0]], requires_grad=True)
    return x, w


FUNCTIONS = {
    "products": lambda lib, x, w: (x @ w) * x,
    "pointwise": lambda lib, x, w: x.exp() * w.tanh() + x.sigmoid() / (w * w + 1),
    "reductions": lambda lib, x, w: x.softmax(0) * w.std() + x.prod(),
    "in place": lambda lib, x, w: (x * w).sigmoid_().mul_(x),
    "views": lambda lib, x, w: x.t()[0].exp() * w[:, 1].sin(),
    "an in-place view": lambda lib, x, w: in_place_view(x * 1) * w,
    "index": lambda lib, x, w: x[lib.tensor([1, 0, 1])] * w[lib.tensor([0, 0, 1])],
    "where": lambda lib, x, w: lib.where(x > 0, x * w, w.exp()),
}


def in_place_view(y):
    y[0].exp_()
    return y


def derivatives(lib, x, w, y):
    """First and second derivatives, as lists."""
    first = lib.autograd.grad(y.sum(), (x, w), create_graph=True)
    second = lib.autograd.grad(sum((g * g).sum() for g in first), (x, w))
    return [[round(v, 4) for v in t.detach().flatten().tolist()] for t in (*first, *second)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_through_packed_values(name):
    def program(lib):
        x, w = leaves(lib)
        with graph_of(lib).saved_tensors_hooks(
            lambda t: (t.dtype, t.tolist()), lambda packed: lib.tensor(packed[1], dtype=packed[0])
        ):
            y = FUNCTIONS[name](lib, x, w)
        return derivatives(lib, x, w, y)

    assert isinstance(same(program), list)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("mode", ["save_on_cpu", "pinned", "mutation"])
def test_derivatives_under_the_other_hooks(name, mode):
    if (name, mode) == ("in place", "save_on_cpu"):
        pytest.skip("PyTorch copies nothing that is on the CPU, so its gradient is wrong after the in-place change")

    def program(lib):
        x, w = leaves(lib)
        blocks = {
            "save_on_cpu": lambda: graph_of(lib).save_on_cpu(),
            "pinned": lambda: graph_of(lib).save_on_cpu(pin_memory=True),
            "mutation": lambda: graph_of(lib).allow_mutation_on_saved_tensors(),
        }
        with blocks[mode]():
            return derivatives(lib, x, w, FUNCTIONS[name](lib, x, w))

    assert isinstance(same(program), list)


def test_mutation_of_saved_values():
    def program(lib):
        x, w = leaves(lib)
        with graph_of(lib).allow_mutation_on_saved_tensors():
            y = x.clone()
            out = (y * y * w).sum()
            y.sin_()
            y[0] = 7
            return [g.tolist() for g in lib.autograd.grad(out, (x, w))]

    same(program)

    def outside(lib):
        x, w = leaves(lib)
        with graph_of(lib).allow_mutation_on_saved_tensors():
            out = (x * w).sum()
        out.backward()

    assert same(outside) is AssertionError


def test_errors_of_hooks():
    def run(pack, unpack):
        def program(lib):
            x, w = leaves(lib)
            with graph_of(lib).saved_tensors_hooks(pack, unpack):
                y = (x * 1) * w
            y.sum().backward()

        return same(program)

    assert run(lambda t: t.detach(), lambda t: 3) is TypeError
    assert run(1, lambda t: t) is TypeError
    assert run(lambda t: t.detach().add_(1), lambda t: t) is RuntimeError
    assert run(lambda t: 1 / 0, lambda t: t) is ZeroDivisionError
    assert run(lambda t: t.detach(), lambda t: 1 / 0) is ZeroDivisionError
    assert run(lambda t: t.detach(), lambda t: t.detach()) is None


def test_disabled_hooks():
    def nested(lib):
        messages = []
        g = graph_of(lib)
        with g.disable_saved_tensors_hooks("outer"):
            for inner in (lambda: g.disable_saved_tensors_hooks("inner"), lambda: warnings.catch_warnings()):
                with inner():
                    try:
                        with g.save_on_cpu():
                            messages.append("entered")
                    except RuntimeError as error:
                        messages.append(str(error))
        try:
            with g.save_on_cpu(), g.disable_saved_tensors_hooks("late"):
                messages.append("entered")
        except RuntimeError as error:
            messages.append(str(error))
        return messages

    assert same(nested) == ["inner", "outer", "late"]


@pytest.mark.parametrize("mode", ["all", "any"])
def test_multi_grad_hooks(mode):
    def program(lib):
        a, b = leaves(lib)
        c, d = a * b, a * b
        calls = []

        def note(grads):
            calls.append(grads.tolist() if mode == "any" else [None if g is None else g.tolist() for g in grads])

        handle = graph_of(lib).register_multi_grad_hook((a, b, c, d), note, mode=mode)
        c.sum().backward(retain_graph=True)
        c.sum().backward(inputs=(a,), retain_graph=True)
        (c * 2 + d).sum().backward(retain_graph=True)
        lib.autograd.grad((c + d).sum(), c, retain_graph=True)
        handle.remove()
        c.sum().backward()
        return calls

    assert len(same(program)) == 4


def test_edges_and_versions():
    def program(lib):
        x, w = leaves(lib)
        parts = (x * w).unbind()
        edges = [graph_of(lib).get_gradient_edge(t) for t in (*parts, x)]
        y = x * 1
        graph_of(lib).increment_version(y)
        graph_of(lib).increment_version((y, y))
        return (
            [(e.node.name(), e.output_nr, len(e), e._fields) for e in edges],
            y._version,
            edges[0].node is edges[1].node,
        )

    ours, theirs = (program(lib) for lib in BOTH)
    assert [e[1:] for e in ours[0]] == [e[1:] for e in theirs[0]] and ours[1:] == theirs[1:]
    assert ours[0][0][0] == theirs[0][0][0] == "UnbindBackward0"
    assert same(lambda lib: graph_of(lib).get_gradient_edge(lib.ones(1))) is RuntimeError
    assert same(lambda lib: graph_of(lib).increment_version(3)) is RuntimeError
    assert same(lambda lib: graph_of(lib).increment_version([3])) is RuntimeError
    assert same(lambda lib: graph_of(lib).register_multi_grad_hook((), print, mode="x")) is ValueError


def anomaly_of(lib):
    return anomaly_mode if lib is torchy else torch.autograd.anomaly_mode


ANOMALIES = {
    "sqrt": lambda lib, x: x.sqrt(),
    "div": lambda lib, x: lib.zeros(2) / (x * 0),
    "log of a product": lambda lib, x: (x * 0).log() * 0,
    "where": lambda lib, x: lib.where(x > 0, x.sqrt(), x),
    "fine": lambda lib, x: x.exp(),
}


@pytest.mark.parametrize("name", ANOMALIES)
@pytest.mark.parametrize("check_nan", [True, False])
def test_what_anomaly_mode_finds(name, check_nan):
    def program(lib):
        x = lib.tensor([-1.0, 4.0], requires_grad=True)
        with anomaly_of(lib).detect_anomaly(check_nan=check_nan):
            try:
                ANOMALIES[name](lib, x).sum().backward()
            except RuntimeError as error:
                return str(error).split(" output.")[0]
        return None

    found = same(program)
    assert (found is None) == (name == "fine" or not check_nan)


def test_anomaly_mode_is_read_and_put_back():
    def program(lib):
        ours = lib is torchy
        read = anomaly_mode if ours else torch
        states = []

        def note():
            states.append((read.is_anomaly_enabled(), read.is_anomaly_check_nan_enabled()))

        note()
        with anomaly_of(lib).detect_anomaly(check_nan=False):
            note()
            with anomaly_of(lib).set_detect_anomaly(False):
                note()
            with anomaly_of(lib).set_detect_anomaly(True):
                note()
            note()
        note()
        anomaly_of(lib).set_detect_anomaly(True, check_nan=False)
        note()
        read.set_anomaly_enabled(False)
        note()
        return states

    assert len(same(program)) == 8
    assert same(lambda lib: anomaly_of(lib).set_detect_anomaly(1)) is TypeError


def test_every_name_of_pytorch_is_here():
    compiled_or_gpu = {
        "region_activation_memory_budget", "set_warn_on_accumulate_grad_stream_mismatch",
        "set_override_stale_capture_stream",
    }  # fmt: skip
    missing = set(torch.autograd.graph.__all__) - compiled_or_gpu - set(graph.__all__)
    assert missing == set()
    for name in ("register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks", "disable_saved_tensors_hooks"):
        ours, theirs = (list(inspect.signature(getattr(graph_of(lib), name)).parameters) for lib in BOTH)
        assert ours == theirs, name
