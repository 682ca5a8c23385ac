"""Activation functions of neural networks, with the fused gradients they use. Layer: optable.

tanh and sigmoid are in pointwise_math.py; softmax and other reductions elsewhere.
"""

from __future__ import annotations

from optable.samples import arr, call
from optable.spec import ELEMENTWISE, NONDIFF, op

SMOOTH = [call(arr(2, 3)), call(arr()), call(arr(0, 3))]
KINKED = [call(arr(2, 3, away=0.2)), call(arr(away=0.2)), call(arr(0, 3))]
STEPS = arr(2, 3, values=((-4.1, -0.7, 0.2), (0.8, 1.9, 7.3)))
G23 = arr(2, 3)

op("relu(Tensor self) -> Tensor",
   doc="max(self, 0); NaN stays. The gradient at 0 is 0.",
   forms="function method inplace",
   pointwise="relu", promote="none",
   vjp={"self": "threshold_backward(grad, result, 0)"}, jvp=ELEMENTWISE, ref="ref.relu", samples=KINKED,
   errors=[(call(arr(2, dtype="complex128")), "RuntimeError", "relu: not implemented for dtype complex128")])

op("threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor",
   doc="self where it is above threshold, value elsewhere.",
   forms="function inplace",
   pointwise="threshold", promote="none",
   vjp={"self": "threshold_backward(grad, self, threshold)"}, jvp=ELEMENTWISE, ref="ref.threshold",
   samples=[call(STEPS, 0.5, -1.5), call(arr(away=0.2), 0, 2)])

op("threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
   doc="grad_output where self is above threshold, 0 elsewhere.",
   forms="internal",
   pointwise="threshold_backward", promote="arithmetic",
   vjp={"grad_output": "threshold_backward(grad, self, threshold)", "self": "zeros_like(grad)"},
   jvp=ELEMENTWISE, ref="ref.threshold_backward", samples=[call(G23, STEPS, 0.5), call(arr(), arr(away=0.2), 0)])

op("relu6(Tensor self) -> Tensor",
   doc="self limited to [0, 6]; the gradient at the limits is 0.",
   forms="function inplace",
   composite="hardtanh(self, 0, 6)", ref="ref.relu6", samples=[call(STEPS)])

op("hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor",
   doc="self limited to [min_val, max_val]; the gradient at the limits is 0.",
   forms="function inplace",
   pointwise="hardtanh", promote="none",
   vjp={"self": "where(logical_and(gt(self, min_val), lt(self, max_val)), grad, 0)"},
   jvp=ELEMENTWISE, ref="ref.hardtanh", samples=[call(STEPS), call(STEPS, -2, 0.5), call(arr(values=(0.3,)))])

op("leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor",
   doc="self above 0, negative_slope * self elsewhere.",
   forms="function inplace",
   pointwise="leaky_relu", promote="none",
   vjp={"self": "leaky_relu_backward(grad, self, negative_slope)"}, jvp=ELEMENTWISE, ref="ref.leaky_relu",
   samples=[*KINKED, call(arr(2, 3, away=0.2), 0.3)])

op("leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope) -> Tensor",
   doc="grad_output above 0, negative_slope * grad_output elsewhere.",
   forms="internal",
   pointwise="leaky_relu_backward", promote="arithmetic",
   vjp={"grad_output": "leaky_relu_backward(grad, self, negative_slope)", "self": "zeros_like(grad)"},
   jvp=ELEMENTWISE, ref="ref.leaky_relu_backward", samples=[call(G23, arr(2, 3, away=0.2), 0.3)])

op("elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor",
   doc="scale * self above 0, scale * alpha * (exp(input_scale * self) - 1) elsewhere.",
   forms="function inplace",
   pointwise="elu", promote="none",
   vjp={"self": "elu_backward(grad, self, alpha, scale, input_scale)"}, jvp=ELEMENTWISE, ref="ref.elu",
   samples=[*KINKED, call(arr(2, 3, away=0.2), 1.7, 0.9, 1.3)])

