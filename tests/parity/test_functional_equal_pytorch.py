# torchy.nn.functional and torchy.nn.init beside an installed PyTorch: values, gradients, random
# draws and exceptions.
from __future__ import annotations

import numpy as np
import pytest
from _same import same, tensor, with_grads

# PyTorch's float64 gradient of hardsigmoid uses a sixth rounded to float32.
ROUNDED_IN_PYTORCH = {"hardsigmoid"}

RNG = np.random.default_rng(7)
SPECIAL = np.array([-25.0, -6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 25.0, 0.25])
VALUES = np.concatenate([SPECIAL, RNG.normal(size=12) * 2]).reshape(4, 6)

ACTIVATIONS = [
    ("relu", {}), ("relu6", {}), ("tanh", {}), ("sigmoid", {}), ("silu", {}), ("mish", {}),
    ("gelu", {}), ("gelu", {"approximate": "tanh"}), ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.3}), ("elu", {}), ("elu", {"alpha": 0.7}), ("selu", {}),
    ("celu", {}), ("celu", {"alpha": 2.0}), ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 5.0}), ("logsigmoid", {}), ("hardtanh", {}),
    ("hardtanh", {"min_val": -0.5, "max_val": 3.0}), ("hardsigmoid", {}), ("hardswish", {}),
    ("softsign", {}), ("tanhshrink", {}), ("softshrink", {}), ("hardshrink", {"lambd": 0.6}),
    ("threshold", {"threshold": 0.4, "value": -2.0}), ("glu", {}), ("glu", {"dim": 0}),
    ("softmax", {"dim": 1}), ("softmax", {"dim": 0}), ("softmin", {"dim": -1}),
    ("log_softmax", {"dim": 1}), ("softmax", {}), ("normalize", {}),
    ("normalize", {"p": 1.0, "dim": 0}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", ACTIVATIONS, ids=lambda v: str(v))
def test_activation_equals_pytorch(name, options, dtype):
    def program(T):
        x = tensor(T, VALUES, getattr(T, dtype), grad=True)
        return with_grads(T, lambda x: getattr(T.nn.functional, name)(x, **options), x)

    # gelu(-3) of PyTorch in float32 is 5e-7 off: it cancels in 1 + erf.
    same(program, rtol=2e-5, tight_rtol=1e-7 if name in ROUNDED_IN_PYTORCH else 1e-12, atol=1e-6)


@pytest.mark.parametrize(
    "name", ["relu", "relu6", "silu", "leaky_relu", "elu", "selu", "celu", "mish", "hardtanh",
             "hardsigmoid", "hardswish"],
)  # fmt: skip
def test_activation_in_place_equals_pytorch(name):
    def program(T):
        leaf = tensor(T, VALUES, T.float64, grad=True)
        x = leaf * 1.5
        y = getattr(T.nn.functional, name)(x, inplace=True)
        (y * y).sum().backward()
        return [x, y is x, leaf.grad]

    same(program, tight_rtol=1e-7 if name in ROUNDED_IN_PYTORCH else 1e-12)


LOGITS = RNG.normal(size=(5, 4)) * 2
IMAGES = RNG.normal(size=(2, 4, 3, 2))
CLASS_WEIGHT = [0.5, 1.0, 2.0, 0.1]
CLASSES = [0, 3, 2, 2, 1]
SOME_IGNORED = [0, -100, 2, -100, 1]
IMAGE_CLASSES = RNG.integers(0, 4, size=(2, 3, 2))
PROBABILITIES = RNG.dirichlet(np.ones(4), size=5)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "logits, target, options",
    [
        (LOGITS, CLASSES, {}),
        (LOGITS, SOME_IGNORED, {}),
        (LOGITS, CLASSES, {"ignore_index": 2}),
        (LOGITS[0], 2, {}),
        (IMAGES, IMAGE_CLASSES, {}),
        (IMAGES, IMAGE_CLASSES, {"ignore_index": 1}),
        (LOGITS, PROBABILITIES, {}),
        (LOGITS[0], PROBABILITIES[0], {}),
    ],
    ids=["indices", "ignored", "ignore_index", "one", "images", "images_ignored",
         "probabilities", "one_probabilities"],
)  # fmt: skip
def test_cross_entropy_equals_pytorch(logits, target, options, weighted, smoothing, reduction):
    is_probability = np.asarray(target).dtype.kind == "f"

    def program(T):
        x = tensor(T, logits, T.float64, grad=True)
        weight = T.tensor(CLASS_WEIGHT, dtype=T.float64) if weighted else None
        t = tensor(T, target, T.float64 if is_probability else T.int64)
        loss = T.nn.CrossEntropyLoss(weight=weight, reduction=reduction, label_smoothing=smoothing, **options)
        return with_grads(T, lambda x: loss(x, t), x)

    same(program)


