"""Joining, splitting, repeating and rearranging. Layer: optable (data only).

`bounds` in internal operations lists start and end of every part: [s0, e0, s1, e1, ...]; `shapes` lists
the inputs of a join as [ndim, sizes..., ndim, sizes..., ...], so that no value needs saving.
"""

from optable.samples import arr, call, idx
from optable.spec import LINEAR, NONDIFF, op

# ---- joining

op("cat_of(Tensor[] tensors, int dim, int mode, int[] shapes) -> Tensor",
   doc="Concatenate after giving every input the rank that `mode` asks for (see join_shape). A 1-d input "
       "without elements is skipped; an undefined one counts as zeros.",
   forms="internal", kernel="cat_of", node="Cat",
   vjp={"tensors": "cat_backward(grad, dim, mode, shapes)"}, jvp=LINEAR, complex="holomorphic", ref="ref.cat_of",
   samples=[call([arr(2, 3), arr(1, 3)], 0, 0, [2, 2, 3, 2, 1, 3]), call([arr(2, 1), arr(2, 2)], -1, 0, [2, 2, 1, 2, 2, 2]),
            call([arr(2), arr()], 0, 1, [1, 2, 0]), call([arr(3), arr(2, 3)], 0, 2, [1, 3, 2, 2, 3]),
            call([arr(3), arr(3)], 2, 3, [1, 3, 1, 3]), call([arr(2), arr(2, 2)], 1, 4, [1, 2, 2, 2, 2]),
            call([arr(0), arr(2, 2)], 1, 0, [1, 0, 2, 2, 2])])

op("cat_backward(Tensor src, int dim, int mode, int[] shapes) -> Tensor[]",
   doc="The parts of a concatenation, each with the shape its input had.",
   forms="internal", kernel="cat_backward",
   vjp={"src": "cat_of(grads, dim, mode, shapes)"}, jvp=LINEAR, complex="holomorphic", ref="ref.cat_backward",
   samples=[call(arr(3, 3), 0, 0, [2, 2, 3, 2, 1, 3]), call(arr(3), 0, 1, [1, 2, 0]), call(arr(3, 3), 0, 2, [1, 3, 2, 2, 3]),
            call(arr(1, 3, 2), 2, 3, [1, 3, 1, 3]), call(arr(2, 3), 1, 4, [1, 2, 2, 2, 2])])

op("cat(Tensor[] tensors, int dim=0) -> Tensor",
   doc="Join tensors along an existing dim; the other sizes must be equal, dtypes are promoted.",
   forms="function out", composite="cat_of(tensors, dim, 0, list_shapes(tensors))", complex="holomorphic", ref="ref.cat",
   aliases=("concat", "concatenate"),
   samples=[call([arr(2, 3), arr(1, 3)]), call([arr(2, 3), arr(2, 1), arr(2, 0)], -1), call([arr(0), arr(2, 2)], 1),
            call([arr(3)])],
   errors=[(call([arr(2, 3), arr(2, 4)]), "RuntimeError", "must match except in dimension 0"),
           (call([arr(2, 3), arr(2)]), "RuntimeError", "same number of dimensions"),
           (call([arr(), arr()]), "RuntimeError", "zero-dimensional tensor"),
           (call([]), "ValueError", "non-empty list"), (call([arr(2)], 1), "IndexError", "Dimension out of range")])

op("stack(Tensor[] tensors, int dim=0) -> Tensor",
   doc="Join tensors of one shape along a new dim.",
   forms="function out", kernel="stack",
   vjp={"tensors": "unbind(grad, dim)"}, jvp=LINEAR, complex="holomorphic", ref="ref.stack",
   samples=[call([arr(2, 3), arr(2, 3)]), call([arr(2, 3), arr(2, 3)], -1), call([arr(), arr(), arr()]), call([arr(2, 0)], 1)],
   errors=[(call([arr(2), arr(3)]), "RuntimeError", "each tensor to be equal size"),
           (call([]), "RuntimeError", "non-empty list"), (call([arr(2)], 2), "IndexError", "Dimension out of range")])

