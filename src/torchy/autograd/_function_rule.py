"""One rule for a whole batch, made from a rule for single examples and the user's vmap. Layer: torchy."""

from __future__ import annotations

import threading
from typing import NamedTuple

from torchy import _C
from torchy._pytree import broadcast_prefix, tree_flatten, tree_leaves, tree_unflatten
from torchy.autograd._function_context import FunctionCtx

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

Tensor = _C.Tensor
MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What a vmap staticmethod learns of the vmap around it."""

    batch_size: int
    randomness: str


class _Reentered(threading.local):
    """The levels that stand for that of a vmap whose backward or jvp runs now."""

    def __init__(self) -> None:
        self.levels: set[int] = set()


reentered = _Reentered()


def own_rule(cls: Any, info: VmapInfo, in_dims: Any, args: tuple[Any, ...], kwargs: Any) -> tuple[Any, Any]:
    """What the vmap staticmethod returns, checked: outputs and a batch dim (or None) for each."""
    result = cls.vmap(info, in_dims, *args, **kwargs)
    text = (
        "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible "
        "with the output. "
    )
    if not isinstance(result, tuple):
        raise RuntimeError(text + f"Got a {type(result)} instead")
    if len(result) != 2:
        raise RuntimeError(text + f"Got {len(result)} returns instead")
    output, out_dims = result
    spec = tree_flatten(output)[1]
    try:
        return output, tree_unflatten(broadcast_prefix(out_dims, spec), spec)
    except ValueError:
        raise RuntimeError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected "
            f"out_dims={out_dims} to be compatible with the structure of `output`. out_dims has structure "
            f"{tree_flatten(out_dims)[1]} but output has structure {spec}. {MORE}"
        ) from None


def apart(tree: Any, level: int) -> tuple[list[Any], list[bool], Any]:
    """The leaves, each with all examples of the level; which have a batch dim (the first); and the structure."""
    flat, spec = tree_flatten(tree)
    pairs = [_C._batch_unwrap(x, level) if isinstance(x, Tensor) else (x, False) for x in flat]
    return [x for x, _ in pairs], [batched for _, batched in pairs], spec


def covered(t: Any, dim: Any, level: int, originals: Sequence[tuple[Any, Any]] = ()) -> Any:
    """`t` as one example; the argument itself, if `t` is what it was unwrapped to."""
    if not isinstance(t, Tensor):
        return t
    for physical, argument in originals:
        if t is physical:
            return argument
    return t if dim is None else _C._batch_wrap(t.movedim(dim, 0) if dim else t, level)


class _Level:
    """``with _Level(info) as level``: single examples can be seen inside."""

    def __init__(self, info: VmapInfo) -> None:
        self.info = info

    def __enter__(self) -> int:
        self.level: int = _C._vmap_enter(self.info.batch_size, self.info.randomness, False)
        reentered.levels.add(self.level)
        return self.level

    def __exit__(self, *exc: object) -> None:
        reentered.levels.discard(self.level)
        _C._vmap_exit(self.level)


class Batched:
    """A rule for a whole batch, made from one for single examples; `run` applies it.

    flags, spec: which leaves of the arguments have a batch dim, and their structure. in_dims: for a user's vmap
    staticmethod, which then stands for forward; None if forward itself runs under vmap.
    """

    def __init__(self, rule: Any, info: VmapInfo, flags: Sequence[bool], spec: Any, in_dims: Any) -> None:
        self.rule, self.info, self.in_dims = rule, info, in_dims
        self.flags, self.spec = flags, spec
        self.__name__ = rule.__name__
        self.out_dims: Any = None  # 0 or None for each output, in its structure
        self.out_flags: list[bool] = []
        self.arg_flags: list[bool] = []
        self.shapes: list[Any] = []  # of the arguments, of one example
        self.saved: dict[bool, list[bool]] = {}  # which saved tensors are batched; True: those for jvp
        self.inner = FunctionCtx()

    def _call_forward(self, ctx: FunctionCtx, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.inner.needs_input_grad = ctx.needs_input_grad
        with _Level(self.info) as level:
            flat = tree_leaves(args)
            singles = [covered(x, 0 if batched else None, level) for x, batched in zip(flat, self.flags)]
            seen: tuple[Any, ...] = tree_unflatten(singles, self.spec)
            if self.in_dims is None:
                output = self.rule._call_forward(self.inner, seen, kwargs)
            else:
                output, dims = own_rule(self.rule, self.info, self.in_dims, args, kwargs)
                whole, out_spec = tree_flatten(output)
                pairs = list(zip(flat, singles))
                output = tree_unflatten(
                    [covered(t, d, level, pairs) for t, d in zip(whole, broadcast_prefix(dims, out_spec))], out_spec
                )
                self.rule.setup_context(self.inner, seen, output)
            return self._keep(ctx, seen, flat, singles, output, level)

    def _keep(self, ctx: FunctionCtx, seen: Any, flat: Any, singles: Any, output: Any, level: int) -> Any:
        """What the inner context kept, moved to the outer one as whole tensors; the whole outputs."""
        known = {id(x): (whole, flag) for x, whole, flag in zip(singles, flat, self.flags) if isinstance(x, Tensor)}
        inner = self.inner
        outs, out_spec = tree_flatten(output)
        for t in outs:
            if isinstance(t, Tensor) and id(t) not in known:
                whole, batched = _C._batch_unwrap(t, level)
                fixed = any(t is n for n in inner._non_differentiable)
                if not batched and not fixed and (t.is_floating_point() or t.is_complex()):
                    # Each example has a gradient of its own, which backward may mix with those of other outputs.
                    whole, batched = self._repeated(whole), True
                known[id(t)] = (whole, batched)

        def parts(tensors: Sequence[Any]) -> list[tuple[Any, bool]]:
            """The whole tensors, and whether they have a batch dim."""
            return [
                (t, False) if not isinstance(t, Tensor) else known.get(id(t)) or _C._batch_unwrap(t, level)
                for t in tensors
            ]

        saved, for_jvp = parts(inner._to_save), parts(inner._to_save_for_forward or inner._to_save)
        self.saved = {False: [flag for _, flag in saved], True: [flag for _, flag in for_jvp]}
        ctx.save_for_backward(*[t for t, _ in saved])
        if inner._to_save_for_forward:
            ctx.save_for_forward(*[t for t, _ in for_jvp])
        dirty = parts(inner._dirty)
        if any(flag for _, flag in parts(outs)) and not all(flag for _, flag in dirty):
            raise RuntimeError(
                f"{self.__name__}: vmap: mark_dirty names an argument that has one value for all examples, while outputs "
                "have one for each; return a new tensor, or give vmap a batched argument"
            )
        ctx.mark_dirty(*[t for t, _ in dirty])
        ctx.mark_non_differentiable(*[t for t, _ in parts(inner._non_differentiable)])
        ctx.set_materialize_grads(inner._materialize)
        inner._to_save = inner._to_save_for_forward = inner._dirty = inner._non_differentiable = ()
        wholes = [whole for whole, _ in parts(outs)]
        self.out_flags = [flag for _, flag in parts(outs)]
        self.out_dims = tree_unflatten([0 if batched else None for batched in self.out_flags], out_spec)
        self.shapes = [tuple(x.shape) if isinstance(x, Tensor) else None for x in seen]
        self.arg_flags = [isinstance(x, Tensor) and _C._batch_unwrap(x, level)[1] for x in seen]
        return tree_unflatten(wholes, out_spec)

    def _repeated(self, t: Tensor) -> Tensor:
        """`t`, the same for all examples, with a batch dim."""
        return t.unsqueeze(0).expand(self.info.batch_size, *t.shape)

    def _one_by_one(
        self, ctx: FunctionCtx, given: Sequence[Any], flags: Sequence[bool], forward: bool, finish: Callable[..., Any]
    ) -> tuple[Any, ...]:
        """The user's backward or jvp for single examples; `finish(i, result, level)` makes each result whole."""
        with _Level(self.info) as level:
            saved = [
                covered(t, 0 if batched else None, level) for t, batched in zip(ctx.saved_tensors, self.saved[forward])
            ]
            singles = [covered(t, 0 if batched else None, level) for t, batched in zip(given, flags)]
            with self.inner._reading(tuple(saved)):
                found = (self.rule.jvp if forward else self.rule.backward)(self.inner, *singles)
            results = found if isinstance(found, tuple) else (found,)
            pairs = list(zip(singles, given))
            whole = [next((g for s, g in pairs if s is r and r is not None), None) for r in results]
            return tuple(
                w if w is not None and forward else finish(i, r, level) for i, (r, w) in enumerate(zip(results, whole))
            )

    def backward(self, ctx: FunctionCtx, *grads: Any) -> tuple[Any, ...]:
        def finish(i: int, grad: Any, level: int) -> Any:
            if not isinstance(grad, Tensor) or i >= len(self.arg_flags):
                return grad
            shape = self.shapes[i]
            if shape is not None and tuple(grad.shape) != shape and grad.ndim >= len(shape):
                grad = grad.sum_to_size(shape)  # the engine cannot tell the batch dim from one that was broadcast
            whole, batched = _C._batch_unwrap(grad, level)
            if self.arg_flags[i]:
                return whole if batched else self._repeated(whole)
            return whole.sum(0) if batched else whole

        return self._one_by_one(ctx, grads, self.out_flags, False, finish)

    def jvp(self, ctx: FunctionCtx, *tangents: Any) -> tuple[Any, ...]:
        def finish(i: int, tangent: Any, level: int) -> Any:
            if not isinstance(tangent, Tensor) or i >= len(self.out_flags):
                return tangent
            whole, batched = _C._batch_unwrap(tangent, level)
            if self.out_flags[i] and not batched:
                return self._repeated(whole)
            return whole

        return self._one_by_one(ctx, tangents, self.arg_flags, True, finish)
