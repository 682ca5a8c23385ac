"""An index for every element (gather, the scatters), tables (embedding) and sets. Imported by index.py.

Layer: optable (data only).
"""

from optable.samples import arr, call, idx, mask
from optable.spec import LINEAR, NONDIFF, op

I22 = idx([[0, 2], [1, 0]])
I23 = idx([[0, 1, 1], [1, 0, 0]])
FIVE = idx([0, 0, 2, 1, 2])
NO_ZERO = arr(4, values=(1.5, 0.5, -1.0, 2.5))
SOME_ZERO = arr(4, values=(1.5, 0.0, -1.0, 2.5))
SOME_ZEROS = arr(6, values=(0.0, 1.25, 0.0, -0.75, 0.0, 3.0))
DISTINCT = arr(6, values=(0.25, 2.0, 1.5, -0.75, 1.75, 9.0))

op("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
   doc="``out[i][j] = self[i][index[i][j]]`` for dim 1, and so on; the result has the shape of index, which may "
       "be smaller than self in the other dims. No negative indices. sparse_grad changes nothing.",
   forms="function method out", kernel="gather",
   vjp={"self": "gather_backward(grad, self.shape, dim, index)", "index": NONDIFF}, jvp=LINEAR,
   complex="holomorphic", ref="ref.gather",
   samples=[call(arr(2, 3), 1, I22), call(arr(2, 3), 0, I23), call(arr(3, 4), -1, idx([[3, 3, 0, 1, 2]])),
            call(arr(2, 3, 2), 1, idx([[[0, 2]], [[1, 1]]])), call(arr(), 0, idx(0)), call(arr(3), 0, idx([2, 2, 0, 1])),
            call(arr(2, 3), 1, idx([])), call(arr(2, 3), 0, idx([[1, 1, 0]], dtype="int32"))],
   errors=[(call(arr(2, 3), 1, idx([[3]])), "RuntimeError", "index 3 is out of bounds for dimension 1 with size 3"),
           (call(arr(2, 3), 1, idx([[-1]])), "RuntimeError", "index -1 is out of bounds"),
           (call(arr(2, 3), 1, idx([0])), "RuntimeError", "same number of dimensions"),
           (call(arr(2, 3), 1, idx([[0], [0], [0]])), "RuntimeError", "no larger than self"),
           (call(arr(2, 3), 2, I22), "IndexError", "Dimension out of range"),
           (call(arr(2, 3), 1, arr(2, 2, grad=False)), "RuntimeError", "Expected dtype int32 or int64")])

op("gather_backward(Tensor grad_output, int[] sizes, int dim, Tensor index) -> Tensor",
   doc="Zeros of shape `sizes` with grad_output added where gather read it.",
   forms="internal", kernel="gather_backward",
   vjp={"grad_output": "gather(grad, dim, index)", "index": NONDIFF}, jvp=LINEAR, complex="holomorphic",
   ref="ref.gather_backward",
   samples=[call(arr(2, 2), [2, 3], 1, I22), call(arr(2, 3), [2, 3], 0, I23), call(arr(), [], 0, idx(0)),
            call(arr(0), [2, 3], 1, idx([]))])

op("scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
   doc="self with ``out[i][index[i][j]] = src[i][j]`` for dim 1, and so on; src has self's dtype and may be larger "
       "than index. Of several values for one place the last one along dim wins.",
   forms="function method inplace out", kernel="scatter_src",
   vjp={"self": "scatter_value(grad, dim, index, 0)", "index": NONDIFF,
        "src": "corner_backward(gather(grad, dim, index), src.shape)"},
   jvp="scatter_src(self_t, dim, index, src_t)", complex="holomorphic", ref="ref.scatter",
   samples=[call(arr(2, 3), 1, I22, arr(2, 2)), call(arr(2, 3), 0, idx([[0, 1, 1]]), arr(2, 3)),
            call(arr(3, 4), -1, idx([[3, 0], [1, 2]]), arr(3, 2)), call(arr(), 0, idx(0), arr()),
            call(arr(2, 3), 1, idx([]), arr(2, 2)), call(arr(4), 0, idx([2, 0]), arr(2))],
   errors=[(call(arr(2, 3), 1, idx([[3]]), arr(1, 1)), "RuntimeError", "index 3 is out of bounds for dimension 1 with size 3"),
           (call(arr(2, 3), 1, I22, arr(1, 1)), "RuntimeError", "no larger than src"),
           (call(arr(2, 3), 1, idx([0]), arr(1)), "RuntimeError", "same number of dimensions"),
           (call(arr(2, dtype="float32"), 0, idx([0]), arr(1, dtype="float64")), "RuntimeError", "equal to src.dtype")])

