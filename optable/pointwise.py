"""Arithmetic, element by element. Layer: optable.

The rest of the family is in pointwise_math.py (functions of one number) and pointwise_logic.py
(comparisons, masks, bits, choices), imported at the end.
"""

from __future__ import annotations

from optable.samples import arr, call, idx
from optable.spec import ELEMENTWISE, LINEAR, MULTILINEAR, NONDIFF, op

BINARY = [
    call(arr(2, 3), arr(2, 3)), call(arr(2, 1), arr(1, 3)), call(arr(), arr(3)), call(arr(0, 3), arr(3)),
    call(arr(2, 3), 1.5), call(arr(), arr()),
]  # fmt: skip
NUMBER_FIRST = call(1.5, arr(2, 3))


def quotient(**options):
    """Two operands whose second keeps away from zero."""
    o = {"away": 0.4, **options}
    return [
        call(arr(2, 3), arr(2, 3, **o)), call(arr(2, 1), arr(1, 3, **o)), call(arr(), arr(3, **o)),
        call(arr(0, 3), arr(3, **o)), call(arr(2, 3), 1.5), call(1.5, arr(2, 3, **o)),
    ]  # fmt: skip


def mismatch(name: str):
    """Two shapes that do not broadcast."""
    return (call(arr(2, 3), arr(4)), "RuntimeError", f"{name}: The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1")


