"""Variances, norms, logsumexp and softmax. Layer: optable (data only)."""

from __future__ import annotations

from optable.reduce import BAD_DIM, BAD_DIMS, over_dims, twice
from optable.samples import arr, call, idx
from optable.spec import op

NOT_FLOAT = (call(idx([1, 2])), "RuntimeError", "std and var only support floating point and complex dtypes")

SPREADS = [
    call(arr(2, 3, 4), [1]), call(arr(2, 3, 4), [0, -1], keepdim=True), call(arr(2, 3)), call(arr(5), None, correction=0),
    call(arr(2, 5), [1], correction=0.5), call(arr(2, 3), [], correction=2), call(arr(3, 1), [1], correction=0),
]  # fmt: skip
SPREADS_ROOT = SPREADS[:-1]  # a root has no derivative at 0

_GRAD = "var_grad({g}, self, dim, correction, keepdim)"
_TANGENT = "var_tangent(self_t, self, dim, correction, keepdim)"
for _name, _doc, _rule, _tangent in (
    ("var", "Variance", _GRAD, _TANGENT),
    ("std", "Standard deviation", _GRAD.replace("{g}", "half_over({g}, {r})"), f"half_over({_TANGENT}, {{r}})"),
):
    op(f"{_name}(Tensor self, bool unbiased=True) -> Tensor",
       doc=f"{_doc} of all elements, divided by n - 1, or n if not unbiased.",
       composite=f"{_name}_correction(self, None, correction=1 if unbiased else 0)", ref=f"ref.{_name}_all",
       samples=[call(arr(2, 3)), call(arr(4), False)], errors=[NOT_FLOAT])
    op(f"{_name}.dim(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> Tensor",
       doc=f"{_doc} over some dims.",
       composite=f"{_name}_correction(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)",
       ref=f"ref.{_name}_dim", samples=[call(arr(2, 3), [1]), call(arr(2, 3), [0], False, True)],
       errors=[BAD_DIMS])
    op(f"{_name}.correction(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor",
       doc=f"{_doc} over some dims, divided by n - correction (1 for None). The value is real for complex numbers.",
       forms="function method out", kernel=f"{_name}_correction",
       vjp={"self": _rule.format(g="grad", r="result")}, jvp=_tangent.format(r="result"),
       complex="custom", ref=f"ref.{_name}_correction", node=_name.capitalize(),
       samples=SPREADS if _name == "var" else SPREADS_ROOT, errors=[NOT_FLOAT, BAD_DIMS, twice(_name)])
    op(f"{_name}_mean.correction(Tensor self, int[]? dim=None, *, Scalar? correction=None, bool keepdim=False)"
       f" -> (Tensor {_name}, Tensor mean)",
       doc=f"{_doc} and mean over some dims.",
       forms="function", kernel=f"{_name}_mean_correction",
       vjp={"self": _rule.format(g="grads[0]", r=_name)
                    + " + spread(grads[1] / reduced_numel(self.shape, dim), self.shape, dim, keepdim)"},
       jvp={_name: _tangent.format(r=_name), "mean": "mean_dim(self_t, dim, keepdim)"},
       complex="custom", ref=f"ref.{_name}_mean_correction", node=f"{_name.capitalize()}Mean",
       samples=SPREADS if _name == "var" else SPREADS_ROOT, errors=[NOT_FLOAT, BAD_DIMS])
    op(f"{_name}_mean(Tensor self, bool unbiased=True) -> (Tensor {_name}, Tensor mean)",
       doc=f"{_doc} and mean of all elements.",
       forms="function", composite=f"{_name}_mean_correction(self, None, correction=1 if unbiased else 0)",
       ref=f"ref.{_name}_mean_all", samples=[call(arr(2, 3)), call(arr(4), False)], errors=[NOT_FLOAT])
    op(f"{_name}_mean.dim(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False)"
       f" -> (Tensor {_name}, Tensor mean)",
       doc=f"{_doc} and mean over some dims.",
       forms="function",
       composite=f"{_name}_mean_correction(self, dim, correction=1 if unbiased else 0, keepdim=keepdim)",
       ref=f"ref.{_name}_mean_dim", samples=[call(arr(2, 3), [1]), call(arr(2, 3), [0], False, True)])

# ----------------------------------------------------------------------------------------- norms

BAD_NORM_DIM = (call(arr(2, 3), 2.0, [2]), "IndexError", "Dimension out of range")

