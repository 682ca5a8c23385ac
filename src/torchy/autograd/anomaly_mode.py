"""Anomaly mode: which line of the program made the node whose gradient went wrong. Layer: torchy.

The core remembers, while the mode is on, the user's frames of every node and asks here for the words.
"""

from __future__ import annotations

import threading

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["detect_anomaly", "set_detect_anomaly"]

_SHOWN = 4  # frames of a stack in a message, the innermost ones


class _Checks(threading.local):
    """What to look for while the mode is on; kept while it is off, as PyTorch does."""

    nan, inf = True, False


_checks = _Checks()


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return _C._anomaly()[0]


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, when on, looks for NaN in gradients."""
    return _checks.nan


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly mode on or off in this thread; infinities are not looked for."""
    _set(mode, check_nan, False)


def _set(mode: bool, nan: bool, inf: bool) -> None:
    for name, value in (("mode", mode), ("check_nan", nan), ("check_inf", inf)):
        if not isinstance(value, bool):
            raise TypeError(f"anomaly mode: {name} must be a bool, not {type(value).__name__}; pass True or False")
    _checks.nan, _checks.inf = nan, inf
    _C._set_anomaly(mode, nan, inf)


def _state() -> tuple[bool, bool, bool]:
    return is_anomaly_enabled(), _checks.nan, _checks.inf


class detect_anomaly:  # noqa: N801  (PyTorch's name)
    """A with block in which backward explains what goes wrong.

    Nodes recorded inside remember their line. A backward inside that makes NaN (`check_nan`) or infinity
    (`check_inf`) is a RuntimeError that names the operation, the shape, the first bad index and the line; so do
    errors raised in backward, and the error of a value changed in place, which also names the line of the change.
    For this thread. It costs time: switch it on to look for a mistake.
    """

    def __init__(self, check_nan: bool = True, check_inf: bool = False) -> None:
        self._wanted = (True, check_nan, check_inf)
        self._before: list[tuple[bool, bool, bool]] = []

    def __enter__(self) -> None:
        before = _state()
        _set(*self._wanted)
        self._before.append(before)

    def __exit__(self, *exc: object) -> None:
        _set(*self._before.pop())


class set_detect_anomaly:  # noqa: N801  (PyTorch's name)
    """``set_detect_anomaly(mode)`` sets anomaly mode at once; in a with block it is put back at the end."""

    def __init__(self, mode: bool, check_nan: bool = True, check_inf: bool = False) -> None:
        self._before = _state()
        _set(mode, check_nan, check_inf)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        _set(*self._before)


# ---- words, asked for by the core (csrc/python/bind_watch.cpp)


def stack_text(frames: Sequence[Any]) -> str:
    """Lines as in a traceback, the innermost last. frames: (code, line number, code, line number, ...), innermost
    first.
    """
    import linecache  # when needed: `import torchy` stays quick

    lines = []
    for code, number in list(zip(frames[::2], frames[1::2]))[:_SHOWN]:
        source = linecache.getline(code.co_filename, number).strip()
        text = f'  File "{code.co_filename}", line {number}, in {code.co_name}'
        lines.append(f"{text}\n    {source}" if source else text)
    return "\n".join(reversed(lines))


def forward_text(node: Any) -> str:
    """Where the forward pass made the node."""
    frames = node.metadata.get("traceback_")
    if not frames:
        return f"{node.name()} was recorded outside anomaly mode, so its line is not known; record it inside too."
    return f"{node.name()} was made by {node.op} in the forward pass at\n{stack_text(frames)}"


def index_text(at: int, shape: Sequence[int]) -> str:
    """A row-major position as the index of a tensor."""
    index: list[int] = []
    for size in reversed(shape):
        at, rest = divmod(at, size)
        index.insert(0, rest)
    return str(tuple(index))


def _describe(node: Any, change: Sequence[Any] | None) -> str:
    """Appended to an error of backward. change: frames of who changed the saved value in place, if known."""
    text = "\n" + forward_text(node)
    if change:
        text += f"\nIts saved value was then changed in place at\n{stack_text(change)}"
    return text


def kind_of(value: Any) -> str:
    """'nan', 'inf' or, for a finite number, ''."""
    import cmath

    return "nan" if cmath.isnan(value) else "inf" if cmath.isinf(value) else ""


def _non_finite(op: str, inputs: tuple[Any, ...] | None, tensor: Any, at: int, node: Any | None, number: int) -> str:
    """Raise or warn: a result of `op` (node: None), or gradient `number` of `node`, is not finite at position `at`."""
    kind = kind_of(tensor.detach().reshape(-1)[at].item())
    if node is not None and _C._anomaly()[1 if kind == "nan" else 2]:
        raise RuntimeError(gradient_text(kind, tensor, at, node, number))
    from torchy import _errstate

    _errstate.report(op, inputs, tensor, at, node, number)
    return ""


def gradient_text(kind: str, tensor: Any, at: int, node: Any, number: int) -> str:
    """What is wrong with gradient `number` of `node`; the beginning is PyTorch's."""
    shape = tuple(tensor.shape)
    return (
        f"Function '{node.name()}' returned {kind} values in its {number}th output. "
        f"The first {kind} in this gradient of {node.op}, of shape {shape}, is at index {index_text(at, shape)}.\n"
        f"{forward_text(node)}"
    )
