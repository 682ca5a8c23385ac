# Random operations: moments, ranges, dtypes, layouts, errors, generators. That the numbers are
# PyTorch's is tests/parity/test_random_stream_equals_pytorch.py; nothing here needs PyTorch.
from __future__ import annotations

import copy
import math
import pickle
import threading

import numpy as np
import pytest

import torchy
from torchy.random import fork_rng

N = 40000
FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]


def gen(seed: int = 3) -> torchy.Generator:
    return torchy.Generator().manual_seed(seed)


def values(t: torchy.Tensor) -> np.ndarray:
    t = t.detach()
    return (t.float() if t.dtype == torchy.bfloat16 else t).numpy().astype("float64")


def same(a: torchy.Tensor, b: torchy.Tensor) -> bool:
    return bool(np.array_equal(a.numpy(), b.numpy()))


def empty(dtype: str = "float32", *size: int) -> torchy.Tensor:
    return torchy.empty(*(size or (N,)), dtype=getattr(torchy, dtype))


# ---- moments: (call, mean, standard deviation, lower bound, upper bound)

DRAWS = {
    "rand": (lambda g: torchy.rand(N, generator=g), 0.5, math.sqrt(1 / 12), 0, 1),
    "randn": (lambda g: torchy.randn(N, generator=g), 0, 1, -8, 8),
    "randn-double": (lambda g: torchy.randn(N, generator=g, dtype=torchy.float64), 0, 1, -8, 8),
    "randint": (lambda g: torchy.randint(10, (N,), generator=g), 4.5, math.sqrt(99 / 12), 0, 9),
    "randint-low": (lambda g: torchy.randint(-5, 6, (N,), generator=g), 0, math.sqrt(10), -5, 5),
    "rand_like": (lambda g: torchy.rand_like(empty(), generator=g), 0.5, math.sqrt(1 / 12), 0, 1),
    "randn_like": (lambda g: torchy.randn_like(empty(), generator=g), 0, 1, -8, 8),
    "randint_like": (lambda g: torchy.randint_like(empty(), -5, 6, generator=g), 0, math.sqrt(10), -5, 5),
    "normal": (lambda g: torchy.normal(2.0, 3.0, (N,), generator=g), 2, 3, -30, 30),
    "normal-mean": (lambda g: torchy.normal(torchy.full((N,), 2.0), 3.0, generator=g), 2, 3, -30, 30),
    "normal-std": (lambda g: torchy.normal(2.0, torchy.full((N,), 3.0), generator=g), 2, 3, -30, 30),
    "normal-both": (lambda g: torchy.normal(torchy.full((N,), 2.0), torchy.tensor(3.0), generator=g), 2, 3, -30, 30),
    "normal_": (lambda g: empty().normal_(2, 3, generator=g), 2, 3, -30, 30),
    "bernoulli": (lambda g: torchy.bernoulli(torchy.full((N,), 0.3), generator=g), 0.3, math.sqrt(0.21), 0, 1),
    "bernoulli-p": (lambda g: torchy.bernoulli(empty(), 0.3, generator=g), 0.3, math.sqrt(0.21), 0, 1),
    "bernoulli_": (lambda g: empty().bernoulli_(0.3, generator=g), 0.3, math.sqrt(0.21), 0, 1),
    "bernoulli_-tensor": (lambda g: empty().bernoulli_(torchy.tensor(0.3), generator=g), 0.3, math.sqrt(0.21), 0, 1),
    "poisson": (lambda g: torchy.poisson(torchy.full((N,), 4.0), generator=g), 4, 2, 0, 40),
    "poisson-large": (lambda g: torchy.poisson(torchy.full((N,), 64.0), generator=g), 64, 8, 0, 200),
    "uniform_": (lambda g: empty().uniform_(-1, 3, generator=g), 1, math.sqrt(16 / 12), -1, 3),
    "random_-to": (lambda g: empty().random_(11, generator=g), 5, math.sqrt(10), 0, 10),
    "random_-from": (lambda g: empty().random_(-5, 6, generator=g), 0, math.sqrt(10), -5, 5),
    "exponential_": (lambda g: empty().exponential_(0.5, generator=g), 2, 2, 0, 100),
    "geometric_": (lambda g: empty().geometric_(0.25, generator=g), 4, math.sqrt(12), 1, 200),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_moments_and_range(name):
    draw, mean, std, low, high = DRAWS[name]
    x = values(draw(gen()))
    assert x.shape == (N,)
    assert low <= x.min() and x.max() <= high
    assert abs(x.mean() - mean) < 5 * std / math.sqrt(N)
    assert abs(x.std() - std) < 0.05 * std


def test_cauchy_and_log_normal_by_their_quantiles():
    x = values(empty().cauchy_(2, 0.5, generator=gen()))
    np.testing.assert_allclose(np.quantile(x, [0.25, 0.5, 0.75]), [1.5, 2, 2.5], atol=0.03)
    y = values(empty().log_normal_(1, 0.5, generator=gen()))
    assert abs(np.log(y).mean() - 1) < 0.02 and abs(np.log(y).std() - 0.5) < 0.02


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_parts_share_the_variance(dtype):
    d = getattr(torchy, dtype)
    z = torchy.randn(N, dtype=d, generator=gen()).numpy()
    assert abs(z.real.var() - 0.5) < 0.02 and abs(z.imag.var() - 0.5) < 0.02
    assert abs((z.real * z.imag).mean()) < 0.02
    u = torchy.rand(N, dtype=d, generator=gen()).numpy()
    assert 0 <= u.real.min() and u.imag.max() < 1 and abs(u.imag.mean() - 0.5) < 0.02


def test_without_bounds_random_spans_the_dtype():
    assert values(empty("uint8").random_(generator=gen())).max() == 255
    assert values(empty("int8").random_(generator=gen())).min() == 0
    assert set(values(empty("bool").random_(generator=gen()))) == {0.0, 1.0}
    wide = empty("int64").random_(-(2**63), None, generator=gen())
    assert wide.min().item() < -(2**62) and wide.max().item() > 2**62
    assert values(empty("float32").random_(generator=gen())).max() > 2**23


def test_randperm_is_a_permutation():
    for n in (0, 1, 2, 1000):
        p = torchy.randperm(n, generator=gen())
        assert p.dtype == torchy.int64
        assert sorted(p.tolist()) == list(range(n))
    assert torchy.randperm(1000, generator=gen(1)).tolist() != torchy.randperm(1000, generator=gen(2)).tolist()


def test_multinomial_follows_the_weights():
    w = torchy.tensor([[1.0, 0.0, 3.0], [0.5, 0.25, 0.25]])
    x = torchy.multinomial(w, N, replacement=True, generator=gen())
    assert tuple(x.shape) == (2, N) and x.dtype == torchy.int64
    share = [np.bincount(row, minlength=3) / N for row in x.numpy()]
    np.testing.assert_allclose(share, [[0.25, 0, 0.75], [0.5, 0.25, 0.25]], atol=0.015)


def test_multinomial_without_replacement_takes_each_once():
    w = torchy.tensor([0.1, 5.0, 1.0, 1.0])
    firsts = []
    g = gen()
    for _ in range(400):
        x = torchy.multinomial(w, 4, generator=g).tolist()
        assert sorted(x) == [0, 1, 2, 3]
        firsts.append(x[0])
    assert abs(firsts.count(1) / 400 - 5 / 7.1) < 0.1


# ---- dtypes, shapes, layouts


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
def test_dtype_is_kept(dtype):
    d = getattr(torchy, dtype)
    made = [
        torchy.randint(0, 2, (4,), dtype=d), torchy.randint_like(empty(dtype, 4), 2),
        empty(dtype, 4).random_(0, 2), empty(dtype, 4).random_(), empty(dtype, 4).bernoulli_(0.5),
        empty(dtype, 4).bernoulli_(torchy.rand(4)), torchy.bernoulli(empty(dtype, 4), 0.5),
    ]  # fmt: skip
    if dtype != "bool":
        made += [torchy.randperm(4, dtype=d), empty(dtype, 4).geometric_(0.5)]
    if dtype in FLOATS:
        made += [
            torchy.rand(4, dtype=d), torchy.randn(4, dtype=d), torchy.normal(0.0, 1.0, (4,), dtype=d),
            torchy.rand_like(empty("float32", 4), dtype=d), torchy.bernoulli(torchy.ones(4, dtype=d)),
            torchy.poisson(torchy.ones(4, dtype=d)), torchy.normal(torchy.ones(4, dtype=d), torchy.ones(4)),
        ]  # fmt: skip
    for t in made:
        assert t.dtype == d and tuple(t.shape) == (4,)


def test_defaults_and_shapes():
    assert torchy.rand(2, 3).dtype == torchy.float32
    assert (
        tuple(torchy.rand(2, 3).shape) == tuple(torchy.rand((2, 3)).shape) == tuple(torchy.rand([2, 3]).shape) == (2, 3)
    )
    assert tuple(torchy.rand(()).shape) == () and tuple(torchy.randn(0, 3).shape) == (0, 3)
    assert torchy.randint(5, (2,)).dtype == torchy.int64
    assert (
        tuple(torchy.randint(2, 5, size=(2, 1)).shape)
        == tuple(torchy.randint(low=2, high=5, size=(2, 1)).shape)
        == (2, 1)
    )
    assert torchy.rand(2, requires_grad=True, device="cpu").requires_grad
    assert tuple(torchy.multinomial(torchy.ones(0, 3), 2).shape) == (0, 2)
    assert tuple(torchy.normal(torchy.zeros(2, 1), torchy.ones(3)).shape) == (2, 3)
    torchy.set_default_dtype(torchy.float64)
    try:
        assert torchy.rand(1).dtype == torchy.randn(1).dtype == torchy.normal(0.0, 1.0, (1,)).dtype == torchy.float64
    finally:
        torchy.set_default_dtype(torchy.float32)


def test_in_place_returns_self_and_writes_only_there():
    base = torchy.zeros(4, 6)
    part = base[:, ::2]
    assert part.uniform_(1, 2) is part
    assert (part >= 1).all().item() and (base[:, 1::2] == 0).all().item()
    version = base._version
    base.normal_()
    assert base._version == version + 1


def test_memory_order_decides_the_order_of_draws():
    plain = torchy.empty(3, 5).uniform_(generator=gen())
    turned = torchy.empty(5, 3).t().uniform_(generator=gen())
    assert same(turned.t().reshape(3, 5), plain)
    assert torchy.rand_like(torchy.empty(5, 3).t()).stride() == (1, 3)
    # normals on such memory come one at a time, through the cache
    serial = torchy.cat([torchy.randn(1, generator=g) for g in [gen()] for _ in range(20)])
    assert same(torchy.empty(5, 4).t().normal_(generator=gen()).t().reshape(-1), serial)


def test_out_is_written():
    out = torchy.empty(0, dtype=torchy.int64)
    assert torchy.randperm(4, generator=gen(), out=out) is out and sorted(out.tolist()) == [0, 1, 2, 3]
    drawn = torchy.empty(3)
    torchy.bernoulli(torchy.ones(3), out=drawn)
    assert drawn.tolist() == [1, 1, 1]


# ---- generators


def test_the_same_seed_gives_the_same_numbers():
    torchy.manual_seed(5)
    a = torchy.rand(20)
    torchy.manual_seed(5)
    assert same(a, torchy.rand(20))
    assert same(a, torchy.rand(20, generator=gen(5)))
    assert not same(a, torchy.rand(20, generator=gen(6)))
    assert torchy.initial_seed() == 5


def test_generators_do_not_disturb_each_other():
    g, other = gen(1), gen(2)
    a = [torchy.rand(3, generator=g).tolist() for _ in range(3)]
    g.manual_seed(1)
    torchy.manual_seed(9)
    first = torchy.rand(1).item()
    torchy.manual_seed(9)
    b = []
    for _ in range(3):
        b.append(torchy.rand(3, generator=g).tolist())
        torchy.randn(5, generator=other)
    assert a == b
    assert torchy.rand(1).item() == first


def test_states_copies_and_pickles_go_on_alike():
    g = gen()
    torchy.randn(3, generator=g)  # leaves a normal in the cache
    state = g.get_state()
    assert state.dtype == torchy.uint8 and tuple(state.shape) == (5056,)
    others = [g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g)), torchy.Generator()]
    assert others[3].set_state(state) is others[3]
    expected = torchy.randn(9, generator=g)
    for other in others:
        assert same(torchy.randn(9, generator=other), expected)
        assert other.initial_seed() == 3
    saved = torchy.get_rng_state()
    a = torchy.randn(5)
    torchy.set_rng_state(saved)
    assert same(torchy.randn(5), a)


