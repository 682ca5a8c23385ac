"""Fused operations of training. Layer: optable (data only)."""

from optable.samples import arr, call, idx
from optable.spec import NONDIFF, op

TARGETS = [call(arr(3, 4), idx([1, 0, 3]), r) for r in (0, 1, 2)]
IGNORED = [call(arr(3, 4), idx([1, 2, 3]), r, 2) for r in (0, 1, 2)]

op("_cross_entropy_indices(Tensor self, Tensor target, int reduction=1, int ignore_index=-100) -> Tensor",
   doc="Minus the log-softmax of scores (n, classes) at the target classes (n,); reduction 0 none, 1 mean, 2 sum.",
   forms="function", kernel="cross_entropy_indices",
   vjp={"self": "cross_entropy_backward(grad, self, target, reduction, ignore_index)", "target": NONDIFF},
   jvp="cross_entropy_reduce(sum_dim(self_t * cross_entropy_residual(self, target, ignore_index), [1], False), target, reduction, ignore_index)",
   ref="ref.cross_entropy_indices", sign="cross_entropy", node="NllLoss",
   samples=[*TARGETS, *IGNORED],
   errors=[(call(arr(3, 4), idx([1, 0, 4])), "IndexError", "Target 4 is out of bounds"),
           (call(arr(3, 4), idx([1, 0])), "ValueError", "batch_size"),
           (call(arr(4), idx([1])), "RuntimeError", "cross_entropy")])

op("cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, int ignore_index) -> Tensor",
   doc="The gradient of _cross_entropy_indices: (softmax - one_hot) scaled row by row.",
   forms="internal", kernel="cross_entropy_backward",
   vjp={"grad_output": "cross_entropy_reduce(sum_dim(grad * cross_entropy_residual(self, target, ignore_index), [1], False), target, reduction, ignore_index)",
        "self": "softmax_slope(grad, softmax(self, 1)) * cross_entropy_rows(grad_output, target, reduction, ignore_index)",
        "target": NONDIFF},
   jvp="cross_entropy_backward(grad_output_t, self, target, reduction, ignore_index) "
       "+ softmax_slope(self_t, softmax(self, 1)) * cross_entropy_rows(grad_output, target, reduction, ignore_index)",
   ref="ref.cross_entropy_backward",
   samples=[call(arr(3), arr(3, 4), idx([1, 0, 3]), 0, -100), call(arr(), arr(3, 4), idx([1, 0, 3]), 1, -100),
            call(arr(), arr(3, 4), idx([1, 2, 3]), 1, 2), call(arr(), arr(3, 4), idx([1, 0, 3]), 2, -100)])
