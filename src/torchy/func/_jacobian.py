"""torchy.func.jacrev, jacfwd, hessian: matrices of derivatives, a whole basis at a time. Layer: torchy.

Output i and input j give a tensor of size `output.shape + input.shape`; trees nest, the output's outside.
"""

from __future__ import annotations

import functools

from torchy import _C
from torchy._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten
from torchy.func._arguments import check_real, pick, positions
from torchy.func._grad import vjp_of
from torchy.func._jvp import jvp_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from torchy.func._arguments import Argnums

    Func = Callable[..., Any]

__all__ = ["hessian", "jacfwd", "jacrev"]

Tensor = _C.Tensor


def _basis(like: list[Tensor], rows: int) -> Iterator[list[Tensor]]:
    """The identity matrix over all elements of `like`, `rows` rows at a time, cut into blocks of size (rows, *shape).

    Without elements there is one block without rows.
    """
    total = sum([t.numel() for t in like])
    for first in range(0, max(total, 1), max(rows, 1)):
        count, start, blocks = min(rows, total - first), 0, []
        for t in like:
            block = _C.zeros(count, t.numel(), dtype=t.dtype)
            block.diagonal(first - start).fill_(1)
            blocks.append(block.view(count, *t.shape))
            start += t.numel()
        yield blocks


def jacrev(func: Func, argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Func:
    """A function that takes what `func` takes and returns its Jacobian, by one vmapped vjp per chunk of rows.

    argnums: the position of the argument to differentiate by, any tree of real tensors; a tuple of positions gives a
    tuple. chunk_size: how many rows to compute at once; fewer need less memory, None is all, 1 is a loop without vmap.
    has_aux: `func` returns a pair, the second of which (a tree of tensors) is returned beside the Jacobian. Recorded as
    in `grad`. ValueError for chunk_size below 1, RuntimeError for complex tensors and all that `vjp` refuses.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"jacrev: `chunk_size` should be greater than 0. Got {chunk_size}")

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        check_real(tree_leaves(args), "jacrev", "inputs")
        where = positions(argnums, len(args))
        output, vjp_fn, aux = vjp_of(func, args, where, has_aux)
        outs, out_spec = tree_flatten(output)
        check_real(outs, "jacrev", "outputs")
        xs, in_spec = tree_flatten(pick(args, where))
        stacked = _rows(vjp_fn, outs, out_spec, xs, chunk_size)
        result, first = [], 0
        for out in outs:
            cut = [t.narrow(0, first, out.numel()).reshape((*out.shape, *x.shape)) for t, x in zip(stacked, xs)]
            result.append(tree_unflatten(cut, in_spec))
            first += out.numel()
        jacobian = tree_unflatten(result, out_spec)
        return (jacobian, aux) if has_aux else jacobian

    return wrapper


def _rows(vjp_fn: Func, outs: list[Tensor], out_spec: Any, xs: list[Tensor], chunk_size: int | None) -> list[Tensor]:
    """For each input, the Jacobian of all outputs one below the other: size (elements of the outputs, *x.shape)."""
    total = sum([out.numel() for out in outs])
    if total == 0 or not xs:
        return [x.new_zeros((total, *x.shape)) for x in xs]
    chunks = []
    for blocks in _basis(outs, total if chunk_size is None else min(chunk_size, total)):
        if chunk_size == 1:
            row = tree_unflatten([block.squeeze(0) for block in blocks], out_spec)
            chunks.append([g.unsqueeze(0) for g in tree_leaves(vjp_fn(row))])
        else:
            from torchy.func._vmap import vmap  # the batching rules are many; a Jacobian by rows needs none

            chunks.append(tree_leaves(vmap(vjp_fn)(tree_unflatten(blocks, out_spec))))
    return chunks[0] if len(chunks) == 1 else [_C.cat(list(column)) for column in zip(*chunks)]


def jacfwd(func: Func, argnums: Argnums | None = 0, has_aux: bool = False, *, randomness: str = "error") -> Func:
    """A function that takes what `func` takes and returns its Jacobian, by one vmapped jvp over all input elements.

    Cheaper than `jacrev` where there are fewer inputs than outputs. argnums, has_aux: as there; None for all arguments.
    randomness: vmap's. RuntimeError for complex tensors and all that `jvp` refuses.
    """

    @functools.wraps(func)
    def wrapper(*args: Any) -> Any:
        from torchy.func._vmap import run_batched

        check_real(tree_leaves(args), "jacfwd", "inputs")
        where = tuple(range(len(args))) if argnums is None else positions(argnums, len(args))
        xs, in_spec = tree_flatten(pick(args, where))

        def push(tangents: Any) -> Any:
            output, pushed, aux = jvp_of(func, args, tangents, where, False, has_aux)
            check_real(tree_leaves(output), "jacfwd", "outputs")
            return (pushed, aux) if has_aux else pushed

        blocks = next(_basis(xs, sum([x.numel() for x in xs])))
        # Only tangents are batched, so the function's own values are computed once, not once per direction.
        flat, spec = run_batched(
            func, lambda ts: push(tree_unflatten(ts, in_spec)), [(b, 0) for b in blocks], blocks[0].shape[0], 0, randomness,
            tangents_only=True,
        )  # fmt: skip
        pushed = tree_unflatten(flat, spec)
        aux = None
        if has_aux:
            pushed, aux = pushed[0], tree_map(lambda t: t[0], pushed[1])  # the same in every row
        tables, out_spec = tree_flatten(pushed)
        jacobian = tree_unflatten([_columns(t, xs, in_spec) for t in tables], out_spec)
        return (jacobian, aux) if has_aux else jacobian

    return wrapper


def _columns(table: Tensor, xs: list[Tensor], in_spec: Any) -> Any:
    """One output's derivatives, size (elements of the inputs, *out.shape), as a tree of `out.shape + x.shape`."""
    last, first, cut = table.movedim(0, -1), 0, []
    for x in xs:
        cut.append(last.narrow(-1, first, x.numel()).reshape((*last.shape[:-1], *x.shape)))
        first += x.numel()
    return tree_unflatten(cut, in_spec)


def hessian(func: Func, argnums: Argnums = 0) -> Func:
    """A function that takes what `func` takes and returns its second derivatives: `jacfwd(jacrev(func))`.

    For an output and inputs i and j a tensor of size `output.shape + input_i.shape + input_j.shape`, nested in that
    order: with dicts of parameters, `hessian(f)(params)["weight"]["bias"]`. Arguments and errors as in `jacrev`.
    """
    return jacfwd(jacrev(func, argnums), argnums)
