"""Where a transform of torchy.func meets the tape: its inputs, its backward, its results. Layer: torchy.

There is one tape and no tensor wraps another. A transform differentiates by aliases of its inputs (`differentiable`),
and its results stay on the tape only as far as they depend on something else than those aliases (`Level.release`).
"""

from __future__ import annotations

import contextlib
import threading

from torchy import _C
from torchy.autograd.grad_mode import enable_grad, inference_mode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

Tensor = _C.Tensor


def open_vmaps() -> list[tuple[int, int]]:
    """The levels of vmap around a transform's call, but those at which only tangents are batched."""
    return [(number, size) for number, size, _, tangents_only in _C._vmap_levels() if not tangents_only]


def _strip(x: Tensor, levels: list[tuple[int, int]]) -> Tensor:
    """x with a dim for each of `levels` in front, where it is the same for all examples expanded."""
    for number, size in reversed(levels):
        x, batched = _C._batch_unwrap(x, number)
        if not batched:
            x = x.unsqueeze(0).expand(size, *x.shape)
    return x


def _cover(x: Tensor, levels: list[tuple[int, int]]) -> Tensor:
    for number, _ in levels:
        x = _C._batch_wrap(x, number)
    return x


def differentiable(x: Tensor, tied: bool, levels: list[tuple[int, int]] | None = None) -> tuple[Tensor, Tensor]:
    """An alias of x to differentiate by, and the tensor that holds its history: a view that leads on to x if tied,
    else a leaf. Inside vmap it is batched at every level, so that each example has its own gradient.

    RuntimeError for integers.
    """
    if x.is_inference() and not _C.is_inference_mode_enabled() and not tied:
        x = x.clone()  # an inference tensor can never be recorded
    if not levels:
        alias = x.view_as(x) if tied else _C._fresh_leaf(x)
        return alias, alias
    inner = _strip(x, levels)
    inner = inner.view_as(inner) if tied else _C._fresh_leaf(inner)
    return _cover(inner, levels), inner


def backward(
    outputs: Sequence[Tensor], cotangents: Sequence[Any] | None, inputs: Sequence[Tensor], retain: bool, create: bool,
    levels: list[tuple[int, int]] | None = None,
) -> list[Tensor]:  # fmt: skip
    """The gradients of `outputs`, weighted by `cotangents`, by `inputs`; zeros where nothing depends on an input.

    cotangents: shaped like the outputs; an entry, or all, may be None for one real element. retain: keep what the
    graph saved. create: record the gradients' own computation. levels: those the inputs were made under.
    """
    weights = [None] * len(outputs) if cotangents is None else list(cotangents)
    pairs = [(out, weight) for out, weight in zip(outputs, weights) if out.requires_grad]
    found: Sequence[Any] = [None] * len(inputs)
    if pairs and inputs:
        roots, grads = [list(column) for column in zip(*pairs)]
        own = list(inputs)
        if levels:
            grads = [_strip(_C.ones_like(r.detach()) if g is None else g, levels) for r, g in zip(roots, grads)]
            roots, own = [_strip(r, levels) for r in roots], [_strip(x, levels) for x in own]
        found = _C._run_backward(roots, grads, own, retain, create, False, True)
        if levels:
            found = [None if g is None else _cover(g, levels) for g in found]
    return [_C.zeros_like(x.detach()) if g is None else g for g, x in zip(found, inputs)]


def _holder(t: Tensor) -> Tensor:
    """The tensor that holds the history of a batched one."""
    while number := _C._batch_level(t):
        t = _C._batch_unwrap(t, number)[0]
    return t


def reaches_other_leaves(outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> bool:
    """Whether the graph of any of `outputs` ends in a leaf that is none of `leaves`."""
    return bool(_C._reaches_other_leaves([_holder(t) for t in outputs], list(leaves)))


class _Active(threading.local):
    """The transforms that run in this thread now, the innermost last."""

    def __init__(self) -> None:
        self.levels: list[Level] = []


_active = _Active()


class Level:
    """One call of a reverse-mode transform: its inputs, and whether its results may be recorded.

    recorded: recording was on where the transform was called. What the function records in between, under `running`,
    belongs to the transform and does not show outside. tie: whether inputs that require grad stay linked to the tape.
    vmaps: the levels of vmap around the call, as `open_vmaps` gives them.
    """

    __slots__ = ("given", "leaves", "recorded", "tie", "variables", "vmaps", "_kept", "_starts")

    def __init__(self, tie: bool | None = None) -> None:
        self.recorded = bool(_C.is_grad_enabled())
        self.tie = self.recorded if tie is None else tie
        self.vmaps = open_vmaps()
        self.given: list[Tensor] = []
        self.variables: list[Tensor] = []  # the aliases of `given`
        # Leaves that this call and those inside it made, by id; for anyone outside, nothing depends on them.
        self.leaves: dict[int, Tensor] = {}
        self._kept = False
        self._starts: list[Any] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Recording on, whatever the mode outside: a transform does not depend on where it is called."""
        outside = inference_mode(False) if _C.is_inference_mode_enabled() else contextlib.nullcontext()
        _active.levels.append(self)
        try:
            with outside, enable_grad():
                yield
        finally:
            _active.levels.pop()
            if self._kept:
                self.hand_over()

    def hand_over(self) -> None:
        """Tell the transform around this call, which now has recorded results of it, which leaves do not count."""
        if _active.levels:
            _active.levels[-1].leaves.update(self.leaves)

    def add_leaf(self, leaf: Tensor) -> None:
        self.leaves[id(leaf)] = leaf

    def enter(self, xs: Sequence[Any]) -> list[Tensor]:
        """Aliases of the inputs. ValueError for what is not a Tensor."""
        for x in xs:
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"Thing passed to transform API must be Tensor, got {type(x)}; pass other things by a closure"
                )
            tied = self.tie and x.requires_grad
            alias, holder = differentiable(x, tied, self.vmaps)
            if not tied:
                self.add_leaf(holder)
            self.given.append(x)
            self.variables.append(alias)
            self._starts.append(holder.grad_fn)
        return self.variables

    def check_inputs(self) -> None:
        """RuntimeError if an input was changed in place: the gradient would be that of its new value."""
        for x, start in zip(self.variables, self._starts):
            if _holder(x).grad_fn is not start:
                raise RuntimeError(
                    "a leaf Variable that requires grad is being used in an in-place operation: the function changed "
                    f"an input of size {tuple(x.shape)}; change a clone() of it"
                )

    def reaches_out(self, tensors: Sequence[Tensor]) -> bool:
        """Whether any of `tensors` depends on something tracked besides this call's own leaves."""
        return reaches_other_leaves(tensors, list(self.leaves.values()))

    def release(self, t: Tensor, recorded: bool | None = None) -> Tensor:
        """`t` as the caller gets it: off the tape, unless recording was on and it depends on other tracked tensors."""
        if not t.requires_grad:
            return t
        for x, alias in zip(self.given, self.variables):
            if t is alias:
                return x
        holder = _holder(t)
        if holder.grad_fn is None and id(holder) not in self.leaves:
            return t  # a leaf of the caller's, handed through
        if not (self.recorded if recorded is None else recorded) or not self.reaches_out([t]):
            return _C._off_tape(t, list(self.leaves.values()))  # with its tangents: only the reverse transform is over
        self._kept = True
        return t
