# Optimizer: parameter groups, state, hooks and state dictionaries that all optimizers share.
# The update formulas are in the files of the single optimizers.
from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict

import torchy
from torchy.nn.modules._convert import clear_grad
from torchy.utils.hooks import RemovableHandle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torchy import Tensor

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

_global_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_post_hooks: OrderedDict[int, Any] = OrderedDict()


class _Required:
    """Stands for an option that every parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()

_HOOK_DICTS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


def _register(hooks: Any, hook: Any, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(optimizer, args, kwargs)`` before every step of every optimizer."""
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(optimizer, args, kwargs)`` after every step of every optimizer."""
    return _register(_global_post_hooks, hook)


def _with_hooks(step: Any) -> Any:
    """``step`` with the hooks around it. Without hooks it costs one plain call."""

    @functools.wraps(step)
    def hooked_step(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not (
            self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks or _global_pre_hooks or _global_post_hooks
        ):
            return step(self, *args, **kwargs)
        # Hooks see the arguments as the unbound method takes them, the optimizer first.
        args = (self, *args)
        for hook in (*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            result = hook(self, args, kwargs)
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(f"step: a pre-hook returned {result!r}; return None or (args, kwargs)")
                args, kwargs = result
        out = step(*args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, args, kwargs)
        return out

    hooked_step.hooked = True  # type: ignore[attr-defined]
    return hooked_step


class Optimizer:
    """Base class of all optimizers.

    ``params`` is an iterable of tensors, of (name, tensor) pairs, or of dictionaries, one for each
    group, with the tensors under "params" and options of their own; ``defaults`` are the options
    of groups that give none.
    """

    if TYPE_CHECKING:  # __init__ and __setstate__ make them from _HOOK_DICTS
        _optimizer_step_pre_hooks: OrderedDict[int, Any]
        _optimizer_step_post_hooks: OrderedDict[int, Any]
        _optimizer_state_dict_pre_hooks: OrderedDict[int, Any]
        _optimizer_state_dict_post_hooks: OrderedDict[int, Any]
        _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Any]
        _optimizer_load_state_dict_post_hooks: OrderedDict[int, Any]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for name in _HOOK_DICTS:
            self.__dict__[name] = OrderedDict()
        self._patch_step()
        if isinstance(params, torchy.Tensor):
            raise TypeError(f"{type(self).__name__}: params is a Tensor; give an iterable of Tensors or dicts")
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__}: optimizer got an empty parameter list; give at least one")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _patch_step(self) -> None:
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOK_DICTS:
            self.__dict__.setdefault(name, OrderedDict())
        self._patch_step()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for number, group in enumerate(self.param_groups):
            text += f"\nParameter Group {number}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"

    # -- training -------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once; ``closure``, if given, computes the loss first."""
        raise NotImplementedError(f"{type(self).__name__}: step is not defined")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        if set_to_none:
            for group in self.param_groups:
                for param in group["params"]:
                    param.grad = None
        else:
            for group in self.param_groups:
                for param in group["params"]:
                    clear_grad(param, False)

    # -- groups ---------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dictionary with "params" and, if they differ, options."""
        if not isinstance(param_group, dict):
            raise TypeError(f"add_param_group: expected a dict, got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, torchy.Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError("add_param_group: a set has no order; give a list of parameters")
        else:
            params = list(params)
        params, names = self._split_names(params)
        if names is not None:
            param_group["param_names"] = names
        param_group["params"] = params
        for param in params:
            if not isinstance(param, torchy.Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param)}")
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor; give the leaf it came from")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"add_param_group: the group needs a value for '{name}'")
            param_group.setdefault(name, default)
        if len({id(param) for param in params}) != len(params):
            warnings.warn(
                "add_param_group: a parameter occurs twice in one group; it will be updated twice in each step",
                stacklevel=3,
            )
        self._check_overlap(param_group)
        self.param_groups.append(param_group)

    @staticmethod
    def _split_names(params: list[Any]) -> tuple[list[Any], list[str] | None]:
        """Tensors and names, when the parameters came as (name, tensor) pairs."""
        pairs = [isinstance(param, tuple) for param in params]
        if not any(pairs):
            return params, None
        if not all(pairs):
            raise ValueError("all optimizer params should be with/without names; some lack one")
        return [param for _, param in params], [name for name, _ in params]

    def _check_overlap(self, param_group: dict[str, Any]) -> None:
        taken: set[int] = set()
        for group in self.param_groups:
            taken.update(id(param) for param in group["params"])
            if ("param_names" in group) != ("param_names" in param_group):
                raise ValueError("all optimizer param groups should be with/without names")
        if any(id(param) in taken for param in param_group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")

    # -- state dictionaries ---------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """State and options, with parameters replaced by their numbers."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        packed_groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for param in group["params"]:
                numbers.setdefault(id(param), len(numbers))
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            packed_groups.append(packed)
        state = {
            numbers[id(key)] if isinstance(key, torchy.Tensor) else key: value for key, value in self.state.items()
        }
        result = {"state": state, "param_groups": packed_groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what state_dict() of such an optimizer gave. Tensors are converted to their
        parameter's dtype, and shared with ``state_dict`` where they already have it."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        from copy import deepcopy

        saved = deepcopy(state_dict["param_groups"])
        groups = self.param_groups
        if len(saved) != len(groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, "
                f"the optimizer has {len(groups)}"
            )
        by_number: dict[Any, Tensor] = {}
        for number, (group, new) in enumerate(zip(groups, saved)):
            if len(group["params"]) != len(new["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group: group {number} has {len(new['params'])} parameters, "
                    f"the optimizer's has {len(group['params'])}"
                )
            by_number.update(zip(new["params"], group["params"]))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                state[by_number[key]] = _cast_state(by_number[key], value)
            else:
                state[key] = value
        for group, new in zip(groups, saved):
            new["params"] = group["params"]
            if "param_names" in group:
                new.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # -- hooks ----------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(optimizer, args, kwargs)`` before step; it may return new (args, kwargs)."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Run ``hook(optimizer, args, kwargs)`` after step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer)`` before state_dict."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer, state_dict)`` after state_dict; it may return another one."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer, state_dict)`` before loading; it may return another one."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(optimizer)`` after loading."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _cast_state(param: Tensor, value: Any, key: Any = None) -> Any:
    """``value`` with its tensors in the dtype of ``param`` (a step count keeps its own)."""
    if isinstance(value, torchy.Tensor):
        if key == "step" or not (param.is_floating_point() or param.is_complex()):
            return value
        return value.to(param.dtype) if param.is_floating_point() else value
    if isinstance(value, dict):
        return {k: _cast_state(param, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_cast_state(param, v) for v in value)
    return value