op("elu_backward(Tensor grad_output, Tensor self, Scalar alpha, Scalar scale, Scalar input_scale) -> Tensor",
   doc="The gradient of elu.",
   forms="internal",
   pointwise="elu_backward", promote="arithmetic",
   vjp={"grad_output": "elu_backward(grad, self, alpha, scale, input_scale)",
        "self": "where(gt(self, 0), 0, elu_backward(grad * grad_output, self, alpha, scale, input_scale) * input_scale)"},
   jvp=ELEMENTWISE, ref="ref.elu_backward", samples=[call(G23, arr(2, 3, away=0.2), 1.7, 0.9, 1.3)])

op("selu(Tensor self) -> Tensor",
   doc="elu with the constants of Klambauer et al. (2017), which keep mean 0 and variance 1.",
   forms="function inplace",
   composite="elu(self, 1.6732632423543772, 1.0507009873554805, 1)", ref="ref.selu", samples=KINKED)

op("celu(Tensor self, float alpha=1.0) -> Tensor",
   doc="max(0, self) + min(0, alpha * (exp(self / alpha) - 1)).",
   forms="function inplace",
   kernel="celu",
   vjp={"self": "elu_backward(grad, self, alpha, 1, 1 / alpha)"}, jvp=ELEMENTWISE, ref="ref.celu",
   samples=[*KINKED, call(arr(2, 3, away=0.2), 1.7)],
   errors=[(call(arr(2), 0.0), "RuntimeError", "celu: alpha")])

op("gelu(Tensor self, *, str approximate='none') -> Tensor",
   doc="self * Phi(self), Phi the normal distribution function; 'tanh' uses an approximation of it.",
   forms="function inplace",
   kernel="gelu",
   vjp={"self": "gelu_backward(grad, self, approximate=approximate)"}, jvp=ELEMENTWISE, ref="ref.gelu",
   samples=[*SMOOTH, call(arr(2, 3), approximate="tanh")],
   errors=[(call(arr(2), approximate="sin"), "RuntimeError", "approximate")])

op("gelu_backward(Tensor grad_output, Tensor self, *, str approximate='none') -> Tensor",
   doc="The gradient of gelu.",
   forms="internal",
   kernel="gelu_backward",
   vjp={"grad_output": "gelu_backward(grad, self, approximate=approximate)",
        "self": "grad * grad_output * gelu_curvature(self, approximate=approximate)"},
   jvp=ELEMENTWISE, ref="ref.gelu_backward", samples=[call(G23, G23), call(G23, G23, approximate="tanh")])

op("gelu_curvature(Tensor self, *, str approximate='none') -> Tensor",
   doc="The second derivative of gelu.",
   forms="internal",
   composite="gelu_tanh_curvature(self) if approximate == 'tanh' else gelu_erf_curvature(self)",
   ref="ref.gelu_curvature", samples=[call(G23), call(G23, approximate="tanh")])

op("silu(Tensor self) -> Tensor",
   doc="self * sigmoid(self).",
   forms="function inplace",
   pointwise="silu", promote="none",
   vjp={"self": "silu_backward(grad, self)"}, jvp=ELEMENTWISE, complex="holomorphic", ref="ref.silu", samples=SMOOTH)

op("silu_backward(Tensor grad_output, Tensor self) -> Tensor",
   doc="grad_output * conj(s * (1 + self * (1 - s))) with s = sigmoid(self).",
   forms="internal",
   pointwise="silu_backward", promote="arithmetic",
   vjp={"grad_output": "silu_backward(grad, conj(self))",
        "self": "conj(grad) * grad_output * conj(silu_curvature(self))"},
   jvp="silu_backward(grad_output_t, self) + grad_output * conj(silu_curvature(self) * self_t)",
   complex="custom", ref="ref.silu_backward", samples=[call(G23, G23), call(arr(), arr())])

op("mish(Tensor self) -> Tensor",
   doc="self * tanh(softplus(self)).",
   forms="function inplace",
   pointwise="mish", promote="none",
   vjp={"self": "mish_grad(grad, self)"}, jvp=ELEMENTWISE, ref="ref.mish", samples=SMOOTH)

op("softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor",
   doc="log(1 + exp(beta * self)) / beta, and self where beta * self > threshold.",
   forms="function",
   pointwise="softplus", promote="none",
   vjp={"self": "softplus_backward(grad, self, beta, threshold)"}, jvp=ELEMENTWISE, ref="ref.softplus",
   samples=[*SMOOTH, call(STEPS, 1.3, 2.0)])

