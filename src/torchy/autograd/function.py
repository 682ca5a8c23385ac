"""autograd.Function: an operation whose forward and backward the user writes. Layer: torchy."""

from __future__ import annotations

import functools

from torchy import _C
from torchy.autograd._function_context import FunctionCtx
from torchy.autograd.grad_mode import no_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Tensor = _C.Tensor


def _run_backward(rule: Any, ctx: FunctionCtx, count: int, saved: tuple[Any, ...], grads: tuple[Any, ...]) -> Any:
    """Call the user's backward and make its answer one gradient per input."""
    before = ctx._read(saved)  # no `with`: this is on the way of every small function
    try:
        result = rule.backward(ctx, *grads)
    finally:
        ctx._unread(before)
    name = rule.__name__
    if not isinstance(result, tuple):
        result = (result,)
    if len(result) > count and all(r is None for r in result[count:]):
        result = result[:count]
    if len(result) != count:
        raise RuntimeError(
            f"function {name}Backward returned an incorrect number of gradients (expected {count}, got {len(result)})"
        )
    for i, r in enumerate(result):
        if r is not None and not isinstance(r, Tensor):
            raise TypeError(f"{name}.backward: gradient {i} must be a Tensor or None, not {type(r).__name__}")
    return result


class Function:
    """Subclass with static `forward(ctx, *args)` and `backward(ctx, *grads)`, then call `apply`.

    Instead of a ctx in forward, define `forward(*args)` and `setup_context(ctx, inputs, output)`. For forward mode
    define `jvp(ctx, *tangents)` too; for vmap define `vmap(info, in_dims, *args)`, or set `generate_vmap_rule = True`
    if forward, backward and jvp are made of operations that vmap knows.
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs, a tensor or a tuple, from the arguments of `apply`. Nothing in it is recorded."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep in ctx what backward and jvp need of the arguments and of forward's output."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """One gradient per argument (None where there is none) from one gradient per output."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function "
            "to use it with backward mode AD."
        )

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """One tangent per output from one tangent per argument.

        Arguments that are no floating point tensors have None; those without a tangent have zeros, or None after
        `ctx.set_materialize_grads(False)`. Outputs that are not differentiable get None. Where forward returns a view
        of an input, jvp returns a view; where it changes an input in place, jvp changes its tangent in place.
        """
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """`(output, out_dims)` for a whole batch: args have the batch at in_dims (None: the same for all examples).

        info: batch_size, and randomness as vmap got it. out_dims: one dim, or a tuple of them, None for an output
        that is the same for all examples.
        """
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    @classmethod
    def _call_forward(cls, ctx: FunctionCtx, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if cls.setup_context is Function.setup_context:
            return cls.forward(ctx, *args, **kwargs)
        output = cls.forward(*args, **kwargs)
        cls.setup_context(ctx, args, output)
        return output

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward; record backward if an input requires grad, and give outputs tangents if an input has one."""
        if cls.setup_context is not Function.setup_context:
            args, kwargs = _with_defaults(cls.forward, args, kwargs)
        if _C._vmap_levels():
            from torchy.autograd import _function_batched as batched  # when used: `import torchy` stays quick

            level = batched.level_of(args, kwargs)
            if level:
                return batched.apply(cls, args, kwargs, level)
        return run(cls, args, kwargs)


def _with_defaults(
    forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as setup_context gets them: positional where they can be, defaults filled in."""
    code = getattr(forward, "__code__", None)
    if not kwargs and code is not None and code.co_argcount == len(args) and not code.co_kwonlyargcount:
        return args, kwargs
    import inspect

    bound = inspect.signature(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args, bound.kwargs


def is_differentiable(t: Any) -> bool:
    return isinstance(t, Tensor) and (t.is_floating_point() or t.is_complex())


def run(rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply `rule` (a Function, or what stands for one under vmap) to arguments that are not batched.

    rule: `_call_forward(ctx, args, kwargs)`, `backward(ctx, *grads)`, `jvp(ctx, *tangents)` and `__name__`.
    """
    ctx = FunctionCtx()
    inputs = [a if isinstance(a, Tensor) else None for a in args]
    ctx.needs_input_grad = tuple(t is not None and t.requires_grad for t in inputs)
    record = _C.is_grad_enabled() and any(ctx.needs_input_grad)
    levels: list[int] = []
    if _C._forward_level():
        from torchy.autograd import _function_forward as forward_mode

        levels = forward_mode.levels_of(inputs)
        with no_grad(), forward_mode.only_below(0):
            output = rule._call_forward(ctx, args, kwargs)
    else:
        with no_grad():
            output = rule._call_forward(ctx, args, kwargs)
    if not record and not levels:
        return output
    single = not isinstance(output, tuple)
    outputs = [output] if single else list(output)
    _check_outputs(rule, ctx, outputs)
    dirty = [any(o is d for d in ctx._dirty) for o in outputs]
    fresh: list[Any] = []
    for o, is_dirty in zip(outputs, dirty):
        reused = isinstance(o, Tensor) and not is_dirty and (o.requires_grad or any(o is t for t in inputs))
        fresh.append(_alias(o) if reused else o)
    differentiable = [is_differentiable(o) and not any(o is n for n in ctx._non_differentiable) for o in outputs]

    def kept(tensors: tuple[Any, ...]) -> list[Any]:
        return [next((f for o, f in zip(outputs, fresh) if o is t and t is not None), t) for t in tensors]

    saved = kept(ctx._to_save)
    for_jvp = kept(ctx._to_save_for_forward or ctx._to_save) if levels else []
    ctx._to_save = ctx._to_save_for_forward = ctx._dirty = ctx._non_differentiable = ()  # results here would be cycles
    if record:
        _C._attach_function(
            f"{rule.__name__}Backward", functools.partial(_run_backward, rule, ctx, len(args)), inputs,
            [f if isinstance(f, Tensor) else None for f in fresh], saved, differentiable, dirty, ctx._materialize,
        )  # fmt: skip
    for level in levels:
        forward_mode.push(rule, ctx, inputs, (outputs, fresh, differentiable, dirty), for_jvp, level)
    return fresh[0] if single else tuple(fresh)


def _alias(t: Tensor) -> Tensor:
    before = _C._set_forward_cap(0)
    try:
        return t.detach()
    finally:
        _C._set_forward_cap(before)


def _check_outputs(rule: Any, ctx: FunctionCtx, outputs: list[Any]) -> None:
    if any(all(d is not o for o in outputs) for d in ctx._dirty):
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. "
            "The inputs that are modified inplace must all be outputs of the Function."
        )
    if _C._vmap_levels() and any(isinstance(o, Tensor) and _C._batch_level(o) for o in outputs):
        raise RuntimeError(
            f"{rule.__name__}: forward returned a tensor that differs from example to example under vmap, but no "
            "argument does; pass the tensor that it captured as an argument of apply"
        )


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a backward that cannot be differentiated again: a second derivative is an error."""

    @functools.wraps(fn)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        recording = _C.is_grad_enabled() and any(isinstance(g, Tensor) and g.requires_grad for g in grads)
        with no_grad():
            outputs = fn(ctx, *grads)
        if not recording:
            return outputs
        results = outputs if isinstance(outputs, tuple) else (outputs,)
        marked = tuple(None if r is None else _OnceOnly.apply(r.detach().requires_grad_()) for r in results)
        return marked if isinstance(outputs, tuple) else marked[0]

    return wrapped


class _OnceOnly(Function):
    """Identity whose backward is the error of once_differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
