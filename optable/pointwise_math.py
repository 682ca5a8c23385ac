"""Functions of one number, element by element: roots, powers of e, trigonometry, special functions.
Layer: optable. Imported by pointwise.py; functions used by neural networks only are in activation.py.
"""

from __future__ import annotations

from optable.samples import arr, call, idx
from optable.spec import ELEMENTWISE, NONDIFF, op


def unary(**options):
    """One operand: two dims, 0-d, empty, with a size-1 dim."""
    return [call(arr(2, 3, **options)), call(arr(**options)), call(arr(0, 3, **options)), call(arr(3, 1, 2, **options))]


op("abs(Tensor self) -> Tensor",
   doc="Absolute value; real for complex numbers. The gradient at 0 is 0.",
   forms="function method inplace out __abs__", aliases=("absolute",),
   pointwise="abs", promote="none",
   vjp={"self": "grad * sgn(self)"},
   jvp="real(self_t * conj(sgn(self))) if self.is_complex else self_t * sgn(self)",
   complex="custom", ref="numpy.abs", samples=unary(away=0.2))

op("sign(Tensor self) -> Tensor",
   doc="-1, 0 or 1; NaN gives 0. Complex numbers: RuntimeError, use sgn.",
   forms="function method inplace out",
   pointwise="sign", promote="none",
   vjp={"self": "zeros_like(grad)"}, jvp="zeros_like(self_t)", ref="ref.sign", samples=unary(away=0.2),
   errors=[(call(arr(2, dtype="complex128")), "RuntimeError", "sgn")])

op("sgn(Tensor self) -> Tensor",
   doc="``self / abs(self)``, 0 at 0: sign for complex numbers too.",
   forms="function method inplace out",
   pointwise="sgn", promote="none",
   vjp={"self": "sgn_grad(grad, self, result)"}, jvp="sgn_grad(self_t, self, result)",
   complex="custom", ref="ref.sgn", samples=unary(away=0.3))

op("angle(Tensor self) -> Tensor",
   doc="Argument of a complex number in (-pi, pi]; for real numbers 0 or pi.",
   pointwise="angle", promote="float",
   vjp={"self": "angle_grad(grad, self)"},
   jvp="real(self_t * conj(angle_slope(self))) if self.is_complex else zeros_like(self_t)",
   complex="custom", ref="ref.angle", samples=unary(away=0.3))

op("conj(Tensor self) -> Tensor",
   doc="Complex conjugate; a real tensor is returned itself.",
   composite="conj_physical(self) if self.is_complex else self",
   complex="custom", ref="numpy.conj", samples=unary())

op("conj_physical(Tensor self) -> Tensor",
   doc="Complex conjugate in new memory.",
   forms="function method inplace",
   pointwise="conj", promote="none",
   vjp={"self": "conj(grad)"}, jvp="conj_physical(self_t)", complex="custom", ref="numpy.conj", samples=unary())

op("resolve_conj(Tensor self) -> Tensor",
   doc="The tensor itself: conjugates are always in memory here.",
   composite="self", complex="custom", ref="ref.identity", samples=unary())

op("resolve_neg(Tensor self) -> Tensor",
   doc="The tensor itself: negatives are always in memory here.",
   composite="self", complex="custom", ref="ref.identity", samples=unary())

# ---- rounding: piecewise constant, so the gradient is 0

for _name, _doc in (("floor", "Largest integer not above."), ("ceil", "Smallest integer not below."),
                    ("trunc", "Integer part.")):
    op(f"{_name}(Tensor self) -> Tensor", doc=f"{_doc} Integers stay as they are; the gradient is 0.",
       forms="function method inplace out" + (" __trunc__" if _name == "trunc" else ""),
       aliases=("fix",) if _name == "trunc" else (),
       pointwise=_name, promote="none", vjp={"self": "zeros_like(grad)"}, jvp="zeros_like(self_t)",
       ref=f"numpy.{_name}",
       samples=[call(arr(2, 3, values=((0.3, 1.6, -2.4), (-0.7, 2.2, 1.1)))), call(arr(values=(0.4,))), call(arr(0, 3))],
       errors=[(call(arr(2, dtype="complex128")), "RuntimeError", f"{_name}: not implemented for dtype complex128")])

op("round(Tensor self) -> Tensor",
   doc="Nearest integer, ties to even. Integers stay as they are; the gradient is 0.",
   forms="function method inplace out",
   pointwise="round", promote="none",
   vjp={"self": "zeros_like(grad)"}, jvp="zeros_like(self_t)", ref="numpy.round",
   samples=[call(arr(2, 3, values=((0.3, 1.6, -2.4), (-0.7, 2.2, 1.1)))), call(arr(values=(0.4,))), call(arr(0, 3))])

