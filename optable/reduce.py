"""Sums, products, counts and extremes over dims. Layer: optable (data only).

Moments, norms, logsumexp and softmax are in reduce_moments.py, imported at the end.
A list of dims that is None or empty stands for all dims, unless an entry says otherwise.
"""

from __future__ import annotations

from optable.samples import arr, call, idx
from optable.spec import LINEAR, NONDIFF, op

NAN = float("nan")
ALL = [call(arr(2, 3)), call(arr()), call(arr(4)), call(arr(2, 3, 2))]
BAD_DIM = (call(arr(2, 3), 2), "IndexError", "Dimension out of range")
BAD_DIMS = (call(arr(2, 3), [2]), "IndexError", "Dimension out of range")


def twice(name: str):
    """A dim given two times."""
    return (call(arr(2, 3), [0, -2]), "RuntimeError", f"{name}: dim -2 appears multiple times")


def over_dims(*more, **options):
    """Calls with every kind of dim list and keepdim."""
    return [
        call(arr(2, 3, 4, **options), [1]), call(arr(2, 3, 4, **options), [0, -1]), call(arr(2, 3, 4, **options), [1], True),
        call(arr(2, 3, **options), None), call(arr(2, 3, **options), [], True), call(arr(2, 3, **options), [-2]),
        call(arr(**options), [0]), call(arr(**options), [-1], True), *more,
    ]  # fmt: skip


