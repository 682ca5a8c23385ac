"""torch.cuda as programs ask for it: this build has no CUDA device, and says so. Layer: torchy."""

from __future__ import annotations


def is_available() -> bool:
    """False: this build computes on the CPU only."""
    return False


def device_count() -> int:
    """0: there is no CUDA device."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed: there is no CUDA device."""


def manual_seed_all(seed: int) -> None:
    """Nothing to seed: there is no CUDA device."""


def empty_cache() -> None:
    """Nothing to release: there is no CUDA device."""


def synchronize(device: object = None) -> None:
    """RuntimeError: there is no CUDA device to wait for."""
    raise RuntimeError("cuda.synchronize: this build has no CUDA device; it has only 'cpu'")
