# The text of tensors against an installed PyTorch, character by character: dtypes, shapes,
# magnitudes, print options, graph suffixes. Layer: tests/parity; skipped where torch is absent.
from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings, strategies as st

import torchy
from torchy import _tensor_str

torch = pytest.importorskip("torch")

INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
DTYPES = ["bool", *INTEGERS, *FLOATS, *COMPLEX]
SHAPES = [
    (), (1,), (3,), (17,), (60,), (1000,), (1001,), (2, 3), (7, 6), (1, 1), (40, 30), (7, 200),
    (200, 7), (2, 3, 4), (12, 10, 11), (3, 1, 2, 5), (8, 7, 3, 9), (2, 2, 2, 2, 2),
]  # fmt: skip
EMPTY = [(0,), (0, 3), (3, 0), (2, 0, 4), (0, 0)]
OPTIONS = [
    {},
    {"precision": 0},
    {"precision": 8},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full", "linewidth": 120},
    {"threshold": 5, "edgeitems": 1},
    {"threshold": 0, "edgeitems": 2, "linewidth": 30},
    {"threshold": 4, "edgeitems": 0},
    {"linewidth": 1, "threshold": 20, "sci_mode": True, "precision": 2},
]
NUMBERS = [0.0, -0.0, 0.5, 1.0, -1.0, 3.0, 1e-3, 1e-4, 9.9e-5, 1e-5, 999.5, 1000.0, 1001.0, 1e8]
NUMBERS += [100000001.0, 1e10, 1e30, 1e-30, math.inf, -math.inf, math.nan, 0.1, 2.0 / 3.0]


def uniform(rng: random.Random) -> float:
    return rng.uniform(-1.0, 1.0)


def wide(rng: random.Random) -> float:
    return rng.gauss(0.0, 1.0) * 10.0 ** rng.randint(-9, 9)


def whole(rng: random.Random) -> float:
    return float(rng.randint(-120, 120))


def large_whole(rng: random.Random) -> float:
    return float(rng.randint(-(10**9), 10**9))


def special(rng: random.Random) -> float:
    return rng.choice(NUMBERS)


KINDS = [uniform, wide, whole, large_whole, special]


@pytest.fixture(autouse=True)
def default_options():
    yield
    use_options({})
    torchy.set_default_dtype(torchy.float32)
    torch.set_default_dtype(torch.float32)


def use_options(options: dict) -> None:
    for module in (torch, torchy):
        module.set_printoptions(profile="default")
        if options:
            module.set_printoptions(**options)


def torch_values(rng: random.Random, dtype: str, shape: tuple, kind):
    count = math.prod(shape)
    if dtype == "bool":
        values = [rng.random() < 0.5 for _ in range(count)]
    elif dtype in INTEGERS:
        limits = torch.iinfo(getattr(torch, dtype))
        top = rng.choice([limits.max, 9, 100])
        values = [rng.randint(max(limits.min, -top), top) for _ in range(count)]
    elif dtype in COMPLEX:
        values = [complex(kind(rng), kind(rng)) for _ in range(count)]
        values = torch.tensor(values, dtype=torch.complex128)
    else:
        values = torch.tensor([kind(rng) for _ in range(count)], dtype=torch.float64)
    return torch.as_tensor(values).to(getattr(torch, dtype)).reshape(shape)


def same_in_torchy(theirs):
    """Made from values already rounded to the dtype, so that only the printing is compared."""
    name = str(theirs.dtype).rpartition(".")[2]
    flat = torchy.tensor(theirs.reshape(-1).tolist(), dtype=getattr(torchy, name))
    return flat.reshape(tuple(theirs.shape))


def assert_same_text(theirs) -> None:
    ours = same_in_torchy(theirs)
    assert repr(ours) == repr(theirs)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_repr_of_every_dtype_and_shape_equals_pytorch(dtype, shape):
    rng = random.Random(f"{dtype}{shape}")
    for kind in KINDS:
        assert_same_text(torch_values(rng, dtype, shape, kind))


