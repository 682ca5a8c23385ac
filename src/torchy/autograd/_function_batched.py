"""autograd.Function under vmap: which rule runs for a batch, the user's vmap or one made from forward. Layer: torchy.

What is recorded is a rule on the tensors that hold all examples (`Batched`), whose backward and jvp run the user's
under vmap. A user's vmap staticmethod stands for forward; where no transform is inside the vmap, it runs as it is, and
what it calls is recorded, as in PyTorch.
"""

from __future__ import annotations

from torchy import _C
from torchy._pytree import broadcast_prefix, tree_flatten, tree_leaves, tree_unflatten
from torchy.autograd._function_rule import MORE, Batched, VmapInfo, apart, covered, own_rule, reentered
from torchy.autograd.function import Function, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

Tensor = _C.Tensor


def level_of(args: Any, kwargs: dict[str, Any]) -> int:
    """The innermost level of vmap at which an argument is batched, or 0."""
    for x in tree_leaves(kwargs) if kwargs else ():
        if isinstance(x, Tensor) and _C._batch_level(x):
            raise NotImplementedError(
                "Run vmap on autograd.Function with kwarg-only Tensor args. Please do not pass kwarg-only Tensors to "
                f"autograd.Function. Got: {list(kwargs)}"
            )
    return max((_C._batch_level(x) for x in tree_leaves(args) if isinstance(x, Tensor)), default=0)


def apply(cls: type[Function], args: tuple[Any, ...], kwargs: dict[str, Any], level: int) -> Any:
    """`cls.apply` where an argument is batched, innermost at `level`."""
    info = next((VmapInfo(size, how) for number, size, how, _ in _C._vmap_levels() if number == level), None)
    if info is None:
        raise RuntimeError(f"{cls.__name__}: an argument was made inside a vmap that is over; return it from there")
    own = _has_vmap(cls)
    physical, flags, spec = apart(args, level)
    # The batch is always the first dim of the tensor that holds all examples.
    in_dims = tree_unflatten([0 if batched else None for batched in flags], spec)
    whole = tree_unflatten(physical, spec)
    if own and not _transformed_inside(cls, level, physical):
        outputs, out_dims = own_rule(cls, info, in_dims, whole, kwargs)
    else:
        rule = Batched(cls, info, flags, spec, in_dims if own else None)
        found = apply_rule(rule, whole, kwargs)
        outputs, out_dims = found, rule.out_dims
    flat, out_spec = tree_flatten(outputs)
    originals = [(p, x) for p, x in zip(physical, tree_leaves(args)) if isinstance(p, Tensor)]
    dims = broadcast_prefix(out_dims, out_spec)
    return tree_unflatten([covered(t, d, level, originals) for t, d in zip(flat, dims)], out_spec)


def apply_rule(rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`rule` on arguments that may still be batched at an outer level."""
    level = level_of(args, kwargs)
    if not level:
        return run(rule, args, kwargs)
    info = next(VmapInfo(size, how) for number, size, how, _ in _C._vmap_levels() if number == level)
    physical, flags, spec = apart(args, level)
    outer = Batched(rule, info, flags, spec, None)
    flat, out_spec = tree_flatten(apply_rule(outer, tree_unflatten(physical, spec), kwargs))
    originals = [(p, x) for p, x in zip(physical, tree_leaves(args)) if isinstance(p, Tensor)]
    dims = broadcast_prefix(outer.out_dims, out_spec)
    return tree_unflatten([covered(t, d, level, originals) for t, d in zip(flat, dims)], out_spec)


def _has_vmap(cls: type[Function]) -> bool:
    """Whether the class brings a rule of its own. RuntimeError if it has none at all, or two."""
    own = cls.vmap is not Function.vmap
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(
            "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must "
            f"override the setup_context staticmethod. {MORE}"
        )
    if cls.generate_vmap_rule and own:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden vmap "
            "staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid "
            f"ambiguity. {MORE}"
        )
    if not cls.generate_vmap_rule and not own:
        raise RuntimeError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement "
            f"the vmap staticmethod or set generate_vmap_rule=True. {MORE}"
        )
    return own


def _transformed_inside(cls: type[Function], level: int, physical: Sequence[Any]) -> bool:
    """Whether a derivative is taken inside the vmap, so that backward or jvp must see single examples."""
    tensors = [t for t in physical if isinstance(t, Tensor)]
    if _C.is_grad_enabled() and any(t.requires_grad for t in tensors):
        from torchy.func._levels import _active

        if level in reentered.levels or (_active.levels and level in [n for n, _ in _active.levels[-1].vmaps]):
            return True
    if cls.jvp is Function.jvp or not _C._forward_level():
        return False
    from torchy.autograd._function_forward import levels_of

    return bool(levels_of(tensors))
