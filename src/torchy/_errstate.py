"""seterr: a warning or an error as soon as an operation makes NaN or infinity. Layer: torchy."""

from __future__ import annotations

import os
import sys
import threading

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_CHOICES = ("ignore", "warn", "raise")
_OWN = os.path.dirname(__file__) + os.sep
# What they hold was asked for, or never written.
_SILENT = ("fill_", "empty", "empty_like", "empty_strided", "new_empty", "resize_")


class _Wanted(threading.local):
    """The settings of this thread."""

    nan, inf = "ignore", "ignore"


_wanted = _Wanted()


class ErrorState(dict[str, str]):
    """The settings that were before a call of seterr; at the end of a with block they are put back."""

    def __enter__(self) -> ErrorState:
        return self

    def __exit__(self, *exc: object) -> None:
        _set(**self)


def _set(nan: str, inf: str) -> None:
    _wanted.nan, _wanted.inf = nan, inf
    _C._set_trap(nan != "ignore", inf != "ignore")


def seterr(nan: str | None = None, inf: str | None = None) -> ErrorState:
    """What happens in this thread when an operation's result, in forward or backward, holds NaN or infinity.

    nan, inf: "ignore" (the default state), "warn" (UserWarning) or "raise" (FloatingPointError); None leaves a
    setting as it is. An operation one of whose inputs already held it is not reported, so that the messages name
    what made it; but nan="raise" also stops where NaN in the data is first met. A number passed on purpose, as in
    masked_fill(mask, -inf), is not reported. Every result is looked at, which costs time.

    Returns the old settings, a dict for ``seterr(**old)``; in ``with seterr(nan="raise"):`` they come back at the
    end. ValueError for other values.
    """
    before = ErrorState(nan=_wanted.nan, inf=_wanted.inf)
    new = {"nan": _wanted.nan if nan is None else nan, "inf": _wanted.inf if inf is None else inf}
    for name, value in new.items():
        if value not in _CHOICES:
            raise ValueError(f"seterr: {name}={value!r} is not known; use 'ignore', 'warn' or 'raise'")
    _set(**new)
    return before


def report(op: str, inputs: tuple[Any, ...] | None, tensor: Any, at: int, node: Any | None, number: int) -> None:
    """Warn or raise, as seterr says, for a tensor that the core found to be not finite at position `at`.

    The core stops at the first position of either kind; when that one only warns, the other kind may still raise.
    """
    from torchy.autograd import anomaly_mode

    tensor = tensor.detach()
    first = anomaly_mode.kind_of(tensor.reshape(-1)[at].item())
    found = {first: at}
    other = "inf" if first == "nan" else "nan"
    if getattr(_wanted, other) != "ignore":
        elsewhere = _where(tensor, other).reshape(-1).nonzero()
        if len(elsewhere):
            found[other] = int(elsewhere[0].item())
    for kind in sorted(found, key=lambda kind: getattr(_wanted, kind) != "raise"):
        wanted = getattr(_wanted, kind)
        if wanted == "ignore" or op in _SILENT or _asked_for(kind, inputs):
            continue
        held = [i for i, t in _tensors(inputs) if not _shares(t, tensor) and _holds(t, kind)]
        if held and (kind, wanted) != ("nan", "raise"):
            continue
        frames = _user_frames()
        if node is not None:
            text = anomaly_mode.gradient_text(kind, tensor, found[kind], node, number)
        else:
            text = _result_text(op, inputs, tensor, found[kind], kind, held)
            text += "\n" + anomaly_mode.stack_text(frames[1:])
        if wanted == "raise":
            raise FloatingPointError(text)
        import warnings

        warnings.warn(text, UserWarning, stacklevel=frames[0])


def _result_text(op: str, inputs: Any, tensor: Any, at: int, kind: str, held: list[str]) -> str:
    from torchy.autograd import anomaly_mode

    shape = tuple(tensor.shape)
    given = ", ".join(_brief(a) for a in inputs or ())
    already = f" (so had input {', '.join(held)})" if held else ""
    return (
        f"{op}: the result of shape {shape} has {kind} at index {anomaly_mode.index_text(at, shape)}{already}; inputs "
        f"were {given}. Change them before this line, or let it pass with seterr({kind}='ignore')."
    )


def _brief(value: Any) -> str:
    if isinstance(value, _C.Tensor):
        return f"{value.dtype.name} {tuple(value.shape)}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_brief(v) for v in value) + "]"
    return repr(value)


def _tensors(inputs: Any) -> Iterator[tuple[str, Any]]:
    """The tensors among the inputs, with their positions."""
    for i, value in enumerate(inputs or ()):
        if isinstance(value, _C.Tensor):
            yield str(i), value.detach()
        elif isinstance(value, (list, tuple)):
            yield from ((f"{i}[{j}]", t.detach()) for j, t in enumerate(value) if isinstance(t, _C.Tensor))


def _where(t: Any, kind: str) -> Any:
    return t.isnan() if kind == "nan" else t.isinf()


def _holds(t: Any, kind: str) -> bool:
    return bool(_where(t, kind).any().item())


def _shares(a: Any, b: Any) -> bool:
    """An in-place operation's input is its result by now."""
    return a._storage_id() == b._storage_id() and a.numel() > 0


def _asked_for(kind: str, inputs: Any) -> bool:
    from torchy.autograd.anomaly_mode import kind_of

    return any(isinstance(v, (float, complex)) and kind_of(v) == kind for v in inputs or ())


def _user_frames() -> tuple[Any, ...]:
    """The stack level (for `report`) of the innermost frame outside this package, then code, line, code, line, ..."""
    frame: Any = sys._getframe(1)  # report's own: level 1
    level, out = 1, []
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OWN):
            out += [frame.f_code, frame.f_lineno]
        elif not out:
            level += 1
        frame = frame.f_back
    return (level, *out)
