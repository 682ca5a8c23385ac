"""Reading and writing by index: index, index_put, index_select and its relatives, take, put, masks.

Layer: optable (data only). gather, the scatters, embedding and sets are in index_scatter.py. Basic
indexing (numbers and slices) is views: shape.py.
"""

from optable import index_scatter  # noqa: F401  (declares its entries)
from optable.samples import arr, call, idx, mask
from optable.spec import LINEAR, NONDIFF, op

M23 = mask([[True, False, True], [False, True, False]])
M3 = mask([True, False, True])
NONE3 = mask([False, False, False])
INDEX_NAMES = "an index tensor has dtype int64, int32, bool or uint8 (the last two are masks)"

# ---- several dims at once

op("index(Tensor self, Tensor?[] indices) -> Tensor",
   doc="``self[indices]``: the index tensors broadcast together and replace their dims; a missing entry keeps "
       "its dim whole. Masks stand for the positions where they are true. The index dims come where the "
       "first index stood, or first of all if a whole dim separates two index tensors. Negative indices "
       f"count from the end. IndexError out of bounds; {INDEX_NAMES}.",
   forms="internal", kernel="index",
   vjp={"self": "index_backward(grad, self.shape, indices)", "indices": NONDIFF}, jvp=LINEAR,
   complex="holomorphic", ref="ref.index",
   samples=[call(arr(4, 3), [idx([0, 2, -1, 0])]), call(arr(4, 3), [idx([[0, 1], [3, 0]]), idx([1, 2])]),
            call(arr(4, 3), [None, idx([2, 2, 0])]), call(arr(3, 2, 4), [idx([0, 2]), None, idx([1, -1])]),
            call(arr(3, 2, 4), [None, idx([[1], [0]]), idx([1, 3, 0])]), call(arr(2, 3), [M23]),
            call(arr(2, 3, 2), [None, M3]), call(arr(2, 3, 2), [M23, idx([1])]), call(arr(4, 3), [idx(2), idx([0, 1])]),
            call(arr(4, 3), [idx([])]), call(arr(4, 3), [idx([1, 1], dtype="int32")]), call(arr(), [mask(True)]),
            call(arr(0, 3), [None, idx([1, 2])]), call(arr(3, 2), [NONE3]), call(arr(2, 2), [None, None])],
   errors=[(call(arr(3, 2), [idx([5])]), "IndexError", "index 5 is out of bounds for dimension 0 with size 3"),
           (call(arr(3, 2), [None, idx([0, -3])]), "IndexError", "index -3 is out of bounds for dimension 1 with size 2"),
           (call(arr(3, 2), [idx([0]), idx([0]), idx([0])]), "IndexError", "too many indices for tensor of dimension 2"),
           (call(arr(3, 2), [idx([0, 1]), idx([0, 1, 0])]), "IndexError", "could not be broadcast together"),
           (call(arr(3, 2), [mask([True, False])]), "IndexError", "The shape of the mask"),
           (call(arr(3, 2), [arr(2, grad=False)]), "IndexError", "must be long, int, byte or bool tensors")])

op("index_backward(Tensor grad_output, int[] sizes, Tensor?[] indices) -> Tensor",
   doc="Zeros of shape `sizes` with grad_output added where index read it; repeated places add up in order.",
   forms="internal", kernel="index_backward",
   vjp={"grad_output": "index(grad, indices)", "indices": NONDIFF}, jvp=LINEAR, complex="holomorphic",
   ref="ref.index_backward",
   samples=[call(arr(4, 3), [4, 3], [idx([0, 2, -1, 0])]), call(arr(2, 2), [3, 2, 4], [idx([0, 2]), None, idx([1, -1])]),
            call(arr(3), [2, 3], [M23]), call(arr(0, 3), [4, 3], [idx([])])])

