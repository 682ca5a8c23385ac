"""Settings of the whole process: default dtype, threads."""

from __future__ import annotations

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def set_default_dtype(d: Any) -> None:
    """Make `d` (a floating dtype) the dtype of new floating tensors. TypeError for other dtypes."""
    _C._set_default_dtype(d)


def set_num_threads(count: int) -> None:
    """Let large operations use `count` threads (at least 1)."""
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"set_num_threads expects an int, but got {type(count).__name__}")
    _C._set_num_threads(count)


def build_info() -> dict[str, Any]:
    """Facts of this build: version, compiler, instruction set in use, threads, BLAS."""
    return dict(_C._build_info())