op("round.decimals(Tensor self, *, int decimals) -> Tensor",
   doc="Rounded to `decimals` places after the point (before it when negative).",
   forms="function method inplace out",
   kernel="round_decimals",
   vjp={"self": "zeros_like(grad)"}, jvp="zeros_like(self_t)", ref="ref.round_decimals",
   samples=[call(arr(3, values=(0.333, 1.617, -2.444)), decimals=1), call(arr(2, values=(123.4, -37.0)), decimals=-1),
            call(arr(2, values=(0.3, -1.7)), decimals=0)])

op("frac(Tensor self) -> Tensor",
   doc="``self - trunc(self)``. Not defined for integers.",
   forms="function method inplace out",
   pointwise="frac", promote="none",
   vjp={"self": "grad"}, jvp="self_t", ref="ref.frac",
   samples=[call(arr(2, 3, values=((0.3, 1.6, -2.4), (-0.7, 2.2, 1.1)))), call(arr(values=(0.4,)))],
   errors=[(call(idx([1])), "RuntimeError", "frac: not implemented for dtype int64")])

# ---- roots, exponentials, logarithms

op("sqrt(Tensor self) -> Tensor",
   doc="Square root; NaN below 0. Integers give the default dtype.",
   forms="function method inplace out",
   pointwise="sqrt", promote="float",
   vjp={"self": "grad / conj(2 * result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.sqrt",
   samples=unary(lo=0.1))

op("rsqrt(Tensor self) -> Tensor",
   doc="``1 / sqrt(self)``.",
   forms="function method inplace out",
   pointwise="rsqrt", promote="float",
   vjp={"self": "-0.5 * grad * conj(result * result * result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="ref.rsqrt",
   samples=unary(lo=0.2))

op("exp(Tensor self) -> Tensor",
   doc="e to the power of each element. Integers give the default dtype.",
   forms="function method inplace out",
   pointwise="exp", promote="float",
   vjp={"self": "grad * conj(result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.exp", samples=unary())

op("exp2(Tensor self) -> Tensor",
   doc="2 to the power of each element.",
   forms="function method inplace out",
   pointwise="exp2", promote="float",
   vjp={"self": "grad * conj(result) * 0.6931471805599453"}, jvp=ELEMENTWISE, complex="holomorphic", ref="ref.exp2",
   samples=unary())

op("expm1(Tensor self) -> Tensor",
   doc="``exp(self) - 1``, exact for small numbers.",
   forms="function method inplace out",
   pointwise="expm1", promote="float",
   vjp={"self": "grad * conj(result + 1)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.expm1", samples=unary())

op("log(Tensor self) -> Tensor",
   doc="Natural logarithm: -inf at 0, NaN below.",
   forms="function method inplace out",
   pointwise="log", promote="float",
   vjp={"self": "grad / conj(self)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.log", samples=unary(lo=0.1))

op("log2(Tensor self) -> Tensor",
   doc="Logarithm to the base 2.",
   forms="function method inplace out",
   pointwise="log2", promote="float",
   vjp={"self": "grad / conj(self * 0.6931471805599453)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="ref.log2",
   samples=unary(lo=0.1))

op("log10(Tensor self) -> Tensor",
   doc="Logarithm to the base 10.",
   forms="function method inplace out",
   pointwise="log10", promote="float",
   vjp={"self": "grad / conj(self * 2.302585092994046)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.log10",
   samples=unary(lo=0.1))

op("log1p(Tensor self) -> Tensor",
   doc="``log(1 + self)``, exact for small numbers.",
   forms="function method inplace out",
   pointwise="log1p", promote="float", node="Log1P",
   vjp={"self": "grad / conj(self + 1)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.log1p",
   samples=unary(lo=-0.7))

# ---- trigonometric and hyperbolic functions

op("sin(Tensor self) -> Tensor",
   doc="Sine of radians.",
   forms="function method inplace out",
   pointwise="sin", promote="float",
   vjp={"self": "grad * conj(cos(self))"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.sin", samples=unary())

op("cos(Tensor self) -> Tensor",
   doc="Cosine of radians.",
   forms="function method inplace out",
   pointwise="cos", promote="float",
   vjp={"self": "-grad * conj(sin(self))"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.cos", samples=unary())

op("tan(Tensor self) -> Tensor",
   doc="Tangent of radians.",
   forms="function method inplace out",
   pointwise="tan", promote="float",
   vjp={"self": "grad * conj(1 + result * result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.tan",
   samples=unary(lo=-1.2, hi=1.2))

op("asin(Tensor self) -> Tensor",
   doc="Arc sine, in [-pi/2, pi/2]; NaN outside [-1, 1].",
   forms="function method inplace out", aliases=("arcsin",),
   pointwise="asin", promote="float",
   vjp={"self": "grad * conj(rsqrt(1 - self * self))"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.arcsin",
   samples=unary(lo=-0.9, hi=0.9))

op("acos(Tensor self) -> Tensor",
   doc="Arc cosine, in [0, pi]; NaN outside [-1, 1].",
   forms="function method inplace out", aliases=("arccos",),
   pointwise="acos", promote="float",
   vjp={"self": "-grad * conj(rsqrt(1 - self * self))"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.arccos",
   samples=unary(lo=-0.9, hi=0.9))

op("atan(Tensor self) -> Tensor",
   doc="Arc tangent, in (-pi/2, pi/2).",
   forms="function method inplace out", aliases=("arctan",),
   pointwise="atan", promote="float",
   vjp={"self": "grad / conj(self * self + 1)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.arctan",
   samples=unary(lo=-0.9, hi=0.9))

op("sinh(Tensor self) -> Tensor",
   doc="Hyperbolic sine.",
   forms="function method inplace out",
   pointwise="sinh", promote="float",
   vjp={"self": "grad * conj(cosh(self))"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.sinh", samples=unary())

op("cosh(Tensor self) -> Tensor",
   doc="Hyperbolic cosine.",
   forms="function method inplace out",
   pointwise="cosh", promote="float",
   vjp={"self": "grad * conj(sinh(self))"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.cosh", samples=unary())

op("tanh(Tensor self) -> Tensor",
   doc="Hyperbolic tangent.",
   forms="function method inplace out",
   pointwise="tanh", promote="float",
   vjp={"self": "tanh_backward(grad, result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.tanh",
   samples=unary(lo=-1.3, hi=1.3))

op("tanh_backward(Tensor grad_output, Tensor output) -> Tensor",
   doc="``grad_output * conj(1 - output ** 2)``.",
   forms="internal",
   pointwise="tanh_backward", promote="arithmetic",
   vjp={"grad_output": "tanh_backward(grad, conj(output))", "output": "-2 * conj(grad) * grad_output * conj(output)"},
   jvp="tanh_backward(grad_output_t, output) - 2 * grad_output * conj(output * output_t)",
   complex="custom", ref="ref.tanh_backward", samples=[call(arr(2, 3), arr(2, 3)), call(arr(), arr())])

op("asinh(Tensor self) -> Tensor",
   doc="Inverse hyperbolic sine.",
   forms="function method inplace out", aliases=("arcsinh",),
   pointwise="asinh", promote="float",
   vjp={"self": "grad * conj(rsqrt(self * self + 1))"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.arcsinh",
   samples=unary(lo=-0.9, hi=0.9))

op("acosh(Tensor self) -> Tensor",
   doc="Inverse hyperbolic cosine; NaN below 1.",
   forms="function method inplace out", aliases=("arccosh",),
   pointwise="acosh", promote="float",
   vjp={"self": "grad * conj(rsqrt(self - 1) * rsqrt(self + 1))"}, jvp=ELEMENTWISE, complex="holomorphic",
   ref="numpy.arccosh", samples=unary(lo=1.2, hi=3.0))

op("atanh(Tensor self) -> Tensor",
   doc="Inverse hyperbolic tangent; infinite at -1 and 1, NaN beyond.",
   forms="function method inplace out", aliases=("arctanh",),
   pointwise="atanh", promote="float",
   vjp={"self": "grad / conj(1 - self * self)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="numpy.arctanh",
   samples=unary(lo=-0.8, hi=0.8))

op("sinc(Tensor self) -> Tensor",
   doc="``sin(pi x) / (pi x)``, 1 at 0.",
   forms="function method inplace out",
   pointwise="sinc", promote="float",
   vjp={"self": "sinc_grad(grad, self, result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="ref.sinc",
   samples=unary(away=0.1, lo=-1.2, hi=1.2))

op("deg2rad(Tensor self) -> Tensor",
   doc="Degrees to radians.",
   composite="self * 0.017453292519943295", ref="numpy.deg2rad", samples=[call(arr(2, 3, lo=-180, hi=180)), call(arr())])

op("rad2deg(Tensor self) -> Tensor",
   doc="Radians to degrees.",
   composite="self * 57.29577951308232", ref="numpy.rad2deg", samples=[call(arr(2, 3)), call(arr())])

# ---- the logistic function and special functions

op("sigmoid(Tensor self) -> Tensor",
   doc="``1 / (1 + exp(-self))``.",
   forms="function method inplace out",
   pointwise="sigmoid", promote="float",
   vjp={"self": "sigmoid_backward(grad, result)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="ref.sigmoid",
   samples=unary())

op("sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor",
   doc="``grad_output * conj((1 - output) * output)``.",
   forms="internal",
   pointwise="sigmoid_backward", promote="arithmetic",
   vjp={"grad_output": "sigmoid_backward(grad, conj(output))",
        "output": "conj(grad) * grad_output * conj(1 - 2 * output)"},
   jvp="sigmoid_backward(grad_output_t, output) + grad_output * conj((1 - 2 * output) * output_t)",
   complex="custom", ref="ref.sigmoid_backward", samples=[call(arr(2, 3), arr(2, 3)), call(arr(), arr())])

op("logit(Tensor self, Scalar? eps=None) -> Tensor",
   doc="``log(self / (1 - self))``; with eps, self is first limited to [eps, 1 - eps].",
   forms="function method inplace out",
   kernel="logit",
   vjp={"self": "grad / (self * (1 - self)) if eps is None else where(logit_mask(self, eps), grad / (self * (1 - self)), 0)"},
   jvp=ELEMENTWISE, ref="ref.logit",
   samples=[*unary(lo=0.2, hi=0.8), call(arr(2, 3, lo=0.05, hi=0.95, distinct=True), 0.23)])

op("logit_mask(Tensor self, Scalar? eps=None) -> Tensor",
   doc="Where self is in [eps, 1 - eps] ([0, 1] without eps).",
   forms="internal",
   kernel="logit_mask", vjp=NONDIFF, ref="ref.logit_mask", samples=[call(arr(2, 3, lo=-1, hi=2), 0.1), call(arr(2, 3, lo=-1, hi=2))])

op("erf(Tensor self) -> Tensor",
   doc="Error function.",
   forms="function method inplace out",
   pointwise="erf", promote="float",
   vjp={"self": "grad * (1.1283791670955126 * exp(-(self * self)))"}, jvp=ELEMENTWISE, ref="ref.erf", samples=unary())

op("erfc(Tensor self) -> Tensor",
   doc="``1 - erf(self)``, exact for large numbers.",
   forms="function method inplace out",
   pointwise="erfc", promote="float",
   vjp={"self": "grad * (-1.1283791670955126 * exp(-(self * self)))"}, jvp=ELEMENTWISE, ref="ref.erfc", samples=unary())

op("erfinv(Tensor self) -> Tensor",
   doc="Inverse of erf; infinite at -1 and 1, NaN beyond.",
   forms="function method inplace out",
   pointwise="erfinv", promote="float",
   vjp={"self": "grad * (0.8862269254527580 * exp(result * result))"}, jvp=ELEMENTWISE, ref="ref.erfinv",
   samples=unary(lo=-0.9, hi=0.9))

op("lgamma(Tensor self) -> Tensor",
   doc="Logarithm of the absolute value of the gamma function.",
   forms="function method inplace out",
   pointwise="lgamma", promote="float",
   vjp={"self": "grad * digamma(self)"}, jvp=ELEMENTWISE, ref="ref.lgamma", samples=unary(lo=0.4, hi=4.0))

op("digamma(Tensor self) -> Tensor",
   doc="Derivative of lgamma.",
   forms="function method inplace out",
   pointwise="digamma", promote="float",
   vjp={"self": "grad * polygamma(1, self)"}, jvp=ELEMENTWISE, ref="ref.digamma", samples=unary(lo=0.4, hi=4.0))

op("polygamma(int n, Tensor self) -> Tensor",
   doc="The n-th derivative of digamma, n >= 0.",
   forms="function out",
   kernel="polygamma",
   vjp={"self": "grad * polygamma(n + 1, self)"}, jvp=ELEMENTWISE, ref="ref.polygamma",
   samples=[call(1, arr(2, 3, lo=0.5, hi=4.0)), call(2, arr(lo=0.5, hi=4.0)), call(0, arr(3, lo=0.5, hi=4.0))],
   errors=[(call(-1, arr(2)), "RuntimeError", "polygamma")])
