"""Fixtures for all tests: a fixed seed; global state and the number of live tensors and nodes checked back after each."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys

import pytest

if PACKAGE := os.environ.get("TORCHY_TEST_PACKAGE"):  # another build than the installed one (tests/sanitize.py)
    sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "ScikitBuildRedirectingFinder"]
    sys.path.insert(0, PACKAGE)

BUILT = importlib.util.find_spec("torchy") is not None and importlib.util.find_spec("torchy._C") is not None


@pytest.fixture(autouse=True)
def _state_is_put_back(request: pytest.FixtureRequest):
    """Grad mode, default dtype and the live tensors and nodes must be as before; the seed is fixed."""
    if not BUILT or "spec" in request.node.path.parts:
        yield
        return
    import torchy

    torchy.manual_seed(0)
    before = (torchy.is_grad_enabled(), torchy.is_inference_mode_enabled(), torchy.get_default_dtype())
    alive = live_counts()
    yield
    after = (torchy.is_grad_enabled(), torchy.is_inference_mode_enabled(), torchy.get_default_dtype())
    assert after == before, "a test left grad mode, inference mode or the default dtype changed"
    if grown(alive):
        gc.collect()  # tests may make reference cycles; what is left then is a leak
        assert not grown(alive), f"live tensors and nodes went from {alive} to {live_counts()}"


def live_counts() -> tuple[int, int]:
    import torchy

    return torchy._C._live_tensors(), torchy._C._live_nodes()


def grown(since: tuple[int, int]) -> bool:
    return any(now > then for now, then in zip(live_counts(), since))


@pytest.fixture
def no_leaks():
    """Live tensors and nodes return to their baseline by reference counting alone."""
    gc.collect()
    gc.disable()
    before = live_counts()
    yield
    after = live_counts()
    gc.enable()
    assert after == before, f"live tensors and nodes went from {before} to {after}"
