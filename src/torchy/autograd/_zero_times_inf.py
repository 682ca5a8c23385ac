"""zero_times_inf_is_zero: a branch of the program that was not taken has no say in the gradient. Layer: torchy."""

from __future__ import annotations

from torchy import _C
from torchy.autograd.grad_mode import _Mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class zero_times_inf_is_zero(_Mode):  # noqa: N801  (named like the grad modes)
    """A with block or decorator: while backward runs inside, a zero gradient times infinity or NaN is zero.

    The gradient of ``where(x > 0, sqrt(x), x)`` at -1 is then 1: the branch not taken gets a zero gradient, and
    0 * sqrt'(-1) = 0 * NaN counts as 0. It is about backward: the forward pass may lie outside. IEEE arithmetic, and
    PyTorch, say NaN; so does this library by default. `mode`: False switches it off inside.
    """

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode):
            return cls()(mode)
        return object.__new__(cls)

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._previous: list[bool] = []

    def _clone(self) -> zero_times_inf_is_zero:
        return type(self)(self.mode)

    def __enter__(self) -> None:
        self._previous.append(_C._set_zero_times_inf(self.mode))

    def __exit__(self, *exc: object) -> None:
        _C._set_zero_times_inf(self._previous.pop())
