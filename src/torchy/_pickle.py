# Pickling and copying of tensors. Storages are objects of their own here, so that tensors that
# share memory still share it afterwards. Layer: torchy; torch.save's file format is elsewhere.
from __future__ import annotations

import copy
import pickle
import weakref
from typing import Any

from torchy import _C

Tensor = _C.Tensor
Attributes = dict[str, Any] | None


class _Storage:
    """Stands for one storage: the pickler and deepcopy see it once, however many tensors use it."""

    __slots__ = ("__weakref__", "bytes")

    def __init__(self, data: Tensor) -> None:
        self.bytes = data  # every byte of the storage, as uint8

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if protocol >= 5:  # out of band where the pickler has a place for it
            return _load_storage, (pickle.PickleBuffer(self.bytes),)
        return _load_storage, (memoryview(self.bytes).tobytes(),)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Storage:
        data = memoryview(self.bytes)
        return _load_storage(data)


# The stand-ins in use, by the identity of the storage (which each keeps alive).
_stand_ins: weakref.WeakValueDictionary[int, _Storage] = weakref.WeakValueDictionary()


def _storage_of(tensor: Tensor) -> _Storage:
    key = tensor._storage_id()
    storage = _stand_ins.get(key)
    if storage is None:
        storage = _stand_ins[key] = _Storage(tensor._storage_bytes())
    return storage


def _load_storage(data: Any) -> _Storage:
    source = memoryview(data)
    own = _C.empty(source.nbytes, dtype=_C.uint8)
    if source.nbytes:
        memoryview(own)[:] = source
    return _Storage(own)


def _rebuild(
    cls: type[Tensor] | None,
    storage: _Storage,
    dtype: str,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    is_parameter: bool,
) -> Tensor:
    tensor = _C._tensor_on_storage(storage.bytes, getattr(_C, dtype), offset, size, stride)
    if cls is not None:
        tensor = tensor.as_subclass(cls)
    if requires_grad:
        tensor.requires_grad_()
    if is_parameter:
        tensor._mark_parameter()
    return tensor


def _set_attributes(tensor: Tensor, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        setattr(tensor, name, value)


def _parts(tensor: Tensor) -> tuple[Any, ...]:
    """The arguments of _rebuild, without the storage."""
    return (
        tensor.dtype.name,
        tensor.storage_offset(),
        tuple(tensor.shape),
        tensor.stride(),
        tensor.requires_grad,
        tensor._is_parameter,
    )


def _subclass(tensor: Tensor) -> type[Tensor] | None:
    return None if type(tensor) is Tensor else type(tensor)


def reduce_tensor(tensor: Tensor, attributes: Attributes) -> tuple[Any, ...]:
    """What pickle stores. The history of a non-leaf is not kept, as in PyTorch."""
    args = (_subclass(tensor), _storage_of(tensor), *_parts(tensor))
    if not attributes:
        return _rebuild, args
    return _rebuild, args, attributes, None, None, _set_attributes


def copy_tensor(tensor: Tensor, attributes: Attributes) -> Tensor:
    """copy.copy: another leaf on the same memory."""
    made = _rebuild(_subclass(tensor), _storage_of(tensor), *_parts(tensor))
    if attributes:
        _set_attributes(made, attributes)
    return made


def deepcopy_tensor(tensor: Tensor, attributes: Attributes, memo: dict[int, Any]) -> Tensor:
    """copy.deepcopy: new memory, shared by the copies of tensors that shared it before."""
    if id(tensor) in memo:
        return memo[id(tensor)]
    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment; this one was computed. Use tensor.detach() or clone() first, "
            "or copy before computing"
        )
    storage = copy.deepcopy(_storage_of(tensor), memo)
    made = _rebuild(_subclass(tensor), storage, *_parts(tensor))
    memo[id(tensor)] = made
    grad = tensor.grad
    if grad is not None:
        made.grad = copy.deepcopy(grad, memo)
    if attributes:
        _set_attributes(made, copy.deepcopy(attributes, memo))
    return made