op("linalg_vector_norm(Tensor self, float ord=2.0, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
   doc="The vector norm over some dims: (sum of |x|^ord)^(1/ord); 0 counts nonzeros, inf and -inf are the"
       " largest and smallest |x|. Real for complex numbers; a zero vector has gradient 0.",
   forms="function out", kernel="linalg_vector_norm",
   vjp={"self": "norm_grad(grad, self, result, ord, dim, keepdim)"},
   jvp="norm_tangent(self_t, self, result, ord, dim, keepdim)", complex="custom", ref="ref.linalg_vector_norm",
   samples=[call(arr(2, 3)), call(arr(2, 3), 2.0, [1]), call(arr(2, 3, away=0.2), 1.0, [0], True), call(arr(2, 3), 0.0, [1]),
            call(arr(2, 3, distinct=True, away=0.1), float("inf"), [1]), call(arr(2, 3, distinct=True, away=0.1), float("-inf"), [0]),
            call(arr(2, 3, away=0.2), 0.5, [1]), call(arr(2, 3, away=0.2), 1.5), call(arr(2, 3, away=0.2), 3.0, [0, 1]),
            call(arr(2, 3, away=0.2), -1.5, [1]), call(arr(away=0.2), 2.0), call(arr(2, 0), 2.0, [0]),
            call(arr(2, 3, away=0.3), 3.5)],
   errors=[(call(idx([1, 2])), "RuntimeError", "linalg.vector_norm: Expected a floating point or complex tensor"),
           (call(arr(0), float("inf")), "RuntimeError", "does not have an identity"), BAD_NORM_DIM])

op("norm(Tensor self, float p=2.0, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
   doc="The vector norm over some dims, as linalg.vector_norm.",
   composite="linalg_vector_norm(self, p, dim, keepdim, dtype=dtype)", ref="ref.linalg_vector_norm",
   samples=[call(arr(2, 3)), call(arr(2, 3, away=0.2), 1.0, [0], True), call(arr(2, 3, away=0.2), 3.0)],
   errors=[(call(idx([1, 2])), "RuntimeError", "Expected a floating point or complex tensor"), BAD_NORM_DIM])

# ----------------------------------------------------------------------------- logsumexp, softmax

op("logsumexp(Tensor self, int[]? dim, bool keepdim=False) -> Tensor",
   doc="log(sum(exp(self))) over some dims without overflow; integers give float32.",
   forms="function method out", kernel="logsumexp",
   vjp={"self": "unsqueeze_dims(grad, self.shape, dim, keepdim)"
                " * conj(exp(self - unsqueeze_dims(result, self.shape, dim, keepdim)))"},
   jvp="sum_dim(exp(self - unsqueeze_dims(result, self.shape, dim, keepdim)) * self_t, dim, keepdim)",
   complex="holomorphic", ref="ref.logsumexp", samples=over_dims(), errors=[BAD_DIMS, twice("logsumexp")])

SOFTMAX = [call(arr(2, 3), 1), call(arr(2, 3), 0), call(arr(2, 3, 4), -2), call(arr(5), -1), call(arr(), 0),
           call(arr(2, 0), 1)]
SOFTMAX_ERRORS = [BAD_DIM, (call(idx([1, 2]), 0), "NotImplementedError", "not implemented for 'Long'")]

op("softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor",
   doc="exp(self) divided by its sum along a dim; dtype= converts first.",
   kernel="softmax", vjp={"self": "softmax_backward_data(grad, result, dim)"},
   jvp="softmax_backward_data(self_t, result, dim)", ref="ref.softmax", samples=SOFTMAX,
   errors=SOFTMAX_ERRORS)

op("log_softmax(Tensor self, int dim, dtype? dtype=None) -> Tensor",
   doc="self - logsumexp(self) along a dim; dtype= converts first.",
   kernel="log_softmax", vjp={"self": "log_softmax_backward_data(grad, result, dim)"},
   jvp="self_t - sum_dim(exp(result) * self_t, [dim], True)", ref="ref.log_softmax", samples=SOFTMAX,
   errors=SOFTMAX_ERRORS)

GRADS = [call(arr(2, 3), arr(2, 3, lo=0.1, hi=0.5), 1), call(arr(3, 2), arr(3, 2, lo=0.1, hi=0.5), 0), call(arr(), arr(), 0)]
UNEQUAL = [(call(arr(2, 3), arr(3), 0), "RuntimeError", "the shapes must be equal")]

op("softmax_backward_data(Tensor grad_output, Tensor output, int dim) -> Tensor",
   doc="output * (grad_output - sum(output * grad_output)): the gradient of softmax from its result.",
   forms="internal", kernel="softmax_backward_data",
   vjp={"grad_output": "softmax_backward_data(grad, output, dim)",
        "output": "softmax_grad_output(grad, grad_output, output, dim)"},
   jvp="softmax_backward_data(grad_output_t, output, dim) + softmax_output_tangent(output_t, grad_output, output, dim)",
   ref="ref.softmax_backward_data", node="SoftmaxBackward", samples=GRADS, errors=UNEQUAL)

op("log_softmax_backward_data(Tensor grad_output, Tensor output, int dim) -> Tensor",
   doc="grad_output - exp(output) * sum(grad_output): the gradient of log_softmax from its result.",
   forms="internal", kernel="log_softmax_backward_data",
   vjp={"grad_output": "grad - sum_dim(grad * exp(output), [dim], True)",
        "output": "-grad * exp(output) * sum_dim(grad_output, [dim], True)"},
   jvp="log_softmax_backward_data(grad_output_t, output, dim) - exp(output) * output_t * sum_dim(grad_output, [dim], True)",
   ref="ref.log_softmax_backward_data", node="LogSoftmaxBackward", samples=GRADS, errors=UNEQUAL)
