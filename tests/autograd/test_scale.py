"""Deep and wide graphs, and long runs: nothing recursive, nothing quadratic, nothing left behind."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest

import torchy as torch


def leaf(*values):
    return torch.tensor(list(values), requires_grad=True)


def test_a_chain_of_a_million_nodes():
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    assert torch._C._live_nodes() >= 1_000_000
    y.backward()
    assert x.grad.item() == 1.0
    del y
    assert torch._C._live_nodes() == 0


def test_a_deep_graph_dies_without_recursion():
    """100,000 nodes freed on a thread with a small stack."""
    sizes = []

    def work():
        x = leaf(2.0)
        y = x
        for _ in range(100_000):
            y = (y * x).sqrt()  # saves tensors too: node - tensor - node chains
        del y
        sizes.append(torch._C._live_nodes())

    old = threading.stack_size(256 * 1024)
    try:
        t = threading.Thread(target=work)
        t.start()
        t.join()
    finally:
        threading.stack_size(old)
    assert sizes == [0]


def test_a_deep_graph_on_a_small_stack_runs_backward():
    grads = []

    def work():
        x = leaf(1.0)
        y = x * 1
        for _ in range(20_000):
            y = y * 1.0
            y[:1].add_(x)
        (g,) = torch.autograd.grad(y, x)
        grads.append(g.item())

    old = threading.stack_size(256 * 1024)
    try:
        t = threading.Thread(target=work)
        t.start()
        t.join()
    finally:
        threading.stack_size(old)
    assert grads == [20_001]


def test_deep_functions_and_second_derivatives():
    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1.0

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = Twice.apply(y)
    (g,) = torch.autograd.grad(y * y, x, create_graph=True)
    (h,) = torch.autograd.grad(g, x)
    assert h.item() == 2.0


def test_wide_sums_and_diamonds():
    x = leaf(1.0)
    total = sum((x * float(i) for i in range(5_000)), start=x * 0)
    total.backward()
    assert x.grad.item() == sum(range(5_000))
    x.grad = None
    y = x
    for _ in range(60):
        y = y + y  # 2^60 paths
    y.backward()
    assert x.grad.item() == 2.0**60


def test_grad_of_many_inputs_is_linear():
    leaves = [leaf(float(i)) for i in range(3_000)]
    y = torch.cat(leaves).sum()
    begin = time.perf_counter()
    grads = torch.autograd.grad(y, leaves)
    assert time.perf_counter() - begin < 5
    assert all(g.item() == 1 for g in grads)


def test_recurrent_net_over_many_steps():
    w = torch.eye(4).mul(0.9).requires_grad_()
    h = torch.ones(4)
    for _ in range(5_000):
        h = (w @ h).tanh()
    h.sum().backward()
    assert w.grad.isfinite().all()


def test_references_among_python_objects_are_freed_at_once():
    class Probe:
        pass

    x = leaf(1.0)
    x.probe = Probe()
    gone = weakref.ref(x.probe)
    y = (x * x).exp()
    del x
    assert gone() is not None, "the graph holds the leaf, and so what hangs on it"
    del y
    assert gone() is None


def train(steps: int) -> None:
    w = torch.full((2, 3), 0.1, requires_grad=True)
    b = torch.zeros(2, requires_grad=True)
    data = torch.tensor([[1.0, 2.0, 3.0]])
    for _ in range(steps):
        out = data @ w.t() + b
        out[:, 0].mul_(0.5)
        loss = ((torch.relu(out) - 1) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.01 * p.grad
                p.grad = None


def resident_bytes() -> int:
    import resource

    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


@pytest.mark.resource
def test_training_does_not_grow():
    train(2_000)
    counts = torch._C._live_tensors(), torch._C._live_nodes()
    before = resident_bytes()
    train(100_000)
    assert (torch._C._live_tensors(), torch._C._live_nodes()) == counts
    assert resident_bytes() - before < 4 << 20


@pytest.mark.resource
def test_second_derivatives_do_not_grow():
    x = leaf(0.5, 0.6)

    def steps(n):
        for _ in range(n):
            (g,) = torch.autograd.grad((x.exp() * x).sum(), x, create_graph=True)
            (g * g).sum().backward()
            x.grad = None

    steps(500)
    before = resident_bytes()
    steps(10_000)
    assert resident_bytes() - before < 4 << 20


@pytest.mark.resource
def test_failing_backwards_do_not_grow():
    x = leaf(0.5, 0.6)
    x.register_hook(lambda g: g.sum())

    def steps(n):
        for _ in range(n):
            with pytest.raises(RuntimeError):
                (x.exp() * x).sum().backward()
            try:
                x.add_(1)
            except RuntimeError:
                pass

    steps(500)
    gc.collect()
    before = resident_bytes()
    steps(5_000)
    gc.collect()
    assert resident_bytes() - before < 4 << 20
