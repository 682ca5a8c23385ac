# Forward mode, torch.func and vmap, and what anomaly mode and the trap cost.

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.cases.models import mnist_one_hidden
from bench.registry import Skip, case, uniform


def _best(fn: Callable[[], Any], count: int) -> float:
    best = float("inf")
    for _ in range(count):
        start = time.perf_counter()
        fn()
        best = min(best, time.perf_counter() - start)
    return best


def _cost(torch: Any, mode: Callable[[], Any]) -> Callable[[], dict[str, float]]:
    """The time of an MNIST-size step in a mode over that of one without, both the best of many taken in turn."""
    step = mnist_one_hidden(torch)

    def fn() -> dict[str, float]:
        plain = watched = float("inf")
        for _ in range(10):
            plain = min(plain, _best(step, 5))
            with mode():
                watched = min(watched, _best(step, 5))
        return {"": watched / plain}

    return fn


@case("anomaly_cost_mnist", "transforms", limit=1.5, unit="count", parts=True, rounds=3)
def anomaly_cost(torch: Any) -> Callable[[], dict[str, float]]:
    return _cost(torch, torch.autograd.detect_anomaly)


@case("trap_cost_mnist", "transforms", limit=1.5, unit="count", parts=True, rounds=3)
def trap_cost(torch: Any) -> Callable[[], dict[str, float]]:
    if not hasattr(torch, "seterr"):
        raise Skip("seterr")
    return _cost(torch, lambda: torch.seterr(nan="raise", inf="warn"))


@case("jvp_small", "transforms", target=2.0)
def jvp_small(torch: Any) -> Callable[[], Any]:
    x, t = uniform(torch, 16), uniform(torch, 16)
    return lambda: torch.func.jvp(lambda a: (a.sin() * a).sum(), (x,), (t,))


@case("grad_of_grad", "transforms", target=2.0)
def grad_of_grad(torch: Any) -> Callable[[], Any]:
    x = torch.tensor(0.5)
    second = torch.func.grad(torch.func.grad(lambda a: a.sin() * a))
    return lambda: second(x)


@case("per_sample_gradients", "transforms", target=1.0)
def per_sample_gradients(torch: Any) -> Callable[[], Any]:
    w, b, x = uniform(torch, 16, 32, lo=-1.0), uniform(torch, 16), uniform(torch, 64, 32)
    loss = torch.func.grad(lambda w, b, x: torch.tanh(torch.nn.functional.linear(x, w, b)).sum(), argnums=(0, 1))
    return lambda: torch.func.vmap(loss, in_dims=(None, None, 0))(w, b, x)


@case("hessian_32", "transforms", target=1.0)
def hessian(torch: Any) -> Callable[[], Any]:
    w, x = uniform(torch, 32, 32, lo=-1.0), uniform(torch, 32)
    return lambda: torch.func.hessian(lambda a: torch.tanh(w @ a).pow(2).sum())(x)


@case("jacrev_64", "transforms", target=1.0)
def jacrev(torch: Any) -> Callable[[], Any]:
    w, x = uniform(torch, 64, 64, lo=-1.0), uniform(torch, 64)
    return lambda: torch.func.jacrev(lambda a: torch.tanh(w @ a))(x)


@case("jacfwd_64", "transforms", target=1.0)
def jacfwd(torch: Any) -> Callable[[], Any]:
    w, x = uniform(torch, 64, 64, lo=-1.0), uniform(torch, 64)
    return lambda: torch.func.jacfwd(lambda a: torch.tanh(w @ a))(x)