op("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
   doc="self with ``self[indices] = values``, or ``+=`` if accumulate; values broadcasts to the indexed "
       "shape and has self's dtype. Repeated places: the last value wins, or all add up in order.",
   forms="function method inplace", kernel="index_put",
   vjp={"self": "grad if accumulate else index_put(grad, indices, zeros_of(grad, []))", "indices": NONDIFF,
        "values": "index(grad, indices)"},
   jvp="index_put(self_t, indices, values_t, accumulate)", complex="holomorphic", ref="ref.index_put",
   samples=[call(arr(4, 3), [idx([0, 2])], arr(2, 3)), call(arr(4, 3), [idx([0, 2, 0])], arr(3, 3), True),
            call(arr(4, 3), [None, idx([2, 0])], arr()), call(arr(4, 3), [idx([1, -1]), idx([0, 2])], arr(1)),
            call(arr(3, 2, 4), [idx([0, 0]), None, idx([1, 1])], arr(2, 2), True), call(arr(2, 3), [M23], arr(3)),
            call(arr(4, 3), [idx([])], arr(0, 3)), call(arr(), [mask(True)], arr())],
   errors=[(call(arr(4, 3), [idx([0, 1])], arr(2, 2)), "RuntimeError", "cannot be broadcast to indexing result"),
           (call(arr(4, 3), [idx([4])], arr(3)), "IndexError", "index 4 is out of bounds for dimension 0 with size 4"),
           (call(arr(2, dtype="float32"), [idx([0])], arr(1, dtype="float64")), "RuntimeError", "dtypes match")])

# ---- one dim

op("index_select(Tensor self, int dim, Tensor index) -> Tensor",
   doc="The parts of self along dim that the 1-d index names, in its order; no negative indices.",
   forms="function method out", kernel="index_select",
   vjp={"self": "index_select_backward(grad, self.shape, dim, index)", "index": NONDIFF}, jvp=LINEAR,
   complex="holomorphic", ref="ref.index_select",
   samples=[call(arr(4, 3), 0, idx([0, 2, 2])), call(arr(2, 3, 4), -2, idx([2, 0])), call(arr(4, 3), 1, idx(1)),
            call(arr(4, 3), 0, idx([])), call(arr(), 0, idx([0])), call(arr(4, 3), 0, idx([1, 3], dtype="int32"))],
   errors=[(call(arr(3, 2), 0, idx([3])), "IndexError", "index 3 is out of bounds for dimension 0 with size 3"),
           (call(arr(3, 2), 0, idx([-1])), "IndexError", "index -1 is out of bounds"),
           (call(arr(3, 2), 2, idx([0])), "IndexError", "Dimension out of range"),
           (call(arr(3, 2), 0, idx([[0]])), "IndexError", "supposed to be a vector"),
           (call(arr(3, 2), 0, arr(2, grad=False)), "RuntimeError", "Expected dtype int32 or int64")])

op("index_select_backward(Tensor grad_output, int[] sizes, int dim, Tensor index) -> Tensor",
   doc="Zeros of shape `sizes` with the parts of grad_output added at the indices of dim.",
   forms="internal", kernel="index_select_backward",
   vjp={"grad_output": "index_select(grad, dim, index)", "index": NONDIFF}, jvp=LINEAR, complex="holomorphic",
   ref="ref.index_select_backward",
   samples=[call(arr(3, 3), [4, 3], 0, idx([0, 2, 2])), call(arr(2, 2, 4), [2, 3, 4], -2, idx([2, 0])),
            call(arr(), [], 0, idx([0]))])

op("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
   doc="self with ``alpha * source`` added along dim at the indices; repeated indices add up in order.",
   forms="function method inplace out", kernel="index_add",
   vjp={"self": "grad", "index": NONDIFF, "source": "times_conj(index_select(grad, dim, index), alpha)"},
   jvp="index_add(self_t, dim, index, source_t, alpha=alpha)", complex="holomorphic", ref="ref.index_add",
   samples=[call(arr(4, 3), 0, idx([0, 2, 2]), arr(3, 3)), call(arr(2, 3, 4), -2, idx([2, 0]), arr(2, 2, 4), alpha=-1.5),
            call(arr(4, 3), 0, idx([]), arr(0, 3)), call(arr(), 0, idx([0]), arr()), call(arr(3, 2), 1, idx(1), arr(3, 1))],
   errors=[(call(arr(3, 2), 0, idx([3]), arr(1, 2)), "RuntimeError", "index 3 is out of bounds for dimension 0 with size 3"),
           (call(arr(3, 2), 0, idx([0, 1]), arr(1, 2)), "RuntimeError", "Number of indices (2)"),
           (call(arr(3, 2), 0, idx([0]), arr(1, 3)), "RuntimeError", "must match self tensor shape"),
           (call(arr(3, dtype="float32"), 0, idx([0]), arr(1, dtype="float64")), "RuntimeError", "same dtype")])