op("hstack(Tensor[] tensors) -> Tensor",
   doc="cat along dim 1, or along dim 0 for vectors; numbers count as vectors.",
   forms="function out", composite="cat_of(tensors, hstack_dim(tensors), 1, list_shapes(tensors))", complex="holomorphic", ref="numpy.hstack",
   samples=[call([arr(2, 3), arr(2, 1)]), call([arr(3), arr()])])

op("vstack(Tensor[] tensors) -> Tensor",
   doc="cat along dim 0 of at least 2-d tensors; vectors count as rows.",
   forms="function out", composite="cat_of(tensors, 0, 2, list_shapes(tensors))", complex="holomorphic", ref="numpy.vstack",
   aliases=("row_stack",), samples=[call([arr(2, 3), arr(3)]), call([arr(), arr()])])

op("dstack(Tensor[] tensors) -> Tensor",
   doc="cat along dim 2 of at least 3-d tensors.",
   forms="function out", composite="cat_of(tensors, 2, 3, list_shapes(tensors))", complex="holomorphic", ref="numpy.dstack",
   samples=[call([arr(2, 3), arr(2, 3)]), call([arr(3), arr(3)]), call([arr(2, 3, 2), arr(2, 3)])])

op("column_stack(Tensor[] tensors) -> Tensor",
   doc="cat along dim 1; vectors and numbers count as columns.",
   forms="function out", composite="cat_of(tensors, 1, 4, list_shapes(tensors))", complex="holomorphic", ref="ref.column_stack",
   samples=[call([arr(3), arr(3, 2)]), call([arr(), arr()])])

# ---- splitting

