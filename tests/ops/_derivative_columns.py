"""The columns of docs/derivatives.md: which samples each runs, and the cell that an operation gets by it. Tests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import _derivative_batches as batches
import _derivative_checks as checks
from _calls import ERRORS, PUBLIC, cases_of
from _derivatives import Subject, Wrong
from _gradcheck import WrongGradient

from optable.spec import Op


@dataclass(frozen=True)
class Column:
    """head: its title in the table. run: the checks of a sample. samples: real, complex or all of them.

    drawn: whether random operations have it, whose results move with nothing. any_op: whether operations without
    derivatives have it.
    """

    head: str
    run: Callable[[Subject], Iterator[Callable[[], None]]]
    samples: str = "all"
    drawn: bool = False
    any_op: bool = False


COLUMNS = {
    "reverse": Column("reverse", checks.reverse, "real", drawn=True),
    "forward": Column("forward", checks.forward, "real", drawn=True),
    "reverse_complex": Column("reverse, complex", checks.reverse, "complex", drawn=True),
    "forward_complex": Column("forward, complex", checks.forward, "complex", drawn=True),
    "in_place": Column("in place", checks.in_place, drawn=True),
    "on_views": Column("views", checks.on_views, drawn=True),
    "reverse_over_reverse": Column("rev. over rev.", checks.reverse_over_reverse),
    "forward_over_reverse": Column("forw. over rev.", checks.forward_over_reverse),
    "reverse_over_forward": Column("rev. over forw.", checks.reverse_over_forward),
    "forward_over_forward": Column("forw. over forw.", checks.forward_over_forward),
    "batched": Column("vmap", batches.batched, drawn=True, any_op=True),
    "batched_gradient": Column("vmap, reverse", batches.batched_gradient),
    "batched_tangent": Column("vmap, forward", batches.batched_tangent),
    "batched_second": Column("vmap, second", batches.batched_second),
}


@dataclass(frozen=True)
class Cell:
    """state: "yes", "no", "part" (some calls work, others raise) or "-". reason: what was wrong first."""

    state: str
    reason: str = ""


def subjects_of(op: Op) -> list[Subject]:
    """Every sample; and again with each complex input in turn real, where the operation takes that."""
    subjects = [Subject(case) for case in cases_of(op)]
    return subjects + [mixed for s in subjects for mixed in mixed_of(s)]


def mixed_of(s: Subject) -> Iterator[Subject]:
    if len(s.slots) < 2 or s.op.cname not in PUBLIC:
        return
    for i, position in enumerate(s.positions):
        if s.tensors[position].is_complex():
            mixed = Subject(s.case, real=i)
            try:
                mixed.call(mixed.tensors)
            except ERRORS:
                continue
            yield mixed


def applies(op: Op, column: Column, subject: Subject) -> bool:
    """Whether the table says that there is something to run."""
    if column.samples != "all" and subject.case.complex_run != (column.samples == "complex"):
        return False
    if op.family == "random" and not column.drawn:
        return False
    return column.any_op or bool(subject.slots) and has_derivative(op)


def has_derivative(op: Op) -> bool:
    return op.composite is not None or op.differentiable


def cell_of(op: Op, name: str, subjects: list[Subject]) -> Cell:
    """Run a column on all samples of an operation."""
    column, passed, failures, wrong = COLUMNS[name], 0, [], False
    for s in subjects:
        if not applies(op, column, s):
            continue
        try:
            if not column.any_op and not s.outputs:
                continue  # nothing that has a derivative comes out
            todo = list(column.run(s))
        except (*ERRORS, AssertionError) as error:
            failures.append(f"{s}: {described(error)}")
            continue
        for check in todo:
            try:
                check()
                passed += 1
            except (*ERRORS, AssertionError) as error:
                failures.append(f"{s}: {described(error)}")
                wrong |= isinstance(error, (Wrong, WrongGradient))
    if not failures:
        return Cell("yes" if passed else "-")
    return Cell("part" if passed and not wrong else "no", failures[0])


def described(error: BaseException) -> str:
    """In one line, without where in the tests it was raised."""
    text = re.sub(r" \(at [^()]*:\d+\)", "", " ".join(str(error).split()))
    return text if isinstance(error, (Wrong, WrongGradient)) else f"{type(error).__name__}: {text}"


# What is refused on purpose, and the words of the refusal.
SHAPES = "shape depends on the data"
REFUSED = {
    **dict.fromkeys(("_unique2", "unique_dim", "_unique_consecutive", "nonzero"), ("no", SHAPES)),
    **dict.fromkeys(("repeat_interleave", "repeat_indices"), ("no", SHAPES)),
    **dict.fromkeys(("repeat_interleave_self_tensor", "one_hot", "masked_select"), ("part", SHAPES)),
    **dict.fromkeys(("index", "index_backward", "index_put"), ("part", SHAPES)),
    "bernoulli_Tensor": ("part", "self has one value for all examples"),
    "resize": ("no", "of a batched tensor"),
}


def as_designed(op: Op, name: str, cell: Cell) -> bool:
    """Whether the cell is what it should be: all works, or is refused on purpose."""
    if name == "batched" and op.cname in REFUSED:
        state, words = REFUSED[op.cname]
        return cell.state == state and words in cell.reason
    return cell.state in ("yes", "-")
