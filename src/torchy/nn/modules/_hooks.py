# Hooks of nn.Module: registering them, and the slow call path that runs them. A module without
# hooks never comes here (module.py tests four dictionaries). No parameters, no state dicts.
from __future__ import annotations

import warnings
from collections import OrderedDict

import torchy
from torchy.utils.hooks import RemovableHandle

from ._parts import ModuleParts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Hooks that run for every module. Emptied by their handles; read by Module.__call__.
global_forward_hooks: OrderedDict[int, Any] = OrderedDict()
global_forward_pre_hooks: OrderedDict[int, Any] = OrderedDict()


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, args)`` before the forward of every module."""
    handle = RemovableHandle(global_forward_pre_hooks)
    global_forward_pre_hooks[handle.id] = hook
    return handle


def register_module_forward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Run ``hook(module, args, output)`` after the forward of every module."""
    handle = RemovableHandle(global_forward_hooks)
    global_forward_hooks[handle.id] = hook
    return handle


class _Boundary(torchy.autograd.Function):
    """The identity on tensors; on the way back it hands the gradients to ``on_grads``."""

    @staticmethod
    def forward(ctx: Any, on_grads: Callable[..., Any], *tensors: Any) -> Any:
        ctx.on_grads = on_grads
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, *ctx.on_grads(grads)


def _replace_tensors(value: Any, function: Callable[..., Any]) -> Any:
    """``value`` (a tensor, or a tuple, list or dict of them) with its differentiable tensors
    passed through ``function(list) -> list``."""
    if isinstance(value, torchy.Tensor):
        return function([value])[0] if value.requires_grad else value
    if isinstance(value, (tuple, list)):
        items = list(value)
        where = [i for i, v in enumerate(items) if isinstance(v, torchy.Tensor) and v.requires_grad]
        if not where:
            return value
        for i, new in zip(where, function([items[i] for i in where])):
            items[i] = new
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


