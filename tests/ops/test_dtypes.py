# Every operation in every dtype: the dtype of the result by the rule of the table, halves near float32, else a clear error.

from __future__ import annotations

import numpy as np
import pytest
from _calls import (
    DETERMINISTIC,
    DTYPES,
    ERRORS,
    Case,
    cases_of,
    function,
    mapped,
    numeric,
    results_of,
    snapshot,
    tensors_in,
)

import torchy
from torchy import Tensor

POINTWISE = [n for n, op in DETERMINISTIC.items() if op.pointwise is not None]
HALVES = ("float16", "bfloat16")
# Positions, ranks and raw bits: a tiny change of the input may change them completely.
DISCONTINUOUS = {
    "floor", "ceil", "trunc", "round", "round_decimals", "frac", "sign", "sgn", "eq", "ne", "lt", "le", "gt", "ge",
    "isclose", "floor_divide", "remainder", "fmod", "div_mode", "argmax", "argmin", "argsort", "argsort_stable",
    "view_dtype", "heaviside", "histc", "searchsorted", "searchsorted_Scalar", "bucketize", "bucketize_Scalar",
    "mode", "isin", "nonzero", "as_strided", "angle",
}  # fmt: skip


def cast(case: Case, dtype: torchy.dtype) -> tuple[list[object], dict[str, object]]:
    """The floating arguments in `dtype`; indices and masks as they are."""

    def one(t: Tensor) -> Tensor:
        if not (t.is_floating_point() or t.is_complex()):
            return t
        return (t.abs() if dtype == torchy.uint8 else t).to(dtype)

    return case.tensors(one)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_result_or_a_clear_error(name: str, dtype: str) -> None:
    op = DETERMINISTIC[name]
    for case in cases_of(op):
        if case.complex_run:
            continue
        args, kwargs = cast(case, DTYPES[dtype])
        before = snapshot((args, kwargs))
        try:
            got = results_of(op, function(op)(*args, **kwargs))
        except ERRORS as error:
            assert len(str(error)) > 10, f"{case}: {error!r}"
            continue
        finally:
            assert snapshot((args, kwargs)) == before, f"{case}: changed its inputs"
        for t in tensors_in(got):
            numeric(t)


def rule(promote: str, dtype: torchy.dtype) -> torchy.dtype:
    """The result's dtype where all tensor arguments are of `dtype`."""
    if promote == "float" and not (dtype.is_floating_point or dtype.is_complex):
        return torchy.get_default_dtype()
    return torchy.bool if promote in ("compare", "logical") else dtype


REAL_OF_COMPLEX = ("abs", "angle", "real", "imag")
BOOL_RESULT = ("isnan", "isinf", "isfinite", "signbit", "isclose")


@pytest.mark.parametrize("name", POINTWISE)
def test_pointwise_results_have_the_dtype_of_the_promotion_rule(name: str) -> None:
    op = DETERMINISTIC[name]
    case = next(
        c for c in cases_of(op)
        if all(not p.type.startswith("Operand") or isinstance(a, np.ndarray) for p, a in zip(op.params, c.args, strict=False))
    )  # fmt: skip
    works = 0
    for dtype in DTYPES.values():
        # a mask decides, it does not take part in promotion
        args, kwargs = cast(case, dtype)
        if any(t.dtype != dtype for t in tensors_in((args, kwargs))):
            continue
        args = [a if isinstance(a, Tensor) or p.type not in ("Scalar", "Scalar?", "Operand") or a is None
                else (True if dtype == torchy.bool else 1) for p, a in zip(op.params, args, strict=False)]  # fmt: skip
        kwargs = {k: v if isinstance(v, Tensor) or not isinstance(v, float) else 1 for k, v in kwargs.items()}
        try:
            out = function(op)(*args, **kwargs)
        except ERRORS:
            continue
        want = rule(op.promote or "none", dtype)
        if name in BOOL_RESULT:
            want = torchy.bool
        if name in REAL_OF_COMPLEX and dtype.is_complex:
            want = dtype.to_real()
        assert out.dtype == want, f"{name} of {dtype} gives {out.dtype}, not {want}"
        works += 1
    assert works or all(isinstance(a, np.ndarray) and a.dtype.kind in "bi" for a in case.args)


def in_float32(x: object, half: torchy.dtype) -> object:
    """The tensors of dtype `half`, also those in a list, as float32."""
    return mapped(x, lambda t: t.float() if t.dtype == half else t, Tensor)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", [n for n in DETERMINISTIC if n not in DISCONTINUOUS])
def test_halves_are_close_to_float32(name: str, dtype: str) -> None:
    """Inputs that a half holds exactly, so that only the result is rounded (and sums a little more)."""
    op = DETERMINISTIC[name]
    eps = torchy.finfo(DTYPES[dtype]).eps
    for case in cases_of(op):
        if case.complex_run:
            continue
        half_args, half_kwargs = cast(case, DTYPES[dtype])
        try:
            got = tensors_in(results_of(op, function(op)(*half_args, **half_kwargs)))
        except ERRORS:
            continue
        args = [in_float32(a, DTYPES[dtype]) for a in half_args]
        kwargs = {k: in_float32(v, DTYPES[dtype]) for k, v in half_kwargs.items()}
        want = tensors_in(results_of(op, function(op)(*args, **kwargs)))
        for g, w in zip(got, want, strict=True):
            if g.dtype == DTYPES[dtype]:
                size = float(np.abs(numeric(w)).max(initial=0.0, where=np.isfinite(numeric(w))))
                np.testing.assert_allclose(
                    numeric(g).astype("float64"),
                    numeric(w),
                    rtol=4 * eps,
                    atol=4 * eps * max(size, 1.0),
                    err_msg=str(case),
                )