op("scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
   doc="self with one number at the places of the index.",
   forms="function method inplace out", kernel="scatter_value",
   vjp={"self": "scatter_value(grad, dim, index, 0)", "index": NONDIFF}, jvp="scatter_value(self_t, dim, index, 0)",
   complex="holomorphic", ref="ref.scatter",
   samples=[call(arr(2, 3), 1, I22, 1.5), call(arr(2, 3), 0, I23, 2), call(arr(), 0, idx(0), 1.0), call(arr(2, 3), 1, idx([]), 1.0)],
   errors=[(call(arr(2, 3), 1, idx([[3]]), 1.0), "RuntimeError", "index 3 is out of bounds for dimension 1 with size 3"),
           (call(arr(2, 3), 1, I22, 1j), "RuntimeError", "value cannot be converted")])

op("scatter.src_reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
   doc="scatter_add (reduce=\"add\") or a product (\"multiply\") of self and src; scatter_reduce has more.",
   forms="function method inplace out", composite="scatter_by(self, dim, index, src, reduce)", ref="ref.scatter_by",
   samples=[call(arr(2, 3), 1, I22, arr(2, 2), reduce="add"), call(arr(2, 3, away=0.3), 0, I23, arr(2, 3, away=0.3), reduce="multiply")],
   errors=[(call(arr(2, 3), 1, I22, arr(2, 2), reduce="minus"), "RuntimeError", "reduce argument must be")])

op("scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
   doc="A number added to (reduce=\"add\") or multiplied into (\"multiply\") self, once for each index.",
   forms="function method inplace out",
   composite="scatter_by(self, dim, index, full_like(index, value, dtype=self.dtype), reduce)", ref="ref.scatter_by",
   samples=[call(arr(2, 3), 1, idx([[0, 1, 1, 0]]), 1.5, reduce="add"), call(arr(2, 3, away=0.3), 0, I23, -2, reduce="multiply")],
   errors=[(call(arr(2, 3), 1, I22, 1.0, reduce="minus"), "RuntimeError", "reduce argument must be")])

op("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
   doc="scatter that adds: values for one place add up in the order along dim.",
   forms="function method inplace out", kernel="scatter_add",
   vjp={"self": "grad", "index": NONDIFF, "src": "corner_backward(gather(grad, dim, index), src.shape)"},
   jvp="scatter_add(self_t, dim, index, src_t)", complex="holomorphic", ref="ref.scatter_add",
   samples=[call(arr(2, 3), 1, idx([[0, 0], [1, 0]]), arr(2, 2)), call(arr(2, 3), 0, I23, arr(2, 4)),
            call(arr(3, 4), -1, idx([[3, 0, 3]]), arr(2, 3)), call(arr(), 0, idx(0), arr()), call(arr(4), 0, idx([]), arr(2))],
   errors=[(call(arr(2, 3), 1, idx([[3]]), arr(1, 1)), "RuntimeError", "index 3 is out of bounds for dimension 1 with size 3"),
           (call(arr(2, 3), 1, I22, arr(1, 1)), "RuntimeError", "no larger than src"),
           (call(arr(2, dtype="float32"), 0, idx([0]), arr(1, dtype="float64")), "RuntimeError", "equal to src.dtype")])

