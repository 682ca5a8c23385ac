# Cost per operation on the smallest tensors: dispatch, recording, views, engine, deep chains.

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.registry import case, unrolled


@case("add_0d", "dispatch", target=15.0)
def add_0d(torch: Any) -> Callable[[], Any]:
    return unrolled("a + b", 100, a=torch.tensor(1.5), b=torch.tensor(2.5))


@case("add_0d_grad", "dispatch", target=15.0)
def add_0d_grad(torch: Any) -> Callable[[], Any]:
    a = torch.tensor(1.5, requires_grad=True)
    b = torch.tensor(2.5, requires_grad=True)
    return unrolled("a + b", 100, a=a, b=b)


@case("abc_backward", "dispatch", target=40.0)
def abc_backward(torch: Any) -> Callable[[], Any]:
    a = torch.tensor(2.0, requires_grad=True)
    b = torch.tensor(43.0, requires_grad=True)
    return unrolled("c = (a * b) - ((b / a) + b); c.backward()", 20, a=a, b=b)


def _chain(torch: Any, x: Any) -> Callable[[], Any]:
    def fn() -> None:
        x.grad = None
        y = x
        for _ in range(100):
            y = y * 1.01
        y.sum().backward()

    return fn


@case("chain_100_scalar", "dispatch", target=40.0)
def chain_100_scalar(torch: Any) -> Callable[[], Any]:
    return _chain(torch, torch.tensor(1.0, requires_grad=True))


@case("chain_100_32x32", "dispatch", target=8.0)
def chain_100_32x32(torch: Any) -> Callable[[], Any]:
    return _chain(torch, torch.ones(32, 32, requires_grad=True))


@case("view_chain", "dispatch", target=8.0)
def view_chain(torch: Any) -> Callable[[], Any]:
    x = torch.arange(24.0)
    return unrolled("x.view(6, 4).t().unsqueeze(0)[0, 1:3]", 50, x=x)


@case("chain_1m", "dispatch", target=50.0, parts=True, rounds=1, slow=True)
def chain_1m(torch: Any) -> Callable[[], dict[str, float]]:
    """A million nodes: built, run backward, and freed, each timed on its own."""

    def fn() -> dict[str, float]:
        x = torch.tensor(1.0, requires_grad=True)
        clock = time.perf_counter
        start = clock()
        y = x
        for _ in range(1_000_000):
            y = y * 1.0000001
        built = clock()
        y.backward()
        ran = clock()
        del y
        freed = clock()
        assert x.grad is not None and 1.0 < float(x.grad) < 1.2
        return {
            "": freed - start,
            "build": built - start,
            "run": ran - built,
            "free": freed - ran,
        }

    return fn
