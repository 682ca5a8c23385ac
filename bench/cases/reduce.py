# Reductions over everything and over either dimension; softmax and layer norm.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.registry import Skip, case, uniform, unrolled

AXES = {"all": "", "dim0": "dim=0", "dim1": "dim=1"}


def _register(op: str, where: str, argument: str) -> None:
    @case(f"{op}_{where}", "reductions", target=1.0)
    def reduce(torch: Any) -> Callable[[], None]:
        return unrolled(f"x.{op}({argument})", 5, x=uniform(torch, 1024, 1024))


for _op in ("sum", "mean", "max", "argmax", "var"):
    for _where, _argument in AXES.items():
        _register(_op, _where, _argument)


@case("softmax", "normalise", target=1.0)
def softmax(torch: Any) -> Callable[[], None]:
    x = uniform(torch, 256, 1024, lo=-4.0, hi=4.0)
    return unrolled("torch.softmax(x, dim=-1)", 5, torch=torch, x=x)


@case("log_softmax", "normalise", target=1.0)
def log_softmax(torch: Any) -> Callable[[], None]:
    x = uniform(torch, 256, 1024, lo=-4.0, hi=4.0)
    return unrolled("torch.log_softmax(x, dim=-1)", 5, torch=torch, x=x)


@case("layer_norm", "normalise", target=1.0)
def layer_norm(torch: Any) -> Callable[[], None]:
    if not hasattr(torch.nn.functional, "layer_norm"):
        raise Skip("nn.functional.layer_norm is not there")
    x = uniform(torch, 256, 1024)
    f = torch.nn.functional.layer_norm
    names = {"f": f, "x": x, "w": torch.ones(1024), "b": torch.zeros(1024)}
    return unrolled("f(x, (1024,), w, b)", 5, **names)


@case("layer_norm_composed", "normalise", target=1.0)
def layer_norm_composed(torch: Any) -> Callable[[], None]:
    x = uniform(torch, 256, 1024)
    w, b = torch.ones(1024), torch.zeros(1024)

    def fn() -> None:
        centred = x - x.mean(-1, keepdim=True)
        scale = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)
        centred * scale * w + b

    return fn
