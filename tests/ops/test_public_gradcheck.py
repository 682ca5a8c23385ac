"""The public gradcheck and gradgradcheck accept every operation of the table: backward, forward mode and under vmap."""

from __future__ import annotations

import pytest
from _calls import PUBLIC, Case, cases_of, tensor_of

from torchy.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck

CHECKED = [
    name for name, op in PUBLIC.items()
    if op.family != "random" and any(case.slots() for case in cases_of(op)) and (op.differentiable or op.composite)
]  # fmt: skip
FIRST = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}
SECOND = {"check_fwd_over_rev": True, "check_batched_grad": True}
SMALL = 24  # elements; the whole Jacobian of larger inputs takes long


def refused(case: Case, fast: bool) -> str | None:
    """What gradcheck or gradgradcheck says against a case."""
    inputs = [tensor_of(a).requires_grad_() for a in case.inputs()]
    try:
        assert gradcheck(case.as_function(), inputs, fast_mode=fast, **FIRST)
        assert gradgradcheck(case.as_function(), inputs, fast_mode=fast, **SECOND)
    except GradcheckError as error:
        return f"{case}: {error}"
    return None


@pytest.mark.parametrize("name", CHECKED)
def test_gradcheck_accepts_every_operation(name: str) -> None:
    cases = [case for case in cases_of(PUBLIC[name]) if case.slots()]
    small = [case for case in cases if sum(a.size for a in case.inputs()) <= SMALL]
    problems = [p for case in cases if (p := refused(case, fast=True))]
    problems += [p for case in small if (p := refused(case, fast=False))]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
