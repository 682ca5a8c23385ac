"""Comparisons, logic, bits, and choices between elements. Layer: optable. Imported by pointwise.py."""

from __future__ import annotations

from optable.samples import arr, call, idx, mask
from optable.spec import ELEMENTWISE, NONDIFF, op

PAIRS = [
    call(arr(2, 3), arr(2, 3)), call(idx([[1, 2, 3], [4, 5, 6]]), idx([1, 5, 3])), call(arr(2, 1), arr(1, 3)),
    call(arr(), arr(3)), call(arr(0, 3), arr(3)), call(arr(2, 3), 0.5), call(idx([1, 2, 3]), 2),
]  # fmt: skip
BITS = [call(idx([5, 12, -7]), idx([3, 10, 6])), call(idx([[5], [12]]), idx([3, 10])), call(idx([5, 12]), 6),
        call(mask([True, True, False]), mask([True, False, False]))]
NANS = arr(3, values=(float("nan"), 1.5, float("nan")), grad=False)
M23 = mask([[True, False, True], [False, False, True]])
M3 = mask([True, False, True])


def mismatch(name: str):
    """Two shapes that do not broadcast."""
    return (call(arr(2, 3), arr(4)), "RuntimeError", f"{name}: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1")


# ---- comparisons

for _name, _sign, _dunder, _alias, _ref in (
    ("eq", "==", "__eq__", (), "equal"), ("ne", "!=", "__ne__", ("not_equal",), "not_equal"),
    ("lt", "<", "__lt__", ("less",), "less"), ("le", "<=", "__le__", ("less_equal",), "less_equal"),
    ("gt", ">", "__gt__", ("greater",), "greater"), ("ge", ">=", "__ge__", ("greater_equal",), "greater_equal"),
):  # fmt: skip
    op(f"{_name}(Operand self, Operand other) -> Tensor",
       doc=f"``self {_sign} other``, element by element, as bool."
           + ("" if _name in ("eq", "ne") else " Complex numbers have no order: RuntimeError."),
       forms=f"function method inplace out {_dunder}", aliases=_alias,
       pointwise=_name, promote="compare", vjp=NONDIFF, ref=f"numpy.{_ref}", sign=_sign,
       samples=PAIRS, errors=[mismatch(_name)])

op("isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
   doc="``abs(self - other) <= atol + rtol * abs(other)``; both of one dtype.",
   kernel="isclose", vjp=NONDIFF, ref="numpy.isclose",
   samples=[call(arr(2, 3), arr(2, 3)), call(arr(3, values=(1.0, 2.0, 3.0)), arr(3, values=(1.0, 2.1, 3.00001)), rtol=1e-3),
            call(arr(3), arr(3), atol=1.5), call(idx([10, 20]), idx([11, 30]), atol=1.5)],
   errors=[mismatch("isclose"), (call(arr(2), arr(2), rtol=-1.0), "RuntimeError", "rtol"),
           (call(arr(2, dtype="float32"), arr(2, dtype="float64")), "RuntimeError", "dtype")])

for _name, _doc in (("isnan", "Is it NaN (in either part)?"), ("isinf", "Is it infinite (in either part)?"),
                    ("isfinite", "Is it neither infinite nor NaN?"), ("signbit", "Is its sign bit set?")):
    op(f"{_name}(Tensor self) -> Tensor", doc=_doc,
       forms="function out" if _name == "signbit" else "function method",
       pointwise=_name, promote="logical", vjp=NONDIFF, ref=f"numpy.{_name}",
       samples=[call(arr(2, 3)), call(arr()), call(arr(4, values=(1.0, float("nan"), float("-inf"), -0.0))),
                call(idx([1, 0]), _complex=False)])

# ---- logic and bits

for _name in ("logical_and", "logical_or", "logical_xor"):
    op(f"{_name}(Operand self, Operand other) -> Tensor",
       doc=f"Logical {_name[8:]}; every number but 0 counts as true. The result is bool.",
       forms="function method inplace out",
       pointwise=_name, promote="logical", vjp=NONDIFF, ref=f"numpy.{_name}",
       samples=[call(idx([0, 2, 0]), idx([0, 1, 5])), call(arr(2, 3), M23), call(M3, M3), call(mask(True), M3)],
       errors=[mismatch(_name)])

