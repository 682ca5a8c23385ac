# The table itself: it loads, says no to wrong entries, and every entry has what tests and documents need.

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _rules.inputs import arrays_in
from _rules.references import NoReference, helper, reference

from optable import formulas, spec
from optable.samples import Arr, Call, arr, call
from optable.spec import LINEAR, NONDIFF, TABLE, Op, Param, SpecError, load_all, op

load_all()
ROOT = Path(spec.__file__).resolve().parents[1]
RETURNS = {"Tensor", "Tensor[]", "bool", "int", "Scalar"}
ERRORS = {"RuntimeError", "IndexError", "TypeError", "ValueError", "NotImplementedError"}
NAMES = list(TABLE)
UNARY = "broken(Tensor self) -> Tensor"
BINARY = "broken(Tensor self, Tensor other) -> Tensor"
GOOD: dict[str, Any] = {"doc": "A good entry.", "kernel": "broken", "vjp": {"self": "grad"}, "jvp": LINEAR}

# (schema, what differs from GOOD, the text of the error)
BROKEN = [
    ("broken Tensor self -> Tensor", {}, "expected 'name(Type arg, ...) -> Type'"),
    ("broken(Tensor self)", {}, "expected 'name(Type arg, ...) -> Type'"),
    ("broken(Tensr self) -> Tensor", {}, "parameter 'Tensr self': expected 'Type name[=default]'"),
    ("broken(self) -> Tensor", {}, "parameter 'self': expected 'Type name[=default]'"),
    (UNARY, {"kernel": None}, "broken: give exactly one of pointwise=, kernel=, composite="),
    (UNARY, {"pointwise": "neg", "promote": "none"}, "broken: give exactly one of"),
    (UNARY, {"forms": "function metod"}, "broken: unknown forms ['metod']"),
    (UNARY, {"complex": "yes"}, "broken: complex='yes'; one of ['custom', 'holomorphic', 'no']"),
    (UNARY, {"doc": " "}, "broken: needs doc="),
    (UNARY, {"kernel": None, "pointwise": "neg"}, "a pointwise operation needs promote="),
    (UNARY, {"kernel": None, "pointwise": "neg", "promote": "up"}, "a pointwise operation needs promote="),
    (UNARY, {"kernel": None, "composite": "neg(self)"}, "broken: a composite has no rules of its own"),
    (UNARY, {"kernel": None, "composite": "neg(self", "vjp": None, "jvp": None}, "is not a Python expression"),
    (UNARY, {"vjp": None}, "broken: no vjp for ['self']; write a rule or NONDIFF"),
    (BINARY, {}, "broken: no vjp for ['other']; write a rule or NONDIFF"),
    (UNARY, {"vjp": {"self": "grad", "dim": "grad"}}, "broken: vjp for ['dim'], which are not Tensor arguments"),
    (UNARY, {"jvp": None}, "broken: differentiable, so it needs jvp="),
    (UNARY, {"vjp": {"self": "grad *"}}, "broken: rule 'grad *' is not a Python expression"),
    (UNARY, {"vjp": {"self": "grad * other"}}, "broken: the rule for self reads ['other'], which it cannot see"),
    (UNARY, {"vjp": {"self": "grad * self_t"}}, "the rule for self reads ['self_t']"),
    (UNARY, {"jvp": "self_t *"}, "broken: rule 'self_t *' is not a Python expression"),
    (UNARY, {"jvp": "other_t"}, "broken: the jvp rule reads ['other_t'], which it cannot see"),
    (UNARY, {"jvp": "LINEER"}, "broken: the jvp rule reads ['LINEER']"),
    (UNARY, {"jvp": {"result": "other"}}, "broken: the jvp rule reads ['other']"),
    ("add(Tensor self) -> Tensor", {}, "add: declared twice"),
]  # fmt: skip


@pytest.fixture
def table() -> Iterator[dict[str, Op]]:
    """The table, put back afterwards."""
    before = dict(TABLE)
    yield TABLE
    TABLE.clear()
    TABLE.update(before)


