"""What the functions of autograd.functional share: checks of tensors and tuples, gradients that may be missing.

Layer: torchy.
"""

from __future__ import annotations

from torchy import _C
from torchy.autograd import grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Func = Callable[..., Any]  # of tensors, gives a tensor or a tuple of tensors


def listed(value: Any, what: str, op: str) -> tuple[bool, tuple[Any, ...]]:
    """Whether `value` is a tuple, and its tensors."""
    is_tuple = isinstance(value, tuple)
    tensors: tuple[Any, ...] = value if is_tuple else (value,)
    for i, t in enumerate(tensors):
        if not isinstance(t, _C.Tensor):
            where = f"entry {i} of the {what}" if is_tuple else f"the {what}"
            raise TypeError(f"{op}: {where} has type {type(t).__name__}; give a Tensor or a tuple of Tensors")
    return is_tuple, tensors


def new_objects(given: tuple[Any, ...], create_graph: bool, grad: bool) -> tuple[Any, ...]:
    """Tensors of our own, so that a function that also captures the caller's does not mix the two."""
    return tuple(t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_(grad) for t in given)


def outputs_of(func: Func, inputs: tuple[Any, ...], strict: bool, op: str) -> tuple[bool, tuple[Any, ...]]:
    is_tuple, outputs = listed(func(*inputs), "outputs of the function", op)
    for i, t in enumerate(outputs):
        if strict and not t.requires_grad:
            raise not_strict(op, f"output {i} of the function does not require grad")
    return is_tuple, outputs


def not_strict(op: str, fact: str) -> RuntimeError:
    return RuntimeError(f"{op}: {fact}, which strict=True forbids; pass strict=False to allow it")


def vector_of(v: Any, like: tuple[Any, ...], what: str, create_graph: bool, op: str) -> tuple[Any, ...] | None:
    """`v` as a tuple of tensors shaped like those of `like`; None stands for a single 1."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            sizes = [tuple(t.shape) for t in like]
            raise RuntimeError(f"{op}: v is None, but the {what} have sizes {sizes}, not one element; give v")
        return None
    vector = new_objects(listed(v, "v", op)[1], create_graph, False)
    if len(vector) != len(like):
        raise RuntimeError(f"{op}: v has {len(vector)} tensors, but there are {len(like)} {what}; give one for each")
    for i, (a, b) in enumerate(zip(vector, like)):
        if a.shape != b.shape:
            raise RuntimeError(
                f"{op}: entry {i} of v has size {tuple(a.shape)}; give it {tuple(b.shape)}, as the {what}"
            )
    return vector


def grads_of(
    outputs: Any, inputs: Any, v: Any, create_graph: bool, retain: bool | None = None, batched: bool = False
) -> Any:
    """autograd.grad where outputs may be None or without history; None for inputs they do not depend on."""
    pairs = [(t, g) for t, g in zip(outputs, v or [None] * len(outputs)) if t is not None and t.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    if not inputs:
        raise RuntimeError("grad: there are no inputs to differentiate by; give at least one Tensor")
    roots, weights = zip(*pairs)
    return grad(roots, inputs, weights, retain, create_graph, allow_unused=True, is_grads_batched=batched)


def filled(grads: Any, like: Any, strict: bool, history: bool, op: str, what: str) -> tuple[Any, ...]:
    """Zeros in place of None; `strict` makes that an error, and a gradient without history where it is wanted."""
    for i, g in enumerate(grads):
        if strict and g is None:
            raise not_strict(op, f"{what} {i}")
        if strict and history and not g.requires_grad:
            raise not_strict(op, f"entry {i} of a derivative does not depend on the inputs")
    return tuple(_C.zeros_like(t) if g is None else g for g, t in zip(grads, like))


def result_of(tensors: tuple[Any, ...], is_tuple: bool, create_graph: bool, op: str) -> Any:
    """As the caller gave it, a tensor or a tuple; cut from the graph unless it was asked for."""
    if not tensors:
        raise IndexError(f"{op}: there are no inputs or no outputs; an empty tuple has no derivative")
    done = tensors if create_graph else tuple(t.detach() for t in tensors)
    return done if is_tuple else done[0]
