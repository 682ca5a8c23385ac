# Every derivative rule, evaluated over NumPy, against central differences of the operation's reference:
# vjp, jvp, each against the other, second derivatives, and composites against their references.

from __future__ import annotations

from collections.abc import Callable

import pytest
from _rules.cases import Case, cases_of, pairs_of, rules
from _rules.language import Value
from _rules.numeric import Wrong, flat

from optable.spec import TABLE

pytestmark = pytest.mark.usefixtures("quiet_numpy")
DIFFERENTIABLE = [name for name, op in TABLE.items() if op.differentiable]
COMPOSITES = [name for name, op in TABLE.items() if op.composite is not None and op.samples and op.ref]


def every(name: str, check: Callable[[Case, str], None]) -> None:
    """Run a check on all cases; one report of all that failed."""
    failures = []
    for case, argument in pairs_of(name):
        try:
            check(case, argument)
        except Wrong as error:
            failures.append(str(error))
        except Exception as error:
            failures.append(f"{case}: {argument}: {type(error).__name__}: {error}")
    if failures:
        pytest.fail("\n".join(failures), pytrace=False)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_samples_differentiate_every_argument(name: str) -> None:
    op = TABLE[name]
    seen = {False: set(), True: set()}
    for case, argument in pairs_of(name):
        if any(v.numel for v in flat(case.values[argument]) if isinstance(v, Value)):
            seen[case.is_complex].add(argument)
    everything = seen[False] | seen[True]
    assert everything == set(rules(op)), f"{name}: no sample differentiates {sorted(set(rules(op)) - everything)}"
    missing = set(rules(op)) - seen[True] if op.complex != "no" else set()
    assert not missing, f"{name}: complex={op.complex!r}, but no complex sample differentiates {sorted(missing)}"


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_vjp_matches_central_differences(name: str) -> None:
    every(name, Case.check_vjp)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_jvp_matches_central_differences(name: str) -> None:
    every(name, Case.check_jvp)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_vjp_and_jvp_are_adjoint(name: str) -> None:
    every(name, Case.check_adjoint)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_derivative_matches_central_differences(name: str) -> None:
    every(name, Case.check_second_order)


@pytest.mark.parametrize("name", COMPOSITES)
def test_composite_equals_its_reference_and_so_do_its_derivatives(name: str) -> None:
    for case in cases_of(name):
        case.check_composite()
        case.check_composite_tangent()
        case.check_composite_gradient()
