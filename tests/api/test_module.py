# nn.Module and the containers: registration, walking, state dictionaries, hooks, conversion.
from __future__ import annotations

import copy
import gc
import pickle
import weakref

import pytest

import torchy
from torchy import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(4, 2, bias=False))
        self.gain = nn.Parameter(torchy.ones(2))
        self.register_buffer("count", torchy.zeros(()))
        self.register_buffer("scratch", torchy.zeros(3), persistent=False)

    def forward(self, x):
        return self.rest(self.first(x)) * self.gain


NAMES = ["gain", "first.weight", "first.bias", "rest.1.weight"]


def test_parameters_are_found_in_order_of_registration():
    assert [name for name, _ in Net().named_parameters()] == NAMES


def test_parameter_is_a_tensor_that_shares_memory_and_requires_grad():
    data = torchy.zeros(2)
    p = nn.Parameter(data)
    assert isinstance(p, nn.Parameter) and isinstance(p, torchy.Tensor)
    assert type(p) is torchy.Tensor
    assert p.requires_grad and p.is_leaf and not data.requires_grad
    data[0] = 5.0
    assert p[0].item() == 5.0
    assert not isinstance(data, nn.Parameter)
    assert not isinstance(p * 2, nn.Parameter)
    assert not isinstance(3, nn.Parameter)


def test_parameter_without_gradient_may_be_of_any_dtype():
    assert not nn.Parameter(torchy.arange(3), requires_grad=False).requires_grad
    with pytest.raises(RuntimeError, match="int64"):
        nn.Parameter(torchy.arange(3))


def test_shared_parameter_is_listed_once():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    assert len(list(net.parameters())) == 3
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_plain_tensor_attribute_is_not_a_parameter():
    net = Net()
    net.extra = torchy.ones(2)
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert "extra" not in net.state_dict()


@pytest.mark.parametrize("value", [torchy.ones(2), 3.0, "text"])
def test_assigning_anything_but_a_parameter_over_one_is_a_type_error(value):
    with pytest.raises(TypeError, match="gain"):
        Net().gain = value


def test_assignment_before_init_is_an_attribute_error():
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.ReLU()

    with pytest.raises(AttributeError, match="before Module.__init__"):
        Early()


@pytest.mark.parametrize("name, error", [("a.b", KeyError), ("", KeyError), ("first", KeyError), (3, TypeError)])
def test_wrong_names_are_refused(name, error):
    with pytest.raises(error):
        Net().register_parameter(name, nn.Parameter(torchy.ones(1)))
    with pytest.raises(error):
        Net().register_buffer(name, torchy.ones(1))
    with pytest.raises(error):
        Net().add_module(name, nn.ReLU()) if name != "first" else Net().register_buffer(name, None)


def test_missing_attribute_names_the_class():
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'nothing'"):
        _ = Net().nothing


def test_state_dict_shares_memory_and_leaves_out_scratch_buffers():
    net = Net()
    state = net.state_dict()
    assert list(state) == ["gain", "count", *NAMES[1:]]
    assert not state["gain"].requires_grad
    state["gain"].zero_()
    assert net.gain.tolist() == [0.0, 0.0]


def test_load_state_dict_copies_values():
    source, target = Net(), Net()
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    for (_, a), (_, b) in zip(source.named_parameters(), target.named_parameters()):
        assert a.tolist() == b.tolist() and a is not b


def test_load_state_dict_reports_every_problem_at_once():
    net = Net()
    state = net.state_dict()
    del state["gain"]
    state["unknown"] = torchy.ones(1)
    state["first.bias"] = torchy.ones(7)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    text = str(error.value)
    assert "Net" in text
    assert 'Missing key(s) in state_dict: "gain"' in text
    assert 'Unexpected key(s) in state_dict: "unknown"' in text
    assert "size mismatch for first.bias" in text and "7" in text


def test_load_state_dict_that_is_not_strict_returns_the_differences():
    net = Net()
    missing, unexpected = net.load_state_dict({"gain": torchy.ones(2), "x": 1}, strict=False)
    assert unexpected == ["x"] and "first.weight" in missing