op("add(Operand self, Operand other) -> Tensor",
   doc="Sum, element by element, with broadcasting; for bool the logical or.",
   forms="function method inplace out __add__ __radd__ __iadd__",
   pointwise="add", promote="arithmetic",
   vjp={"self": "grad", "other": "grad"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.add", sign="+",
   samples=[*BINARY, NUMBER_FIRST], errors=[mismatch("add")])

op("add.alpha(Operand self, Operand other, *, Scalar alpha) -> Tensor",
   doc="``self + alpha * other``.",
   forms="function method inplace out",
   pointwise="add_alpha", promote="arithmetic", node="AddBackward0",
   vjp={"self": "grad", "other": "times_conj(grad, alpha)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.add_alpha", sign="+",
   samples=[call(arr(2, 3), arr(2, 3), alpha=2.5), call(arr(2, 1), arr(3), alpha=-0.5), call(arr(2), 1.5, alpha=2),
            call(arr(2, dtype="complex128"), arr(2, dtype="complex128"), alpha=0.5 + 2j)],
   errors=[(call(arr(2, 3), arr(4), alpha=2), "RuntimeError", "do not broadcast"),
           (call(idx([1, 2]), idx([1, 2]), alpha=1.5), "RuntimeError", "alpha")])

op("sub(Operand self, Operand other) -> Tensor",
   doc="Difference, element by element, with broadcasting. Not defined for bool.",
   forms="function method inplace out __sub__ __rsub__ __isub__", aliases=("subtract",),
   pointwise="sub", promote="arithmetic",
   vjp={"self": "grad", "other": "-grad"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.subtract", sign="-",
   samples=[*BINARY, NUMBER_FIRST],
   errors=[mismatch("sub"), (call(idx([True], "bool"), idx([True], "bool")), "RuntimeError", "bool")])

op("sub.alpha(Operand self, Operand other, *, Scalar alpha) -> Tensor",
   doc="``self - alpha * other``.",
   forms="function method inplace out", aliases=("subtract",),
   pointwise="sub_alpha", promote="arithmetic", node="SubBackward0",
   vjp={"self": "grad", "other": "-times_conj(grad, alpha)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.sub_alpha", sign="-",
   samples=[call(arr(2, 3), arr(2, 3), alpha=2.5), call(arr(2, 1), arr(3), alpha=-0.5), call(arr(2), 1.5, alpha=2)],
   errors=[(call(arr(2, 3), arr(4), alpha=2), "RuntimeError", "do not broadcast")])

op("rsub(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor",
   doc="``other - alpha * self``.",
   forms="function",
   composite="sub_alpha(other, self, alpha=alpha)", complex="holomorphic", ref="ref.rsub",
   samples=[call(arr(2, 3), arr(2, 3)), call(arr(2), 1.5, alpha=2)])

op("mul(Operand self, Operand other) -> Tensor",
   doc="Product, element by element, with broadcasting; for bool the logical and.",
   forms="function method inplace out __mul__ __rmul__ __imul__", aliases=("multiply",),
   pointwise="mul", promote="arithmetic",
   vjp={"self": "grad * conj(other)", "other": "grad * conj(self)"},
   jvp=MULTILINEAR, complex="holomorphic", ref="numpy.multiply", sign="*",
   samples=[*BINARY, NUMBER_FIRST], errors=[mismatch("mul")])

op("div(Operand self, Operand other) -> Tensor",
   doc="True quotient, element by element, with broadcasting; integers give the default dtype.",
   forms="function method inplace out __truediv__ __rtruediv__ __itruediv__",
   aliases=("divide", "true_divide"),
   pointwise="div", promote="float",
   vjp={"self": "grad / conj(other)", "other": "-grad * conj(self / other / other)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.true_divide", sign="/",
   samples=quotient(), errors=[mismatch("div")])

op("div.mode(Operand self, Operand other, *, str? rounding_mode) -> Tensor",
   doc="Quotient rounded towards zero ('trunc'), down ('floor') or not at all (None).",
   forms="function method inplace out", aliases=("divide",),
   kernel="div_mode",
   vjp={"self": "grad / conj(other) if rounding_mode is None else zeros_like(grad)",
        "other": "-grad * conj(self / other / other) if rounding_mode is None else zeros_like(grad)"},
   jvp=ELEMENTWISE, ref="ref.div_mode", sign="/",
   samples=[call(arr(2, 3, distinct=True), arr(2, 3, away=0.4), rounding_mode=None),
            call(arr(2, 3, values=((0.7, 1.9, -2.3), (-0.4, 3.1, 5.2))), 1.5, rounding_mode="trunc"),
            call(arr(2, 3, values=((0.7, 1.9, -2.3), (-0.4, 3.1, 5.2))), 1.5, rounding_mode="floor"),
            call(arr(2, 3, values=((0.7, 1.9, -2.3), (-0.4, 3.1, 5.2))), arr(3, values=(1.5, -0.8, 2.2)), rounding_mode="trunc")],
   errors=[(call(arr(2), 2.0, rounding_mode="up"), "RuntimeError", "rounding_mode")])

op("floor_divide(Operand self, Operand other) -> Tensor",
   doc="Quotient rounded down, as Python's //. Integers: RuntimeError ZeroDivisionError on 0.",
   forms="function method inplace out __floordiv__ __rfloordiv__ __ifloordiv__",
   pointwise="floor_divide", promote="arithmetic",
   vjp=NONDIFF, ref="ref.floor_divide", sign="//",
   samples=[call(arr(2, 3, distinct=True), arr(2, 3, away=0.4)), call(arr(3), 0.7), call(idx([7, -7]), idx([2, 2]))],
   errors=[mismatch("floor_divide"), (call(idx([1]), idx([0])), "RuntimeError", "ZeroDivisionError")])

op("remainder(Operand self, Operand other) -> Tensor",
   doc="Remainder with the sign of the divisor, as Python's %. Integers: RuntimeError on 0.",
   forms="function method inplace out __mod__ __rmod__ __imod__",
   pointwise="remainder", promote="arithmetic",
   vjp={"self": "grad", "other": "-grad * floor_divide(self, other)"},
   jvp=ELEMENTWISE, ref="numpy.remainder", sign="%",
   samples=[call(arr(2, 3, values=((0.7, 1.9, -2.3), (-0.4, 3.1, 5.2))), arr(3, values=(1.2, -0.9, 2.1))),
            call(arr(3, values=(0.7, -1.9, 2.3)), 0.8), call(1.7, arr(2, values=(0.6, -0.7)))],
   errors=[mismatch("remainder"), (call(idx([1]), idx([0])), "RuntimeError", "ZeroDivisionError")])

op("fmod(Operand self, Operand other) -> Tensor",
   doc="Remainder with the sign of the dividend, as C's fmod. Integers: RuntimeError on 0.",
   forms="function method inplace out",
   pointwise="fmod", promote="arithmetic",
   vjp={"self": "grad", "other": "-grad * div_mode(self, other, rounding_mode='trunc')"},
   jvp=ELEMENTWISE, ref="numpy.fmod",
   samples=[call(arr(2, 3, values=((0.7, 1.9, -2.3), (-0.4, 3.1, 5.2))), arr(3, values=(1.2, -0.9, 2.1))),
            call(arr(3, values=(0.7, -1.9, 2.3)), 0.8)],
   errors=[mismatch("fmod"), (call(idx([1]), idx([0])), "RuntimeError", "ZeroDivisionError")])

op("pow(Operand self, Operand exponent) -> Tensor",
   doc="``self ** exponent``. Integers to a negative number: RuntimeError.",
   forms="function method inplace out __pow__ __rpow__ __ipow__",
   pointwise="pow", promote="arithmetic",
   vjp={"self": "grad * conj(pow_slope(self, exponent))",
        "exponent": "pow_grad_exponent(grad, self, exponent, result)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.power", sign="**",
   samples=[call(arr(2, 3, lo=0.3), arr(2, 3)), call(arr(2, 1, lo=0.3), arr(3)), call(arr(2, 3), 2), call(arr(2, 3), 3),
            call(arr(2, 3), 1), call(arr(2, 3), 0), call(arr(2, 3, away=0.3), -1), call(arr(2, 3, lo=0.3), 0.5),
            call(arr(2, 3, lo=0.3), -1.7), call(1.5, arr(2, 3)), call(arr(0, 3), 2), call(arr(lo=0.3), arr())],
   errors=[mismatch("pow"), (call(idx([2]), -1), "RuntimeError", "negative integer powers")])

op("pow_slope(Operand self, Operand exponent) -> Tensor",
   doc="``exponent * self ** (exponent - 1)``, and 0 where exponent is 0: the derivative of pow.",
   forms="internal",
   pointwise="pow_slope", promote="arithmetic",
   vjp={"self": "grad * conj(where(eq(exponent, 0), 0, exponent * pow_slope(self, exponent - 1)))",
        "exponent": "grad * conj(where(eq(exponent, 0), 0, pow(self, exponent - 1)) + xlogy(result, self))"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.pow_slope",
   samples=[call(arr(2, 3, lo=0.3), arr(2, 3, away=0.2)), call(arr(2, 3), 2), call(arr(2, 3), 3),
            call(arr(2, 3, lo=0.3), 0.5), call(1.5, arr(2, 3, away=0.2)), call(arr(2, 3, away=0.3), 0)])

op("float_power(Operand self, Operand exponent) -> Tensor",
   doc="``self ** exponent`` in float64 (complex128 for complex operands).",
   forms="function method inplace",
   kernel="float_power",
   vjp={"self": "grad * conj(pow_slope(self, exponent))",
        "exponent": "pow_grad_exponent(grad, self, exponent, result)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.float_power", sign="**",
   samples=[call(arr(2, 3, lo=0.3), arr(2, 3)), call(arr(2, 3), 2), call(1.5, arr(2, 3))],
   errors=[mismatch("pow")])

op("neg(Tensor self) -> Tensor",
   doc="``-self``. Not defined for bool.",
   forms="function method inplace out __neg__", aliases=("negative",),
   pointwise="neg", promote="none",
   vjp={"self": "-grad"}, jvp=LINEAR, complex="holomorphic", ref="numpy.negative", sign="-",
   samples=[call(arr(2, 3)), call(arr()), call(arr(0, 3))],
   errors=[(call(idx([True], "bool")), "RuntimeError", "bool")])

op("positive(Tensor self) -> Tensor",
   doc="``+self``: the tensor itself.",
   forms="function method __pos__",
   composite="self", complex="holomorphic", ref="numpy.positive", sign="+",
   samples=[call(arr(2, 3)), call(arr())])

op("square(Tensor self) -> Tensor",
   doc="``self ** 2``.",
   forms="function method inplace out",
   composite="pow(self, 2)", complex="holomorphic", ref="numpy.square",
   samples=[call(arr(2, 3)), call(arr()), call(arr(0, 3))])

op("reciprocal(Tensor self) -> Tensor",
   doc="``1 / self``; integers give the default dtype.",
   forms="function method inplace out",
   pointwise="reciprocal", promote="float",
   vjp={"self": "-grad * conj(result * result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.reciprocal",
   samples=[call(arr(2, 3, away=0.3)), call(arr(away=0.3)), call(arr(0, 3))])

op("lerp(Tensor self, Tensor end, Operand weight) -> Tensor",
   doc="``self + weight * (end - self)``; self and end have one dtype.",
   forms="function method inplace out",
   pointwise="lerp", promote="arithmetic",
   vjp={"self": "grad * conj(1 - weight)", "end": "grad * conj(weight)", "weight": "grad * conj(end - self)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.lerp",
   samples=[call(arr(2, 3), arr(2, 3), 0.3), call(arr(2, 3), arr(2, 3), 0.8), call(arr(2, 1), arr(3), arr(2, 3)),
            call(arr(0, 3), arr(3), 0.5), call(arr(), arr(), arr())],
   errors=[(call(arr(2, 3), arr(4), 0.5), "RuntimeError", "do not broadcast"),
           (call(arr(2, dtype="float32"), arr(2, dtype="float64"), 0.5), "RuntimeError", "dtype")])

op("addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
   doc="``self + value * tensor1 * tensor2``.",
   forms="function method inplace out",
   pointwise="addcmul", promote="arithmetic",
   vjp={"self": "grad", "tensor1": "times_conj(grad * conj(tensor2), value)",
        "tensor2": "times_conj(grad * conj(tensor1), value)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.addcmul",
   samples=[call(arr(2, 3), arr(2, 3), arr(2, 3)), call(arr(2, 3), arr(2, 1), arr(3), value=-0.7),
            call(arr(), arr(3), arr(3), value=2), call(arr(0, 3), arr(3), arr(3))],
   errors=[(call(arr(2, 3), arr(4), arr(3)), "RuntimeError", "do not broadcast")])

op("addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
   doc="``self + value * tensor1 / tensor2``. Not defined for integers.",
   forms="function method inplace out",
   pointwise="addcdiv", promote="arithmetic",
   vjp={"self": "grad", "tensor1": "times_conj(grad / conj(tensor2), value)",
        "tensor2": "-times_conj(grad * conj(tensor1 / tensor2 / tensor2), value)"},
   jvp=ELEMENTWISE, complex="holomorphic", ref="ref.addcdiv",
   samples=[call(arr(2, 3), arr(2, 3), arr(2, 3, away=0.4)), call(arr(2, 3), arr(2, 1), arr(3, away=0.4), value=-0.7),
            call(arr(), arr(3), arr(3, away=0.4), value=2), call(arr(0, 3), arr(3), arr(3, away=0.4))],
   errors=[(call(arr(2, 3), arr(4), arr(3)), "RuntimeError", "do not broadcast"),
           (call(idx([1]), idx([1]), idx([1])), "RuntimeError", "addcdiv")])

from optable import pointwise_logic, pointwise_math  # noqa: E402, F401
