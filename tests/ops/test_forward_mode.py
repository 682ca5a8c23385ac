"""Forward mode, second derivatives and vmap of every operation of the table, by the columns of docs/derivatives.md."""

from __future__ import annotations

from typing import Any

import pytest
from _calls import TABLE, tensors_in
from _derivative_columns import COLUMNS, REFUSED, as_designed, cell_of, has_derivative, subjects_of
from _derivatives import Subject

import torchy
from tests import derivatives
from torchy.autograd import forward_ad
from torchy.func._batching._registry import RULES

OPS = [name for name, op in TABLE.items() if has_derivative(op)]
SECOND = ["reverse_over_reverse", "forward_over_reverse", "reverse_over_forward", "forward_over_forward"]
BATCHED = ["batched_gradient", "batched_tangent", "batched_second"]


def all_as_designed(name: str, *columns: str) -> None:
    op = TABLE[name]
    subjects = subjects_of(op)
    cells = {column: cell_of(op, column, subjects) for column in columns}
    problems = [f"{c}: {cell.state}: {cell.reason}" for c, cell in cells.items() if not as_designed(op, c, cell)]
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.mark.parametrize("name", OPS)
def test_tangents_match_differences_and_gradients(name: str) -> None:
    all_as_designed(name, "forward", "forward_complex")


@pytest.mark.parametrize("name", [n for n in OPS if "inplace" in TABLE[n].forms])
def test_in_place_form_gives_the_tangent_of_the_other_form(name: str) -> None:
    all_as_designed(name, "in_place")


@pytest.mark.parametrize("name", OPS)
def test_views_share_their_tangents_and_nothing_else_does(name: str) -> None:
    all_as_designed(name, "on_views")


@pytest.mark.parametrize("name", [n for n in OPS if TABLE[n].family != "random"])
def test_second_derivatives_agree_in_every_order_of_modes(name: str) -> None:
    all_as_designed(name, *SECOND)


@pytest.mark.parametrize("name", TABLE)
def test_vmap_gives_what_a_loop_gives(name: str) -> None:
    all_as_designed(name, "batched")


@pytest.mark.parametrize("name", [n for n in OPS if TABLE[n].family != "random"])
def test_vmap_of_derivatives_gives_what_a_loop_gives(name: str) -> None:
    all_as_designed(name, *BATCHED)


def with_duals(s: Subject) -> list[Any]:
    """The results for tangents on all that can have one."""
    full = [
        forward_ad.make_dual(t, torchy.ones_like(t)) if t.is_floating_point() or t.is_complex() else t
        for t in s.tensors
    ]
    return s.call(full)


WITHOUT = [
    n for n, op in TABLE.items()
    if not has_derivative(op) and any(p.is_tensor for p in op.params) and n != "resize"
]  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT)
def test_result_of_an_operation_without_derivative_has_no_tangent(name: str) -> None:
    for s in subjects_of(TABLE[name]):
        with forward_ad.dual_level():
            assert all(forward_ad.unpack_dual(t).tangent is None for t in tensors_in(with_duals(s))), str(s)


def test_tensor_with_a_tangent_is_not_resized() -> None:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(torchy.ones(2, 6), torchy.ones(2, 6)).clone()
        with pytest.raises(RuntimeError, match="forward grad"):
            x.resize_(3, 4)


@pytest.mark.parametrize("name", [n for n, op in TABLE.items() if op.nondiff_outputs])
def test_results_without_gradient_have_no_tangent(name: str) -> None:
    s = subjects_of(TABLE[name])[0]
    with forward_ad.dual_level():
        named = list(zip(TABLE[name].returns, with_duals(s), strict=True))
        without = [t for (_, n), r in named if n in TABLE[name].nondiff_outputs for t in tensors_in(r)]
        assert without and all(forward_ad.unpack_dual(t).tangent is None for t in without)


def test_every_refusal_is_of_an_operation_of_the_table() -> None:
    assert set(REFUSED) <= set(TABLE)


# ---- the page


