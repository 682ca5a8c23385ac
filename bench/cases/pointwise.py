# Elementwise operations, out of place, the result dropped each time: large and small sizes.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.registry import case, mean, uniform, unrolled

# expression, range of the input; the eight marked True count in PERFORMANCE.md's geometric mean
OPERATIONS: dict[str, tuple[str, float, float, bool]] = {
    "add": ("x + y", -4.0, 4.0, True),
    "mul": ("x * y", -4.0, 4.0, False),
    "exp": ("torch.exp(x)", -4.0, 4.0, True),
    "tanh": ("torch.tanh(x)", -4.0, 4.0, True),
    "sigmoid": ("torch.sigmoid(x)", -4.0, 4.0, True),
    "erf": ("torch.erf(x)", -4.0, 4.0, True),
    "log": ("torch.log(x)", 0.1, 8.0, True),
    "sin": ("torch.sin(x)", -4.0, 4.0, True),
    "gelu": ("gelu(x)", -4.0, 4.0, True),
    "relu": ("torch.relu(x)", -4.0, 4.0, False),
}


def pointwise(torch: Any, op: str, shape: tuple[int, ...], times: int) -> Callable[[], None]:
    """A function that computes `op` on a tensor of `shape`, `times` times."""
    expression, lo, hi, _ = OPERATIONS[op]
    names: dict[str, Any] = {"torch": torch, "x": uniform(torch, *shape, lo=lo, hi=hi)}
    if "y" in expression:
        names["y"] = uniform(torch, *shape, lo=lo, hi=hi)
    if op == "gelu":
        names["gelu"] = torch.nn.functional.gelu
    return unrolled(expression, times, **names)


def _register_large(op: str) -> None:
    @case(f"{op}_4m", "pointwise 4M", target=1.0)
    def large(torch: Any) -> Callable[[], None]:
        return pointwise(torch, op, (4 * 1024 * 1024,), 1)


def _register_small(op: str) -> None:
    @case(f"{op}_1024x32", "pointwise small")
    def small(torch: Any) -> Callable[[], None]:
        return pointwise(torch, op, (1024, 32), 10)


for _op in OPERATIONS:
    _register_large(_op)
for _op in OPERATIONS:
    _register_small(_op)

mean(
    "pointwise 4M, geometric mean",
    2.0,
    [f"{op}_4m" for op, entry in OPERATIONS.items() if entry[3]],
    __name__,
)
