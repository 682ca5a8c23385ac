"""The default generator: seeding and state. The stream equals PyTorch's where docs/random.md says so."""

from __future__ import annotations

from torchy import _C
from torchy._fork import fork_rng as fork_rng

default_generator: _C.Generator = _C.default_generator


def manual_seed(seed: int) -> _C.Generator:
    """Start the default stream anew from `seed`; returns the generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the system's randomness; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator was last given."""
    return default_generator.initial_seed()


def get_rng_state() -> _C.Tensor:
    """The state of the default generator as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: _C.Tensor) -> None:
    """Put back a state from `get_rng_state`."""
    default_generator.set_state(new_state)
