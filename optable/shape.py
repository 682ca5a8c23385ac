"""Views and their backward operations. Layer: optable (data only).

Views share the memory of `self`. Joining, splitting and rearranging copies are in join.py.
"""

from optable.samples import arr, call
from optable.spec import LINEAR, NONDIFF, op

# ---- the same elements under another shape

op("view(Tensor self, int[] size) -> Tensor",
   doc="The same memory under another shape. One size may be -1 (inferred). RuntimeError if the strides "
       "do not allow it: reshape copies then.",
   forms="method", kernel="view", view=True,
   vjp={"self": "reshape(grad, self.shape)"}, jvp="reshape(self_t, size)", complex="holomorphic", ref="ref.view",
   samples=[call(arr(2, 6), [3, 4]), call(arr(2, 6), [-1]), call(arr(), [1, 1]), call(arr(1), []),
            call(arr(0, 3), [3, 0, 2]), call(arr(4), [2, -1])],
   errors=[(call(arr(2, 3), [4]), "RuntimeError", "invalid for input of size 6"),
           (call(arr(2, 3), [-1, -1]), "RuntimeError", "only one dimension")])

op("view.dtype(Tensor self, dtype dtype) -> Tensor",
   doc="The same memory read as another dtype; the last dim shrinks or grows with the element size.",
   forms="method", kernel="view_dtype", view=True, vjp=NONDIFF, ref="ref.view_dtype",
   samples=[call(arr(2, 4, dtype="float32"), "int32"), call(arr(2, 4, dtype="float32"), "float64"),
            call(arr(2, 4, dtype="float32"), "int16"), call(arr(dtype="float32"), "int32")],
   errors=[(call(arr(2, 3, dtype="float32"), "float64"), "RuntimeError", "must be divisible by 2"),
           (call(arr(dtype="float32"), "float64"), "RuntimeError", "cannot be 0")])

op("view_as(Tensor self, Tensor other) -> Tensor",
   doc="view with the shape of `other`.",
   forms="method", composite="view(self, other.shape)", complex="holomorphic", ref="ref.view_as",
   samples=[call(arr(2, 6), arr(3, 4, grad=False))],
   errors=[(call(arr(2, 3), arr(4)), "RuntimeError", "invalid for input of size 6")])

op("unsafe_view(Tensor self, int[] size) -> Tensor",
   doc="A fresh contiguous tensor given another shape; not tracked as a view of it.",
   forms="internal", kernel="unsafe_view", vjp={"self": "reshape(grad, self.shape)"}, jvp="reshape(self_t, size)",
   complex="holomorphic", ref="ref.view", samples=[call(arr(2, 6), [3, 4]), call(arr(0, 3), [3, 0])])

op("reshape(Tensor self, int[] shape) -> Tensor",
   doc="Another shape for the same elements in row-major order: a view if the strides allow it, else a copy.",
   composite="view(self, shape) if can_view(self, shape) else unsafe_view(contiguous_copy(self), shape)",
   complex="holomorphic", ref="ref.reshape",
   samples=[call(arr(2, 6), [3, 4]), call(arr(2, 3, 4), [-1, 4]), call(arr(), [1]), call(arr(0, 3), [3, 0])],
   errors=[(call(arr(2, 3), [4]), "RuntimeError", "invalid for input of size 6")])

op("reshape_as(Tensor self, Tensor other) -> Tensor",
   doc="reshape to the shape of `other`.",
   forms="method", composite="reshape(self, other.shape)", complex="holomorphic", ref="ref.view_as",
   samples=[call(arr(2, 6), arr(3, 4, grad=False))])

op("flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor",
   doc="Merge the dims from start_dim to end_dim into one; a 0-d tensor becomes 1-d.",
   composite="reshape(self, flatten_shape(self.shape, start_dim, end_dim))", complex="holomorphic", ref="ref.flatten",
   samples=[call(arr(2, 3, 4)), call(arr(2, 3, 4), 1), call(arr(2, 3, 4), -3, -2), call(arr()), call(arr(3))],
   errors=[(call(arr(2, 3), 1, 0), "RuntimeError", "start_dim cannot come after end_dim"),
           (call(arr(2, 3), 2), "IndexError", "Dimension out of range")])