class _BackwardHooks:
    """Full backward hooks of one call: an identity before and one after the module's forward."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.user_hooks = list(module._backward_hooks.values())
        self.pre_hooks = list(module._backward_pre_hooks.values())
        self.grad_output: tuple[Any, ...] | None = None
        self.input_places: list[int] = []
        self.input_count = 0
        self.output_places: list[int] = []
        self.output_count = 0

    def wrap_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.input_count = len(args)
        if not torchy.is_grad_enabled():
            return args
        self.input_places = [i for i, v in enumerate(args) if isinstance(v, torchy.Tensor) and v.requires_grad]
        return _replace_tensors(args, lambda tensors: _Boundary.apply(self.on_input_grads, *tensors))

    def wrap_output(self, output: Any) -> Any:
        values = _as_tuple(output)
        self.output_count = len(values)
        self.output_places = [i for i, v in enumerate(values) if isinstance(v, torchy.Tensor) and v.requires_grad]
        return _replace_tensors(output, lambda tensors: _Boundary.apply(self.on_output_grads, *tensors))

    def _spread(self, grads: Any, places: list[int], count: int) -> tuple[Any, ...]:
        full: list[Any] = [None] * count
        for place, grad in zip(places, grads):
            full[place] = grad
        return tuple(full)

    def _checked(self, hook: Any, result: Any, count: int, what: str) -> tuple[Any, ...]:
        result = _as_tuple(result)
        if len(result) != count:
            raise RuntimeError(
                f"{hook}: the backward hook returned {len(result)} values for {what}; return None or {count} values"
            )
        return result

    def on_output_grads(self, grads: tuple[Any, ...]) -> list[Any]:
        grad_output = self._spread(grads, self.output_places, self.output_count)
        for hook in self.pre_hooks:
            result = hook(self.module, grad_output)
            if result is not None:
                grad_output = self._checked(hook, result, self.output_count, "grad_output")
        self.grad_output = grad_output
        if not self.input_places:  # no gradient will arrive at the inputs: the hooks run now
            self._run_user_hooks((None,) * self.input_count, may_replace=False)
        return [grad_output[i] for i in self.output_places]

    def on_input_grads(self, grads: tuple[Any, ...]) -> list[Any]:
        grad_input = self._spread(grads, self.input_places, self.input_count)
        if self.grad_output is not None:
            grad_input = self._run_user_hooks(grad_input, may_replace=True)
        return [grad_input[i] for i in self.input_places]

    def _run_user_hooks(self, grad_input: tuple[Any, ...], may_replace: bool) -> tuple[Any, ...]:
        grad_output, self.grad_output = self.grad_output, None
        for hook in self.user_hooks:
            result = hook(self.module, grad_input, grad_output)
            if result is None:
                continue
            if not may_replace and any(item is not None for item in _as_tuple(result)):
                raise RuntimeError(
                    f"{hook}: the backward hook returned gradients for inputs that need none; return None"
                )
            grad_input = self._checked(hook, result, self.input_count, "grad_input")
        return grad_input


def _run_pre_hooks(
    module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    with_kwargs = module._forward_pre_hooks_with_kwargs
    for hook_id, hook in (*global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
        if hook_id in with_kwargs:
            result = hook(module, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"forward pre-hook: it returned {result!r}; return None or (args, kwargs)")
            args, kwargs = result
        else:
            result = hook(module, args)
            if result is not None:
                args = result if isinstance(result, tuple) else (result,)
    return args, kwargs


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module.forward`` with everything that was registered around it."""
    output = None
    done: set[int] = set()

    def run_forward_hook(hook_id: int, hook: Any) -> None:
        nonlocal output
        done.add(hook_id)
        if hook_id in module._forward_hooks_with_kwargs:
            replaced = hook(module, args, kwargs, output)
        else:
            replaced = hook(module, args, output)
        if replaced is not None:
            output = replaced

    try:
        args, kwargs = _run_pre_hooks(module, args, kwargs)
        backward = None
        if module._backward_hooks or module._backward_pre_hooks:
            backward = _BackwardHooks(module)
            args = backward.wrap_inputs(args)
        output = module.forward(*args, **kwargs)
        for hook_id, hook in (*global_forward_hooks.items(), *module._forward_hooks.items()):
            run_forward_hook(hook_id, hook)
        return output if backward is None else backward.wrap_output(output)
    except Exception:
        for hook_id, hook in tuple(module._forward_hooks.items()):
            if hook_id in module._forward_hooks_always_called and hook_id not in done:
                try:
                    run_forward_hook(hook_id, hook)
                except Exception as error:
                    warnings.warn(
                        f"forward hook with always_call=True raised {error!r}; it was ignored "
                        "because forward had already failed",
                        stacklevel=3,
                    )
        raise


class HooksMixin(ModuleParts):
    """The register_*_hook methods of Module."""

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Run ``hook(module, args[, kwargs])`` before forward; it may return new arguments."""
        handle = RemovableHandle(self._forward_pre_hooks, extra_dict=self._forward_pre_hooks_with_kwargs)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        _insert(self._forward_pre_hooks, handle.id, hook, prepend)
        return handle

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Run ``hook(module, args, [kwargs,] output)`` after forward; it may return a new output.

        With ``always_call`` it runs even when forward raises."""
        handle = RemovableHandle(
            self._forward_hooks,
            extra_dict=[self._forward_hooks_with_kwargs, self._forward_hooks_always_called],
        )
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        _insert(self._forward_hooks, handle.id, hook, prepend)
        return handle

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_input, grad_output)`` in backward; it may return a new
        grad_input."""
        handle = RemovableHandle(self._backward_hooks)
        _insert(self._backward_hooks, handle.id, hook, prepend)
        return handle

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Run ``hook(module, grad_output)`` before the module's backward; it may return a new
        grad_output."""
        handle = RemovableHandle(self._backward_pre_hooks)
        _insert(self._backward_pre_hooks, handle.id, hook, prepend)
        return handle

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Deprecated in PyTorch; here it is register_full_backward_hook."""
        return self.register_full_backward_hook(hook)


def _insert(hooks: OrderedDict[int, Any], hook_id: int, hook: Any, prepend: bool) -> None:
    hooks[hook_id] = hook
    if prepend:
        hooks.move_to_end(hook_id, last=False)