def test_seeds():
    g = torchy.Generator(device="cpu")
    assert g.initial_seed() == 67280421310721 and str(g.device) == "cpu"
    assert g.manual_seed(4) is g
    for seed in (2**64 - 1, -(2**63), -1, 2**40, np.int64(7)):
        assert g.manual_seed(seed).initial_seed() == int(seed) % 2**64
    assert g.seed() == g.initial_seed() != g.seed()
    assert torchy.manual_seed(1) is torchy.default_generator
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="overflow"):
            g.manual_seed(seed)
    for seed in (1.5, "a", True, None):
        with pytest.raises(RuntimeError, match="expected a long"):
            g.manual_seed(seed)
    assert torchy.manual_seed(1.7).initial_seed() == 1


def test_bad_states_and_generators_are_refused():
    g = gen()
    with pytest.raises(TypeError):
        g.set_state(torchy.zeros(5056))
    with pytest.raises(TypeError):
        g.set_state(3)
    with pytest.raises(RuntimeError):
        g.set_state(torchy.zeros(10, dtype=torchy.uint8))
    with pytest.raises(RuntimeError):
        torchy.Generator("cuda")
    for wrong in (3, np.random.default_rng(0)):
        with pytest.raises(TypeError):
            torchy.rand(3, generator=wrong)


