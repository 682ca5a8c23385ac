# Wrong calls: the errors that the table promises, and bad arguments of every kind, which must raise, not crash.

from __future__ import annotations

import builtins

import pytest
from _bad import spoiled
from _calls import ERRORS, PUBLIC, arguments, cases_of, function, snapshot
from _rules.inputs import inputs_of
from _rules.numeric import text_of

import torchy

ENTRIES = [(name, number) for name, op in PUBLIC.items() for number in range(len(op.errors))]


@pytest.mark.parametrize(("name", "number"), ENTRIES, ids=[f"{name}-{number}" for name, number in ENTRIES])
def test_promised_error(name: str, number: int) -> None:
    op = PUBLIC[name]
    sample, kind, fragment = op.errors[number]
    args, kwargs = arguments(op, *inputs_of(sample))
    before = snapshot((args, kwargs))
    with pytest.raises(Exception) as caught:
        function(op)(*args, **kwargs)
    kinds = (RuntimeError, NotImplementedError) if kind == "RuntimeError" else (getattr(builtins, kind),)
    assert caught.type in kinds, f"{text_of(sample)}: {caught.value!r}"
    assert fragment in str(caught.value), text_of(sample)
    assert snapshot((args, kwargs)) == before


@pytest.mark.parametrize("name", PUBLIC)
def test_bad_arguments_raise_and_change_nothing(name: str) -> None:
    op = PUBLIC[name]
    call = function(op)
    problems, refused = [], 0
    for case in cases_of(op)[:1]:
        for args, kwargs in spoiled(case):
            watched = (args, {k: v for k, v in kwargs.items() if k != "out"})
            before = snapshot(watched)
            try:
                call(*args, **kwargs)
            except ERRORS as error:
                refused += 1
                if not str(error):
                    problems.append(f"{args} {kwargs}: {type(error).__name__} without a text")
            except ArithmeticError as error:  # of the argument that cannot be converted
                refused += 1
                assert str(error).startswith("no "), error
            if snapshot(watched) != before:
                problems.append(f"{args} {kwargs}: changed its inputs")
    assert not problems, "\n".join(problems)
    if not (op.forms == {"property"}):
        assert refused


@pytest.mark.parametrize("name", [n for n, op in PUBLIC.items() if "function" in op.forms])
def test_unknown_keywords_are_named(name: str) -> None:
    args, kwargs = cases_of(PUBLIC[name])[0].tensors()
    with pytest.raises(TypeError, match=r"nonsense|invalid combination of arguments"):
        function(PUBLIC[name])(*args, **kwargs, nonsense=torchy.zeros(1))
