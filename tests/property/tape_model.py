"""A second implementation of recorded programs, over NumPy: every tensor is an array and its tangents.

Tangents are carried forward (one per number of the leaves), share memory as the values do, and know
nothing of nodes or views of nodes; what reverse mode finds must agree with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

UNARY: dict[str, tuple[Callable, Callable]] = {
    "sin": (np.sin, np.cos),
    "tanh": (np.tanh, lambda v: 1 - np.tanh(v) ** 2),
    "neg": (np.negative, lambda v: -np.ones_like(v)),
    "sigmoid": (lambda v: 1 / (1 + np.exp(-v)), lambda v: np.exp(-v) / (1 + np.exp(-v)) ** 2),
}
VIEWS: dict[str, Callable] = {
    "reverse": lambda a, lead: a.transpose(*range(lead), *reversed(range(lead, a.ndim))),
    "tail": lambda a, lead: a[(slice(None),) * lead + (slice(1, None),)],
    "stride": lambda a, lead: a[(Ellipsis, slice(None, None, 2))],
    "first": lambda a, lead: a[(slice(None),) * lead + (0, Ellipsis)],
    "last": lambda a, lead: a[..., -1],
    "unsqueeze": lambda a, lead: a[(slice(None),) * lead + (None,)],
}
TORCH_VIEWS: dict[str, Callable] = {
    "reverse": lambda t: t.permute(*reversed(range(t.dim()))) if t.dim() else t.view(()),
    "tail": lambda t: t[1:],
    "stride": lambda t: t[..., ::2],
    "first": lambda t: t.select(0, 0),
    "last": lambda t: t.select(-1, t.shape[-1] - 1),
    "unsqueeze": lambda t: t.unsqueeze(0),
}


def can_view(kind: str, shape: tuple[int, ...]) -> bool:
    if kind == "reverse":
        return len(shape) > 0
    if kind == "unsqueeze":
        return len(shape) < 4
    if kind == "first":
        return len(shape) > 0 and shape[0] > 0
    return len(shape) > 0 and shape[-1] > 0


@dataclass
class Entry:
    value: np.ndarray
    tangent: np.ndarray  # [parameter, *value.shape]
    writable: bool = True


def lift(tangent: np.ndarray, ndim: int) -> np.ndarray:
    """Dims of size one after the parameters', so that tangents broadcast as values do."""
    missing = ndim - (tangent.ndim - 1)
    return tangent.reshape(tangent.shape[:1] + (1,) * missing + tangent.shape[1:])


class Model:
    """Runs steps; the same step names are run by `Tape` in the test."""

    def __init__(self, leaves: list[np.ndarray]) -> None:
        count = sum(a.size for a in leaves)
        self.entries: list[Entry] = []
        start = 0
        for a in leaves:
            tangent = np.zeros((count, a.size))
            tangent[start : start + a.size] = np.eye(a.size)
            start += a.size
            self.entries.append(Entry(a.copy(), tangent.reshape((count,) + a.shape), writable=False))

    def fresh(self, value: np.ndarray, tangent: np.ndarray) -> None:
        value = np.array(value)
        self.entries.append(Entry(value, np.array(np.broadcast_to(tangent, tangent.shape[:1] + value.shape))))

    def unary(self, i: int, name: str) -> None:
        e = self.entries[i]
        f, df = UNARY[name]
        self.fresh(f(e.value), df(e.value) * e.tangent)

    def operand(self, target: tuple[int, ...] | None, i: int, j: int) -> tuple[np.ndarray, np.ndarray]:
        """Entry j if its shape goes with the target (or, for new results, with entry i), else its scaled sum."""
        e = self.entries[j]
        shape = self.entries[i].value.shape
        try:
            fits = np.broadcast_shapes(shape, e.value.shape)
            if target is None or fits == shape:
                return e.value, e.tangent
        except ValueError:
            pass
        return e.value.sum() * 0.1, e.tangent.sum(axis=tuple(range(1, e.tangent.ndim))) * 0.1

    def combine(self, name: str, i: int, j: int, target: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray]:
        a = self.entries[i]
        v, t = self.operand(target, i, j)
        ndim = max(a.value.ndim, np.ndim(v))
        ta, tv = lift(a.tangent, ndim), lift(t, ndim)
        if name == "add":
            return a.value + v, ta + tv
        if name == "sub":
            return a.value - v, ta - tv
        return a.value * v, ta * v + a.value * tv

    def binary(self, i: int, name: str, j: int) -> None:
        value, tangent = self.combine(name, i, j, None)
        self.fresh(value, tangent)

    def view(self, i: int, name: str) -> None:
        e = self.entries[i]
        self.entries.append(Entry(VIEWS[name](e.value, 0), VIEWS[name](e.tangent, 1), e.writable))

    def expand(self, i: int) -> None:
        e = self.entries[i]
        value, tangent = np.broadcast_to(e.value, (2,) + e.value.shape), e.tangent[:, None]
        self.entries.append(Entry(value, np.broadcast_to(tangent, tangent.shape[:1] + value.shape), writable=False))

    def detach(self, i: int) -> None:
        e = self.entries[i]
        self.entries.append(Entry(e.value[...], np.zeros_like(e.tangent), e.value.flags.writeable))

    def write(self, i: int, value: np.ndarray, tangent: np.ndarray, recorded: bool) -> None:
        e = self.entries[i]
        value, tangent = np.array(value), np.array(tangent)
        e.value[...] = value
        if recorded:
            e.tangent[...] = np.broadcast_to(tangent, e.tangent.shape)

    def inplace(self, i: int, name: str, j: int, recorded: bool) -> None:
        shape = self.entries[i].value.shape
        if name in UNARY:
            f, df = UNARY[name]
            e = self.entries[i]
            self.write(i, f(e.value), df(e.value) * e.tangent, recorded)
        elif name == "copy":
            v, t = self.operand(shape, i, j)
            self.write(i, np.broadcast_to(v, shape), lift(t, len(shape)), recorded)
        elif name == "zero":
            self.write(i, np.zeros(shape), np.zeros_like(self.entries[i].tangent), recorded)
        else:
            self.write(i, *self.combine(name, i, j, shape), recorded)
