"""Every test of the tape also shows that nothing is left behind."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_leaks(request: pytest.FixtureRequest):
    """Live tensors and nodes return to their baseline; tests marked `cycles` make reference cycles on purpose."""
    if "makes_cycle" in request.node.name:
        yield
    else:
        yield request.getfixturevalue("no_leaks")