op("scatter_reduce(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
   doc="The values of src that meet at a place of self, and self's own if include_self, reduced by \"sum\", \"prod\", "
       "\"mean\" (integers round down), \"amax\" or \"amin\". Equal extremes share the gradient. The second "
       "derivative of a product takes no account of zeros other than its own.",
   forms="function method inplace out", kernel="scatter_reduce",
   vjp={"self": "grad * conj(scatter_slope_self(self, dim, index, src, reduce, include_self))", "index": NONDIFF,
        "src": "corner_backward(gather(grad, dim, index) * conj(scatter_slope_src(self, dim, index, src, reduce, "
               "include_self)), src.shape)"},
   jvp="scatter_add(self_t * scatter_slope_self(self, dim, index, src, reduce, include_self), dim, index, "
       "corner(src_t, index.shape) * scatter_slope_src(self, dim, index, src, reduce, include_self))",
   complex="holomorphic", ref="ref.scatter_reduce",
   samples=[call(arr(2, 3), 1, idx([[0, 0], [1, 0]]), arr(2, 2), "sum"), call(arr(2, 3), 0, I23, arr(2, 4), "mean"),
            call(arr(3), 0, idx([0, 0, 2, 2, 2]), arr(5), "mean"),
            call(arr(3), 0, idx([0, 0, 2, 2, 2]), arr(6), "mean", include_self=False),
            call(arr(2, 3, away=0.4), 0, I23, arr(2, 4, away=0.4), "prod"), call(NO_ZERO, 0, FIVE, SOME_ZEROS, "prod"),
            call(arr(2, values=(0.0, 1.0)), 0, idx([0, 0, 0, 1]), arr(4, values=(0.0, 0.0, 1.5, 2.0)), "prod"),
            call(SOME_ZERO, 0, FIVE, SOME_ZEROS, "prod"), call(SOME_ZERO, 0, FIVE, SOME_ZEROS, "prod", include_self=False),
            call(NO_ZERO, 0, FIVE, DISTINCT, "amax", _complex=False), call(NO_ZERO, 0, FIVE, DISTINCT, "amin", _complex=False),
            call(NO_ZERO, 0, FIVE, DISTINCT, "amax", include_self=False, _complex=False),
            call(arr(3), 0, idx([0, 0, 2, 2, 2]), arr(6), "sum", include_self=False),
            call(arr(), 0, idx(0), arr(), "sum"), call(arr(4), 0, idx([]), arr(2), "sum"),
            call(arr(4), 0, idx([0, 3, 3]), arr(3), "mean")],
   errors=[(call(arr(2, 3), 1, I22, arr(2, 2), "median"), "RuntimeError", "reduce argument must be either"),
           (call(arr(2, 3), 1, idx([[3]]), arr(1, 1), "sum"), "RuntimeError", "index 3 is out of bounds for dimension 1 with size 3"),
           (call(arr(2, dtype="complex128"), 0, idx([0]), arr(1, dtype="complex128"), "amax"), "NotImplementedError", "amax")])

op("scatter_extreme(Tensor self, int dim, Tensor index, Tensor src, str reduce, bool include_self, bool of_src) -> Tensor",
   doc="The slope of scatter_reduce's amax or amin for self, or for the part of src that index reads: 1 over the "
       "number of equal extremes at the place, 0 for the others.",
   forms="internal", kernel="scatter_extreme", vjp=NONDIFF, ref="ref.scatter_extreme",
   samples=[call(arr(3, values=(1.0, 2.0, 0.0)), 0, idx([0, 0, 2, 1]), arr(5, values=(1.0, -1.0, 0.0, 0.0, 9.0)), "amax", True, True),
            call(arr(3, values=(1.0, 2.0, 0.0)), 0, idx([0, 0, 2, 1]), arr(5, values=(1.0, 1.0, 3.0, 4.0, 9.0)), "amin", True, False),
            call(arr(3, values=(1.0, 2.0, 0.0)), 0, idx([0, 0, 2, 1]), arr(5, values=(1.0, 1.0, 3.0, 4.0, 9.0)), "amax", False, True)])