op("logical_not(Tensor self) -> Tensor",
   doc="True where self is 0 or False.",
   forms="function method inplace out",
   pointwise="logical_not", promote="logical", vjp=NONDIFF, ref="numpy.logical_not",
   samples=[call(idx([0, 2])), call(M23), call(arr(2))])

for _name, _sign, _dunders in (
    ("bitwise_and", "&", "__and__ __rand__ __iand__"), ("bitwise_or", "|", "__or__ __ror__ __ior__"),
    ("bitwise_xor", "^", "__xor__ __rxor__ __ixor__"),
):  # fmt: skip
    op(f"{_name}(Operand self, Operand other) -> Tensor",
       doc=f"``self {_sign} other`` on the bits of integers, or on bool.",
       forms=f"function method inplace out {_dunders}",
       pointwise=_name, promote="bitwise", vjp=NONDIFF, ref=f"numpy.{_name}", sign=_sign, samples=BITS,
       errors=[(call(idx([1, 2]), idx([1, 2, 3])), "RuntimeError", "do not broadcast"),
               (call(arr(2), arr(2)), "RuntimeError", f"{_name}: not implemented for dtype float")])

op("bitwise_not(Tensor self) -> Tensor",
   doc="The bits of integers inverted; the logical not of bool.",
   forms="function method inplace out __invert__",
   pointwise="bitwise_not", promote="bitwise", vjp=NONDIFF, ref="numpy.invert", sign="~",
   samples=[call(idx([5, -1])), call(M23)],
   errors=[(call(arr(2)), "NotImplementedError", "bitwise_not: not implemented for dtype float")])

for _name, _sign, _dunders, _ref in (
    ("bitwise_left_shift", "<<", "__lshift__ __rlshift__ __ilshift__", "left_shift"),
    ("bitwise_right_shift", ">>", "__rshift__ __rrshift__ __irshift__", "right_shift"),
):  # fmt: skip
    op(f"{_name}(Operand self, Operand other) -> Tensor",
       doc=f"``self {_sign} other`` for integers; counts below 0 or past the width shift every bit out.",
       forms=f"function method inplace out {_dunders}",
       pointwise=_name, promote="bitwise", vjp=NONDIFF, ref=f"numpy.{_ref}", sign=_sign,
       samples=[call(idx([5, 12, -7]), idx([1, 0, 2])), call(idx([5, 12]), 1)],
       errors=[(call(arr(2), arr(2)), "RuntimeError", f"{_name}: not implemented for dtype float")])

# ---- the larger and the smaller; NaN wins in maximum, minimum and clamp, and loses in fmax and fmin

op("maximum(Tensor self, Tensor other) -> Tensor",
   doc="The larger of the two; NaN if either is. Ties share the gradient equally.",
   forms="function method out",
   pointwise="maximum", promote="arithmetic",
   vjp={"self": "where(eq(self, other), grad / 2, where(lt(self, other), 0, grad))",
        "other": "where(eq(self, other), grad / 2, where(gt(self, other), 0, grad))"},
   jvp=ELEMENTWISE, ref="numpy.maximum",
   samples=[call(arr(2, 3, distinct=True), arr(2, 3, lo=-1.9, hi=1.9, distinct=True)), call(arr(3, lo=-1, hi=1), arr(lo=1.5)),
            call(arr(0, 3), arr(3))], errors=[mismatch("maximum")])

op("minimum(Tensor self, Tensor other) -> Tensor",
   doc="The smaller of the two; NaN if either is. Ties share the gradient equally.",
   forms="function method out",
   pointwise="minimum", promote="arithmetic",
   vjp={"self": "where(eq(self, other), grad / 2, where(gt(self, other), 0, grad))",
        "other": "where(eq(self, other), grad / 2, where(lt(self, other), 0, grad))"},
   jvp=ELEMENTWISE, ref="numpy.minimum",
   samples=[call(arr(2, 3, distinct=True), arr(2, 3, lo=-1.9, hi=1.9, distinct=True)), call(arr(3, lo=-1, hi=1), arr(lo=1.5)),
            call(arr(0, 3), arr(3))], errors=[mismatch("minimum")])