op("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor",
   doc="self with the parts of source put along dim at the indices; of repeated indices the last wins.",
   forms="function method inplace out", kernel="index_copy",
   vjp={"self": "index_fill(grad, dim, index, 0)", "index": NONDIFF, "source": "index_select(grad, dim, index)"},
   jvp="index_copy(self_t, dim, index, source_t)", complex="holomorphic", ref="ref.index_copy",
   samples=[call(arr(4, 3), 0, idx([0, 2]), arr(2, 3)), call(arr(2, 3, 4), -2, idx([2, 0]), arr(2, 2, 4)),
            call(arr(4, 3), 0, idx([]), arr(0, 3)), call(arr(), 0, idx([0]), arr())],
   errors=[(call(arr(3, 2), 0, idx([3]), arr(1, 2)), "IndexError", "index 3 is out of bounds for dimension 0 with size 3"),
           (call(arr(3, 2), 0, idx([0, 1]), arr(1, 2)), "IndexError", "Number of indices (2)"),
           (call(arr(3, 2), 0, idx([0]), arr(1, 3)), "RuntimeError", "must match self tensor shape")])

# The parser would take a 0-d tensor for a number, so the tensor form comes first.
op("index_fill.tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor",
   doc="self with a 0-d value, cast to its dtype, at the indices of dim.",
   forms="function method inplace out", kernel="index_fill_tensor", node="IndexFillBackward1",
   vjp={"self": "index_fill(grad, dim, index, 0)", "index": NONDIFF,
        "value": "where(eq(index_fill(zeros_of(grad, self.shape), dim, index, 1), 1), grad, 0)"},
   jvp="index_fill_tensor(self_t, dim, index, value_t)", complex="holomorphic", ref="ref.index_fill",
   samples=[call(arr(4, 3), 0, idx([0, 2, 2]), arr()), call(arr(2, 3, 4), -2, idx([-1]), arr()), call(arr(), 0, idx([0]), arr())],
   errors=[(call(arr(3, 2), 0, idx([0]), arr(2)), "RuntimeError", "0-dimensional value")])

op("index_fill(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
   doc="self with one number at the indices of dim; negative indices count from the end.",
   forms="function method inplace out", kernel="index_fill", node="IndexFillBackward0",
   vjp={"self": "index_fill(grad, dim, index, 0)", "index": NONDIFF}, jvp="index_fill(self_t, dim, index, 0)",
   complex="holomorphic", ref="ref.index_fill",
   samples=[call(arr(4, 3), 0, idx([0, 2, 2]), 1.5), call(arr(2, 3, 4), -2, idx([-1]), 2), call(arr(4, 3), 1, idx([]), 1.0),
            call(arr(), 0, idx([0]), 3.0), call(arr(4, 3), 1, idx(0), -1)],
   errors=[(call(arr(3, 2), 0, idx([3]), 1.0), "IndexError", "index 3 is out of bounds for dimension 0 with size 3"),
           (call(arr(3, 2), 0, idx([[0]]), 1.0), "RuntimeError", "vector/scalar"),
           (call(arr(3, 2), 0, idx([0]), 1j), "RuntimeError", "complex")])

# ---- the flattened tensor

op("take(Tensor self, Tensor index) -> Tensor",
   doc="The elements at positions of the flattened tensor, in the shape of index (int64); -1 is the last.",
   forms="function method out", kernel="take",
   vjp={"self": "take_backward(grad, self.shape, index)", "index": NONDIFF}, jvp=LINEAR, complex="holomorphic",
   ref="numpy.take",
   samples=[call(arr(2, 3), idx([0, 5, -1, 0])), call(arr(2, 3), idx([[1, 2], [3, 3]])), call(arr(2, 3), idx(4)),
            call(arr(2, 3), idx([])), call(arr(), idx([0, 0]))],
   errors=[(call(arr(2, 3), idx([6])), "IndexError", "tried to access index 6 on a tensor of 6 elements"),
           (call(arr(0), idx([0])), "IndexError", "empty tensor"),
           (call(arr(2), idx([0], dtype="int32")), "RuntimeError", "Expected a long tensor")])

op("take_backward(Tensor grad_output, int[] sizes, Tensor index) -> Tensor",
   doc="Zeros of shape `sizes` with grad_output added at positions of the flattened tensor.",
   forms="internal", kernel="take_backward", vjp={"grad_output": "take(grad, index)", "index": NONDIFF}, jvp=LINEAR,
   complex="holomorphic", ref="ref.take_backward",
   samples=[call(arr(4), [2, 3], idx([0, 5, -1, 0])), call(arr(2, 2), [2, 3], idx([[1, 2], [3, 3]])), call(arr(), [], idx(0))])