def test_assigning_load_is_not_remembered_by_the_state_dict():
    net, state = Net(), Net().state_dict()
    net.load_state_dict(state, assign=True)
    assert net.count is state["count"]
    net.load_state_dict(state)
    assert "assign_to_params_buffers" not in state._metadata[""]


def test_extra_state_travels_in_the_state_dict():
    class Counter(nn.Module):
        calls = 0

        def get_extra_state(self):
            return self.calls

        def set_extra_state(self, state):
            self.calls = state

    source = nn.Sequential(Counter())
    source[0].calls = 4
    assert source.state_dict()["0._extra_state"] == 4
    target = nn.Sequential(Counter())
    target.load_state_dict(source.state_dict())
    assert target[0].calls == 4
    with pytest.raises(RuntimeError, match="_extra_state"):
        target.load_state_dict({})


def test_conversion_keeps_the_identity_of_parameters_and_converts_gradients():
    net = Net()
    before = list(net.parameters())
    net(torchy.ones(1, 3)).sum().backward()
    net.double()
    assert all(a is b for a, b in zip(before, net.parameters()))
    assert all(p.dtype is torchy.float64 for p in net.parameters())
    assert net.gain.grad.dtype is torchy.float64
    assert net.count.dtype is torchy.float64
    assert isinstance(net.gain, nn.Parameter)
    net.to(torchy.float32)(torchy.ones(1, 3)).sum().backward()
    assert net.gain.grad.dtype is torchy.float32


def test_conversion_leaves_integer_buffers_alone():
    net = nn.Module()
    net.register_buffer("steps", torchy.zeros(2, dtype=torchy.int64))
    assert net.half().steps.dtype is torchy.int64
    with pytest.raises(TypeError, match="int64"):
        net.to(torchy.int64)


def test_zero_grad_drops_or_clears():
    net = Net()
    net(torchy.ones(1, 3)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert net.gain.grad.tolist() == [0.0, 0.0]
    net.zero_grad()
    assert net.gain.grad is None


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())


def test_apply_visits_children_first():
    seen = []
    Net().apply(lambda m: seen.append(type(m).__name__))
    assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Net"]


def test_forward_hooks_can_replace_arguments_and_output():
    layer = nn.Identity()
    pre = layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
    post = layer.register_forward_hook(lambda m, args, out: out * 10)
    assert layer(torchy.tensor(2.0)).item() == 30.0
    pre.remove()
    assert layer(torchy.tensor(2.0)).item() == 20.0
    with post:
        pass
    assert layer(torchy.tensor(2.0)).item() == 2.0


def test_forward_hooks_with_keyword_arguments():
    class Scale(nn.Module):
        def forward(self, x, *, by=1.0):
            return x * by

    layer = Scale()
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
    seen = []
    layer.register_forward_hook(lambda m, a, k, out: seen.append(k["by"]), with_kwargs=True)
    assert layer(torchy.tensor(2.0), by=3.0).item() == 8.0
    assert seen == [4.0]


def test_always_called_hook_runs_when_forward_fails():
    class Broken(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError

    layer, seen = Broken(), []
    layer.register_forward_hook(lambda m, a, out: seen.append(out), always_call=True)
    layer.register_forward_hook(lambda m, a, out: seen.append("not me"))
    with pytest.raises(ZeroDivisionError):
        layer(1)
    assert seen == [None]


def test_global_hook_sees_every_module():
    seen = []
    handle = nn.modules.module.register_module_forward_hook(lambda m, a, out: seen.append(type(m).__name__))
    try:
        Net()(torchy.ones(1, 3))
    finally:
        handle.remove()
    assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Net"]
    Net()(torchy.ones(1, 3))
    assert len(seen) == 5


def test_full_backward_hook_sees_and_replaces_gradients():
    layer = nn.Linear(2, 1, bias=False)
    with torchy.no_grad():
        layer.weight.copy_(torchy.tensor([[3.0, 4.0]]))
    seen = []

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 2,)

    layer.register_full_backward_hook(hook)
    x = torchy.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([[3.0, 4.0]], [[1.0]])]
    assert x.grad.tolist() == [[6.0, 8.0]]


