"""Changes of rules that change no gradient, with the reason: {place: {change: reason}}.

A place is an entry's rule or a formula. A change is `before -> after`, or `in <expression>` for every
change inside that expression. test_rule_mutants_are_caught.py fails when all that a line stands for is
caught, so the list holds nothing superfluous.
"""

REAL = "for real numbers the other side gives the same: conj and real leave them as they are"
SAME_PLACE = "decides the same way: the result lies beside the limit exactly where the argument does"
GUARD = "read only to decide where the argument is 0, isolated points"
SHAPE = "only the shape is read, and both have the same"
COPY = "a choice between view and copy: the values are the same"
CHECK = "read by a check of the arguments only; the tests of errors cover it"
SHORTCUT = "a shortcut: the general way gives the same"
TIES = "differs only where elements are equal, which has no derivative to compare with"
BROADCAST = "a 0-d gradient broadcasts the same way"
PROMOTES = "a count of another dtype: it promotes to the same result, which is float64 here"
HINT = "a hint, which changes no value"

DENSE = "tensors and tangents are dense here, from offset 0; tests/ops/test_forward_mode.py has others"
AS_STRIDED_VIEW = (
    "as_strided_of(self_t, size, stride, storage_offset - base_offset + offset_of(self_t), base_stride, "
    "offset_of(self_t))"
)
AS_STRIDED_COPY = "as_strided_gather(self_t, self.shape, base_stride, base_offset, size, stride, storage_offset)"

COMPLEX_VIEW = "self_t if strides_of(self_t) == strides_of(self) else contiguous(self_t)"

