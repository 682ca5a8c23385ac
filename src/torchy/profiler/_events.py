"""What a profile consists of: FunctionEvent, their sums FunctionEventAvg, and EventList. Layer: torchy.

Times are microseconds, memory is bytes. Device figures exist so that programs may read them; all are zero.
"""

from __future__ import annotations

import enum
from typing import Any, NamedTuple

from ._table import build_table, format_time


class DeviceType(enum.Enum):
    """Where an event ran; always the CPU."""

    CPU = 0


class Interval(NamedTuple):
    """A time in microseconds."""

    start: float
    end: float

    def elapsed_us(self) -> float:
        """The time between begin and end."""
        return self.end - self.start


class _Times:
    """Averages and texts for classes with `count`, `cpu_time_total` and `self_cpu_time_total`."""

    count: int
    use_device = None
    device_type = DeviceType.CPU
    node_id = -1
    is_async = is_remote = is_legacy = False
    device_time_total = self_device_time_total = device_time = 0
    device_memory_usage = self_device_memory_usage = 0
    cpu_time_total: Any
    self_cpu_time_total: Any

    @property
    def cpu_time(self) -> float:
        """Microseconds a call, children included."""
        return self.cpu_time_total / self.count if self.count else 0.0

    cpu_time_str = property(lambda self: format_time(self.cpu_time))
    cpu_time_total_str = property(lambda self: format_time(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: format_time(self.self_cpu_time_total))


class FunctionEvent(_Times):
    """One call of an operation, one backward node or one named block.

    name: as in the table ("aten::mul"). trace_name: as in the trace. sequence_nr: joins an operation and its backward
    node, -1 without one. scope: 0 operation, 1 backward node, 7 named block. cpu_parent, cpu_children: nesting.
    """

    def __init__(self, id: int, name: str, time_range: Interval, scope: int, sequence_nr: int, memory: int) -> None:
        self.id = id
        self.trace_name = name
        self.name = "ProfilerStep*" if name.startswith("ProfilerStep#") else name  # steps add up in the table
        self.overload_name = ""
        self.time_range = time_range
        self.scope = scope
        self.sequence_nr = sequence_nr
        self.cpu_memory_usage = memory
        self.count = 1
        self.thread = 1
        self.fwd_thread = 0
        self.flops = 0
        self.is_user_annotation = False
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.stack: list[str] = []
        self.input_shapes: list[list[int]] = []
        self.structured_input_shapes: list[Any] = []
        self.structured_input_strides: list[Any] = []
        self.input_dtypes: list[str] = []
        self.concrete_inputs: list[Any] = []
        self._forward: FunctionEvent | None = None  # of a backward node: the operation that recorded it
        self._live_bytes = 0  # of all tensors, at the end

    @property
    def key(self) -> str:
        return self.name

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        """Microseconds from begin to end."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """Microseconds outside of children."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:
        """Bytes allocated less bytes freed outside of children."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} device_type={self.device_type} cpu_time={self.cpu_time_str} "
            f"start_us={self.time_range.start} end_us={self.time_range.end} "
            f"cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} seq_nr={self.sequence_nr}>"
        )


class FunctionEventAvg(_Times):
    """Sums over events of one key; `cpu_time` is the average."""

    def __init__(self) -> None:
        self.key: str | None = None
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.flops = 0
        self.overload_name = ""
        self.input_shapes: Any = None
        self.stack: list[str] = []
        self.scope: int | None = None
        self.is_user_annotation = False
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] | None = None

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Add `other` and return self. AssertionError: another kind of object, or another key."""
        if not isinstance(other, (FunctionEvent, FunctionEventAvg)):
            raise AssertionError(f"FunctionEventAvg.add: expected an event, but got {type(other).__name__}")
        if self.key is None:
            for name in ("key", "overload_name", "input_shapes", "stack", "scope", "is_user_annotation"):
                setattr(self, name, getattr(other, name))
            self.cpu_parent, self.cpu_children = other.cpu_parent, other.cpu_children
        elif self.key != other.key:
            raise AssertionError(f"FunctionEventAvg.add: the keys {self.key!r} and {other.key!r} differ")
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} count={self.count} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str} input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list):  # type: ignore[type-arg]
    """A list of events that can be summed (`key_averages`) and printed (`table`)."""

    def __init__(self, events: Any = (), *, profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self._profile_memory = profile_memory
        self._with_flops = with_flops
        self._session: Any = None  # when and where it was recorded; set by the profiler

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, each moment counted once."""
        return sum(event.self_cpu_time_total for event in self)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int | None = 75,
        max_name_column_width: int | None = 55,
        max_shapes_column_width: int | None = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as a text table, "" if there are none.

        sort_by: an attribute of the events, largest first (AttributeError if they have none of that name). row_limit:
        -1 for all rows. time_unit: "s", "ms" or "us" in place of one that suits each number.
        """
        widths = (max_name_column_width, max_shapes_column_width, max_src_column_width)
        if sort_by is not None:
            name = sort_by.replace("cuda", "device").replace("xpu", "device")
            ordered = sorted(self, key=lambda event: getattr(event, name), reverse=True)
        else:
            ordered = list(self)
        options = (self._profile_memory, self._with_flops, top_level_events_only)
        return build_table(ordered, widths, row_limit, header, time_unit, *options)

    def key_averages(
        self,
        group_by_input_shapes: bool = False,
        group_by_stack_n: int = 0,
        group_by_overload_name: bool = False,
    ) -> EventList:
        """One FunctionEventAvg for every name, and also for every input_shapes or innermost callers if asked.

        group_by_overload_name: no effect, as overloads are not recorded (nor by PyTorch, unless configured).
        """
        sums: dict[tuple[Any, ...], FunctionEventAvg] = {}
        for event in self:
            key: tuple[Any, ...] = (event.key, event.is_user_annotation)
            if group_by_overload_name:
                key += (event.overload_name,)
            if group_by_input_shapes:
                key += (str(event.input_shapes),)
            if group_by_stack_n > 0:
                key += tuple(event.stack[:group_by_stack_n])
            sums.setdefault(key, FunctionEventAvg()).add(event)
        for total in sums.values():
            total.stack = total.stack[:group_by_stack_n]
            total.input_shapes = total.input_shapes if group_by_input_shapes else ""
            total.overload_name = total.overload_name if group_by_overload_name else ""
        return EventList(sums.values(), profile_memory=self._profile_memory, with_flops=self._with_flops)

    def total_average(self) -> FunctionEventAvg:
        """All events summed into one, its key "Total"."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
            total.key = None  # the next may have another name
        total.key = "Total"
        return total

    def export_chrome_trace(self, path: str) -> None:
        """Write the events as Chrome trace JSON. RuntimeError: the list is not the events of one profile."""
        from ._trace import write_trace

        write_trace(path, self)

    def export_stacks(self, path: str, metric: str) -> None:
        """Write one line "outer;inner value" for every event with callers, the input of flame graph tools.

        metric: "self_cpu_time_total" or "self_cuda_time_total" (always zero); ValueError otherwise.
        """
        from ._trace import write_stacks

        write_stacks(path, self, metric)
