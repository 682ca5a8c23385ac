# What a program pays before its first tensor: import time, NumPy pulled in, bytes on disk.

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.registry import case


def _wall(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


@case("import_time", "startup", limit=0.05, parts=True, rounds=5)
def import_time(torch: Any) -> Callable[[], dict[str, float]]:
    """Wall time of a Python that imports the library, less that of one that does nothing."""
    code = f"import {torch.__name__}"
    _wall(code)  # files into the page cache, byte code compiled
    return lambda: {"": _wall(code) - _wall("pass")}


@case("import_brings_numpy", "startup", limit=0.0, unit="count", parts=True, rounds=1)
def import_brings_numpy(torch: Any) -> Callable[[], dict[str, float]]:
    code = f"import sys, {torch.__name__}; print(int('numpy' in sys.modules))"

    def fn() -> dict[str, float]:
        done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
        return {"": float(done.stdout)}

    return fn


@case("installed_size", "startup", limit=10.0, unit="MB", parts=True, rounds=1)
def installed_size(torch: Any) -> Callable[[], dict[str, float]]:
    """The package's own files without byte code; NumPy and BLAS are packages of their own."""

    def fn() -> dict[str, float]:
        name = torch.__name__
        files = {f for folder in torch.__path__ for f in Path(folder).rglob("*") if f.is_file()}
        # An editable install may keep the extension apart from the Python files.
        for module_name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if path and module_name.split(".")[0] == name:
                files.add(Path(path))
        # A module may name a file that does not exist.
        real = {f.resolve() for f in files if f.suffix != ".pyc" and f.is_file()}
        return {"": sum(f.stat().st_size for f in real) / 1e6}

    return fn