EQUIVALENT: dict[str, dict[str, str]] = {
    "view_as_complex.jvp": {
        f"{COMPLEX_VIEW} -> self_t": COPY,
        f"{COMPLEX_VIEW} -> contiguous(self_t)": COPY,
        "in strides_of(self_t) == strides_of(self)": COPY,
    },
    "as_strided_of.jvp": {
        f"{AS_STRIDED_VIEW} if strides_of(self_t) == base_stride else {AS_STRIDED_COPY} -> {AS_STRIDED_VIEW}": COPY,
        f"{AS_STRIDED_VIEW} if strides_of(self_t) == base_stride else {AS_STRIDED_COPY} -> {AS_STRIDED_COPY}": COPY,
        "in strides_of(self_t) == base_stride": COPY,
        f"in {AS_STRIDED_COPY}": DENSE,
        f"in {AS_STRIDED_VIEW}": DENSE,
    },
    # ---- pointwise
    "pow.vjp[exponent]": {"exponent -> result": GUARD},
    "float_power.vjp[exponent]": {"exponent -> result": GUARD},
    "xlogy.vjp[self]": {"self -> other": GUARD},
    "maximum.vjp[self]": {"other -> result": SAME_PLACE},
    "minimum.vjp[self]": {"other -> result": SAME_PLACE},
    "fmax.vjp[self]": {"other -> result": SAME_PLACE},
    "fmax.vjp[other]": {"other -> result": SAME_PLACE},
    "fmin.vjp[self]": {"other -> result": SAME_PLACE},
    "fmin.vjp[other]": {"other -> result": SAME_PLACE},
    "clamp_min.vjp[self]": {"min -> result": SAME_PLACE},
    "clamp_min.vjp[min]": {"min -> result": SAME_PLACE},
    "clamp_max.vjp[self]": {"max -> result": SAME_PLACE},
    "clamp_max.vjp[max]": {"max -> result": SAME_PLACE},
    "abs.jvp": {
        "real(self_t * conj(sgn(self))) if self.is_complex else self_t * sgn(self) -> "
        "real(self_t * conj(sgn(self)))": REAL,
    },
    "angle.jvp": {
        "real(self_t * conj(angle_slope(self))) if self.is_complex else zeros_like(self_t) -> "
        "real(self_t * conj(angle_slope(self)))": "the slope of a real number's angle is 0",
    },
    "conj.composite": {"conj_physical(self) if self.is_complex else self -> conj_physical(self)": REAL},
    "logit.vjp[self]": {
        "grad / (self * (1 - self)) if eps is None else where(logit_mask(self, eps), grad / (self * (1 - self)), 0) -> "
        "where(logit_mask(self, eps), grad / (self * (1 - self)), 0)": "without eps the mask is all of [0, 1]",
    },
    "formulas.times_conj": {"if grad.is_complex -> if True": REAL},
    "formulas.pow_grad_exponent": {
        "if grad.is_complex -> if True": GUARD,
        "if grad.is_complex -> if False": "only avoids comparing complex numbers, which NumPy does and kernels refuse",
    },
    "formulas.xlogy_grad_self": {
        "if grad.is_complex -> if True": GUARD,
        "grad -> self": "a complex argument makes the gradient complex; only the way of comparing with 0 depends on it",
    },
    "formulas.sgn_grad": {
        "if not self.is_complex -> if False": "the general way gives 0 for a real number",
        "self -> result": "result has the dtype of self",
    },
    "formulas.angle_grad": {"if not self.is_complex -> if False": "the slope of a real number's angle is 0"},
    # ---- activation
    "relu.vjp[self]": {"result -> self": SAME_PLACE},
    "hardtanh.vjp[self]": {"self -> result": SAME_PLACE},
    "leaky_relu.vjp[self]": {"self -> result": SAME_PLACE},
    "hardswish.vjp[self]": {"self -> result": SAME_PLACE},
    "hardshrink.vjp[self]": {"self -> result": SAME_PLACE},
    "formulas.channel_weight": {
        "in weight.numel == 1": SHORTCUT,
        "-1 -> 1": "dim 1 is the last one when the first dim is added, and every later one is like it",
    },
    # ---- reduce, scan, sort
    "max.vjp[self]": {"False -> True": BROADCAST},
    "min.vjp[self]": {"False -> True": BROADCAST},
    "median.vjp[self]": {"False -> True": BROADCAST},
    "nanmedian.vjp[self]": {"False -> True": BROADCAST},
    "cummax.vjp[self]": {"self -> values": SHAPE},
    "cummin.vjp[self]": {"self -> values": SHAPE},
    "sort.vjp[self]": {"self -> values": SHAPE},
    "sort_stable.vjp[self]": {"self -> values": SHAPE},
    "formulas.unsqueeze_dims": {
        "if keepdim or len(shape) == 0 -> if False": SHORTCUT,
        "in keepdim or len(shape) == 0": SHORTCUT,
    },
    "formulas.extreme_grad": {
        "in unsqueeze_dims(grad, self.shape, dims, keepdim) / sum_dim(hit, dims, True)": TIES,
    },
    "formulas.extreme_tangent": {
        "in sum_dim(where(hit, self_t, 0), dims, keepdim) / sum_dim(hit, dims, keepdim)": TIES
    },
    "formulas.index_grad": {"if self.ndim == 0 -> if False": "references treat 0-d arrays as one element"},
    "formulas.index_tangent": {"if self_t.ndim == 0 -> if False": "references treat 0-d arrays as one element"},
    "formulas.var_tangent": {"self -> self_t": SHAPE},
    "formulas.norm_slope": {
        "if p == 1.0 -> if False": SHORTCUT,
        "if p == 2.0 -> if False": SHORTCUT,
        "sgn(self) / sum_dim(hit, dims, True) -> sgn(self)": TIES,
        "sum_dim(hit, dims, True) -> hit": TIES,
        "if p < 1.0 -> if True": "the same slope, written for zeros among the elements",
        "if p < 1.0 -> if False": "the same slope, written for zeros among the elements",
        "in p < 1.0": "the same slope, written for zeros among the elements",
        "if p < 2.0 -> if True": "the same slope, written for zeros among the elements",
        "if p < 2.0 -> if False": "the same slope, written for zeros among the elements",
        "in p < 2.0": "the same slope, written for zeros among the elements",
        "2.0 -> 4.0": SHORTCUT,
    },
    "formulas.cumsum_reversed": {"if t.ndim == 0 -> if False": "references treat 0-d arrays as one element"},
    "formulas.prod_third": {"self -> s": SHAPE},
    "formulas.cumprod_curvature": {"self -> t": SHAPE},
    "formulas.cumprod_second_tangent": {"self -> s": SHAPE},
    # ---- index
    "formulas.scatter_by": {
        "'prod' if reduce == 'multiply' else reduce -> 'prod'": "any other word is an error, which scatter_reduce raises",
    },
    "formulas.scatter_counts": {"ones_like(self) -> self": "the places that nothing is scattered to are never read"},
    "formulas.scatter_zero_sum": {
        "scatter_add(where(eq(self, 0), self, 0), dim, index, where(eq(src, 0), src, 0)) -> where(eq(self, 0), self, 0)": "zeros add up to 0: only second derivatives tell them apart, and they are checked",
    },
    "formulas.others_product": {"nonzero_or_one(self) -> self": GUARD},
    # ---- shape, join
    "reshape.composite": {
        "in view(self, shape) if can_view(self, shape) else unsafe_view(contiguous_copy(self), shape)": COPY,
    },
    "contiguous.composite": {"in self if is_contiguous(self) else contiguous_copy(self)": COPY},
    "mH.composite": {
        "conj(transpose(self, matrix_dim(self.ndim), -1)) if self.is_complex else "
        "transpose(self, matrix_dim(self.ndim), -1) -> conj(transpose(self, matrix_dim(self.ndim), -1))": REAL,
    },
    "H.composite": {
        "mH(t(self)) if self.ndim < 2 else conj(t(self)) if self.is_complex else t(self) -> "
        "conj(t(self)) if self.is_complex else t(self)": "fewer than 2 dims are an error, which mH raises",
        "in mH(t(self))": "fewer than 2 dims are an error, which mH raises",
        "conj(t(self)) if self.is_complex else t(self) -> conj(t(self))": REAL,
    },
    "narrow.composite": {"length -> dim": CHECK},
    "chunk.composite": {
        "split(self, chunk_size(self.shape, chunks, dim), dim) if chunk_size(self.shape, chunks, dim) > 0 else "
        "slices(self, chunk_bounds(self.shape, chunks, dim), dim) -> "
        "slices(self, chunk_bounds(self.shape, chunks, dim), dim)": SHORTCUT,
        "0 -> 1": SHORTCUT,
    },
    "repeat_interleave_self_tensor.composite": {"output_size -> dim": HINT},
    "trace.vjp[self]": {
        "expand(grad, [diagonal_length(self.shape)]) -> grad": "the reference of diagonal_backward broadcasts",
    },
    "real.composite": {
        "select(view_as_real(self), -1, 0) if self.is_complex else self -> select(view_as_real(self), -1, 0)": REAL,
    },
    "as_strided_scatter.composite": {"self -> src": "passed on for the gradient of as_strided_scatter_of only"},
    # ---- linalg
    "matmul_nd.vjp[other]": {"other -> result": "only whether there are 2 dims is read; a batch takes the general way"},
    "addmv.composite": {"-1 -> 1": "dim 1 is the last one of a column"},
    "addr.composite": {"-1 -> 1": "dim 1 is the last one of a column"},
    "addbmm.composite": {"batch1 -> batch2": "the first sizes are equal"},
    "formulas.matmul_any": {
        "if self.ndim == 2 and other.ndim == 2 -> if False": SHORTCUT,
        "if self.ndim == 2 and other.ndim == 1 -> if False": SHORTCUT,
        "in self.ndim == 2 and other.ndim == 2": SHORTCUT,
        "in self.ndim == 2 and other.ndim == 1": SHORTCUT,
    },
    "formulas.matmul_grad_other": {"if ndim == 2 -> if False": SHORTCUT},
    "formulas.linear_grad_weight": {
        "if input.ndim == 2 -> if False": SHORTCUT,
        "input -> grad": "input and gradient have equally many dims",
    },
    # ---- nn
    "formulas.cross_entropy_rows": {
        "_to_copy(ne(target, ignore_index), grad.dtype) -> ne(target, ignore_index)": PROMOTES,
        "grad -> target": PROMOTES,
    },
    "formulas.cross_entropy_reduce": {
        "_to_copy(ne(target, ignore_index), rows.dtype) -> ne(target, ignore_index)": PROMOTES,
        "rows -> target": PROMOTES,
    },
}
