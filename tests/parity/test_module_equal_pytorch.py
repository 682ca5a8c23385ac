# torchy.nn modules beside an installed PyTorch: reprs, structure, rules, hooks, containers.
from __future__ import annotations

import pytest
from _same import network, plain, same

REPRS = [
    "nn.Linear(3, 4)", "nn.Linear(3, 4, bias=False)", "nn.Bilinear(2, 3, 4)", "nn.Identity()",
    "nn.Sequential()", "nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Tanh()))",
    "nn.ModuleList()", "nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])",
    "nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Sequential(nn.ReLU())])",
    "nn.ModuleDict({'a': nn.ReLU(), 'b': nn.Linear(1, 2)})", "nn.ReLU(inplace=True)", "nn.ReLU6()",
    "nn.GELU()", "nn.GELU('tanh')", "nn.LeakyReLU(0.2)", "nn.LeakyReLU(0.2, True)", "nn.ELU()",
    "nn.CELU(2.0, True)", "nn.SELU()", "nn.SiLU(True)", "nn.Mish()", "nn.Softmax()",
    "nn.Softmax(dim=1)", "nn.Softmin(1)", "nn.LogSoftmax(-1)", "nn.Softplus(2, 3)",
    "nn.Softsign()", "nn.LogSigmoid()", "nn.Hardtanh(-2, 3)", "nn.Hardsigmoid()",
    "nn.Hardswish()", "nn.Tanhshrink()", "nn.Softshrink(0.2)", "nn.Hardshrink()", "nn.GLU()",
    "nn.PReLU(3)", "nn.Threshold(1, 2)", "nn.Dropout()", "nn.Dropout(0.1, True)",
    "nn.Dropout2d(0.1)", "nn.AlphaDropout()", "nn.Flatten()", "nn.Flatten(0, 1)",
    "nn.Unflatten(1, (2, 3))", "nn.CrossEntropyLoss()", "nn.MSELoss()", "nn.NLLLoss()",
    "nn.L1Loss()", "nn.BCELoss()", "nn.BCEWithLogitsLoss()", "nn.SmoothL1Loss()", "nn.HuberLoss()",
    "nn.KLDivLoss()", "nn.Linear(0, 2)", "nn.Dropout(2.0)", "nn.Hardtanh(3, 2)",
    "nn.Unflatten(1, 6)", "nn.ParameterList([torch.zeros(2, 3), torch.zeros(2)])",
    "nn.ParameterDict({'w': torch.zeros(2, 3)})", "nn.ParameterList()",
]  # fmt: skip


@pytest.mark.parametrize("text", REPRS)
def test_module_repr_equals_pytorch(text):
    same(lambda T: repr(eval(text, {"nn": T.nn, "torch": T})))


def test_network_equals_pytorch_in_structure_and_initial_values():
    def program(T):
        net = network(T)
        return [
            repr(net),
            dict(net.state_dict()),
            {key: dict(value) for key, value in net.state_dict()._metadata.items()},
            dict(net.named_parameters()),
            [name for name, _ in net.named_modules()],
            [name for name, _ in net.named_children()],
            [name for name, _ in net.named_buffers()],
            [name for name, _ in net.named_parameters(recurse=False)],
            [name for name, _ in net.named_parameters(prefix="net")],
            sorted(n for n in dir(net) if n in ("body", "scale", "seen", "head", "absent")),
        ]

    same(program)


def test_load_state_dict_outcomes_equal_pytorch():
    def program(T):
        net, other = network(T), network(T)
        with T.no_grad():
            for p in other.parameters():
                p += 1
        results = [repr(net.load_state_dict(other.state_dict())), dict(net.state_dict())]
        state = other.state_dict()
        del state["head.bias"]
        state["new"] = T.ones(1)
        state["body.9.weight"] = T.ones(1)
        loose = net.load_state_dict(state, strict=False)
        results += [loose.missing_keys, loose.unexpected_keys]
        for broken in (state, {"scale": T.ones(7)}, {"scale": 3}):
            try:
                net.load_state_dict(broken)
            except RuntimeError as error:
                text = str(error)
                results += [w in text for w in ("Missing key(s)", "Unexpected key(s)", "size mism")]
        assigned = network(T)
        assigned.load_state_dict(other.state_dict(), assign=True)
        results.append(assigned.scale.requires_grad)
        return results

    same(program)


def test_hooks_equal_pytorch():
    def program(T):
        log = []
        layer = T.nn.Linear(2, 2)
        with T.no_grad():
            layer.weight.copy_(T.tensor([[1.0, 2.0], [3.0, 4.0]]))
            layer.bias.zero_()
        layer.register_forward_pre_hook(lambda m, a: log.append("pre") or (a[0] + 1,))
        layer.register_forward_pre_hook(lambda m, a: log.append("pre 0"), prepend=True)
        layer.register_forward_hook(lambda m, a, o: log.append("post") or o * 2)
        layer.register_forward_hook(lambda m, a, k, o: log.append(f"kwargs {sorted(k)}"), with_kwargs=True)
        layer.register_full_backward_pre_hook(lambda m, g: log.append("bpre") or (g[0] * 3,))

        def backward(m, grad_input, grad_output):
            log.append([plain(grad_input), plain(grad_output)])
            return (grad_input[0] * 10,)

        handle = layer.register_full_backward_hook(backward)
        x = T.ones(1, 2, requires_grad=True)
        y = layer(x)
        y.sum().backward()
        first = [y, x.grad.clone(), layer.weight.grad]
        handle.remove()
        x.grad = None
        layer(x).sum().backward()
        plain_input = T.nn.Linear(2, 2)
        plain_input.register_full_backward_hook(lambda m, gi, go: log.append(plain(gi)))
        plain_input(T.ones(1, 2)).sum().backward()
        return [log, *first, x.grad]

    same(program)