op("ravel(Tensor self) -> Tensor",
   doc="reshape to one dim.",
   composite="reshape(self, [-1])", ref="numpy.ravel", samples=[call(arr(2, 3)), call(arr()), call(arr(0, 2))])

op("unflatten(Tensor self, int dim, int[] sizes) -> Tensor",
   doc="Split one dim into several, whose product is its size; one may be -1.",
   composite="view(self, unflatten_shape(self.shape, dim, sizes))", complex="holomorphic", ref="ref.unflatten",
   samples=[call(arr(2, 12), 1, [3, 4]), call(arr(2, 12), -1, [3, -1, 2]), call(arr(6, 2), 0, [2, 3])],
   errors=[(call(arr(2, 12), 1, [5, 2]), "RuntimeError", "don't multiply up to")])

# ---- dims of size 1

op("squeeze(Tensor self) -> Tensor",
   doc="A view without the dims of size 1.",
   kernel="squeeze", view=True,
   vjp={"self": "reshape(grad, self.shape)"}, jvp=LINEAR, complex="holomorphic", ref="ref.squeeze",
   samples=[call(arr(1, 3, 1, 2)), call(arr(2, 3)), call(arr()), call(arr(1, 0))])

op("squeeze.dim(Tensor self, int dim) -> Tensor",
   doc="A view without dim `dim` if its size is 1.",
   kernel="squeeze_dim", view=True,
   vjp={"self": "reshape(grad, self.shape)"}, jvp=LINEAR, complex="holomorphic", ref="ref.squeeze_dim",
   samples=[call(arr(1, 3, 1), 0), call(arr(1, 3, 1), -1), call(arr(1, 3, 1), 1), call(arr(), 0)],
   errors=[(call(arr(1, 3), 2), "IndexError", "Dimension out of range")])

op("squeeze.dims(Tensor self, int[] dim) -> Tensor",
   doc="A view without those of the listed dims whose size is 1.",
   kernel="squeeze_dims", view=True,
   vjp={"self": "reshape(grad, self.shape)"}, jvp=LINEAR, complex="holomorphic", ref="ref.squeeze_dims",
   samples=[call(arr(1, 3, 1), [0, -1]), call(arr(1, 3, 1), [0, 1]), call(arr(1, 3), [])],
   errors=[(call(arr(1, 3), [0, 0]), "RuntimeError", "appears multiple times")])

op("unsqueeze(Tensor self, int dim) -> Tensor",
   doc="A view with a new dim of size 1 at `dim`.",
   kernel="unsqueeze", view=True,
   vjp={"self": "squeeze_dim(grad, dim)"}, jvp=LINEAR, complex="holomorphic", ref="numpy.expand_dims",
   samples=[call(arr(2, 3), 0), call(arr(2, 3), 1), call(arr(2, 3), -1), call(arr(), 0), call(arr(0), -2)],
   errors=[(call(arr(2, 3), 3), "IndexError", "Dimension out of range")])

# ---- dims in another order

op("transpose(Tensor self, int dim0, int dim1) -> Tensor",
   doc="A view with two dims swapped.",
   kernel="transpose", view=True,
   vjp={"self": "transpose(grad, dim0, dim1)"}, jvp=LINEAR, complex="holomorphic", ref="ref.transpose",
   aliases=("swapaxes", "swapdims"),
   samples=[call(arr(2, 3), 0, 1), call(arr(2, 3, 4), -1, 0), call(arr(2, 3), 1, 1), call(arr(), 0, -1)],
   errors=[(call(arr(2, 3), 0, 2), "IndexError", "Dimension out of range")])

