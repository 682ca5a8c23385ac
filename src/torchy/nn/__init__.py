# torchy.nn: parameters, modules, functional and init. Only names are gathered here.
from __future__ import annotations

from . import functional, init, utils
from .modules import *  # noqa: F403  (its __all__ is explicit)
from .modules import __all__ as _layers
from .parameter import Buffer, Parameter

__all__ = ["Buffer", "Parameter", "functional", "init", "utils", *_layers]