@pytest.mark.parametrize(
    "target, options",
    [
        ([0, 4, 2, 2, 1], {}),
        ([0, -1, 2, 2, 1], {}),
        ([0, 1], {}),
        ([[0, 1, 2, 3, 0]], {}),
        (CLASSES, {"reduction": "nonsense"}),
        (CLASSES, {"label_smoothing": 1.5}),
        (CLASSES, {"weight": "short"}),
        ([-100] * 5, {}),
    ],
    ids=["above", "below", "batch", "shape", "reduction", "smoothing", "weight", "all_ignored"],
)
def test_cross_entropy_errors_equal_pytorch(target, options):
    def program(T):
        given = dict(options)
        if given.get("weight") == "short":
            given["weight"] = T.tensor([1.0, 2.0], dtype=T.float64)
        x = tensor(T, LOGITS, T.float64, grad=True)
        return T.nn.functional.cross_entropy(x, tensor(T, target, T.int64), **given)

    same(program)


A = RNG.normal(size=(3, 4))
B = A + RNG.choice([-2.0, -0.3, 0.0, 0.3, 2.0], size=(3, 4))
P = np.clip(RNG.random((3, 4)), 0.01, 0.99)
P[0, :3] = [0.0, 1.0, 0.5]
Q = RNG.random((3, 4))
Q[0, :2] = [1.0, 1.0]
ELEMENTWISE = [
    ("mse_loss", A, B, {}),
    ("l1_loss", A, B, {}),
    ("smooth_l1_loss", A, B, {}),
    ("smooth_l1_loss", A, B, {"beta": 0.3}),
    ("smooth_l1_loss", A, B, {"beta": 0.0}),
    ("huber_loss", A, B, {}),
    ("huber_loss", A, B, {"delta": 0.3}),
    ("binary_cross_entropy", P, Q, {}),
    ("binary_cross_entropy", P, Q, {"weight": A}),
    ("binary_cross_entropy_with_logits", A * 30, Q, {}),
    ("binary_cross_entropy_with_logits", A, Q, {"weight": Q}),
    ("binary_cross_entropy_with_logits", A, Q, {"pos_weight": Q[0] + 1}),
    ("kl_div", np.log(P + 0.1), Q, {}),
    ("kl_div", np.log(P + 0.1), np.log(Q + 0.1), {"log_target": True}),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "name, input, target, options",
    ELEMENTWISE,
    ids=[f"{c[0]}-{i}" for i, c in enumerate(ELEMENTWISE)],
)
def test_elementwise_loss_equals_pytorch(name, input, target, options, reduction):
    def program(T):
        x = tensor(T, input, T.float64, grad=True)
        t = tensor(T, target, T.float64)
        given = {
            key: tensor(T, value, T.float64) if isinstance(value, np.ndarray) else value
            for key, value in options.items()
        }
        function = getattr(T.nn.functional, name)
        return with_grads(T, lambda x: function(x, t, reduction=reduction, **given), x)

    same(program)


@pytest.mark.parametrize("name", ["mse_loss", "binary_cross_entropy", "smooth_l1_loss"])
def test_loss_gradient_of_the_target_equals_pytorch(name):
    def program(T):
        x = tensor(T, P[1:], T.float64, grad=True)
        t = tensor(T, Q[1:], T.float64, grad=True)
        return with_grads(T, getattr(T.nn.functional, name), x, t)

    same(program)


