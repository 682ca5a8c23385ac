"""Random numbers under vmap: "error" refuses, "same" draws once, "different" draws for every example."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy.func import grad, jacrev, vmap
from torchy.nn import functional as F

SIZE = 6
DRAWS = {
    "rand": lambda a: torch.rand(4), "randn": lambda a: torch.randn(2, 2), "randint": lambda a: torch.randint(999, (4,)),
    "randperm": lambda a: torch.randperm(30), "normal": lambda a: torch.normal(0.0, 1.0, (3,)),
    "rand_like": lambda a: torch.rand_like(a), "rand_like shared": lambda a: torch.rand_like(torch.ones(4)),
    "bernoulli": lambda a: torch.bernoulli(torch.full((40,), 0.5)), "poisson": lambda a: torch.poisson(torch.full((20,), 9.0)),
    "multinomial": lambda a: torch.multinomial(torch.ones(50), 8), "normal_": lambda a: a.normal_(),
    "uniform_ of a view": lambda a: (a[1:].uniform_(), a)[1], "exponential_": lambda a: torch.zeros_like(a).exponential_(),
    "dropout": lambda a: F.dropout(a.repeat(10)), "dropout shared": lambda a: F.dropout(torch.ones(40)),
    "alpha_dropout": lambda a: F.alpha_dropout(a.repeat(10), training=True),
}  # fmt: skip


def distinct(out):
    return len({str(row.tolist()) for row in out})


@pytest.mark.parametrize("name", DRAWS)
def test_draws_by_mode(name):
    def run(mode):
        return vmap(DRAWS[name], randomness=mode)(torch.ones(SIZE, 4))

    assert distinct(run("same")) == 1
    assert distinct(run("different")) == SIZE
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="called random operation while in randomness error mode"):
        run("error")
    assert torch.equal(torch.get_rng_state(), state)


def test_same_is_one_draw_of_the_stream_and_different_a_batch_of_them():
    for mode, want in (("same", (3,)), ("different", (SIZE, 3))):
        torch.manual_seed(1)
        out, state = vmap(lambda a: torch.rand(3), randomness=mode)(torch.ones(SIZE)), torch.get_rng_state()
        torch.manual_seed(1)
        assert torch.equal(out, torch.rand(want).expand(SIZE, 3)) and torch.equal(torch.get_rng_state(), state)


def test_same_is_the_same_in_all_chunks():
    assert distinct(vmap(lambda a: torch.rand(3), randomness="same", chunk_size=2)(torch.ones(5))) == 1
    assert distinct(vmap(lambda a: torch.rand(3), randomness="different", chunk_size=2)(torch.ones(5))) == 5


@pytest.mark.parametrize("outer, inner, rows", [("same", "same", 1), ("same", "different", 5),
                                                ("different", "same", 4), ("different", "different", 20)])  # fmt: skip
def test_nested_modes(outer, inner, rows):
    out = vmap(lambda a: vmap(lambda b: torch.rand(3), randomness=inner)(a), randomness=outer)(torch.ones(4, 5))
    assert distinct(out.reshape(20, 3)) == rows


def test_different_draws_need_room_for_each():
    with pytest.raises(RuntimeError, match="different inplace randomness on an unbatched tensor"):
        vmap(lambda a: torch.zeros(3).normal_(), randomness="different")(torch.ones(4))
    with pytest.raises(RuntimeError, match="same randomness with a batched tensor input"):
        vmap(lambda a: torch.normal(a, 1.0), randomness="same")(torch.ones(4, 3))


def test_gradients_go_through_the_draws():
    def f(a):
        return (F.dropout(a) * torch.rand(3)).sum()

    g = vmap(grad(f), randomness="different")(torch.ones(50, 3))
    assert g.shape == (50, 3) and 20 < int((g == 0).sum()) < 130 and distinct(g) > 40
    assert distinct(vmap(grad(f), randomness="same")(torch.ones(50, 3))) == 1
    assert jacrev(vmap(f, randomness="different"))(torch.ones(2, 3)).shape == (2, 2, 3)
