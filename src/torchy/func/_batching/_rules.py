"""Imports every module of batching rules, which fills the register. Layer: torchy."""

from __future__ import annotations

import importlib
import importlib.util

_FAMILIES = ("_pointwise", "_reduce", "_scan", "_shape", "_join", "_index", "_linalg", "_create", "_random", "_nn")
for _family in _FAMILIES:
    if importlib.util.find_spec(f"{__package__}.{_family}"):
        importlib.import_module(f"{__package__}.{_family}")
