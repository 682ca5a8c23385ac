# state_dict and load_state_dict of nn.Module, in PyTorch's layout (ordered, dotted names, with
# _metadata). Reads _parameters, _buffers and _modules only; saving to disk is elsewhere.
from __future__ import annotations

from collections import OrderedDict, namedtuple

import torchy
from torchy.utils.hooks import RemovableHandle

from ._parts import ModuleParts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateDictMixin(ModuleParts):
    """The state-dictionary methods of Module."""

    _version = 1  # stored in _metadata; a subclass raises it when its layout changes

    def get_extra_state(self) -> Any:
        """Override, with set_extra_state, to keep something besides tensors in the state."""
        raise RuntimeError(
            f"{type(self).__name__}: get_extra_state is not defined; define it together with set_extra_state"
        )

    def set_extra_state(self, state: Any) -> None:
        """Override, with get_extra_state, to restore something besides tensors."""
        raise RuntimeError(
            f"{type(self).__name__}: set_extra_state is not defined; define it together with get_extra_state"
        )

    def _has_extra_state(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(StateDictMixin, method)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        for name, param in self._parameters.items():
            if param is not None:
                destination[prefix + name] = param if keep_vars else param.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buffer if keep_vars else buffer.detach()
        if self._has_extra_state("get_extra_state"):
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers by dotted name.

        The tensors share memory with the module; ``keep_vars`` keeps them attached to the graph.
        """
        if args:  # the old positional spelling
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook_id, hook in self._state_dict_hooks.items():
            result = hook(self, destination, prefix, local_metadata)
            if hook_id in self._state_dict_public_hooks:
                if result is not None:
                    raise RuntimeError("state_dict: a post-hook must return None")
            elif result is not None:
                destination = result
        return destination

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Copy this module's own entries, without those of its children."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                state_dict, prefix, local_metadata, strict,
                missing_keys, unexpected_keys, error_msgs,
            )  # fmt: skip
        assign = local_metadata.get("assign_to_params_buffers", False)
        local = {name: p for name, p in self._parameters.items() if p is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                local[name] = buffer
        for name, target in local.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_one(name, key, target, state_dict[key], assign)
                if error:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        self._load_extra_state(state_dict, prefix, strict, missing_keys, unexpected_keys)
        if strict:
            self._find_unexpected(state_dict, prefix, local, unexpected_keys)

    def _load_one(self, name: str, key: str, target: Any, value: Any, assign: bool) -> str | None:
        """Put ``value`` into ``target``; returns what went wrong, or None."""
        if not isinstance(value, torchy.Tensor):
            return f"{key}: expected a Tensor in the state_dict, got {type(value)}"
        if target.dim() == 0 and tuple(value.shape) == (1,):
            value = value[0]  # checkpoints from before there were 0-d tensors
        if value.shape != target.shape:
            return f"size mismatch for {key}: the state_dict has shape {value.shape}, the model has {target.shape}."
        try:
            with torchy.no_grad():
                if assign:
                    if target._is_parameter:
                        if value._is_parameter:
                            value.requires_grad_(target.requires_grad)
                        else:
                            value = torchy.nn.Parameter(value, target.requires_grad)
                    setattr(self, name, value)
                else:
                    target.copy_(value)
        except Exception as error:
            return f"{key}: {'assigning' if assign else 'copying'} it failed: {error}"
        return None

    def _load_extra_state(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
    ) -> None:
        key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if self._has_extra_state("set_extra_state"):
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)

    def _find_unexpected(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local: dict[str, Any],
        unexpected_keys: list[str],
    ) -> None:
        for key in state_dict:
            if not key.startswith(prefix) or key == prefix + _EXTRA_STATE_KEY_SUFFIX:
                continue
            first, dot, _ = key[len(prefix) :].partition(".")
            if dot:
                if first not in self._modules:
                    unexpected_keys.append(key)
            elif first not in local:
                unexpected_keys.append(key)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy parameters and buffers from ``state_dict`` into this module and its children.

        ``strict`` demands exactly the names of ``state_dict()``; ``assign`` keeps the given
        tensors instead of copying their values.
        """
        if not hasattr(state_dict, "keys") or not hasattr(state_dict, "__getitem__"):
            raise TypeError(f"load_state_dict: expected a dictionary of tensors, got {type(state_dict)}")
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []
        metadata = getattr(state_dict, "_metadata", None)
        state = OrderedDict(state_dict)  # hooks may change it
        if metadata is not None:
            state._metadata = metadata  # type: ignore[attr-defined]

        def load(module: Any, local_state: Any, prefix: str) -> None:
            local_metadata = {} if metadata is None else dict(metadata.get(prefix[:-1], {}))
            if assign:
                local_metadata["assign_to_params_buffers"] = True
            module._load_from_state_dict(local_state, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    inner = prefix + name + "."
                    load(child, {k: v for k, v in local_state.items() if k.startswith(inner)}, inner)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, _IncompatibleKeys(missing, unexpected)) is not None:
                    raise AssertionError("load_state_dict: a post-hook must return None; change the lists in place")

        load(self, state, "")
        if strict:
            if missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}.")
            if unexpected:
                place = 1 if missing else 0
                errors.insert(place, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}.")
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return _IncompatibleKeys(missing, unexpected)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(module, prefix, keep_vars)`` before state_dict."""
        return _register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` after state_dict."""
        handle = RemovableHandle(self._state_dict_hooks, extra_dict=self._state_dict_public_hooks)
        self._state_dict_hooks[handle.id] = hook
        self._state_dict_public_hooks[handle.id] = True
        return handle

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return _register(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before this module's entries are loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        def call(*args: Any) -> Any:
            return hook(self, *args) if with_module else hook(*args)

        return _register(self._load_state_dict_pre_hooks, call)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(module, incompatible_keys)`` after load_state_dict."""
        return _register(self._load_state_dict_post_hooks, hook)


def _register(hooks: Any, hook: Any) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
