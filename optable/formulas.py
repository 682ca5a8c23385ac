"""Helpers a derivative rule may call, each written in table operations. Layer: optable.

codegen turns every function here into C++ (annotations give the C++ types); the spec tests run the
same text over NumPy. Allowed inside: assignments, if/else, return, for over range, calls of table
operations and of each other, arithmetic, and the attributes shape, ndim, numel, dtype, is_complex.
"""
# The bodies are source for the generator: names of operations are resolved there.
# ruff: noqa: F821
# mypy: ignore-errors

from __future__ import annotations

import ast
import inspect
import sys
import types


def _signatures() -> dict[str, ast.FunctionDef]:
    tree = ast.parse(inspect.getsource(sys.modules[__name__]))
    found = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}
    assert all(isinstance(globals()[name], types.FunctionType) for name in found)
    return found


# ---- reduce, scan


def unsqueeze_dims(t: Tensor, shape: IntVec, dims: OptIntVec, keepdim: bool) -> Tensor:
    """Give a reduced tensor its reduced dims back, as size 1."""
    if keepdim or len(shape) == 0:
        return t
    return reshape(t, keepdim_shape(shape, dims))


def spread(t: Tensor, shape: IntVec, dims: OptIntVec, keepdim: bool) -> Tensor:
    """A reduced tensor repeated over the dims that were reduced."""
    return expand(unsqueeze_dims(t, shape, dims, keepdim), shape)


def extreme_grad(grad: Tensor, self: Tensor, result: Tensor, dims: OptIntVec, keepdim: bool) -> Tensor:
    """The gradient of a largest or smallest value, shared evenly by all elements that attain it."""
    hit = eq(self, unsqueeze_dims(result, self.shape, dims, keepdim))
    return where(hit, unsqueeze_dims(grad, self.shape, dims, keepdim) / sum_dim(hit, dims, True), 0)


def extreme_tangent(self_t: Tensor, self: Tensor, result: Tensor, dims: OptIntVec, keepdim: bool) -> Tensor:
    """The mean tangent of the elements that attain the extreme value."""
    hit = eq(self, unsqueeze_dims(result, self.shape, dims, keepdim))
    return sum_dim(where(hit, self_t, 0), dims, keepdim) / sum_dim(hit, dims, keepdim)


def index_grad(grad: Tensor, self: Tensor, dim: int, indices: Tensor, keepdim: bool) -> Tensor:
    """The gradient of elements taken along a dim: each goes back to where its element was."""
    if self.ndim == 0:
        return grad
    if keepdim:
        return scatter_add(zeros_of(self, self.shape), dim, indices, grad)
    return scatter_add(zeros_of(self, self.shape), dim, unsqueeze(indices, dim), unsqueeze(grad, dim))


def index_tangent(self_t: Tensor, dim: int, indices: Tensor, keepdim: bool) -> Tensor:
    """The tangents of elements taken along a dim."""
    if self_t.ndim == 0:
        return self_t
    if keepdim:
        return gather(self_t, dim, indices)
    return reshape(gather(self_t, dim, unsqueeze(indices, dim)), indices.shape)


def var_grad(grad: Tensor, self: Tensor, dims: OptIntVec, correction: OptScalar, keepdim: bool) -> Tensor:
    """2 / (n - correction) * (self - mean) times the gradient of the variance."""
    factor = var_factor(reduced_numel(self.shape, dims), correction)
    return unsqueeze_dims(grad, self.shape, dims, keepdim) * factor * (self - mean_dim(self, dims, True))


def var_tangent(self_t: Tensor, self: Tensor, dims: OptIntVec, correction: OptScalar, keepdim: bool) -> Tensor:
    """The tangent of the variance; deviations sum to 0, so the mean's own tangent drops out."""
    factor = var_factor(reduced_numel(self.shape, dims), correction)
    return sum_dim(real(conj(self - mean_dim(self, dims, True)) * self_t), dims, keepdim) * factor


def half_over(t: Tensor, result: Tensor) -> Tensor:
    """t / (2 result), and 0 where result is 0: from a variance to its root."""
    return where(eq(result, 0), 0, t / (2 * result))


