"""torchy.func.grad, grad_and_value, vjp: functions that compute derivatives in reverse mode. Layer: torchy."""

from __future__ import annotations

import functools

from torchy import _C
from torchy._pytree import tree_flatten, tree_leaves, tree_unflatten
from torchy.func._arguments import check_outputs, map_tensors, pick, positions, put, split_aux
from torchy.func._levels import Level, backward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torchy.func._arguments import Argnums

    Func = Callable[..., Any]

__all__ = ["grad", "grad_and_value", "vjp"]

Tensor = _C.Tensor
_GRAD, _VJP = "grad_and_value(f)(*args)", "vjp(f, *primals)"


def grad_and_value(func: Func, argnums: Argnums = 0, has_aux: bool = False) -> Func:
    """A function that returns `(gradient, value)` of `func`, as `grad` does the gradient.

    With has_aux it returns `(gradient, (value, aux))`.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return _grad_and_value(func, argnums, has_aux, args, kwargs)

    return wrapper


def grad(func: Func, argnums: Argnums = 0, has_aux: bool = False) -> Func:
    """A function that takes what `func` takes and returns its gradient, shaped like the argument.

    func: gives a tensor of no dims; with has_aux, a pair of that and a tree of tensors, which is then returned as the
    second of a pair. argnums: the position of the argument to differentiate by, any tree of floating point tensors;
    a tuple of positions gives a tuple. Zeros where the value does not depend on an input. `no_grad` counts inside
    `func`; outside it means only that the result is not recorded. The result is recorded as far as it depends on
    tensors that require grad, so that gradients nest. RuntimeError for values that are not scalar tensors and for
    argnums out of range, ValueError for arguments that are no tensors.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        gradient, value = _grad_and_value(func, argnums, has_aux, args, kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def _grad_and_value(
    func: Func, argnums: Any, has_aux: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    level, aux = Level(), None
    with level.running():
        where = positions(argnums, len(args))
        flat, spec = tree_flatten(pick(args, where))
        xs = level.enter(flat)
        output = func(*put(args, where, tree_unflatten(xs, spec)), **kwargs)
        level.check_inputs()
        if has_aux:
            output, aux = split_aux(output, _GRAD)
        _check_scalar(output)
        # What aux shares with the output must survive the backward if the caller can differentiate aux.
        beyond = [output, *[t for t in tree_leaves(aux) if isinstance(t, Tensor)]]
        retain = level.recorded and level.reaches_out(beyond)
        create = retain and (len(beyond) == 1 or level.reaches_out([output]))
        grads = backward([output], None, xs, retain, create, level.vmaps)
        gradient = tree_unflatten([level.release(g) for g in grads], spec)
        value = level.release(output)
        if has_aux:
            return gradient, (value, map_tensors(level.release, aux))
    return gradient, value


def _check_scalar(output: Any) -> None:
    if not isinstance(output, Tensor):
        raise RuntimeError(f"{_GRAD}: Expected f(*args) to return a Tensor, got {type(output)}")
    if output.ndim != 0:
        raise RuntimeError(
            f"{_GRAD}: Expected f(*args) to return a scalar Tensor, got tensor with {output.ndim} dims. "
            "Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def vjp(func: Func, *primals: Any, has_aux: bool = False) -> Any:
    """`(func(*primals), vjp_fn)`; `vjp_fn(cotangents)` is the cotangents times the Jacobian, a tuple like `primals`.

    primals: trees of floating point tensors. func: gives a tree of floating point or complex tensors; with has_aux, a
    pair of that and a tree of tensors, which is returned as a third result. cotangents: a tree like the output. vjp_fn
    can be called any number of times, and its results are recorded as far as they depend on tensors that require grad,
    the cotangents among them. Complex: the gradient's convention of autograd.grad (the conjugate). RuntimeError for
    other outputs and for cotangents of another structure or size, ValueError for primals that are no tensors.
    """
    output, vjp_fn, aux = vjp_of(func, primals, None, has_aux)
    return (output, vjp_fn, aux) if has_aux else (output, vjp_fn)


def vjp_of(func: Func, primals: tuple[Any, ...], argnums: Any, has_aux: bool) -> tuple[Any, Func, Any]:
    """`vjp` by the arguments at argnums, or by all if that is None: the output, the function, aux or None."""
    level, aux = Level(tie=True), None  # tied also under no_grad, which may be over when vjp_fn is called
    with level.running():
        where = tuple(range(len(primals))) if argnums is None else positions(argnums, len(primals))
        flat, spec = tree_flatten(pick(primals, where))
        xs = level.enter(flat)
        result = func(*put(primals, where, tree_unflatten(xs, spec)))
        level.check_inputs()
        if has_aux:
            result, aux = split_aux(result, _VJP)
            aux = map_tensors(level.release, aux)
        outputs, out_spec = tree_flatten(result)
        check_outputs(outputs, _VJP)
        for out in outputs:
            if not (out.is_floating_point() or out.is_complex()):
                raise RuntimeError(
                    "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, "
                    f"got Tensor with dtype {out.dtype}"
                )
        released = tree_unflatten([level.release(out) for out in outputs], out_spec)
        beyond = level.reaches_out(outputs)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        weights, weights_spec = tree_flatten(cotangents)
        if weights_spec != out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {weights_spec}, primal output: {out_spec}"
            )
        create = bool(_C.is_grad_enabled()) if create_graph is None else create_graph
        tracked = beyond or any(isinstance(w, Tensor) and w.requires_grad for w in weights)
        grads = backward(outputs, weights, xs, retain_graph, create and tracked, level.vmaps)
        released_grads = [level.release(g, create) for g in grads]
        level.hand_over()
        return tree_unflatten(released_grads, spec)

    return released, vjp_fn, aux
