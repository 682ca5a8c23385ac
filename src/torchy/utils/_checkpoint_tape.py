"""Parts of utils.checkpoint: structures of tensors, and the leaves and last edges of a tape. Layer: torchy."""

from __future__ import annotations

import copy

from torchy import _C
from torchy.autograd.grad_mode import enable_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

Tensor = _C.Tensor


class CheckpointError(RuntimeError):
    """The computation in backward was not the one of the forward pass."""


class Slot(int):
    """Stands for the tensor of this number in a structure whose tensors were taken out."""


class Watch:
    """Hook of the arguments' stand-ins: their tape must not be used once the call has returned."""

    returned = False

    def __call__(self, grad: Tensor) -> None:
        if self.returned:
            raise RuntimeError(
                "checkpoint: a gradient came to an argument through a tensor that the function kept elsewhere; "
                "return that tensor from the function"
            )


def map_leaves(value: Any, kind: type, fn: Callable[[Any], Any], other: Callable[[Any], None] | None = None) -> Any:
    """`value` with fn(x) for every x of `kind` in its tuples, lists and dicts; those without any stay the same object."""
    if isinstance(value, kind):
        return fn(value)
    if not isinstance(value, (tuple, list, dict)):
        if other is not None:
            other(value)
        return value
    old = list(value.values() if isinstance(value, dict) else value)
    new = [map_leaves(item, kind, fn, other) for item in old]
    if all(a is b for a, b in zip(old, new)):
        return value
    if isinstance(value, tuple):
        return getattr(type(value), "_make", type(value))(new)
    made = copy.copy(value)  # keeps the class
    if isinstance(made, dict):
        made.update(zip(list(made), new))
    else:
        made[:] = new
    return made


def take_out(value: Any, found: list[Any], which: Callable[[Any], bool], other: Any = None) -> Any:
    """`value` with a Slot for every tensor for which which(tensor) holds; these go to `found`, each once."""
    numbers: dict[int, int] = {}

    def take(t: Any) -> Any:
        if not which(t):
            return t
        if id(t) not in numbers:
            numbers[id(t)] = len(found)
            found.append(t)
        return Slot(numbers[id(t)])

    return map_leaves(value, Tensor, take, other)


def has_history(value: Any) -> bool:
    return isinstance(value, Tensor) and value.grad_fn is not None


def slot_of(tensors: list[Any], t: Any) -> Slot:
    for i, known in enumerate(tensors):
        if known is t:
            return Slot(i)
    tensors.append(t)
    return Slot(len(tensors) - 1)


def refuse_hidden(value: Any) -> None:
    for name, t in getattr(value, "__dict__", {}).items():
        if isinstance(t, Tensor) and t.requires_grad and not isinstance(value, type) and t.grad_fn is not None:
            raise TypeError(
                f"checkpoint: the function returned a {type(value).__name__} whose attribute {name!r} is a tensor with "
                "history; return tensors, or tuples, lists or dicts of them"
            )


def outputs_of(result: Any) -> tuple[Any, list[Any]]:
    """The result with slots, and its tensors that require grad, each with a node of this call."""
    found: list[Any] = []
    template = take_out(result, found, lambda t: t.requires_grad, refuse_hidden)
    # A leaf returned as it came has no node whose edge could be cut: give it one.
    return template, [t.view_as(t) if t.grad_fn is None else t for t in found]


def mark() -> int:
    """The sequence number of a node made now: those of later nodes of this thread are greater."""
    with enable_grad():
        return _C.zeros((), requires_grad=True).clone().grad_fn._sequence_nr()


def leaves_of(
    roots: Sequence[Any], since: int, own: Sequence[Any]
) -> tuple[list[Any], list[tuple[Any, dict[int, int]]], int]:
    """The leaves other than `own` that `roots` were computed from, the edges to them as (node, {edge: leaf}), and
    the number of nodes.

    RuntimeError if the graph goes on into nodes recorded before `since`.
    """
    mine = {id(t) for t in own}
    leaves: dict[int, tuple[int, Any]] = {}
    edges: list[tuple[Any, dict[int, int]]] = []
    waiting = [t.grad_fn for t in roots]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if node._sequence_nr() <= since:
            raise RuntimeError(
                f"checkpoint: the function uses a tensor made by {node.name()} outside of it, and not in its closure; "
                "pass that tensor as an argument, in tuples, lists or dicts if there are many"
            )
        cut: dict[int, int] = {}
        for i, (to, _) in enumerate(node.next_functions):
            leaf = getattr(to, "variable", None)
            if leaf is not None and id(leaf) not in mine:
                cut[i] = leaves.setdefault(id(leaf), (len(leaves), leaf))[0]
            elif to is not None and leaf is None and to not in seen:
                seen.add(to)
                waiting.append(to)
        if cut:
            edges.append((node, cut))
    return [leaf for _, leaf in leaves.values()], edges, len(seen)


def compare(what: str, first: list[Any], second: list[Any], each: bool) -> None:
    """CheckpointError if two lists of (shape, dtype) differ in length, or, with `each`, in an entry."""
    if len(first) != len(second):
        raise CheckpointError(
            f"checkpoint: the forward pass had {len(first)} {what}, and its recomputation in backward has "
            f"{len(second)}; the function must do the same both times"
        )
    for i, (a, b) in enumerate(zip(first, second)):
        if each and a != b:
            raise CheckpointError(
                f"checkpoint: of the {what}, number {i} was {tuple(a[0])}, {a[1]} in the forward pass and is "
                f"{tuple(b[0])}, {b[1]} in its recomputation; the function must do the same both times"
            )


def divert(cut: dict[int, int], leaves: Sequence[Any], kept: dict[int, Any], grads: tuple[Any, ...], _: Any) -> Any:
    """Hook of a node: keep the gradients that go to parameters, and send nothing there."""
    for i, k in cut.items():
        grad, leaf = grads[i], leaves[k]
        if grad is None:
            continue
        if grad.shape != leaf.shape:  # of a broadcast parameter: the engine would sum
            grad = grad.sum_to_size(leaf.shape)
        if grad.dtype != leaf.dtype:
            grad = (grad.real if grad.is_complex() and not leaf.is_complex() else grad).to(leaf.dtype)
        kept[k] = kept[k] + grad if k in kept else grad
    return tuple(None if i in cut else g for i, g in enumerate(grads))
