"""autograd.Function in forward mode: its jvp gives the outputs their tangents, level by level. Layer: torchy.

Forward runs once, without tangents. Then every level at which an input has a tangent, outermost first, calls jvp with
what that level and those outside it see; so the tangents that jvp returns carry those of the outer levels themselves.
"""

from __future__ import annotations

import contextlib

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

Tensor = _C.Tensor


def levels_of(inputs: Sequence[Any]) -> list[int]:
    """The visible levels at which any of `inputs` has a tangent, outermost first."""
    return [n for n in _C._forward_levels() if any(t is not None and _C._tangent_at(t, n) is not None for t in inputs)]


@contextlib.contextmanager
def only_below(level: int) -> Iterator[None]:
    """Operations inside compute tangents at the levels outside `level` only; 0: none."""
    before = _C._set_forward_cap(level)
    try:
        yield
    finally:
        _C._set_forward_cap(before)


def _seen_below(t: Any, level: int) -> Any:
    """`t` with the tangents of the levels outside `level` only."""
    return _C._primal_of(t, level) if isinstance(t, Tensor) else t


def _tangent(t: Any, level: int, materialize: bool) -> Any:
    if t is None or not (t.is_floating_point() or t.is_complex()):
        return None
    found = _C._tangent_at(t, level)
    return _C.zeros_like(t.detach()) if found is None and materialize else found


def push(
    rule: Any, ctx: Any, inputs: Sequence[Any], results: tuple[Any, ...], saved: Sequence[Any], level: int
) -> None:
    """Call jvp at a level and attach what it returns to the outputs.

    results: the outputs as forward returned them, as the caller gets them, and which are differentiable and dirty.
    RuntimeError for tangents of another number or size, for a tangent of what is not differentiable, and where jvp
    returns no view, or changes nothing in place, although forward did.
    """
    outputs, fresh, differentiable, dirty = results
    given = [_tangent(t, level, ctx._materialize) for t in inputs]
    with only_below(level), ctx._reading(tuple(_seen_below(t, level) for t in saved)):
        found = rule.jvp(ctx, *given)
    tangents = found if isinstance(found, tuple) else (found,)
    if len(tangents) != len(outputs):
        raise RuntimeError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(outputs)} "
            f"but got {len(tangents)})"
        )
    taken = [t for t in given if t is not None]
    for i, (out, tangent) in enumerate(zip(fresh, tangents)):
        if tangent is not None and not isinstance(tangent, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(tangent).__name__}) for grad output {i}.")
        if not differentiable[i]:
            if tangent is not None:
                raise RuntimeError(
                    f"Function's jvp returned a gradient at position {i}, but the corresponding forward output is not "
                    "a differentiable Tensor. You should return None at that position instead."
                )
            continue
        if tangent is None:
            raise RuntimeError(
                f"{rule.__name__}.jvp: the tangent of output {i} is None, but the output is differentiable; return "
                "zeros, or name it in ctx.mark_non_differentiable"
            )
        if dirty[i]:
            where = next(k for k, t in enumerate(inputs) if t is outputs[i])
            _check_in_place(tangent, given[where])
            if _C._tangent_at(out, level) is not None:
                continue  # jvp has written into it
        elif _is_view(outputs[i], inputs):
            if not tangent._is_view():
                raise RuntimeError(
                    "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a "
                    "view."
                )
        elif any(tangent is t for t in taken):
            with only_below(level):  # an in-place change of one tensor must not change the tangent of another
                tangent = tangent.clone()
        taken.append(tangent)
        _attach(out, tangent, level)


def _attach(out: Tensor, tangent: Tensor, level: int) -> None:
    if tangent.shape != out.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(out.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    _C._set_tangent(out, level, tangent)


def _check_in_place(tangent: Tensor, given: Any) -> None:
    if tangent is not given:
        raise RuntimeError(
            "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is modifying "
            "an input inplace, then the jvp function must modify the corresponding gradient inplace."
        )


def _root(t: Tensor) -> Tensor:
    """The tensor whose memory `t` looks at."""
    return t if t._base is None else t._base


def _is_view(output: Tensor, inputs: Sequence[Any]) -> bool:
    return any(t is output or (output._is_view() and _root(output) is _root(t)) for t in inputs if t is not None)
