# torchy.data: small data sets that come with the package.
from __future__ import annotations

from .digits import load_digits

__all__ = ["load_digits"]
