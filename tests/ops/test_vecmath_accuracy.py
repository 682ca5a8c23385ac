"""Accuracy of the vectorised maths: errors in ulp over each function's range, and special values.

The bounds are the ones stated in csrc/kernels/vecmath*.h. Layer: tests; gradients and shapes are
tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath
import numpy as np
import pytest

import torchy
import torchy.nn.functional as F

INF, NAN = float("inf"), float("nan")
DTYPES = {"float32": np.float32, "float64": np.float64}
Array = np.ndarray

needs_long_double = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="long double is no wider than double here"
)


@dataclass(frozen=True)
class Case:
    """One function: its range, its error bounds for float32 and float64, and its reference."""

    name: str
    low: float
    high: float
    bound32: float
    bound64: float
    long_double: Callable[[Array], Array] | None = None
    exact: Callable[[mpmath.mpf], mpmath.mpf] | None = None
    floor32: float = 0.0  # float32 errors below this count as none

    def floor(self, dtype: str) -> float:
        return self.floor32 if dtype == "float32" else 0.0

    def bound(self, dtype: str) -> float:
        return self.bound32 if dtype == "float32" else self.bound64

    def function(self) -> Callable:
        if self.name == "gelu_tanh":
            return lambda x: F.gelu(x, approximate="tanh")
        return getattr(torchy, self.name, None) or getattr(F, self.name)


def logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def exact_gelu_tanh(x: mpmath.mpf) -> mpmath.mpf:
    inner = mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf(44715) / 10**6 * x**3)
    return x / (1 + mpmath.exp(-2 * inner))


def exact_sinc(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.sinpi(x) / (mpmath.pi * x) if x else mpmath.mpf(1)


CASES = [
    Case("exp", -INF, INF, 1.0, 1.0, np.exp),
    Case("exp2", -INF, INF, 1.1, 1.15, np.exp2),
    Case("expm1", -INF, INF, 1.5, 1.5, np.expm1),
    Case("log", 0, INF, 0.9, 0.85, np.log),
    Case("log2", 0, INF, 1.3, 1.2, np.log2),
    Case("log10", 0, INF, 1.25, 1.1, np.log10),
    Case("log1p", -1, INF, 0.95, 0.85, np.log1p),
    Case("sigmoid", -INF, INF, 2.3, 2.3, logistic),
    Case("silu", -1e30, 1e30, 3.3, 3.1, lambda x: x * logistic(x), floor32=1.2e-38),
    Case("tanh", -INF, INF, 1.35, 1.35, np.tanh),
    Case("sinh", -INF, INF, 1.65, 1.6, np.sinh),
    Case("cosh", -INF, INF, 1.45, 1.4, np.cosh),
    Case("asinh", -INF, INF, 0.51, 1.6, np.arcsinh),
    Case("acosh", 1, INF, 0.51, 1.9, np.arccosh),
    Case("atanh", -1, 1, 2.0, 1.6, np.arctanh),
    Case("sin", -INF, INF, 1.05, 1.0, np.sin),
    Case("cos", -INF, INF, 1.05, 1.0, np.cos),
    Case("tan", -INF, INF, 2.7, 2.5, np.tan),
    Case("asin", -1, 1, 1.9, 2.1, np.arcsin),
    Case("acos", -1, 1, 1.15, 1.15, np.arccos),
    Case("atan", -INF, INF, 1.6, 1.7, np.arctan),
    Case("rsqrt", 0, INF, 1.5, 1.5, lambda x: 1 / np.sqrt(x)),
    Case("erf", -INF, INF, 1.45, 1.45, exact=mpmath.erf),
    Case("erfc", -INF, INF, 0.6, 3.7, exact=mpmath.erfc),
    # The float32 kernel gives up relative accuracy below 0 for speed; its error stays that small.
    Case("gelu", -1e30, 1e30, 4.5, 4.5, exact=lambda x: x * mpmath.ncdf(x), floor32=1.5e-7),
    Case("gelu_tanh", -1e30, 1e30, 0.6, 3.0, exact=exact_gelu_tanh),
    Case("erfinv", -1, 1, 3.2, 2.5, exact=mpmath.erfinv),
    Case("sinc", -1e5, 1e5, 3.3, 3.3, exact=exact_sinc),
    Case("lgamma", 0, 1e30, 0.51, 5.0, exact=mpmath.loggamma),
]


def from_bits(count: int, dtype: str, rng: np.random.Generator) -> Array:
    """Values of every magnitude and sign, denormals included: random bits."""
    unsigned = np.uint32 if dtype == "float32" else np.uint64
    bits = rng.integers(0, np.iinfo(unsigned).max, count, dtype=unsigned, endpoint=True)
    return bits.view(DTYPES[dtype])


def inputs(case: Case, dtype: str, count: int) -> Array:
    rng = np.random.default_rng(7)
    parts = [from_bits(count, dtype, rng)]
    for width in (1.5, 10.0, 100.0, 800.0):
        low, high = max(case.low, -width), min(case.high, width)
        parts.append(rng.uniform(low, high, count).astype(DTYPES[dtype]))
    x = np.concatenate(parts)
    return x[(x >= case.low) & (x <= case.high) & np.isfinite(x)]


def errors_in_ulp(got: Array, reference: Array) -> Array:
    """|got - reference| in units of the spacing of got's dtype at the reference.

    An infinity counts as the value just above the largest finite one; results that are both zero
    must agree in sign.
    """
    info = np.finfo(got.dtype)
    limit = np.longdouble(2) ** info.maxexp
    wide = np.clip(got.astype(np.longdouble), -limit, limit)
    clipped = np.clip(reference, -limit, limit)
    with np.errstate(over="ignore", divide="ignore", under="ignore"):
        exponent = np.frexp(np.abs(clipped))[1] - 1
    exponent = np.clip(np.where(clipped == 0, info.minexp, exponent), info.minexp, info.maxexp - 1)
    spacing = np.ldexp(np.longdouble(1), exponent - info.nmant)
    errors = (np.abs(wide - clipped) / spacing).astype(np.float64)
    errors[(got == 0) & (np.signbit(got) != np.signbit(reference))] = INF
    return errors


def apply(function: Callable, x: Array) -> Array:
    result = function(torchy.from_numpy(x)).numpy()
    assert result.dtype == x.dtype
    return result


def assert_within(case: Case, x: Array, reference: Array, dtype: str) -> None:
    got = apply(case.function(), x)
    assert not np.isnan(got).any(), f"{case.name}({x[np.isnan(got)][0]!r}) is NaN"
    errors = errors_in_ulp(got, reference)
    with np.errstate(invalid="ignore"):
        small = np.abs(got.astype(np.longdouble) - reference) <= case.floor(dtype)
    errors[small] = 0
    worst = int(np.argmax(errors))
    assert errors[worst] <= case.bound(dtype), (
        f"{case.name}({x[worst]!r}) = {got[worst]!r}: {errors[worst]:.3f} ulp "
        f"from {reference[worst]!r}; allowed {case.bound(dtype)}"
    )


def long_double_of(value: mpmath.mpf) -> np.longdouble:
    """value rounded to long double by way of three doubles, which hold more bits than it."""
    total, rest = np.longdouble(0), value
    for _ in range(3):
        part = float(rest)
        if not np.isfinite(part):
            return np.longdouble(part)
        total, rest = total + np.longdouble(part), rest - part
    return total


@needs_long_double
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [c for c in CASES if c.long_double], ids=lambda c: c.name)
def test_error_within_bound_of_long_double(case: Case, dtype: str) -> None:
    x = inputs(case, dtype, 20_001)
    assert case.long_double is not None
    with np.errstate(all="ignore"):
        reference = case.long_double(x.astype(np.longdouble))
    assert_within(case, x, reference, dtype)


@needs_long_double
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [c for c in CASES if c.exact], ids=lambda c: c.name)
def test_error_within_bound_of_mpmath(case: Case, dtype: str) -> None:
    x = inputs(case, dtype, 400)
    assert case.exact is not None
    reference = np.empty(len(x), np.longdouble)
    for i, value in enumerate(x.tolist()):
        # Far out the results are 0 or the argument itself; mpmath is slow there, not wrong.
        far = abs(value) > 1e4 and case.name in ("erf", "erfc", "gelu", "gelu_tanh")
        if far:
            limits = {"erf": np.sign(value), "erfc": 2.0 if value < 0 else 0.0}
            reference[i] = limits.get(case.name, value if value > 0 else -0.0)
            continue
        with mpmath.workdps(60):
            reference[i] = long_double_of(case.exact(mpmath.mpf(value)))
        if value == 0 and case.name != "lgamma":
            reference[i] = np.copysign(reference[i], value)
        if reference[i] == 0 and value < 0:
            reference[i] = -np.abs(reference[i])
    assert_within(case, x, reference, dtype)


@needs_long_double
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_large_arguments_and_multiples_of_half_pi(name: str, dtype: str) -> None:
    case = next(c for c in CASES if c.name == name)
    rng = np.random.default_rng(3)
    near = (np.arange(1, 6000, dtype=np.longdouble) * (np.longdouble(np.pi) / 2)).astype(dtype)
    large = np.exp(rng.uniform(np.log(1e4), np.log(3e38), 3000)).astype(dtype)
    middle = rng.uniform(1e4, 4e6, 3000).astype(dtype)
    for x in (near, large, middle, np.concatenate([near[:100], large[:5], -middle[:100]])):
        reference = case.long_double(x.astype(np.longdouble))  # type: ignore[misc]
        assert_within(case, x, reference, dtype)


@needs_long_double
@pytest.mark.parametrize("dtype", DTYPES)
def test_pow_within_bound(dtype: str) -> None:
    rng = np.random.default_rng(5)
    base = np.abs(from_bits(20_001, dtype, rng))
    base = base[np.isfinite(base) & (base > 0)]
    log2_base = np.abs(np.log2(base.astype(np.longdouble)))
    widest = 150 if dtype == "float32" else 1080
    exponent = (rng.uniform(-widest, widest, len(base)) / np.maximum(log2_base, 1e-6)).astype(dtype)
    with np.errstate(all="ignore"):
        reference = np.power(base.astype(np.longdouble), exponent.astype(np.longdouble))
    got = torchy.pow(torchy.from_numpy(base), torchy.from_numpy(exponent)).numpy()
    errors = errors_in_ulp(got, reference)
    worst = int(np.argmax(errors))
    allowed = 0.54 if dtype == "float32" else 1.25
    assert errors[worst] <= allowed, (base[worst], exponent[worst], got[worst], errors[worst])


def same(got: float, expected: float) -> bool:
    if np.isnan(expected):
        return bool(np.isnan(got))
    return got == expected and np.signbit(got) == np.signbit(expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pow_special_values(dtype: str) -> None:
    info = np.finfo(dtype)
    odd = float(2**info.nmant + 1)
    tiny = float(info.smallest_subnormal)
    values = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, INF, float(info.max), tiny, odd, 2 * odd]
    values = values + [-v for v in values] + [NAN]
    pairs = [(a, b) for a in values for b in values]
    base = np.array([a for a, _ in pairs], dtype)
    exponent = np.array([b for _, b in pairs], dtype)
    with np.errstate(all="ignore"):
        expected = np.power(base.astype(np.longdouble), exponent.astype(np.longdouble))
        expected = expected.astype(dtype)
    got = torchy.pow(torchy.from_numpy(base), torchy.from_numpy(exponent)).numpy()
    wrong = [
        (pair, g, e)
        for pair, g, e in zip(pairs, got, expected, strict=True)
        if not (same(g, e) or (np.isfinite(e) and e != 0 and abs(g / e - 1) < 2 * info.eps))
    ]
    assert not wrong, wrong[:5]


SPECIAL: dict[str, list[tuple[float, float]]] = {
    "exp": [(-INF, 0.0), (INF, INF), (0.0, 1.0), (-0.0, 1.0), (-1e30, 0.0), (1e30, INF)],
    "exp2": [(-INF, 0.0), (INF, INF), (0.0, 1.0), (10.0, 1024.0), (-126.0, 2.0**-126)],
    "expm1": [(-INF, -1.0), (INF, INF), (0.0, 0.0), (-0.0, -0.0), (-1e30, -1.0)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-1.0, NAN), (-INF, NAN)],
    "log2": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (8.0, 3.0), (INF, INF), (-1.0, NAN)],
    "log10": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-INF, NAN)],
    "log1p": [(-1.0, -INF), (0.0, 0.0), (-0.0, -0.0), (INF, INF), (-2.0, NAN), (-INF, NAN)],
    "sigmoid": [(-INF, 0.0), (INF, 1.0), (0.0, 0.5), (-0.0, 0.5)],
    "tanh": [(-INF, -1.0), (INF, 1.0), (0.0, 0.0), (-0.0, -0.0)],
    "sinh": [(-INF, -INF), (INF, INF), (0.0, 0.0), (-0.0, -0.0)],
    "cosh": [(-INF, INF), (INF, INF), (0.0, 1.0)],
    "asinh": [(-INF, -INF), (INF, INF), (0.0, 0.0), (-0.0, -0.0)],
    "acosh": [(1.0, 0.0), (INF, INF), (0.5, NAN), (-INF, NAN)],
    "atanh": [(1.0, INF), (-1.0, -INF), (0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-INF, NAN)],
    "sin": [(INF, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "cos": [(INF, NAN), (-INF, NAN), (0.0, 1.0), (-0.0, 1.0)],
    "tan": [(INF, NAN), (-INF, NAN), (0.0, 0.0), (-0.0, -0.0)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-INF, NAN)],
    "acos": [(1.0, 0.0), (1.5, NAN), (INF, NAN)],
    "atan": [(0.0, 0.0), (-0.0, -0.0)],
    "erf": [(-INF, -1.0), (INF, 1.0), (0.0, 0.0), (-0.0, -0.0)],
    "erfc": [(-INF, 2.0), (INF, 0.0), (0.0, 1.0), (-0.0, 1.0)],
    "erfinv": [(1.0, INF), (-1.0, -INF), (0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (INF, NAN)],
    "rsqrt": [(0.0, INF), (INF, 0.0), (4.0, 0.5), (-1.0, NAN)],
    "lgamma": [
        (1.0, 0.0),
        (2.0, 0.0),
        (0.0, INF),
        (-0.0, INF),
        (-3.0, INF),
        (INF, INF),
        (-INF, INF),
    ],
    "digamma": [(0.0, -INF), (-0.0, INF), (-3.0, NAN), (INF, INF), (-INF, NAN)],
    "sinc": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN)],
    "silu": [(INF, INF), (0.0, 0.0), (-0.0, -0.0)],
    "gelu": [(0.0, 0.0), (-0.0, -0.0), (1e30, 1e30)],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name: str, dtype: str) -> None:
    function = getattr(torchy, name, None) or getattr(F, name)
    for value, expected in [*SPECIAL[name], (NAN, NAN)]:
        for length in (1, 67):  # the remainder of the loop, and whole vectors
            x = np.full(length, value, dtype)
            got = apply(function, x)
            wanted = float(np.array(expected, dtype))
            assert all(same(g, wanted) for g in got), (name, value, got[0], expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_atan2_special_values(dtype: str) -> None:
    values = [0.0, 1.0, INF, -0.0, -1.0, -INF, NAN]
    pairs = [(a, b) for a in values for b in values]
    y, x = (np.array(column, dtype) for column in zip(*pairs, strict=True))
    expected = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    got = torchy.atan2(torchy.from_numpy(y), torchy.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, expected, rtol=2 * np.finfo(dtype).eps, equal_nan=True)
    known = ~np.isnan(expected)
    assert (np.signbit(got) == np.signbit(expected))[known].all()


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh", "sinh", "asinh", "atanh", "sin", "asin"])
def test_denormals_give_themselves(name: str) -> None:
    for dtype in DTYPES:
        x = np.finfo(dtype).smallest_subnormal * np.arange(-40, 41).astype(dtype)
        np.testing.assert_array_equal(apply(getattr(torchy, name), x), x)


def test_digamma_absolute_error_is_small() -> None:
    x = np.concatenate([np.linspace(-6.45, 30.3, 400), np.geomspace(1e-8, 1e8, 100)])
    with mpmath.workdps(40):
        expected = np.array([float(mpmath.digamma(mpmath.mpf(v))) for v in x.tolist()])
        terms = np.array([float(mpmath.digamma(mpmath.mpf(abs(v) + 1))) for v in x.tolist()])
    allowed = 2e-15 * np.maximum(1, np.maximum(np.abs(expected), np.abs(terms)))
    assert (np.abs(apply(torchy.digamma, x) - expected) <= allowed).all()


def test_logaddexp_error_is_that_of_the_larger_argument() -> None:
    rng = np.random.default_rng(11)
    x, y = rng.normal(0, 30, 5001), rng.normal(0, 30, 5001)
    expected = np.logaddexp(x.astype(np.longdouble), y.astype(np.longdouble))
    got = torchy.logaddexp(torchy.from_numpy(x), torchy.from_numpy(y)).numpy()
    assert (np.abs(got - expected) <= 4e-16 * np.maximum(1, np.maximum(np.abs(x), np.abs(y)))).all()


def test_logaddexp_special_values() -> None:
    cases = [
        (INF, INF, INF),
        (-INF, -INF, -INF),
        (INF, -INF, INF),
        (NAN, 1.0, NAN),
        (1.0, NAN, NAN),
    ]
    x, y, expected = (np.array(column) for column in zip(*cases, strict=True))
    got = torchy.logaddexp(torchy.from_numpy(x), torchy.from_numpy(y)).numpy()
    np.testing.assert_array_equal(got, expected)
