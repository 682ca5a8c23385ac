"""The table of operations: pure data, importing neither torchy nor NumPy.

`TABLE` maps each C++ name (``max_dim`` for the schema name ``max.dim``) to its `Op`.
"""

from optable.spec import TABLE, Op, SpecError, load_all

__all__ = ["TABLE", "Op", "SpecError", "load_all"]
