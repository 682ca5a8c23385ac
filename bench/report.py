# Turns samples into ratios and verdicts, and those into a table, JSON and a picture.
# Measures nothing and starts no process.

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from typing import Any

from bench.registry import Case, Mean
from bench.runner import Run, Side

DRIFT_ALLOWED = 0.10  # of the spin's time; more and the run is marked as not quiet


@dataclass
class Figures:
    """One library's values for one row."""

    status: str
    error: str
    loops: int
    samples: list[float]
    best: float | None
    median: float | None


@dataclass
class Row:
    """One line of the table: a case, or one part of a case that measures itself."""

    name: str
    group: str
    unit: str
    target: float | None
    limit: float | None
    peer: Figures
    ours: Figures
    ratio_best: float | None
    ratio_median: float | None
    reached: bool | None  # None: no target, or no verdict possible


def _figures(side: Side, part: str) -> Figures:
    samples = side.samples.get(part, []) if side.status == "ok" else []
    best = min(samples) if samples else None
    median = statistics.median(samples) if samples else None
    return Figures(side.status, side.error, side.loops, samples, best, median)


def ratio(peer: float | None, ours: float | None) -> float | None:
    """How many times less we take than the peer."""
    return peer / ours if peer is not None and ours is not None and ours > 0 else None


def _reached(row: Row) -> bool | None:
    if row.target is None and row.limit is None:
        return None
    if row.ours.status != "ok":
        return None if row.ours.status == "skipped" else False
    if row.limit is not None:
        return row.ours.best is not None and row.ours.best <= row.limit
    return None if row.ratio_best is None else row.ratio_best >= (row.target or 0.0)


def rows_of(case: Case, sides: tuple[Side, Side]) -> list[Row]:
    """The rows of one case; targets belong to the whole, not to its parts."""
    rows = []
    for part in list(dict.fromkeys(["", *sides[0].samples, *sides[1].samples])):
        peer, ours = (_figures(side, part) for side in sides)
        whole = part == ""
        row = Row(
            name=case.name if whole else f"{case.name}:{part}",
            group=case.group,
            unit=case.unit,
            target=case.target if whole else None,
            limit=case.limit if whole else None,
            peer=peer,
            ours=ours,
            ratio_best=ratio(peer.best, ours.best),
            ratio_median=ratio(peer.median, ours.median),
            reached=None,
        )
        row.reached = _reached(row)
        rows.append(row)
    return rows


def mean_of(mean: Mean, rows: list[Row]) -> dict[str, Any] | None:
    """The geometric mean over the members; None unless every member has both ratios."""
    found = {row.name: row for row in rows}
    members = [found[name] for name in mean.members if name in found]
    best = [row.ratio_best for row in members if row.ratio_best is not None]
    median = [row.ratio_median for row in members if row.ratio_median is not None]
    if len(best) != len(mean.members) or len(median) != len(mean.members):
        return None
    value = math.exp(statistics.fmean(map(math.log, best)))
    return {
        "name": mean.name,
        "target": mean.target,
        "ratio_best": value,
        "ratio_median": math.exp(statistics.fmean(map(math.log, median))),
        "reached": value >= mean.target,
    }


