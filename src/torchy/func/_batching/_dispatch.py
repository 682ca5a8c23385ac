"""Where the core hands over an operation with batched arguments: finds its rule, wraps the results. Layer: torchy."""

from __future__ import annotations

from torchy import _C
from torchy.func._batching import _rules as _rules  # registers every rule
from torchy.func._batching._loop import loop
from torchy.func._batching._registry import RULES, Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Tensor = _C.Tensor


def dispatch(name: str, level: int, size: int, randomness: str, args: tuple[Any, ...]) -> Any:
    """The operation `name` for all examples of a level at once, as tensors batched at that level."""
    physical: list[Any] = []
    batched: list[Any] = []
    for a in args:
        if isinstance(a, Tensor):
            value, is_batched = _C._batch_unwrap(a, level)
            physical.append(value)
            batched.append(is_batched)
        elif isinstance(a, tuple):  # a list of tensors
            pairs = [(None, False) if t is None else _C._batch_unwrap(t, level) for t in a]
            physical.append([p[0] for p in pairs])
            batched.append([p[1] for p in pairs])
        else:
            physical.append(a)
            batched.append(False)
    call = Call(name, size, physical, batched, level, randomness=randomness)
    result = RULES.get(name, loop)(call)
    if isinstance(result, Tensor):
        return _C._batch_wrap(result, level)
    return None if result is None else [_C._batch_wrap(t, level) for t in result]
