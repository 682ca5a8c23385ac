"""The register of batching rules and what a rule gets to see. Layer: torchy.

A rule computes the operation for a whole batch at once. It is given physical tensors, whose batch dim is always
dim 0, and returns physical results, whose batch dim is dim 0 too.
"""

from __future__ import annotations

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Tensor = _C.Tensor
RULES: dict[str, Callable[[Call], Any]] = {}


class Call:
    """One call of an operation with at least one batched argument.

    name: the operation's name in the table (`sum_dim`). size: the number of examples. args: every argument in the
    order of the schema; batched tensors have the batch as dim 0, others look as the user's function sees them.
    batched: for each argument whether it is batched; for an argument that is a list of tensors, a list of that.
    randomness: what random operations do: "error", "different" draws for every example, or the "same" for all.
    """

    __slots__ = ("args", "batched", "level", "name", "randomness", "size")

    def __init__(
        self,
        name: str,
        size: int,
        args: list[Any],
        batched: list[Any],
        level: int = 0,
        randomness: str = "error",
    ) -> None:
        self.name, self.size, self.args, self.batched, self.level = name, size, args, batched, level
        self.randomness = randomness

    def run(self, *args: Any) -> Any:
        """The operation itself, on physical arguments in the order of the schema."""
        return _C._call_op(self.name, args)

    def ndim(self, i: int) -> int:
        """The number of dims that the user's function sees of tensor argument i."""
        return int(self.args[i].ndim) - bool(self.batched[i])

    def full(self, i: int) -> Tensor:
        """Tensor argument i with a batch dim in front, expanded (stride 0) if it has none."""
        return with_batch(self.args[i], self.batched[i], self.size)


def with_batch(t: Tensor, batched: bool, size: int) -> Tensor:
    """`t` with a batch dim in front, expanded (stride 0) if it has none."""
    return t if batched else t.unsqueeze(0).expand(size, *t.shape)


def rule(*names: str) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Registers a function as the batching rule of the named operations of the table."""

    def register(fn: Callable[[Call], Any]) -> Callable[[Call], Any]:
        for name in names:
            if name in RULES:
                raise KeyError(f"{name}: has a batching rule already, {RULES[name].__name__}")
            RULES[name] = fn
        return fn

    return register
