# nn.init: distributions by their moments and limits, fixed patterns exactly, errors by type.
from __future__ import annotations

import math

import pytest

import torchy
from torchy import nn
from torchy.nn import init


def moments(tensor):
    return tensor.mean().item(), tensor.std().item()


@pytest.fixture(autouse=True)
def _seed():
    torchy.manual_seed(12)


@pytest.mark.parametrize(
    "fill, std",
    [
        (init.xavier_uniform_, math.sqrt(2 / 500)),
        (init.xavier_normal_, math.sqrt(2 / 500)),
        (lambda t: init.xavier_normal_(t, gain=3.0), 3 * math.sqrt(2 / 500)),
        (lambda t: init.kaiming_uniform_(t, nonlinearity="relu"), math.sqrt(2 / 200)),
        (lambda t: init.kaiming_normal_(t, mode="fan_out"), math.sqrt(2 / 300)),
        (lambda t: init.kaiming_normal_(t, a=1.0), math.sqrt(1 / 200)),
        (lambda t: init.normal_(t, 0.0, 0.3), 0.3),
        (lambda t: init.uniform_(t, -1.0, 1.0), math.sqrt(1 / 3)),
    ],
)
def test_random_fill_has_its_mean_and_deviation(fill, std):
    weight = torchy.empty(300, 200)
    assert fill(weight) is weight
    mean, deviation = moments(weight)
    assert abs(mean) < 0.02 * std
    assert deviation == pytest.approx(std, rel=0.02)


def test_fan_counts_the_receptive_field():
    weight = torchy.empty(8, 4, 5, 5)
    init.kaiming_uniform_(weight, nonlinearity="linear")
    bound = math.sqrt(3 / (4 * 25))
    assert weight.abs().max().item() <= bound
    assert weight.abs().max().item() > 0.95 * bound


def test_fill_is_not_recorded_and_keeps_requires_grad():
    weight = nn.Parameter(torchy.empty(3, 3))
    for fill in (init.zeros_, init.ones_, init.eye_, init.xavier_normal_, init.trunc_normal_):
        fill(weight)
        assert weight.is_leaf and weight.requires_grad and weight.grad_fn is None


def test_same_seed_gives_the_same_values():
    a, b = torchy.empty(4, 4), torchy.empty(4, 4)
    for fill in (init.normal_, init.uniform_, init.trunc_normal_, init.kaiming_normal_):
        torchy.manual_seed(5)
        fill(a)
        torchy.manual_seed(5)
        fill(b)
        assert a.tolist() == b.tolist()


def test_generator_is_used_instead_of_the_global_one():
    generator = torchy.Generator().manual_seed(3)
    torchy.manual_seed(1)
    before = torchy.rand(1).item()
    torchy.manual_seed(1)
    first = init.normal_(torchy.empty(20), generator=generator)
    assert torchy.rand(1).item() == before
    again = init.normal_(torchy.empty(20), generator=torchy.Generator().manual_seed(3))
    assert first.tolist() == again.tolist()


@pytest.mark.parametrize("mean, std, a, b", [(0.0, 1.0, -2.0, 2.0), (0.0, 1.0, 1.5, 2.5), (1.0, 0.1, 0.9, 1.3)])
def test_truncated_normal_stays_inside_and_has_its_mean(mean, std, a, b):
    x = init.trunc_normal_(torchy.empty(20_000, dtype=torchy.float64), mean, std, a, b)
    assert a <= x.min().item() and x.max().item() <= b
    alpha, beta = (a - mean) / std, (b - mean) / std

    def density(z):
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    inside = (math.erf(beta / math.sqrt(2)) - math.erf(alpha / math.sqrt(2))) / 2
    want = mean + std * (density(alpha) - density(beta)) / inside
    assert x.mean().item() == pytest.approx(want, abs=0.02 * std)


def test_far_mean_warns():
    with pytest.warns(UserWarning, match="mean"):
        init.trunc_normal_(torchy.empty(4), mean=9.0)


def test_eye_and_dirac():
    assert init.eye_(torchy.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    kernel = init.dirac_(torchy.empty(3, 2, 3))
    want = torchy.zeros(3, 2, 3)
    want[0, 0, 1] = want[1, 1, 1] = 1
    assert kernel.tolist() == want.tolist()
    x = torchy.arange(6.0).view(2, 3)
    passed = torchy.einsum("oik,ik->o", kernel, x)
    assert passed.tolist() == [x[0, 1].item(), x[1, 1].item(), 0.0]


def test_orthogonal_rows_or_columns():
    wide = init.orthogonal_(torchy.empty(3, 7, dtype=torchy.float64), gain=2.0)
    product = (wide @ wide.t()).tolist()
    for i in range(3):
        assert product[i] == pytest.approx([4.0 if i == j else 0.0 for j in range(3)], abs=1e-12)


def test_sparse_zeroes_a_fraction_of_each_column():
    x = init.sparse_(torchy.empty(10, 6), sparsity=0.25)
    assert (x == 0).sum(0).tolist() == [3] * 6


@pytest.mark.parametrize(
    "name, param, want",
    [
        ("linear", None, 1.0),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", 0.5, math.sqrt(2 / 1.25)),
        ("selu", None, 0.75),
    ],
)
def test_gain(name, param, want):
    assert init.calculate_gain(name, param) == pytest.approx(want)


@pytest.mark.parametrize(
    "call",
    [
        lambda: init.calculate_gain("swoosh"),
        lambda: init.calculate_gain("leaky_relu", True),
        lambda: init.xavier_normal_(torchy.empty(3)),
        lambda: init.kaiming_normal_(torchy.empty(3, 3), mode="fan_up"),
        lambda: init.eye_(torchy.empty(3)),
        lambda: init.dirac_(torchy.empty(3, 3)),
        lambda: init.orthogonal_(torchy.empty(3)),
        lambda: init.sparse_(torchy.empty(3), 0.5),
    ],
)
def test_wrong_arguments_are_value_errors(call):
    with pytest.raises(ValueError):
        call()
