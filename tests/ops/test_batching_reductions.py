"""Batching rules of reductions, scans and searches: every dim, shape and kind of dtype, and errors of dims."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from _batches import batched_call, difference, in_order, outcome, slots_of
from _calls import DTYPES, TABLE

import torchy
from torchy.func._batching import _reduce, _rules, _scan  # noqa: F401  the second fills the register
from torchy.func._batching._registry import RULES, Call

REDUCTIONS = [*_reduce.OVER_DIMS, *_reduce.OVER_DIM, *_reduce.OVER_DIM_OR_ALL, *_reduce.OVER_ALL, *_scan.OVER_DIM]
ROWS = [*_reduce.ALONG, *_scan.ALONG, "median", "nanmedian", "topk"]


@pytest.mark.parametrize("name", [*REDUCTIONS, *ROWS])
def test_every_dim_of_every_shape_and_dtype(name: str) -> None:
    op, problems, agreed = TABLE[name], [], 0
    choices: dict[str, list[Any]] = {"keepdim": [False, True], "k": [1, 0], "value": [0.5], "stable": [True]}
    for shape in ((), (3,), (2, 3), (2, 1, 3), (0,), (0, 3), (3, 0)):
        dims = list(range(-len(shape) - 1, len(shape) + 1))
        kind = next((p.type for p in op.params if p.name == "dim"), "int")
        choices["dim"] = dims if kind == "int" else [None, *dims]
        if "[]" in kind:
            choices["dim"] = [None, [], *([d] for d in dims), list(range(len(shape))), [0, -1]]
        for dtype in ("float32", "int64", "bool", "complex64"):
            x = torchy.arange(-2, math.prod(shape) - 2).reshape(shape).to(DTYPES[dtype])
            options = [[x] if p.is_tensor else choices.get(p.name, [p.default]) for p in op.params]
            for args in itertools.product(*options):
                call = batched_call(op, args, slots_of(args), 2)
                # Of two mistakes, a dtype and a dim, either may be reported.
                text = difference(call, which_error=dtype == "float32")
                problems += [text] if text else []
                agreed += not isinstance(outcome(RULES[name], call), Exception)
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems[:8])
    assert agreed >= 12


@pytest.mark.parametrize("name", ["sum_dim", "amax", "var_correction", "any_dims", "logsumexp"])
def test_dims_are_the_examples_own(name: str) -> None:
    op, x = TABLE[name], torchy.ones(4, 2, 3)
    for dim in ([-3], [2], [0, -2], [0, 0]):
        call = Call(name, 4, in_order(op, [x, dim], {}), [True, *[False] * (len(op.params) - 1)])
        text = difference(call)
        assert not text, text
        assert isinstance(outcome(RULES[name], call), (IndexError, RuntimeError))


def test_dim_out_of_range_names_the_examples_range() -> None:
    with pytest.raises(IndexError, match=r"expected to be in range of \[-2, 1\], but got -3"):
        RULES["cumsum"](Call("cumsum", 4, [torchy.ones(4, 2, 3), -3, None], [True, False, False]))
    with pytest.raises(RuntimeError, match=r"^sum: dim -2 appears multiple times in the list of dims \(0, -2\)"):
        RULES["sum_dim"](Call("sum_dim", 4, [torchy.ones(4, 2, 3), [0, -2], False, None], [True, False, False, False]))


def test_dim_may_be_a_number_where_a_list_is_asked_for() -> None:
    x = torchy.arange(6.0).reshape(3, 2)
    assert RULES["sum_dim"](Call("sum_dim", 3, [x, 0, False, None], [True, False, False, False])).tolist() == [1, 5, 9]


@pytest.mark.parametrize("number", [0.1, 2, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_number_is_searched_for_in_its_full_precision(number: float, dtype: str) -> None:
    edges = torchy.tensor([0.1, 1, 2], dtype=torchy.float64).to(DTYPES[dtype])
    for name, args, i in (
        ("searchsorted_Scalar", [edges, number, False, True, None, None], 0),
        ("bucketize_Scalar", [number, edges, False, False], 1),
    ):
        call = batched_call(TABLE[name], args, [(i, None)], 2)
        assert not (text := difference(call)), text
