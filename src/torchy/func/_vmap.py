"""vmap: a function of one example becomes a function of a batch. Layer: torchy.

The function runs once, on tensors that hide their batch dim; operations on them go through the batching rules of
`_batching`. Rules are chosen by the innermost level, so that vmaps nest, in and around every other transform.
"""

from __future__ import annotations

import functools

from torchy import _C
from torchy._pytree import broadcast_prefix, tree_flatten, tree_leaves, tree_unflatten

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Func = Callable[..., Any]

Tensor = _C.Tensor
__all__ = ["vmap"]


def vmap(
    func: Func, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None
) -> Func:
    """A function that runs `func` for every example along a dim of its inputs, in one pass.

    in_dims: the batch dim of each positional argument: an int, None for the same value in all examples, or a tree that
    is a prefix of the arguments. out_dims: where the batch dim goes in each output, likewise; None for a result that is
    the same for all examples, which may be anything but a batched tensor. Keyword arguments are the same for all
    examples. randomness: "error", "same" numbers for all examples or "different" ones. chunk_size: how many examples
    to run at once (default: all). `func` sees each example's shape; it may not branch on values, nor change an
    unbatched tensor in place by batched values (RuntimeError), and must return tensors. ValueError for dims that do
    not fit the arguments or results, IndexError for an out_dim out of range.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _check_out_dims(func, out_dims)
        flat, spec, dims, size = _inputs(func, in_dims, args)

        def run(part: list[Any], count: int) -> tuple[list[Any], Any]:
            def call(values: list[Any]) -> Any:
                return func(*tree_unflatten(values, spec), **kwargs)

            return run_batched(func, call, part, count, out_dims, randomness)

        every = list(zip(flat, dims))
        if chunk_size is None or chunk_size >= size:
            outs, out_spec = run(every, size)
            return tree_unflatten(outs, out_spec)
        return _in_chunks(run, every, size, chunk_size, out_dims, randomness)

    return wrapped


def _name(func: Any) -> str:
    if isinstance(func, functools.partial):
        return f"functools.partial({_name(func.func)}, ...)"
    return getattr(func, "__name__", None) or repr(func)


def _check_out_dims(func: Func, out_dims: Any) -> None:
    for d in tree_leaves(out_dims):
        if not (d is None or isinstance(d, int)):
            raise ValueError(
                f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection "
                f"of ints that say where the outputs have the batch dim; got {d!r}"
            )


def _in_chunks(run: Func, every: list[Any], size: int, chunk: int, out_dims: Any, randomness: str) -> Any:
    """The results of `chunk` examples at a time, joined; of those that are no batch, the first chunk's."""
    state = _C.default_generator.get_state() if randomness == "same" else None  # the same in all chunks too
    parts: list[list[Any]] = []
    out_spec: Any = None
    for first in range(0, size, chunk):
        count = min(chunk, size - first)
        part = [(x if d is None else x.narrow(d, first, count), d) for x, d in every]
        if state is not None:
            _C.default_generator.set_state(state)
        outs, out_spec = run(part, count)
        parts.append(outs)
    dims = _dims_of_results(out_dims, out_spec)
    joined = [
        column[0] if d is None else _C.cat(list(column), d) for column, d in zip(zip(*parts), dims)
    ]  # fmt: skip
    return tree_unflatten(joined, out_spec)


def _dims_of_results(out_dims: Any, out_spec: Any) -> list[Any]:
    """The batch dim of each result; ValueError unless out_dims is a prefix, or of one tensor `(dim,)`."""
    if out_spec.is_leaf() and isinstance(out_dims, tuple) and len(out_dims) == 1:
        out_dims = out_dims[0]
    return broadcast_prefix(out_dims, out_spec)


def _inputs(func: Func, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], Any, list[Any], int]:
    """The flat arguments, their spec, each one's batch dim (>= 0) or None, and the number of examples."""
    where = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or give them by keyword "
            "only; vmap needs a positional one, by which it knows the batch"
        )
    flat, spec = tree_flatten(args)
    try:
        dims = broadcast_prefix(in_dims, spec)
    except ValueError:
        raise ValueError(
            f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        ) from None
    for i, (x, d) in enumerate(zip(flat, dims)):
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(
                f"{where}: Got in_dim={d} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{where}: Got in_dim={d} for an input but the input is of type {type(x)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -x.ndim <= d < x.ndim:
            raise ValueError(
                f"{where}: Got in_dim={d} for some input, but that input is a Tensor of dimensionality {x.ndim} so "
                f"expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
            )
        dims[i] = d % x.ndim
    sizes = {x.shape[d] for x, d in zip(flat, dims) if d is not None}
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over, but all inputs have in_dim None")
    if len(sizes) > 1:
        found = [x.shape[d] for x, d in zip(flat, dims) if d is not None]
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {found} for the "
            "mapped dimension"
        )
    return flat, spec, dims, sizes.pop()


def run_batched(
    func: Func, call: Func, inputs: list[Any], size: int, out_dims: Any, randomness: str, tangents_only: bool = False
) -> tuple[list[Any], Any]:
    """`call(values)` with (tensor, dim) pairs as batched tensors; the flat results with their batch dims, and spec."""
    level = _C._vmap_enter(size, randomness, tangents_only)
    try:
        values = [x if d is None else _C._batch_wrap(x.movedim(d, 0) if d else x, level) for x, d in inputs]
        outs, out_spec = tree_flatten(call(values))
        del values
        try:
            dims = _dims_of_results(out_dims, out_spec)
        except ValueError:
            raise ValueError(
                f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure "
                f"of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {out_spec}."
            ) from None
        return [_unbatched(func, out, dim, level, size) for out, dim in zip(outs, dims)], out_spec
    finally:
        _C._vmap_exit(level)


def _unbatched(func: Func, out: Any, dim: int | None, level: int, size: int) -> Any:
    """A result as the caller gets it: with the batch at `dim`, or as it is for None."""
    if not isinstance(out, Tensor):
        if dim is None:
            return out
        raise ValueError(
            f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(out)}. "
            "Did you mean to set out_dims= to None for output?"
        )
    physical, batched = _C._batch_unwrap(out, level)
    if dim is None:
        if batched:
            raise ValueError(
                f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when out_dim is None"
            )
        return physical
    if not batched:
        physical = physical.unsqueeze(0).expand(size, *physical.shape)
    if not -physical.ndim <= dim < physical.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-physical.ndim}, {physical.ndim - 1}], but got {dim})"
        )
    return physical.movedim(0, dim) if dim else physical


def batched_repr(t: Tensor) -> str | None:
    """The repr of a batched tensor, with the values of all examples; None for other tensors.

    lvl counts the open vmaps from outside, from 1, and is None once the tensor's own is closed.
    """
    if not (level := _C._batch_level(t)):
        return None
    numbers = [number for number, *_ in _C._vmap_levels()]
    depth = numbers.index(level) + 1 if level in numbers else None
    import textwrap

    value = textwrap.indent(repr(_C._batch_unwrap(t, level)[0]), " " * 4)
    return f"BatchedTensor(lvl={depth}, bdim=0, value=\n{value}\n)"
