# The random functions give PyTorch's numbers, bit for bit, and leave PyTorch's generator state.
# Sizes sit around the block sizes of the generator (624 words) and of normals (16 elements).
from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest

import torchy

torch = pytest.importorskip("torch")

SIZES = [0, 1, 2, 7, 15, 16, 17, 31, 32, 100, 311, 312, 313, 623, 624, 625, 1000, 70000]
SEEDS = [0, 1, 5, 2**40 + 17, -3]
FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTEGERS = ["uint8", "int8", "int16", "int32", "int64"]
WAYS = ["default", "explicit"]

# PyTorch's code for older processors rounds twice where its AVX2 code has a fused multiply-add.
same_rounding = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
    reason="PyTorch rounds normals and scaled uniforms differently on this processor",
)


def _torch_uses_vendor_stream() -> bool:
    """Whether PyTorch draws one seed word for a vendor library instead of two words per element."""
    generator = torch.Generator().manual_seed(0)
    torch.empty(4).bernoulli_(0.5, generator=generator)
    return int.from_bytes(bytes(generator.get_state()[16:24].tolist()), "little") != 8


own_stream = pytest.mark.skipif(
    _torch_uses_vendor_stream(),
    reason="PyTorch draws bernoulli_ and exponential_ from a vendor library on this processor",
)


def bits(tensor):
    """The elements as a numpy array; bfloat16 as the float32 of the same value."""
    tensor = tensor.contiguous()
    return (tensor.float() if str(tensor.dtype).endswith("bfloat16") else tensor).numpy()


def draw(lib, way, seed, program):
    """What program(lib, generator) returns after seeding, and the state bytes it leaves."""
    if way == "explicit":
        generator = lib.Generator().manual_seed(seed)
        result = program(lib, generator)
        return result, bits(generator.get_state())
    lib.manual_seed(seed)
    result = program(lib, None)
    return result, bits(lib.get_rng_state())


def assert_same(program, way="explicit", seeds=SEEDS):
    for seed in seeds:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs, their_state = draw(torch, way, seed, program)
        ours, our_state = draw(torchy, way, seed, program)
        assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
        assert tuple(ours.shape) == tuple(theirs.shape)
        np.testing.assert_array_equal(bits(ours), bits(theirs), err_msg=f"seed {seed}")
        np.testing.assert_array_equal(our_state, their_state, err_msg=f"state, seed {seed}")


@functools.lru_cache
def weights(rows, categories):
    """Positive weights with some zeros among them, as nested lists."""
    values = np.random.RandomState(categories).rand(rows, categories) + 0.01
    values[:, 3::4] = 0
    return values.astype(np.float32).tolist()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize("size", SIZES)
def test_rand(size, dtype, way):
    assert_same(lambda t, g: t.rand(size, dtype=getattr(t, dtype), generator=g), way)


