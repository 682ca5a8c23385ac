"""Running sums, products and extremes along a dim. Layer: optable (data only).

Sorting, ranks, unique and searches are in sort.py, imported at the end.
"""

from __future__ import annotations

from optable.samples import arr, call, idx
from optable.spec import LINEAR, op

BAD_DIM = (call(arr(2, 3), 2), "IndexError", "Dimension out of range")


def along(*more, **options):
    """Calls along every kind of dim."""
    return [
        call(arr(2, 3, **options), 1), call(arr(2, 3, **options), 0), call(arr(2, 3, 2, **options), -2),
        call(arr(4, **options), -1), call(arr(**options), 0), *more,
    ]  # fmt: skip


op("cumsum(Tensor self, int dim, *, dtype? dtype=None) -> Tensor",
   doc="Running sums along a dim; integers and bool give int64, dtype= converts first.",
   forms="function method inplace out", kernel="cumsum",
   vjp={"self": "cumsum_reversed(grad, dim)"}, jvp=LINEAR, complex="holomorphic", ref="ref.cumsum",
   samples=along(call(arr(0, 3), 0), call(arr(2, 0), 1)), errors=[BAD_DIM])

op("cumprod(Tensor self, int dim, *, dtype? dtype=None) -> Tensor",
   doc="Running products along a dim; integers and bool give int64, dtype= converts first.",
   forms="function method inplace out", kernel="cumprod",
   vjp={"self": "cumprod_backward(grad, conj(self), dim)"}, jvp="cumprod_dual(self, self_t, dim)",
   complex="holomorphic", ref="ref.cumprod",
   samples=along(call(arr(5, values=(2.0, 0.0, -1.5, 0.0, 3.0)), 0), call(arr(0, 3), 0)), errors=[BAD_DIM])

ZEROS = arr(5, values=(2.0, 0.0, -1.5, 0.0, 3.0))

op("cumprod_backward(Tensor grad_output, Tensor self, int dim) -> Tensor",
   doc="The transposed derivative of cumprod, in linear time and right at zeros.",
   forms="internal", kernel="cumprod_backward",
   vjp={"grad_output": "cumprod_dual(conj(self), grad, dim)",
        "self": "cumprod_curvature(conj(self), grad, conj(grad_output), dim)"},
   jvp="cumprod_backward(grad_output_t, self, dim) + cumprod_curvature(self, self_t, grad_output, dim)",
   complex="holomorphic", ref="ref.cumprod_backward",
   samples=[call(arr(2, 3), arr(2, 3), 1), call(arr(3, 2), arr(3, 2), 0), call(arr(), arr(), 0), call(arr(5), ZEROS, 0)])

op("cumprod_dual(Tensor self, Tensor tangent, int dim) -> Tensor",
   doc="The derivative of cumprod along a tangent, in linear time.",
   forms="internal", kernel="cumprod_dual",
   vjp={"self": "cumprod_curvature(conj(self), conj(tangent), grad, dim)",
        "tangent": "cumprod_backward(grad, conj(self), dim)"},
   jvp="cumprod_dual(self, tangent_t, dim) + cumprod_second_tangent(self, tangent, self_t, dim)",
   complex="holomorphic", ref="ref.cumprod_dual",
   samples=[call(arr(2, 3), arr(2, 3), 1), call(arr(3, 2), arr(3, 2), 0), call(arr(), arr(), 0), call(ZEROS, arr(5), 0)])

op("logcumsumexp(Tensor self, int dim) -> Tensor",
   doc="Running log(sum(exp(self))) along a dim, without overflow.",
   forms="function method out", kernel="logcumsumexp",
   vjp={"self": "logcumsumexp_backward(grad, self, result, dim)"},
   jvp="logcumsumexp_dual(self_t, self, result, dim)", ref="ref.logcumsumexp", samples=along(),
   errors=[BAD_DIM, (call(idx([1, 2]), 0), "NotImplementedError", "not implemented for 'Long'")])

op("logcumsumexp_backward(Tensor grad_output, Tensor self, Tensor output, int dim) -> Tensor",
   doc="At j: the sum over i >= j of grad_output[i] * exp(self[j] - output[i]).",
   forms="internal", kernel="logcumsumexp_backward",
   vjp={"grad_output": "logcumsumexp_dual(grad, self, output, dim)", "self": "grad * result",
        "output": "-grad_output * logcumsumexp_dual(grad, self, output, dim)"},
   jvp="logcumsumexp_backward(grad_output_t - grad_output * output_t, self, output, dim) + self_t * result",
   ref="ref.logcumsumexp_backward",
   samples=[call(arr(2, 3), arr(2, 3), arr(2, 3), 1), call(arr(3, 2), arr(3, 2), arr(3, 2), 0), call(arr(), arr(), arr(), 0)])

op("logcumsumexp_dual(Tensor tangent, Tensor self, Tensor output, int dim) -> Tensor",
   doc="At i: the sum over j <= i of tangent[j] * exp(self[j] - output[i]).",
   forms="internal", kernel="logcumsumexp_dual",
   vjp={"tangent": "logcumsumexp_backward(grad, self, output, dim)",
        "self": "tangent * logcumsumexp_backward(grad, self, output, dim)", "output": "-grad * result"},
   jvp="logcumsumexp_dual(tangent_t + tangent * self_t, self, output, dim) - result * output_t",
   ref="ref.logcumsumexp_dual",
   samples=[call(arr(2, 3), arr(2, 3), arr(2, 3), 1), call(arr(3, 2), arr(3, 2), arr(3, 2), 0), call(arr(), arr(), arr(), 0)])

for _name, _word in (("cummax", "largest"), ("cummin", "smallest")):
    op(f"{_name}(Tensor self, int dim) -> (Tensor values, Tensor indices)",
       doc=f"The {_word} element so far along a dim and where it is last; a NaN stays.",
       forms="function method out", kernel=_name, nondiff_outputs=("indices",),
       vjp={"self": "index_grad(grad, self, dim, indices, True)"},
       jvp={"values": "index_tangent(self_t, dim, indices, True)"}, ref=f"ref.{_name}",
       samples=along(distinct=True), errors=[BAD_DIM])

import optable.sort  # noqa: E402, F401
