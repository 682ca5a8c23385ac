"""Hooks on what nodes save: saved_tensors_hooks and what is made of them. Layer: torchy."""

from __future__ import annotations

import contextlib
import threading
from weakref import WeakSet, WeakValueDictionary

from torchy import _C
from torchy._device import CPU

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

Tensor = _C.Tensor


class _Active(threading.local):
    """This thread's with blocks: how many pairs of hooks are on, and the message while they are not allowed."""

    pairs = 0
    forbidden: str | None = None
    mutation = False


_active = _Active()


class saved_tensors_hooks:  # noqa: N801  (PyTorch's name)
    """A with block in which nodes keep ``pack_hook(tensor)`` instead of each tensor they save.

    pack_hook gets the tensor without its history and returns anything; when backward needs the value,
    ``unpack_hook(packed)`` must return a tensor of the same shape, dtype and values (TypeError for something else).
    Gradients of gradients flow as if nothing had been packed. Of nested pairs the innermost is used. A packed tensor
    is not watched for in-place changes; RuntimeError if pack_hook changes its argument.
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if _active.forbidden is not None:
            raise RuntimeError(_active.forbidden)
        for name, hook in (("pack_hook", self.pack_hook), ("unpack_hook", self.unpack_hook)):
            if not callable(hook):
                raise TypeError(f"saved_tensors_hooks: {name} must be callable, not {type(hook).__name__}")
        _C._push_saved_hooks(_checked(self.pack_hook), self.unpack_hook)
        _active.pairs += 1

    def __exit__(self, *args: object) -> None:
        _active.pairs -= 1
        _C._pop_saved_hooks()


def _checked(pack: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def checked(tensor: Tensor) -> Any:
        before = tensor._version
        packed = pack(tensor)
        if tensor._version != before:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
                "cannot be modified by in-place operations; change a clone() of it instead."
            )
        return packed

    return checked


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """A with block in which nodes keep copies of what they save.

    All tensors of this build are on the CPU, so this saves no memory; later in-place changes of the originals do not
    reach the copies. pin_memory and device_type are accepted for PyTorch's sake.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (CPU, tensor.clone()), lambda packed: packed[1])


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """A with block in which entering saved_tensors_hooks, or being inside one, is a RuntimeError(error_message)."""
    before = _active.forbidden
    _active.forbidden = error_message
    try:
        if _active.pairs:
            raise RuntimeError(error_message)
        yield
    finally:
        _active.forbidden = before


class _Kept:
    """A clone of a saved value, until the with block ends."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor: Tensor | None = tensor.clone()
        self.original: Tensor | None = tensor  # while it lives, no other storage can have its id


class _Mutation:
    """What an allow_mutation_on_saved_tensors block keeps: its clones, one for each saved value."""

    def __init__(self) -> None:
        self.cloned: WeakSet[_Kept] = WeakSet()
        self._by_value: WeakValueDictionary[tuple[Any, ...], _Kept] = WeakValueDictionary()

    def pack(self, t: Tensor) -> _Kept:
        value = (t._storage_id(), t.storage_offset(), tuple(t.shape), t.stride(), t.dtype, t._version)
        kept = self._by_value.get(value)
        if kept is None:
            kept = self._by_value[value] = _Kept(t)
            self.cloned.add(kept)
        return kept

    def unpack(self, kept: _Kept) -> Tensor:
        if kept.tensor is None:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context "
                "in which the graph was originally recorded."
            )
        return kept.tensor

    def clear(self) -> None:
        for kept in self.cloned:
            kept.tensor = kept.original = None
        self.cloned.clear()
        self._by_value.clear()


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Mutation]:
    """A with block in which what nodes saved may be changed in place: backward uses the values from before.

    Forward and backward must both be inside (AssertionError otherwise). Every saved value is cloned when it is saved,
    which costs its memory again. RuntimeError if nested.
    """
    if _active.mutation:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    kept = _Mutation()
    with saved_tensors_hooks(kept.pack, kept.unpack):
        _active.mutation = True
        try:
            yield kept
        finally:
            _active.mutation = False
            kept.clear()
