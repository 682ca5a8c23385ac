"""A profile as Chrome trace JSON, for Perfetto and chrome://tracing; tensorboard_trace_handler. Layer: torchy."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ._events import EventList, FunctionEvent


@dataclass
class Session:
    """Where and when events were recorded. Times in ns: `origin` and `stopped` on the monotonic clock."""

    process: int
    thread: int
    origin: int
    stopped: int
    trace_id: str
    options: dict[str, int]
    metadata: dict[str, Any] = field(default_factory=dict)


def _arguments(index: int, event: FunctionEvent) -> dict[str, Any]:
    args: dict[str, Any] = {"External id": event.id}
    if event.sequence_nr >= 0:
        args |= {"Sequence number": event.sequence_nr, "Fwd thread id": event.fwd_thread}
    args["Record function id"] = 0
    if event.input_dtypes:
        args |= {
            "Concrete Inputs": ["" if value is None else str(value) for value in event.concrete_inputs],
            "Input type": event.input_dtypes,
            "Input Strides": event.structured_input_strides,
            "Input Dims": event.structured_input_shapes,
        }
    if event.flops:
        args["Flops"] = event.flops
    if event.stack:
        args["Call stack"] = ";".join(event.stack)
    return args | {"Ev Idx": index}


def _trace_events(events: EventList, session: Session) -> Iterator[dict[str, Any]]:
    first = session.origin / 1000
    place = {"pid": session.process, "tid": session.thread}
    names = {
        "process_name": {"name": "python"},
        "process_labels": {"labels": "CPU"},
        "process_sort_index": {"sort_index": session.process},
    }
    for name, args in names.items():
        yield {"ph": "M", "name": name, "ts": first, "pid": session.process, "tid": 0, "args": args}
    title = {"name": f"thread {session.thread} (python)"}
    yield {"ph": "M", "name": "thread_name", "ts": first, **place, "args": title}
    flows = 0
    for index, event in enumerate(events):
        begin = round(first + event.time_range.start, 3)
        if event.name != "[memory]":
            category = "user_annotation" if event.is_user_annotation else "cpu_op"
            yield {
                "ph": "X", "cat": category, "name": event.trace_name, **place, "ts": begin,
                "dur": round(event.cpu_time_total, 3), "args": _arguments(index, event),
            }  # fmt: skip
        if event._forward is not None:  # an arrow from the operation to its backward node
            flows += 1
            flow = {"id": flows, **place, "cat": "fwdbwd", "name": "fwdbwd"}
            yield {"ph": "s", **flow, "ts": round(first + event._forward.time_range.start, 3)}
            yield {"ph": "f", **flow, "ts": begin, "bp": "e"}
        change = event.self_cpu_memory_usage
        if change and session.options["profile_memory"]:
            args = {
                "Total Reserved": 0, "Total Allocated": event._live_bytes, "Bytes": change, "Device Id": -1,
                "Device Type": 0, "Ev Idx": index,
            }  # fmt: skip
            at = round(first + event.time_range.end, 3)
            yield {
                "ph": "i", "cat": "cpu_instant_event", "s": "t", "name": "[memory]", **place, "ts": at, "args": args,
            }  # fmt: skip
    # The span has PyTorch's name: tools that read these traces look for it.
    yield {
        "ph": "X", "cat": "Trace", "name": "PyTorch Profiler (0)", "pid": "Spans", "tid": "PyTorch Profiler",
        "ts": first, "dur": round((session.stopped - session.origin) / 1000, 3), "args": {"Op count": 0},
    }  # fmt: skip


def write_trace(path: str | os.PathLike[str], events: EventList) -> None:
    """Write `events` to `path` as Chrome trace JSON, compressed if the name ends in .gz; times in microseconds.

    Operations are "X" events with their shapes in args (if recorded), "fwdbwd" flow events join them to their backward
    nodes, "[memory]" instants give the live bytes. RuntimeError: the list is not the events of one profile.
    """
    session: Session | None = events._session
    if session is None:
        raise RuntimeError("export_chrome_trace: this list holds sums; export the profile or its events() instead")
    path = os.fspath(path)
    document = {
        "schemaVersion": 1,
        "deviceProperties": [],
        "trace_id": session.trace_id,
        **session.options,
        "host_name": socket.gethostname(),
        "displayTimeUnit": "ms",
        "baseTimeNanoseconds": time.time_ns() - time.perf_counter_ns(),  # wall-clock time of ts 0
        **session.metadata,
        "traceName": path,
        "traceEvents": list(_trace_events(events, session)),
    }
    opened = gzip.open(path, "wt", encoding="utf-8") if path.endswith(".gz") else open(path, "w", encoding="utf-8")
    with opened as file:
        json.dump(document, file)


def write_stacks(path: str | os.PathLike[str], events: EventList, metric: str) -> None:
    """Write "outer;inner value" for every event that has callers; ValueError for a metric without a meaning here."""
    if metric not in ("self_cpu_time_total", "self_cuda_time_total"):
        raise ValueError(f"export_stacks: metric is {metric!r}; give 'self_cpu_time_total' or 'self_cuda_time_total'")
    with open(path, "w", encoding="utf-8") as file:
        for event in events:
            value = int(getattr(event, metric.replace("cuda", "device")))
            if event.stack and value > 0:
                names = ";".join(line.replace(";", ",").replace(" ", "_") for line in reversed(event.stack))
                file.write(f"{names} {value}\n")


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """An `on_trace_ready` that writes every finished trace into the folder `dir_name`, made if missing.

    Files are named WORKER.TIME.pt.trace.json[.gz]; WORKER is `worker_name` or HOST_PID. RuntimeError: the folder
    cannot be made.
    """

    def handle(profiler: Any) -> None:
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError(
                f"tensorboard_trace_handler: cannot create the directory {dir_name}; give one that can be written"
            ) from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json" + (".gz" if use_gzip else "")
        profiler.export_chrome_trace(os.path.join(dir_name, name))

    return handle
