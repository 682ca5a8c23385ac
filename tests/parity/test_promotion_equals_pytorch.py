"""Type promotion: every pair of dtypes, as dimensioned tensor, 0-d tensor and Python number, beside PyTorch."""

from __future__ import annotations

import itertools
import warnings

import pytest

import torchy

pytorch = pytest.importorskip("torch")

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
          "complex64", "complex128"]  # fmt: skip
NUMBERS = {"bool": True, "int": 1, "float": 1.5, "complex": 1 + 2j}
KINDS = ["dim", "0-d"]
OPERATIONS = {
    "add": lambda T, a, b: a + b,
    "mul": lambda T, a, b: a * b,
    "div": lambda T, a, b: a / b,
    "sub": lambda T, a, b: a - b,
    "floordiv": lambda T, a, b: a // b,
    "mod": lambda T, a, b: a % b,
    "pow": lambda T, a, b: a**b,
    "lt": lambda T, a, b: a < b,
    "eq": lambda T, a, b: a == b,
    "maximum": lambda T, a, b: T.maximum(a, b),
    "atan2": lambda T, a, b: T.atan2(a, b),
    "bitwise_and": lambda T, a, b: a & b,
    "logical_or": lambda T, a, b: T.logical_or(a, b),
    "where": lambda T, a, b: T.where(T.tensor([True, False]), a, b),
    "result_type": lambda T, a, b: T.result_type(a, b),
}
TENSORS_ONLY = {"maximum", "atan2", "logical_or"}


def is_complex32(specs):
    """float16 that a weaker complex operand makes complex32 in PyTorch, a dtype that torchy does not have: complex64."""
    strong, weak = sorted(specs, key=lambda s: ("dim", "0-d", "number").index(s[0]))
    return strong[1] == "float16" and "complex" in weak[1] and strong[0] != weak[0]


def operand(module, spec):
    kind, dtype = spec
    if kind == "number":
        return NUMBERS[dtype]
    t = module.ones(2) if kind == "dim" else module.ones(())
    return t.to(getattr(module, dtype))


def outcome(module, op, specs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            r = OPERATIONS[op](module, *(operand(module, s) for s in specs))
        except Exception as error:
            return type(error).__name__, None
    if not hasattr(r, "dtype"):
        return str(r).split(".")[-1], None
    return str(r.dtype).split(".")[-1], r.tolist()


OPERANDS = [(k, d) for k in KINDS for d in DTYPES] + [("number", n) for n in NUMBERS]


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_pair_of_operands_gives_the_dtype_and_values_of_pytorch(op):
    wrong = []
    for specs in itertools.product(OPERANDS, OPERANDS):
        if all(k == "number" for k, _ in specs) or (op in TENSORS_ONLY and any(k == "number" for k, _ in specs)):
            continue
        theirs, values = outcome(pytorch, op, specs)
        ours, our_values = outcome(torchy, op, specs)
        if theirs == "NotImplementedError":
            continue  # PyTorch has no kernel: torchy may have one
        if theirs == "RuntimeError" and ours == "NotImplementedError":
            continue  # caught wherever a RuntimeError is
        if is_complex32(specs):
            assert ours in ("complex64", "bool", "NotImplementedError", "RuntimeError"), (specs, ours)
        elif ours != theirs or (values is not None and not _close(values, our_values)):
            wrong.append((specs, f"PyTorch {theirs} {values}", f"torchy {ours} {our_values}"))
    assert not wrong, f"{len(wrong)} differ, first {wrong[:8]}"


def _close(a, b):
    a, b = (x if isinstance(x, list) else [x] for x in (a, b))
    return all(x == y or abs(x - y) <= 1e-2 * abs(x) or (x != x and y != y) for x, y in zip(a, b))


def test_promote_types_and_can_cast_of_every_pair():
    for a, b in itertools.product(DTYPES, DTYPES):
        ours = torchy.promote_types(getattr(torchy, a), getattr(torchy, b))
        assert str(ours) == str(pytorch.promote_types(getattr(pytorch, a), getattr(pytorch, b))), (a, b)
        ours = torchy.can_cast(getattr(torchy, a), getattr(torchy, b))
        assert ours == pytorch.can_cast(getattr(pytorch, a), getattr(pytorch, b)), (a, b)


@pytest.mark.parametrize("op", ["add_", "mul_", "div_", "copy_", "pow_", "eq_"])
def test_in_place_forms_keep_the_dtype_or_refuse(op):
    wrong = []
    for a, (kind, b) in itertools.product(DTYPES, OPERANDS):
        if op == "copy_" and kind == "number":
            continue
        got = []
        for module in (pytorch, torchy):
            x = operand(module, ("dim", a))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    getattr(x, op)(operand(module, (kind, b)))
                    got.append((str(x.dtype), x.tolist()))
                except Exception as error:
                    got.append((type(error).__name__, None))
        (theirs, values), (ours, our_values) = got
        if theirs == "NotImplementedError":
            continue  # PyTorch has no kernel: torchy may have one
        if theirs != ours or (values is not None and not _close(values, our_values)):
            wrong.append((a, kind, b, got))
    assert not wrong, f"{len(wrong)} differ, first {wrong[:8]}"


def test_cat_and_stack_promote():
    for (k, a), (j, b) in itertools.product([("dim", d) for d in DTYPES], repeat=2):
        for name in ("cat", "stack"):
            ours = getattr(torchy, name)([operand(torchy, (k, a)), operand(torchy, (j, b))])
            theirs = getattr(pytorch, name)([operand(pytorch, (k, a)), operand(pytorch, (j, b))])
            assert str(ours.dtype) == str(theirs.dtype), (name, a, b)


@pytest.mark.parametrize("default", ["float32", "float64"])
def test_numbers_follow_the_default_dtype(default):
    found = []
    for module in (pytorch, torchy):
        module.set_default_dtype(getattr(module, default))
        try:
            i = module.ones(2, dtype=module.int64)
            results = [i + 1.5, i / 2, i * 2j, i.sqrt(), module.tensor(1.5), module.ones(1), i.to(module.float16) + 1.5,
                       module.full((1,), 2.5), module.arange(3.0), module.tensor(1j), i**0.5]  # fmt: skip
            found.append([str(r.dtype) for r in results])
        finally:
            module.set_default_dtype(module.float32)
    assert found[0] == found[1]


@pytest.mark.parametrize("target", DTYPES)
def test_casts_of_special_values(target):
    import numpy as np

    values = [0.0, -0.0, 1.9, -1.9, 100.0, 255.0]
    for source in ("float32", "float64", "float16", "bfloat16"):
        ours = torchy.tensor(values, dtype=getattr(torchy, source)).abs().to(getattr(torchy, target))
        theirs = pytorch.tensor(values, dtype=getattr(pytorch, source)).abs().to(getattr(pytorch, target))
        if target == "int8":
            ours, theirs = ours[:5], theirs[:5]  # 255 does not fit: undefined in C
        np.testing.assert_array_equal(np.array(ours.tolist()), np.array(theirs.tolist()))
