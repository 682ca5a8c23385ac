"""Forward mode: dual tensors, which carry a tangent along with their value. Layer: torchy."""

from __future__ import annotations

from typing import NamedTuple

from torchy import _C
from torchy.autograd.grad_mode import _Mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Tensor = _C.Tensor
_EVERY_LEVEL = 2**32 - 1
__all__ = [
    "UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual",
]  # fmt: skip


class UnpackedDualTensor(NamedTuple):
    """What unpack_dual returns: the value, and its tangent or None."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Open a level of forward mode in this thread and return its number. Levels nest; `dual_level` is the usual way."""
    return int(_C._forward_enter())


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the innermost level: its tangents are gone. RuntimeError if `level` is not the innermost one."""
    current = int(_C._forward_level())
    if current == 0:
        raise RuntimeError("exit_dual_level: no level of forward mode is open; call enter_dual_level() first")
    _C._forward_exit(current if level is None else level)


class dual_level:  # noqa: N801  (PyTorch's name)
    """``with dual_level():`` opens a level of forward mode; tangents made inside are gone at its end.

    Levels nest, also inside one another's functions: a derivative of a derivative is forward over forward.
    """

    def __enter__(self) -> int:
        self._level = enter_dual_level()
        return self._level

    def __exit__(self, *exc: object) -> None:
        exit_dual_level(level=self._level)


def _level(level: int | None, what: str) -> int:
    found = int(_C._forward_level()) if level is None else level
    if found <= 0:
        raise RuntimeError(
            f"{what}: Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    return found


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A dual tensor: an alias of `tensor` with `tangent` (same shape) attached at a level (default: the innermost).

    Operations on it compute their result's tangent too, by the jvp rule of the table. RuntimeError outside a level
    or for another shape, ValueError for tensors that are neither floating nor complex.
    """
    for t, name in ((tensor, "primal"), (tangent, "tangent")):
        if not isinstance(t, Tensor):
            raise TypeError(f"make_dual: {name} must be a Tensor, not {type(t).__name__}")
    at = _level(level, "make_dual")
    for t, name in ((tensor, "primal"), (tangent, "tangent")):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")
    return _C._make_dual(tensor, tangent, at)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent (None if there is none) of a tensor at a level (default: the innermost)."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"unpack_dual: expected a Tensor, not {type(tensor).__name__}")
    at = int(_C._forward_level()) if level is None else level
    if at <= 0:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(_C._primal_of(tensor, at), _C._tangent_at(tensor, at))


class _set_fwd_grad_enabled(_Mode):  # noqa: N801
    """``_set_fwd_grad_enabled(False)``: operations inside compute no tangents."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self._mode = bool(mode)
        self._before: list[int] = []

    def _clone(self) -> Any:
        return type(self)(self._mode)

    def __enter__(self) -> None:
        self._before.append(_C._set_forward_cap(_EVERY_LEVEL if self._mode else 0))

    def __exit__(self, *exc: object) -> None:
        _C._set_forward_cap(self._before.pop())