def machine() -> dict[str, Any]:
    """Facts without which a figure means nothing."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            model = next(ln.split(":", 1)[1].strip() for ln in lines if ln.startswith("model name"))
    except (OSError, StopIteration):
        pass
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "cores_usable": usable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def quietness(run: Run) -> dict[str, Any]:
    """Spin times before and after, their drift, and what running together cost."""
    drift = {
        key: after / before - 1 if before and after else None
        for key, before in run.before.items()
        for after in [run.after[key]]
    }
    alone, together = run.before["alone"], run.before["together"]
    crowding = together / alone - 1 if alone and together else None
    known = [abs(value) for value in drift.values() if value is not None]
    quiet = max(known, default=0.0) <= DRIFT_ALLOWED and (crowding or 0.0) <= 2 * DRIFT_ALLOWED
    return {
        "before": run.before,
        "after": run.after,
        "drift": drift,
        "crowding": crowding,
        "quiet": quiet,
    }


def summary(run: Run, means: list[Mean], options: dict[str, Any]) -> dict[str, Any]:
    """Everything as one plain dictionary, ready for JSON."""
    rows = [row for case, sides in run.results for row in rows_of(case, sides)]
    labels = ("peer", "ours")
    return {
        "machine": machine(),
        "libraries": {
            label: {"name": name, **info} for label, name, info in zip(labels, run.libraries, run.info, strict=True)
        },
        "options": options,
        "quiet": quietness(run),
        "results": [asdict(row) for row in rows],
        "means": [m for m in (mean_of(mean, rows) for mean in means) if m is not None],
    }


def as_json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1) + "\n"


def amount(value: float | None, unit: str) -> str:
    """A value as people read it: 43.1 ns, 754 MB."""
    if value is None:
        return "-"
    if unit != "s":
        return f"{value:.3g}" + (" MB" if unit == "MB" else "")
    for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if abs(value) >= scale:
            return f"{value / scale:.3g} {name}"
    return f"{value / 1e-9:.3g} ns"


def _pair(figures: dict[str, Any], unit: str) -> str:
    if figures["status"] != "ok":
        return str(figures["status"])
    return f"{amount(figures['best'], unit)} / {amount(figures['median'], unit)}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"


def _goal(row: dict[str, Any]) -> str:
    if row.get("limit") is not None:
        return f"<= {amount(row['limit'], row['unit'])}"
    return "-" if row["target"] is None else f">= {row['target']:g}x"


VERDICT = {True: "[green]yes[/]", False: "[bold red]no[/]", None: "-"}


def print_table(data: dict[str, Any]) -> None:
    """The table, then failures, then whether the machine was quiet."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    peer, ours = (data["libraries"][side]["name"] for side in ("peer", "ours"))
    table = Table("case", title=f"{ours} against {peer} (ratio = {peer}'s time / {ours}'s time)")
    for title in (f"{peer} best / median", f"{ours} best / median", "ratio best", "ratio median"):
        table.add_column(title, justify="right")
    table.add_column("target", justify="right")
    table.add_column("reached")
    group = None
    for row in data["results"]:
        if group not in (None, row["group"]):
            table.add_section()
        group = row["group"]
        cells = [_pair(row[side], row["unit"]) for side in ("peer", "ours")]
        cells += [_times(row["ratio_best"]), _times(row["ratio_median"]), _goal(row)]
        table.add_row(escape(row["name"]), *cells, VERDICT[row["reached"]])
    table.add_section()
    for mean in data["means"]:
        cells = ["", "", _times(mean["ratio_best"]), _times(mean["ratio_median"]), _goal(mean)]
        table.add_row(escape(mean["name"]), *cells, VERDICT[mean["reached"]])
    # A pipe has no width to fit: keep every line whole.
    console = Console() if Console().is_terminal else Console(width=140)
    console.print(table)
    for row in data["results"]:
        for side in ("peer", "ours"):
            if row[side]["status"] != "ok":
                name = data["libraries"][side]["name"]
                text = f"{row[side]['status']}: {row['name']} in {name}: {row[side]['error']}"
                console.print(escape(text))
    for line in notes(data):
        console.print(escape(line))


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1%}"


def notes(data: dict[str, Any]) -> list[str]:
    """The machine, the verdicts counted, and how quiet it was."""
    facts, quiet = data["machine"], data["quiet"]
    verdicts = [row["reached"] for row in data["results"] + data["means"]]
    versions = ", ".join(f"{i['name']} {i.get('version')}" for i in data["libraries"].values())
    both, drift = quiet["crowding"], quiet["drift"]
    return [
        f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}, {versions}",
        f"targets reached: {verdicts.count(True)}, not reached: {verdicts.count(False)}",
        f"spin {amount(quiet['before']['alone'], 's')} before, "
        f"{amount(quiet['after']['alone'], 's')} after "
        f"(drift {_percent(drift['alone'])}); two at once cost {_percent(both)} "
        f"(drift {_percent(drift['together'])})"
        + ("" if quiet["quiet"] else "; NOT QUIET, repeat before trusting a ratio"),
    ]


def missed(data: dict[str, Any]) -> list[str]:
    """Names of what `--check` objects to: targets not reached and our own failures."""
    failed = [r["name"] for r in data["results"] if r["ours"]["status"] == "failed"]
    late = [r["name"] for r in data["results"] + data["means"] if r["reached"] is False]
    return list(dict.fromkeys(failed + late))
