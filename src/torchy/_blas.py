"""Finds the OpenBLAS that pip installed (scipy-openblas32); called once, when LAPACK is first needed."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def find() -> str:
    """The path of the shared library, or '' if the package is not installed."""
    spec = importlib.util.find_spec("scipy_openblas32")
    if spec is None or not spec.submodule_search_locations:
        return ""
    for folder in spec.submodule_search_locations:
        for path in sorted(Path(folder).rglob("libscipy_openblas*")):
            if ".so" in path.name or path.suffix in (".dylib", ".dll"):
                return str(path)
    return ""
