"""Operations that have no batched form: one call per example, or an error. Layer: torchy."""

from __future__ import annotations

from torchy import _C

from ._registry import Call, Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def loop(call: Call) -> Any:
    """The operation on each example in turn, its results stacked: (B, ...) of results (...).

    Results may be a tensor, or a tuple or list of tensors. RuntimeError if there are no examples, or if their
    results have different shapes.
    """
    if call.size == 0:
        raise RuntimeError(f"vmap: {call.name} runs once per example and has none; leave out empty batches")
    results = [call.run(*_example(call, i)) for i in range(call.size)]
    if isinstance(results[0], Tensor):
        return _stacked(call, results)
    parts = [_stacked(call, list(part)) for part in zip(*results)]
    return type(results[0])(parts)


def _example(call: Call, i: int) -> list[Any]:
    """The arguments of example i."""

    def one(a: Any, batched: Any) -> Any:
        if isinstance(a, (list, tuple)) and isinstance(batched, (list, tuple)):
            return [one(x, b) for x, b in zip(a, batched)]
        return a.select(0, i) if batched else a

    return [one(a, b) for a, b in zip(call.args, call.batched)]


def _stacked(call: Call, results: list[Tensor]) -> Tensor:
    for r in results:
        if r.shape != results[0].shape:
            raise data_dependent(call, f"here {tuple(results[0].shape)} and {tuple(r.shape)}")
    return _C.stack(results)


def data_dependent(call: Call, example: str = "") -> RuntimeError:
    """The error of an operation whose results cannot be put into one tensor."""
    return RuntimeError(
        f"vmap: {call.name} has a result whose shape depends on the data{f', {example}' if example else ''}; "
        "call it outside of vmap, or use an operation whose result always has the same shape"
    )


def refuse(call: Call) -> Any:
    """The rule of operations whose result has a shape that depends on the data."""
    raise data_dependent(call)