def test_threads_share_one_generator():
    g, parts = gen(), []

    def work():
        for size in (10, 200000, 3):
            parts.append(torchy.rand(size, generator=g))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # every number of the stream was given out once
    together = np.sort(np.concatenate([p.numpy() for p in parts]))
    np.testing.assert_array_equal(together, np.sort(torchy.rand(4 * 200013, generator=gen()).numpy()))


def test_fork_rng():
    torchy.manual_seed(1)
    expected = torchy.rand(4)
    torchy.manual_seed(1)
    with fork_rng():
        torchy.manual_seed(77)
        torchy.randn(3)
    assert same(torchy.rand(4), expected)
    torchy.manual_seed(1)
    with pytest.raises(KeyError), fork_rng(devices=[]):
        torchy.rand(9)
        raise KeyError
    assert same(torchy.rand(4), expected)
    torchy.manual_seed(1)
    with fork_rng(enabled=False):
        torchy.rand(1)
    assert not same(torchy.rand(4), expected)
    with pytest.raises(RuntimeError, match="not available"), fork_rng(devices=["cuda:0"]):
        pass


# ---- gradients are zero


FILLERS = {
    "uniform_": (), "normal_": (), "bernoulli_": (0.5,), "random_": (), "exponential_": (), "cauchy_": (),
    "log_normal_": (), "geometric_": (0.5,),
}  # fmt: skip


