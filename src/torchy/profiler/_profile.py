"""torchy.profiler.profile: recording as a schedule says. Layer: torchy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ._record import record_function
from ._recording import _KinetoProfile
from ._schedule import ProfilerAction, ProfilerActivity, supported_activities

_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
_IDLE = (ProfilerAction.NONE, ProfilerAction.WARMUP)
# Changes that end a cycle before anything of it was saved.
_CUT_SHORT = (
    (ProfilerAction.WARMUP, ProfilerAction.NONE),
    (ProfilerAction.RECORD, ProfilerAction.NONE),
    (ProfilerAction.RECORD, ProfilerAction.WARMUP),
)


class profile(_KinetoProfile):
    """Records operations, backward nodes and named blocks of the thread it is started in.

    activities: [ProfilerActivity.CPU] (default); RuntimeError for others. schedule: which steps to record, a function
    of the step number (see `schedule`); default: everything from start to stop. on_trace_ready: called with the
    profiler at the end of every cycle, and by stop if something is being recorded. record_shapes: shapes, strides,
    dtypes and numbers of the arguments. profile_memory: bytes allocated less bytes freed. with_stack: callers.
    with_flops: operations of matrix products, convolutions, mul and add; also records shapes. acc_events: keep the events of all cycles,
    not only of the last. with_modules: accepted; PyTorch fills it for TorchScript only.

    Use as a context manager, or with start and stop. An exception in the block stops it as usual, with what was
    recorded so far. Other threads are not recorded.
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        for name, value in (
            ("experimental_config", experimental_config),
            ("execution_trace_observer", execution_trace_observer),
            ("post_processing_timeout_s", post_processing_timeout_s),
        ):
            if value is not None:
                raise NotImplementedError(f"profile: {name} is not supported here; leave it out")
        if use_cuda is not None:
            warnings.warn("profile: `use_cuda` is deprecated; use `activities` instead", FutureWarning, stacklevel=2)
            activities = [*(supported_activities() if activities is None else activities)]
            activities += [ProfilerActivity.CUDA] if use_cuda else []
        super().__init__(
            activities=activities, record_shapes=record_shapes, profile_memory=profile_memory, with_stack=with_stack,
            with_flops=with_flops, with_modules=with_modules, acc_events=acc_events,
            custom_trace_id_callback=custom_trace_id_callback,
        )  # fmt: skip
        self.schedule = schedule or (lambda step: ProfilerAction.RECORD)
        self.record_steps = schedule is not None  # steps show as ProfilerStep#n
        self.on_trace_ready = on_trace_ready
        self.step_num = 0
        self.current_action = self.schedule(0)
        self._running = False
        self._step: record_function | None = None

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin with the schedule's action for the current step. RuntimeError: a profiler records this thread."""
        self._change(ProfilerAction.NONE, self.current_action)
        self._running = True
        self._open_step()

    def stop(self) -> None:
        """Stop recording; nothing happens if stopped already. AssertionError: never started."""
        if not self._running:
            if self._events is None:
                raise AssertionError("Profiler must be initialized before stopping trace")
            return
        self._close_step()
        self._running = False
        self._change(self.current_action, None)

    def step(self) -> None:
        """Say that the next step begins; the schedule decides what it does."""
        self._close_step()
        before = self.current_action
        self.current_action = self.schedule(self.step_num + 1)
        self.step_num += 1
        if self._running:
            self._change(before, self.current_action)
            self._open_step()

    def get_trace_id(self) -> str | None:
        """The id written into the trace, None before anything was recorded."""
        session = self.events()._session if self._events is not None else None
        return None if session is None else session.trace_id

    def set_custom_trace_id_callback(self, callback: Callable[[], str]) -> None:
        """`callback()` gives the ids of traces from now on."""
        self._trace_id_of = callback

    def _open_step(self) -> None:
        if self.record_steps:
            self._step = record_function(f"ProfilerStep#{self.step_num}").__enter__()

    def _close_step(self) -> None:
        if self._step is not None:
            step, self._step = self._step, None
            step.__exit__(None, None, None)

    def _change(self, before: ProfilerAction, after: ProfilerAction | None) -> None:
        """Go from one step's action to the next one's; after: None to stop."""
        recording = before in _RECORDING
        if after in _IDLE and (before, after) in _CUT_SHORT:
            warnings.warn(f"profile: the schedule goes from {before.name} to {after.name}, so nothing is saved; "
                          "end a cycle with RECORD_AND_SAVE", stacklevel=3)  # fmt: skip
        if recording and (before is ProfilerAction.RECORD_AND_SAVE or after not in _RECORDING):
            self.stop_trace()
            recording = False
            if self.on_trace_ready and (before is ProfilerAction.RECORD_AND_SAVE or after is None):
                self.on_trace_ready(self)
        if not recording and after in _RECORDING:
            self.prepare_trace()
            self.start_trace()
        elif after is ProfilerAction.WARMUP and before is not ProfilerAction.WARMUP:
            self.prepare_trace()
