# What a benchmark case is, the list of all cases, and the few helpers that cases share.
# Imports no tensor library: a case gets the library as its argument.

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Make = Callable[[Any], Callable[[], Any]]


class Skip(Exception):
    """Raised by a case's setup when the library does not offer what the case needs."""


@dataclass(frozen=True)
class Case:
    """One benchmark: `make(torch)` sets up and returns the function to time."""

    name: str
    group: str
    make: Make
    target: float | None = None  # least ratio: peer's time / our time
    limit: float | None = None  # greatest value allowed for us, in `unit`, whatever the peer does
    unit: str = "s"  # "s", "MB" or "count"
    parts: bool = False  # the function measures itself and returns {part: value}; "" is the whole
    rounds: int | None = None  # at most so many rounds
    slow: bool = False  # left out by --quick


@dataclass(frozen=True)
class Mean:
    """A target for the geometric mean of the ratios of several cases."""

    name: str
    target: float
    members: tuple[str, ...]
    module: str


_CASES: dict[str, Case] = {}
_MEANS: list[Mean] = []


def case(name: str, group: str, **fields: Any) -> Callable[[Make], Make]:
    """Register the decorated `make(torch)` as the case `name`."""

    def register(make: Make) -> Make:
        if name in _CASES:
            raise ValueError(f"case: the name {name!r} is taken; every case needs its own")
        _CASES[name] = Case(name, group, make, **fields)
        return make

    return register


def mean(name: str, target: float, members: Sequence[str], module: str) -> None:
    """Ask for the geometric mean of the members' ratios to be at least `target`."""
    _MEANS.append(Mean(name, target, tuple(members), module))


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def load(package: str = "bench.cases") -> tuple[dict[str, Case], list[Mean]]:
    """Import `package` with its modules and return the cases and means they registered."""
    root = importlib.import_module(package)
    for found in pkgutil.iter_modules(getattr(root, "__path__", [])):
        importlib.import_module(f"{package}.{found.name}")
    cases = {n: c for n, c in _CASES.items() if _inside(c.make.__module__, package)}
    return cases, [m for m in _MEANS if _inside(m.module, package)]


def unrolled(expression: str, times: int, **names: Any) -> Callable[[], None]:
    """A function that evaluates `expression` `times` times in a row and drops each result.

    An operation of 40 ns cannot be timed through a Python call that costs as much. The worker
    divides by `fn.per`.
    """
    header = f"def fn({', '.join(f'{n}={n}' for n in names)}):\n"
    scope = dict(names)
    exec(header + f"    {expression}\n" * times, scope)
    fn: Any = scope["fn"]
    fn.per = times
    result: Callable[[], None] = fn
    return result


def uniform(torch: Any, *shape: int, lo: float = 0.0, hi: float = 1.0) -> Any:
    """Seeded float32 numbers between `lo` and `hi`."""
    torch.manual_seed(0)
    return torch.rand(*shape) * (hi - lo) + lo
