"""Batches of examples made of the table's samples, and what a loop over the examples gives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from _calls import DTYPES, ERRORS, Case, arguments, cases_of, leaves, numeric, tensors_in
from _rules.inputs import inputs_of

import torchy
from optable.spec import Op
from torchy import Tensor
from torchy.func._batching._registry import RULES, Call

Slot = tuple[int, "int | None"]  # number of the argument; in a list of tensors also the position in it
TOLERANCE = {"float16": 1e-2, "bfloat16": 5e-2, "float32": 1e-4, "complex64": 1e-4}


def in_order(op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """All arguments in the order of the schema, defaults too."""
    given = dict(zip((p.name for p in op.params), args, strict=False)) | kwargs
    return [given.get(p.name, p.default) for p in op.params]


def slots_of(args: Sequence[Any]) -> list[Slot]:
    """Where the tensors are."""
    out: list[Slot] = []
    for i, a in enumerate(args):
        if isinstance(a, Tensor):
            out.append((i, None))
        elif isinstance(a, (list, tuple)):
            out += [(i, k) for k, x in enumerate(a) if isinstance(x, Tensor)]
    return out


def other_example(t: Tensor, i: int) -> Tensor:
    """Other values that suit the operation too: the same ones in another order; a single number a bit smaller."""
    if i == 0 or t.numel() == 0:
        return t.clone()
    if t.numel() == 1 and (t.is_floating_point() or t.is_complex()):
        return t * (1 - 0.07 * i)
    if t.numel() == 1 and t.dtype != torchy.bool:
        return t.clamp(max=1) if i == 1 else t.clone()
    return t.reshape(-1).roll(i).reshape(t.shape)


def operand(dtype: str, ndim: int) -> Tensor:
    """1, or (1, 2): within every operation's domain."""
    return torchy.tensor([1, 2] if ndim else 1).to(DTYPES[dtype])


def batched_call(op: Op, args: Sequence[Any], batched: Sequence[Slot], size: int) -> Call:
    """The call with the tensors at `batched` as batches of `size` examples."""
    new, marks = list(args), [[False] * len(a) if isinstance(a, (list, tuple)) else False for a in args]
    for i, k in batched:
        t = args[i] if k is None else args[i][k]
        batch = torchy.stack([other_example(t, n) for n in range(size)])
        if k is None:
            new[i], marks[i] = batch, True
        else:
            new[i] = [*new[i][:k], batch, *new[i][k + 1 :]]
            marks[i][k] = True
    return Call(op.cname, size, new, marks, randomness="different")


def calls_of(op: Op, case: Case) -> Iterator[Call]:
    """Three examples and one, of all tensors; three of each tensor alone, and of each two."""
    args = in_order(op, *case.tensors())
    slots = slots_of(args)
    yield batched_call(op, args, slots, 3)
    if not slots:  # of numbers only: a rule that there is draws a batch of random numbers
        return
    yield batched_call(op, args, slots, 1)
    for n in (1, 2):
        if len(slots) > n:
            for some in itertools.combinations(slots, n):
                yield batched_call(op, args, some, 3)


def all_calls(op: Op) -> Iterator[Call]:
    for case in cases_of(op):
        yield from calls_of(op, case)


def error_calls(op: Op) -> Iterator[Call]:
    """The wrong calls that the table describes, all tensors batched."""
    for sample, _, _ in op.errors:
        args = in_order(op, *arguments(op, *inputs_of(sample)))
        if slots := slots_of(args):
            yield batched_call(op, args, slots, 2)


def described(call: Call) -> str:
    def text(a: Any, batched: Any) -> str:
        if isinstance(a, Tensor):
            return f"{'batch of ' if batched else ''}{tuple(a.shape[1:] if batched else a.shape)} {a.dtype}"
        if isinstance(a, list) and isinstance(batched, list):
            return f"[{', '.join(text(x, b) for x, b in zip(a, batched, strict=True))}]"
        return repr(a)

    parts = [text(a, b) for a, b in zip(call.args, call.batched, strict=True)]
    return f"{call.name}({', '.join(parts)}), {call.size} examples"


def outcome(f: Any, call: Call) -> Any:
    """The result, or the error that was raised."""
    try:
        return f(call)
    except ERRORS as error:
        return error


def difference(call: Call, values: bool = True, which_error: bool = True) -> str | None:
    """What is wrong with the rule's result, or its error, against the loop's; None if nothing.

    values=False compares shapes and dtypes only; which_error=False accepts another error where the loop raises one.
    """
    want, got = outcome(looped, call), outcome(RULES[call.name], call)
    if isinstance(want, Exception) or isinstance(got, Exception):
        both = isinstance(want, Exception) and isinstance(got, Exception)
        if type(want) is type(got) or both and not which_error:
            return None
        return f"{described(call)}: {got!r} instead of {want!r}"
    a, b = leaves(got), leaves(want)
    if len(a) != len(b):
        return f"{described(call)}: {len(a)} results instead of {len(b)}"
    problem = next((p for x, y in zip(a, b, strict=True) if (p := unequal(x, y, values))), None)
    return f"{described(call)}: {problem}" if problem else None


def looped(call: Call) -> Any:
    """A call per example, its tensors with memory of their own; results that are no tensors once."""
    results = [call.run(*example(call.args, call.batched, i)) for i in range(call.size)]
    if isinstance(results[0], Tensor):
        return torchy.stack(results)
    if not tensors_in(results[0]):
        assert all(r == results[0] for r in results), f"{described(call)}: {results}"
        return results[0]
    return [torchy.stack(list(part)) for part in zip(*results, strict=True)]


def example(args: Sequence[Any], batched: Sequence[Any], i: int) -> list[Any]:
    return [
        example(a, b, i) if isinstance(b, list) else a.select(0, i).clone() if b else a
        for a, b in zip(args, batched, strict=True)
    ]


def unequal(got: Any, want: Any, values: bool) -> str | None:
    if not isinstance(want, Tensor) or not isinstance(got, Tensor):
        return None if got == want else f"{got!r} instead of {want!r}"
    if got.dtype != want.dtype or got.shape != want.shape:
        return f"{got.dtype} {tuple(got.shape)} instead of {want.dtype} {tuple(want.shape)}"
    tolerance = TOLERANCE.get(str(want.dtype).removeprefix("torch."), 1e-10)
    if not values or np.allclose(numeric(got), numeric(want), tolerance, tolerance, equal_nan=True):
        return None
    return f"\n{got}\ninstead of\n{want}"
