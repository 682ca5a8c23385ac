# The checks of rules are themselves checked: a small mistake put into any rule, composite or formula must
# be caught by the samples. Mistakes that change nothing are listed in equivalents.py.

from __future__ import annotations

import ast
import functools

import pytest
from _rules import language
from _rules.cases import Case, cases_of
from _rules.equivalents import EQUIVALENT
from _rules.mutants import Mutant, Unit, kinds_of, kinds_of_formula, mutants, reached, units_of
from _rules.numeric import flat

from optable import formulas
from optable.spec import TABLE

pytestmark = pytest.mark.usefixtures("quiet_numpy")
UNITS = {str(u): u for op in TABLE.values() for u in units_of(op)}
OPERATIONS = list(dict.fromkeys(u.op for u in UNITS.values()))


@functools.cache
def informative(name: str) -> list[Case]:
    """The cases of an operation, those likely to catch a mistake first."""

    def weight(case: Case) -> tuple[int, bool]:
        size = sum(v.numel for x in case.values.values() for v in flat(x) if isinstance(v, language.Value))
        return (min(size, 3), case.complex_run)

    return sorted(cases_of(name), key=weight, reverse=True)


def passes(unit: Unit, rule: object = None) -> bool:
    """Does every sample accept `rule` (by default the table's own) in place of the unit's?"""
    rule = unit.text if rule is None else rule  # a given rule is evaluated anew, with formulas as they are now
    for case in informative(unit.op):
        try:
            if unit.kind == "composite":
                case.check_composite(rule)
                case.check_composite_tangent(rule)
                case.check_composite_gradient(rule)
            elif unit.kind == "vjp":
                if unit.name in case.arguments:
                    case.check_vjp(unit.name, rule)
            else:
                jvp = case.op.jvp
                changed = {**jvp, unit.name: rule} if isinstance(jvp, dict) else rule
                for name in case.arguments:
                    case.check_jvp(name, changed)
        except Exception:
            return False
    return True


def survivors_of(unit: Unit) -> list[Mutant]:
    tree = ast.parse(unit.text, mode="eval")
    out = []
    for mutant in mutants(tree, kinds_of(TABLE[unit.op], unit.kind)):
        if passes(unit, language.compiled_tree(mutant.tree)):
            out.append(mutant)
    return out


def compare(where: str, survivors: list[Mutant]) -> None:
    """Survivors must be exactly the listed ones; a listed place stands for all changes in it."""
    listed = EQUIVALENT.get(where, {})
    used, unknown = set(), []
    for mutant in survivors:
        reasons = [key for key in (str(mutant), *(f"in {p}" for p in mutant.places())) if key in listed]
        used.update(reasons[:1])
        if not reasons:
            unknown.append(f"{where}: {mutant}")
    superfluous = [
        f"{where}: {key}: listed as equivalent, but every such change is caught" for key in set(listed) - used
    ]
    if unknown or superfluous:
        pytest.fail("\n".join(["not caught by any sample:", *unknown, *superfluous]), pytrace=False)


@pytest.mark.parametrize("name", OPERATIONS)
def test_rule_mutants_are_caught(name: str) -> None:
    for unit in units_of(TABLE[name]):
        compare(str(unit), survivors_of(unit))


@functools.cache
def users() -> dict[str, list[Unit]]:
    out: dict[str, list[Unit]] = {}
    for unit in UNITS.values():
        for name in reached(unit.text):
            out.setdefault(name, []).append(unit)
    return out


@pytest.mark.parametrize("name", list(formulas.SIGNATURES))
def test_formula_mutants_are_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    node = formulas.SIGNATURES[name]
    if name not in users():
        pytest.fail(f"formulas.{name}: nothing that samples can check uses it", pytrace=False)
    survivors = []
    for mutant in mutants(node, kinds_of_formula(node)):
        monkeypatch.setitem(language.NAMES, f"call_{name}", language.formula(mutant.tree))
        if all(passes(unit) for unit in users()[name]):
            survivors.append(mutant)
    compare(f"formulas.{name}", survivors)


def test_every_listed_mutant_belongs_to_a_rule() -> None:
    places = set(UNITS) | {f"formulas.{n}" for n in formulas.SIGNATURES}
    assert set(EQUIVALENT) <= places, f"equivalents.py lists {sorted(set(EQUIVALENT) - places)}"
    for where, listed in EQUIVALENT.items():
        assert listed and all(reason.strip() for reason in listed.values()), f"{where}: give a reason"


@pytest.mark.parametrize(
    ("name", "argument", "rule"),
    [
        ("mul", "self", "grad * other"),
        ("mul", "other", "grad * conj(other)"),
        ("div", "other", "grad * conj(self / other / other)"),
        ("exp", "self", "grad * result"),
        ("log", "self", "grad / self"),
        ("transpose", "self", "transpose(grad, dim0, dim0)"),
    ],
)
def test_a_wrong_rule_is_caught(name: str, argument: str, rule: str) -> None:
    unit = UNITS[f"{name}.vjp[{argument}]"]
    assert passes(unit)
    assert not passes(unit, rule)
