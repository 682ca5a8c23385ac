"""Makes the table, codegen and the rule interpreter importable for the tests that need no build."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "tests", ROOT):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@pytest.fixture
def quiet_numpy() -> Iterator[None]:
    """Rules guard against divisions by zero with where(), which computes both sides."""
    import numpy as np

    with np.errstate(all="ignore"):
        yield
