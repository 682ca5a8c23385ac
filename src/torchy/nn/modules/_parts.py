# What a Module keeps, for type checkers: the mixins beside this file read it, Module.__init__ in
# module.py makes it. No behaviour.
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Iterator
    from typing import Any

    from torchy import Tensor


class ModuleParts:
    """The dictionaries of a module."""

    if TYPE_CHECKING:
        # tensors and modules, or None where a name is only reserved
        _parameters: dict[str, Any]
        _buffers: dict[str, Any]
        _non_persistent_buffers_set: set[str]
        _modules: dict[str, Any]
        _backward_pre_hooks: OrderedDict[int, Any]
        _backward_hooks: OrderedDict[int, Any]
        _forward_hooks: OrderedDict[int, Any]
        _forward_hooks_with_kwargs: OrderedDict[int, bool]
        _forward_hooks_always_called: OrderedDict[int, bool]
        _forward_pre_hooks: OrderedDict[int, Any]
        _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
        _state_dict_hooks: OrderedDict[int, Any]
        _state_dict_public_hooks: OrderedDict[int, Any]
        _state_dict_pre_hooks: OrderedDict[int, Any]
        _load_state_dict_pre_hooks: OrderedDict[int, Any]
        _load_state_dict_post_hooks: OrderedDict[int, Any]

        def children(self) -> Iterator[Any]: ...

        def parameters(self, recurse: bool = True) -> Iterator[Tensor]: ...