@pytest.mark.parametrize(
    "build",
    [
        lambda T: T.nn.functional.binary_cross_entropy(T.ones(3), T.ones(4)),
        lambda T: T.nn.functional.binary_cross_entropy(T.ones(3) * 2, T.ones(3)),
        lambda T: T.nn.functional.binary_cross_entropy_with_logits(T.ones(3), T.ones(4)),
        lambda T: T.nn.functional.huber_loss(T.ones(3), T.ones(3), delta=0.0),
        lambda T: T.nn.functional.dropout(T.ones(3), 1.5),
        lambda T: T.nn.functional.one_hot(T.tensor([0, 5]), 3),
        lambda T: T.nn.functional.one_hot(T.tensor([0, -1])),
        lambda T: T.nn.functional.one_hot(T.tensor([[0, 2], [1, 1]])),
        lambda T: T.nn.functional.one_hot(T.tensor([0, 2]), num_classes=5),
        lambda T: T.nn.functional.cosine_similarity(tensor(T, A), tensor(T, B)),
        lambda T: T.nn.functional.pairwise_distance(tensor(T, A), tensor(T, B)),
        lambda T: T.nn.functional.prelu(tensor(T, A), tensor(T, A[0])),
        lambda T: T.nn.functional.bilinear(tensor(T, A), tensor(T, B), tensor(T, RNG_WEIGHT), tensor(T, A[0, :2])),
        lambda T: T.nn.functional.linear(tensor(T, A), tensor(T, B), tensor(T, A[0, :3])),
    ],
)
def test_function_equals_pytorch(build):
    same(build)


RNG_WEIGHT = RNG.normal(size=(2, 4, 4))


@pytest.mark.parametrize(
    "name, options",
    [
        ("dropout", {"p": 0.3}), ("dropout", {"p": 0.0}), ("dropout", {"p": 1.0}),
        ("dropout", {"p": 0.3, "training": False}), ("dropout2d", {"p": 0.5}),
        ("alpha_dropout", {"p": 0.3, "training": True}),
    ],
)  # fmt: skip
def test_dropout_draws_the_numbers_of_pytorch(name, options):
    def program(T):
        T.manual_seed(3)
        x = T.ones(4, 5, 3, 2, requires_grad=True)
        result = with_grads(T, lambda x: getattr(T.nn.functional, name)(x, **options), x)
        return [*result, T.rand(2)]

    same(program)


INITS = [
    ("uniform_", (3, 4), {}), ("uniform_", (3, 4), {"a": -2.0, "b": 5.0}),
    ("normal_", (5, 4), {}), ("normal_", (3, 3), {"mean": 2.0, "std": 0.1}),
    ("constant_", (3,), {"val": 0.3}), ("ones_", (2, 2), {}), ("zeros_", (2, 2), {}),
    ("eye_", (3, 5), {}), ("eye_", (3,), {}), ("dirac_", (4, 3, 3), {}),
    ("dirac_", (4, 2, 3, 3), {"groups": 2}), ("dirac_", (4, 3), {}),
    ("xavier_uniform_", (5, 4), {}), ("xavier_uniform_", (5, 4, 3), {"gain": 2.0}),
    ("xavier_normal_", (5, 4), {}), ("xavier_normal_", (5,), {}),
    ("kaiming_uniform_", (5, 4), {}), ("kaiming_uniform_", (5, 4), {"a": 5**0.5}),
    ("kaiming_uniform_", (5, 4, 3, 3), {"mode": "fan_out", "nonlinearity": "relu"}),
    ("kaiming_normal_", (5, 4), {"nonlinearity": "tanh"}),
    ("kaiming_normal_", (5, 4), {"mode": "sideways"}),
    ("kaiming_normal_", (5, 4), {"nonlinearity": "what"}),
    ("trunc_normal_", (40, 5), {}), ("trunc_normal_", (40, 5), {"mean": 1.0, "std": 2.0}),
    ("trunc_normal_", (40, 5), {"a": 1.5, "b": 2.0}),
    ("trunc_normal_", (40, 5), {"mean": 0.5, "std": 1.0, "a": 2.0, "b": 5.0}),
    ("sparse_", (10, 4), {"sparsity": 0.3}),
]  # fmt: skip


@pytest.mark.parametrize("name, shape, options", INITS, ids=lambda v: str(v))
def test_init_equals_pytorch(name, shape, options):
    def program(T):
        T.manual_seed(11)
        x = T.empty(shape, requires_grad=True)
        result = getattr(T.nn.init, name)(x, **options)
        return [result is x, x, x.grad_fn is None, T.rand(1)]

    same(program)


def test_orthogonal_equals_pytorch():
    def program(T):
        T.manual_seed(11)
        return [T.nn.init.orthogonal_(T.empty(shape), gain=2.0) for shape in ((5, 3), (3, 5))]

    same(program, rtol=1e-4)


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu",
                                  "leaky_relu", "other"])  # fmt: skip
def test_gain_equals_pytorch(name):
    same(lambda T: float(T.nn.init.calculate_gain(name)))
