"""What runs while the profiler is on: a log of begins and ends, appended by the core's mode hook. Layer: torchy.

Per operation this costs two small tuples; trees, names, shapes and sums are made from the log later (_build).
"""

from __future__ import annotations

import contextlib
import sys
import threading
from time import perf_counter_ns as now
from typing import Any, NamedTuple

import torchy
from torchy import _C

END, OP, NODE, USER = range(4)
# An entry is (kind, name, sequence number or -1, details or None, time in ns). In place of a name an END has the log
# index of its begin, which is also the token the core hands back: named blocks may end out of turn.
Entry = tuple[int, Any, int, Any, int]
MAX_FRAMES = 64

_here = threading.local()


class TensorInput(NamedTuple):
    """A tensor argument without the tensor, so that recording keeps no memory alive."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any


def describe(value: Any) -> Any:
    """An argument as plain data: TensorInput for a tensor, lists item by item, numbers and None as they are."""
    if isinstance(value, _C.Tensor):
        return TensorInput(tuple(value.shape), tuple(value.stride()), value.dtype)
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, complex, str)) else str(value)


def frames(depth: int) -> list[tuple[Any, int]]:
    """The callers as (code, line), innermost first; `depth` frames of the profiler's own are skipped."""
    frame: Any = sys._getframe(depth)
    found: list[tuple[Any, int]] = []
    while frame is not None and len(found) < MAX_FRAMES:
        found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found


def sequence_nr_of(outputs: Any) -> int:
    """The number of the node that made the first result with a history, -1 if none has one."""
    try:
        for out in outputs:
            grad_fn = getattr(out, "grad_fn", None)
            if grad_fn is not None:
                return grad_fn._sequence_nr()
    except RuntimeError:  # a view whose history cannot be made again; the program shall not fail for being watched
        pass
    return -1


def first_sequence_nr() -> int:
    """The number the thread's next node gets: nodes below it were recorded before the profiler started."""
    with torchy.inference_mode(False), torchy.enable_grad():
        return sequence_nr_of([_C.zeros((), requires_grad=True).neg()]) + 1


class Recorder:
    """The mode object: the core calls the four before/after methods around every operation and backward node."""

    def __init__(self) -> None:
        self.log: list[Entry] = []
        self.append = self.log.append
        self.thread = threading.get_ident()
        self.native_thread = threading.get_native_id()
        self.running = False
        self.first_nr = 0
        self.started = self.stopped = 0
        self.memory_at_start = self.memory_at_stop = 0

    def before_op(self, name: str, inputs: tuple[Any, ...]) -> int:
        self.append((OP, name, -1, None, now()))
        return len(self.log) - 1

    def after_op(self, token: int, name: str, outputs: tuple[Any, ...] | None) -> None:
        time = now()
        self.append((END, token, sequence_nr_of(outputs) if outputs else -1, None, time))

    def before_node(self, node: Any) -> int:
        self.append((NODE, node.name(), node._sequence_nr(), None, now()))
        return len(self.log) - 1

    def after_node(self, token: int, node: Any) -> None:
        self.append((END, token, -1, None, now()))

    def enter(self, name: str) -> int:
        """Open a user's block; the result closes it."""
        self.append((USER, name, -1, None, now()))
        return len(self.log) - 1

    def leave(self, mark: int) -> None:
        self.append((END, mark, -1, None, now()))

    def start(self) -> None:
        """Record this thread from now on. RuntimeError: another profiler already does."""
        if getattr(_here, "recorder", None) is not None:
            raise RuntimeError("profile: a profiler already records this thread; stop it before starting another")
        self.first_nr = first_sequence_nr()
        self.memory_at_start = _C._memory_stats()["live_bytes"]
        self.started = now()
        _C._push_mode(self)
        _here.recorder = self
        self.running = True

    def stop(self) -> None:
        """Stop; blocks still open end here. RuntimeError: called by another thread than start."""
        if self.thread != threading.get_ident():
            raise RuntimeError(
                f"profile: started in thread {self.thread} and stopped in thread {threading.get_ident()}; "
                "call stop in the thread that called start"
            )
        _C._pop_mode()
        self.stopped = now()
        self.memory_at_stop = _C._memory_stats()["live_bytes"]
        self.running = False
        _here.recorder = None


class DetailedRecorder(Recorder):
    """A Recorder that also notes arguments, memory or callers, as the options ask.

    The details of a begin are (arguments, live bytes, callers), those of an END (live bytes, shape of the result).
    """

    def __init__(self, shapes: bool, memory: bool, stack: bool) -> None:
        super().__init__()
        self.shapes, self.memory, self.stack = shapes, memory, stack

    def _before(self, inputs: Any, depth: int = 3) -> tuple[Any, int, Any]:
        return (
            None if inputs is None else [describe(value) for value in inputs],
            _C._memory_stats()["live_bytes"] if self.memory else 0,
            frames(depth) if self.stack else None,
        )

    def _after(self, outputs: Any = None) -> tuple[int, Any]:
        shape = tuple(outputs[0].shape) if outputs and hasattr(outputs[0], "shape") else None
        return _C._memory_stats()["live_bytes"] if self.memory else 0, shape

    def before_op(self, name: str, inputs: tuple[Any, ...]) -> int:
        self.append((OP, name, -1, self._before(inputs if self.shapes else None), now()))
        return len(self.log) - 1

    def after_op(self, token: int, name: str, outputs: tuple[Any, ...] | None) -> None:
        time = now()
        number = sequence_nr_of(outputs) if outputs else -1
        self.append((END, token, number, self._after(outputs if self.shapes else None), time))

    def before_node(self, node: Any) -> int:
        self.append((NODE, node.name(), node._sequence_nr(), self._before(None), now()))
        return len(self.log) - 1

    def after_node(self, token: int, node: Any) -> None:
        time = now()
        self.append((END, token, -1, self._after(), time))

    def enter(self, name: str) -> int:
        self.append((USER, name, -1, self._before(None, 4), now()))
        return len(self.log) - 1

    def leave(self, mark: int) -> None:
        time = now()
        self.append((END, mark, -1, self._after(), time))


class record_function(contextlib.ContextDecorator):
    """Names a block (``with record_function("load"):``) or a function (``@record_function("load")``) in the profile.

    The operations inside count as its children. Costs almost nothing while no profiler records this thread.
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._open: list[tuple[Recorder, int] | None] = []  # a list: the block may enter itself again

    def _recreate_cm(self) -> record_function:  # one per call, so that decorated functions may recurse
        return type(self)(self.name, self.args)

    def __enter__(self) -> record_function:
        recorder: Recorder | None = getattr(_here, "recorder", None)
        self._open.append(None if recorder is None else (recorder, recorder.enter(self.name)))
        return self

    def __exit__(self, *exception: object) -> None:
        opened = self._open.pop()
        if opened is not None and opened[0].running:
            opened[0].leave(opened[1])
