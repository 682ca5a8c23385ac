# nan, infinities, signed zeros, denormals and the ends of the integers, against the references.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from _calls import DETERMINISTIC, ERRORS, Case, cases_of, function, language, numeric, results_of, tensors_in

from optable.spec import Op

NAN, INF = float("nan"), float("inf")
SPECIAL = np.array(
    [NAN, INF, -INF, 0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1.7e308, -1.7e308, 1.0, -1.0, 0.5, -2.5, 40.0]
)
HUGE = (1.7e308, -1.7e308)
# Values at which the reference, plain NumPy or math, answers otherwise than PyTorch and torchy do.
OTHERWISE = {
    "lgamma": (INF, -INF, *HUGE),  # math.lgamma raises there
    "digamma": (INF, -INF, *HUGE, 0.0, -0.0, -5e-324),  # finite at 0 in the reference
    "sinc": HUGE,  # pi * x overflows in the reference
    "silu": (-INF,),  # -inf * 0 in the reference; torchy has the limit, -0
    "hardswish": HUGE,  # x * (x + 3) overflows in the reference
    "hardshrink": (NAN,),  # a nan stays a nan
    "heaviside": (NAN,),  # heaviside(nan, y) is 0 in PyTorch, nan in NumPy
    "add_alpha": HUGE,  # alpha * other overflows in the reference; the kernel rounds once
    "sub_alpha": HUGE,
}
# The reference loses the sign of a zero.
UNSIGNED = {"erfinv", "relu", "elu", "remainder", "sinc", "logaddexp2"}
# What is exactly 0 comes out as the rounding of pi or of a logarithm: sinc(1), logaddexp2(-1, -1).
ATOL = {"sinc": 1e-16, "logaddexp2": 1e-15}


def unary(op: Op) -> bool:
    return op.pointwise is not None and [p.type for p in op.params if p.is_tensor] == ["Tensor"]


def binary(op: Op) -> bool:
    tensors = [p.type for p in op.params if p.is_tensor]
    return op.pointwise is not None and len(tensors) == 2 and set(tensors) <= {"Tensor", "Operand"}


def on(case: Case, make: Callable[[int, np.ndarray], np.ndarray], take: set[str]) -> Case:
    """The case with other arrays in its tensor arguments."""
    tensors = [p.name for p in case.op.params if p.is_tensor]
    args = [
        make(tensors.index(p.name), a) if p.name in tensors and p.type in take else a
        for p, a in zip(case.op.params, case.args, strict=False)
    ]
    return Case(case.op, case.number, False, args, case.kwargs)


def special(name: str) -> np.ndarray:
    left_out = np.array(OTHERWISE.get(name, ()), float)
    return SPECIAL[[not np.isin(x, left_out) and not (np.isnan(x) and np.isnan(left_out).any()) for x in SPECIAL]]


def compare(case: Case, signs: bool = True, atol: float = 1e-300) -> str | None:
    """What is wrong; None if all is as the reference has it: nan where it has nan, the signs of zeros too."""
    args, kwargs = case.tensors()
    got = results_of(case.op, function(case.op)(*args, **kwargs))
    want = [a for a in flat_arrays(case.wanted())]
    for g, w in zip(tensors_in(got), want, strict=True):
        x = numeric(g)
        if x.shape != w.shape:
            return f"shape {x.shape} instead of {w.shape}"
        with np.errstate(all="ignore"):
            near = np.isclose(x, w, 1e-9, atol, equal_nan=True) if w.dtype.kind in "fc" else x == w
            if signs and w.dtype.kind == "f":
                near &= (np.signbit(x) == np.signbit(w)) | np.isnan(w) | (w != 0)
        if not np.all(near):
            return f"{x[~near][:6]} instead of {w[~near][:6]} at {np.argwhere(~near)[:6].tolist()}"
    return None


def flat_arrays(x: Any) -> list[np.ndarray]:
    if isinstance(x, (list, tuple)):
        return [a for v in x for a in flat_arrays(v)]
    return [np.asarray(language.unwrapped(x))]


@pytest.mark.parametrize("name", [n for n, op in DETERMINISTIC.items() if unary(op)])
def test_functions_of_one_number(name: str) -> None:
    op = DETERMINISTIC[name]
    case = on(cases_of(op)[0], lambda _, a: special(name).astype(a.dtype) if a.dtype.kind == "f" else a, {"Tensor"})
    wrong = compare(case, signs=name not in UNSIGNED, atol=ATOL.get(name, 1e-300))
    assert wrong is None, f"{case}: {wrong}"


