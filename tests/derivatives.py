"""Runs every operation of the table in every way of differentiating it, and writes what came out.

``python -m tests.derivatives``: prints the table and writes docs/derivatives.md.
``python -m tests.derivatives NAME ...``: prints the rows of these operations only, with the reasons in full.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "derivatives.md"
sys.path[:0] = [p for p in (str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "ops")) if p not in sys.path]

from _calls import PUBLIC, TABLE  # noqa: E402  (modules of tests/ops)
from _derivative_columns import COLUMNS, Cell, cell_of, subjects_of  # noqa: E402

Rows = dict[str, dict[str, Cell]]
STATES = ("yes", "part", "no", "-")
LONGEST = 300  # of a reason in the page

HEAD = """# Derivatives

Written by `python -m tests.derivatives`; do not edit. Every operation of the table was called on the table's samples,
and a cell is what came out:

- yes: every check passed
- part: some calls work, others raise an error
- no: a wrong number, or nothing works
- `-`: nothing to check, by the table: no derivative, no complex numbers, no in-place form, no tensor

The reasons of "part" and "no" are below the tables. `tests/ops/test_forward_mode.py` runs the same checks.

| column | what is checked | {states} |
|---|---|{lines}|
{counts}
"""


def row_of(name: str) -> dict[str, Cell]:
    op = TABLE[name]
    subjects = subjects_of(op)
    return {column: cell_of(op, column, subjects) for column in COLUMNS}


def table(rows: Rows) -> str:
    """One line for each operation."""
    heads = " | ".join(c.head for c in COLUMNS.values())
    lines = [f"| operation | {heads} |", f"|---|{'---|' * len(COLUMNS)}"]
    lines += [f"| `{name}` | {' | '.join(cell.state for cell in row.values())} |" for name, row in rows.items()]
    return "\n".join(lines)


def counts(rows: Rows) -> str:
    """One line for each column: what it checks, and how many operations came out how."""
    lines = []
    for name, column in COLUMNS.items():
        found = Counter(row[name].state for row in rows.values())
        what = " ".join((column.run.__doc__ or "").split())
        kind = "" if column.samples == "all" else f" ({column.samples} samples)"
        lines.append(f"| {column.head} | {what.rstrip('.')}{kind} | {' | '.join(str(found[s]) for s in STATES)} |")
    return "\n".join(lines)


def reasons(rows: Rows, longest: int = LONGEST) -> str:
    """One line for each reason of an operation, with the columns that have it."""
    lines = []
    for name, row in rows.items():
        found: dict[str, list[str]] = {}
        for column, cell in row.items():
            if cell.reason:
                found.setdefault(cell.reason, []).append(COLUMNS[column].head)
        lines += [
            f"- `{name}`, {'; '.join(heads)}: {shortened(reason.removeprefix(f'{name}: '), longest)}"
            for reason, heads in found.items()
        ]
    return "\n".join(lines) or "None."


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} ..."


def page(rows: Rows) -> str:
    head = HEAD.format(states=" | ".join(STATES), lines="|".join(["---:"] * len(STATES)), counts=counts(rows))
    public = {n: row for n, row in rows.items() if n in PUBLIC}
    internal = {n: row for n, row in rows.items() if n not in PUBLIC}
    return "\n".join([
        head, "## Operations", "", table(public), "", "## Operations that only rules and composites call", "",
        table(internal), "", '## Reasons of "part" and "no"', "", reasons(rows), "",
    ])  # fmt: skip


def states_in(text: str) -> dict[str, list[str]]:
    """The cells of a page, for each operation in the order of the columns."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {name.strip("`"): cells for name, *cells in lines}


def main(names: Iterable[str]) -> None:
    chosen = list(names)
    if unknown := [n for n in chosen if n not in TABLE]:
        sys.exit(f"tests.derivatives: not in the table: {', '.join(unknown)}; give names as max_dim")
    rows = {name: row_of(name) for name in chosen or TABLE}
    if chosen:
        print(table(rows), reasons(rows, longest=10_000), sep="\n\n")
        return
    text = page(rows)
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
