"""Parts of utils.checkpoint: functions whose free variables and defaults are replaced. Layer: torchy."""

from __future__ import annotations

import functools
from types import CellType, FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_EMPTY = object()


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable not assigned yet
        return _EMPTY


def free_values(function: Any) -> list[Any]:
    """What a Python function or partial reads besides its arguments and globals; nothing for other objects."""
    if isinstance(function, functools.partial):
        return [function.func, *function.args, *function.keywords.values()]
    if not isinstance(function, FunctionType):
        return []
    cells = [_content(cell) for cell in function.__closure__ or ()]
    return [*cells, *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]


def _reaches(value: Any, hit: Callable[[Any], bool], seen: set[int]) -> bool:
    if hit(value):
        return True
    if id(value) in seen:
        return False
    seen.add(id(value))
    return any(_reaches(v, hit, seen) for v in free_values(value))


def map_free(value: Any, hit: Callable[[Any], bool], fn: Callable[[Any], Any], made: Any = None) -> Any:
    """A copy of a function with fn(v) for its free values v with hit(v), and for those of functions among them.

    The same object if there are none; variables that are not replaced stay shared with the original.
    """
    made = {} if made is None else made
    if id(value) in made:
        return made[id(value)]
    if not _reaches(value, hit, set()):
        return value
    if hit(value):
        return fn(value)

    def again(v: Any) -> Any:
        return map_free(v, hit, fn, made)

    if isinstance(value, functools.partial):
        keywords = {k: again(v) for k, v in value.keywords.items()}
        made[id(value)] = functools.partial(again(value.func), *map(again, value.args), **keywords)
        return made[id(value)]
    old = value.__closure__ or ()
    cells = tuple(CellType() if _reaches(_content(cell), hit, set()) else cell for cell in old)
    copy = FunctionType(value.__code__, value.__globals__, value.__name__, None, cells)
    made[id(value)] = copy  # before its cells are filled: a recursive function is in one of them
    for new, cell in zip(cells, old):
        if new is not cell:
            new.cell_contents = again(cell.cell_contents)
    copy.__defaults__ = value.__defaults__ and tuple(map(again, value.__defaults__))
    copy.__kwdefaults__ = value.__kwdefaults__ and {k: again(v) for k, v in value.__kwdefaults__.items()}
    copy.__qualname__ = value.__qualname__
    copy.__dict__.update(value.__dict__)
    return copy
