# Activations and losses of nn.functional against their formulas, in values and in gradients.
from __future__ import annotations

import math

import numpy as np
import pytest

import torchy
from torchy import nn
from torchy.nn import functional as F

RNG = np.random.default_rng(3)


def tensor(array, grad=False):
    result = torchy.tensor(np.asarray(array).tolist(), dtype=torchy.float64)
    return result.requires_grad_() if grad else result


def numeric_gradient(function, array, step=1e-6):
    """Central differences of a scalar function of a NumPy array."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2 * step)
    return gradient


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def softplus(x):
    return np.logaddexp(x, 0)


ERF = np.vectorize(math.erf)
FORMULAS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "gelu": lambda x: 0.5 * x * (1 + ERF(x / math.sqrt(2))),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "softplus": softplus,
    "logsigmoid": lambda x: -softplus(-x),
    "hardtanh": lambda x: np.clip(x, -1, 1),
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "tanhshrink": lambda x: x - np.tanh(x),
    "softshrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hardshrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
}
# No value lies on a kink, where a central difference is not the gradient.
POINTS = np.array([[-7.3, -3.2, -1.7, -0.6, -0.2], [0.15, 0.4, 1.3, 3.6, 8.1]])


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_activation_equals_its_formula(name):
    formula, function = FORMULAS[name], getattr(F, name)
    x = tensor(POINTS, grad=True)
    y = function(x)
    np.testing.assert_allclose(y.tolist(), formula(POINTS), rtol=1e-9, atol=1e-12)
    (y * y).sum().backward()
    want = numeric_gradient(lambda a: (formula(a) ** 2).sum(), POINTS)
    np.testing.assert_allclose(x.grad.tolist(), want, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["relu", "silu", "leaky_relu", "elu", "hardtanh"])
def test_in_place_activation_overwrites_its_input_and_keeps_the_gradient(name):
    leaf = tensor(POINTS, grad=True)
    x = leaf * 1.0
    y = getattr(F, name)(x, inplace=True)
    assert y is x
    y.sum().backward()
    other = tensor(POINTS, grad=True)
    getattr(F, name)(other).sum().backward()
    np.testing.assert_allclose(leaf.grad.tolist(), other.grad.tolist())


def test_softmax_without_a_dimension_warns():
    with pytest.warns(UserWarning, match="dim"):
        y = F.softmax(tensor(POINTS))
    np.testing.assert_allclose(y.tolist(), softmax(POINTS, 1))


def test_logsigmoid_does_not_overflow():
    x = tensor([-800.0, 0.0, 800.0], grad=True)
    y = F.logsigmoid(x)
    assert y.tolist() == pytest.approx([-800.0, -math.log(2), 0.0])
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([1.0, 0.5, 0.0])


LOGITS = RNG.normal(size=(5, 3)) * 3
TARGET = [0, 2, 1, 1, 2]
WEIGHT = np.array([0.2, 1.0, 3.0])


def cross_entropy_reference(x, target, weight, ignored, reduction, smoothing):
    log_p = np.log(softmax(x, 1))
    losses, weights = [], []
    for row, t in zip(log_p, target):
        keep = float(t != ignored)
        t = t if keep else 0
        smooth = -(weight * row).sum() / len(row)
        losses.append(keep * (-(1 - smoothing) * weight[t] * row[t] + smoothing * smooth))
        weights.append(keep * weight[t])
    if reduction == "mean":
        return np.sum(losses) / np.sum(weights)
    return np.sum(losses) if reduction == "sum" else np.array(losses)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("ignored", [-100, 1])
def test_cross_entropy_of_indices(reduction, smoothing, weight, ignored):
    x = tensor(LOGITS, grad=True)
    loss = F.cross_entropy(
        x,
        torchy.tensor(TARGET),
        weight=None if weight is None else tensor(weight),
        ignore_index=ignored,
        reduction=reduction,
        label_smoothing=smoothing,
    )
    w = np.ones(3) if weight is None else weight

    def reference(a):
        return cross_entropy_reference(a, TARGET, w, ignored, reduction, smoothing)

    np.testing.assert_allclose(loss.tolist(), reference(LOGITS), rtol=1e-10)
    loss.sum().backward()
    want = numeric_gradient(lambda a: np.sum(reference(a)), LOGITS)
    np.testing.assert_allclose(x.grad.tolist(), want, rtol=1e-5, atol=1e-8)


def test_cross_entropy_of_probabilities_equals_that_of_indices():
    one_hot = F.one_hot(torchy.tensor(TARGET)).to(torchy.float64)
    for smoothing in (0.0, 0.3):
        a = F.cross_entropy(tensor(LOGITS), torchy.tensor(TARGET), label_smoothing=smoothing)
        b = F.cross_entropy(tensor(LOGITS), one_hot, label_smoothing=smoothing)
        assert a.item() == pytest.approx(b.item(), rel=1e-12)


def test_cross_entropy_over_images_is_that_over_all_pixels():
    x = RNG.normal(size=(2, 3, 4, 5))
    t = RNG.integers(0, 3, size=(2, 4, 5))
    pixels = F.cross_entropy(tensor(x.transpose(0, 2, 3, 1).reshape(-1, 3)), torchy.tensor(t.reshape(-1).tolist()))
    images = F.cross_entropy(tensor(x), torchy.tensor(t.tolist()))
    assert images.item() == pytest.approx(pixels.item(), rel=1e-12)


def test_cross_entropy_gradient_is_softmax_minus_one_hot():
    x = tensor(LOGITS, grad=True)
    F.cross_entropy(x, torchy.tensor(TARGET), reduction="sum").backward()
    want = softmax(LOGITS, 1) - np.eye(3)[TARGET]
    np.testing.assert_allclose(x.grad.tolist(), want, atol=1e-12)


def test_cross_entropy_of_large_logits_is_finite():
    x = torchy.tensor([[1000.0, -1000.0]], requires_grad=True)
    loss = F.cross_entropy(x, torchy.tensor([1]))
    loss.backward()
    assert loss.item() == 2000.0 and x.grad.tolist() == [[1.0, -1.0]]


def test_mean_over_nothing_is_nan():
    loss = F.cross_entropy(tensor(LOGITS), torchy.tensor([-100] * 5))
    assert math.isnan(loss.item())


@pytest.mark.parametrize(
    "target, error",
    [([0, 1, 2, 3, 0], IndexError), ([0, -1, 0, 0, 0], IndexError), ([0, 1], ValueError)],
)
def test_cross_entropy_refuses_wrong_targets(target, error):
    with pytest.raises(error):
        F.cross_entropy(tensor(LOGITS), torchy.tensor(target))


def test_unknown_reduction_is_a_value_error():
    with pytest.raises(ValueError, match="median"):
        F.mse_loss(torchy.ones(2), torchy.ones(2), reduction="median")


A = RNG.normal(size=(3, 4))
B = A + RNG.choice([-1.7, -0.2, 0.3, 2.1], size=(3, 4))
P = RNG.uniform(0.05, 0.95, size=(3, 4))
Q = RNG.random((3, 4))


def huber(d, delta):
    d = np.abs(d)
    return np.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))


PAIRS = {
    "mse_loss": (A, B, {}, lambda x, t: (x - t) ** 2),
    "l1_loss": (A, B, {}, lambda x, t: np.abs(x - t)),
    "smooth_l1_loss": (A, B, {"beta": 0.5}, lambda x, t: huber(x - t, 0.5) / 0.5),
    "huber_loss": (A, B, {"delta": 1.5}, lambda x, t: huber(x - t, 1.5)),
    "binary_cross_entropy": (
        P, Q, {}, lambda x, t: -(t * np.log(x) + (1 - t) * np.log(1 - x)),
    ),
    "binary_cross_entropy_with_logits": (
        A, Q, {}, lambda x, t: t * softplus(-x) + (1 - t) * softplus(x),
    ),
    "kl_div": (np.log(P), Q, {}, lambda x, t: t * (np.log(t) - x)),
}  # fmt: skip


@pytest.mark.parametrize("reduction", ["sum", "none", "mean"])
@pytest.mark.parametrize("name", sorted(PAIRS))
def test_elementwise_loss_equals_its_formula(name, reduction):
    if name == "kl_div" and reduction == "mean":
        reduction = "batchmean"
    array, target, options, formula = PAIRS[name]
    x = tensor(array, grad=True)
    loss = getattr(F, name)(x, tensor(target), reduction=reduction, **options)
    reduce = {"sum": np.sum, "mean": np.mean, "batchmean": lambda v: np.sum(v) / 3}
    reduce = reduce.get(reduction, lambda v: v)
    np.testing.assert_allclose(loss.tolist(), reduce(formula(array, target)), rtol=1e-10)
    loss.sum().backward()
    want = numeric_gradient(lambda a: np.sum(reduce(formula(a, target))), array)
    np.testing.assert_allclose(x.grad.tolist(), want, rtol=1e-5, atol=1e-8)


def test_binary_cross_entropy_of_certain_probabilities_is_finite():
    x = torchy.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(x, torchy.tensor([0.0, 1.0, 1.0, 0.0]), reduction="none")
    assert loss.tolist() == [0.0, 0.0, 100.0, 100.0]
    loss.sum().backward()
    assert all(math.isfinite(g) for g in x.grad.tolist())
    assert x.grad[0].item() == 0.0 and x.grad[2].item() < -1e11


def test_logits_loss_equals_the_loss_of_probabilities():
    weight, pos_weight = tensor(Q + 0.5), tensor(WEIGHT[0] + Q[0])
    x, t = tensor(A), tensor(Q)
    a = F.binary_cross_entropy_with_logits(x, t, weight)
    b = F.binary_cross_entropy(torchy.sigmoid(x), t, weight)
    assert a.item() == pytest.approx(b.item(), rel=1e-12)
    weighted = F.binary_cross_entropy_with_logits(x, t, pos_weight=pos_weight, reduction="none")
    want = pos_weight.tolist() * Q * softplus(-A) + (1 - Q) * softplus(A)
    np.testing.assert_allclose(weighted.tolist(), want, rtol=1e-10)


def test_losses_of_unequal_sizes_warn_or_fail():
    with pytest.warns(UserWarning, match="broadcast"):
        F.mse_loss(torchy.ones(3, 1), torchy.ones(3))
    with pytest.raises(ValueError, match="3"):
        F.binary_cross_entropy(torchy.ones(3, 1), torchy.ones(3))


def test_old_flags_choose_the_reduction():
    with pytest.warns(UserWarning, match="reduction='sum'"):
        loss = nn.L1Loss(size_average=False)
    assert loss.reduction == "sum"


def test_loss_modules_pass_their_settings_on():
    x, t = tensor(LOGITS), torchy.tensor(TARGET)
    module = nn.CrossEntropyLoss(tensor(WEIGHT), ignore_index=1, label_smoothing=0.1)
    function = F.cross_entropy(x, t, tensor(WEIGHT), ignore_index=1, label_smoothing=0.1)
    assert module(x, t).item() == function.item()
    assert list(module.state_dict()) == ["weight"]
    nll = nn.NLLLoss(tensor(WEIGHT), reduction="sum")(x.log_softmax(1), t)
    assert nll.item() == F.cross_entropy(x, t, tensor(WEIGHT), reduction="sum").item()
    assert nn.HuberLoss(delta=0.5)(tensor(A), tensor(B)).item() == pytest.approx(huber(A - B, 0.5).mean())


def test_one_hot_and_normalize():
    assert F.one_hot(torchy.tensor([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    with pytest.raises(RuntimeError, match="3"):
        F.one_hot(torchy.tensor([3]), 3)
    y = F.normalize(tensor(A))
    np.testing.assert_allclose(y.tolist(), A / np.linalg.norm(A, axis=1, keepdims=True))
    assert F.normalize(torchy.zeros(1, 2)).tolist() == [[0.0, 0.0]]
    similarity = F.cosine_similarity(tensor(A), tensor(A * 3))
    assert similarity.tolist() == pytest.approx([1.0] * 3)
