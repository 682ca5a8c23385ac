"""docs/tiny.py, the engine on one page: the same values and derivatives as the real one on random graphs."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import torchy as torch

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tiny.py"
spec = importlib.util.spec_from_file_location("tiny", PAGE)
assert spec is not None and spec.loader is not None
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)

INPUTS = 3
index = st.integers(0, 1000)
real = st.floats(-1.5, 1.5, width=32)
complex_number = st.builds(complex, real, real)
# A step reads any two earlier entries (so subexpressions are shared) and keeps its result of moderate size.
STEPS = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y * 0.5,
    "div": lambda x, y: x / (y * y + 9),
    "sub_number": lambda x, y: 2 - x,
    "exp": lambda x, y: (x * 0.25).exp(),
    "log": lambda x, y: (x * 0.25 + 7).log(),
    "tanh": lambda x, y: (x * 0.1).tanh(),
    "neg_sub": lambda x, y: -x - y,
    "detach": lambda x, y: x.detach() * y,
    "twice": lambda x, y: x * x + x,
    "add_": lambda x, y: (x * 1).add_(y),
}
COMPLEX_STEPS = {
    **STEPS,
    "conj": lambda x, y: x.conj() * y,
    "parts": lambda x, y: (x * x.conj()) + (0.5 - 2j) * y,
}
programs = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), index, index), min_size=1, max_size=12)
complex_programs = st.lists(st.tuples(st.sampled_from(sorted(COMPLEX_STEPS)), index, index), min_size=1, max_size=6)


def play(steps, entries):
    entries = list(entries)
    for name, i, j in steps:
        x, y = entries[i % len(entries)], entries[j % len(entries)]
        if tame(x) and tame(y):
            entries.append(COMPLEX_STEPS[name](x, y))
    return entries[-1]


def tame(x):
    return abs(x.data if isinstance(x, tiny.Value) else x.item()) < 3


def on_tiny(steps, numbers):
    leaves = [tiny.Value(x, requires_grad=True) for x in numbers]
    return leaves, play(steps, leaves)


def on_torchy(steps, numbers):
    dtype = torch.complex128 if any(isinstance(x, complex) for x in numbers) else torch.float64
    leaves = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in numbers]
    return leaves, play(steps, leaves)


def numbers_of(gradients):
    """Plain numbers; 0 where there is no gradient."""
    return [0.0 if g is None else g.data if isinstance(g, tiny.Value) else g.item() for g in gradients]


def same(found, expected):
    return found == pytest.approx(expected, rel=1e-9, abs=1e-11)


@given(programs, st.lists(real, min_size=INPUTS, max_size=INPUTS))
def test_values_first_and_second_derivatives_equal_the_real_engine(steps, numbers):
    small, value = on_tiny(steps, numbers)
    large, tensor = on_torchy(steps, numbers)
    assert same(value.data, tensor.item())
    assert (value.node is not None) == tensor.requires_grad
    if value.node is None:
        return
    first = tiny.grad(value, small, create_graph=True)
    expected = torch.autograd.grad(tensor, large, create_graph=True, allow_unused=True)
    assert [g is None for g in first] == [g is None for g in expected], "inputs that are not used"
    assert same(numbers_of(first), numbers_of(expected))
    for g, e in zip(first, expected):
        if g is None:
            continue
        second = tiny.grad(g, small, retain_graph=True) if g.node else [None] * INPUTS
        wanted = [None] * INPUTS
        if e.requires_grad:
            wanted = torch.autograd.grad(e, large, retain_graph=True, allow_unused=True)
        assert same(numbers_of(second), numbers_of(wanted))


@given(programs, st.lists(real, min_size=INPUTS, max_size=INPUTS))
def test_backward_adds_to_the_leaves_like_the_real_engine(steps, numbers):
    small, value = on_tiny(steps, numbers)
    large, tensor = on_torchy(steps, numbers)
    if value.node is None:
        return
    for keep in (True, False):
        value.backward(retain_graph=keep)
        tensor.backward(retain_graph=keep)
    assert same(numbers_of(x.grad for x in small), numbers_of(x.grad for x in large))


@given(complex_programs, st.lists(complex_number, min_size=INPUTS, max_size=INPUTS), complex_number)
def test_complex_gradients_equal_the_real_engine(steps, numbers, seed):
    small, value = on_tiny(steps, numbers)
    large, tensor = on_torchy(steps, numbers)
    assert same(value.data, tensor.item())
    if value.node is None:
        return
    first = tiny.grad(value, small, seed=seed)
    weight = torch.tensor(seed, dtype=torch.complex128)
    expected = torch.autograd.grad(tensor, large, weight, allow_unused=True)
    assert same(numbers_of(first), numbers_of(expected))


def test_real_input_of_a_complex_operation_gets_a_real_gradient():
    x, z = tiny.Value(2.0, requires_grad=True), tiny.Value(1 + 2j, requires_grad=True)
    (x * z * z.conj()).backward(seed=1.0)
    assert x.grad.data == 5.0 and isinstance(x.grad.data, float) and z.grad.data == 4 + 8j


@given(st.lists(real, min_size=4, max_size=4))
def test_forward_mode_equals_the_backward_pass(numbers):
    def f(x, y):
        return (x * y - x) / (y * y + x * x + nine) + x

    nine = tiny.Dual(9)
    x, y, dx, dy = numbers
    tangent = f(tiny.Dual(x, dx), tiny.Dual(y, dy)).tangent.data
    nine = 9
    u, v = tiny.Value(x, requires_grad=True), tiny.Value(y, requires_grad=True)
    gu, gv = tiny.grad(f(u, v), [u, v])
    assert same(tangent, gu.data * dx + gv.data * dy)


def test_worked_example():
    a, b = tiny.Value(2, requires_grad=True), tiny.Value(43, requires_grad=True)
    tiny.worked_example(a, b).backward()
    assert (a.grad.data, b.grad.data) == (53.75, 0.5)
    tangent = tiny.worked_example(tiny.Dual(a, 1), tiny.Dual(b)).tangent
    assert tangent.data == 53.75
    assert tiny.grad(tangent, [a])[0].data == -2 * 43 / 8, "reverse over forward"


def test_mistakes_are_errors():
    x = tiny.Value(2.0, requires_grad=True)
    y = x.exp()
    y.backward()
    with pytest.raises(RuntimeError, match="freed"):
        y.backward()
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError, match="at version 1; expected 0"):
        y.backward()
    with pytest.raises(RuntimeError, match="leaf"):
        x.add_(1)
    for value in (y.detach(), x * 1j):
        with pytest.raises(RuntimeError, match="history"):
            value.backward()
    assert math.isclose(y.data, math.e**2 + 1)


def test_graph_without_saved_values_runs_twice():
    x = tiny.Value(2.0, requires_grad=True)
    y = x + 1
    y.backward()
    y.backward()
    assert x.grad.data == 2.0


def test_long_chain_needs_no_recursion():
    x = y = tiny.Value(1.0, requires_grad=True)
    for _ in range(5000):
        y = y + x
    y.backward()
    assert x.grad.data == 5001


def test_page_is_short_and_needs_the_standard_library_only():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200 and max(map(len, lines)) <= 120
    imports = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imports and imports <= sys.stdlib_module_names


@pytest.mark.resource
def test_script_prints_the_tour_and_learns(tmp_path):
    start = os.times()
    command = [sys.executable, "-I", "-W", "error", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path)
    end = os.times()  # the script's own time: what else runs on the machine does not count
    seconds = end.children_user + end.children_system - start.children_user - start.children_system
    assert "gradient 53.75, 0.5" in done.stdout and "at version 1; expected 0" in done.stdout
    assert float(done.stdout.rpartition("steps: ")[2]) < 0.05
    assert seconds < 2, seconds
