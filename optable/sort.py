"""Sorting, ranks, unique values, counts in bins and searches. Layer: optable (data only).

NaN is sorted as greater than every number; every sort is stable.
"""

from __future__ import annotations

from optable.samples import arr, call, idx
from optable.scan import BAD_DIM
from optable.spec import NONDIFF, op

NO_COMPLEX = (call(arr(2, dtype="complex128")), "RuntimeError", "does not support complex")
NO_ORDER = (call(arr(2, dtype="complex128")), "NotImplementedError", "complex numbers have no order")
TAKEN = {"self": "index_grad(grad, self, dim, indices, True)"}
TAKEN_TANGENT = {"values": "index_tangent(self_t, dim, indices, True)"}
ONE = {"self": "index_grad(grad, self, dim, indices, keepdim)"}
ONE_TANGENT = {"values": "index_tangent(self_t, dim, indices, keepdim)"}


def orders(**options):
    """Calls of sort with every option but stable."""
    return [
        call(arr(2, 4, distinct=True), **options), call(arr(4, 2, distinct=True), dim=0, **options),
        call(arr(2, 3, 2, distinct=True), dim=1, descending=True, **options), call(arr(distinct=True), **options),
        call(arr(2, 0), **options),
    ]  # fmt: skip


op("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
   doc="The elements in order along a dim, and where they were.",
   forms="function method out", kernel="sort", nondiff_outputs=("indices",), vjp=TAKEN, jvp=TAKEN_TANGENT,
   ref="ref.sort", samples=[*orders(), call(idx([3, 1, 3, 2])), call(idx([3, 1, 3, 2]), 0, True)],
   errors=[BAD_DIM, NO_COMPLEX])

op("sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
   doc="The elements in order along a dim; equal ones keep theirs, whatever `stable` says.",
   forms="function method out", kernel="sort_stable", nondiff_outputs=("indices",), vjp=TAKEN, jvp=TAKEN_TANGENT,
   ref="ref.sort_stable", samples=orders(stable=True))

op("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor",
   doc="Where the elements of the sorted dim are.",
   forms="function method out", kernel="argsort", vjp=NONDIFF, ref="ref.argsort",
   samples=[*orders(), call(idx([3, 1, 3, 2]), 0, True)], errors=[BAD_DIM, NO_COMPLEX])

op("argsort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> Tensor",
   doc="argsort; equal elements keep their order, whatever `stable` says.",
   forms="function method out", kernel="argsort_stable", vjp=NONDIFF, ref="ref.argsort_stable",
   samples=orders(stable=True))

op("msort(Tensor self) -> Tensor",
   doc="The elements in order along the first dim.",
   forms="function method out", composite="gather(self, 0, argsort(self, 0))", ref="ref.msort",
   samples=[call(arr(4, 2, distinct=True)), call(arr(3, distinct=True))])

op("topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
   doc="The k largest (or smallest) elements along a dim in order, and where they were; of equal ones the first.",
   forms="function method out", kernel="topk", nondiff_outputs=("indices",), vjp=TAKEN, jvp=TAKEN_TANGENT,
   ref="ref.topk",
   samples=[call(arr(2, 5, distinct=True), 3), call(arr(5, 2, distinct=True), 2, 0), call(arr(2, 5, distinct=True), 5, 1, False),
            call(arr(2, 5, distinct=True), 1, -1, True, False), call(arr(distinct=True), 1), call(arr(2, 3, distinct=True), 0),
            call(arr(2, 3, 4, distinct=True), 2, 1)],
   errors=[(call(arr(2, 3), 4), "RuntimeError", "topk: selected index k out of range"),
           (call(idx([True], "bool"), 1), "RuntimeError", "topk: does not support bool")])

op("kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
   doc="The k-th smallest element along a dim (k from 1), and where it is.",
   forms="function method out", kernel="kthvalue", nondiff_outputs=("indices",), vjp=ONE, jvp=ONE_TANGENT,
   ref="ref.kthvalue",
   samples=[call(arr(2, 5, distinct=True), 2), call(arr(5, 2, distinct=True), 5, 0, True), call(arr(distinct=True), 1)],
   errors=[(call(arr(2, 3), 4), "RuntimeError", "kthvalue: selected number k out of range"),
           (call(arr(2, 0), 1), "IndexError", "non-zero size")])

for _name, _doc in (("median", "NaN if there is one"), ("nanmedian", "NaN left out")):
    op(f"{_name}(Tensor self) -> Tensor",
       doc=f"The middle element of all, the lower of two; {_doc}.",
       kernel=_name, vjp={"self": "extreme_grad(grad, self, result, None, False)"},
       jvp="extreme_tangent(self_t, self, result, None, False)", ref=f"ref.{_name}",
       samples=[call(arr(2, 3, distinct=True)), call(arr(5, distinct=True)), call(arr())],
       errors=[(call(idx([True], "bool")), "NotImplementedError", "not implemented for 'Bool'")])
    op(f"{_name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
       doc=f"The middle elements along a dim and where they are; {_doc}.",
       forms="function method out", kernel=f"{_name}_dim", nondiff_outputs=("indices",), vjp=ONE, jvp=ONE_TANGENT,
       ref=f"ref.{_name}_dim",
       samples=[call(arr(2, 5, distinct=True), 1), call(arr(4, 2, distinct=True), 0, True), call(arr(distinct=True), 0)],
       errors=[BAD_DIM, (call(arr(2, 0), 1), "IndexError", "non-zero size")])