@pytest.mark.parametrize(
    ("schema", "changes", "text"), BROKEN, ids=[f"{i}-{t[:30]}" for i, (_, _, t) in enumerate(BROKEN)]
)
def test_wrong_entry_is_rejected(table: dict[str, Op], schema: str, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(SpecError, match=re.escape(text)):
        op(schema, **{**GOOD, **changes})


def test_good_entry_is_accepted(table: dict[str, Op]) -> None:
    entry = op(UNARY, **GOOD)
    assert table["broken"] is entry
    assert entry.differentiable
    assert entry.sign == "broken" and entry.node == "Broken"


def test_rule_calling_an_unknown_function_is_rejected(table: dict[str, Op], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "FAMILIES", [])
    op(UNARY, **{**GOOD, "vjp": {"self": "nowhere(grad)"}, "samples": [call(arr(2))]})
    with pytest.raises(SpecError, match=r"broken: rule 'nowhere\(grad\)' calls \['nowhere'\], not in the table"):
        load_all()


def test_differentiable_operation_without_samples_is_rejected(
    table: dict[str, Op], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spec, "FAMILIES", [])
    op(UNARY, **GOOD)
    with pytest.raises(SpecError, match="broken: differentiable, so it needs samples="):
        load_all()


def test_schema_is_split_into_its_parts() -> None:
    name, overload, params, returns = spec.parse_schema(
        "top.k(Tensor self, int[] k=[1, 2], *, bool largest=True, str? mode=None) -> (Tensor values, Tensor indices)"
    )
    assert (name, overload) == ("top", "k")
    assert params == [
        Param("self", "Tensor"),
        Param("k", "int[]", [1, 2], True),
        Param("largest", "bool", True, True, True),
        Param("mode", "str?", None, True, True),
    ]
    assert returns == [("Tensor", "values"), ("Tensor", "indices")]


def test_names_and_calls_of_an_expression() -> None:
    assert spec.names_in("grad * conj(self.shape[dim])") == {"grad", "self", "dim"}
    assert spec.calls_in("f(g(x), k=h(y))") == {"f", "g", "h"}


def test_every_family_has_operations_and_every_file_is_loaded() -> None:
    assert {o.family for o in TABLE.values()} == set(spec.FAMILIES)
    files = {p.stem for p in (ROOT / "optable").glob("*.py")} - {"__init__"}
    assert {f for f in files if f"optable.{f}" not in sys.modules} == set()


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_complete(name: str) -> None:
    entry = TABLE[name]
    assert name == entry.cname and name.isidentifier()
    assert re.search(r"[.?!]$", entry.doc.strip()), f"{name}: doc={entry.doc!r} is not a sentence"
    assert len(entry.doc.split()) > 1 or "`" in entry.doc, f"{name}: doc={entry.doc!r} says too little"
    names = [p.name for p in entry.params] + [n for _, n in entry.returns]
    assert len(names) == len(set(names)), f"{name}: a parameter or result name is used twice"
    assert {t for t, _ in entry.returns} <= RETURNS, f"{name}: returns {entry.returns}; allowed are {sorted(RETURNS)}"
    assert set(entry.nondiff_outputs) <= {n for _, n in entry.returns}, f"{name}: nondiff_outputs= names no result"
    assert "inplace" not in entry.forms or entry.params[0].is_tensor, f"{name}: in place of what?"
    if entry.differentiable:
        assert entry.jvp is not None and entry.samples and entry.ref
        if isinstance(entry.jvp, dict):
            expected = {n for _, n in entry.returns} - set(entry.nondiff_outputs)
            assert set(entry.jvp) == expected, f"{name}: jvp= must have a rule for each of {sorted(expected)}"
    if entry.ref or entry.differentiable or name in called_by_rules():
        assert callable(reference(entry))
    if entry.view:
        assert entry.params[0].name == "self", f"{name}: a view needs a base named self"


def called_by_rules() -> set[str]:
    """Operations that rules, composites and formulas call: the interpreter needs their references."""
    if not _called:
        for entry in TABLE.values():
            texts = [r for r in entry.vjp.values() if r != NONDIFF] + [entry.composite or "0"]
            jvps = list(entry.jvp.values()) if isinstance(entry.jvp, dict) else [entry.jvp or "0"]
            for text in [*texts, *jvps]:
                _called.update(spec.calls_in(text))
        for node in formulas.SIGNATURES.values():
            _called.update(
                n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
            )
        _called.intersection_update(n for n, o in TABLE.items() if o.composite is None)
    return _called


_called: set[str] = set()


def test_native_helpers_have_numpy_twins() -> None:
    missing = []
    for name in sorted(formulas.NATIVE_HELPERS - {"min", "max"}):
        try:
            helper(name)
        except NoReference:
            missing.append(name)
    assert not missing, f"tests/reference defines no twin of {missing}"


# ---- samples and errors are calls of the schema

PLAIN: dict[str, tuple[type, ...]] = {
    "Scalar": (int, float, complex, bool), "int": (int,), "float": (int, float), "bool": (bool,), "str": (str,),
    "dtype": (str,), "Operand": (int, float, complex, bool, Arr), "Tensor": (Arr,),
}  # fmt: skip


def fits(p: Param, value: Any) -> bool:
    """Can this sample value be passed for the parameter?"""
    if p.type.endswith("?") and value is None:
        return True
    base = p.type.removesuffix("?")
    if base == "Generator":
        return False
    if base in ("int[]", "Tensor[]", "Tensor?[]"):
        inner = (int,) if base == "int[]" else (Arr,)
        extra = (type(None),) if base == "Tensor?[]" else ()
        whole = isinstance(value, int) if base == "int[]" else False
        return whole or isinstance(value, (list, tuple)) and all(isinstance(v, inner + extra) for v in value)
    return isinstance(value, PLAIN[base]) and (base == "bool" or not isinstance(value, bool) or bool in PLAIN[base])


def misfit(entry: Op, sample: Call) -> str | None:
    """Why a sample is not a call of the schema; None if it is one."""
    positional = [p for p in entry.params if not p.kwonly]
    if len(sample.args) > len(positional):
        return f"{len(sample.args)} positional arguments for {len(positional)}"
    given = {p.name: v for p, v in zip(positional, sample.args, strict=False)}
    for name, value in sample.kwargs.items():
        if name in given or all(p.name != name for p in entry.params):
            return f"keyword {name!r}"
        given[name] = value
    for p in entry.params:
        if p.name not in given and not p.has_default:
            return f"misses {p.name!r}"
        if p.name in given and not fits(p, given[p.name]):
            return f"{given[p.name]!r} for {p.type} {p.name}"
    return None


@pytest.mark.parametrize("name", NAMES)
def test_samples_and_errors_are_calls_of_the_schema(name: str) -> None:
    entry = TABLE[name]
    for sample in entry.samples:
        assert isinstance(sample, Call), f"{name}: sample {sample!r} is not call(...)"
        assert (why := misfit(entry, sample)) is None, f"{name}: sample {sample}: {why}"
        for a in [a for v in [*sample.args, *sample.kwargs.values()] for a in arrays_in(v)]:
            assert a.lo <= a.hi and a.away >= 0, f"{name}: {a}"
    for item in entry.errors:
        assert isinstance(item, tuple) and len(item) == 3, f"{name}: errors= holds (call, type, text), not {item!r}"
        wrong, kind, text = item
        assert isinstance(wrong, Call), f"{name}: {wrong!r} is not call(...)"
        assert kind in ERRORS and issubclass(getattr(builtins, kind), Exception), f"{name}: error type {kind!r}"
        assert isinstance(text, str) and text.strip(), f"{name}: an error needs a text fragment"
        if kind != "TypeError":
            assert (why := misfit(entry, wrong)) is None, f"{name}: error {wrong}: {why}"


@pytest.mark.parametrize("name", list(formulas.SIGNATURES))
def test_formula_is_documented_and_calls_known_names(name: str) -> None:
    node = formulas.SIGNATURES[name]
    assert ast.get_docstring(node), f"formulas.{name}: needs a docstring"
    assert node.returns is not None and all(a.annotation for a in node.args.args), f"formulas.{name}: annotate it"
    known = set(TABLE) | set(formulas.SIGNATURES) | formulas.NATIVE_HELPERS | {"len", "int", "float", "range"}
    calls = {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert calls <= known, f"formulas.{name}: calls {sorted(calls - known)}, which nothing defines"