@pytest.mark.parametrize(
    "program",
    [
        lambda T, m: setattr(m, "scale", T.ones(8)),
        lambda T, m: setattr(m, "scale", None) or list(dict(m.named_parameters())),
        lambda T, m: setattr(m, "head", T.ones(8)),
        lambda T, m: setattr(m, "head", None) or repr(m),
        lambda T, m: setattr(m, "seen", 3),
        lambda T, m: setattr(m, "seen", T.ones(2)) or dict(m.named_buffers()),
        lambda T, m: setattr(m, "head", T.nn.Parameter(T.ones(1))) or repr(m),
        lambda T, m: setattr(m, "scale", T.nn.ReLU()),
        lambda T, m: setattr(m, "absent", T.nn.Parameter(T.ones(2))) or list(m.state_dict()),
        lambda T, m: m.register_parameter("a.b", T.nn.Parameter(T.ones(1))),
        lambda T, m: m.register_parameter("", T.nn.Parameter(T.ones(1))),
        lambda T, m: m.register_parameter("head", T.nn.Parameter(T.ones(1))),
        lambda T, m: m.register_parameter("w", T.ones(1)),
        lambda T, m: m.register_parameter(3, None),
        lambda T, m: m.register_buffer("w", 3),
        lambda T, m: m.register_buffer("scale", T.ones(1)),
        lambda T, m: m.add_module("w", T.ones(1)),
        lambda T, m: m.add_module("forward", T.nn.ReLU()),
        lambda T, m: m.nothing,
        lambda T, m: delattr(m, "scale") or list(m.state_dict()),
        lambda T, m: delattr(m, "nothing"),
        lambda T, m: repr(m.get_submodule("body.3")),
        lambda T, m: m.get_submodule("body.7"),
        lambda T, m: m.get_submodule("scale"),
        lambda T, m: m.get_parameter("body.0.weight"),
        lambda T, m: m.get_parameter("seen"),
        lambda T, m: m.get_buffer("seen"),
        lambda T, m: m.set_submodule("body.1", T.nn.Tanh()) or repr(m),
        lambda T, m: m.train(2),
        lambda T, m: [sub.training for sub in m.eval().modules()],
        lambda T, m: [p.requires_grad for p in m.requires_grad_(False).parameters()],
        lambda T, m: dict(m.double().state_dict()),
        lambda T, m: dict(m.to(T.float16).state_dict()),
        lambda T, m: m.to(T.int32),
        lambda T, m: T.nn.Module()(1),
        lambda T, m: T.nn.Module(3),
        lambda T, m: isinstance(m.scale, T.nn.Parameter) and not isinstance(m.seen, T.nn.Parameter),
        lambda T, m: T.nn.Parameter(T.ones(2, dtype=T.int64)),
        lambda T, m: [m.scale.is_leaf, m.scale.requires_grad, m.scale.grad_fn is None],
    ],
)
def test_module_rule_equals_pytorch(program):
    same(lambda T: program(T, network(T)))


@pytest.mark.parametrize(
    "program",
    [
        lambda nn: repr(nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ELU())[1:]),
        lambda nn: repr(nn.Sequential(nn.ReLU(), nn.Tanh())[-1]),
        lambda nn: nn.Sequential(nn.ReLU())[3],
        lambda nn: repr(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())),
        lambda nn: repr(nn.Sequential(nn.ReLU(), nn.Tanh()) * 2),
        lambda nn: nn.Sequential(nn.ReLU()) * 0,
        lambda nn: nn.Sequential(nn.ReLU()) * 1.5,
        lambda nn: nn.Sequential(nn.ReLU()) + nn.ReLU(),
        lambda nn: repr(nn.Sequential(nn.ReLU()).append(nn.Tanh()).insert(0, nn.ELU())),
        lambda nn: nn.Sequential(nn.ReLU()).insert(5, nn.ELU()),
        lambda nn: repr(nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ELU()).pop(0)),
        lambda nn: delitem(nn.Sequential(nn.ReLU(), nn.Tanh(), nn.ELU()), 1),
        lambda nn: delitem(nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.ELU()]), slice(0, 2)),
        lambda nn: setitem(nn.ModuleList([nn.ReLU(), nn.Tanh()]), -1, nn.ELU()),
        lambda nn: setitem(nn.ModuleList([nn.ReLU(), nn.Tanh()]), 2, nn.ELU()),
        lambda nn: repr(nn.ModuleList([nn.ReLU()]) + [nn.Tanh()]),
        lambda nn: nn.ModuleList([nn.ReLU()])(1),
        lambda nn: nn.ModuleList([3]),
        lambda nn: nn.ModuleList(3),
        lambda nn: list(nn.ModuleDict([("a", nn.ReLU()), ("b", nn.Tanh())])),
        lambda nn: nn.ModuleDict({"keys": nn.ReLU()}),
        lambda nn: nn.ModuleDict({"a": nn.ReLU()})["b"],
        lambda nn: nn.ModuleDict([("a",)]),
        lambda nn: nn.ModuleDict(3),
        lambda nn: nn.ParameterList(3),
        lambda nn: nn.ParameterList()(1),
    ],
)
def test_container_rule_equals_pytorch(program):
    same(lambda T: program(T.nn))


def delitem(container, index):
    del container[index]
    return repr(container)


def setitem(container, index, module):
    container[index] = module
    return repr(container)