op("mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
   doc="The most frequent elements along a dim (of several the smallest) and where they are last.",
   forms="function method out", kernel="mode", nondiff_outputs=("indices",), vjp=ONE, jvp=ONE_TANGENT, ref="ref.mode",
   samples=[call(arr(2, 5, distinct=True)), call(arr(4, 2, distinct=True), 0, True), call(idx([3, 1, 2, 3, 1])),
            call(arr(distinct=True))],
   errors=[(call(arr(2, 0)), "IndexError", "non-zero size")])

# ---------------------------------------------------------------------------------------- unique

op("_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False)"
   " -> (Tensor output, Tensor inverse, Tensor counts)",
   doc="The different values in order; where each element's value is among them; how often each occurs."
       " What is not asked for is empty. Every NaN counts as different.",
   forms="function", kernel="_unique2", vjp=NONDIFF, ref="ref.unique2",
   samples=[call(idx([[3, 1, 3], [2, 1, 3]]), True, True, True), call(idx([[3, 1, 3], [2, 1, 3]])), call(arr(3)),
            call(idx([]), True, True, True)],
   errors=[NO_ORDER])

op("unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False)"
   " -> (Tensor output, Tensor inverse, Tensor counts)",
   doc="_unique2 of the slices along a dim, in lexicographic order.",
   forms="function", kernel="unique_dim", vjp=NONDIFF, ref="ref.unique_dim",
   samples=[call(idx([[1, 1], [0, 2], [1, 1]]), 0, True, True, True), call(idx([[3, 1, 3], [2, 1, 2]]), 1, True, True, True)],
   errors=[BAD_DIM])

op("_unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None)"
   " -> (Tensor output, Tensor inverse, Tensor counts)",
   doc="_unique2, but only runs of equal neighbours are merged; of slices if dim is given.",
   forms="function", kernel="_unique_consecutive", vjp=NONDIFF, ref="ref.unique_consecutive",
   samples=[call(idx([1, 1, 2, 1, 1]), True, True), call(idx([[1, 1], [1, 1], [0, 2]]), True, True, 0), call(idx([]), True, True)])

# ------------------------------------------------------------------------------- bins and searches

op("bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor",
   doc="How often each of 0, 1, 2, ... occurs in a 1-d integer tensor; with weights, their sums.",
   kernel="bincount", vjp=NONDIFF, ref="ref.bincount",
   samples=[call(idx([1, 2, 1, 4])), call(idx([1, 2, 1]), arr(3)), call(idx([1, 0]), None, 5), call(idx([]))],
   errors=[(call(idx([-1])), "RuntimeError", "bincount: only supports 1-d non-negative integral inputs"),
           (call(idx([[1]])), "RuntimeError", "bincount: only supports 1-d"),
           (call(idx([1]), arr(2)), "RuntimeError", "same length")])

op("histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor",
   doc="Counts in equal bins from min to max (both 0: the range of the data); others are left out.",
   forms="function method out", kernel="histc", vjp=NONDIFF, ref="ref.histc",
   samples=[call(arr(20), 5, -1, 1), call(arr(20), 4), call(arr(3, values=(2.0, 2.0, 2.0)), 3)],
   errors=[(call(arr(3), 0), "RuntimeError", "histc: bins must be > 0"),
           (call(arr(3), 4, 2, 1), "RuntimeError", "histc: max must be larger than min")])

EDGES = arr(4, values=(-1.0, 0.0, 0.5, 2.0))

op("searchsorted(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None,"
   " Tensor? sorter=None) -> Tensor",
   doc="Where each value would go into the sorted last dim: before equal elements, or behind them if right.",
   forms="function out", kernel="searchsorted", vjp=NONDIFF, ref="ref.searchsorted",
   samples=[call(EDGES, arr(2, 3)), call(EDGES, arr(4, values=(-1.0, 0.5, 2.0, 3.0)), right=True),
            call(EDGES, arr(4, values=(-1.0, 0.5, 2.0, 3.0)), side="right", out_int32=True),
            call(idx([[1, 3, 5], [2, 2, 9]]), idx([[3, 6], [2, 10]])), call(idx([5, 1, 3]), idx([2, 5]), sorter=idx([1, 2, 0]))],
   errors=[(call(EDGES, arr(2), side="up"), "RuntimeError", "searchsorted: side is 'up'"),
           (call(EDGES, arr(2), side="left", right=True), "RuntimeError", "contradicts"),
           (call(arr(2, 3), arr(3, 2)), "RuntimeError", "the first dims must be equal")])

op("searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False,"
   " str? side=None, Tensor? sorter=None) -> Tensor",
   doc="searchsorted for one number.",
   forms="function", kernel="searchsorted_scalar", vjp=NONDIFF, ref="ref.searchsorted",
   samples=[call(EDGES, 0.5), call(EDGES, 2, right=True)])

op("bucketize(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
   doc="searchsorted with its first arguments swapped, for 1-d boundaries.",
   forms="function out", kernel="bucketize", vjp=NONDIFF, ref="ref.bucketize",
   samples=[call(arr(2, 3), EDGES), call(arr(4, values=(-1.0, 0.5, 2.0, 3.0)), EDGES, right=True, out_int32=True)],
   errors=[(call(arr(2), arr(2, 2)), "RuntimeError", "bucketize: boundaries must be 1-d")])

op("bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
   doc="bucketize for one number.",
   forms="function", kernel="bucketize_scalar", vjp=NONDIFF, ref="ref.bucketize", samples=[call(0.5, EDGES), call(2, EDGES, right=True)])