def norm_slope(self: Tensor, norm: Tensor, p: float, dims: OptIntVec) -> Tensor:
    """The derivative of a p-norm (reduced dims kept), times the direction of self; 0 at a zero vector."""
    if p == 0.0:
        return zeros_like(self)
    if p == 1.0:
        return sgn(self)
    if p == 2.0:
        return where(eq(norm, 0), 0, self / norm)
    if p == inf or p == -inf:
        hit = eq(abs(self), norm)
        return where(hit, sgn(self) / sum_dim(hit, dims, True), 0)
    if p < 1.0:
        return where(eq(self, 0), 0, sgn(self) * pow(abs(self), p - 1)) * pow(norm, 1 - p)
    if p < 2.0:
        return where(eq(norm, 0), 0, sgn(self) * pow(abs(self), p - 1) / pow(norm, p - 1))
    return where(eq(norm, 0), 0, self * pow(abs(self), p - 2) / pow(norm, p - 1))


def norm_grad(grad: Tensor, self: Tensor, result: Tensor, p: float, dims: OptIntVec, keepdim: bool) -> Tensor:
    """The gradient of a p-norm."""
    slope = norm_slope(self, unsqueeze_dims(result, self.shape, dims, keepdim), p, dims)
    return unsqueeze_dims(grad, self.shape, dims, keepdim) * slope


def norm_tangent(self_t: Tensor, self: Tensor, result: Tensor, p: float, dims: OptIntVec, keepdim: bool) -> Tensor:
    """The tangent of a p-norm."""
    slope = norm_slope(self, unsqueeze_dims(result, self.shape, dims, keepdim), p, dims)
    return sum_dim(real(conj(slope) * self_t), dims, keepdim)


def softmax_grad_output(grad: Tensor, grad_output: Tensor, output: Tensor, dim: int) -> Tensor:
    """The gradient of softmax_backward_data for `output`."""
    inner = sum_dim(output * grad_output, [dim], True)
    return grad * (grad_output - inner) - grad_output * sum_dim(grad * output, [dim], True)


def softmax_output_tangent(output_t: Tensor, grad_output: Tensor, output: Tensor, dim: int) -> Tensor:
    """The tangent of softmax_backward_data along `output`."""
    inner = sum_dim(output * grad_output, [dim], True)
    return output_t * (grad_output - inner) - output * sum_dim(output_t * grad_output, [dim], True)


def cumsum_reversed(t: Tensor, dim: int) -> Tensor:
    """Sums from each element to the end of the dim."""
    if t.ndim == 0:
        return t
    return flip(cumsum(flip(t, [dim]), dim), [dim])


def prod_third(self: Tensor, s: Tensor, t: Tensor, dim: int) -> Tensor:
    """The third derivative of the product along a dim, applied to s and t; it is symmetric."""
    if self.ndim == 0:
        return zeros_like(self)
    others = rows_without_each(transpose(self, dim, -1), 1.0)
    s_rows = rows_without_each(transpose(s, dim, -1), 0.0)
    t_rows = rows_without_each(transpose(t, dim, -1), 0.0)
    return transpose(sum_dim(t_rows * prod_others_dual(others, s_rows, -1), [-1]), dim, -1)


def cumprod_curvature(self: Tensor, t: Tensor, g: Tensor, dim: int) -> Tensor:
    """The gradient for self of the sum of g times the tangent of cumprod along t."""
    if self.ndim == 0:
        return zeros_like(self)
    rows = rows_of_prefixes(transpose(self, dim, -1), 1.0)
    t_rows = rows_of_prefixes(transpose(t, dim, -1), 0.0)
    slopes = unsqueeze(transpose(g, dim, -1), -1) * prod_others_dual(rows, t_rows, -1)
    return transpose(sum_dim(tril(slopes), [-2]), dim, -1)


def cumprod_second_tangent(self: Tensor, s: Tensor, t: Tensor, dim: int) -> Tensor:
    """The second derivative of cumprod along s and t."""
    if self.ndim == 0:
        return zeros_like(self)
    rows = rows_of_prefixes(transpose(self, dim, -1), 1.0)
    s_rows = rows_of_prefixes(transpose(s, dim, -1), 0.0)
    t_rows = rows_of_prefixes(transpose(t, dim, -1), 0.0)
    return transpose(sum_dim(s_rows * prod_others_dual(rows, t_rows, -1), [-1]), dim, -1)


# ---- pointwise


def times_conj(grad: Tensor, factor: Scalar) -> Tensor:
    """grad * conj(factor) for a number."""
    if grad.is_complex:
        return conj(conj(grad) * factor)
    return grad * factor


