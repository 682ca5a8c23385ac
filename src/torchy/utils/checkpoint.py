"""checkpoint and checkpoint_sequential: keep the inputs of a function, make its tape again in backward. Layer: torchy.

A checkpointed call is one node. Its edges lead to the tensor arguments and to the parameters the function reads
without being given them; the function's own tape shows which, and is dropped at once.
"""

from __future__ import annotations

import contextlib
import functools
import warnings

from torchy import _C
from torchy._fork import fork_rng
from torchy.autograd.function import Function
from torchy.autograd.grad_mode import enable_grad
from torchy.utils._checkpoint_free import free_values, map_free
from torchy.utils._checkpoint_tape import (
    CheckpointError,
    Slot,
    Watch,
    compare,
    divert,
    has_history,
    leaves_of,
    map_leaves,
    mark,
    outputs_of,
    slot_of,
    take_out,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn"]


def noop_context_fn() -> Contexts:
    """The default of `context_fn`: two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


class _Frame:
    """One checkpointed call: how to make it again, and its gradients."""

    def __init__(self, function: Callable[..., Any], template: Any, context: Any, check: bool) -> None:
        self.function, self.template, self.context, self.check = function, template, context, check
        self.state: Any = None  # of the random stream, if the function moved it
        self.made: list[Any] = []  # shape and dtype of the outputs that require grad
        self.recorded = 0  # operations

    def call(self, tensors: Sequence[Any]) -> Any:
        args, kwargs = map_leaves(self.template, Slot, lambda slot: tensors[slot])
        function = map_free(self.function, lambda v: isinstance(v, Slot), lambda slot: tensors[slot])
        given = free_values(function)
        result = function(*args, **kwargs)
        for slot, before, after in zip(free_values(self.function), given, free_values(function)):
            if isinstance(slot, Slot) and before is not after:
                raise RuntimeError(
                    "checkpoint: the function assigned to an outer variable that holds a tensor with history; return "
                    "the new tensor instead"
                )
        return result

    def again(self, tensors: Sequence[Any]) -> list[Any]:
        with fork_rng(enabled=self.state is not None), enable_grad(), self.context:
            if self.state is not None:
                _C.default_generator.set_state(self.state)
            outputs = outputs_of(self.call(tensors))[1]
        compare("outputs that require grad", self.made, [(t.shape, t.dtype) for t in outputs], self.check)
        return outputs

    def gradients(self, tensors: Sequence[Any], grads: Sequence[Any], params: Sequence[Any], create: bool) -> Any:
        """Run the function on `tensors` (cut from their history); the gradient or None of every tensor and parameter."""
        since = mark()
        outputs = self.again(tensors)
        inputs = [t for t in tensors if t.requires_grad]
        leaves, edges, recorded = leaves_of(outputs, since, inputs)
        compare("parameters", [(p.shape, p.dtype) for p in params], [(p.shape, p.dtype) for p in leaves], True)
        if self.check and recorded != self.recorded:
            raise CheckpointError(
                f"checkpoint: the forward pass recorded {self.recorded} operations, and its recomputation in backward "
                f"{recorded}; the function must do the same both times"
            )
        kept: dict[int, Any] = {}
        # What would flow to a parameter is taken at the last edge: the parameter's own hooks run once, in the outer
        # backward, and not here as well.
        handles = [node.register_hook(functools.partial(divert, cut, leaves, kept)) for node, cut in edges]
        used = [(t, g) for t, g in zip(outputs, grads) if g is not None]
        try:
            found = iter(
                _C._run_backward(
                    [t for t, _ in used], [g for _, g in used], inputs + leaves, create, create, False, True
                )
            )
        finally:
            for handle in handles:
                handle.remove()
        return tuple(next(found) if t.requires_grad else None for t in tensors) + tuple(
            kept.get(i) for i in range(len(params))
        )


class CheckpointFunction(Function):
    """The node of a checkpointed call."""

    @staticmethod
    def forward(ctx: Any, frame: _Frame, outputs: list[Any], count: int, *tensors: Any) -> Any:
        ctx.frame, ctx.count = frame, count
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        tensors, params = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        create = _C.is_grad_enabled()
        run = functools.partial(ctx.frame.gradients, params=params, create=create)
        if create:  # the gradient is itself a checkpointed function of the arguments and of `grads`
            found = checkpoint(run, tensors, grads, use_reentrant=False, preserve_rng_state=False)
        else:
            found = run(_cut(tensors), grads)
        return (None, None, None, *found)


def _cut(tensors: Sequence[Any]) -> list[Any]:
    """Stand-ins without history for the tensors that require grad."""
    return [t.detach().requires_grad_() if t.requires_grad else t for t in tensors]


def _choose(name: str, use_reentrant: bool | None) -> None:
    if use_reentrant is None:
        warnings.warn(
            f"{name}: use_reentrant was not passed; this library has the variant of use_reentrant=False only, and uses it",
            stacklevel=3,
        )
    elif use_reentrant:
        raise NotImplementedError(f"{name}: use_reentrant=True is not supported; pass use_reentrant=False")


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose tape is not kept: backward calls the function again to make it.

    Values and gradients are those of the plain call, also by `autograd.grad`, of any order, and for parameters that
    the function reads itself. Tensors may be anywhere in tuples, lists and dicts of arguments and results.
    use_reentrant: pass False. preserve_rng_state: the second call draws the same random numbers, and the stream goes
    on as if there were none. context_fn: gives one context manager for each of the two calls. determinism_check:
    "none" leaves out the comparison of outputs' shapes and dtypes and of the number of operations. early_stop: accepted; the second call always runs to its end.

    The function must do the same both times, and change neither its arguments nor parameters in place. Containers
    with tensors reach it as copies. Tensors with history are found in its arguments, closure and defaults (itself or
    in a partial), not in globals, attributes or containers it closes over.
    Errors: RuntimeError if it uses a tensor with history found nowhere, changes an argument, or gradients come through
    a tensor it kept elsewhere; CheckpointError (a
    RuntimeError) if the second call has other outputs, parameters or operations;
    TypeError if it returns an object that hides a tensor; NotImplementedError for use_reentrant=True and debug=True.
    Method: T. Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
    """
    _choose("checkpoint", use_reentrant)
    if debug:
        raise NotImplementedError("checkpoint: debug=True is not supported; call the function twice and compare")
    if determinism_check not in ("default", "none"):
        raise ValueError(f"checkpoint: determinism_check must be 'default' or 'none', not {determinism_check!r}")
    forward_context, backward_context = context_fn()
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    tensors: list[Any] = []
    template = take_out((args, kwargs), tensors, lambda t: True)
    function = map_free(function, has_history, functools.partial(slot_of, tensors))
    versions = [t._version for t in tensors]
    frame = _Frame(function, template, backward_context, determinism_check == "default")
    state = _C.default_generator.get_state() if preserve_rng_state else None
    inner, since, watch = _cut(tensors), mark(), Watch()
    for t in inner:
        if t.requires_grad:
            t.register_hook(watch)
    with forward_context:
        result, outputs = outputs_of(frame.call(inner))
    watch.returned = True
    if not outputs:
        return result
    if state is not None and not bool((state == _C.default_generator.get_state()).all()):
        frame.state = state
    for i, (t, version) in enumerate(zip(tensors, versions)):
        if t._version != version:
            raise RuntimeError(
                f"checkpoint: the function changed tensor argument {i} of shape {tuple(t.shape)} in place, so it "
                "cannot be called again on it; clone() it in the function"
            )
    params, _, frame.recorded = leaves_of(outputs, since, [t for t in inner if t.requires_grad])
    frame.made = [(t.shape, t.dtype) for t in outputs]
    recorded = CheckpointFunction.apply(frame, outputs, len(tensors), *tensors, *params)
    return map_leaves(result, Slot, lambda slot: recorded[slot])


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call the modules or functions one after the other on `input`, in `segments` parts of equal length.

    All parts but the last, which takes the rest, are checkpointed. functions: an nn.Sequential or a list.
    preserve_rng_state, use_reentrant: as for `checkpoint`. ValueError for another keyword, or if segments is not
    between 1 and the number of functions.
    """
    _choose("checkpoint_sequential", use_reentrant)
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"checkpoint_sequential: unexpected keyword arguments {', '.join(kwargs)}; leave them out")
    steps = list(functions.children() if hasattr(functions, "children") else functions)
    if not 1 <= segments <= len(steps):
        raise ValueError(
            f"checkpoint_sequential: segments is {segments}, for {len(steps)} functions; give 1 to {len(steps)}"
        )
    size = len(steps) // segments
    for start in range(0, size * (segments - 1), size):
        part = functools.partial(_chain, steps[start : start + size])
        input = checkpoint(part, input, use_reentrant=False, preserve_rng_state=preserve)
    return _chain(steps[size * (segments - 1) :], input)


def _chain(steps: Sequence[Callable[[Any], Any]], value: Any) -> Any:
    for step in steps:
        value = step(value)
    return value
