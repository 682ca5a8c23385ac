"""Random lives of a tape: leaves, operations, views, changes in place, backward with and without graphs, zeroed gradients.

Scalars are compared with the engine of docs/tiny.py, arrays with central differences of NumPy replays. TORCHY_PROGRAMS
sets how many programs each test plays (100); that so many ran is asserted.
"""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import torchy as torch
from tests.property.replay_model import ARRAYS, Replay, Tape, array_programs, weighted, weights
from tests.property.test_tiny_engine import tiny

PROGRAMS = int(os.environ.get("TORCHY_PROGRAMS", "100"))
number = st.integers(0, 11)


def run_programs(check, programs):
    """check(program) for PROGRAMS random programs, shrunk by hypothesis where it fails."""
    ran = 0

    @settings(
        max_examples=PROGRAMS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(programs)
    def one(program):
        nonlocal ran
        check(program)
        ran += 1

    one()
    assert ran >= PROGRAMS, f"{ran} programs ran, {PROGRAMS} were asked for"


# Scalars: every entry is a pair of docs/tiny.py's Value and a 0-dim tensor.
NUMBERS = [0.61, -0.43, 1.19, -0.88, 0.35 + 0.5j, -0.76 + 0.2j]


def recent(entries, i):
    """Small numbers, which hypothesis shrinks to, are the latest entries."""
    return entries[-1 - i % len(entries)]


def pair(number, requires_grad=False):
    dtype = torch.complex128 if isinstance(number, complex) else torch.float64
    return tiny.Value(number, requires_grad), torch.tensor(number, dtype=dtype, requires_grad=requires_grad)


def unsaved(v):
    """The same number and node with a version of its own: for operands that torchy's rule does not save."""
    copy = tiny.Value(v.data)
    copy.node = v.node
    return copy


def times(x, y):
    """x * y; torchy saves an operand only where the other one's gradient needs it, tiny always saves both."""
    a = x[0] if y[0].node or x is y else unsaved(x[0])
    b = y[0] if x[0].node or x is y else unsaved(y[0])
    return a * b, x[1] * y[1]


def each(f, *pairs):
    return tuple(f(*side) for side in zip(*pairs))


OPERATIONS = {
    "add": lambda x, y: each(lambda a, b: a + b, x, y),
    "sub": lambda x, y: each(lambda a, b: a - b, x, y),
    "rsub": lambda x, y: each(lambda a: 2 - a, x),
    "neg": lambda x, y: each(lambda a: -a, x),
    "mul": times,
    "square": lambda x, y: times(x, x),
    "div": lambda x, y: times(each(lambda a, b: a / (b + 9), times(x, pair(1.0)), times(y, y)), pair(0.5)),
    "exp": lambda x, y: each(lambda a: a.exp(), times(x, pair(0.25))),
    "tanh": lambda x, y: each(lambda a: a.tanh(), times(x, pair(0.3))),
    "log": lambda x, y: each(lambda a: (a + 7).log(), times(x, pair(0.25))),
    "conj": lambda x, y: times(each(lambda a: a.conj(), x), y),
    "real": lambda x, y: times((x[0].real(), x[1].real), pair(0.5)),
    "detach": lambda x, y: (x[0].detach(), x[1].detach().clone()),
}
ACTIONS = ["add_", "add_", "leaf", "backward", "backward", "zero_grad", "gradient", "gradient"]
scalar_steps = st.tuples(
    st.one_of(*[st.sampled_from(sorted(OPERATIONS))] * 2, st.sampled_from(ACTIONS)), number, number, number
)
scalar_programs = st.tuples(
    st.lists(st.tuples(st.sampled_from(NUMBERS), st.booleans()), min_size=1, max_size=3),
    st.lists(scalar_steps, min_size=8, max_size=25),
)


class Stop(Exception):
    """Both sides raised an error, or may have: nothing after it can be compared."""


class Scalars:
    def __init__(self, leaves):
        self.entries = [pair(value, requires_grad) for value, requires_grad in leaves]
        self.leaves = [entry for entry in self.entries if entry[0].node] or [pair(0.5, True)]
        self.second_order = False  # from here on a graph is alive whose rules tiny and torchy write differently

    def on_both(self, small, large, strict=True):
        """Run both; they must raise alike (not `strict`: which of them raises is left open)."""
        errors = []
        for run in (small, large):
            try:
                run()
                errors.append(None)
            except RuntimeError as error:
                errors.append(error)
        if strict:
            assert (errors[0] is None) == (errors[1] is None), f"tiny: {errors[0]!r}; torchy: {errors[1]!r}"
        if any(errors):
            raise Stop

    def step(self, name, i, j, k):
        x, y = recent(self.entries, i), recent(self.entries, j)
        if name in OPERATIONS:
            if max(abs(x[0].data), abs(y[0].data)) < 2:
                self.entries.append(OPERATIONS[name](x, y))
        elif name == "leaf":
            self.entries.append(pair(NUMBERS[k % 6], requires_grad=i % 4 > 0))
            self.leaves += self.entries[-1:] if i % 4 else []
        elif name == "add_":
            allowed = not (x[0].node and x[0].node.variable and tiny.recording) or k == 7  # rarely what must raise
            complex_into_real = y[1].is_complex() and not x[1].is_complex()
            if abs(x[0].data) < 2 and allowed and not complex_into_real:
                self.on_both(lambda: x[0].add_(y[0]), lambda: x[1].add_(y[1]))
        else:
            getattr(self, name)(x, self.leaves[j % len(self.leaves)], k)

    def zero_grad(self, x, leaf, k):
        leaf[0].grad = leaf[1].grad = None

    def gradient(self, x, leaf, k):
        """A gradient becomes an entry, mostly one with a graph, which later steps can differentiate again."""
        if k % 4:
            self.backward(x, leaf, 0)
        found = [n for n in self.leaves if n[0].grad is not None]
        if found:
            small, large = found[k % len(found)]
            g = small.grad + 0j if large.is_complex() else small.grad  # tiny's may be real for a complex leaf
            self.entries.append(times((g, large.grad), pair(1.0)))
            self.second_order = self.second_order or small.grad.node is not None

    def backward(self, x, leaf, k):
        if x[0].node is None and k != 7:
            return  # rarely what must raise
        create = k % 3 == 0
        retain = create or k % 4 > 0
        seed = 0.75 - 0.5j if isinstance(x[0].data, complex) else 0.75
        self.on_both(
            lambda: self.small_backward(x[0], seed, retain, create),
            lambda: x[1].backward(torch.tensor(seed, dtype=x[1].dtype), retain_graph=retain, create_graph=create),
            strict=not self.second_order,
        )

    def small_backward(self, value, seed, retain, create):
        """tiny's backward, adding to a gradient as PyTorch does: in place unless a graph is made."""
        with tiny.set_grad_enabled(create):
            for node, g in tiny.run(value, seed, retain).items():
                leaf = node.variable
                if leaf and leaf.grad is not None and not create:
                    leaf.grad.add_(g)
                elif leaf:
                    leaf.grad = unsaved(g) if leaf.grad is None else leaf.grad + g

    def check(self):
        for small, large in self.entries:
            same(small, large)
        for small, large in self.leaves:
            assert (small.grad is None) == (large.grad is None)
            if small.grad is not None:
                same(small.grad, large.grad)


def same(small, large):
    assert large.item() == pytest.approx(small.data, rel=1e-8, abs=1e-10)
    assert (small.node is not None) == large.requires_grad


def play_scalars(program):
    leaves, steps = program
    machine = Scalars(leaves)
    try:
        for step in steps:
            recording = step[3] != 5
            with tiny.set_grad_enabled(recording), torch.set_grad_enabled(recording):
                machine.step(*step)
            machine.check()
    except Stop:
        pass
    for _, leaf in machine.leaves:  # with create_graph a leaf and its gradient's graph hold each other
        leaf.grad = None


def test_scalar_programs_equal_the_tiny_engine():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using backward.. with create_graph=True")
        run_programs(play_scalars, scalar_programs)


def play_arrays(program):
    first, tape = Replay(ARRAYS), Tape()
    for step in program:
        first.step(*step)
    for step in first.done:
        tape.step(*step)
    for array, t in zip(first.entries, tape.entries):
        np.testing.assert_allclose(t.detach().numpy(), array, rtol=1e-10, atol=1e-12)
    start = ARRAYS + [ARRAYS[n % 3] * 0.8 for name, n, _ in first.done if name == "leaf"]
    u, v = ([np.sin(k + n + np.arange(a.size)).reshape(a.shape) for n, a in enumerate(start)] for k in (1, 5))

    def at(s, t):
        """The objective and the weighted last entry, s along u and t along v from the start."""
        run = Replay([a + s * du + t * dv for a, du, dv in zip(start, u, v)], first.noted)
        for step in first.done:
            run.step(*step)
        return np.array([run.objective, (run.entries[-1] * weights(run.entries[-1].shape)).sum()])

    agree(along(u, [leaf.grad for leaf in tape.leaves]), lambda h: (at(h, 0) - at(-h, 0))[0] / (2 * h))
    last = weighted(tape.entries[-1])
    if last.requires_grad:
        g = torch.autograd.grad(last, tape.leaves, create_graph=True, materialize_grads=True)
        slope = sum((a * torch.tensor(d)).sum() for a, d in zip(g, v))
        second = [None]
        if slope.requires_grad:
            second = torch.autograd.grad(slope, tape.leaves, allow_unused=True)
        agree(along(u, second), lambda h: (at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h))[1] / (4 * h * h))


def along(direction, gradients):
    return sum(float((g.numpy() * d).sum()) for g, d in zip(gradients, direction) if g is not None)


def agree(found, difference):
    """`found` equals the limit of the difference quotient; how far off that is, its change with the step says."""
    coarse, fine = difference(2e-3), difference(1e-3)
    assert found == pytest.approx((4 * fine - coarse) / 3, rel=1e-5, abs=1e-6 + 0.1 * abs(fine - coarse))


def test_array_programs_equal_central_differences():
    run_programs(play_arrays, array_programs)