def test_page_has_the_operations_and_columns_of_the_table() -> None:
    text = derivatives.PAGE.read_text(encoding="utf-8")
    cells = derivatives.states_in(text)
    assert sorted(cells) == sorted(TABLE), "docs/derivatives.md is not fresh; run `python -m tests.derivatives`"
    assert " | ".join(["| operation", *(c.head for c in COLUMNS.values())]) in text
    assert all(len(row) == len(COLUMNS) for row in cells.values())


def test_page_counts_its_rows() -> None:
    text = derivatives.PAGE.read_text(encoding="utf-8")
    cells = derivatives.states_in(text)
    for i, column in enumerate(COLUMNS.values()):
        found = [row[i] for row in cells.values()]
        counted = " | ".join(str(found.count(state)) for state in derivatives.STATES)
        assert any(
            line.startswith(f"| {column.head} | ") and line.endswith(f" | {counted} |") for line in text.splitlines()
        ), column.head


@pytest.mark.parametrize("name", list(TABLE)[::20])
def test_page_says_what_a_run_says(name: str) -> None:
    row = derivatives.states_in(derivatives.PAGE.read_text(encoding="utf-8"))[name]
    found = [cell.state for cell in derivatives.row_of(name).values()]
    assert row == found, "docs/derivatives.md is not fresh; run `python -m tests.derivatives`"


# ---- the checks themselves


def states(name: str, *columns: str) -> list[str]:
    return [cell_of(TABLE[name], column, subjects_of(TABLE[name])).state for column in columns]


def replaced(monkeypatch: pytest.MonkeyPatch, call: Any) -> None:
    monkeypatch.setattr(Subject, "call", lambda self, tensors: [call(*tensors)])


@pytest.mark.parametrize("wrong", [lambda x: x * x.detach(), lambda x: x.sin().detach() + 0 * x])
def test_lost_tangent_is_caught(monkeypatch: pytest.MonkeyPatch, wrong: Any) -> None:
    assert states("sin", "forward", "forward_complex") == ["yes", "yes"]
    replaced(monkeypatch, wrong)
    assert states("sin", "forward", "forward_complex") == ["no", "no"]


def test_in_place_form_that_loses_its_tangent_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "in_place", lambda self, tensors: tensors[0].copy_(tensors[0].detach().sin()))
    assert states("sin", "in_place") == ["no"]


def test_result_that_shares_its_tangent_with_an_input_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced(monkeypatch, lambda x: x if forward_ad.unpack_dual(x).tangent is not None else x.clone())
    assert states("positive", "on_views") == ["no"]


def test_view_with_a_tangent_of_its_own_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(x: torchy.Tensor) -> torchy.Tensor:
        tangent = forward_ad.unpack_dual(x).tangent
        return x.t() if tangent is None else forward_ad.make_dual(x.detach().t(), tangent.t().clone())

    replaced(monkeypatch, wrong)
    assert states("t", "on_views") == ["no"]


def test_wrong_second_derivative_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Subject.moved

    def wrong(self: Subject, *args: Any) -> Any:
        return [1.001 * a for a in right(self, *args)]

    monkeypatch.setattr(Subject, "moved", wrong)
    assert states("sin", *SECOND) == ["no"] * 4


def test_wrong_batching_rule_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert states("sin", "batched", *BATCHED) == ["yes"] * 4
    monkeypatch.setitem(RULES, "sin", lambda call: call.args[0].sin() * 1.001)
    assert states("sin", "batched", *BATCHED) == ["no"] * 4
    monkeypatch.setitem(RULES, "sin", lambda call: call.args[0].sin().detach())
    assert states("sin", "batched", *BATCHED) == ["yes", *["no"] * 3]


def test_call_that_raises_is_not_counted_as_working(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(call: Any) -> Any:
        raise RuntimeError("vmap: refused")

    monkeypatch.setitem(RULES, "sin", refuse)
    cell = cell_of(TABLE["sin"], "batched", subjects_of(TABLE["sin"]))
    assert cell.state == "no" and cell.reason.endswith("RuntimeError: vmap: refused")