op("t(Tensor self) -> Tensor",
   doc="A matrix transposed; tensors of fewer dims as they are. RuntimeError for more than 2 dims.",
   kernel="t", view=True,
   vjp={"self": "t(grad)"}, jvp=LINEAR, complex="holomorphic", ref="ref.t",
   samples=[call(arr(2, 3)), call(arr(3)), call(arr()), call(arr(0, 2))],
   errors=[(call(arr(2, 3, 4)), "RuntimeError", "expects a tensor with <= 2 dimensions")])

op("permute(Tensor self, int[] dims) -> Tensor",
   doc="A view with the dims in the given order.",
   kernel="permute", view=True,
   vjp={"self": "permute(grad, inverse_permutation(dims))"}, jvp=LINEAR, complex="holomorphic", ref="ref.permute",
   samples=[call(arr(2, 3, 4), [2, 0, 1]), call(arr(2, 3, 4), [-1, 0, -2]), call(arr(), []), call(arr(2, 0), [1, 0])],
   errors=[(call(arr(2, 3), [0]), "RuntimeError", "does not match the length"),
           (call(arr(2, 3), [0, 0]), "RuntimeError", "duplicate dims")])

op("movedim.int(Tensor self, int source, int destination) -> Tensor",
   doc="A view with one dim moved to another place, the others keeping their order.",
   composite="permute(self, movedim_order(self.ndim, [source], [destination]))", complex="holomorphic", ref="numpy.moveaxis",
   aliases=("moveaxis",),
   samples=[call(arr(2, 3, 4), 0, 2), call(arr(2, 3, 4), -1, 0)],
   errors=[(call(arr(2, 3), 2, 0), "IndexError", "Dimension out of range")])

op("movedim(Tensor self, int[] source, int[] destination) -> Tensor",
   doc="A view with dims moved to other places, the others keeping their order.",
   composite="permute(self, movedim_order(self.ndim, source, destination))", complex="holomorphic", ref="ref.movedim",
   aliases=("moveaxis",),
   samples=[call(arr(2, 3, 4), [0, 1], [2, 0]), call(arr(2, 3, 4), [-1], [0]), call(arr(), [], [])],
   errors=[(call(arr(2, 3), [0, 1], [0]), "RuntimeError", "same number of dims"),
           (call(arr(2, 3), [0, 0], [0, 1]), "RuntimeError", "repeated dim in `source`")])

op("T(Tensor self) -> Tensor",
   doc="A view with the dims reversed.",
   forms="property", composite="permute(self, reversed_dims(self.ndim))", complex="holomorphic", ref="numpy.transpose",
   samples=[call(arr(2, 3)), call(arr(3)), call(arr(2, 3, 4))])

op("mT(Tensor self) -> Tensor",
   doc="A view with the last two dims swapped. RuntimeError below 2 dims.",
   forms="property", composite="transpose(self, matrix_dim(self.ndim), -1)", complex="holomorphic", ref="ref.mT",
   samples=[call(arr(2, 3)), call(arr(4, 2, 3))],
   errors=[(call(arr(3)), "RuntimeError", "only supported on matrices")])

op("mH(Tensor self) -> Tensor",
   doc="The last two dims swapped and every element conjugated. RuntimeError below 2 dims.",
   forms="property",
   composite="conj(transpose(self, matrix_dim(self.ndim), -1)) if self.is_complex else "
             "transpose(self, matrix_dim(self.ndim), -1)",
   complex="custom", ref="ref.mH", samples=[call(arr(2, 3)), call(arr(4, 2, 3))],
   errors=[(call(arr(3)), "RuntimeError", "only supported on matrices")])

op("adjoint(Tensor self) -> Tensor",
   doc="The last two dims swapped and every element conjugated. RuntimeError below 2 dims.",
   composite="mH(self)", complex="custom", ref="ref.mH", samples=[call(arr(2, 3))],
   errors=[(call(arr(3)), "RuntimeError", "only supported on matrices")])

