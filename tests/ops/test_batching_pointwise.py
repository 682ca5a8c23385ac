"""Batching rules of pointwise operations: which there are, and dtypes of batched 0-d tensors."""

from __future__ import annotations

import itertools

import pytest
from _batches import batched_call, difference, in_order, operand, outcome
from _calls import TABLE, cases_of

import torchy
from torchy.func._batching import (
    _pointwise,
    _rules,  # noqa: F401  fills the register
)
from torchy.func._batching._registry import RULES

OPS = {name: op for name, op in TABLE.items() if op.composite is None}


def test_pointwise_lists_name_every_elementwise_operation() -> None:
    listed = {*_pointwise.ONE_TENSOR, *_pointwise.NOT_PROMOTING, *_pointwise.PROMOTING, "masked_fill", "glu_half"}
    assert listed == {name for name, op in OPS.items() if op.family in ("pointwise", "activation")}


def test_pointwise_lists_tell_operations_of_one_tensor_from_those_of_several() -> None:
    several = {*_pointwise.NOT_PROMOTING, *_pointwise.PROMOTING}
    for name in {*_pointwise.ONE_TENSOR, *several}:
        assert (sum(p.is_tensor for p in OPS[name].params) > 1) == (name in several), name


KINDS = [(d, n) for d in ("bool", "int32", "int64", "float16", "float32", "float64", "complex64") for n in (0, 1)]


@pytest.mark.parametrize("name", [*_pointwise.PROMOTING, *_pointwise.NOT_PROMOTING, "masked_fill"])
def test_batched_scalars_promote_as_unbatched_ones(name: str) -> None:
    op = OPS[name]
    sample = in_order(op, *cases_of(op)[0].tensors())
    places = [i for i, p in enumerate(op.params) if p.is_tensor]
    masks = [i for i in places if op.params[i].name in ("condition", "mask")]
    places = [i for i in places if i not in masks]
    problems, agreed = [], 0
    for kinds in itertools.product(KINDS, repeat=2):
        args = list(sample)
        for i, kind in zip(places, itertools.cycle(kinds)):
            args[i] = operand(*kind)
        for i in masks:
            args[i] = torchy.tensor(True)
        slots = [(i, None) for i in places]
        for some in ([slots[0]], [slots[1]], slots):
            call = batched_call(op, args, some, 2)
            text = difference(call)
            if text:
                problems.append(text)
            agreed += not isinstance(outcome(RULES[name], call), Exception)
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems[:8])
    assert agreed


@pytest.mark.parametrize("dtypes", list(itertools.permutations(("float16", "float64", "int32"))))
def test_three_operands_promote_as_in_a_loop(dtypes: tuple[str, str, str]) -> None:
    for ndims in itertools.product((0, 1), repeat=3):
        args = [operand(d, n) for d, n in zip(dtypes, ndims, strict=True)]
        for slots in ([(0, None)], [(1, None)], [(2, None)], [(0, None), (2, None)], [(0, None), (1, None), (2, None)]):
            call = batched_call(OPS["addcmul"], [*args, 1], slots, 2)
            assert not (text := difference(call)), text


def test_number_made_a_tensor_counts_for_less_than_a_batched_scalar() -> None:
    number = torchy._C._call_op("mul", (2.0, 3.0))  # of two numbers, as derivative rules make them
    call = batched_call(OPS["add"], [operand("float16", 0), number], [(0, None)], 2)
    assert number.dtype == torchy.float64 and RULES["add"](call).dtype == torchy.float16
    assert not (text := difference(call)), text
