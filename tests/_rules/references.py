"""Where the NumPy reference of an operation is found, and the NumPy twins of native rule helpers."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from optable.spec import Op

FOLDER = Path(__file__).resolve().parents[1] / "reference"


class NoReference(Exception):
    """An operation's ref= names nothing that exists."""


@functools.cache
def module(name: str) -> ModuleType:
    """tests/reference/<name>.py."""
    return importlib.import_module(f"reference.{name}")


@functools.cache
def _numpy(path: str) -> Any:
    found: Any = np
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


_found: dict[tuple[str, str], Callable[..., Any]] = {}


def reference(op: Op) -> Callable[..., Any]:
    """The function that computes `op` on arrays."""
    key = (op.cname, op.ref)
    if key not in _found:
        _found[key] = _resolved(op)
    return _found[key]


def _resolved(op: Op) -> Callable[..., Any]:
    if op.ref.startswith("numpy."):
        found = _numpy(op.ref[6:])
    elif op.ref.startswith("ref."):
        try:
            found = getattr(module(op.family), op.ref[4:], None)
        except ModuleNotFoundError as error:
            raise NoReference(f"{op.cname}: ref={op.ref!r}, but tests/reference/{op.family}.py: {error}") from None
    else:
        raise NoReference(f"{op.cname}: ref={op.ref!r}; write 'numpy.<name>' or 'ref.<name>'")
    if not callable(found):
        raise NoReference(f"{op.cname}: ref={op.ref!r} names no function (of tests/reference/{op.family}.py)")
    return found


@functools.cache
def helper(name: str) -> Callable[..., Any]:
    """The NumPy twin of a native helper of rules, in whichever module of tests/reference has it."""
    for info in sorted(pkgutil.iter_modules([str(FOLDER)]), key=lambda i: "helpers" not in i.name):
        found = getattr(module(info.name), name, None)
        if callable(found):
            return found
    raise NoReference(f"formulas.NATIVE_HELPERS has {name!r}, but no module of tests/reference defines it")
