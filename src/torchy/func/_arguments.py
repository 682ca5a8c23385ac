"""Which arguments a transform differentiates by, and checks of what its function returns. Layer: torchy."""

from __future__ import annotations

from torchy import _C
from torchy._pytree import tree_leaves, tree_map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Argnums = int | tuple[int, ...]

Tensor = _C.Tensor


def _position(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def positions(argnums: Any, count: int) -> Argnums:
    """`argnums` with negative ones counted from the end. RuntimeError unless they are distinct and in range."""
    if isinstance(argnums, int):
        return _position(argnums, count)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    found = tuple(_position(n, count) for n in argnums)
    if not found:
        raise RuntimeError("argnums must be non-empty")
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {found}")
    return found


def pick(args: tuple[Any, ...], where: Argnums) -> Any:
    """The arguments at `where`: one, or a tuple of them."""
    return args[where] if isinstance(where, int) else tuple(args[i] for i in where)


def put(args: tuple[Any, ...], where: Argnums, new: Any) -> tuple[Any, ...]:
    """`args` with those at `where` replaced: the opposite of `pick`."""
    changed = list(args)
    for i, value in [(where, new)] if isinstance(where, int) else zip(where, new):
        changed[i] = value
    return tuple(changed)


def split_aux(result: Any, op: str) -> tuple[Any, Any]:
    """The two things that a function with has_aux returns."""
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{op}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


def map_tensors(fn: Callable[[Tensor], Any], tree: Any) -> Any:
    """`fn` of every leaf of `tree`. RuntimeError for leaves that are no tensors."""
    for leaf in tree_leaves(tree):
        if not isinstance(leaf, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(leaf)}; return tensors only")
    return tree_map(fn, tree)


def check_outputs(flat: list[Any], op: str) -> None:
    """RuntimeError unless there are outputs and all are tensors."""
    if not flat or flat == [None]:
        raise RuntimeError(f"{op}: Expected f to be a function that has non-empty output (got output = {flat})")
    for out in flat:
        if not isinstance(out, Tensor):
            raise RuntimeError(f"{op}: expected f(*primals) to return only tensors, got unsupported type {type(out)}")


def check_real(flat: list[Any], op: str, what: str) -> None:
    """RuntimeError if any tensor of `flat` is complex; its transform would need two matrices."""
    for i, t in enumerate(flat):
        if isinstance(t, Tensor) and t.is_complex():
            raise RuntimeError(
                f"{op}: Expected all {what} to be real but received complex tensor at flattened input idx: {i}"
            )
