# torchy.utils: hooks, and data (loaded when first asked for, to keep the import short).
from __future__ import annotations

from . import hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["data", "hooks"]


def __getattr__(name: str) -> Any:
    if name == "data":
        import importlib

        return importlib.import_module(".data", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