op("split(Tensor self, int split_size, int dim=0) -> Tensor[]",
   doc="Views of `split_size` indices each along a dim; the last may be smaller.",
   kernel="split", view=True,
   vjp={"self": "slices_backward(grads, self.shape, split_bounds(self.shape, split_size, dim), dim)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.split", samples=[call(arr(5, 2), 2), call(arr(2, 4), 2, -1), call(arr(3), 5), call(arr(0), 0)],
   errors=[(call(arr(5), -1), "RuntimeError", "split_size be non-negative"),
           (call(arr(5), 0), "RuntimeError", "split_size can only be 0"),
           (call(arr(), 1), "RuntimeError", "at least a 1-dimensional tensor")])

op("split.sizes(Tensor self, int[] split_size, int dim=0) -> Tensor[]",
   doc="Views of the given numbers of indices along a dim, which must add up to its size.",
   composite="split_with_sizes(self, split_size, dim)", complex="holomorphic", ref="ref.split_with_sizes",
   samples=[call(arr(5, 2), [2, 3])], errors=[(call(arr(5), [2, 2]), "RuntimeError", "to sum exactly to 5")])

op("split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]",
   doc="Views of the given numbers of indices along a dim, which must add up to its size.",
   kernel="split_with_sizes", view=True,
   vjp={"self": "slices_backward(grads, self.shape, sizes_bounds(self.shape, split_sizes, dim), dim)"}, jvp=LINEAR,
   complex="holomorphic", ref="ref.split_with_sizes",
   samples=[call(arr(5, 2), [2, 3]), call(arr(2, 4), [1, 0, 3], -1)],
   errors=[(call(arr(5), [2, 2]), "RuntimeError", "to sum exactly to 5"),
           (call(arr(5), [6, -1]), "RuntimeError", "only non-negative entries")])

op("slices(Tensor self, int[] bounds, int dim) -> Tensor[]",
   doc="Views of several ranges along a dim.",
   forms="internal", kernel="slices", view=True,
   vjp={"self": "slices_backward(grads, self.shape, bounds, dim)"}, jvp=LINEAR, complex="holomorphic", ref="ref.slices",
   samples=[call(arr(5, 2), [0, 2, 2, 5], 0), call(arr(2, 5), [0, 3, 1, 4, 4, 4], -1)])

op("slices_backward(Tensor[] parts, int[] sizes, int[] bounds, int dim) -> Tensor",
   doc="Parts added into zeros of shape `sizes`, each at its range along a dim; an undefined part counts as zeros.",
   forms="internal", kernel="slices_backward",
   vjp={"parts": "slices(grad, bounds, dim)"}, jvp=LINEAR, complex="holomorphic", ref="ref.slices_backward",
   samples=[call([arr(2, 2), arr(3, 2)], [5, 2], [0, 2, 2, 5], 0), call([arr(2, 3), arr(2, 3)], [2, 5], [0, 3, 1, 4], -1)])

op("chunk(Tensor self, int chunks, int dim=0) -> Tensor[]",
   doc="At most `chunks` views of equal size along a dim; the last may be smaller.",
   composite="split(self, chunk_size(self.shape, chunks, dim), dim) if chunk_size(self.shape, chunks, dim) > 0 else "
             "slices(self, chunk_bounds(self.shape, chunks, dim), dim)",
   complex="holomorphic", ref="ref.chunk",
   samples=[call(arr(5, 2), 3), call(arr(2, 4), 2, -1), call(arr(3), 5), call(arr(0, 2), 3)],
   errors=[(call(arr(5), 0), "RuntimeError", "to be greater than 0, got: 0")])

op("tensor_split(Tensor self, int sections, int dim=0) -> Tensor[]",
   doc="`sections` views along a dim whose sizes differ by at most 1, the larger ones first.",
   composite="slices(self, section_bounds(self.shape, sections, dim), dim)", complex="holomorphic", ref="ref.tensor_split",
   samples=[call(arr(5, 2), 3), call(arr(2, 4), 2, -1), call(arr(2), 4)],
   errors=[(call(arr(5), 0), "RuntimeError", "must be larger than 0, got 0"),
           (call(arr(), 1), "RuntimeError", "at least a 1-dimensional tensor")])

op("tensor_split.indices(Tensor self, int[] indices, int dim=0) -> Tensor[]",
   doc="Views along a dim cut at the given indices.",
   composite="slices(self, index_bounds(self.shape, indices, dim), dim)", complex="holomorphic", ref="ref.tensor_split_indices",
   samples=[call(arr(5, 2), [1, 3]), call(arr(2, 4), [-1, 9], -1), call(arr(5), [3, 1])])

op("hsplit(Tensor self, int sections) -> Tensor[]",
   doc="Equal views along dim 1, or dim 0 of a vector.",
   composite="tensor_split(self, even_sections(self.shape, sections, hsplit_dim(self.ndim)), hsplit_dim(self.ndim))",
   complex="holomorphic", ref="ref.hsplit", samples=[call(arr(2, 4), 2), call(arr(6), 3)],
   errors=[(call(arr(2, 5), 2), "RuntimeError", "not divisible by the split_size 2"),
           (call(arr(), 1), "RuntimeError", "Input must be >= 1-d")])

op("hsplit.indices(Tensor self, int[] indices) -> Tensor[]",
   doc="Views along dim 1 (dim 0 of a vector) cut at the given indices.",
   composite="tensor_split_indices(self, indices, hsplit_dim(self.ndim))", complex="holomorphic", ref="ref.hsplit",
   samples=[call(arr(2, 4), [1, 2]), call(arr(6), [3])])

op("vsplit(Tensor self, int sections) -> Tensor[]",
   doc="Equal views along dim 0 of an at least 2-d tensor.",
   composite="tensor_split(self, even_sections(self.shape, sections, needs_ndim(self.ndim, 2, 0)), 0)", complex="holomorphic", ref="ref.vsplit",
   samples=[call(arr(4, 2), 2), call(arr(4, 3), 2)],
   errors=[(call(arr(4), 2), "RuntimeError", "Input must be >= 2-d"),
           (call(arr(5, 2), 2), "RuntimeError", "not divisible by the split_size 2")])

op("vsplit.indices(Tensor self, int[] indices) -> Tensor[]",
   doc="Views along dim 0 of an at least 2-d tensor cut at the given indices.",
   composite="tensor_split_indices(self, indices, needs_ndim(self.ndim, 2, 0))", complex="holomorphic", ref="ref.vsplit",
   samples=[call(arr(4, 2), [1, 2])])

op("dsplit(Tensor self, int sections) -> Tensor[]",
   doc="Equal views along dim 2 of an at least 3-d tensor.",
   composite="tensor_split(self, even_sections(self.shape, sections, needs_ndim(self.ndim, 3, 2)), 2)", complex="holomorphic", ref="ref.dsplit",
   samples=[call(arr(2, 2, 4), 2)], errors=[(call(arr(4, 2), 2), "RuntimeError", "Input must be >= 3-d")])

op("dsplit.indices(Tensor self, int[] indices) -> Tensor[]",
   doc="Views along dim 2 of an at least 3-d tensor cut at the given indices.",
   composite="tensor_split_indices(self, indices, needs_ndim(self.ndim, 3, 2))", complex="holomorphic", ref="ref.dsplit",
   samples=[call(arr(2, 2, 4), [1, 3])])

op("unbind(Tensor self, int dim=0) -> Tensor[]",
   doc="The views of every index along a dim, which disappears.",
   kernel="unbind", view=True,
   vjp={"self": "unbind_backward(grads, self.shape, dim)"}, jvp=LINEAR, complex="holomorphic", ref="ref.unbind",
   samples=[call(arr(3, 2)), call(arr(3, 2), -1), call(arr(3))],
   errors=[(call(arr()), "IndexError", "tensor has no dimensions"), (call(arr(2), 1), "IndexError", "Dimension out of range")])

op("unbind_backward(Tensor[] parts, int[] sizes, int dim) -> Tensor",
   doc="Parts stacked along a dim of shape `sizes`; an undefined part counts as zeros.",
   forms="internal", kernel="unbind_backward",
   vjp={"parts": "unbind(grad, dim)"}, jvp=LINEAR, complex="holomorphic", ref="ref.unbind_backward",
   samples=[call([arr(2), arr(2), arr(2)], [3, 2], 0), call([arr(3), arr(3)], [3, 2], -1)])

# ---- reversing and turning

op("flip(Tensor self, int[] dims) -> Tensor",
   doc="A copy with the order along the given dims reversed.",
   kernel="flip", vjp={"self": "flip(grad, dims)"}, jvp=LINEAR, complex="holomorphic", ref="ref.flip",
   samples=[call(arr(2, 3), [0]), call(arr(2, 3), [-1, 0]), call(arr(2, 3), []), call(arr(0, 2), [0]), call(arr(), [0])],
   errors=[(call(arr(2, 3), [0, 0]), "RuntimeError", "appears multiple times"),
           (call(arr(2, 3), [2]), "IndexError", "Dimension out of range")])

op("fliplr(Tensor self) -> Tensor",
   doc="flip along dim 1.",
   composite="flip(self, [needs_ndim(self.ndim, 2, 1)])", complex="holomorphic", ref="numpy.fliplr", samples=[call(arr(2, 3))],
   errors=[(call(arr(3)), "RuntimeError", "Input must be >= 2-d")])

op("flipud(Tensor self) -> Tensor",
   doc="flip along dim 0.",
   composite="flip(self, [needs_ndim(self.ndim, 1, 0)])", complex="holomorphic", ref="numpy.flipud", samples=[call(arr(2, 3)), call(arr(3))],
   errors=[(call(arr()), "RuntimeError", "Input must be >= 1-d")])

op("rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor",
   doc="A copy turned k times by 90 degrees, from the first towards the second of two dims.",
   kernel="rot90", vjp={"self": "rot90(grad, -k, dims)"}, jvp=LINEAR, complex="holomorphic", ref="ref.rot90",
   samples=[call(arr(2, 3)), call(arr(2, 3), 2), call(arr(2, 3, 4), -1, [1, 2]), call(arr(2, 3), 4), call(arr(2, 3), 1, [-1, 0])],
   errors=[(call(arr(3)), "RuntimeError", "expected total dims >= 2"),
           (call(arr(2, 3), 1, [0, 0]), "RuntimeError", "to be different"),
           (call(arr(2, 3), 1, [0]), "RuntimeError", "rotation dims == 2")])

op("roll(Tensor self, int[] shifts, int[] dims=[]) -> Tensor",
   doc="A copy moved along the given dims, what leaves at one end entering at the other; without dims, the "
       "flattened tensor.",
   kernel="roll", vjp={"self": "roll(grad, negated(shifts), dims)"}, jvp=LINEAR, complex="holomorphic", ref="ref.roll",
   samples=[call(arr(2, 3), [1]), call(arr(2, 3), [1], [1]), call(arr(2, 3), [-1, 5], [0, -1]), call(arr(3), [2, 2], [0, 0]),
            call(arr(0, 3), [1], [0])],
   errors=[(call(arr(2, 3), [1, 2]), "RuntimeError", "must align"), (call(arr(2, 3), [1], [0, 1]), "RuntimeError", "must align"),
           (call(arr(2, 3), [1], [2]), "IndexError", "Dimension out of range")])

# ---- repeating

op("repeat(Tensor self, int[] repeats) -> Tensor",
   doc="A copy with the whole tensor repeated along each dim; extra leading repeats make new dims.",
   forms="method", kernel="repeat",
   vjp={"self": "reshape(sum_to_size(reshape(grad, repeat_shape(self.shape, repeats)), tile_shape(self.shape, repeats)), "
                "self.shape)"},
   jvp=LINEAR, complex="holomorphic", ref="ref.repeat",
   samples=[call(arr(2, 3), [2, 1]), call(arr(2, 3), [2, 1, 3]), call(arr(), [3]), call(arr(2), [0]), call(arr(2), [1])],
   errors=[(call(arr(2, 3), [2]), "RuntimeError", "can not be smaller"),
           (call(arr(2), [-1]), "RuntimeError", "negative dimension")])

op("tile(Tensor self, int[] dims) -> Tensor",
   doc="repeat, with missing leading repeats taken as 1.",
   composite="repeat(self, tile_repeats(self.ndim, dims))", complex="holomorphic", ref="numpy.tile",
   samples=[call(arr(2, 3), [2]), call(arr(2), [2, 2]), call(arr(), [2])])

op("repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
   doc="Repeat every index along a dim `repeats` times; without dim, of the flattened tensor.",
   composite="interleave(reshape(self, [-1]) if dim is None else self, repeats, value_or(dim, 0))",
   complex="holomorphic", ref="ref.repeat_interleave", samples=[call(arr(2, 3), 2), call(arr(2, 3), 2, -1), call(arr(2, 3), 0, 0), call(arr(3), 1, 0),
            call(arr(2, 3, 2), 3, -2), call(arr(2, 3, 2), 2, 1)],
   errors=[(call(arr(2), -1), "RuntimeError", "repeats must be non-negative")])

op("repeat_interleave.self_tensor(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
   doc="Repeat each index along a dim as often as `repeats` says; without dim, of the flattened tensor.",
   composite="interleave_by(reshape(self, [-1]) if dim is None else self, repeats, value_or(dim, 0), output_size)",
   complex="holomorphic", ref="ref.repeat_interleave", samples=[call(arr(3, 2), idx([1, 0, 2]), 0), call(arr(2, 2), idx([2]), 1), call(arr(2), idx([0, 3])),
            call(arr(2, 2), idx([2, 0, 1, 1]))],
   errors=[(call(arr(3), idx([1, 2])), "RuntimeError", "repeats must have the same size as input"),
           (call(arr(2), idx([-1, 1])), "RuntimeError", "can not be negative")])

op("repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor",
   doc="Each index of a vector of counts, as often as its count.",
   forms="function", composite="repeat_indices(repeats, -1, output_size)", ref="ref.repeat_indices",
   samples=[call(idx([1, 0, 2]))])

op("repeat_indices(Tensor repeats, int size, int? output_size) -> Tensor",
   doc="The indices 0 to size - 1 repeated by a vector of counts (or one count); size -1 is the counts' own.",
   forms="internal", kernel="repeat_indices", vjp=NONDIFF, ref="ref.repeat_indices",
   samples=[call(idx([1, 0, 2]), 3, None), call(idx([2]), 3, 6)])

# ---- triangles and diagonals

op("tril(Tensor self, int diagonal=0) -> Tensor",
   doc="The lower triangle of matrices, zeros above the diagonal.",
   forms="function method inplace out", kernel="tril", vjp={"self": "tril(grad, diagonal)"}, jvp=LINEAR,
   complex="holomorphic", ref="numpy.tril",
   samples=[call(arr(3, 3)), call(arr(2, 4), 1), call(arr(2, 3, 3), -1), call(arr(0, 3)), call(arr(2, 2), -5)],
   errors=[(call(arr(3)), "RuntimeError", "at least 2 dimensions")])

op("triu(Tensor self, int diagonal=0) -> Tensor",
   doc="The upper triangle of matrices, zeros below the diagonal.",
   forms="function method inplace out", kernel="triu", vjp={"self": "triu(grad, diagonal)"}, jvp=LINEAR,
   complex="holomorphic", ref="numpy.triu",
   samples=[call(arr(3, 3)), call(arr(2, 4), 1), call(arr(2, 3, 3), -1), call(arr(0, 3)), call(arr(2, 2), 5)],
   errors=[(call(arr(3)), "RuntimeError", "at least 2 dimensions")])

op("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
   doc="Matrices of zeros with the last dim of self on a diagonal.",
   kernel="diag_embed", vjp={"self": "diagonal(grad, offset, dim1, dim2)"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.diag_embed", samples=[call(arr(3)), call(arr(2, 3), 1), call(arr(2, 2), -1, 0, 2), call(arr(0))],
   errors=[(call(arr(3), 0, 1, 1), "RuntimeError", "cannot be identical"), (call(arr()), "IndexError", "0-d tensor")])

op("diag(Tensor self, int diagonal=0) -> Tensor",
   doc="A vector as the diagonal of a matrix, or a copy of the diagonal of a matrix.",
   composite="diag_embed(self, diagonal) if diag_ndim(self.ndim) == 1 else diagonal_copy(self, diagonal)",
   complex="holomorphic", ref="numpy.diag", samples=[call(arr(3)), call(arr(2, 3), 1), call(arr(2), -1), call(arr(3, 3))],
   errors=[(call(arr(2, 2, 2)), "RuntimeError", "supports 1D or 2D tensors. Got 3D")])

op("diagflat(Tensor self, int offset=0) -> Tensor",
   doc="The flattened tensor as the diagonal of a matrix.",
   composite="diag_embed(reshape(self, [-1]), offset)", complex="holomorphic", ref="ref.diagflat", samples=[call(arr(2, 2)), call(arr(), 1), call(arr(2, 2), -1)])

op("trace(Tensor self) -> Tensor",
   doc="The sum of the main diagonal of a matrix; integers give int64.",
   kernel="trace", vjp={"self": "diagonal_backward(expand(grad, [diagonal_length(self.shape)]), self.shape, 0, 0, 1)"},
   jvp=LINEAR, complex="holomorphic", ref="ref.trace", samples=[call(arr(3, 3)), call(arr(2, 4)), call(arr(0, 2))],
   errors=[(call(arr(3)), "RuntimeError", "expected a matrix")])

# ---- padding

op("constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor",
   doc="A copy padded with a number: pairs (before, after) from the last dim on; negative pads crop.",
   forms="function", kernel="constant_pad_nd",
   vjp={"self": "constant_pad_nd(grad, negated(pad))"}, jvp="constant_pad_nd(self_t, pad)", complex="holomorphic",
   ref="ref.constant_pad_nd",
   samples=[call(arr(2, 3), [1, 2]), call(arr(2, 3), [1, 0, 0, 2], 1.5), call(arr(4), [-1, 2]), call(arr(2, 3), [-1, -1, 1, 1]),
            call(arr(), []), call(arr(0, 2), [1, 1])],
   errors=[(call(arr(3), [1]), "RuntimeError", "must be even"), (call(arr(3), [1, 1, 1, 1]), "RuntimeError", "no more than twice"),
           (call(arr(3), [-2, -2]), "RuntimeError", "negative output size")])
