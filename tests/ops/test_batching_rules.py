"""Every batching rule against a loop over the examples, on the samples of the table.

A rule is tested by being registered.
"""

from __future__ import annotations

import pytest
from _batches import all_calls, batched_call, difference, error_calls, in_order, outcome, slots_of
from _calls import TABLE, cases_of

import torchy
from torchy.func._batching import _pointwise, _reduce, _rules  # noqa: F401  the last fills the register
from torchy.func._batching._loop import loop
from torchy.func._batching._registry import RULES, Call, rule

OPS = {name: op for name, op in TABLE.items() if op.composite is None}
TENSORLESS = {name for name, op in OPS.items() if not any(p.is_tensor for p in op.params)}
WITHOUT_RULE: dict[str, str] = {name: "it has no tensor that could be batched" for name in TENSORLESS}
# Their results' shapes depend on the values; their rules say so.
DATA_DEPENDENT = {"_unique2", "unique_dim", "_unique_consecutive", "nonzero"}
# What is refused for some arguments only: a size that is not given, a batch of masks, draws into what all share.
REFUSED = {
    **dict.fromkeys(
        ("repeat_indices", "one_hot", "masked_select", "index", "index_put", "index_backward"),
        "shape depends on the data",
    ),
    **{name: "inplace randomness on an unbatched tensor" for name, op in OPS.items() if op.family == "random"},
}
# One call per example: their counts have no form for several rows.
LOOPED = {"bincount", "histc"}
RULED = [name for name in OPS if name in RULES and name not in DATA_DEPENDENT]


def refused(call: Call) -> bool:
    return call.name in REFUSED and REFUSED[call.name] in str(outcome(RULES[call.name], call))


@pytest.mark.parametrize("name", RULED)
def test_rule_gives_what_a_loop_gives(name: str) -> None:
    op = OPS[name]
    defined = op.family != "random" and not name.startswith(("empty", "new_empty"))
    calls = [call for call in all_calls(op) if not refused(call)]
    problems = [text for call in calls if (text := difference(call, values=defined))]
    assert calls, "every call is refused"
    assert not problems, "\n".join(problems[:5])


@pytest.mark.parametrize("name", [n for n in RULED if OPS[n].errors])
def test_wrong_call_raises_what_a_loop_raises(name: str) -> None:
    problems = [text for call in error_calls(OPS[name]) if (text := difference(call))]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", sorted(DATA_DEPENDENT & set(OPS)))
def test_shape_that_depends_on_the_data_is_refused(name: str) -> None:
    for call in all_calls(OPS[name]):
        with pytest.raises(RuntimeError, match=f"^vmap: {name} has a result whose shape depends on the data"):
            RULES[name](call)


def test_every_operation_has_a_rule_or_a_reason() -> None:
    missing = set(OPS) - set(RULES)
    assert missing <= set(WITHOUT_RULE), f"without a rule: {sorted(missing - set(WITHOUT_RULE))}"


def test_every_rule_is_of_an_operation_that_does_not_decompose() -> None:
    out_of_place = {name for name in RULES if not name.endswith("_")}
    assert out_of_place <= set(OPS), f"no such operation, or a composite: {sorted(out_of_place - set(OPS))}"


def test_only_counts_run_once_per_example() -> None:
    assert {name for name, r in RULES.items() if r is loop} == LOOPED


def test_batch_of_no_examples_has_results_of_no_examples() -> None:
    x, no = torchy.ones(0, 2, 3), [False] * 3
    assert RULES["add"](Call("add", 0, [x, torchy.ones(0)], [True, True])).shape == (0, 2, 3)
    assert RULES["sum"](Call("sum", 0, [x, None], [True, False])).shape == (0,)
    assert RULES["prod_dim"](Call("prod_dim", 0, [x, 0, False, None], [True, *no])).shape == (0, 3)
    assert RULES["cumsum"](Call("cumsum", 0, [x, -1, None], [True, False, False])).shape == (0, 2, 3)


def test_arguments_of_a_rule_are_left_as_they_are() -> None:
    x, y = torchy.ones(3, 2), torchy.ones(3, dtype=torchy.float64)
    args, batched = [x, y, 1], [True, True, False]
    RULES["add_alpha"](Call("add_alpha", 3, args, batched))
    assert args[0] is x and args[1] is y
    assert x.shape == (3, 2) and y.shape == (3,)


def test_counts_of_different_lengths_are_refused() -> None:
    with pytest.raises(
        RuntimeError, match=r"^vmap: bincount has a result whose shape depends on the data, here \(2,\)"
    ):
        RULES["bincount"](Call("bincount", 2, [torchy.tensor([[0, 1], [2, 1]]), None, 0], [True, False, False]))


def test_loop_needs_an_example() -> None:
    with pytest.raises(RuntimeError, match="^vmap: histc runs once per example and has none"):
        RULES["histc"](Call("histc", 0, [torchy.ones(0, 2), 2, 0, 1], [True, False, False, False]))


def test_rules_of_many_examples_make_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(Call, "run", lambda self, *args: calls.append(args) or torchy.ones(50))
    RULES["mul"](Call("mul", 50, [torchy.ones(50), torchy.ones(4)], [True, False]))
    RULES["amax"](Call("amax", 50, [torchy.ones(50, 3), None, False], [True, False, False]))
    assert [len(a) for a in calls] == [2, 3]


def test_second_rule_of_an_operation_is_refused() -> None:
    with pytest.raises(KeyError, match="add: has a batching rule already, promoting"):
        rule("add")(loop)
    assert RULES["add"] is _pointwise.promoting and RULES["sum"] is _reduce.over_all


@pytest.mark.parametrize("name", ["max", "amax", "prod", "var_correction", "sort", "logsumexp", "cumprod", "where"])
def test_gradient_passes_through_a_rule(name: str) -> None:
    op = OPS[name]
    args = in_order(op, *cases_of(op)[0].tensors())
    (i, k), *_ = [s for s in slots_of(args) if args[s[0]].is_floating_point()]
    call = batched_call(op, args, [(i, k)], 3)
    leaf = call.args[i].requires_grad_()
    grads = []
    for r in RULES[name], loop:
        result = r(call)
        loss = (result[0] if isinstance(result, tuple) else result).square().sum()
        grads.append(torchy.autograd.grad(loss, leaf)[0])
    assert torchy.allclose(*grads, rtol=1e-12, atol=1e-12) and grads[0].abs().max() > 0
