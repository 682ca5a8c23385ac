# The ratios as an SVG bar picture: logarithmic, 1 marked, each target a tick. Text in, text out.

from __future__ import annotations

import math
from html import escape
from typing import Any

LEFT, WIDTH, LINE, TOP = 230, 560, 18, 54
COLOURS = {True: "#2a9d5c", False: "#d1495b", None: "#5b7c99"}


def as_svg(data: dict[str, Any]) -> str:
    """One bar for every row with a ratio; a target is a black tick."""
    rows = [r for r in data["results"] + data["means"] if r["ratio_best"]]
    peer, ours = (data["libraries"][side]["name"] for side in ("peer", "ours"))
    ends = [value for r in rows for value in (r["ratio_best"], r["target"]) if value]
    low = math.floor(math.log10(min([0.5, *ends])))
    high = math.ceil(math.log10(max([10.0, *ends])))

    def at(value: float) -> float:
        return LEFT + WIDTH * (math.log10(value) - low) / (high - low)

    height = TOP + LINE * len(rows) + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 80}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="10" y="18" font-size="14">{escape(peer)}\'s time / {escape(ours)}\'s time, '
        "best of the rounds (right of 1: faster)</text>",
    ]
    for power in range(low, high + 1):
        x, value = at(10.0**power), 10.0**power
        stroke = "#333" if power == 0 else "#ddd"
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="42" y2="{height - 8}" stroke="{stroke}"/>')
        out.append(f'<text x="{x:.1f}" y="36" text-anchor="middle">{value:g}x</text>')
    for number, row in enumerate(rows):
        y, end, one = TOP + LINE * number, at(row["ratio_best"]), at(1.0)
        start, length = min(one, end), max(1.0, abs(end - one))
        name, colour = escape(row["name"]), COLOURS[row["reached"]]
        out.append(f'<text x="{LEFT - 8}" y="{y + 9}" text-anchor="end">{name}</text>')
        out.append(f'<rect x="{start:.1f}" y="{y}" width="{length:.1f}" height="11" fill="{colour}"/>')
        label = f"{row['ratio_best']:.2f}"
        out.append(f'<text x="{max(one, end) + 6:.1f}" y="{y + 10}" fill="#333">{label}</text>')
        if row["target"]:
            x = at(row["target"])
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 2}" y2="{y + 13}" stroke="black" stroke-width="2"/>')
    return "\n".join([*out, "</svg>", ""])