def pow_grad_exponent(grad: Tensor, self: Operand, exponent: Operand, result: Tensor) -> Tensor:
    """The gradient of self ** exponent for the exponent; 0 at 0 ** exponent unless that is infinite."""
    slope = grad * conj(xlogy(result, self))
    if grad.is_complex:
        return where(eq(self, 0), 0, slope)
    return where(logical_and(eq(self, 0), ge(exponent, 0)), 0, slope)


def xlogy_grad_self(grad: Tensor, self: Operand, other: Operand) -> Tensor:
    """grad * log(other), and 0 where self is 0 and the logarithm is not finite."""
    if grad.is_complex:
        return conj(xlogy(conj(grad), other))
    return where(logical_and(eq(self, 0), le(other, 0)), 0, xlogy(grad, other))


def sgn_grad(grad: Tensor, self: Tensor, result: Tensor) -> Tensor:
    """The part of grad across self, over |self|; 0 for real numbers and at 0."""
    if not self.is_complex:
        return zeros_like(grad)
    size = abs(self)
    return where(eq(size, 0), 0, (grad - result * real(grad * conj(result))) / size)


def angle_slope(self: Tensor) -> Tensor:
    """i * self / |self|^2, the direction in which the angle grows; 0 at 0."""
    size = abs(self)
    return where(eq(size, 0), 0, complex(-imag(self), real(self)) / (size * size))


def angle_grad(grad: Tensor, self: Tensor) -> Tensor:
    """The gradient of angle: 0 for real numbers."""
    if not self.is_complex:
        return zeros_like(grad)
    return grad * angle_slope(self)


def sinc_grad(grad: Tensor, self: Tensor, result: Tensor) -> Tensor:
    """The derivative of sinc is (cos(pi x) - sinc(x)) / x, 0 at 0."""
    return where(eq(self, 0), 0, grad * conj((cos(self * 3.141592653589793) - result) / self))


