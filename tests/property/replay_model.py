"""Array programs for test_state_machine, written twice: for tensors, and for NumPy arrays that can be replayed.

NumPy's views share memory as tensors' do. Operations read copies, so that no change in place reaches what their rules
have saved.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

import torchy as torch
from tests.property.tape_model import TORCH_VIEWS, VIEWS, can_view

number = st.integers(0, 11)
ARRAYS = [np.linspace(-0.8, 0.9, 6).reshape(2, 3), np.array([0.5, -0.3, 0.7]), np.array(0.4)]
FRESH = {
    "sin": (lambda x, y: x.sin(), lambda x, y: np.sin(x)),
    "tanh": (lambda x, y: (x * 0.5).tanh().clone(), lambda x, y: np.tanh(x * 0.5)),
    "exp": (lambda x, y: (x * 0.3).exp().clone(), lambda x, y: np.exp(x * 0.3)),
    "add": (lambda x, y: x + y, lambda x, y: x + y),
    "mul": (lambda x, y: x * y, lambda x, y: x * y),
    "div": (lambda x, y: (x / (y * y + 2)).clone(), lambda x, y: x / (y * y + 2)),
    "mean": (lambda x, y: x.mean(-1), lambda x, y: x.mean(-1) if x.ndim else x),
    "cumsum": (lambda x, y: x.cumsum(0), lambda x, y: np.cumsum(x, 0) if x.ndim else x),
    "cat": (lambda x, y: torch.stack([x, x * 0.5]), lambda x, y: np.stack([x, x * 0.5])),
    "outer": (lambda x, y: torch.outer(x.reshape(-1), x.reshape(-1)), lambda x, y: np.outer(x, x)),
    "softmax": (lambda x, y: x.reshape(-1).softmax(0).clone(), lambda x, y: np.exp(x.ravel()) / np.exp(x).sum()),
}
CHANGES = {
    "add_": (lambda x, y: x.add_(y), lambda x, y: x + y),
    "mul_": (lambda x, y: x.mul_(y), lambda x, y: x * y),
    "copy_": (lambda x, y: x.copy_(y), lambda x, y: y),
    "zero_": (lambda x, y: x.zero_(), lambda x, y: x * 0),
    "sin_": (lambda x, y: x.sin_(), lambda x, y: np.sin(x)),
}
OTHERS = ["detach", "no_grad", "leaf", "backward", "backward", "zero_grad"]
array_programs = st.lists(
    st.tuples(st.one_of([st.sampled_from(sorted(g)) for g in (FRESH, VIEWS, CHANGES, OTHERS)]), number, number),
    min_size=8,
    max_size=25,
)


def operand(x, y):
    """y if it fits into x, else a multiple of its sum: for tensors and arrays alike."""
    try:
        fits = np.broadcast_shapes(tuple(x.shape), tuple(y.shape)) == tuple(x.shape)
    except ValueError:
        fits = False
    return y if fits else y.sum() * 0.1


def weights(shape):
    return np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)


class Replay:
    """A program on NumPy arrays. `noted` holds what is cut from the graph: made by a first run, constants in others."""

    def __init__(self, leaves, noted=None):
        self.first, self.noted = noted is None, list(noted or [])
        self.leaves = [a.copy() for a in leaves]
        self.entries = [a[...] for a in self.leaves[: len(ARRAYS)]]
        self.used = len(ARRAYS)
        self.writable = [False] * len(ARRAYS)
        self.done, self.objective = [], 0.0

    def constant(self, array):
        if self.first:
            self.noted.append(np.array(array))
        return self.noted[sum(name in ("detach", "no_grad") for name, _, _ in self.done)]

    def allows(self, name, n, y):
        x = self.entries[n]
        if name in VIEWS:
            return can_view(name, x.shape)
        if name in CHANGES or name in FRESH:
            small = max(np.abs(x).max(initial=0), np.abs(y).max(initial=0)) < 3
            return small and x.size < 20 and (name in FRESH or self.writable[n])
        return x.size > 0

    def step(self, name, i, j):
        """Do a step, if it can be done, and note it with its entries' positions."""
        n, m = i, j
        if self.first:  # small numbers are the latest entries
            n, m = (len(self.entries) - 1 - k % len(self.entries) for k in (i, j))
        x, y = self.entries[n], self.entries[m]
        if self.first and not self.allows(name, n, y):
            return
        made, writable = None, True
        if name in FRESH:
            made = np.array(FRESH[name][1](x, operand(x, y)))
        elif name in VIEWS:
            made, writable = VIEWS[name](x, 0), self.writable[n]
        elif name in CHANGES:
            x[...] = np.array(CHANGES[name][1](x, operand(x, y)))
        elif name == "detach":
            made = self.constant(x).copy()
        elif name == "no_grad":
            x += self.constant(0.05 - 0.1 * x)
        elif name == "leaf":
            if self.first:
                self.leaves.append(ARRAYS[n % 3] * 0.8)
            made, writable = self.leaves[self.used][...], False
            self.used += 1
        elif name == "backward":
            self.objective = self.objective + (x * weights(x.shape)).sum()
        else:
            self.objective = 0.0
        if made is not None:
            self.entries.append(made)
            self.writable.append(writable)
        self.done.append((name, n, m))


class Tape:
    """The steps of a first Replay on tensors."""

    def __init__(self):
        self.leaves = [torch.tensor(a, requires_grad=True) for a in ARRAYS]
        self.entries = list(self.leaves)

    def step(self, name, n, m):
        x, y = self.entries[n], self.entries[m]
        if name in FRESH:
            self.entries.append(FRESH[name][0](x.clone(), operand(x, y).clone()))
        elif name in VIEWS:
            self.entries.append(TORCH_VIEWS[name](x))
        elif name in CHANGES:
            CHANGES[name][0](x, operand(x, y).clone())
        elif name == "detach":
            self.entries.append(x.detach().clone())
        elif name == "no_grad":
            with torch.no_grad():
                x.add_(0.05 - 0.1 * x)
        elif name == "leaf":
            self.leaves.append(torch.tensor(ARRAYS[n % 3] * 0.8, requires_grad=True))
            self.entries.append(self.leaves[-1])
        elif name == "backward":
            if x.requires_grad:
                weighted(x).backward(retain_graph=True)
        else:
            for leaf in self.leaves:
                leaf.grad = None


def weighted(t):
    return (t * torch.tensor(weights(tuple(t.shape)))).sum()
