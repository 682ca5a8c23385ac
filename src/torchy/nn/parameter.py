# Parameter and Buffer: plain tensors that carry a flag, so that a module's weights stay on the
# tensor fast path. isinstance() works through the metaclasses. Holds no module logic.
from __future__ import annotations

import torchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from torchy import Tensor

__all__ = ["Buffer", "Parameter"]


class _ParameterMeta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return getattr(instance, "_is_parameter", False) is True


class Parameter(metaclass=_ParameterMeta):
    """A tensor that a module lists among its parameters when assigned as an attribute.

    ``Parameter(data, requires_grad=True)`` gives a Tensor that shares memory with ``data`` and
    is a leaf of the graph. It is not a Python subclass: a flag on the tensor marks it.
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Tensor:  # type: ignore[misc]
        if data is None:
            data = torchy.empty(0)
        elif not isinstance(data, torchy.Tensor):
            raise TypeError(f"Parameter: data is a {type(data).__name__}; give a Tensor")
        tensor = data.detach()
        if requires_grad:
            if not (tensor.is_floating_point() or tensor.is_complex()):
                raise RuntimeError(
                    f"Parameter: {tensor.dtype} tensors cannot require gradients; "
                    "give a floating point or complex tensor, or requires_grad=False"
                )
            tensor.requires_grad_()
        tensor._mark_parameter()
        return tensor


# Tensors cannot carry arbitrary flags cheaply, so a Buffer is a note for Module.__setattr__.
class Buffer:
    """``module.name = Buffer(tensor, persistent=True)`` registers ``tensor`` as a buffer."""

    __slots__ = ("data", "persistent")

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        self.data = torchy.empty(0) if data is None else data
        self.persistent = persistent