def ratio_or_zero(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 where b is 0."""
    return where(eq(b, 0), 0, a / b)


# ---- activation


def silu_curvature(self: Tensor) -> Tensor:
    """The second derivative of silu."""
    s = sigmoid(self)
    return s * (1 - s) * (2 + self * (1 - 2 * s))


def mish_grad(grad: Tensor, self: Tensor) -> Tensor:
    """The gradient of mish."""
    t = tanh(softplus(self))
    return grad * (t + self * sigmoid(self) * (1 - t * t))


def softplus_curvature(grad: Tensor, self: Tensor, beta: Scalar, threshold: Scalar) -> Tensor:
    """grad times the second derivative of softplus."""
    x = self * beta
    s = sigmoid(x)
    return where(gt(x, threshold), 0, grad * beta * (s * (1 - s)))


def gelu_erf_curvature(self: Tensor) -> Tensor:
    """The second derivative of gelu: (2 - x^2) times the normal density."""
    square = self * self
    return (2 - square) * (0.3989422804014327 * exp(-0.5 * square))


def gelu_tanh_curvature(self: Tensor) -> Tensor:
    """The second derivative of gelu's approximation x/2 (1 + tanh(u)), u = c (x + k x^3)."""
    square = self * self
    t = tanh(0.7978845608028654 * (self + 0.044715 * square * self))
    u1 = 0.7978845608028654 + 0.10703222440890037 * square
    u2 = 0.21406444881780073 * self
    return (1 - t * t) * (u1 + 0.5 * self * (u2 - 2 * t * u1 * u1))


def channel_weight(weight: Tensor, self: Tensor) -> Tensor:
    """prelu's weight shaped to broadcast with self: one number, or one for each index of dim 1."""
    if weight.numel == 1:
        return reshape(weight, [])
    for _ in range(self.ndim - 2):
        weight = unsqueeze(weight, -1)
    return weight


def glu_halves(self: Tensor, dim: int) -> Tensor:
    """The first half of dim times the sigmoid of the second."""
    half = glu_half(self, dim)
    return narrow(self, dim, 0, half) * sigmoid(narrow(self, dim, half, half))


# ---- shape


def diagonal_copy(self: Tensor, offset: int) -> Tensor:
    """A copy of the diagonal of a matrix."""
    return contiguous_copy(diagonal(self, offset, 0, 1))


def interleave(self: Tensor, repeats: int, dim: int) -> Tensor:
    """Every index along a dim repeated: a new dim after it, expanded and merged."""
    apart = unsqueeze(self, dim if dim < 0 else dim + 1)
    many = expand(apart, interleave_shape(self.shape, repeats, dim))
    return unsafe_view(contiguous_copy(many), interleaved_shape(self.shape, repeats, dim))


def interleave_by(self: Tensor, repeats: Tensor, dim: int, output_size: OptInt) -> Tensor:
    """Each index along a dim repeated by its own count."""
    return index_select(self, dim, repeat_indices(repeats, self.shape[dim], output_size))


# ---- index


def embedding_grad_grad(grad: Tensor, indices: Tensor, padding_idx: int, scale_grad_by_freq: bool) -> Tensor:
    """The rows of grad that an embedding's gradient went to, weighted as it was."""
    factor = embedding_factor(indices, padding_idx, scale_grad_by_freq)
    return embedding(grad, indices) * unsqueeze(factor, -1)


def take_along(self: Tensor, indices: Tensor, dim: OptInt) -> Tensor:
    """gather, with all dims but `dim` broadcast; without a dim on the flattened tensors."""
    if dim is None:
        return gather(flatten(self), 0, flatten(indices))
    return gather(expand_around(self, indices.shape, dim), dim, expand_around(indices, self.shape, dim))


def scatter_by(self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str) -> Tensor:
    """scatter with reduce="add" or "multiply", in the words of scatter_reduce."""
    if reduce == "add":
        return scatter_add(self, dim, index, src)
    return scatter_reduce(self, dim, index, src, "prod" if reduce == "multiply" else reduce)


def scatter_counts(self: Tensor, dim: int, index: Tensor, src: Tensor, include_self: bool) -> Tensor:
    """How many values meet at each place, at least 1."""
    start = ones_like(self) if include_self else scatter_value(ones_like(self), dim, index, 0)
    return scatter_add(start, dim, index, ones_like(src))


def nonzero_or_one(self: Tensor) -> Tensor:
    """self with 1 in place of 0."""
    return where(eq(self, 0), 1, self)


def scatter_zeros(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """How many zeros meet at each place."""
    mine = where(eq(self, 0), ones_like(self), 0)
    return scatter_add(mine, dim, index, where(eq(src, 0), ones_like(src), 0))


def scatter_zero_sum(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """The sum of the zeros that meet at each place: 0, but it has derivatives."""
    return scatter_add(where(eq(self, 0), self, 0), dim, index, where(eq(src, 0), src, 0))


def others_product(self: Tensor, product: Tensor, zeros: Tensor, zero_sum: Tensor) -> Tensor:
    """The product of all values of a place but this one, right up to its first derivative.

    product is that of the nonzero values. Two zeros beside self make it 0 with its derivatives.
    """
    of_zero = where(eq(zeros, 1), product, where(eq(zeros, 2), (zero_sum - self) * product, 0))
    rest = product / nonzero_or_one(self)
    return where(eq(self, 0), of_zero, where(eq(zeros, 0), rest, where(eq(zeros, 1), zero_sum * rest, 0)))


def scatter_product(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """The product of the nonzero values that meet at each place."""
    return scatter_reduce(nonzero_or_one(self), dim, index, nonzero_or_one(src), "prod")


def scatter_slope_self(
    self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool
) -> Tensor:
    """The derivative of scatter_reduce for self, element by element."""
    if not include_self:
        return scatter_value(ones_like(self), dim, index, 0)
    if reduce == "sum":
        return ones_like(self)
    if reduce == "mean":
        return 1 / scatter_counts(self, dim, index, src, include_self)
    if reduce == "prod":
        product = scatter_product(self, dim, index, src)
        zeros = scatter_zeros(self, dim, index, src)
        return others_product(self, product, zeros, scatter_zero_sum(self, dim, index, src))
    return scatter_extreme(self, dim, index, src, reduce, True, False)


def scatter_slope_src(
    self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool
) -> Tensor:
    """The derivative of scatter_reduce for the values that the index reads."""
    if reduce == "sum":
        return ones_like(corner(src, index.shape))
    if reduce == "mean":
        return 1 / gather(scatter_counts(self, dim, index, src, include_self), dim, index)
    if reduce == "prod":
        start = self if include_self else scatter_value(self, dim, index, 1)
        product = gather(scatter_product(start, dim, index, src), dim, index)
        zeros = gather(scatter_zeros(start, dim, index, src), dim, index)
        zero_sum = gather(scatter_zero_sum(start, dim, index, src), dim, index)
        return others_product(corner(src, index.shape), product, zeros, zero_sum)
    return scatter_extreme(self, dim, index, src, reduce, include_self, True)


# C++ functions of csrc/kernels/shape_helpers.h (shapes, views, joins); twins in tests/reference.
NATIVE_HELPERS = {
    "check_matmul", "check_vectors",
    "as_dims", "keepdim_shape", "reduced_numel", "var_factor",
    "can_view", "chunk_bounds", "chunk_size", "diag_ndim", "diagonal_length", "even_sections",
    "flatten_shape", "hsplit_dim", "hstack_dim", "index_bounds", "interleave_shape",
    "interleaved_shape", "inverse_permutation", "is_contiguous", "join_shape", "list_shapes",
    "matrix_dim", "movedim_order", "narrow_start", "needs_ndim", "negated", "offset_of",
    "repeat_shape", "reversed_dims", "section_bounds", "sizes_bounds", "split_bounds",
    "strides_of", "tile_repeats", "tile_shape", "unflatten_shape", "value_or",
}  # fmt: skip

# ---- linalg


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of the last two dims."""
    return conj(transpose(x, -2, -1))


def outer_product(self: Tensor, vec2: Tensor) -> Tensor:
    """Two vectors as a column and a row, multiplied."""
    check_vectors(self.ndim, vec2.ndim)
    return unsqueeze(self, 1) * vec2


def inner_product(self: Tensor, other: Tensor) -> Tensor:
    """Rows of both against each other."""
    left = flatten(unsqueeze(self, 0), 0, -2)
    right = flatten(unsqueeze(other, 0), 0, -2)
    flat = mm(left, transpose(right, 0, 1))
    return reshape(flat, self.shape[:-1] + other.shape[:-1])


def matmul_any(self: Tensor, other: Tensor) -> Tensor:
    """The product that the numbers of dims ask for."""
    if self.ndim == 2 and other.ndim == 2:
        return mm(self, other)
    if self.ndim == 1 and other.ndim == 1:
        return dot(self, other)
    if self.ndim == 2 and other.ndim == 1:
        return mv(self, other)
    check_matmul(self.ndim, other.ndim)
    if self.ndim == 1:
        return squeeze_dim(matmul_nd(unsqueeze(self, 0), other), -2)
    if other.ndim == 1:
        return squeeze_dim(matmul_nd(self, unsqueeze(other, 1)), -1)
    return matmul_nd(self, other)


def matmul_grad_other(grad: Tensor, self: Tensor, ndim: int) -> Tensor:
    """The gradient of the right factor; a shared matrix takes one product over all rows."""
    if ndim == 2:
        return mm(adjoint(flatten(self, 0, -2)), flatten(grad, 0, -2))
    return matmul_nd(adjoint(self), grad)


def linear_grad_weight(grad: Tensor, input: Tensor) -> Tensor:
    """grad^T @ conj(input) over all rows."""
    if input.ndim == 2:
        return mm(transpose(grad, 0, 1), conj(input))
    rows = flatten(unsqueeze(input, 0), 0, -2)
    return mm(transpose(flatten(unsqueeze(grad, 0), 0, -2), 0, 1), conj(rows))


# ---- nn


def cross_entropy_residual(self: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """softmax - one_hot, per row; ignored rows are scaled away by the callers."""
    safe = unsqueeze(where(eq(target, ignore_index), 0, target), 1)
    return softmax(self, 1) - scatter_value(zeros_like(self), 1, safe, 1)


def cross_entropy_rows(grad: Tensor, target: Tensor, reduction: int, ignore_index: int) -> Tensor:
    """What each row's loss contributes to the result, times grad: shape (n, 1)."""
    kept = _to_copy(ne(target, ignore_index), grad.dtype)
    if reduction == 1:
        return unsqueeze(grad * kept / sum(kept), 1)
    return unsqueeze(grad * kept, 1)


def cross_entropy_reduce(rows: Tensor, target: Tensor, reduction: int, ignore_index: int) -> Tensor:
    """Rows of losses (n,) to the result of the given reduction."""
    kept = _to_copy(ne(target, ignore_index), rows.dtype)
    if reduction == 0:
        return rows * kept
    total = sum(rows * kept)
    if reduction == 1:
        return total / sum(kept)
    return total


def softmax_slope(t: Tensor, p: Tensor) -> Tensor:
    """The Jacobian of softmax over dim 1 (symmetric) applied to t."""
    return p * (t - sum_dim(t * p, [1], True))


SIGNATURES = _signatures()