op("fmax(Tensor self, Tensor other) -> Tensor",
   doc="The larger of the two; a NaN loses to a number. A tie gives self the gradient.",
   forms="function method out",
   pointwise="fmax", promote="arithmetic",
   vjp={"self": "where(logical_or(ge(self, other), isnan(other)), grad, 0)",
        "other": "where(logical_or(ge(self, other), isnan(other)), 0, grad)"},
   jvp=ELEMENTWISE, ref="numpy.fmax",
   samples=[call(arr(2, 3, distinct=True), arr(2, 3, lo=-1.9, hi=1.9, distinct=True)), call(arr(3, lo=-1, hi=1), arr(lo=1.5)),
            call(arr(3, lo=-1, hi=1), NANS), call(NANS, arr(3, lo=-1, hi=1))],
   errors=[mismatch("fmax")])

op("fmin(Tensor self, Tensor other) -> Tensor",
   doc="The smaller of the two; a NaN loses to a number. A tie gives self the gradient.",
   forms="function method out",
   pointwise="fmin", promote="arithmetic",
   vjp={"self": "where(logical_or(le(self, other), isnan(other)), grad, 0)",
        "other": "where(logical_or(le(self, other), isnan(other)), 0, grad)"},
   jvp=ELEMENTWISE, ref="numpy.fmin",
   samples=[call(arr(2, 3, distinct=True), arr(2, 3, lo=-1.9, hi=1.9, distinct=True)), call(arr(3, lo=-1, hi=1), arr(lo=1.5)),
            call(arr(3, lo=-1, hi=1), NANS), call(NANS, arr(3, lo=-1, hi=1))],
   errors=[mismatch("fmin")])

CLAMPED = arr(2, 3, values=((-1.7, -0.4, 0.3), (0.9, 1.6, -0.8)))

op("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
   doc="self limited to [min, max]; at the limits the gradient passes. min > max gives max.",
   forms="function method inplace out", aliases=("clip",),
   kernel="clamp", node="ClampBackward1",
   vjp={"self": "where(clamp_mask(self, min, max), grad, 0)"}, jvp=ELEMENTWISE, ref="ref.clamp",
   samples=[call(CLAMPED, -0.5, 1.1), call(CLAMPED, min=-0.5), call(CLAMPED, max=0.7), call(arr(values=(0.3,)), 0, 1),
            call(arr(0, 3), -1, 1)],
   errors=[(call(arr(2)), "RuntimeError", "clamp: at least one of min and max"),
           (call(arr(2, dtype="complex128"), 0, 1), "NotImplementedError", "clamp: not implemented for dtype complex128")])

op("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
   doc="self limited to [min, max], which broadcast; at the limits the gradient passes to self.",
   forms="function method inplace out", aliases=("clip",),
   kernel="clamp_Tensor", node="ClampBackward0",
   vjp={"self": "where(clamp_mask_Tensor(self, min, max), grad, 0)",
        "min": "where(lt(self, min) if max is None else logical_and(lt(self, min), lt(min, max)), grad, 0)",
        "max": "where(gt(self, max) if min is None else logical_or(gt(self, max), lt(max, min)), grad, 0)"},
   jvp=ELEMENTWISE, ref="ref.clamp",
   samples=[call(CLAMPED, arr(3, values=(-0.5, 0.1, -0.2)), arr(3, values=(1.2, 0.6, 0.7)), _complex=False),
            call(CLAMPED, min=arr(3, values=(-0.5, 0.1, -0.2)), _complex=False),
            call(CLAMPED, max=arr(values=(0.5,)), _complex=False),
            call(CLAMPED, arr(3, values=(-0.5, 0.8, -0.2)), arr(3, values=(1.2, 0.4, 0.7)), _complex=False)],
   errors=[(call(arr(2, 3), arr(4)), "RuntimeError", "do not broadcast")])

