# The in-place form and out= of every operation: the same numbers, in the memory that was given, or a clear error.

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import _gradcheck
import numpy as np
import pytest
from _calls import (
    DTYPES,
    ERRORS,
    PUBLIC,
    Case,
    arguments,
    cases_of,
    function,
    numeric,
    problem,
    results_of,
    snapshot,
    tensors_in,
)

import torchy
from torchy import Tensor

INPLACE = [n for n, op in PUBLIC.items() if "inplace" in op.forms and op.family != "random" and "function" in op.forms]
OUT = [n for n, op in PUBLIC.items() if "out" in op.forms and op.family != "random"]
UNSET = ("empty", "empty_like")


def pairs(name: str) -> Iterator[tuple[Case, Tensor]]:
    """The samples whose first argument is a tensor that can hold the result, with that result."""
    for case in cases_of(PUBLIC[name]):
        args, kwargs = case.tensors()
        if not args or not isinstance(args[0], Tensor) or (case.op.name == "abs" and case.complex_run):
            continue
        want = function(case.op)(*args, **kwargs)
        if isinstance(want, Tensor) and want.shape == args[0].shape and torchy.can_cast(want.dtype, args[0].dtype):
            yield case, want


def inplace(case: Case, target: Tensor, args: list[Any], kwargs: dict[str, Any]) -> Any:
    return getattr(target, f"{case.op.name}_")(*args[1:], **kwargs)


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_form_equals_the_function(name: str) -> None:
    for case, want in pairs(name):
        args, kwargs = case.tensors()
        target, others = args[0], (args[1:], kwargs)
        before, place, version = snapshot(others), target.data_ptr(), target._version
        assert inplace(case, target, args, kwargs) is target, str(case)
        assert problem(target, numeric(want.to(target.dtype)), 0, 0) is None, str(case)
        assert target.data_ptr() == place, str(case)
        assert target._version == version + 1, str(case)
        assert snapshot(others) == before, str(case)


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_form_writes_through_strides(name: str) -> None:
    for case, want in pairs(name):
        args, kwargs = case.tensors()
        base = torchy.ones([2 * n + 1 for n in args[0].shape], dtype=args[0].dtype)
        view = base[tuple(slice(1, None, 2) for _ in args[0].shape)] if args[0].ndim else base
        untouched = base.numel() - view.numel()
        view.copy_(args[0])
        inplace(case, view, args, kwargs)
        assert problem(view, numeric(want.to(view.dtype)), 1e-12, 1e-12) is None, str(case)
        if args[0].numel():
            with torchy.no_grad():
                view.fill_(0)
            assert int((base == 1).sum()) == untouched, f"{case}: wrote beside the view"


def inplace_function(case: Case) -> Any:
    """The operation of the differentiable inputs with its in-place form on a copy of the first."""
    slots = case.slots()

    def f(*inputs: Tensor) -> list[Tensor]:
        now = case.named()
        for (name, _), x in zip(slots, inputs, strict=True):
            now[name] = x
        names = list(now)
        args, kwargs = arguments(case.op, [now[n] for n in names[: len(case.args)]], {k: now[k] for k in case.kwargs})
        return [inplace(case, args[0].clone(), args, kwargs)]

    return f


@pytest.mark.parametrize("name", [n for n in INPLACE if PUBLIC[n].differentiable or PUBLIC[n].composite])
def test_gradients_through_the_inplace_form(name: str) -> None:
    checked = 0
    for case, want in pairs(name):
        slots = case.slots()
        if not slots or any(i is not None for _, i in slots) or not (want.is_floating_point() or want.is_complex()):
            continue
        _gradcheck.check(inplace_function(case), case.inputs(), seed=case.number)
        checked += 1
    assert checked or not any(c.slots() for c in cases_of(PUBLIC[name]))


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_form_refuses_leaves_and_wrong_shapes(name: str) -> None:
    for case, _ in pairs(name):
        args, kwargs = case.tensors()
        if not (args[0].is_floating_point() or args[0].is_complex()):
            continue
        leaf = args[0].clone().requires_grad_()
        before = snapshot(leaf)
        with pytest.raises(RuntimeError, match="leaf"):
            inplace(case, leaf, args, kwargs)
        assert snapshot(leaf) == before, str(case)
        if args[0].numel():
            wide = args[0].flatten()[:1].reshape(()).expand(3)
            before = snapshot(wide)
            with pytest.raises(ERRORS):
                inplace(case, wide, args, kwargs)
            assert snapshot(wide) == before, str(case)


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_form_never_casts_down(name: str) -> None:
    """In self of every dtype: what the result type can be cast to works, else self stays as it was."""
    for case, _ in pairs(name):
        if case.number:
            continue
        for dtype in DTYPES.values():
            args, kwargs = case.tensors()
            target = args[0].real.to(dtype) if args[0].is_complex() else args[0].to(dtype)
            before = snapshot(target)
            try:
                want = function(case.op)(target, *args[1:], **kwargs)
            except ERRORS:
                want = None
            fits = want is not None and want.shape == target.shape and torchy.can_cast(want.dtype, dtype)
            if name == "abs" and dtype.is_complex:
                fits = False
            if fits:
                inplace(case, target, args, kwargs)
                assert target.dtype == dtype
                assert problem(target, numeric(want.to(dtype)), 1e-2, 1e-2, dtype=False) is None, f"{case} in {dtype}"
            elif want is not None:
                with pytest.raises(ERRORS):
                    inplace(case, target, args, kwargs)
                assert snapshot(target) == before, f"{case} in {dtype}"


