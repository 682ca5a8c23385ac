"""torch.backends as programs ask for it: which accelerators there are (none). Layer: torchy."""

from __future__ import annotations


class _Absent:
    """An accelerator this build does not have; flags may be set and change nothing."""

    enabled = False
    benchmark = False
    deterministic = False

    @staticmethod
    def is_available() -> bool:
        """Always False."""
        return False

    @staticmethod
    def is_built() -> bool:
        """Always False."""
        return False


cuda, cudnn, mps, mkldnn = _Absent(), _Absent(), _Absent(), _Absent()
