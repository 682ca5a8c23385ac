"""torchy.autograd.graph: the recorded program as an object. Hooks on what it saves, hooks on several gradients, edges,
and how much memory it holds. Layer: torchy.
"""

from __future__ import annotations

import threading
from collections import namedtuple

from torchy import _C
from torchy._hooks import RemovableHandle
from torchy.autograd._graph_memory import GraphMemory, OperationMemory, memory
from torchy.autograd._saved_hooks import (
    allow_mutation_on_saved_tensors,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

__all__ = [
    "GradientEdge", "GraphMemory", "Node", "OperationMemory", "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version", "memory", "register_multi_grad_hook",
    "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip

Tensor = _C.Tensor
Node = _C.Node

GradientEdge = namedtuple("GradientEdge", ("node", "output_nr", "ownership_token"), defaults=(None,))
GradientEdge.__doc__ = """Where a tensor's gradient goes: input `output_nr` of `node` (the node made that result)."""


def get_gradient_edge(tensor: Tensor) -> Any:
    """The GradientEdge of a tensor; of a leaf, it leads to its AccumulateGrad. RuntimeError without requires_grad."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"get_gradient_edge: expected a Tensor, but got {type(tensor).__name__}")
    edge = _C._gradient_edge(tensor)
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*edge)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count one in-place change of a tensor, or of each of several, as if an operation had written to it."""
    tensors = [tensor] if isinstance(tensor, Tensor) else tensor
    try:
        tensors = list(tensors)
    except TypeError:
        raise RuntimeError(
            f"increment_version expect a Iterable[Tensor] as input, but got {type(tensor).__name__}"
        ) from None
    for t in tensors:
        if not isinstance(t, Tensor):
            raise RuntimeError(
                f"increment_version expect each element of the iterable to be a tensor, not {type(t).__name__}"
            )
        _C._increment_version(t)


# ---- hooks on several gradients


class _MultiHandle(RemovableHandle):
    """Removes the hooks of all the tensors."""

    def __init__(self, handles: tuple[Any, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


class _PerRun:
    """A value for each backward in progress; those of backwards that ended, even by an error, are dropped."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._values: dict[int, tuple[int, Any]] = {}  # by run: thread and value

    def get(self) -> Any:
        """The value of the backward that calls this hook."""
        runs = _C._graph_task_ids()
        if runs[-1] not in self._values:
            thread = threading.get_ident()
            over = [run for run, (other, _) in self._values.items() if other == thread and run not in runs]
            for run in over:
                del self._values[run]
            self._values[runs[-1]] = (thread, self._make())
        return self._values[runs[-1]][1]

    def drop(self) -> None:
        """The value of this backward is no longer needed."""
        del self._values[_C._graph_task_ids()[-1]]


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[[Any], Any], *, mode: str = "all") -> Any:
    """Call `fn` once in every backward: when all of the tensors' gradients are there, or ("any") with the first one.

    "all": fn gets a list, one entry per tensor, None for those that this backward does not reach or need. "any": fn
    gets the first gradient. Returns a handle with remove(). RuntimeError in mode "all" for a tensor without
    requires_grad; "any" skips those. ValueError for another mode. What fn returns is ignored.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = list(tensors)
    handles: list[Any] = []
    if mode == "any":
        first = _PerRun(list)

        def any_hook(grad: Tensor) -> None:
            seen = first.get()
            if not seen:
                seen.append(True)
                fn(grad)

        handles += [t.register_hook(any_hook) for t in tensors if t.requires_grad]
        return _MultiHandle(tuple(handles))

    waiting = _PerRun(lambda: [sum(h._will_run() for h in handles), [None] * len(handles)])

    def hook_of(index: int) -> Callable[[Tensor], None]:
        def all_hook(grad: Tensor) -> None:
            state = waiting.get()
            state[0] -= 1
            state[1][index] = grad
            if state[0] == 0:
                waiting.drop()
                fn(state[1])

        return all_hook

    handles += [t.register_hook(hook_of(i)) for i, t in enumerate(tensors)]
    return _MultiHandle(tuple(handles))