def test_inplace_abs_refuses_complex_tensors() -> None:
    x = torchy.tensor([3 + 4j])
    with pytest.raises(RuntimeError, match="in-place abs is not supported for complex"):
        x.abs_()
    assert x.item() == 3 + 4j and x._version == 0


# ---- out=


def outs_like(results: list[Tensor], make: Any) -> Any:
    outs = tuple(make(t) for t in results)
    return outs[0] if len(outs) == 1 else outs


@pytest.mark.parametrize("name", OUT)
def test_out_is_written_and_returned(name: str) -> None:
    for case in cases_of(PUBLIC[name]):
        args, kwargs = case.tensors()
        want = results_of(case.op, function(case.op)(*args, **kwargs))
        before = snapshot((args, kwargs))
        out = outs_like(want, lambda t: torchy.full(tuple(t.shape), 5, dtype=t.dtype))
        places = [t.data_ptr() for t in tensors_in([out])]
        got = function(case.op)(*args, **kwargs, out=out)
        if name not in UNSET:
            arrays = [numeric(t) for t in want]
            assert problem(tensors_in([out]), arrays, 0, 0, dtype=False) is None, str(case)
        assert all(a is b for a, b in zip(tensors_in([got]), tensors_in([out]), strict=True)), str(case)
        assert [t.data_ptr() for t in tensors_in([out])] == places, str(case)
        assert snapshot((args, kwargs)) == before, str(case)


@pytest.mark.parametrize("name", OUT)
def test_out_is_resized(name: str) -> None:
    for case in cases_of(PUBLIC[name]):
        args, kwargs = case.tensors()
        want = results_of(case.op, function(case.op)(*args, **kwargs))
        out = outs_like(want, lambda t: torchy.empty(0, dtype=t.dtype))
        function(case.op)(*args, **kwargs, out=out)
        assert [t.shape for t in tensors_in([out])] == [t.shape for t in want], str(case)
        if name not in UNSET:
            assert problem(tensors_in([out]), [numeric(t) for t in want], 0, 0, dtype=False) is None, str(case)


@pytest.mark.parametrize("name", OUT)
def test_out_refuses_gradients_and_lossy_casts(name: str) -> None:
    case = cases_of(PUBLIC[name])[0]
    args, kwargs = case.tensors()
    want = results_of(case.op, function(case.op)(*args, **kwargs))
    tried = 0
    if all(t.is_floating_point() or t.is_complex() for t in want):
        out = outs_like(want, lambda t: torchy.zeros(tuple(t.shape), dtype=t.dtype, requires_grad=True))
        before = snapshot([out])
        with pytest.raises(RuntimeError, match="out=.* don't support automatic differentiation"):
            function(case.op)(*args, **kwargs, out=out)
        assert snapshot([out]) == before
        tried += 1
    lower = next((d for d in DTYPES.values() if not torchy.can_cast(want[0].dtype, d)), None)
    if lower is not None and name not in ("arange", "arange_start"):  # whose dtype is that of out
        out = outs_like(want, lambda t: torchy.zeros(tuple(t.shape), dtype=lower))
        before = snapshot([out])
        with pytest.raises(RuntimeError, match="can't be cast"):
            function(case.op)(*args, **kwargs, out=out)
        assert snapshot([out]) == before
        tried += 1
    assert tried or want[0].dtype == torchy.bool


def test_out_refuses_arguments_that_require_gradients() -> None:
    x = torchy.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="one of the arguments requires grad"):
        torchy.exp(x, out=torchy.zeros(3))
    with torchy.no_grad():
        out = torchy.exp(x, out=torchy.zeros(3))
    assert np.allclose(out.numpy(), np.exp(1.0))