op("H(Tensor self) -> Tensor",
   doc="A matrix transposed and conjugated. RuntimeError unless it has 2 dims.",
   forms="property", composite="mH(t(self)) if self.ndim < 2 else conj(t(self)) if self.is_complex else t(self)",
   complex="custom", ref="ref.mH", samples=[call(arr(2, 3))],
   errors=[(call(arr(3)), "RuntimeError", "only supported on matrices"),
           (call(arr(2, 3, 4)), "RuntimeError", "<= 2 dimensions")])

# ---- dims repeated without copying

op("expand(Tensor self, int[] size) -> Tensor",
   doc="A view with dims of size 1 (and new leading dims) repeated; -1 keeps a size.",
   forms="method", kernel="expand", view=True,
   vjp={"self": "grad"}, jvp=LINEAR, complex="holomorphic", ref="ref.expand",
   samples=[call(arr(2, 1), [2, 3]), call(arr(2, 1), [4, -1, 3]), call(arr(), [2, 2]), call(arr(1), [0]),
            call(arr(3), [1, 3])],
   errors=[(call(arr(2, 3), [2, 4]), "RuntimeError", "must match the existing size (3)"),
           (call(arr(2, 3), [3]), "RuntimeError", "must be greater or equal")])

op("expand_as(Tensor self, Tensor other) -> Tensor",
   doc="expand to the shape of `other`.",
   forms="method", composite="expand(self, other.shape)", complex="holomorphic", ref="ref.expand_as",
   samples=[call(arr(2, 1), arr(2, 3, grad=False))])

op("broadcast_to(Tensor self, int[] size) -> Tensor",
   doc="expand, as a function.",
   composite="expand(self, size)", complex="holomorphic", ref="ref.expand", samples=[call(arr(2, 1), [2, 3]), call(arr(), [2])])

# ---- parts

