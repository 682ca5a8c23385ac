# How a list of samples becomes a batch (default_collate) and how one sample is converted when
# there are no batches (default_convert).
from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

import torchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["default_collate", "default_convert"]


def _is_numpy(value: Any) -> bool:
    # By name, so that NumPy is not imported for programs that do not use it.
    return type(value).__module__ == "numpy"


def _is_array(value: Any) -> bool:
    return type(value).__name__ in ("ndarray", "memmap")


def _holds_text(array: Any) -> bool:
    return array.dtype.kind in "SUO"


def _rebuilt_mapping(old: Any, items: dict[Any, Any]) -> Any:
    """``items`` in a mapping of the type of ``old``, as far as that type allows it."""
    try:
        if isinstance(old, MutableMapping):
            new = copy.copy(old)
            new.update(items)
            return new
        return type(old)(items)
    except TypeError:
        return items


def _rebuilt_sequence(old: Any, items: list[Any]) -> Any:
    try:
        if isinstance(old, MutableSequence):
            new = copy.copy(old)
            for i, item in enumerate(items):
                new[i] = item
            return new
        return type(old)(items)
    except TypeError:
        return items


def _rebuilt(old: Any, items: list[Any]) -> Any:
    if isinstance(old, tuple):  # a named tuple keeps its type, a plain one becomes a list
        return type(old)(*items) if hasattr(old, "_fields") else items
    return _rebuilt_sequence(old, items)


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers inside ``data`` as tensors; everything else as it is."""
    if isinstance(data, torchy.Tensor):
        return data
    if _is_numpy(data) and type(data).__name__ not in ("str_", "bytes_"):
        return data if _is_array(data) and _holds_text(data) else torchy.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuilt_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, [default_convert(item) for item in data])
    return data


def _collate_leaf(batch: Any, first: Any) -> Any:
    """The batch of samples that are not containers; NotImplemented for other samples."""
    if isinstance(first, torchy.Tensor):
        return torchy.stack(list(batch), 0)
    if _is_numpy(first) and type(first).__name__ not in ("str_", "bytes_"):
        if _is_array(first) and _holds_text(first):
            raise TypeError(_wrong_type(first.dtype))
        return torchy.stack([torchy.as_tensor(item) for item in batch], 0)
    if isinstance(first, float):
        return torchy.tensor(list(batch), dtype=torchy.float64)
    if isinstance(first, int):
        return torchy.tensor(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    return NotImplemented


def _wrong_type(found: Any) -> str:
    return f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {found}"


def default_collate(batch: Any) -> Any:
    """A list of samples as one batch: tensors and numbers are stacked along a new first
    dimension, containers are batched item by item."""
    first = batch[0]
    leaf = _collate_leaf(batch, first)
    if leaf is not NotImplemented:
        return leaf
    if isinstance(first, Mapping):
        items = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _rebuilt_mapping(first, items)
    if isinstance(first, Sequence):
        if not hasattr(first, "_fields") and any(len(item) != len(first) for item in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _rebuilt(first, [default_collate(samples) for samples in zip(*batch)])
    raise TypeError(_wrong_type(type(first)))
