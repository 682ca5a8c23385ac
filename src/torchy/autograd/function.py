"""autograd.Function: an operation whose forward and backward the user writes. Layer: torchy."""

from __future__ import annotations

import functools
import threading

from torchy import _C
from torchy.autograd.grad_mode import no_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Tensor = _C.Tensor


class FunctionCtx:
    """What forward leaves for backward: saved tensors, flags, and any attribute the user sets."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        # While backward runs: what it may read, by thread (several may run one graph at once).
        self._unpacked: dict[int, tuple[Any, ...]] = {}
        self._dirty: tuple[Any, ...] = ()
        self._non_differentiable: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors (inputs or outputs; None is allowed) for backward, with their versions."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}; "
                    "keep other values as attributes: ctx.name = value"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors, inside backward."""
        return self._unpacked.get(threading.get_ident(), self._to_save)

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Name the inputs that forward changed in place; they must be returned."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Name the outputs that have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """False: gradients that did not arrive are None in backward, not zeros."""
        self._materialize = value


def _run_backward(
    cls: type[Function], ctx: FunctionCtx, count: int, saved: tuple[Any, ...], grads: tuple[Any, ...]
) -> Any:
    """Call the user's backward and make its answer one gradient per input."""
    thread = threading.get_ident()
    before = ctx._unpacked.get(thread)
    ctx._unpacked[thread] = saved
    try:
        result = cls.backward(ctx, *grads)
    finally:
        if before is None:
            del ctx._unpacked[thread]
        else:
            ctx._unpacked[thread] = before
    if not isinstance(result, tuple):
        result = (result,)
    if len(result) > count and all(r is None for r in result[count:]):
        result = result[:count]
    if len(result) != count:
        raise RuntimeError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {count}, got {len(result)})"
        )
    for i, r in enumerate(result):
        if r is not None and not isinstance(r, Tensor):
            raise TypeError(f"{cls.__name__}.backward: gradient {i} must be a Tensor or None, not {type(r).__name__}")
    return result


class Function:
    """Subclass with static `forward(ctx, *args)` and `backward(ctx, *grads)`, then call `apply`.

    Instead of a ctx in forward, define `forward(*args)` and `setup_context(ctx, inputs, output)`.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise NotImplementedError("You must implement the backward method for your custom autograd.Function.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward, and record backward if an input requires grad."""
        ctx = FunctionCtx()
        inputs = [a if isinstance(a, Tensor) else None for a in args]
        ctx.needs_input_grad = tuple(t is not None and t.requires_grad for t in inputs)
        record = _C.is_grad_enabled() and any(ctx.needs_input_grad)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
        single = not isinstance(output, tuple)
        outputs = [output] if single else list(output)
        if not record:
            return output
        if any(all(d is not o for o in outputs) for d in ctx._dirty):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. "
                "The inputs that are modified inplace must all be outputs of the Function."
            )
        dirty = [any(o is d for d in ctx._dirty) for o in outputs]
        fresh: list[Any] = []
        for o, is_dirty in zip(outputs, dirty):
            reused = isinstance(o, Tensor) and not is_dirty and (o.requires_grad or any(o is t for t in inputs))
            fresh.append(o.detach() if reused else o)
        differentiable = [
            isinstance(o, Tensor)
            and (o.is_floating_point() or o.is_complex())
            and not any(o is n for n in ctx._non_differentiable)
            for o in outputs
        ]
        saved = [next((f for o, f in zip(outputs, fresh) if o is t and t is not None), t) for t in ctx._to_save]
        ctx._to_save = ctx._dirty = ctx._non_differentiable = ()  # results here would be cycles
        _C._attach_function(
            f"{cls.__name__}Backward", functools.partial(_run_backward, cls, ctx, len(args)), inputs,
            [f if isinstance(f, Tensor) else None for f in fresh], saved, differentiable, dirty, ctx._materialize,
        )  # fmt: skip
        return fresh[0] if single else tuple(fresh)


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