def test_deepcopy_and_pickle_make_independent_equal_modules():
    net = Net()
    net.first.weight.requires_grad_(False)
    for clone in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert [n for n, _ in clone.named_parameters()] == NAMES
        assert clone.gain.tolist() == net.gain.tolist()
        assert not clone.first.weight.requires_grad and clone.gain.requires_grad
        with torchy.no_grad():
            clone.gain += 1
        assert net.gain.tolist() == [1.0, 1.0]


def test_module_is_freed_with_its_last_reference():
    net = Net()
    out = net(torchy.ones(1, 3)).sum()
    out.backward()
    ref = weakref.ref(net)
    del net, out
    gc.collect()
    assert ref() is None


def test_repr_shows_the_tree():
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
        "  (rest): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(in_features=4, out_features=2, bias=False)\n"
        "  )\n"
        ")"
    )


def test_module_list_repr_counts_equal_modules():
    modules = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
    assert repr(modules) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"


def test_linear_equals_its_formula_and_starts_within_its_bound():
    torchy.manual_seed(0)
    layer = nn.Linear(9, 4)
    assert layer.weight.abs().max().item() <= 1 / 3 and layer.bias.abs().max().item() <= 1 / 3
    x = torchy.randn(5, 9)
    want = [
        [sum(w * v for w, v in zip(row, sample)) + b for row, b in zip(layer.weight.tolist(), layer.bias.tolist())]
        for sample in x.tolist()
    ]
    for got, line in zip(layer(x).tolist(), want):
        assert got == pytest.approx(line, abs=1e-5)


def test_linear_reads_weight_and_bias_that_were_replaced():
    layer = nn.Linear(2, 1, bias=False)
    weight = layer.weight
    del layer.weight
    layer.weight = weight.detach() * 0 + 2.0  # a plain tensor, as weight normalisation does
    assert layer(torchy.ones(1, 2)).item() == 4.0


def test_bilinear_equals_its_formula():
    torchy.manual_seed(1)
    layer = nn.Bilinear(2, 3, 2)
    a, b = torchy.randn(4, 2), torchy.randn(4, 3)
    out = layer(a, b)
    for n in range(4):
        for k in range(2):
            want = (a[n] @ layer.weight[k] @ b[n] + layer.bias[k]).item()
            assert out[n, k].item() == pytest.approx(want, abs=1e-5)


def test_flatten_and_unflatten_are_inverse():
    x = torchy.arange(24.0).view(2, 3, 4)
    flat = nn.Flatten()(x)
    assert flat.shape == (2, 12)
    assert nn.Unflatten(1, (3, 4))(flat).tolist() == x.tolist()


def test_sequential_slices_and_edits():
    net = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
    assert [type(m).__name__ for m in net[1:]] == ["Tanh", "Sigmoid"]
    del net[0]
    assert list(net._modules) == ["0", "1"]
    net.insert(1, nn.ELU())
    net[-1] = nn.ReLU()
    assert [type(m).__name__ for m in net] == ["Tanh", "ELU", "ReLU"]
    with pytest.raises(IndexError):
        net[3]


def test_parameter_list_and_dict_register_their_tensors():
    net = nn.Module()
    net.weights = nn.ParameterList([torchy.ones(1), torchy.ones(2)])
    net.named = nn.ParameterDict({"a": torchy.ones(3), "text": "kept"})
    names = [name for name, _ in net.named_parameters()]
    assert names == ["weights.0", "weights.1", "named.a"]
    net.weights.append(torchy.ones(4))
    assert len(net.weights) == 3 and net.weights[-1].shape == (4,)
    assert net.named.pop("a").shape == (3,) and "a" not in net.named


def test_dropout_is_the_identity_in_evaluation():
    layer = nn.Dropout(0.5)
    x = torchy.ones(1000)
    assert layer.eval()(x).tolist() == x.tolist()
    torchy.manual_seed(0)
    y = layer.train()(x)
    values = set(y.tolist())
    assert values == {0.0, 2.0}
    assert 0.4 < (y == 0).sum().item() / 1000 < 0.6
