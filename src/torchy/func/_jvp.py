"""torchy.func.jvp, linearize: what a function does to a small change of its inputs. Layer: torchy."""

from __future__ import annotations

from torchy import _C
from torchy._pytree import tree_flatten, tree_unflatten
from torchy.func._arguments import check_outputs, map_tensors, pick, put, split_aux
from torchy.func._levels import Level, backward, differentiable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Func = Callable[..., Any]

__all__ = ["jvp", "linearize"]

Tensor = _C.Tensor
_JVP = "jvp(f, primals, tangents)"


def jvp(func: Func, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """`(func(*primals), J t)`, the second shaped like the output, in one run of forward mode.

    primals: a tuple of trees of floating point tensors. tangents: shaped like the primals. func: gives a tree of
    tensors; with has_aux, a pair of that and a tree of tensors, which is returned as a third result. strict:
    RuntimeError for an output that does not depend on the primals, otherwise its tangent is zeros. RuntimeError for
    primals that are no tuple or hold other things than tensors, and for tangents of another structure.
    """
    output, pushed, aux = jvp_of(func, primals, tangents, None, strict, has_aux)
    return (output, pushed, aux) if has_aux else (output, pushed)


def _check_tensors(flat: list[Any], what: str) -> None:
    if not flat:
        raise RuntimeError(f"{_JVP}: Expected {what} to contain at least one Tensor.")
    for x in flat:
        if not isinstance(x, Tensor):
            raise RuntimeError(f"{_JVP}: Expected {what} to only contain Tensors, got {type(x)}")


def jvp_of(func: Func, primals: Any, tangents: Any, where: Any, strict: bool, has_aux: bool) -> tuple[Any, Any, Any]:
    """`jvp` by the arguments at `where` (positions in range), or by all if None; tangents as `pick` gives those."""
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{_JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals). Got {type(primals)}"
        )
    flat, spec = tree_flatten(primals if where is None else pick(primals, where))
    directions, directions_spec = tree_flatten(tangents)
    if spec != directions_spec:
        raise RuntimeError(
            f"{_JVP}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals {spec} and tangents {directions_spec}"
        )
    _check_tensors(flat, "primals")
    _check_tensors(directions, "tangents")
    from torchy.autograd import forward_ad  # only now: what is refused above needs no forward mode

    def leave(t: Tensor) -> Tensor:
        primal: Tensor = forward_ad.unpack_dual(t).primal
        return primal

    def tangent_of(t: Tensor) -> Tensor:
        tangent: Tensor | None = forward_ad.unpack_dual(t).tangent
        if tangent is None and strict:
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. "
                "This is not allowed with strict=True."
            )
        return _C.zeros_like(leave(t)) if tangent is None else tangent

    with forward_ad.dual_level():
        duals = tree_unflatten([forward_ad.make_dual(x, t) for x, t in zip(flat, directions)], spec)
        result, aux = func(*(duals if where is None else put(primals, where, duals))), None
        if has_aux:
            result, aux = split_aux(result, _JVP)
            aux = map_tensors(leave, aux)
        outputs, out_spec = tree_flatten(result)
        check_outputs(outputs, _JVP)
        pushed = tree_unflatten([tangent_of(out) for out in outputs], out_spec)
        return tree_unflatten([leave(out) for out in outputs], out_spec), pushed, aux


def linearize(func: Func, *primals: Any) -> tuple[Any, Func]:
    """`(func(*primals), jvp_fn)`; `jvp_fn(*tangents)` is the Jacobian times the tangents, shaped like the output.

    `func` runs once, here, and jvp_fn any number of times. primals: trees of floating point or complex tensors, at
    least one; tangents have their structure, sizes and dtypes (RuntimeError otherwise). Both results are recorded as
    in `vjp`. The vector-Jacobian product u^T J is linear in u, so the vector-Jacobian product of that, by u, is J t
    (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
    """
    flat, spec = tree_flatten(primals)
    for x in flat:
        if isinstance(x, Tensor) and not (x.is_floating_point() or x.is_complex()):
            raise ValueError(f"Expected primal to be floating point or complex, but got: {x.dtype}; convert it")
    level = Level(tie=True)  # as in vjp: jvp_fn may be called in another mode than this
    with level.running():
        xs = level.enter(flat)
        outputs, out_spec = tree_flatten(func(*tree_unflatten(xs, spec)))
        level.check_inputs()
        roots = [out for out in outputs if isinstance(out, Tensor) and out.requires_grad]
        pairs = [differentiable(_C.zeros_like(out.detach()), False, level.vmaps) for out in roots]
        us = [u for u, _ in pairs]
        pulled = backward(roots, us, xs, True, True, level.vmaps)
        released = [level.release(out) if isinstance(out, Tensor) else out for out in outputs]
        for _, leaf in pairs:
            level.add_leaf(leaf)
        beyond = level.reaches_out(pulled)

    def jvp_fn(*tangents: Any) -> Any:
        directions, directions_spec = tree_flatten(tangents)
        if directions_spec != spec:
            raise RuntimeError(
                f"Expected the tangents {directions_spec} to have the same argspec as the primals {spec}"
            )
        for i, (t, x) in enumerate(zip(directions, flat)):
            _check_tangent(i, t, x)
        create = bool(_C.is_grad_enabled()) and (beyond or any(t.requires_grad for t in directions))
        found = iter(backward(pulled, directions, us, True, create, level.vmaps))
        result = [
            level.release(next(found), create) if isinstance(out, Tensor) and out.requires_grad
            else _C.zeros_like(out) if isinstance(out, Tensor)
            else out
            for out in outputs
        ]  # fmt: skip
        level.hand_over()
        return tree_unflatten(result, out_spec)

    return tree_unflatten(released, out_spec), jvp_fn


def _check_tangent(i: int, tangent: Any, primal: Tensor) -> None:
    if not isinstance(tangent, Tensor):
        raise RuntimeError(f"tangent:{i} in flattened pytree has type {type(tangent)}; give a Tensor")
    for what in ("shape", "dtype"):
        found, wanted = getattr(tangent, what), getattr(primal, what)
        if found != wanted:
            raise RuntimeError(
                f"tangent:{i} with {what} {found} in flattened pytree doesn't match the {what} {wanted} "
                "of the corresponding primal."
            )