op("softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor",
   doc="The gradient of softplus.",
   forms="internal",
   pointwise="softplus_backward", promote="arithmetic",
   vjp={"grad_output": "softplus_backward(grad, self, beta, threshold)",
        "self": "softplus_curvature(grad * grad_output, self, beta, threshold)"},
   jvp=ELEMENTWISE, ref="ref.softplus_backward", samples=[call(G23, G23, 1, 20), call(G23, STEPS, 1.3, 2.0)])

op("log_sigmoid(Tensor self) -> Tensor",
   doc="log(sigmoid(self)) without overflow.",
   forms="function",
   pointwise="log_sigmoid", promote="none",
   vjp={"self": "grad * sigmoid(-self)"}, jvp=ELEMENTWISE, ref="ref.log_sigmoid", samples=SMOOTH)

op("hardsigmoid(Tensor self) -> Tensor",
   doc="(self + 3) / 6 limited to [0, 1]; the gradient at the limits is 0.",
   forms="function inplace",
   pointwise="hardsigmoid", promote="none",
   vjp={"self": "where(logical_and(gt(self, -3), lt(self, 3)), grad / 6, 0)"},
   jvp=ELEMENTWISE, ref="ref.hardsigmoid", samples=[call(STEPS), call(arr()), call(arr(4, values=(-3.6, -2.6, 2.6, 3.6)))])

op("hardswish(Tensor self) -> Tensor",
   doc="self * hardsigmoid(self).",
   forms="function inplace",
   pointwise="hardswish", promote="none",
   vjp={"self": "where(le(self, -3), 0, where(ge(self, 3), grad, grad * (self / 3 + 0.5)))"},
   jvp=ELEMENTWISE, ref="ref.hardswish", samples=[call(STEPS), call(arr()), call(arr(4, values=(-3.6, -2.6, 2.6, 3.6)))])

op("softsign(Tensor self) -> Tensor",
   doc="self / (1 + |self|).",
   forms="function",
   composite="self / (abs(self) + 1)", ref="ref.softsign", samples=KINKED)

op("tanhshrink(Tensor self) -> Tensor",
   doc="self - tanh(self).",
   forms="function",
   composite="self - tanh(self)", complex="holomorphic", ref="ref.tanhshrink", samples=SMOOTH)

op("softshrink(Tensor self, Scalar lambd=0.5) -> Tensor",
   doc="self moved towards 0 by lambd, and 0 within lambd of it.",
   forms="function",
   kernel="softshrink",
   vjp={"self": "where(gt(abs(self), lambd), grad, 0)"},
   jvp=ELEMENTWISE, ref="ref.softshrink", samples=[call(STEPS), call(STEPS, 1.0)],
   errors=[(call(arr(2), -1.0), "RuntimeError", "softshrink: lambd")])

op("hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor",
   doc="self where |self| > lambd, 0 elsewhere.",
   forms="function method",
   pointwise="hardshrink", promote="none",
   vjp={"self": "where(gt(abs(self), lambd), grad, 0)"},
   jvp=ELEMENTWISE, ref="ref.hardshrink", samples=[call(STEPS), call(STEPS, 1.0)])

op("prelu(Tensor self, Tensor weight) -> Tensor",
   doc="self above 0, weight * self elsewhere; one weight, or one per channel (dimension 1).",
   forms="function method",
   composite="where(gt(self, 0), self, channel_weight(weight, self) * self)",
   ref="ref.prelu", samples=[call(arr(2, 3, away=0.2), arr(1)), call(arr(2, 3, away=0.2), arr(3)), call(arr(2, 3, 2, away=0.2), arr(3)), call(arr(away=0.2), arr(1))],
   errors=[(call(arr(2, 3), arr(2)), "RuntimeError", "do not broadcast")])

op("glu_half(Tensor self, int dim) -> int",
   doc="Half the size of dim, which must be even.",
   forms="internal", kernel="glu_half", vjp=NONDIFF, ref="ref.glu_half", samples=[call(arr(2, 4), -1)])

op("glu(Tensor self, int dim=-1) -> Tensor",
   doc="The first half of dim times the sigmoid of the second.",
   forms="function",
   composite="glu_halves(self, dim)", complex="holomorphic",
   ref="ref.glu", samples=[call(arr(2, 4)), call(arr(4, 3), 0)],
   errors=[(call(arr(2, 3)), "RuntimeError", "glu")])
