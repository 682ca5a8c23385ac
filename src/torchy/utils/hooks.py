# torchy.utils.hooks: PyTorch's place for RemovableHandle.
from __future__ import annotations

from torchy._hooks import RemovableHandle as RemovableHandle

__all__ = ["RemovableHandle"]
