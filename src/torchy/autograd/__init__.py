"""torchy.autograd: gradients of recorded programs."""

from __future__ import annotations

from torchy import _C
from torchy.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from torchy.autograd import forward_ad as forward_ad, functional as functional, graph as graph
    from torchy.autograd._zero_times_inf import zero_times_inf_is_zero as zero_times_inf_is_zero
    from torchy.autograd.anomaly_mode import detect_anomaly as detect_anomaly, set_detect_anomaly as set_detect_anomaly

    Tensors = Any  # a tensor, or a sequence of tensors (for gradients: entries may be None)

__all__ = [
    "Function", "Node", "backward", "detect_anomaly", "enable_grad", "forward_ad", "functional", "grad", "gradcheck",
    "gradgradcheck", "graph", "inference_mode", "no_grad", "set_detect_anomaly", "set_grad_enabled",
    "zero_times_inf_is_zero",
]  # fmt: skip

Node = _C.Node


def _as_list(what: Any, name: str, none_ok: bool = False) -> list[Any]:
    if what is None:
        return []
    items = [what] if isinstance(what, _C.Tensor) else list(what)
    for item in items:
        if not isinstance(item, _C.Tensor) and not (none_ok and item is None):
            raise TypeError(f"{name}: expected Tensors, but got {type(item).__name__}")
    return items


def backward(
    tensors: Tensors,
    grad_tensors: Tensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of the leaves they were computed from.

    tensors: any shape; one-element tensors need no gradient. grad_tensors: the vector of the
    vector-Jacobian product, shaped like `tensors`. retain_graph: keep saved values for another
    backward (default: create_graph). create_graph: record the gradients' own computation.
    inputs: only these tensors get gradients. RuntimeError if a tensor has no history.
    """
    if inputs is not None and not isinstance(inputs, _C.Tensor) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    roots = _as_list(tensors, "backward")
    grads = _as_list(grad_tensors, "grad_tensors", none_ok=True)
    if grads and len(grads) != len(roots):
        raise RuntimeError(
            f"backward: got {len(roots)} tensors and {len(grads)} gradients; give one gradient per tensor"
        )
    keep = create_graph if retain_graph is None else retain_graph
    _C._run_backward(roots, grads, _as_list(inputs, "inputs"), keep, create_graph, True, True)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensors = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; nothing is stored in `.grad`.

    Arguments as in `backward`. allow_unused: None instead of an error for inputs that the outputs do
    not depend on; materialize_grads: zeros for them. is_grads_batched: each of `grad_outputs` has one
    dim more, the first, and so has each result: one backward under vmap for many vectors.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    roots = _as_list(outputs, "outputs")
    leaves = _as_list(inputs, "inputs")
    if not leaves:
        raise ValueError("grad requires non-empty inputs.")
    grads = _as_list(grad_outputs, "grad_outputs", none_ok=True)
    if grads and len(grads) != len(roots):
        raise RuntimeError(f"grad: got {len(roots)} outputs and {len(grads)} grad_outputs; give one per output")
    keep = create_graph if retain_graph is None else retain_graph
    unused = materialize_grads if allow_unused is None else allow_unused
    found: Sequence[Any]
    if is_grads_batched:
        found = _batched(roots, grads, leaves, keep, create_graph, unused)
    else:
        found = _C._run_backward(roots, grads, leaves, keep, create_graph, False, unused)
    if materialize_grads:
        found = [_C.zeros_like(x) if g is None else g for g, x in zip(found, leaves)]
    return tuple(found)


def _batched(
    roots: list[Any], grads: list[Any], leaves: list[Any], keep: bool, create_graph: bool, unused: bool
) -> list[Any]:
    """The gradients for every row of `grads`, in the same order; None for inputs that `roots` do not depend on."""
    from torchy.func import vmap

    for i, (y, g) in enumerate(zip(roots, grads)):
        if g is not None and tuple(g.shape[1:]) != tuple(y.shape):
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. "
                "The sizes of the remaining dimensions are expected to match the shape of corresponding output, but a "
                f"mismatch was detected: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of "
                f"{y.shape}. If you only want some tensors in `grad_output` to be considered batched, consider using vmap."
            )
    reached: list[bool] = []

    def pull(*rows: Any) -> tuple[Any, ...]:
        left = iter(rows)
        weights = [None if g is None else next(left) for g in grads]
        found = _C._run_backward(roots, weights, leaves, keep, create_graph, False, unused)
        reached[:] = [g is not None for g in found]
        return tuple(g for g in found if g is not None)

    found = iter(vmap(pull)(*[g for g in grads if g is not None]))
    return [next(found) if there else None for there in reached]


from torchy.autograd.function import Function  # noqa: E402  (needs the names above)
from torchy.autograd.gradcheck import gradcheck, gradgradcheck  # noqa: E402

# Loaded when first asked for, to keep the import short: modules, and names with the module they are in.
_MODULES = ("functional", "forward_ad", "graph", "profiler", "anomaly_mode")
_NAMES = {
    "detect_anomaly": "anomaly_mode",
    "set_detect_anomaly": "anomaly_mode",
    "zero_times_inf_is_zero": "_zero_times_inf",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES or name in _NAMES:
        import importlib

        module = importlib.import_module(f".{_NAMES.get(name, name)}", __name__)
        return getattr(module, name) if name in _NAMES else module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
