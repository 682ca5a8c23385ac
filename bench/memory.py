# Memory check: many training steps of a tiny model must not make the process grow.
# `python -m bench.memory [LIBRARY] [--steps N] [--no-gc]`; exit status 1 when it grew.

from __future__ import annotations

import argparse
import gc
import resource
import sys
from typing import Any

from bench.worker import import_library

WARM_UP = 5_000  # steps before the first reading: pools and free lists reach their size
ALLOWED = 2.0  # MB; a leak of one 64-byte object a step would be 6.4 MB in 100,000 steps


def resident_mb() -> float:
    """Resident memory now, or its peak where the system tells no more."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def train(torch: Any, steps: int) -> float:
    """Train 2-8-1 on one batch for `steps` steps; the last loss."""
    nn = torch.nn
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    step = torch.optim.SGD(model.parameters(), lr=1e-2)
    x, y = torch.rand(4, 2), torch.rand(4, 1)
    loss = None
    for _ in range(steps):
        step.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        step.step()
    return float(loss.detach()) if loss is not None else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.memory", description=__doc__)
    parser.add_argument("library", nargs="?", default="torchy")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--no-gc", action="store_true", help="reference cycles count as leaks too")
    options = parser.parse_args()
    torch = import_library(options.library)
    train(torch, WARM_UP)
    gc.collect()
    if options.no_gc:
        gc.disable()
    before = resident_mb()
    loss = train(torch, options.steps)
    if not options.no_gc:
        gc.collect()
    after = resident_mb()
    grew = after - before
    verdict = "ok" if grew <= ALLOWED else f"GREW by more than {ALLOWED:g} MB"
    print(
        f"{options.library}: {options.steps} steps, RSS {before:.1f} MB before, "
        f"{after:.1f} MB after ({grew:+.2f} MB), last loss {loss:.2e}: {verdict}"
    )
    return 0 if grew <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