@pytest.mark.parametrize("name", FILLERS)
def test_filled_values_have_no_gradient(name):
    x = torchy.ones(3, requires_grad=True)
    y = x * 2
    getattr(y, name)(*FILLERS[name])
    assert y.requires_grad and y.grad_fn is not None
    (y * 3 + x).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="leaf"):
        getattr(x, name)(*FILLERS[name])


def test_parameters_in_tensors_get_zeros():
    m = torchy.full((2, 1), 0.5, requires_grad=True)
    s = torchy.full((3,), 0.5, requires_grad=True)
    drawn = torchy.normal(m, s).sum() + torchy.normal(m).sum() + torchy.normal(1.0, s).sum()
    drawn = drawn + torchy.bernoulli(m).sum() + torchy.poisson(s).sum() + (m * s).bernoulli_(s).sum()
    drawn.backward()
    assert m.grad.tolist() == [[0], [0]] and s.grad.tolist() == [0, 0, 0]
    assert not torchy.rand_like(m).requires_grad and not torchy.multinomial(s, 1).requires_grad


# ---- errors

NAN, INF = float("nan"), float("inf")
ERRORS = [
    (lambda: torchy.rand(3, dtype=torchy.int64), NotImplementedError, "int64"),
    (lambda: torchy.randn(3, dtype=torchy.bool), NotImplementedError, "bool"),
    (lambda: torchy.rand(2, -1), RuntimeError, "negative"),
    (lambda: torchy.rand_like(torchy.ones(2, dtype=torchy.int32)), NotImplementedError, "int32"),
    (lambda: torchy.randint(5, 5, (3,)), RuntimeError, "from=5 >= to=5"),
    (lambda: torchy.randint(5, 5, (0,)), RuntimeError, "from=5 >= to=5"),
    (lambda: torchy.randint(0, 3, (3,), dtype=torchy.bool), RuntimeError, "to - 1 is out of bounds for bool"),
    (lambda: torchy.randint(0, 2**40, (3,), dtype=torchy.float16), RuntimeError, "to - 1 is out of bounds"),
    (lambda: torchy.randint(-1, 5, (3,), dtype=torchy.uint8), RuntimeError, "from is out of bounds for uint8"),
    (lambda: torchy.randint(0, 2, (3,), dtype=torchy.complex64), RuntimeError, "complex64"),
    (lambda: torchy.randint(10), TypeError, "randint"),
    (lambda: torchy.randint(1.5, (3,)), TypeError, "randint"),
    (lambda: torchy.randperm(-1), RuntimeError, "non-negative"),
    (lambda: torchy.randperm(300, dtype=torchy.uint8), RuntimeError, "overflow"),
    (lambda: torchy.randperm(3000, dtype=torchy.float16), RuntimeError, "2049"),
    (lambda: torchy.randperm(3, dtype=torchy.bool), NotImplementedError, "bool"),
    (lambda: torchy.normal(0.0, 1.0), TypeError, "normal"),
    (lambda: torchy.normal(torchy.ones(2), torchy.tensor([1.0, NAN])), RuntimeError, "std >= 0.0"),
    (lambda: torchy.normal(0.0, torchy.ones(2, dtype=torchy.complex64)), RuntimeError, "non-complex"),
    (lambda: torchy.normal(torchy.ones(2, dtype=torchy.int64), 1.0), NotImplementedError, "int64"),
    (lambda: torchy.bernoulli(torchy.tensor([NAN])), RuntimeError, r"\[0, 1\]"),
    (lambda: torchy.poisson(torchy.tensor([-1.0])), RuntimeError, "negative"),
    (lambda: torchy.multinomial(torchy.tensor(1.0), 1), RuntimeError, "1 or 2 dim"),
    (lambda: torchy.multinomial(torchy.zeros(3), 1), RuntimeError, "sum to 0"),
    (lambda: torchy.multinomial(torchy.tensor([INF, 1.0]), 1), RuntimeError, "inf"),
    (lambda: torchy.multinomial(torchy.ones(2, 0), 1, True), RuntimeError, "multinomial"),
    (lambda: empty().uniform_(2, 1), RuntimeError, "from=2 > to=1"),
    (lambda: empty().uniform_(0, NAN), RuntimeError, "to is out of bounds"),
    (lambda: empty().uniform_(-3e38, 3e38), RuntimeError, "to - from"),
    (lambda: empty("float16").uniform_(0, 1e6), RuntimeError, "to is out of bounds for float16"),
    (lambda: empty("float32", 0).normal_(0, -1), RuntimeError, "found std -1"),
    (lambda: empty().bernoulli_(NAN), RuntimeError, "p=nan"),
    (lambda: empty("complex64").bernoulli_(), NotImplementedError, "complex64"),
    (lambda: empty().bernoulli_(torchy.ones(1, dtype=torchy.int64)), NotImplementedError, "int64"),
    (lambda: empty().exponential_(NAN), RuntimeError, "lambda=nan"),
    (lambda: empty("int64").exponential_(), RuntimeError, "floating point"),
    (lambda: empty("bool").geometric_(0.5), NotImplementedError, "bool"),
    (lambda: empty().random_(0), RuntimeError, "from=0 >= to=0"),
    (lambda: empty().random_(1.5), TypeError, "random_"),
    (lambda: empty("uint8").random_(300, None), RuntimeError, "from is out of bounds"),
    (lambda: empty("complex64").random_(), NotImplementedError, "complex64"),
    (lambda: torchy.ones(1).expand(3).uniform_(), RuntimeError, "single memory location"),
]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_wrong_arguments_are_refused(number):
    call, kind, text = ERRORS[number]
    torchy.manual_seed(0)
    with pytest.raises(kind, match=text):
        call()


def test_a_refused_call_draws_nothing():
    torchy.manual_seed(4)
    expected = torchy.rand(2)
    torchy.manual_seed(4)
    for call in (
        lambda: empty().uniform_(2, 1),
        lambda: torchy.multinomial(torchy.zeros(3), 1),
        lambda: torchy.randperm(-1),
    ):
        with pytest.raises(RuntimeError):
            call()
    assert same(torchy.rand(2), expected)
