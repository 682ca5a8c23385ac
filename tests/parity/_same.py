# same(program): run one program with torchy and with an installed PyTorch and demand equal values,
# dtypes, structure and exception types. Used by the parity tests beside it; holds no tests.
from __future__ import annotations

import warnings

import numpy as np
import pytest

import torchy

torch = pytest.importorskip("torch")


class Values:
    """A tensor of either library: the name of its dtype and its elements."""

    def __init__(self, tensor):
        self.dtype = str(tensor.dtype).split(".")[-1]
        self.array = np.array(tensor.detach().tolist())

    def __repr__(self):
        return f"{self.dtype} {self.array}"


def plain(value):
    """Tensors inside ``value`` as Values, everything else as it is."""
    if isinstance(value, (torch.Tensor, torchy.Tensor)):
        return Values(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return [str(value.dtype), value.tolist()]
    if type(value).__module__.split(".")[0] in ("torch", "torchy"):
        return str(value)  # dtype, device, layout: one instance each, known by its name
    return value


def assert_same(ours, theirs, rtol, tight_rtol, path="result", atol=1e-7):
    if isinstance(theirs, Values):
        assert ours.dtype == theirs.dtype, f"{path}: dtype"
        tight = theirs.dtype in ("float64", "complex128")
        np.testing.assert_allclose(
            ours.array, theirs.array, rtol=tight_rtol if tight else rtol,
            atol=1e-13 if tight else atol, err_msg=path,
        )  # fmt: skip
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for key in theirs:
            assert_same(ours[key], theirs[key], rtol, tight_rtol, f"{path}[{key!r}]", atol)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), path
        for i, (a, b) in enumerate(zip(ours, theirs)):
            assert_same(a, b, rtol, tight_rtol, f"{path}[{i}]", atol)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=1e-6, nan_ok=True), path
    else:
        assert ours == theirs, path


def same(program, rtol=2e-6, tight_rtol=1e-12, atol=1e-7):
    """Run ``program(module)`` with both; results or exception types must agree."""
    outcomes = []
    for module in (torchy, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                outcomes.append(("value", plain(program(module))))
            except Exception as error:
                outcomes.append(("error", error))
    (our_kind, ours), (their_kind, theirs) = outcomes
    if their_kind == "error":
        assert our_kind == "error", f"PyTorch raises {theirs!r}, torchy gives {ours}"
        assert type(ours) is type(theirs), f"{ours!r} against {theirs!r}"
        return
    if our_kind == "error":
        raise ours
    assert_same(ours, theirs, rtol, tight_rtol, atol=atol)


def tensor(T, array, dtype=None, grad=False):
    result = T.tensor(np.asarray(array).tolist(), dtype=dtype)
    return result.requires_grad_() if grad else result


def with_grads(T, function, *inputs):
    """Outputs and gradients, with a different weight on every element of the output."""
    output = function(*inputs)
    weights = T.linspace(0.5, 1.5, output.numel(), dtype=output.dtype).view(output.shape)
    (output * weights).sum().backward()
    return [output, *[x.grad for x in inputs if x.requires_grad]]


def network(T):
    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = T.nn.Sequential(
                T.nn.Linear(4, 8), T.nn.ReLU(), T.nn.Dropout(0.2), T.nn.Linear(8, 8, bias=False)
            )
            self.scale = T.nn.Parameter(T.ones(8))
            self.register_buffer("seen", T.zeros((), dtype=T.int64))
            self.register_buffer("cache", T.zeros(3), persistent=False)
            self.head = T.nn.Linear(8, 3)
            self.register_parameter("absent", None)

        def forward(self, x):
            self.seen += 1
            return self.head(T.tanh(self.body(x) * self.scale))

    T.manual_seed(5)
    return Net()