op("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
   doc="self with source put (or added, if accumulate) at positions of the flattened tensor; source has as "
       "many elements as index.",
   forms="function method inplace", kernel="put",
   vjp={"self": "grad if accumulate else put(grad, index, zeros_of(grad, source.shape))", "index": NONDIFF,
        "source": "reshape(take(grad, index), source.shape)"},
   jvp="put(self_t, index, source_t, accumulate)", complex="holomorphic", ref="ref.put",
   samples=[call(arr(2, 3), idx([0, 5]), arr(2)), call(arr(2, 3), idx([0, -1, 0]), arr(3), True),
            call(arr(2, 3), idx([[1, 2], [3, 0]]), arr(4)), call(arr(2, 3), idx([]), arr(0)), call(arr(), idx(0), arr())],
   errors=[(call(arr(2, 3), idx([6]), arr(1)), "IndexError", "tried to access index 6 on a tensor of 6 elements"),
           (call(arr(2, 3), idx([0, 1]), arr(1)), "IndexError", "same number of elements"),
           (call(arr(2, dtype="float32"), idx([0]), arr(1, dtype="float64")), "RuntimeError", "same dtype")])

# ---- masks

op("masked_select(Tensor self, Tensor mask) -> Tensor",
   doc="The elements of self where mask (bool) is true, as a vector; the two broadcast.",
   forms="function method out", kernel="masked_select",
   vjp={"self": "masked_select_backward(grad, self.shape, mask)", "mask": NONDIFF}, jvp=LINEAR,
   complex="holomorphic", ref="ref.masked_select",
   samples=[call(arr(2, 3), M23), call(arr(2, 3), M3), call(arr(3), M23), call(arr(2, 1), M3), call(arr(), mask(True)),
            call(arr(3), NONE3), call(arr(0), mask([]))],
   errors=[(call(arr(2, 3), idx([1, 0, 1])), "RuntimeError", "expected a bool mask"),
           (call(arr(2, 2), M3), "RuntimeError", "do not broadcast")])

op("masked_select_backward(Tensor grad_output, int[] sizes, Tensor mask) -> Tensor",
   doc="Zeros of the shape that `sizes` and mask broadcast to, with grad_output where mask is true.",
   forms="internal", kernel="masked_select_backward",
   vjp={"grad_output": "masked_select(grad, mask)", "mask": NONDIFF}, jvp=LINEAR, complex="holomorphic",
   ref="ref.masked_select_backward",
   samples=[call(arr(3), [2, 3], M23), call(arr(4), [2, 1], M3), call(arr(0), [3], NONE3)])

op("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor",
   doc="self with the first elements of source, in order, where mask (bool) is true; self and mask "
       "broadcast. source has self's dtype and at least as many elements as places.",
   forms="function method inplace", kernel="masked_scatter",
   vjp={"self": "masked_fill(grad, mask, 0)", "mask": NONDIFF,
        "source": "masked_scatter_backward(grad, mask, source.shape)"},
   jvp="masked_scatter(self_t, mask, source_t)", complex="holomorphic", ref="ref.masked_scatter",
   samples=[call(arr(2, 3), M23, arr(3)), call(arr(2, 3), M3, arr(2, 3)), call(arr(3), M23, arr(5)),
            call(arr(), mask(True), arr()), call(arr(3), NONE3, arr(0))],
   errors=[(call(arr(2, 3), M23, arr(2)), "RuntimeError", "Number of elements of source < number of ones in mask"),
           (call(arr(3), idx([1, 0, 1]), arr(3)), "RuntimeError", "expected a bool mask"),
           (call(arr(3, dtype="float32"), M3, arr(3, dtype="float64")), "RuntimeError", "same dtypes")])

op("masked_scatter_backward(Tensor grad_output, Tensor mask, int[] sizes) -> Tensor",
   doc="Where masked_scatter's source went: the masked elements, then zeros, in shape `sizes`.",
   forms="internal", kernel="masked_scatter_backward",
   vjp={"grad_output": "masked_scatter(zeros_of(grad, grad_output.shape), mask, grad)", "mask": NONDIFF}, jvp=LINEAR,
   complex="holomorphic", ref="ref.masked_scatter_backward",
   samples=[call(arr(2, 3), M23, [3]), call(arr(2, 3), M3, [2, 3]), call(arr(3), NONE3, [0])])

op("nonzero(Tensor self) -> Tensor",
   doc="The indices of the elements that are not 0, one row each, in row-major order (int64).",
   kernel="nonzero", aliases=("argwhere",), vjp=NONDIFF, ref="numpy.argwhere",
   samples=[call(arr(2, 3)), call(M23), call(idx([0, 3, 0, 1])), call(mask(True)), call(mask(False)), call(arr(0, 3))])
