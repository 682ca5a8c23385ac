# What nn.Module does to all of its tensors at once (dtype, gradients, flags) and how it finds a
# part by its dotted name. No hooks, no state dictionaries.
from __future__ import annotations

import torchy

from ._parts import ModuleParts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torchy import Tensor


class ConvertMixin(ModuleParts):
    """Conversions and look-ups of Module."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Replace every parameter, gradient and buffer by ``fn`` of it; parameters keep their
        identity, so optimizers that hold them stay valid."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            grad = param.grad
            with torchy.no_grad():
                converted = fn(param)
                if converted is param:
                    continue
                # A gradient must have its tensor's dtype at every moment: off, then on again.
                param.grad = None
                param.data = converted
                if grad is not None:
                    new_grad = fn(grad)
                    new_grad.requires_grad_(grad.requires_grad)
                    param.grad = new_grad
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """``to(dtype)``, ``to(device)``, ``to(tensor)``: floating and complex tensors change
        dtype, integer ones only device."""
        kwargs.pop("memory_format", None)
        dtype = kwargs.pop("dtype", None)
        device = kwargs.pop("device", None)
        non_blocking = kwargs.pop("non_blocking", False)
        if kwargs:
            raise TypeError(f"to: unexpected arguments {sorted(kwargs)}")
        for arg in args:
            if isinstance(arg, torchy.Tensor):
                dtype, device = arg.dtype, arg.device
            elif isinstance(arg, torchy.dtype):
                dtype = arg
            elif isinstance(arg, bool):
                non_blocking = arg
            elif arg is not None:
                device = arg
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"to: a module converts to floating or complex dtypes, got {dtype}")

        def convert(t: Tensor) -> Tensor:
            options: dict[str, Any] = {"non_blocking": non_blocking}
            if device is not None:
                options["device"] = device
            if dtype is not None and (t.is_floating_point() or t.is_complex()):
                options["dtype"] = dtype
            return t.to(**options) if len(options) > 1 else t

        return self._apply(convert)

    def _cast_floating(self, dtype: Any) -> Any:
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def float(self) -> Any:
        return self._cast_floating(torchy.float32)

    def double(self) -> Any:
        return self._cast_floating(torchy.float64)

    def half(self) -> Any:
        return self._cast_floating(torchy.float16)

    def bfloat16(self) -> Any:
        return self._cast_floating(torchy.bfloat16)

    def type(self, dst_type: Any) -> Any:
        return self._apply(lambda t: t.to(dst_type))

    def cpu(self) -> Any:
        return self._apply(lambda t: t.cpu())

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Freeze (False) or unfreeze all parameters."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for param in self.parameters():
            clear_grad(param, set_to_none)

    def get_submodule(self, target: str) -> Any:
        """The module at a dotted path, as ``named_modules`` spells it."""
        module: Any = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(
                    f"get_submodule: {type(module).__name__} has no attribute '{name}' (looking for '{target}')"
                )
            module = getattr(module, name)
            if not isinstance(module, ConvertMixin):
                raise AttributeError(f"get_submodule: '{name}' in '{target}' is not a Module")
        return module

    def set_submodule(self, target: str, module: Any, strict: bool = False) -> None:
        """Put ``module`` at a dotted path; ``strict`` demands that something is there already."""
        parent_path, _, name = target.rpartition(".")
        if not name:
            raise ValueError("set_submodule: the target is empty; give a dotted path")
        parent = self.get_submodule(parent_path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"set_submodule: '{target}' does not exist")
        if not isinstance(module, ConvertMixin):
            raise ValueError(f"set_submodule: a {type(module).__name__} is not a Module")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), ConvertMixin):
            raise AttributeError(f"set_submodule: '{target}' is not a Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Tensor:
        """The parameter at a dotted path."""
        return self._get_member(target, "_parameters", "Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        return self._get_member(target, "_buffers", "buffer")

    def _get_member(self, target: str, where: str, what: str) -> Tensor:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute '{name}'")
        members = getattr(module, where)
        if name not in members:
            raise AttributeError(f"'{target}' is not a {what}")
        return members[name]


def clear_grad(param: Tensor, set_to_none: bool) -> None:
    """What zero_grad does to one tensor; shared with the optimizers."""
    grad = param.grad
    if grad is None:
        return
    if set_to_none:
        param.grad = None
        return
    if grad.grad_fn is not None:
        grad.detach_()
    else:
        grad.requires_grad_(False)
    grad.zero_()