@pytest.mark.parametrize("shape", EMPTY, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_repr_of_empty_tensors_equals_pytorch(dtype, shape):
    assert_same_text(torch.zeros(shape, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_repr_under_print_options_equals_pytorch(dtype, options):
    rng = random.Random(f"{dtype}{options}")
    use_options(options)
    for shape in [(), (1,), (25,), (3, 4), (9, 30), (2, 0), (4, 3, 5)]:
        for kind in KINDS:
            assert_same_text(torch_values(rng, dtype, shape, kind))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_repr_of_a_special_number_equals_pytorch(dtype, number):
    assert_same_text(torch.tensor(number, dtype=getattr(torch, dtype)))
    assert_same_text(torch.tensor([number, 1.5], dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("default", ["float32", "float64"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_repr_names_the_dtypes_pytorch_names(dtype, default):
    torch.set_default_dtype(getattr(torch, default))
    torchy.set_default_dtype(getattr(torchy, default))
    for shape in [(), (2,), (0,), (0, 2)]:
        assert_same_text(torch.ones(shape, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("shape", [(), (3,), (4, 40), (60, 60), (0, 3)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS + COMPLEX)
def test_repr_in_a_graph_equals_pytorch(dtype, shape):
    theirs = torch_values(random.Random(7), dtype, shape, uniform)
    ours = same_in_torchy(theirs)
    theirs.requires_grad_()
    ours.requires_grad_()
    assert repr(ours) == repr(theirs)
    assert repr(ours * ours) == repr(theirs * theirs)
    assert repr((ours * ours).detach()) == repr((theirs * theirs).detach())


@pytest.mark.parametrize("linewidth", range(10, 90))
def test_suffixes_wrap_where_pytorch_wraps_them(linewidth):
    use_options({"linewidth": linewidth})
    theirs = torch.zeros(0, 3, dtype=torch.float64, requires_grad=True)
    ours = torchy.zeros(0, 3, dtype=torchy.float64, requires_grad=True)
    assert repr(ours) == repr(theirs)
    assert repr(ours * ours) == repr(theirs * theirs)


def test_repr_of_a_parameter_equals_pytorch():
    theirs = torch.nn.Parameter(torch.tensor([[1.5, 2.5]]))
    assert repr(torchy.nn.Parameter(torchy.tensor([[1.5, 2.5]]))) == repr(theirs)


def test_repr_of_a_transposed_tensor_equals_pytorch():
    theirs = torch.arange(4000).reshape(40, 100)
    ours = torchy.arange(4000).reshape(40, 100)
    assert repr(ours.t()) == repr(theirs.t())
    assert repr(ours[3]) == repr(theirs[3])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_printoptions_are_those_of_pytorch(options):
    use_options(options)
    assert _tensor_str.get_printoptions() == torch._tensor_str.get_printoptions()


@pytest.mark.parametrize("spec", ["", ".3f", "10.2e", "+", ">20"])
@pytest.mark.parametrize("number", [0.375, -2.5, math.inf])
def test_format_of_one_number_equals_pytorch(number, spec):
    assert format(torchy.tensor(number), spec) == format(torch.tensor(number), spec)


numbers = st.one_of(st.floats(width=64), st.sampled_from(NUMBERS), st.integers(-2000, 2000))
shapes = st.lists(st.integers(0, 7), min_size=0, max_size=4).filter(lambda s: math.prod(s) <= 150)


@given(
    data=st.data(),
    shape=shapes,
    dtype=st.sampled_from(FLOATS + COMPLEX),
    precision=st.integers(0, 12),
    threshold=st.sampled_from([0, 10, 50, 1000]),
    edgeitems=st.integers(0, 4),
    linewidth=st.integers(1, 160),
    sci_mode=st.sampled_from([None, True, False]),
)
@settings(max_examples=300, deadline=None)
def test_repr_of_any_numbers_equals_pytorch(data, shape, dtype, **options):
    count = math.prod(shape)
    # A few numbers, repeated: the layout depends on which occur together, not on how many.
    pool = data.draw(st.lists(numbers, min_size=1, max_size=6))
    rng = data.draw(st.randoms(use_true_random=False))
    values = [float(rng.choice(pool)) for _ in range(count)]
    if dtype in COMPLEX:
        values = [complex(v, float(rng.choice(pool))) for v in values]
        theirs = torch.tensor(values, dtype=torch.complex128)
    else:
        theirs = torch.tensor(values, dtype=torch.float64)
    use_options(options)
    try:
        assert_same_text(theirs.to(getattr(torch, dtype)).reshape(shape))
    finally:
        use_options({})


@given(
    values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=60),
    threshold=st.sampled_from([0, 10, 1000]),
    linewidth=st.integers(1, 160),
)
@settings(max_examples=100, deadline=None)
def test_repr_of_any_integers_equals_pytorch(values, threshold, linewidth):
    use_options({"threshold": threshold, "linewidth": linewidth})
    try:
        assert_same_text(torch.tensor(values, dtype=torch.int64))
    finally:
        use_options({})