def over_dim(*more, **options):
    """Calls with one dim."""
    return [
        call(arr(2, 3, 4, **options), 1), call(arr(2, 3, 4, **options), -1, True), call(arr(3, **options), 0),
        call(arr(2, 3, **options), 0, False), call(arr(**options), 0), call(arr(**options), -1, True), *more,
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------- sums

op("sum(Tensor self, *, dtype? dtype=None) -> Tensor",
   doc="Sum of all elements. Integers and bool are added as int64; dtype= converts first.",
   kernel="sum", vjp={"self": "expand(grad, self.shape)"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.sum_all", samples=[*ALL, call(arr(0, 3))])

op("sum.dim(Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
   doc="Sum over some dims.",
   forms="function method out",
   kernel="sum_dim", vjp={"self": "spread(grad, self.shape, dim, keepdim)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.sum_dim", node="Sum",
   samples=over_dims(call(arr(0, 3), [0]), call(arr(0, 3), [1])), errors=[BAD_DIMS, twice("sum")])

op("mean(Tensor self, *, dtype? dtype=None) -> Tensor",
   doc="Mean of all elements, which must be floating point or complex; NaN for none.",
   kernel="mean", vjp={"self": "expand(grad / self.numel, self.shape)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.mean_all", samples=ALL,
   errors=[(call(idx([1, 2])), "RuntimeError", "mean: could not infer output dtype")])

op("mean.dim(Tensor self, int[]? dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
   doc="Mean over some dims.",
   forms="function method out",
   kernel="mean_dim",
   vjp={"self": "spread(grad / reduced_numel(self.shape, dim), self.shape, dim, keepdim)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.mean_dim", node="Mean", samples=over_dims(call(arr(2, 0), [0])),
   errors=[BAD_DIMS, twice("mean"), (call(idx([1, 2]), [0]), "RuntimeError", "mean: could not infer output dtype")])

op("nansum(Tensor self, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
   doc="Sum over some dims, NaN counting as 0. Not for complex numbers.",
   forms="function method out",
   kernel="nansum", vjp={"self": "where(isnan(self), 0, spread(grad, self.shape, dim, keepdim))"},
   jvp="nansum(where(isnan(self), 0, self_t), dim, keepdim, dtype=dtype)", ref="ref.nansum",
   samples=over_dims(call(arr(2, 3, values=((1.5, NAN, 0.3), (NAN, -0.7, 1.1))), [1])), errors=[BAD_DIMS, (call(arr(2, dtype="complex128")), "RuntimeError", "nansum: got ComplexDouble")])

op("nanmean(Tensor self, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
   doc="Mean over some dims of the elements that are not NaN; NaN where there is none.",
   composite="nansum(self, dim, keepdim, dtype=dtype) / sum_dim(logical_not(isnan(self)), dim, keepdim)",
   ref="ref.nanmean", samples=over_dims())

op("sum_to_size(Tensor self, int[] size) -> Tensor",
   doc="Sum over the dims in which `size` is 1 or missing: the gradient of expand.",
   forms="method", kernel="sum_to_size", vjp={"self": "expand(grad, self.shape)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.sum_to_size",
   samples=[call(arr(2, 3), [3]), call(arr(2, 3), [2, 1]), call(arr(2, 3), []), call(arr(2, 3), [2, 3]),
            call(arr(4, 2, 3), [1, 3]), call(arr(2, 1, 3), [1, 1]), call(arr(0, 3), [1, 3])],
   errors=[(call(arr(2, 3), [4]), "RuntimeError", "sum_to_size: size (4,) is not expandable to (2, 3)")])

# --------------------------------------------------------------------------------------- products

op("prod(Tensor self, *, dtype? dtype=None) -> Tensor",
   doc="Product of all elements; integers and bool give int64.",
   kernel="prod",
   vjp={"self": "grad * conj(reshape(prod_others(reshape(self, [-1]), 0), self.shape))"},
   jvp="sum(reshape(self_t, [-1]) * prod_others(reshape(self, [-1]), 0))", complex="holomorphic",
   ref="ref.prod_all",
   samples=[*ALL, call(arr(3, values=(2.0, 0.0, -1.5))), call(arr(4, values=(2.0, 0.0, 0.0, -1.5)))])

op("prod.dim(Tensor self, int dim, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
   doc="Product along one dim.",
   forms="function method out", kernel="prod_dim",
   vjp={"self": "unsqueeze_dims(grad, self.shape, [dim], keepdim) * conj(prod_others(self, dim))"},
   jvp="sum_dim(self_t * prod_others(self, dim), [dim], keepdim)", complex="holomorphic",
   ref="ref.prod_dim", node="Prod",
   samples=over_dim(call(arr(2, 3, values=((2.0, 0.0, -1.5), (0.0, 0.0, 3.0))), 1)), errors=[BAD_DIM])

op("prod_others(Tensor self, int dim) -> Tensor",
   doc="For every element the product of the others along a dim: the derivative of prod, zeros or not.",
   forms="internal", kernel="prod_others", vjp={"self": "prod_others_dual(conj(self), grad, dim)"},
   jvp="prod_others_dual(self, self_t, dim)", complex="holomorphic", ref="ref.prod_others",
   samples=[call(arr(2, 4), 1), call(arr(4, 2), 0), call(arr(), 0), call(arr(1, 3), 0),
            call(arr(2, 3, values=((2.0, 0.0, -1.5), (0.0, 0.0, 3.0))), -1), call(arr(2, 0), 1)])

op("prod_others_dual(Tensor self, Tensor tangent, int dim) -> Tensor",
   doc="The derivative of prod_others along a tangent, a symmetric form: the second derivative of prod.",
   forms="internal", kernel="prod_others_dual",
   vjp={"self": "prod_third(conj(self), conj(tangent), grad, dim)",
        "tangent": "prod_others_dual(conj(self), grad, dim)"},
   jvp="prod_others_dual(self, tangent_t, dim) + prod_third(self, tangent, self_t, dim)",
   complex="holomorphic", ref="ref.prod_others_dual",
   samples=[call(arr(2, 4), arr(2, 4), 1), call(arr(4, 2), arr(4, 2), 0), call(arr(), arr(), 0),
            call(arr(4, values=(2.0, 0.0, -1.5, 0.0)), arr(4), 0)])

op("rows_without_each(Tensor self, float value) -> Tensor",
   doc="(..., n) to (..., n, n): row i is self with its element i replaced by `value`.",
   forms="internal", kernel="rows_without_each",
   vjp={"self": "sum_dim(grad, [-2]) - diagonal(grad, 0, -2, -1)"}, jvp="rows_without_each(self_t, 0.0)",
   complex="holomorphic", ref="ref.rows_without_each",
   samples=[call(arr(3), 1.0), call(arr(2, 3), 0.0), call(arr(2, 1), 1.0)])

op("rows_of_prefixes(Tensor self, float value) -> Tensor",
   doc="(..., n) to (..., n, n): row i is self up to element i, and `value` from there on.",
   forms="internal", kernel="rows_of_prefixes",
   vjp={"self": "sum_dim(tril(grad), [-2])"}, jvp="rows_of_prefixes(self_t, 0.0)",
   complex="holomorphic", ref="ref.rows_of_prefixes",
   samples=[call(arr(3), 1.0), call(arr(2, 3), 0.0), call(arr(2, 1), 1.0)])

# ----------------------------------------------------------------------------------- counts, truth

op("count_nonzero(Tensor self, int[]? dim=None) -> Tensor",
   doc="How many elements are not zero (NaN is not), as int64.",
   kernel="count_nonzero", vjp=NONDIFF, ref="ref.count_nonzero",
   samples=[call(idx([[0, 1, 2], [0, 0, 3]])), call(idx([[0, 1, 2], [0, 0, 3]]), [1]), call(arr(2, 3), [0, 1]), call(arr())],
   errors=[BAD_DIMS])

for _name, _doc in (("any", "Is any element not zero?"), ("all", "Is every element not zero?")):
    op(f"{_name}(Tensor self) -> Tensor",
       doc=f"{_doc} bool, or uint8 for uint8.",
       kernel=_name, vjp=NONDIFF, ref=f"ref.{_name}_dims",
       samples=[call(idx([[0, 1, 2], [0, 0, 3]])), call(arr(2, 3)), call(arr()), call(arr(0, 3)), call(idx([True, False], "bool")),
                call(idx([3, 4], "uint8"))])
    op(f"{_name}.dim(Tensor self, int dim, bool keepdim=False) -> Tensor",
       doc=f"{_doc} Along one dim.",
       forms="function method out", kernel=f"{_name}_dim", vjp=NONDIFF, ref=f"ref.{_name}_dim",
       samples=[call(idx([[0, 1, 2], [0, 0, 3]]), 0), call(idx([[0, 1, 2], [0, 0, 3]]), -1, True), call(arr(), 0)],
       errors=[BAD_DIM])
    op(f"{_name}.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
       doc=f"{_doc} Over some dims; an empty list reduces nothing, None everything.",
       forms="function method out", kernel=f"{_name}_dims", vjp=NONDIFF, ref=f"ref.{_name}_dims",
       samples=[call(idx([[0, 1, 2], [0, 0, 3]]), [0, 1]), call(idx([[0, 1, 2], [0, 0, 3]]), [], True),
                call(idx([[0, 1, 2], [0, 0, 3]]), None, True)],
       errors=[BAD_DIMS, twice(_name)])

# --------------------------------------------------------------------------------------- extremes

for _name, _other, _word in (("max", "maximum", "largest"), ("min", "minimum", "smallest")):
    op(f"{_name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
       doc=f"The {_word} elements along a dim and where they are first; a NaN wins.",
       forms="function method out", kernel=f"{_name}_dim", node=f"{_name.capitalize()}Backward0",
       nondiff_outputs=("indices",), vjp={"self": "index_grad(grad, self, dim, indices, keepdim)"},
       jvp={"values": "index_tangent(self_t, dim, indices, keepdim)"}, ref=f"ref.{_name}_dim",
       samples=over_dim(distinct=True),
       errors=[BAD_DIM, (call(arr(0, 3), 0), "IndexError", f"{_name}: dimension 0 of (0, 3) has no elements")])
    op(f"{_name}(Tensor self) -> Tensor",
       doc=f"The {_word} element; NaN if there is one. Ties share the gradient evenly.",
       kernel=_name, node=f"{_name.capitalize()}Backward1", vjp={"self": "extreme_grad(grad, self, result, None, False)"},
       jvp="extreme_tangent(self_t, self, result, None, False)", ref=f"ref.a{_name}",
       samples=[call(arr(2, 3, distinct=True)), call(arr()), call(arr(4, distinct=True))],
       errors=[(call(arr(0)), "RuntimeError", f"{_name}: Expected reduction dim to be specified"),
               (call(arr(2, dtype="complex128")), "NotImplementedError", "not implemented for 'ComplexDouble'")])
    op(f"{_name}.other(Tensor self, Tensor other) -> Tensor",
       doc=f"Element by element, as torch.{_other}.",
       forms="function method out", composite=f"{_other}(self, other)", ref=f"numpy.{_other}",
       samples=[call(arr(2, 3, distinct=True), arr(3)), call(arr(), arr(2))])
    op(f"a{_name}(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
       doc=f"The {_word} elements over some dims; NaN wins. Ties share the gradient evenly.",
       forms="function method out", kernel=f"a{_name}",
       vjp={"self": "extreme_grad(grad, self, result, dim, keepdim)"},
       jvp="extreme_tangent(self_t, self, result, dim, keepdim)", ref=f"ref.a{_name}",
       samples=over_dims(distinct=True),
       errors=[BAD_DIMS, twice(f"a{_name}"), (call(arr(0, 3), [0]), "IndexError", "has no elements"),
               (call(arr(0)), "RuntimeError", f"a{_name}: Expected reduction dim to be specified")])
    op(f"arg{_name}(Tensor self, int? dim=None, bool keepdim=False) -> Tensor",
       doc=f"Where the {_word} element is first, along a dim or in the flattened tensor; a NaN wins.",
       forms="function method out", kernel=f"arg{_name}", vjp=NONDIFF, ref=f"ref.arg{_name}",
       samples=[*over_dim(distinct=True), call(arr(2, 3, distinct=True)), call(arr(2, 3, distinct=True), None, True),
                call(idx([2, 5, 5, 1, 1]))],
       errors=[BAD_DIM, (call(arr(0)), "IndexError", f"arg{_name}: Expected reduction dim"),
               (call(idx([True], "bool")), "RuntimeError", f"arg{_name}: does not support bool")])

op("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
   doc="The smallest and the largest elements, along a dim or of all.",
   forms="function method out", kernel="aminmax",
   vjp={"self": "extreme_grad(grads[0], self, min, as_dims(dim), keepdim)"
                " + extreme_grad(grads[1], self, max, as_dims(dim), keepdim)"},
   jvp={"min": "extreme_tangent(self_t, self, min, as_dims(dim), keepdim)",
        "max": "extreme_tangent(self_t, self, max, as_dims(dim), keepdim)"}, ref="ref.aminmax",
   samples=[call(arr(2, 3, distinct=True)), call(arr(2, 3, distinct=True), dim=1), call(arr(2, 3, distinct=True), dim=-2, keepdim=True),
            call(arr(), dim=0)],
   errors=[(call(arr(0)), "RuntimeError", "aminmax: Expected reduction dim"),
           (call(arr(0, 3), dim=0), "IndexError", "has no elements")])

import optable.reduce_moments  # noqa: E402, F401
