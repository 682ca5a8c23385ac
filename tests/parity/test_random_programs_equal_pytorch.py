# Random programs (pointwise, reductions, products, views, changes in place, joins, no_grad) played by torchy and by an
# installed PyTorch: what each step gives or raises, values, gradients, tangents, Jacobians and Hessians.
# TORCHY_PARITY_PROGRAMS sets how many programs each test plays.
from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
from _programs import COMPLEX, INPLACE, JOIN, POINTWISE, REAL, REDUCE, SHAPES, VIEWS, leaves, play, programs
from hypothesis import HealthCheck, given, settings, strategies as st

import torchy

pytorch = pytest.importorskip("torch")

PROGRAMS = int(os.environ.get("TORCHY_PARITY_PROGRAMS", "100"))
playing = settings(
    max_examples=PROGRAMS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
RECORDED = ["grad"]  # under no_grad forward mode sees a change in place and reverse mode does not
GROUPS = [POINTWISE, REDUCE, JOIN, VIEWS, VIEWS, INPLACE]
kinds = st.lists(
    st.tuples(st.sampled_from(sorted(SHAPES)), st.sampled_from([REAL, REAL, COMPLEX])), min_size=2, max_size=3
)
small_kinds = st.lists(
    st.tuples(st.sampled_from(["vector", "square", "scalar"]), st.sampled_from([REAL] * 9 + [COMPLEX])),
    min_size=1,
    max_size=2,
)
real_kinds = st.lists(st.tuples(st.sampled_from(["vector", "square", "scalar"]), st.just(REAL)), min_size=1, max_size=2)


def plain(value):
    """Tensors as arrays, so that both libraries' can be compared; everything else as it is."""
    if isinstance(value, (pytorch.Tensor, torchy.Tensor)):
        return np.array(value.detach().clone().resolve_conj().tolist()).reshape(tuple(value.shape))
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def attempt(function, *args):
    """The result as arrays, or the name of the error's type."""
    try:
        return plain(function(*args))
    except Exception as error:
        return f"{type(error).__name__}"


def weighted(T, t):
    """A real number that depends on every element of t, each with a weight of its own."""
    flat = t.reshape(-1)
    flat = T.cat([flat.real, flat.imag]) if t.is_complex() else flat
    return (flat.to(T.float64) * T.linspace(0.6, 1.7, flat.numel(), dtype=T.float64)).sum()


class Changed:
    """PyTorch raised because a saved tensor had changed; `gradient` is what it would have been with copies saved.

    torchy saves less (not the result of prod, say), and may give that gradient where PyTorch raises.
    """

    def __init__(self, gradient):
        self.gradient = gradient


def agree(ours, theirs, what, tolerance=1e-9):
    if isinstance(theirs, Changed):
        if ours == "RuntimeError":
            return
        theirs = theirs.gradient
    if isinstance(theirs, np.ndarray):
        assert isinstance(ours, np.ndarray), f"{what}: PyTorch gives\n{theirs}\ntorchy {ours}"
        assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}, PyTorch {theirs.shape}"
        finite = np.abs(theirs[np.isfinite(theirs)])
        scale = max(1.0, finite.max(initial=0.0))
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=what)
    elif isinstance(theirs, list):
        assert isinstance(ours, list), f"{what}: PyTorch gives {theirs}, torchy {ours}"
        assert len(ours) == len(theirs), what
        for n, (a, b) in enumerate(zip(ours, theirs)):
            agree(a, b, f"{what}[{n}]", tolerance)
    else:
        assert not isinstance(ours, np.ndarray), f"{what}: PyTorch {theirs}, torchy gives\n{ours}"
        assert ours == theirs, f"{what}: PyTorch {theirs}, torchy {ours}"


