"""Tensors made from sizes and numbers. Layer: optable (data only).

The argument parser adds device=, requires_grad=, layout= and pin_memory= to what makes a tensor. Nothing
here has a gradient but complex and polar.
"""

from optable.samples import arr, call
from optable.spec import NONDIFF, op

LIKE = "The memory order of self's dims is kept."

op("empty(int[] size, *, dtype? dtype=None) -> Tensor",
   doc="A tensor whose elements are not set.",
   forms="function", kernel="empty", ref="ref.empty", samples=[call([2, 3]), call([]), call([0])],
   errors=[(call([-1]), "RuntimeError", "is negative")])

op("zeros(int[] size, *, dtype? dtype=None) -> Tensor",
   doc="A tensor of zeros.",
   forms="function", kernel="zeros", ref="ref.zeros", samples=[call([2, 3]), call([]), call([2], dtype="int64")],
   errors=[(call([2, -1]), "RuntimeError", "is negative")])

op("ones(int[] size, *, dtype? dtype=None) -> Tensor",
   doc="A tensor of ones.",
   forms="function", kernel="ones", ref="ref.ones", samples=[call([2, 3]), call([]), call([2], dtype="complex64")])

op("full(int[] size, Scalar fill_value, *, dtype? dtype=None) -> Tensor",
   doc="A tensor of one number, whose kind gives the dtype. RuntimeError if the dtype cannot hold it.",
   forms="function", kernel="full", ref="ref.full",
   samples=[call([2, 3], 1.5), call([2], 3), call([], True), call([2], 1, dtype="float64"), call([2], 1 + 2j)],
   errors=[(call([2], 300, dtype="int8"), "RuntimeError", "without overflow")])

op("empty_like(Tensor self, *, dtype? dtype=None) -> Tensor",
   doc=f"A tensor of self's shape and dtype whose elements are not set. {LIKE}",
   forms="function", kernel="empty_like", vjp=NONDIFF, ref="ref.empty_like", samples=[call(arr(2, 3))])

op("zeros_like(Tensor self, *, dtype? dtype=None) -> Tensor",
   doc=f"Zeros of self's shape and dtype. {LIKE}",
   forms="function", kernel="zeros_like", vjp=NONDIFF, ref="ref.zeros_like",
   samples=[call(arr(2, 3)), call(arr(), dtype="int64")])

op("ones_like(Tensor self, *, dtype? dtype=None) -> Tensor",
   doc=f"Ones of self's shape and dtype. {LIKE}",
   forms="function", kernel="ones_like", vjp=NONDIFF, ref="ref.ones_like",
   samples=[call(arr(2, 3)), call(arr(), dtype="int64")])

op("full_like(Tensor self, Scalar fill_value, *, dtype? dtype=None) -> Tensor",
   doc=f"One number in self's shape and dtype. {LIKE}",
   forms="function", kernel="full_like", vjp=NONDIFF, ref="ref.full_like",
   samples=[call(arr(2, 3), 1.5), call(arr(2), 3, dtype="int64")])

op("zeros_of(Tensor like, int[] size) -> Tensor",
   doc="Zeros of a shape, with the dtype of another tensor.",
   forms="internal", kernel="zeros_of", vjp=NONDIFF, ref="ref.zeros_of", samples=[call(arr(2, 3), [4])])

op("new_empty(Tensor self, int[] size, *, dtype? dtype=None) -> Tensor",
   doc="empty with self's dtype.",
   forms="method", kernel="new_empty", vjp=NONDIFF, ref="ref.new_empty", samples=[call(arr(2, 3), [4])])

op("new_zeros(Tensor self, int[] size, *, dtype? dtype=None) -> Tensor",
   doc="zeros with self's dtype.",
   forms="method", kernel="new_zeros", vjp=NONDIFF, ref="ref.zeros_of", samples=[call(arr(2, 3), [4])])

op("new_ones(Tensor self, int[] size, *, dtype? dtype=None) -> Tensor",
   doc="ones with self's dtype.",
   forms="method", kernel="new_ones", vjp=NONDIFF, ref="ref.new_ones", samples=[call(arr(2, 3), [4])])

op("new_full(Tensor self, int[] size, Scalar fill_value, *, dtype? dtype=None) -> Tensor",
   doc="full with self's dtype.",
   forms="method", kernel="new_full", vjp=NONDIFF, ref="ref.new_full", samples=[call(arr(2, 3), [4], 2)])

op("empty_strided(int[] size, int[] stride, *, dtype? dtype=None) -> Tensor",
   doc="A tensor with these strides whose elements are not set.",
   forms="function", kernel="empty_strided", ref="ref.empty_strided", samples=[call([2, 3], [1, 2])],
   errors=[(call([2], [1, 1]), "RuntimeError", "must match dimensionality of strides"),
           (call([2], [-1]), "RuntimeError", "negative value")])

