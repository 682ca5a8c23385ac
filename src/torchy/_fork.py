"""fork_rng: draw random numbers without moving the default stream."""

from __future__ import annotations

from contextlib import contextmanager

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


@contextmanager
def fork_rng(devices: Iterable[Any] | None = None, enabled: bool = True) -> Iterator[None]:
    """Put the default generator back at the end of the block as it was at its start.

    `devices` names further devices to treat so in PyTorch; this build has none, so it must be empty.
    """
    if devices is not None and (extra := [d for d in devices if str(d) != "cpu"]):
        raise RuntimeError(f"fork_rng: devices {extra} are not available; this build has only 'cpu'")
    if not enabled:
        yield
        return
    state = _C.default_generator.get_state()
    try:
        yield
    finally:
        _C.default_generator.set_state(state)