op("corner(Tensor self, int[] sizes) -> Tensor",
   doc="The first `sizes` elements of every dim: the part of src that a smaller index uses.",
   forms="internal", kernel="corner", vjp={"self": "corner_backward(grad, self.shape)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.corner",
   samples=[call(arr(2, 3), [2, 2]), call(arr(2, 3), [2, 3]), call(arr(), []), call(arr(2, 3), [0])])

op("corner_backward(Tensor grad_output, int[] sizes) -> Tensor",
   doc="Zeros of shape `sizes` with grad_output at the start of every dim.",
   forms="internal", kernel="corner_backward", vjp={"grad_output": "corner(grad, grad_output.shape)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.corner_backward",
   samples=[call(arr(2, 2), [2, 3]), call(arr(2, 3), [2, 3]), call(arr(), []), call(arr(0), [2, 3])])

op("expand_around(Tensor self, int[] shape, int dim) -> Tensor",
   doc="self broadcast with `shape` in every dim but `dim`.",
   forms="internal", kernel="expand_around", vjp={"self": "grad"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.expand_around",
   samples=[call(arr(2, 1), [5, 3], 0), call(arr(1, 3), [2, 4], -1), call(arr(2, 3), [2, 7], 1)])

op("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor",
   doc="gather with self and indices broadcast in every dim but `dim`; without dim, on both flattened.",
   composite="take_along(self, indices, dim)", ref="ref.take_along_dim",
   samples=[call(arr(2, 3), idx([[0], [2]]), 1), call(arr(2, 3), idx([[1]]), 0), call(arr(2, 1, 2), idx([[[1], [0], [1]]]), -1),
            call(arr(2, 3), idx([[5, 0], [1, 5]]))],
   errors=[(call(arr(2, 3), idx([0]), 0), "RuntimeError", "same number of dimensions"),
           (call(arr(2, 3), idx([[3]]), 1), "RuntimeError", "index 3 is out of bounds")])

# ---- tables

op("embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
   doc="Rows of the 2-d weight, in the shape of indices with one more dim. The row padding_idx (-1: none) "
       "gets no gradient; scale_grad_by_freq divides each row's gradient by how often it was used.",
   forms="function", kernel="embedding",
   vjp={"weight": "embedding_dense_backward(grad, indices, weight.shape[0], padding_idx, scale_grad_by_freq)",
        "indices": NONDIFF},
   jvp="embedding(weight_t, indices)", complex="holomorphic", ref="ref.embedding",
   samples=[call(arr(4, 3), idx([0, 3, 0])), call(arr(4, 3), idx([[1, 2], [2, 0]])), call(arr(4, 3), idx(1)),
            call(arr(4, 3), idx([])), call(arr(4, 3), idx([2, 2]), sparse=True)],
   errors=[(call(arr(4, 3), idx([4])), "IndexError", "index out of range in self"),
           (call(arr(4, 3), idx([-1])), "IndexError", "index out of range in self"),
           (call(arr(4), idx([0])), "RuntimeError", "'weight' must be 2-D"),
           (call(arr(4, 3), arr(2, grad=False)), "RuntimeError", "Long, Int")])

op("embedding_dense_backward(Tensor grad_output, Tensor indices, int num_weights, int padding_idx, bool scale_grad_by_freq)"
   " -> Tensor",
   doc="The gradient of an embedding's weight: rows of grad_output added up by index, in order.",
   forms="internal", kernel="embedding_dense_backward",
   vjp={"grad_output": "embedding_grad_grad(grad, indices, padding_idx, scale_grad_by_freq)", "indices": NONDIFF},
   jvp=LINEAR, complex="holomorphic", ref="ref.embedding_dense_backward",
   samples=[call(arr(3, 2), idx([0, 3, 0]), 4, -1, False), call(arr(3, 2), idx([0, 3, 0]), 4, 3, False),
            call(arr(3, 2), idx([0, 3, 0]), 4, 0, True), call(arr(2, 2, 2), idx([[1, 2], [2, 0]]), 3, -1, True)])

op("embedding_factor(Tensor indices, int padding_idx, bool scale_grad_by_freq) -> Tensor",
   doc="What embedding_dense_backward multiplies the gradient of each index by (float64).",
   forms="internal", kernel="embedding_factor", vjp=NONDIFF, ref="ref.embedding_factor",
   samples=[call(idx([0, 3, 0]), 3, True), call(idx([[0, 1]]), -1, False)])

op("one_hot(Tensor self, int num_classes=-1) -> Tensor",
   doc="A 1 at each index (int64, 0 to num_classes - 1) of a new last dim, 0 elsewhere; -1 infers num_classes.",
   forms="function", kernel="one_hot", vjp=NONDIFF, ref="ref.one_hot",
   samples=[call(idx([0, 2, 1])), call(idx([[0, 2], [1, 1]]), 4), call(idx(1), 3), call(idx([]), 3)],
   errors=[(call(idx([0, 3]), 3), "RuntimeError", "Class values must be smaller than num_classes"),
           (call(idx([0, -1])), "RuntimeError", "Class values must be non-negative"),
           (call(idx([])), "RuntimeError", "Can not infer total number of classes"),
           (call(arr(2)), "RuntimeError", "only applicable to index tensor of type LongTensor")])

op("isin(Operand elements, Operand test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
   doc="Is each element among test_elements? NaN is never. assume_unique is a hint that is not needed.",
   forms="function", kernel="isin", vjp=NONDIFF, ref="ref.isin",
   samples=[call(idx([[1, 2], [3, 4]]), idx([2, 4, 9])), call(idx([1, 2]), 2), call(2, idx([1, 2])),
            call(arr(3, values=(0.5, 1.0, -2.0)), idx([1, 7]), _complex=False), call(idx([1, 2]), idx([2]), invert=True),
            call(idx([1, 2]), idx([]))],
   errors=[(call(mask([True]), mask([True])), "RuntimeError", "Unsupported input type")])
