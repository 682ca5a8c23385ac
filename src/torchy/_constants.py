"""Numbers that programs read as torch.pi, torch.inf and so on."""

from __future__ import annotations

import math

e = math.e
inf = math.inf
nan = math.nan
pi = math.pi
newaxis = None
