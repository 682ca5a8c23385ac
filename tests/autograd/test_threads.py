"""Several threads on one graph, backward inside backward, Ctrl-C, and the released interpreter lock."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

import torchy as torch


def run_in_threads(work, count=4):
    errors = []

    def guarded(i):
        try:
            work(i)
        except BaseException as e:  # noqa: BLE001  (handed to the test)
            errors.append(repr(e))

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors, errors


@pytest.mark.parametrize("size", [3, 200_000], ids=["short", "long"])
def test_threads_share_a_leaf(size):
    """Long sums run without the interpreter lock, and still lose nothing."""
    x = torch.ones(size, requires_grad=True)

    def work(i):
        for _ in range(10):
            (x * (i + 1.0)).sum().backward()

    run_in_threads(work)
    assert np.all(x.grad.numpy() == 10 * (1 + 2 + 3 + 4))


@pytest.mark.parametrize("size", [3, 200_000], ids=["short", "long"])
def test_threads_share_nodes(size):
    x = torch.full((size,), 2.0, requires_grad=True)
    trunk = x
    for _ in range(20):
        trunk = trunk * 1.0 + 0.0
    heads = [(trunk * trunk).sum() * (i + 1.0) for i in range(4)]

    def work(i):
        for _ in range(5):
            heads[i].backward(retain_graph=True)

    run_in_threads(work)
    assert np.all(x.grad.numpy() == 4 * 5 * 10)


def test_threads_differentiate_one_root():
    x = torch.full((70_000,), 2.0, requires_grad=True)
    y = (x * x).exp().log().sum()
    found = []

    def work(i):
        for _ in range(5):
            found.append(torch.autograd.grad(y, x, retain_graph=True)[0].numpy().copy())

    run_in_threads(work)
    assert len(found) == 20
    for g in found:
        np.testing.assert_allclose(g, 4.0, rtol=1e-5)


def test_threads_share_a_function():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            time.sleep(0.001)
            (x,) = ctx.saved_tensors
            time.sleep(0.001)
            return g * 2 * ctx.saved_tensors[0]

    x = torch.tensor([3.0], requires_grad=True)
    y = Square.apply(x)
    run_in_threads(lambda i: [y.backward(retain_graph=True) for _ in range(5)])
    assert x.grad.item() == 4 * 5 * 6


def test_threads_build_and_free_graphs():
    def work(i):
        w = torch.ones(50, 50, requires_grad=True)
        for _ in range(30):
            ((w @ w).tanh() * (i + 1)).sum().backward()
            with torch.no_grad():
                w -= 0.01 * w.grad
            w.grad = None

    run_in_threads(work)


def test_backward_inside_a_hook():
    x = torch.tensor([2.0], requires_grad=True)
    w = torch.tensor([3.0], requires_grad=True)
    inner = (w * w).exp().log()

    def hook(g):
        inner.backward(retain_graph=True)
        return g * w.grad.detach()

    y = x * x
    y.register_hook(hook)
    (y * 2).backward()
    assert w.grad.item() == pytest.approx(6, rel=1e-5)
    assert x.grad.item() == pytest.approx(2 * 6 * 4, rel=1e-5)


def test_backward_of_the_same_graph_inside_a_hook():
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    z = y * y
    state = {"deep": 0}

    def hook(g):
        if state["deep"] < 20:
            state["deep"] += 1
            z.backward(retain_graph=True)

    handle = y.register_hook(hook)
    z.backward(retain_graph=True)
    handle.remove()
    assert x.grad.item() == 21 * 32


def test_a_failing_inner_backward_spoils_nothing():
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x

    def hook(g):
        with pytest.raises(RuntimeError):
            torch.ones(1).backward()
        with pytest.raises(RuntimeError):
            (x * torch.ones(3)).backward()

    y.register_hook(hook)
    (y * 3).backward()
    assert x.grad.item() == 12


def test_modes_of_the_engine_do_not_leak():
    seen = []
    x = torch.tensor([2.0], requires_grad=True)
    y = x * x
    y.register_hook(lambda g: seen.append(torch.is_grad_enabled()))
    z = y * 3
    z.backward(retain_graph=True)
    with torch.no_grad():
        torch.autograd.grad(z, x, create_graph=True)
        assert not torch.is_grad_enabled()
    assert seen == [False, True] and torch.is_grad_enabled()

    def fail(g):
        raise KeyError

    y.register_hook(fail)
    with pytest.raises(KeyError):
        z.backward()
    assert torch.is_grad_enabled()


@pytest.mark.skipif(os.name == "nt", reason="signals cannot be sent to a thread on Windows")
def test_ctrl_c_during_backward():
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(300_000):
        y = y + 1.0
    caught = []

    def handler(*_):
        caught.append(1)
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGINT, handler)
    try:
        # The signal arrives while the engine runs compiled nodes only.
        timer = threading.Timer(0.01, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            for _ in range(1000):
                y.backward(retain_graph=True)
        timer.join()
    finally:
        signal.signal(signal.SIGINT, old)
    assert caught == [1]
    x.grad = None
    y.backward()
    assert x.grad.item() == 1


@pytest.mark.parametrize("work", ["matmul", "exp", "backward"])
def test_other_threads_run_during_long_kernels(work):
    """A Python thread counts while the main thread is inside one long call."""
    a = torch.ones(700, 700)
    big = torch.ones(6_000_000, requires_grad=True)
    steps = {
        "matmul": lambda: a @ a,
        "exp": lambda: big.detach().exp(),
        "backward": lambda: big.exp().sum().backward(),
    }
    ticks, stop = [], threading.Event()

    def count():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    t = threading.Thread(target=count)
    t.start()
    try:
        inside = 0
        for _ in range(20):
            begin = time.perf_counter()
            steps[work]()
            end = time.perf_counter()
            inside += sum(begin + 0.0002 < tick < end - 0.0002 for tick in list(ticks))
            if inside >= 3:
                break
        assert inside >= 3, "no other thread ran meanwhile"
    finally:
        stop.set()
        t.join()