@pytest.mark.parametrize("name", [n for n, op in DETERMINISTIC.items() if binary(op)])
def test_functions_of_two_numbers(name: str) -> None:
    op = DETERMINISTIC[name]
    base = next(c for c in cases_of(op) if sum(isinstance(a, np.ndarray) for a in c.args) == 2)
    if any(a.dtype.kind != "f" for a in base.args if isinstance(a, np.ndarray)):
        pytest.skip("takes no floating numbers in its first sample")
    case = on(base, lambda i, a: special(name)[:, None] if i == 0 else special(name)[None, :], {"Tensor", "Operand"})
    wrong = compare(case, signs=name not in UNSIGNED, atol=ATOL.get(name, 1e-300))
    assert wrong is None, f"{case}: {wrong}"


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("name", [n for n, op in DETERMINISTIC.items() if unary(op) or binary(op)])
def test_ends_of_the_integers(name: str, dtype: str) -> None:
    """Wrapping around is what NumPy does as well; what refuses integers does so without a crash."""
    op = DETERMINISTIC[name]
    info = np.iinfo(dtype)
    if name == "threshold" and dtype == "int64":
        pytest.skip("the reference goes through float64")
    ends = np.array([info.min, info.max, 0, 1, 2, info.max - 1, info.min + 1], dtype)
    base = next(c for c in cases_of(op) if all(isinstance(a, np.ndarray) for a in c.args[: 2 if binary(op) else 1]))
    shapes = [(slice(None), None), (None, slice(None))] if binary(op) else [(slice(None),)]
    second = ends[(ends > 0) & (ends < 8)]  # no division by zero, no shift beyond the width
    case = on(base, lambda i, a: (ends if i == 0 else second)[shapes[i]], {"Tensor", "Operand"})
    args, kwargs = case.tensors()
    try:
        got = tensors_in(results_of(op, function(op)(*args, **kwargs)))
    except ERRORS:
        return
    try:
        want = flat_arrays(case.wanted())
    except Exception:
        return  # the reference is written for floating numbers only
    for g, w in zip(got, want, strict=True):
        x = numeric(g)
        if x.dtype.kind in "iub" and w.dtype.kind in "iub":
            assert x.dtype == w.dtype and np.array_equal(x, w), f"{case}: {x.tolist()} instead of {w.tolist()}"


REDUCED = [
    "sum", "sum_dim", "mean", "mean_dim", "nansum", "nanmean", "prod", "prod_dim", "any", "all", "max", "max_dim", "min",
    "min_dim", "amax", "amin", "argmax", "argmin", "aminmax", "cumsum", "cumprod", "cummax", "cummin", "sort", "argsort",
    "logsumexp", "softmax", "log_softmax", "median", "nanmedian", "count_nonzero", "var", "std", "logcumsumexp", "msort",
]  # fmt: skip
ROWS = {
    "nan first": [NAN, 1.0, 2.0, -3.0], "nan last": [1.0, 2.0, -3.0, NAN], "inf": [1.0, INF, 2.0, 0.5],
    "-inf": [1.0, -INF, 2.0, 0.5], "only -inf": [-INF] * 4, "only inf": [INF] * 4, "both": [INF, -INF, 1.0, 2.0],
    "zeros": [0.0, -0.0, 0.0, -0.0], "denormal": [5e-324, -5e-324, 2e-310, 0.0], "nan and inf": [INF, NAN, -INF, 0.0],
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", REDUCED)
def test_reductions_of_rows_with_special_numbers(name: str, row: str) -> None:
    op = DETERMINISTIC[name]
    for case in cases_of(op):
        if (
            case.complex_run
            or not isinstance(case.args[0], np.ndarray)
            or case.args[0].ndim == 0
            or not case.args[0].size
        ):
            continue
        if case.args[0].dtype.kind != "f":
            continue
        if name == "log_softmax" and INF in ROWS[row]:
            continue  # nan as PyTorch has it, where the reference has -inf; the next test says so
        wrong = compare(on(case, lambda _, a: np.resize(np.array(ROWS[row]), a.shape), {"Tensor"}), signs=False)
        assert wrong is None, f"{case} on {row}: {wrong}"


def test_log_softmax_of_a_row_with_infinity_is_nan() -> None:
    import torchy

    assert np.isnan(torchy.log_softmax(torchy.tensor([1.0, INF, 2.0]), 0).numpy()).all()