@same_rounding
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize("size", SIZES)
def test_randn(size, dtype, way):
    assert_same(lambda t, g: t.randn(size, dtype=getattr(t, dtype), generator=g), way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@pytest.mark.parametrize("size", SIZES)
def test_randint(size, dtype, way):
    lo = 3 if dtype == "uint8" else -5
    assert_same(lambda t, g: t.randint(lo, 100, (size,), dtype=getattr(t, dtype), generator=g), way)


@pytest.mark.parametrize("size", [1, 17, 313, 1000])
@pytest.mark.parametrize("lo, hi", [(0, 2**28 - 1), (0, 2**28), (0, 2**32), (-(2**40), 2**41), (-(2**62), 2**62 + 5)])
def test_randint_of_wide_ranges(lo, hi, size):
    assert_same(lambda t, g: t.randint(lo, hi, (size,), generator=g))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_randperm(size, way):
    assert_same(lambda t, g: t.randperm(size, generator=g), way)


@pytest.mark.parametrize("size", [0, 1, 31, 1000])
@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_randperm_of_other_dtypes(dtype, size):
    assert_same(lambda t, g: t.randperm(size, dtype=getattr(t, dtype), generator=g))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", SIZES)
def test_bernoulli_with_a_probability_per_element(size, dtype, way):
    chances = np.random.RandomState(size).rand(size).tolist()
    assert_same(lambda t, g: t.bernoulli(t.tensor(chances, dtype=getattr(t, dtype)), generator=g), way)


@own_stream
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
@pytest.mark.parametrize("size", [0, 1, 17, 312, 1000])
def test_bernoulli_with_one_probability(size, dtype, p, way):
    assert_same(lambda t, g: t.empty(size, dtype=getattr(t, dtype)).bernoulli_(p, generator=g), way)


@same_rounding
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", SIZES)
def test_normal(size, dtype, way):
    def filled(t, g):
        return t.empty(size, dtype=getattr(t, dtype)).normal_(0.3, 1.7, generator=g)

    assert_same(filled, way)


@same_rounding
@pytest.mark.parametrize("size", [0, 1, 15, 17, 100])
def test_normal_from_tensors(size):
    means = np.linspace(-2, 2, size).tolist()
    stds = np.linspace(0.5, 3, size).tolist()
    assert_same(lambda t, g: t.normal(t.tensor(means), t.tensor(stds), generator=g))
    assert_same(lambda t, g: t.normal(t.tensor(means), 2.5, generator=g))
    assert_same(lambda t, g: t.normal(0.5, t.tensor(stds), generator=g))
    assert_same(lambda t, g: t.normal(0.5, 2.5, (size,), generator=g))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rows, categories", [(1, 1), (1, 5), (3, 40), (2, 700)])
def test_multinomial_with_replacement(rows, categories, dtype, way):
    def program(t, g):
        w = t.tensor(weights(rows, categories), dtype=getattr(t, dtype))
        return t.multinomial(w, 20, replacement=True, generator=g)

    assert_same(program, way)


@own_stream
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rows, categories", [(1, 1), (1, 5), (3, 40), (2, 700)])
def test_multinomial_without_replacement(rows, categories, dtype, way):
    for samples in sorted({1, min(categories, 9), categories}):

        def program(t, g, samples=samples):
            w = t.tensor(weights(rows, categories), dtype=getattr(t, dtype))
            return t.multinomial(w, samples, generator=g)

        assert_same(program, way)


@same_rounding
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("lo, hi", [(-1.0, 1.0), (-0.1, 0.7), (2.0, 2.01), (3.0, 3.0)])
@pytest.mark.parametrize("size", [0, 1, 17, 624, 70000])
def test_uniform_in_place(size, lo, hi, dtype):
    assert_same(lambda t, g: t.empty(size, dtype=getattr(t, dtype)).uniform_(lo, hi, generator=g))


@own_stream
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [0, 1, 17, 313, 1000])
def test_exponential_in_place(size, dtype):
    assert_same(lambda t, g: t.empty(size, dtype=getattr(t, dtype)).exponential_(0.3, generator=g))


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, "bool"])
@pytest.mark.parametrize("size", [0, 1, 17, 313, 1000])
def test_random_in_place(size, dtype):
    assert_same(lambda t, g: t.empty(size, dtype=getattr(t, dtype)).random_(generator=g))


@same_rounding
@own_stream
@pytest.mark.parametrize("way", WAYS)
def test_a_mixed_program_keeps_step(way):
    """Odd numbers of normals leave one cached; whatever comes between must not touch it."""

    def program(t, g):
        parts = []
        for size in (1, 3, 16, 5, 33, 2, 15, 100, 1):
            parts += [
                t.randn(size, generator=g),
                t.rand(size, generator=g),
                t.randint(0, 10, (size,), generator=g).float(),
                t.randn(size, dtype=t.float64, generator=g).float(),
                t.randperm(size, generator=g).float(),
                t.empty(size).bernoulli_(0.5, generator=g),
                t.multinomial(t.ones(size), 1, generator=g).float(),
            ]
        return t.cat(parts)

    assert_same(program, way)


def test_states_are_exchanged_with_pytorch():
    theirs, ours = torch.Generator().manual_seed(11), torchy.Generator().manual_seed(4)
    torch.randn(5, generator=theirs)  # one normal stays cached
    ours.set_state(torchy.tensor(theirs.get_state().tolist(), dtype=torchy.uint8))
    assert ours.initial_seed() == 11
    np.testing.assert_array_equal(bits(torchy.randn(7, generator=ours)), bits(torch.randn(7, generator=theirs)))
    theirs.set_state(torch.tensor(ours.get_state().tolist(), dtype=torch.uint8))
    np.testing.assert_array_equal(bits(torchy.rand(700, generator=ours)), bits(torch.rand(700, generator=theirs)))


@pytest.mark.parametrize("bad", [0, 10, 5056])
def test_bytes_that_are_no_state_are_refused(bad):
    generator = torchy.Generator().manual_seed(2)
    before = bits(generator.get_state())
    with pytest.raises(RuntimeError):
        generator.set_state(torchy.zeros(bad, dtype=torchy.uint8))
    np.testing.assert_array_equal(bits(generator.get_state()), before)