op("select(Tensor self, int dim, int index) -> Tensor",
   doc="A view of one index along a dim, which disappears. IndexError out of range.",
   kernel="select", view=True,
   vjp={"self": "select_backward(grad, self.shape, dim, index)"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.select",
   samples=[call(arr(3, 4), 0, 1), call(arr(3, 4), -1, -2), call(arr(2, 3, 4), 1, 0), call(arr(3), 0, 2),
            call(arr(2, 0), 0, 1)],
   errors=[(call(arr(3, 2), 0, 5), "IndexError", "index 5 out of range for tensor of size (3, 2) at dimension 0"),
           (call(arr(), 0, 0), "IndexError", "cannot be applied to a 0-dim tensor")])

op("select_backward(Tensor src, int[] sizes, int dim, int index) -> Tensor",
   doc="Zeros of shape `sizes` with one index along a dim set to `src`.",
   forms="internal", kernel="select_backward",
   vjp={"src": "select(grad, dim, index)"}, jvp=LINEAR, complex="holomorphic", ref="ref.select_backward",
   samples=[call(arr(4), [3, 4], 0, 1), call(arr(3), [3, 4], -1, -2), call(arr(), [3], 0, 2)])

op("slice(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
   doc="A view of every step-th index from start to end along a dim, clamped as Python slices are.",
   forms="internal", kernel="slice", view=True,
   vjp={"self": "slice_backward(grad, self.shape, dim, start, end, step)"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.slice",
   samples=[call(arr(5, 3), 0, 1, 4), call(arr(5, 3), 0, None, None, 2), call(arr(5, 3), -1, -2), call(arr(5), 0, 3, 1),
            call(arr(7), 0, 1, 100, 3), call(arr(0, 2), 0, 0, 5)],
   errors=[(call(arr(5), 0, 0, 5, 0), "RuntimeError", "slice step must be positive"),
           (call(arr(), 0), "IndexError", "cannot be applied to a 0-dim tensor")])

op("slice_backward(Tensor src, int[] sizes, int dim, int? start, int? end, int step) -> Tensor",
   doc="Zeros of shape `sizes` with a slice along a dim set to `src`.",
   forms="internal", kernel="slice_backward",
   vjp={"src": "slice(grad, dim, start, end, step)"}, jvp=LINEAR, complex="holomorphic", ref="ref.slice_backward",
   samples=[call(arr(3, 3), [5, 3], 0, 1, 4, 1), call(arr(5, 2), [5, 3], 1, None, None, 2),
            call(arr(5, 2), [5, 3], -1, -2, None, 1)])

op("narrow(Tensor self, int dim, int start, int length) -> Tensor",
   doc="A view of `length` indices from `start` along a dim. RuntimeError if they do not exist.",
   composite="slice(self, dim, narrow_start(self.shape, dim, start, length), "
             "narrow_start(self.shape, dim, start, length) + length, 1)",
   complex="holomorphic", ref="ref.narrow", samples=[call(arr(5, 3), 0, 1, 3), call(arr(5, 3), -1, -2, 2), call(arr(3), 0, 3, 0),
            call(arr(3, 5), -1, -2, 1)],
   errors=[(call(arr(3), 0, 2, 2), "RuntimeError", "exceeds dimension size (3)"),
           (call(arr(3), 0, 4, 0), "IndexError", "start out of range"),
           (call(arr(3), 0, 0, -1), "RuntimeError", "length must be non-negative")])

op("diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor",
   doc="A view of the diagonals of dims dim1 and dim2, as a new last dim; offset > 0 is above the main one.",
   kernel="diagonal", view=True,
   vjp={"self": "diagonal_backward(grad, self.shape, offset, dim1, dim2)"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.diagonal",
   samples=[call(arr(3, 4)), call(arr(3, 4), 1), call(arr(3, 4), -2), call(arr(2, 3, 3), 0, -1, -2),
            call(arr(2, 3), 5), call(arr(0, 3))],
   errors=[(call(arr(3, 3), 0, 1, 1), "RuntimeError", "cannot be identical"),
           (call(arr(3)), "IndexError", "Dimension out of range")])

op("diagonal_backward(Tensor src, int[] sizes, int offset, int dim1, int dim2) -> Tensor",
   doc="Zeros of shape `sizes` with one diagonal set to `src`.",
   forms="internal", kernel="diagonal_backward",
   vjp={"src": "diagonal(grad, offset, dim1, dim2)"}, jvp=LINEAR, complex="holomorphic", ref="ref.diagonal_backward",
   samples=[call(arr(3), [3, 4], 0, 0, 1), call(arr(2, 2), [2, 3, 3], -1, -2, -1), call(arr(3), [3, 4], 1, 0, 1)])

op("unfold(Tensor self, int dimension, int size, int step) -> Tensor",
   doc="A view of the windows of `size` indices along a dim, every `step`; the window is a new last dim.",
   forms="method", kernel="unfold", view=True,
   vjp={"self": "unfold_backward(grad, self.shape, dimension, size, step)"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.unfold",
   samples=[call(arr(5), 0, 3, 1), call(arr(3, 7), -1, 2, 3), call(arr(7, 2), 0, 3, 2), call(arr(), 0, 1, 1),
            call(arr(4), 0, 0, 2)],
   errors=[(call(arr(3), 0, 4, 1), "RuntimeError", "maximum size for tensor at dimension 0 is 3 but size is 4"),
           (call(arr(3), 0, 1, 0), "RuntimeError", "step is 0 but must be > 0")])

op("unfold_backward(Tensor src, int[] sizes, int dimension, int size, int step) -> Tensor",
   doc="The windows of unfold added back where they were read from, in zeros of shape `sizes`.",
   forms="internal", kernel="unfold_backward",
   vjp={"src": "unfold(grad, dimension, size, step)"}, jvp=LINEAR, complex="holomorphic", ref="ref.unfold_backward",
   samples=[call(arr(3, 3), [5], 0, 3, 1), call(arr(3, 2, 2), [3, 7], -1, 2, 3), call(arr(1), [], 0, 1, 1)])

op("as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
   doc="A view of self's storage with these sizes, strides and offset (self's by default).",
   composite="as_strided_of(self, size, stride, value_or(storage_offset, offset_of(self)), strides_of(self), "
             "offset_of(self))",
   complex="holomorphic", ref="ref.as_strided",
   samples=[call(arr(3, 4), [2, 2], [4, 1], 1), call(arr(3, 4), [3, 3], [1, 2]), call(arr(6), [], [], 2)],
   errors=[(call(arr(3), [4], [1]), "RuntimeError", "out of bounds for storage of size"),
           (call(arr(3), [2], [-1], 2), "RuntimeError", "negative strides"),
           (call(arr(3), [2, 1], [1]), "RuntimeError", "mismatch in length of strides")])

op("as_strided_of(Tensor self, int[] size, int[] stride, int storage_offset, int[] base_stride, int base_offset)"
   " -> Tensor",
   doc="as_strided that also carries the strides and offset of self, so that no value needs saving.",
   forms="internal", kernel="as_strided_of", view=True, node="AsStrided",
   vjp={"self": "as_strided_backward(grad, self.shape, base_stride, base_offset, size, stride, storage_offset)"},
   jvp="as_strided_of(self_t, size, stride, storage_offset - base_offset + offset_of(self_t), base_stride, "
       "offset_of(self_t)) if strides_of(self_t) == base_stride else "
       "as_strided_gather(self_t, self.shape, base_stride, base_offset, size, stride, storage_offset)",
   complex="holomorphic", ref="ref.as_strided_of",
   samples=[call(arr(3, 4), [2, 2], [4, 1], 1, [4, 1], 0), call(arr(3, 4), [3, 3], [1, 2], 0, [4, 1], 0)])

op("as_strided_backward(Tensor src, int[] base_sizes, int[] base_strides, int base_offset, int[] sizes, "
   "int[] strides, int offset) -> Tensor",
   doc="The gradient of a view added into the memory of its base and read with the base's geometry; where "
       "elements of the base coincide, each gets an equal part.",
   forms="internal", kernel="as_strided_backward",
   vjp={"src": "as_strided_gather(grad, base_sizes, base_strides, base_offset, sizes, strides, offset)"},
   jvp=LINEAR, complex="holomorphic", ref="ref.as_strided_backward",
   samples=[call(arr(2, 2), [3, 4], [4, 1], 0, [2, 2], [4, 1], 1), call(arr(3, 3), [3, 4], [4, 1], 0, [3, 3], [1, 2], 0),
            call(arr(3), [4, 3], [1, 4], 2, [3], [2], 3), call(arr(2), [2, 3], [1, 0], 0, [2], [1], 0)])

op("as_strided_gather(Tensor src, int[] base_sizes, int[] base_strides, int base_offset, int[] sizes, "
   "int[] strides, int offset) -> Tensor",
   doc="A tensor with the base's shape laid out with the base's geometry and read as the view reads; where "
       "elements of the base coincide, their mean.",
   forms="internal", kernel="as_strided_gather",
   vjp={"src": "as_strided_backward(grad, base_sizes, base_strides, base_offset, sizes, strides, offset)"},
   jvp=LINEAR, complex="holomorphic", ref="ref.as_strided_gather",
   samples=[call(arr(3, 4), [3, 4], [4, 1], 0, [2, 2], [4, 1], 1), call(arr(3, 4), [3, 4], [4, 1], 0, [3, 3], [1, 2], 0),
            call(arr(4, 3), [4, 3], [1, 4], 2, [3], [2], 3), call(arr(2, 3), [2, 3], [1, 0], 0, [2], [1], 0)])

# ---- complex numbers as pairs, and back

op("view_as_real(Tensor self) -> Tensor",
   doc="A complex tensor as a real view with a last dim of 2: real and imaginary part.",
   forms="function", kernel="view_as_real", view=True,
   vjp={"self": "view_as_complex(contiguous(grad))"}, jvp=LINEAR, complex="custom", ref="ref.view_as_real",
   samples=[call(arr(2, 3, dtype="complex128")), call(arr(dtype="complex128")), call(arr(0, dtype="complex128"))],
   errors=[(call(arr(2, dtype="float32")), "RuntimeError", "only supported for complex tensors")])

op("view_as_complex(Tensor self) -> Tensor",
   doc="A real tensor with a last dim of 2 as a complex view.",
   forms="function", kernel="view_as_complex", view=True,
   vjp={"self": "view_as_real(grad)"}, jvp="view_as_complex(self_t if strides_of(self_t) == strides_of(self) else contiguous(self_t))", complex="custom",
   ref="ref.view_as_complex",
   samples=[call(arr(3, 2), _complex=False), call(arr(2), _complex=False), call(arr(0, 2), _complex=False)],
   errors=[(call(arr(3, 3, dtype="float64")), "RuntimeError", "last dimension of size 2"),
           (call(arr(2, dtype="int64")), "RuntimeError", "only supported for")])

op("real(Tensor self) -> Tensor",
   doc="A view of the real parts; a real tensor itself.",
   forms="function property", composite="select(view_as_real(self), -1, 0) if self.is_complex else self",
   complex="custom", ref="numpy.real", samples=[call(arr(2, 3)), call(arr())])

op("imag(Tensor self) -> Tensor",
   doc="A view of the imaginary parts. RuntimeError for real tensors.",
   forms="function property", composite="select(view_as_real(self), -1, 1)", complex="custom", ref="numpy.imag",
   samples=[call(arr(2, 3, dtype="complex128")), call(arr(dtype="complex128"))],
   errors=[(call(arr(2, dtype="float32")), "RuntimeError", "only supported for complex tensors")])

# ---- the whole

op("alias(Tensor self) -> Tensor",
   doc="A view of the whole tensor.",
   forms="internal", kernel="alias_view", view=True, vjp={"self": "grad"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.same", samples=[call(arr(2, 3))])

op("detach(Tensor self) -> Tensor",
   doc="The same memory without history: gradients stop here.",
   kernel="detach", vjp=NONDIFF, ref="ref.same", samples=[call(arr(2, 3)), call(arr())])

op("clone(Tensor self) -> Tensor",
   doc="A copy that keeps the memory order of self's dims.",
   kernel="clone", vjp={"self": "grad"}, jvp=LINEAR, complex="holomorphic", ref="ref.same",
   samples=[call(arr(2, 3)), call(arr()), call(arr(0, 2))])

op("contiguous(Tensor self) -> Tensor",
   doc="self if its elements lie in row-major order without gaps, else a copy that does.",
   forms="method", composite="self if is_contiguous(self) else contiguous_copy(self)", complex="holomorphic", ref="ref.same",
   samples=[call(arr(2, 3)), call(arr())])

op("contiguous_copy(Tensor self) -> Tensor",
   doc="A contiguous copy, always.",
   forms="internal", kernel="contiguous_copy", node="Clone", vjp={"self": "grad"}, jvp=LINEAR, complex="holomorphic",
   ref="ref.same", samples=[call(arr(2, 3)), call(arr(0, 2))])

op("_to_copy(Tensor self, dtype dtype) -> Tensor",
   doc="A copy converted to another dtype; complex to real keeps the real part.",
   forms="function", kernel="to_copy", vjp={"self": "grad"}, jvp=LINEAR, complex="holomorphic", ref="ref.to_copy",
   samples=[call(arr(2, 3), "float64", _complex=False), call(arr(2, 3), "complex128"), call(arr(), "complex128")])

op("resize(Tensor self, int[] size) -> Tensor",
   doc="Give self itself this shape, contiguous from its offset; its storage grows if it must.",
   forms="inplace", kernel="resize", vjp=NONDIFF, ref="ref.resize",
   samples=[call(arr(2, 6, grad=False), [3, 4]), call(arr(6, grad=False), [2, 2])])

# ---- a copy with one part replaced

op("select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor",
   doc="A copy of self with one index along a dim replaced by `src`, whose shape it must have.",
   kernel="select_scatter",
   vjp={"self": "select_scatter(grad, zeros_of(grad, src.shape), dim, index)", "src": "select(grad, dim, index)"},
   jvp="select_scatter(self_t, src_t, dim, index)", complex="holomorphic", ref="ref.select_scatter",
   samples=[call(arr(3, 4), arr(4), 0, 1), call(arr(3, 4), arr(3), -1, -1), call(arr(3), arr(), 0, 2)],
   errors=[(call(arr(3, 4), arr(3), 0, 1), "RuntimeError", "expected src to have a size equal")])

op("slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
   doc="A copy of self with a slice along a dim replaced by `src`, whose shape it must have.",
   kernel="slice_scatter",
   vjp={"self": "slice_scatter(grad, zeros_of(grad, src.shape), dim, start, end, step)",
        "src": "slice(grad, dim, start, end, step)"},
   jvp="slice_scatter(self_t, src_t, dim, start, end, step)", complex="holomorphic", ref="ref.slice_scatter",
   samples=[call(arr(5, 2), arr(3, 2), 0, 1, 4), call(arr(5, 2), arr(5, 1), 1, -1), call(arr(5), arr(3), 0, None, None, 2)],
   errors=[(call(arr(5), arr(2), 0, 0, 3), "RuntimeError", "expected src to have a size equal")])

op("diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
   doc="A copy of self with one diagonal replaced by `src`, whose shape it must have.",
   kernel="diagonal_scatter",
   vjp={"self": "diagonal_scatter(grad, zeros_of(grad, src.shape), offset, dim1, dim2)",
        "src": "diagonal(grad, offset, dim1, dim2)"},
   jvp="diagonal_scatter(self_t, src_t, offset, dim1, dim2)", complex="holomorphic", ref="ref.diagonal_scatter",
   samples=[call(arr(3, 4), arr(3)), call(arr(3, 4), arr(2), -1), call(arr(2, 3, 3), arr(2, 3), 0, 1, 2)],
   errors=[(call(arr(3, 3), arr(2)), "RuntimeError", "expected src to have a size equal")])

op("as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
   doc="A copy of self with what as_strided would view replaced by `src`.",
   composite="as_strided_scatter_of(self, src, size, stride, value_or(storage_offset, offset_of(self)), "
             "strides_of(self), offset_of(self))",
   complex="holomorphic", ref="ref.as_strided_scatter",
   samples=[call(arr(3, 4), arr(2, 2), [2, 2], [4, 1], 1), call(arr(6), arr(3), [3], [2])],
   errors=[(call(arr(6), arr(2), [3], [2]), "RuntimeError", "expected src to have a size equal")])

op("as_strided_scatter_of(Tensor self, Tensor src, int[] size, int[] stride, int storage_offset, int[] base_stride, "
   "int base_offset) -> Tensor",
   doc="as_strided_scatter that also carries the strides and offset of self.",
   forms="internal", kernel="as_strided_scatter_of", node="AsStridedScatter",
   vjp={"self": "as_strided_scatter_of(grad, zeros_of(grad, src.shape), size, stride, storage_offset, base_stride, "
                "base_offset)",
        "src": "as_strided_gather(grad, self.shape, base_stride, base_offset, size, stride, storage_offset)"},
   jvp="as_strided_scatter_of(self_t, src_t, size, stride, storage_offset, base_stride, base_offset)",
   complex="holomorphic", ref="ref.as_strided_scatter_of",
   samples=[call(arr(3, 4), arr(2, 2), [2, 2], [4, 1], 1, [4, 1], 0), call(arr(6), arr(3), [3], [2], 1, [1], 0)])