op("clamp_mask(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
   doc="Where clamp passes self on.",
   forms="internal", kernel="clamp_mask", vjp=NONDIFF, ref="ref.clamp_mask",
   samples=[call(CLAMPED, -0.5, 1.1), call(CLAMPED, min=-0.4), call(CLAMPED, max=0.3)])

op("clamp_mask.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
   doc="Where clamp passes self on.",
   forms="internal", kernel="clamp_mask_Tensor", vjp=NONDIFF, ref="ref.clamp_mask",
   samples=[call(CLAMPED, arr(3, values=(-0.5, 0.1, -0.2)), arr(3, values=(1.2, 0.6, 0.7)), _complex=False)])

op("clamp_min(Tensor self, Operand min) -> Tensor",
   doc="The larger of self and min; a tie gives self the gradient.",
   forms="function method inplace out",
   pointwise="maximum", promote="arithmetic",
   vjp={"self": "where(ge(self, min), grad, 0)", "min": "where(lt(self, min), grad, 0)"},
   jvp=ELEMENTWISE, ref="numpy.maximum",
   samples=[call(CLAMPED, 0.5), call(CLAMPED, arr(3, values=(-0.5, 0.1, -0.2)))], errors=[(call(arr(2, 3), arr(4)), "RuntimeError", "do not broadcast")])

op("clamp_max(Tensor self, Operand max) -> Tensor",
   doc="The smaller of self and max; a tie gives self the gradient.",
   forms="function method inplace out",
   pointwise="minimum", promote="arithmetic",
   vjp={"self": "where(le(self, max), grad, 0)", "max": "where(gt(self, max), grad, 0)"},
   jvp=ELEMENTWISE, ref="numpy.minimum",
   samples=[call(CLAMPED, 0.5), call(CLAMPED, arr(3, values=(-0.5, 0.1, -0.2)))], errors=[(call(arr(2, 3), arr(4)), "RuntimeError", "do not broadcast")])

# ---- choices

