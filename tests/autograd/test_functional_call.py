"""torchy.func.functional_call and stack_module_state: a module's tensors replaced for one call, and put back."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy import nn
from torchy.func import functional_call, grad, stack_module_state


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, t, scale=1.0):
        self.seen = self.seen + 1
        return self.layer(t) * scale


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Parameter(torch.ones(()))
        self.two = self.one

    def forward(self, t):
        return t + self.one + 10 * self.two


def state(model):
    return {name: (id(t), t.tolist()) for name, t in model.state_dict(keep_vars=True).items()}


def test_given_tensors_are_used_and_the_module_is_as_before():
    model, t = Counting(), torch.ones(2)
    before = state(model)
    new = {"layer.weight": torch.eye(2), "layer.bias": torch.tensor([1.0, 2.0]), "seen": torch.tensor(5.0)}
    assert functional_call(model, new, t).tolist() == [2.0, 3.0]
    assert state(model) == before and list(model.layer._parameters) == ["weight", "bias"]
    assert new["seen"].item() == 6.0  # what the module assigned


def test_names_left_out_keep_the_modules_values():
    model = nn.Linear(2, 1)
    t = torch.ones(2)
    assert torch.allclose(functional_call(model, {"bias": None}, t), t @ model.weight.T)
    assert functional_call(model, {}, t).tolist() == model(t).tolist()


def test_arguments_may_be_one_a_tuple_or_keywords():
    model, t = Counting(), torch.ones(2)
    plain = functional_call(model, {}, t)
    assert torch.allclose(functional_call(model, {}, (t, 2.0)), 2 * plain)
    assert torch.allclose(functional_call(model, {}, t, {"scale": 3.0}), 3 * plain)
    assert torch.allclose(functional_call(model, {}, kwargs={"t": t}), plain)


def test_several_dicts_are_used_together():
    model = nn.Linear(2, 1)
    given = ({"weight": torch.ones(1, 2)}, {"bias": torch.ones(1)})
    assert functional_call(model, given, torch.ones(2)).item() == 3.0


def test_tied_names_follow_the_one_that_is_given():
    model, zero, two = Tied(), torch.zeros(()), torch.full((), 2.0)
    assert functional_call(model, {"one": two}, zero).item() == 22.0
    assert functional_call(model, {"two": two}, zero).item() == 22.0
    assert functional_call(model, {"one": two}, zero, tie_weights=False).item() == 12.0
    assert functional_call(model, {"one": two, "two": two}, zero).item() == 22.0
    assert functional_call(model, {"one": two, "two": zero}, zero, tie_weights=False).item() == 2.0
    with pytest.raises(ValueError, match="multiple values for keys.*tied"):
        functional_call(model, {"one": two, "two": zero}, zero)
    assert model.one is model.two


def test_strict_wants_exactly_the_modules_names():
    model, t = nn.Linear(2, 1), torch.ones(2)
    functional_call(model, dict(model.named_parameters()), t, strict=True)
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\): 'other'.\n.*Missing key\(s\): 'bias'"):
        functional_call(model, {"weight": model.weight, "other": t}, t, strict=True)


@pytest.mark.parametrize(
    "given, error, text",
    [
        ([{"bias": torch.ones}, {"bias": torch.ones}], ValueError, "multiple dictionaries"),
        ([3], ValueError, "to be dictionaries"),
        (3, ValueError, "to be a dict"),
        ({"bias": 3}, TypeError, "not a Tensor"),
        ({"in_features": None}, TypeError, "not a Tensor"),
        ({"deep.bias": None}, AttributeError, "no module 'deep'"),
        ({"": None}, KeyError, "empty"),
    ],
)
def test_misuse_says_what_is_wrong_and_changes_nothing(given, error, text):
    model = nn.Linear(2, 1)
    before = state(model)
    with pytest.raises(error, match=text):
        functional_call(model, given, torch.ones(2))
    assert state(model) == before


def test_an_error_in_the_module_or_a_later_name_leaves_it_as_before():
    model = nn.Linear(2, 1)
    before = state(model)
    with pytest.raises(RuntimeError):
        functional_call(model, {"weight": torch.ones(1, 2)}, torch.ones(3))
    with pytest.raises(TypeError):
        functional_call(model, {"weight": torch.ones(1, 2), "bias": "text"}, torch.ones(2))
    assert state(model) == before


def test_names_that_the_module_does_not_have_are_there_only_during_the_call():
    model = nn.Linear(2, 1)
    functional_call(model, {"extra": torch.ones(1)}, torch.ones(2))
    assert not hasattr(model, "extra")


def test_the_gradient_by_parameters_equals_backward():
    model, t = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)), torch.ones(4, 2)
    params = dict(model.named_parameters())
    found = grad(lambda p: functional_call(model, p, (t,)).pow(2).sum())(params)
    model(t).pow(2).sum().backward()
    assert list(found) == list(params)
    for name, p in model.named_parameters():
        assert torch.allclose(found[name], p.grad)


def test_stacked_state_is_a_new_leaf_for_every_name():
    models = [Counting() for _ in range(3)]
    params, buffers = stack_module_state(models)
    assert list(params) == ["layer.weight", "layer.bias"] and list(buffers) == ["seen"]
    for name, p in params.items():
        assert p.is_leaf and p.requires_grad
        assert p.tolist() == [dict(m.named_parameters())[name].tolist() for m in models]
    assert buffers["seen"].shape == (3,) and not buffers["seen"].requires_grad


def test_models_that_differ_cannot_be_stacked():
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="at least one model"):
        stack_module_state([])
    with pytest.raises(RuntimeError, match="same class"):
        stack_module_state([one, nn.Tanh()])
    with pytest.raises(RuntimeError, match="training/eval mode"):
        stack_module_state([one, nn.Linear(2, 2).eval()])
    two.bias.requires_grad_(False)
    with pytest.raises(RuntimeError, match="bias from each model"):
        stack_module_state([one, two])
