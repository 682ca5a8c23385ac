"""Recording without a schedule, and what was recorded: events, sums, files. Layer: torchy."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from ._build import events_of
from ._events import EventList
from ._record import DetailedRecorder, Recorder
from ._schedule import checked_activities
from ._trace import Session, write_trace


class _KinetoProfile:
    """Recording and results without a schedule; the name is PyTorch's."""

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        acc_events: bool = False,
        custom_trace_id_callback: Callable[[], str] | None = None,
    ) -> None:
        self.activities = checked_activities(activities)
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.with_flops = with_flops
        self.with_modules = with_modules  # PyTorch fills it for TorchScript only, so nothing is recorded here
        self.acc_events = acc_events
        self.preset_metadata: dict[str, str] = {}
        self._metadata: dict[str, Any] = {}
        self._trace_id_of = custom_trace_id_callback
        self._recorder: Recorder | None = None  # while recording
        self._finished: list[Recorder] = []  # recorded, not yet made into events
        self._events: EventList | None = None

    def start(self) -> None:
        """Start to record this thread. RuntimeError: another profiler does."""
        self.prepare_trace()
        self.start_trace()

    def stop(self) -> None:
        """Stop recording."""
        self.stop_trace()

    def prepare_trace(self) -> None:
        """Get ready to record, dropping the events of the last cycle (unless acc_events)."""
        if self._events is None or not self.acc_events:
            self._finished = []
            self._events = EventList(profile_memory=self.profile_memory, with_flops=self.with_flops)

    def start_trace(self) -> None:
        """Record from now on. AssertionError: not prepared. RuntimeError: a profiler records already."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before starting trace")
        # PyTorch's with_flops also shows the shapes it counts from.
        details = (self.record_shapes or self.with_flops, self.profile_memory, self.with_stack)
        recorder = DetailedRecorder(*details) if any(details) else Recorder()
        recorder.start()
        self._recorder = recorder
        self._metadata |= {key: json.loads(value) for key, value in self.preset_metadata.items()}

    def stop_trace(self) -> None:
        """Stop recording and keep what was recorded. AssertionError: never started."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before stopping trace")
        if self._recorder is not None:
            self._recorder.stop()
            self._finished.append(self._recorder)
            self._recorder = None

    def events(self) -> EventList:
        """All finished events, unsummed, in order of their begin. AssertionError: nothing was ever recorded."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before accessing events")
        for recorder in self._finished:
            session = self._events._session
            if session is None:
                session = self._events._session = self._session_of(recorder)
            session.stopped = recorder.stopped
            last = self._events[-1].id if self._events else 0
            self._events.extend(events_of(recorder, self, session.origin, last + 1))
        self._finished = []
        return self._events

    def _session_of(self, recorder: Recorder) -> Session:
        names = ("profile_memory", "record_shapes", "with_stack", "with_flops", "with_modules")
        options = {name: int(getattr(self, name)) for name in names}
        trace_id = self._trace_id_of() if self._trace_id_of else uuid.uuid4().hex.upper()
        thread = recorder.native_thread
        return Session(os.getpid(), thread, recorder.started, recorder.stopped, trace_id, options, self._metadata)

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """The events summed by name, and if asked by input shapes, innermost callers or overload; see `table`."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before getting key averages")
        return self.events().key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def export_chrome_trace(self, path: str) -> None:
        """Write Chrome trace JSON for Perfetto or chrome://tracing; compressed if the name ends in .gz."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before exporting chrome trace")
        write_trace(path, self.events())

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write callers and times for flame graphs. AssertionError: recorded without with_stack=True."""
        if self._events is None:
            raise AssertionError("Profiler must be initialized before exporting stacks")
        if not self.with_stack:
            raise AssertionError("export_stacks: no callers were recorded; give profile with_stack=True")
        self.events().export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Put a text into the trace file."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Put a value, given as JSON text, into the trace file. ValueError: not JSON."""
        self._metadata[key] = json.loads(value)

    def preset_metadata_json(self, key: str, value: str) -> None:
        """As add_metadata_json, when recording starts."""
        self.preset_metadata[key] = value