def both(run, *args):
    """run(module, ...) with either; its result is a dictionary from what it is about to what was found."""
    found = []
    for T in (torchy, pytorch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(run(T, *args))
    ours, theirs = found
    for what in theirs:
        agree(ours.get(what), theirs[what], what)


def reverse(T, program, shapes):
    start = leaves(T, shapes)
    entries, events = play(T, program, start)
    found = {f"step {n}": event for n, event in enumerate(events)}
    found["values"] = plain(entries)
    changed = False
    for n, t in enumerate(entries):  # each by itself, so that one that raises hides no other
        if not t.requires_grad:
            continue
        try:
            found[f"gradients of {n}"] = gradients(T, t, start)
        except RuntimeError as error:
            changed = T is pytorch and "modified by an inplace operation" in str(error)
            found[f"gradients of {n}"] = Changed(with_copies_saved(program, shapes, n)) if changed else "RuntimeError"
    if not changed:
        total = sum(weighted(T, t) for t in entries if t.requires_grad)
        found["backward"] = attempt(total.backward)
        found["grad"] = plain([t.grad for t in start])
    return found


def gradients(T, t, start):
    return plain(T.autograd.grad(weighted(T, t), start, retain_graph=True, allow_unused=True))


def with_copies_saved(program, shapes, n):
    """PyTorch's gradients of entry n if no change in place reaches what was saved."""
    start = leaves(pytorch, shapes)
    return gradients(pytorch, play(pytorch, program, start, copies=True)[0][n], start)


def tangents(T, program, shapes, tracked):
    fw = T.autograd.forward_ad
    start = leaves(T, shapes, grad=tracked)
    with fw.dual_level():
        duals = []
        for n, t in enumerate(start):
            direction = T.linspace(0.4 + n, -1.1, t.numel(), dtype=T.float64).reshape(t.shape)
            duals.append(fw.make_dual(t, direction * (1 - 0.5j) if t.is_complex() else direction))
        entries, events = play(T, program, duals, apart=True)
        pairs = [fw.unpack_dual(t) for t in entries]
        found = {f"step {n}": event for n, event in enumerate(events)}
        found["values"] = plain([p.primal for p in pairs])
        found["tangents"] = plain([T.zeros_like(p.primal) if p.tangent is None else p.tangent for p in pairs])
    return found


def function(T, program, every, copies=False):
    """The program as a function: its last result, as real numbers (every: all its results as one number)."""

    def f(*start):
        entries, _ = play(T, program, [t * 1 for t in start], apart=True, copies=copies)
        last = entries[-1]
        if every:
            return sum(weighted(T, t) for t in entries)
        return T.stack([last.real, last.imag]) if last.is_complex() else last

    return f


def derivatives(T, program, shapes, every, plainly, **transforms):
    """The derivative by autograd.functional and by torch.func; an error's type instead where one is raised.

    Where PyTorch raises for a saved tensor that changed, all are Changed: its transforms do not always notice.
    """
    start = leaves(T, shapes, grad=False)
    f = function(T, program, every)
    found = {}
    try:
        found["plainly"] = plain(plainly(f, tuple(start)))
    except Exception as error:
        found["plainly"] = type(error).__name__
        if T is pytorch and "modified by an inplace operation" in str(error):
            copied = plain(plainly(function(T, program, every, copies=True), tuple(start)))
            return dict.fromkeys(["plainly", *transforms], Changed(copied))
    argnums = tuple(range(len(start)))
    for name, transform in transforms.items():
        found[name] = attempt(lambda transform=transform: transform(f, argnums)(*start))
    return found


def jacobians(T, program, shapes):
    plainly = T.autograd.functional.jacobian
    return derivatives(T, program, shapes, False, plainly, jacrev=T.func.jacrev, jacfwd=T.func.jacfwd)


def hessians(T, program, shapes):
    return derivatives(T, program, shapes, True, T.autograd.functional.hessian, hessian=T.func.hessian)


@playing
@given(programs(GROUPS), kinds)
def test_values_errors_and_gradients_of_random_programs(program, shapes):
    both(reverse, program, shapes)


@playing
@given(programs(GROUPS), kinds, st.booleans())
def test_tangents_of_random_programs(program, shapes, tracked):
    both(tangents, program, shapes, tracked)


@playing
@given(programs(GROUPS, 6, RECORDED), small_kinds)
def test_jacobians_of_random_programs(program, shapes):
    both(jacobians, program, shapes)


@playing
@given(programs(GROUPS, 6, RECORDED), real_kinds)
def test_hessians_of_random_programs(program, shapes):
    both(hessians, program, shapes)
