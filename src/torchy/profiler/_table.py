"""Events as a text table, column for column as PyTorch prints it. Layer: torchy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

WIDTH = 12
GAP = "  "
_FLOP_UNITS = ("FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")


def format_time(microseconds: float, unit: str | None = None) -> str:
    """ "12.500us", "3.100ms" or "1.200s"; unit: one of the three in place of one that suits the number."""
    if unit is None:
        unit = "s" if microseconds >= 1e6 else "ms" if microseconds >= 1e3 else "us"
    scales = {"s": 1e6, "ms": 1e3, "us": 1.0}
    if unit not in scales:
        raise ValueError(f"table: time_unit is {unit!r}; give 's', 'ms', 'us' or None")
    return f"{microseconds / scales[unit]:.3f}{unit}"


def format_memory(size: int) -> str:
    """ "12 B", "1.50 KB", ...; negative when more was freed than allocated."""
    for unit, scale in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
        if abs(size) >= scale:
            return f"{size / scale:.2f} {unit}"
    return f"{size} B"


def _share(part: float, whole: float) -> str:
    return "NaN" if whole == 0 else f"{part * 100.0 / whole:.2f}%"


class Column(NamedTuple):
    title: str
    width: int
    cell: Callable[[Any], Any]
    align: str = ">"


def _shorten(name: str, width: int | None) -> str:
    return name[: width - 3] + "..." if width is not None and len(name) >= width - 3 else name


def _tail(path: str, width: int) -> str:
    """The last `width` characters: the end of a path says more than its beginning."""
    if len(path) <= width:
        return path
    kept = path[len(path) - width :]
    return "..." + kept[3:] if width > 3 else kept


def _limited(width: int, limit: int | None) -> int:
    return width if limit is None else min(width, limit)


def _flops_column(events: list[Any]) -> Column | None:
    counts = [event.flops for event in events if event.flops > 0]
    if not counts:
        return None
    step = max(0, min(int(math.log10(min(counts)) / 3), len(_FLOP_UNITS) - 1))  # unit of the smallest
    scale = 10.0 ** (-3 * step)
    return Column(
        f"Total {_FLOP_UNITS[step]}", WIDTH, lambda event: f"{event.flops * scale:8.3f}" if event.flops > 0 else "--"
    )


def _columns(
    events: list[Any],
    widths: tuple[int | None, int | None, int | None],
    unit: str | None,
    profile_memory: bool,
    with_flops: bool,
) -> list[Column]:
    name_limit, shapes_limit, source_limit = widths
    whole = sum(event.self_cpu_time_total for event in events)
    name_width = _limited(max(len(event.key) for event in events) + 4, name_limit)
    columns = [Column("Name", name_width, lambda event: _shorten(event.key, name_limit))]
    if any(isinstance(event.overload_name, str) and event.overload_name for event in events):
        columns.append(Column("Overload Name", name_width, lambda event: _shorten(event.overload_name, name_limit)))
    columns += [
        Column("Self CPU %", WIDTH, lambda event: _share(event.self_cpu_time_total, whole)),
        Column("Self CPU", WIDTH, lambda event: format_time(event.self_cpu_time_total, unit)),
        Column("CPU total %", WIDTH, lambda event: _share(event.cpu_time_total, whole)),
        Column("CPU total", WIDTH, lambda event: format_time(event.cpu_time_total, unit)),
        Column("CPU time avg", WIDTH, lambda event: format_time(event.cpu_time, unit)),
    ]
    if profile_memory:
        columns += [
            Column("CPU Mem", WIDTH, lambda event: format_memory(event.cpu_memory_usage)),
            Column("Self CPU Mem", WIDTH, lambda event: format_memory(event.self_cpu_memory_usage)),
        ]
    columns.append(Column("# of Calls", WIDTH, lambda event: event.count))
    if any(event.input_shapes for event in events):
        width = _limited(max(len(str(event.input_shapes)) for event in events) + 4, shapes_limit)
        columns.append(Column("Input Shapes", width, lambda event: str(event.input_shapes)[:width]))
    if any(event.stack for event in events):
        longest = max(len(line) for event in events for line in event.stack)
        source = _limited(longest + 4, source_limit)
        columns.append(
            Column("Source Location", source, lambda event: _tail(event.stack[0], source) if event.stack else "", "<")
        )
    flops = _flops_column(events) if with_flops else None
    return columns if flops is None else [*columns, flops]


def build_table(
    events: list[Any],
    widths: tuple[int | None, int | None, int | None],
    row_limit: int,
    header: str | None,
    time_unit: str | None,
    profile_memory: bool,
    with_flops: bool,
    top_level_events_only: bool,
) -> str:
    """The table of `events` in their order, "" for none. widths: limits of the name, shapes and source columns."""
    if not events:
        return ""
    columns = _columns(events, widths, time_unit, profile_memory, with_flops)
    rule = "".join("-" * column.width + GAP for column in columns)
    line_length = len(rule) - len(GAP)

    def row(cells: list[Any]) -> str:
        return "".join(f"{cell!s:{column.align}{column.width}}{GAP}" for cell, column in zip(cells, columns))

    lines = []
    if header is not None:
        lines += ["=" * line_length, header]
    if top_level_events_only:
        lines += ["=" * line_length, "This report only display top-level ops statistics"]
    lines += [rule, row([column.title for column in columns]), rule]
    shown = [event for event in events if not (top_level_events_only and event.cpu_parent is not None)]
    source = next((i for i, column in enumerate(columns) if column.title == "Source Location"), None)
    for event in shown if row_limit < 0 else shown[:row_limit]:
        lines.append(row([column.cell(event) for column in columns]))
        if source is not None:  # the other callers below the first, then an empty line
            for line in [*(_tail(line, columns[source].width) for line in event.stack[1:]), ""]:
                lines.append(row([line if i == source else "" for i in range(len(columns))]))
    total = format_time(sum(event.self_cpu_time_total for event in events), time_unit)
    return "\n".join([*lines, rule, f"Self CPU time total: {total}", ""])