op("where(Tensor condition, Operand self, Operand other) -> Tensor",
   doc="self where condition (bool) is true, other elsewhere; all three broadcast.",
   forms="function out",
   pointwise="where", promote="arithmetic",
   vjp={"condition": NONDIFF, "self": "where(condition, grad, 0)", "other": "where(condition, 0, grad)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.where",
   samples=[call(M23, arr(2, 3), arr(2, 3)), call(M3, arr(2, 1), arr(1, 3)), call(mask(True), arr(2), arr()),
            call(M23, arr(2, 3), 0.5), call(M23, 1.5, arr(3)), call(mask([]), arr(0), arr(0))],
   errors=[(call(M23, arr(2, 3), arr(4)), "RuntimeError", "do not broadcast"),
           (call(idx([1, 0]), arr(2), arr(2)), "RuntimeError", "bool")])

op("masked_fill(Tensor self, Tensor mask, Operand value) -> Tensor",
   doc="value where mask (bool) is true, self elsewhere, in self's dtype; value is a number or 0-d.",
   forms="function method inplace",
   pointwise="masked_fill", promote="arithmetic",
   vjp={"self": "masked_fill(grad, mask, 0)", "mask": NONDIFF, "value": "where(mask, grad, 0)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.masked_fill",
   samples=[call(arr(2, 3), M23, 0.5), call(arr(2, 3), M3, arr()), call(arr(3), M23, -1.0), call(arr(), mask(True), 2)],
   errors=[(call(arr(2, 3), idx([1, 0, 1]), 0.5), "RuntimeError", "bool"),
           (call(arr(2, 3), M23, arr(3)), "RuntimeError", "0-d")])

op("nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
   doc="NaN becomes nan (0), infinities posinf and neginf (the largest and smallest finite numbers).",
   forms="function method inplace out",
   kernel="nan_to_num",
   vjp={"self": "where(isfinite(self), grad, 0)"}, jvp=ELEMENTWISE, ref="ref.nan_to_num",
   samples=[call(arr(2, 3)), call(arr(4, values=(1.0, float("nan"), float("inf"), float("-inf"))), 0.5, 2.0, -3.0)])

op("heaviside(Tensor self, Tensor values) -> Tensor",
   doc="0 below 0, 1 above, `values` at 0; both of one dtype.",
   forms="function method inplace out",
   pointwise="heaviside", promote="arithmetic", vjp=NONDIFF, ref="numpy.heaviside",
   samples=[call(arr(3, values=(-1.0, 0.0, 2.0)), arr(3)), call(arr(2, 3), arr())], errors=[mismatch("heaviside")])

# ---- functions of two numbers

op("atan2(Tensor self, Tensor other) -> Tensor",
   doc="The angle of the point (other, self), in [-pi, pi].",
   forms="function method inplace out", aliases=("arctan2",),
   pointwise="atan2", promote="float",
   vjp={"self": "grad * ratio_or_zero(other, self * self + other * other)",
        "other": "grad * ratio_or_zero(-self, self * self + other * other)"},
   jvp=ELEMENTWISE, ref="numpy.arctan2",
   samples=[call(arr(2, 3, away=0.2), arr(2, 3, away=0.2)), call(arr(2, 1, away=0.2), arr(3, away=0.2)), call(arr(0), arr(0))],
   errors=[mismatch("atan2")])

op("hypot(Tensor self, Tensor other) -> Tensor",
   doc="``sqrt(self ** 2 + other ** 2)`` without overflow.",
   forms="function method inplace out",
   pointwise="hypot", promote="arithmetic",
   vjp={"self": "grad * (self / result)", "other": "grad * (other / result)"},
   jvp=ELEMENTWISE, ref="numpy.hypot",
   samples=[call(arr(2, 3, away=0.2), arr(2, 3, away=0.2)), call(arr(2, 1, away=0.2), arr(3, away=0.2))],
   errors=[mismatch("hypot")])

op("copysign(Tensor self, Operand other) -> Tensor",
   doc="The magnitude of self with the sign of other.",
   forms="function method inplace out",
   pointwise="copysign", promote="float",
   vjp={"self": "grad * ratio_or_zero(result, self)", "other": "zeros_like(grad)"},
   jvp=ELEMENTWISE, ref="numpy.copysign",
   samples=[call(arr(2, 3, away=0.2), arr(2, 3, away=0.2)), call(arr(2, 3, away=0.2), -1.0)],
   errors=[mismatch("copysign")])

op("xlogy(Operand self, Operand other) -> Tensor",
   doc="``self * log(other)``, and 0 where self is 0 unless other is NaN.",
   forms="function method inplace out",
   pointwise="xlogy", promote="float",
   vjp={"self": "xlogy_grad_self(grad, self, other)", "other": "grad * conj(self / other)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.xlogy",
   samples=[call(arr(2, 3, away=0.2), arr(2, 3, lo=0.2)), call(arr(2, 1), arr(3, lo=0.2)), call(1.5, arr(3, lo=0.2)),
            call(arr(2, 3), 2.5)],
   errors=[mismatch("xlogy")])

op("logaddexp(Tensor self, Tensor other) -> Tensor",
   doc="``log(exp(self) + exp(other))`` without overflow.",
   forms="function method out",
   pointwise="logaddexp", promote="arithmetic",
   vjp={"self": "grad / conj(1 + exp(other - self))", "other": "grad / conj(1 + exp(self - other))"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.logaddexp",
   samples=[call(arr(2, 3, lo=-1, hi=1), arr(2, 3, lo=-1, hi=1)), call(arr(2, 1), arr(3), _complex=False), call(arr(), arr(), _complex=False)],
   errors=[mismatch("logaddexp")])

op("logaddexp2(Tensor self, Tensor other) -> Tensor",
   doc="``log2(2 ** self + 2 ** other)`` without overflow.",
   forms="function method out",
   pointwise="logaddexp2", promote="arithmetic",
   vjp={"self": "grad / (1 + exp2(other - self))", "other": "grad / (1 + exp2(self - other))"},
   jvp=ELEMENTWISE, ref="ref.logaddexp2",
   samples=[call(arr(2, 3, lo=-1, hi=1), arr(2, 3, lo=-1, hi=1)), call(arr(2, 1), arr(3), _complex=False)],
   errors=[mismatch("logaddexp2")])
