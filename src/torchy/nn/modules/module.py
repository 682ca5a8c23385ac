# Module: what a layer is. Construction, attribute rules, calling, walking over the parts, repr.
# Hooks, state dictionaries and conversions are the mixins beside it; layers are other files.
from __future__ import annotations

from collections import OrderedDict

import torchy

from ..parameter import Buffer
from ._convert import ConvertMixin
from ._hooks import (
    HooksMixin,
    call_with_hooks,
    global_forward_hooks,
    global_forward_pre_hooks,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from ._state_dict import StateDictMixin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from torchy import Tensor

__all__ = ["Module", "register_module_forward_hook", "register_module_forward_pre_hook"]

# The dictionaries of hooks that Module.__init__ makes and __setstate__ completes.
_HOOK_DICTS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_public_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def _is_parameter(value: Any) -> bool:
    return isinstance(value, torchy.Tensor) and value._is_parameter


def _indent(text: str, spaces: int) -> str:
    return text.replace("\n", "\n" + " " * spaces)


def _discard(name: str, *places: Any) -> None:
    for place in places:
        if isinstance(place, dict):
            place.pop(name, None)
        else:
            place.discard(name)


class Module(HooksMixin, StateDictMixin, ConvertMixin):
    """Base class of all layers and models: holds parameters, buffers and other modules, which it
    finds by being assigned to attributes, and computes ``forward`` when called."""

    dump_patches: bool = False
    call_super_init: bool = False
    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not self.call_super_init and (args or kwargs):
            given = f"keyword {next(iter(kwargs))!r}" if kwargs else f"{len(args)} positional"
            raise TypeError(f"{type(self).__name__}.__init__: Module.__init__ takes no arguments, got {given}")
        attributes = self.__dict__
        attributes["training"] = True
        attributes["_parameters"] = {}
        attributes["_buffers"] = {}
        attributes["_non_persistent_buffers_set"] = set()
        for name in _HOOK_DICTS:
            attributes[name] = OrderedDict()
        attributes["_modules"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # -- calling --------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or global_forward_hooks
            or global_forward_pre_hooks
        ):
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # -- registering ----------------------------------------------------------------------------

    def _check_new_name(self, name: str, kind: str, members: str) -> None:
        if members not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string, got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[members]:
            raise KeyError(f"attribute '{name}' already exists")

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but not a parameter, such as a running mean."""
        self._check_new_name(name, "buffer", "_buffers")
        if tensor is not None and not isinstance(tensor, torchy.Tensor):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (a Tensor or None is required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Tensor | None) -> None:
        """Add a parameter under ``name``; None reserves the name."""
        self._check_new_name(name, "parameter", "_parameters")
        if param is not None:
            if not _is_parameter(param):
                raise TypeError(
                    f"cannot assign '{type(param).__name__}' object to parameter '{name}' "
                    "(nn.Parameter or None is required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"cannot assign a non-leaf Tensor to parameter '{name}'; parameters are "
                    "leaves of the graph, compute their values in forward() instead"
                )
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under ``name``."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_new_name(name, "module", "_modules")
        self._modules[name] = module

    def register_module(self, name: str, module: Module | None) -> None:
        """Same as add_module."""
        self.add_module(name, module)

    # -- attributes -----------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        attributes = self.__dict__
        for members in ("_parameters", "_buffers", "_modules"):
            found = attributes.get(members)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = self.__dict__
        params = attributes.get("_parameters")
        if _is_parameter(value):
            if params is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            _discard(name, attributes, self._buffers, self._modules, self._non_persistent_buffers_set)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if params is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            if name in params:
                raise self._wrong_kind(value, "parameter", name, "nn.Parameter")
            _discard(name, attributes, self._buffers, self._non_persistent_buffers_set)
            self._modules[name] = value
        elif params is not None and name in params:
            if value is not None:
                raise self._wrong_kind(value, "parameter", name, "nn.Parameter")
            self.register_parameter(name, None)
        elif params is not None and name in self._modules:
            if value is not None:
                raise self._wrong_kind(value, "child module", name, "nn.Module")
            self._modules[name] = None
        elif isinstance(value, Buffer) or (params is not None and name in self._buffers):
            self._assign_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    @staticmethod
    def _wrong_kind(value: Any, kind: str, name: str, allowed: str) -> TypeError:
        return TypeError(f"cannot assign '{type(value).__name__}' as {kind} '{name}' ({allowed} or None expected)")

    def _assign_buffer(self, name: str, value: Any) -> None:
        if isinstance(value, Buffer):
            self.register_buffer(name, value.data, value.persistent)
            return
        if value is not None and not isinstance(value, torchy.Tensor):
            raise self._wrong_kind(value, "buffer", name, "nn.Buffer, Tensor")
        self._buffers[name] = value

    def __delattr__(self, name: str) -> None:
        for members in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__.get(members, ()):
                del self.__dict__[members][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOK_DICTS:  # a pickle of an older version may lack some
            self.__dict__.setdefault(name, OrderedDict())

    def __dir__(self) -> list[str]:
        names = {*object.__dir__(self), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[0].isdigit())

    # -- walking --------------------------------------------------------------------------------

    def _named_members(
        self,
        members_of: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        else:
            modules = iter([(prefix, self)])
        for path, module in modules:
            for name, value in members_of(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Pairs of dotted name and parameter, in the order of registration."""
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Tensor]:
        """All parameters, as an optimizer wants them."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Pairs of dotted name and buffer."""
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Pairs of name and direct child."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct children."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Pairs of dotted name and module: this one (named ``prefix``), then all below it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def apply(self, fn: Callable[[Module], None]) -> Any:
        """Call ``fn`` on every module, children first; for example to initialise weights."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Training mode on or off, here and below; Dropout and BatchNorm heed it."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: mode is {mode!r}; it must be True or False")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Same as train(False)."""
        return self.train(False)

    # -- repr -----------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The part of the repr between the parentheses; override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): {_indent(repr(module), 2)}" for name, module in self._modules.items()]
        lines = extra_lines + child_lines
        if not lines:
            body = ""
        elif len(extra_lines) == 1 and not child_lines:
            body = extra_lines[0]
        else:
            body = "\n  " + "\n  ".join(lines) + "\n"
        return f"{self._get_name()}({body})"
