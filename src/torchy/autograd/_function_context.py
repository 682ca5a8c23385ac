"""The context that forward, backward and jvp of an autograd.Function share. Layer: torchy."""

from __future__ import annotations

import contextlib
import threading

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

Tensor = _C.Tensor


class FunctionCtx:
    """What forward leaves for backward: saved tensors, flags, and any attribute the user sets."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._to_save_for_forward: tuple[Any, ...] = ()
        # While backward runs: what it may read, by thread (several may run one graph at once).
        self._unpacked: dict[int, tuple[Any, ...]] = {}
        self._dirty: tuple[Any, ...] = ()
        self._non_differentiable: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (inputs or outputs; None is allowed) for backward, with their versions."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}; "
                    "keep other values as attributes: ctx.name = value"
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (inputs or outputs; None is allowed) for jvp, which otherwise gets those kept for backward."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes "
                    f"on ctx (got {type(t).__name__})"
                )
        self._to_save_for_forward = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors, inside backward and jvp."""
        return self._unpacked.get(threading.get_ident(), self._to_save)

    def _read(self, saved: Any) -> Any:
        """From now on this thread finds `saved` in saved_tensors; returns what `_unread` needs."""
        thread = threading.get_ident()
        before = self._unpacked.get(thread)
        self._unpacked[thread] = saved
        return before

    def _unread(self, before: Any) -> None:
        if before is None:
            del self._unpacked[threading.get_ident()]
        else:
            self._unpacked[threading.get_ident()] = before

    @contextlib.contextmanager
    def _reading(self, saved: Any) -> Iterator[None]:
        """While it lives, this thread finds `saved` in saved_tensors."""
        before = self._read(saved)
        try:
            yield
        finally:
            self._unread(before)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Name the inputs that forward changed in place; they must be returned."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Name the outputs that have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """False: gradients that did not arrive are None in backward, not zeros."""
        self._materialize = value