op("arange(Scalar end, *, dtype? dtype=None) -> Tensor",
   doc="0, 1, ... below `end`; integers give int64, floats the default dtype.",
   forms="function", kernel="arange", ref="ref.arange", samples=[call(5), call(2.5), call(0), call(3, dtype="float64")],
   errors=[(call(-1), "RuntimeError", "inconsistent with step sign"), (call(float("nan")), "RuntimeError", "unsupported range")])

op("arange.start(Scalar start, Scalar end, Scalar step=1, *, dtype? dtype=None) -> Tensor",
   doc="start, start + step, ... before `end`; integers give int64, floats the default dtype.",
   forms="function", kernel="arange_start", ref="ref.arange_start",
   samples=[call(2, 7), call(7, 2, -2), call(0.0, 1.0, 0.25), call(1, 4, dtype="float64"), call(3, 3), call(0, 10, 3)],
   errors=[(call(0, 3, 0), "RuntimeError", "step must be nonzero"), (call(0, 3, -1), "RuntimeError", "inconsistent with step sign")])

op("linspace(Scalar start, Scalar end, int steps, *, dtype? dtype=None) -> Tensor",
   doc="`steps` numbers at equal distances from start to end, both included.",
   forms="function", kernel="linspace", ref="ref.linspace",
   samples=[call(0, 1, 5), call(2.0, -1.0, 4), call(3, 5, 1), call(0, 1, 0), call(0, 10, 3, dtype="int64"), call(0, 1j, 3)],
   errors=[(call(0, 1, -1), "RuntimeError", "must be non-negative")])

op("logspace(Scalar start, Scalar end, int steps, float base=10.0, *, dtype? dtype=None) -> Tensor",
   doc="`base` to the power of each number of linspace.",
   forms="function", kernel="logspace", ref="ref.logspace",
   samples=[call(0, 2, 5), call(0, 3, 4, 2.0), call(1, 2, 1), call(0, 1, 0)],
   errors=[(call(0, 1, -1), "RuntimeError", "must be non-negative")])

op("eye(int n, int? m=None, *, dtype? dtype=None) -> Tensor",
   doc="Ones on the main diagonal of an n by m (or n by n) matrix of zeros.",
   forms="function", kernel="eye", ref="ref.eye", samples=[call(3), call(2, 4), call(4, 2), call(0), call(2, dtype="int64")],
   errors=[(call(-1), "RuntimeError", "n must be greater or equal to 0"), (call(1, -1), "RuntimeError", "m must be greater")])

op("tril_indices(int row, int col, int offset=0, *, dtype? dtype=None) -> Tensor",
   doc="Rows and columns of the lower triangle of a row by col matrix.",
   forms="function", kernel="tril_indices", ref="ref.tril_indices", samples=[call(3, 3), call(2, 4, 1), call(3, 2, -1), call(0, 2)],
   errors=[(call(-1, 2), "RuntimeError", "must be non-negative")])

op("triu_indices(int row, int col, int offset=0, *, dtype? dtype=None) -> Tensor",
   doc="Rows and columns of the upper triangle of a row by col matrix.",
   forms="function", kernel="triu_indices", ref="ref.triu_indices", samples=[call(3, 3), call(2, 4, 1), call(3, 2, -1), call(0, 2)],
   errors=[(call(-1, 2), "RuntimeError", "must be non-negative")])

op("complex(Tensor real, Tensor imag) -> Tensor",
   doc="Complex numbers from two real tensors of one dtype, which broadcast.",
   forms="function out", kernel="complex",
   vjp={"real": "grad", "imag": "select(view_as_real(grad), -1, 1)"}, jvp="complex(real_t, imag_t)", complex="custom",
   ref="ref.complex",
   samples=[call(arr(2, 3), arr(2, 3), _complex=False), call(arr(2, 1), arr(3), _complex=False), call(arr(), arr(), _complex=False)],
   errors=[(call(arr(2, dtype="int64"), arr(2, dtype="int64")), "RuntimeError", "float32 or float64"),
           (call(arr(2, dtype="float32"), arr(2, dtype="float64")), "RuntimeError", "but got scalar type Double")])

op("polar(Tensor abs, Tensor angle) -> Tensor",
   doc="Complex numbers from absolute value and angle: abs * (cos(angle) + i sin(angle)).",
   forms="function out", kernel="polar",
   vjp={"abs": "grad * conj(polar(ones_like(abs), angle))", "angle": "select(view_as_real(grad * conj(result)), -1, 1)"},
   jvp="abs_t * polar(ones_like(abs), angle) + angle_t * (result * 1j)", complex="custom", ref="ref.polar",
   samples=[call(arr(2, 3, lo=0.2), arr(2, 3), _complex=False), call(arr(2, 1), arr(3), _complex=False),
            call(arr(), arr(), _complex=False)],
   errors=[(call(arr(2, dtype="float32"), arr(2, dtype="float64")), "RuntimeError", "but got scalar type Double")])
