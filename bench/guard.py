# ns per element of each pointwise kernel in L1, against a stated limit: a loop that the compiler
# no longer vectorises is 4 to 30 times slower, and nothing else says so. One library, this process.

from __future__ import annotations

from typing import Any

from bench import measure
from bench.registry import unrolled
from bench.worker import import_library

SMALL, LARGE = 512, 2560  # elements; the difference of the times cancels the cost of a call
TRIES = 7

# Expression and limit in ns per element of float32, one thread. Limits lie between the vector loop
# at x86-64-v3 (PERFORMANCE.md's figures for the functions; 0.07 for add, 0.10 for div, 0.17 for
# sqrt) and the scalar one (0.27 for add, 0.8 for div, 1.4 for sqrt, 1.6 for exp) on a 2023 server
# core. A slower machine needs --guard-scale.
LIMITS: dict[str, tuple[str, float]] = {
    "add": ("x + x", 0.2),
    "mul": ("x * x", 0.2),
    "div": ("x / x", 0.5),
    "relu": ("torch.relu(x)", 0.2),
    "sqrt": ("torch.sqrt(x)", 1.0),
    "exp": ("torch.exp(x)", 1.3),
    "tanh": ("torch.tanh(x)", 1.9),
    "sigmoid": ("torch.sigmoid(x)", 1.5),
    "erf": ("torch.erf(x)", 1.8),
    "log": ("torch.log(x)", 1.8),
    "log1p": ("torch.log1p(x)", 2.2),
    "sin": ("torch.sin(x)", 1.2),
    "cos": ("torch.cos(x)", 1.2),
    "gelu": ("torch.nn.functional.gelu(x)", 2.2),
    "pow": ("x ** x", 5.0),
}


def _fastest(fn: Any) -> float:
    loops = measure.calibrate(fn, 0.01)
    return min(measure.sample(fn, loops, fn.per) for _ in range(TRIES))


def ns_per_element(torch: Any, expression: str) -> float:
    """The slope of the time between two sizes that both fit the first cache."""
    times = []
    for count in (SMALL, LARGE):
        x = torch.rand(count) * 2.0 + 0.5
        times.append(_fastest(unrolled(expression, 20, torch=torch, x=x)))
    slope = (times[1] - times[0]) / (LARGE - SMALL)
    # Noise can make the slope vanish; the whole time is then the honest upper bound.
    return (slope if slope > 0 else times[1] / LARGE) * 1e9


def guard(library: str, scale: float = 1.0, only: str = "") -> int:
    """Print every kernel's figure; 1 if any is above its limit times `scale` or fails."""
    torch = import_library(library)
    bad = 0
    print(f"{library}: ns per element, float32, {LARGE} elements")
    for name, (expression, limit) in LIMITS.items():
        if only not in name:
            continue
        try:
            found = ns_per_element(torch, expression)
        except Exception as error:
            bad += 1
            print(f"  {name:8} failed: {type(error).__name__}: {error}")
            continue
        slow = found > limit * scale
        bad += slow
        print(f"  {name:8} {found:6.2f}  limit {limit * scale:5.2f}  {'TOO SLOW' if slow else 'ok'}")
    return 1 if bad else 0
