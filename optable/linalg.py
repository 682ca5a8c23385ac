"""Matrix products. Layer: optable (data only). Decompositions and solvers are not here yet."""

from optable.samples import arr, call, idx
from optable.spec import MULTILINEAR, op

op("mm(Tensor self, Tensor mat2) -> Tensor",
   doc="Matrix product of (n, k) and (k, m).",
   forms="function method out", kernel="mm",
   vjp={"self": "mm(grad, adjoint(mat2))", "mat2": "mm(adjoint(self), grad)"},
   jvp=MULTILINEAR, complex="holomorphic", ref="ref.mm", sign="@",
   samples=[call(arr(2, 3), arr(3, 4)), call(arr(1, 3), arr(3, 1)), call(arr(0, 3), arr(3, 2)), call(arr(2, 0), arr(0, 3))],
   errors=[(call(arr(2, 3), arr(2, 3)), "RuntimeError", "mm: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
           (call(arr(2), arr(2, 3)), "RuntimeError", "must be a matrix"),
           (call(arr(2, 2), idx([[1, 2], [3, 4]])), "RuntimeError", "same dtype")])

op("bmm(Tensor self, Tensor mat2) -> Tensor",
   doc="Matrix products of a batch: (b, n, k) and (b, k, m).",
   forms="function method out", kernel="bmm",
   vjp={"self": "bmm(grad, adjoint(mat2))", "mat2": "bmm(adjoint(self), grad)"},
   jvp=MULTILINEAR, complex="holomorphic", ref="ref.bmm", sign="@",
   samples=[call(arr(2, 2, 3), arr(2, 3, 4)), call(arr(0, 2, 3), arr(0, 3, 1)), call(arr(1, 1, 2), arr(1, 2, 1))],
   errors=[(call(arr(2, 2, 3), arr(3, 3, 4)), "RuntimeError", "bmm: batch"),
           (call(arr(2, 3), arr(3, 4)), "RuntimeError", "3-dimensional")])

op("mv(Tensor self, Tensor vec) -> Tensor",
   doc="Product of a matrix (n, k) and a vector (k,).",
   forms="function method out", kernel="mv",
   vjp={"self": "outer(grad, conj(vec))", "vec": "mv(adjoint(self), grad)"},
   jvp=MULTILINEAR, complex="holomorphic", ref="ref.mv", sign="@",
   samples=[call(arr(2, 3), arr(3)), call(arr(0, 3), arr(3)), call(arr(2, 0), arr(0))],
   errors=[(call(arr(2, 3), arr(2)), "RuntimeError", "mv: size mismatch"), (call(arr(2), arr(2)), "RuntimeError", "must be a matrix")])

op("dot(Tensor self, Tensor tensor) -> Tensor",
   doc="Sum of products of two vectors of one length; nothing is conjugated.",
   forms="function method out", kernel="dot",
   vjp={"self": "grad * conj(tensor)", "tensor": "grad * conj(self)"},
   jvp=MULTILINEAR, complex="holomorphic", ref="ref.dot", sign="@",
   samples=[call(arr(3), arr(3)), call(arr(0), arr(0)), call(arr(1), arr(1))],
   errors=[(call(arr(3), arr(2)), "RuntimeError", "dot: inconsistent tensor size"), (call(arr(2, 2), arr(2)), "RuntimeError", "1D tensors")])

op("vdot(Tensor self, Tensor other) -> Tensor",
   doc="Sum of products of two vectors, the first conjugated.",
   forms="function method", composite="dot(conj(self), other)", complex="custom", ref="numpy.vdot",
   samples=[call(arr(3), arr(3)), call(arr(1), arr(1))])

op("outer(Tensor self, Tensor vec2) -> Tensor",
   doc="All products of the elements of two vectors: (n, m).",
   forms="function method", aliases=("ger",), composite="outer_product(self, vec2)", complex="holomorphic",
   ref="numpy.outer", samples=[call(arr(2), arr(3)), call(arr(0), arr(3))],
   errors=[(call(arr(2, 2), arr(3)), "RuntimeError", "outer")])

op("inner(Tensor self, Tensor other) -> Tensor",
   doc="Sums of products over the last dims of both.",
   forms="function method",
   composite="self * other if self.ndim == 0 or other.ndim == 0 else inner_product(self, other)",
   complex="holomorphic", ref="numpy.inner", samples=[call(arr(3), arr(3)), call(arr(2, 3), arr(4, 3)), call(arr(), arr(3)),
            call(arr(3), arr()), call(arr(2, 2, 3), arr(3)), call(arr(2, 0), arr(3, 0))])

op("matmul_nd(Tensor self, Tensor other) -> Tensor",
   doc="Matrix products of the last two dims, the others broadcast; both have at least 2 dims.",
   forms="internal", kernel="matmul_nd",
   vjp={"self": "matmul_nd(grad, adjoint(other))", "other": "matmul_grad_other(grad, self, other.ndim)"},
   jvp=MULTILINEAR, complex="holomorphic", ref="ref.matmul_nd", sign="@", node="Matmul",
   samples=[call(arr(2, 2, 3), arr(3, 4)), call(arr(2, 1, 2, 3), arr(3, 3, 2)), call(arr(2, 3), arr(2, 3, 2)),
            call(arr(0, 2, 3), arr(3, 2)), call(arr(2, 2, 0), arr(0, 3))],
   errors=[(call(arr(2, 2, 3), arr(2, 4)), "RuntimeError", "matmul")])

op("matmul(Tensor self, Tensor other) -> Tensor",
   doc="Matrix product: vectors, matrices, or batches of matrices with broadcasting.",
   forms="function method out __matmul__ __rmatmul__", composite="matmul_any(self, other)", complex="holomorphic",
   ref="numpy.matmul", sign="@",
   samples=[call(arr(3), arr(3)), call(arr(2, 3), arr(3)), call(arr(3), arr(3, 2)), call(arr(2, 3), arr(3, 2)),
            call(arr(2, 2, 3), arr(3, 2)), call(arr(3), arr(2, 3, 2)), call(arr(2, 2, 3), arr(3)), call(arr(2, 1, 2, 3), arr(3, 3, 2))],
   errors=[(call(arr(), arr(3)), "RuntimeError", "at least 1D"), (call(arr(2, 3), arr(2, 3)), "RuntimeError", "cannot be multiplied")])

op("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   doc="``beta * self + alpha * (mat1 @ mat2)``; self broadcasts to (n, m), and is not read if beta is 0.",
   forms="function method inplace out", kernel="addmm",
   vjp={"self": "times_conj(grad, beta)", "mat1": "times_conj(mm(grad, adjoint(mat2)), alpha)",
        "mat2": "times_conj(mm(adjoint(mat1), grad), alpha)"},
   jvp="self_t * beta + mm(mat1_t, mat2) * alpha + mm(mat1, mat2_t) * alpha", complex="holomorphic", ref="ref.addmm", sign="+@",
   samples=[call(arr(2, 4), arr(2, 3), arr(3, 4)), call(arr(4), arr(2, 3), arr(3, 4), beta=0.5, alpha=2), call(arr(), arr(2, 3), arr(3, 4)),
            call(arr(2, 1), arr(2, 0), arr(0, 4), beta=2)],
   errors=[(call(arr(2, 4), arr(2, 3), arr(2, 4)), "RuntimeError", "cannot be multiplied"),
           (call(arr(3, 4), arr(2, 3), arr(3, 4)), "RuntimeError", "addmm")])

op("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   doc="``beta * self + alpha * (batch1 @ batch2)`` for batches of matrices.",
   forms="function method inplace out", kernel="baddbmm",
   vjp={"self": "times_conj(grad, beta)", "batch1": "times_conj(bmm(grad, adjoint(batch2)), alpha)",
        "batch2": "times_conj(bmm(adjoint(batch1), grad), alpha)"},
   jvp="self_t * beta + bmm(batch1_t, batch2) * alpha + bmm(batch1, batch2_t) * alpha", complex="holomorphic", ref="ref.baddbmm", sign="+@",
   samples=[call(arr(2, 2, 4), arr(2, 2, 3), arr(2, 3, 4)), call(arr(4), arr(2, 2, 3), arr(2, 3, 4), beta=0.5, alpha=2)])

op("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   doc="``beta * self + alpha * (mat @ vec)``.",
   forms="function method inplace out",
   composite="squeeze_dim(addmm(unsqueeze(self, -1), mat, unsqueeze(vec, -1), beta=beta, alpha=alpha), -1)",
   complex="holomorphic", ref="ref.addmv", samples=[call(arr(2), arr(2, 3), arr(3)), call(arr(2), arr(2, 3), arr(3), beta=2, alpha=0.5)])

op("addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   doc="``beta * self + alpha * outer(vec1, vec2)``.",
   forms="function method inplace out",
   composite="addmm(self, unsqueeze(vec1, -1), unsqueeze(vec2, 0), beta=beta, alpha=alpha)",
   complex="holomorphic", ref="ref.addr", samples=[call(arr(2, 3), arr(2), arr(3)), call(arr(2, 3), arr(2), arr(3), beta=2, alpha=0.5)])

op("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   doc="``beta * self + alpha * sum of (batch1[i] @ batch2[i])``.",
   forms="function method inplace out",
   composite="addmm(self, reshape(permute(batch1, [1, 0, 2]), [batch1.shape[1], batch1.shape[0] * batch1.shape[2]]), "
             "reshape(batch2, [batch2.shape[0] * batch2.shape[1], batch2.shape[2]]), beta=beta, alpha=alpha)",
   complex="holomorphic", ref="ref.addbmm", samples=[call(arr(2, 4), arr(3, 2, 5), arr(3, 5, 4)), call(arr(4), arr(3, 2, 3), arr(3, 3, 4), beta=2)])

op("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
   doc="``input @ weight.T + bias``: input (*, k), weight (m, k), bias (m,), result (*, m).",
   forms="function", kernel="linear",
   vjp={"input": "matmul(grad, conj(weight))", "weight": "linear_grad_weight(grad, input)", "bias": "grad"},
   jvp="linear(input_t, weight) + linear(input, weight_t) if bias is None else "
       "linear(input_t, weight) + linear(input, weight_t) + bias_t", complex="holomorphic", ref="ref.linear",
   samples=[call(arr(2, 3), arr(4, 3), arr(4)), call(arr(2, 2, 3), arr(4, 3), arr(4)), call(arr(3), arr(4, 3), arr(4)),
            call(arr(0, 3), arr(4, 3), arr(4)),
            call(arr(2, 3), arr(4, 3)), call(arr(2, 2, 3), arr(4, 3)), call(arr(2, 0), arr(4, 0), arr(4)),
            call(arr(2, 2, 1, 3), arr(4, 3))],
   errors=[(call(arr(2, 3), arr(4, 2), arr(4)), "RuntimeError", "linear: input of shape (2, 3)"),
           (call(arr(2, 3), arr(4, 3), arr(3)), "RuntimeError", "linear: bias")])
