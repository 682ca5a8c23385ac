# Every operation on every sample, real and complex, against its NumPy reference, in every form it has.

from __future__ import annotations

import numpy as np
import pytest
from _calls import PUBLIC, Case, cases_of, function, method, numeric, problem, results_of, snapshot, tensors_in

import torchy
from optable.spec import Op

RTOL, ATOL = 1e-9, 1e-11
UNSET = [name for name in PUBLIC if name in ("empty", "empty_like", "new_empty", "empty_strided")]
DRAWN = [name for name, op in PUBLIC.items() if op.family == "random"]
COMPUTED = [name for name in PUBLIC if name not in UNSET and name not in DRAWN]


def fail_if(problems: list[str]) -> None:
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def shapes_and_dtypes(results: list[object]) -> list[tuple[tuple[int, ...], str]]:
    tensors = tensors_in(results)
    if tensors:
        return [(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for t in tensors]
    return [(a.shape, str(a.dtype)) for a in results if isinstance(a, np.ndarray)]


@pytest.mark.parametrize("name", COMPUTED)
def test_every_sample_gives_the_reference(name: str) -> None:
    problems = []
    for case in cases_of(PUBLIC[name]):
        args, kwargs = case.tensors()
        before = snapshot((args, kwargs))
        got = results_of(case.op, function(case.op)(*args, **kwargs))
        if wrong := problem(got, case.wanted(), RTOL, ATOL):
            problems.append(f"{case}: {wrong}")
        if snapshot((args, kwargs)) != before:
            problems.append(f"{case}: changed its inputs")
    fail_if(problems)


@pytest.mark.parametrize("name", UNSET + DRAWN)
def test_shape_and_dtype_are_those_of_the_reference(name: str) -> None:
    for case in cases_of(PUBLIC[name]):
        args, kwargs = case.tensors()
        got = results_of(case.op, function(case.op)(*args, **kwargs))
        assert shapes_and_dtypes(got) == shapes_and_dtypes(case.wanted()), str(case)


def both_forms(op: Op) -> bool:
    return "function" in op.forms and bool(op.forms & {"method", "property", "inplace"}) and op.params[0].is_tensor


def on_a_tensor(case: Case) -> bool:
    """Is the first argument a tensor (of an Operand it may be a number)?"""
    return bool(case.args) and isinstance(case.args[0], np.ndarray)


@pytest.mark.parametrize("name", [n for n, op in PUBLIC.items() if both_forms(op) and n not in UNSET])
def test_methods_and_properties_give_what_the_function_gives(name: str) -> None:
    op = PUBLIC[name]
    compared = 0
    for case in filter(on_a_tensor, cases_of(op)):
        torchy.manual_seed(3)
        args, kwargs = case.tensors()
        want = results_of(op, function(op)(*args, **kwargs))
        torchy.manual_seed(3)
        got = results_of(op, method(op)(*args, **kwargs))
        assert [str(t.dtype) for t in tensors_in(got)] == [str(t.dtype) for t in tensors_in(want)], str(case)
        arrays = [numeric(t) for t in tensors_in(want)]
        assert problem(tensors_in(got), arrays, 0, 0, dtype=False) is None, str(case)
        compared += 1
    assert compared


@pytest.mark.parametrize("name", [n for n, op in PUBLIC.items() if op.aliases])
def test_aliases_are_the_same_operation(name: str) -> None:
    op = PUBLIC[name]
    case = cases_of(op)[0]
    args, kwargs = case.tensors()
    want = [numeric(t) for t in tensors_in(function(op)(*args, **kwargs))]
    for alias in op.aliases:
        if "function" in op.forms:
            got = tensors_in(getattr(torchy._C, alias)(*args, **kwargs))
            assert problem(got, want, 0, 0, dtype=False) is None, alias
        if "method" in op.forms:
            got = tensors_in(getattr(args[0], alias)(*args[1:], **kwargs))
            assert problem(got, want, 0, 0, dtype=False) is None, alias
