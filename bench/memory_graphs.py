# Memory check of what graphs can hold on to: create_graph, custom Functions, hooks, forward mode, transforms.
# `python -m bench.memory_graphs [LIBRARY] [--steps N]`; exit status 1 when any of them grew. The collector is off.

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from typing import Any

from bench.memory import ALLOWED, resident_mb
from bench.worker import import_library

WARM_UP = 3_000


def cases(torch: Any) -> dict[str, Callable[[], None]]:
    x = torch.rand(8, requires_grad=True)

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any) -> Any:
            ctx.save_for_backward(a)
            return a**3

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (a,) = ctx.saved_tensors
            return grad * 3 * a**2

    def create_graph() -> None:
        (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        (g**2).sum().backward()
        x.grad = None

    def backward_create_graph() -> None:  # x.grad then leads back to x: PyTorch leaks this
        (x**3).sum().backward(create_graph=True)
        x.grad = None

    def function() -> None:
        Cube.apply(x).sum().backward()
        x.grad = None

    def hooks() -> None:
        y = x * 2
        y.register_hook(lambda g: g * 2)
        y.grad_fn.register_hook(lambda a, b: None)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            z = (y * y).sum()
        z.backward()
        x.grad = None

    def forward_mode() -> None:
        ad = torch.autograd.forward_ad
        with ad.dual_level():
            ad.unpack_dual(ad.make_dual(x, torch.ones(8)).sin())

    def transforms() -> None:
        torch.func.vmap(torch.func.grad(lambda a: (a * a).sum()))(torch.ones(4, 8))

    return {f.__name__: f for f in (create_graph, backward_create_graph, function, hooks, forward_mode, transforms)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.memory_graphs", description=__doc__)
    parser.add_argument("library", nargs="?", default="torchy")
    parser.add_argument("--steps", type=int, default=100_000)
    options = parser.parse_args()
    torch = import_library(options.library)
    failed = False
    for name, run in cases(torch).items():
        for _ in range(WARM_UP):
            run()
        gc.collect()
        gc.disable()
        before = resident_mb()
        for _ in range(options.steps):
            run()
        grew = resident_mb() - before
        gc.enable()
        failed = failed or grew > ALLOWED
        print(f"{name:24} {before:8.1f} MB before, {grew:+8.2f} MB after {options.steps:,} iterations")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
