"""torchy.func: functions that take a function and return one that computes its derivatives. Layer: torchy.

Modules are loaded when one of their names is first used, so that the package's import stays quick.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from torchy.func._functional_call import (
        functional_call as functional_call,
        stack_module_state as stack_module_state,
    )
    from torchy.func._grad import grad as grad, grad_and_value as grad_and_value, vjp as vjp
    from torchy.func._jacobian import hessian as hessian, jacfwd as jacfwd, jacrev as jacrev
    from torchy.func._jvp import jvp as jvp, linearize as linearize
    from torchy.func._vmap import vmap as vmap

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "stack_module_state", "vjp", "vmap",
]  # fmt: skip

_HOMES = {
    "_functional_call": ("functional_call", "stack_module_state"),
    "_grad": ("grad", "grad_and_value", "vjp"),
    "_jacobian": ("hessian", "jacfwd", "jacrev"),
    "_jvp": ("jvp", "linearize"),
    "_vmap": ("vmap",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            import importlib

            found = getattr(importlib.import_module(f"torchy.func.{home}"), name)
            globals()[name] = found  # the next use does not come here
            return found
    raise AttributeError(f"module 'torchy.func' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
