"""The stages of gradcheck for one function and its inputs: what is compared, what is reported. Layer: torchy.

The two sides are computed in _gradcheck_numeric.py; the public functions and their options are in gradcheck.py.
"""

from __future__ import annotations

from torchy import _C, autograd
from torchy._predicates import allclose
from torchy.autograd._gradcheck_numeric import (
    analytic_jacobians,
    numeric_along,
    numeric_jacobians,
    part_of,
    parts,
    vector_jacobian,
)
from torchy.autograd.function import Function
from torchy.autograd.gradcheck import GradcheckError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

Tensor = _C.Tensor


class _Undefined(Function):
    """Identity that passes no gradient on."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None


def as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (list, tuple)) else (x,)


def tensors_of(out: Any) -> list[Tensor]:
    """The results of the function under test."""
    results = as_tuple(out)
    for i, y in enumerate(results):
        if not isinstance(y, Tensor):
            raise TypeError(f"gradcheck: output {i} of the function is a {type(y).__name__}; return Tensors only")
    return list(results)


def differentiable(outputs: Sequence[Tensor]) -> list[Tensor]:
    return [y for y in outputs if y.requires_grad]


class Check:
    """One call of gradcheck: the function, its inputs and the options that all its stages read."""

    def __init__(
        self, func: Callable[..., Any], args: Sequence[Any], found: Sequence[tuple[int, Tensor]],
        eps: float, atol: float, rtol: float, nondet_tol: float, dtypes: bool,
    ) -> None:  # fmt: skip
        self.func, self.args = func, args
        self.positions = [i for i, _ in found]  # in args, of the inputs that require grad
        self.inputs = [x for _, x in found]
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.nondet_tol, self.dtypes = nondet_tol, dtypes

    tensors_of = staticmethod(tensors_of)

    def outputs(self) -> list[Tensor]:
        return tensors_of(self.func(*self.args))

    def run(
        self, fast: bool, undefined: bool, backward: bool, forward: bool, batched: bool, batched_forward: bool
    ) -> None:
        """All stages that are asked for; GradcheckError from the first that fails."""
        everything = self.outputs()
        kept = [i for i, y in enumerate(everything) if y.requires_grad]
        if not kept:
            self._constant(len(everything), fast)
            return
        outputs = [everything[i] for i in kept]
        (self._fast if fast else self._slow)(outputs, kept, backward, forward)
        if (forward and undefined) or batched or batched_forward:
            self._more(outputs, kept, forward and undefined, backward and batched, batched_forward)
        if not backward:
            return
        self._linear(outputs)
        if undefined:
            self._undefined()

    def _more(
        self, outputs: Sequence[Tensor], kept: Sequence[int], undefined: bool, batched: bool, batched_forward: bool
    ) -> None:
        from torchy.autograd import _gradcheck_forward as stages

        random = generator()
        if undefined:
            stages.check_undefined(self, kept, [direction(x, random, x.is_complex()) for x in self.inputs])
        if batched_forward:
            stages.check_batched_forward(self, kept, random)
        if batched:
            stages.check_batched(self, outputs, random)

    def _constant(self, count: int, fast: bool) -> None:
        """No output requires grad, so none may change."""
        random = generator()
        for i, x in zip(self.positions, self.inputs):
            if fast:
                along = numeric_along(self.outputs, x, direction(x, random, x.is_complex()), self.eps)
                changes = [bool((d != 0).any()) for d in along]
            else:
                whole = numeric_jacobians(self.outputs, x, count, self.eps)
                changes = [any(bool((d != 0).any()) for d in slopes if d is not None) for slopes in whole]
            if any(changes):
                raise GradcheckError(
                    "gradcheck: Numerical gradient for function expected to be zero, as no output requires grad, "
                    f"but output {changes.index(True)} changes with input {i}; keep its history (detach, no_grad)"
                )

    def _slow(self, outputs: Sequence[Tensor], kept: Sequence[int], backward: bool, forward: bool) -> None:
        def f() -> list[Tensor]:
            now = self.outputs()
            return [now[i] for i in kept]

        numeric = [numeric_jacobians(f, x, len(outputs), self.eps) for x in self.inputs]
        for j, y in enumerate(outputs if backward else ()):
            for part in parts(y):
                found = analytic_jacobians(y, self.inputs, part, self.dtypes)
                self._same_again(found, analytic_jacobians(y, self.inputs, part, self.dtypes))
                for i, n, a in zip(self.positions, numeric, found):
                    want = part_of(n[j], part)
                    if not allclose(a, want, self.rtol, self.atol):
                        raise self._mismatch(j, i, part, y, want, a)
        if forward:
            from torchy.autograd._gradcheck_forward import check_slow

            check_slow(self, outputs, kept, numeric)

    def _fast(self, outputs: Sequence[Tensor], kept: Sequence[int], backward: bool, forward: bool) -> None:
        """v'Ju for random v, u instead of J. Tolerance: that of J summed, atol sum(v) sum(u) + rtol |v'Ju|."""

        def f() -> list[Tensor]:
            now = self.outputs()
            return [now[i] for i in kept]

        random = generator()
        us = [direction(x, random, x.is_complex()) for x in self.inputs]
        vs = [direction(y, random, False) for y in outputs]
        slopes = [numeric_along(f, x, u, self.eps) for x, u in zip(self.inputs, us)]
        for j, (y, v) in enumerate(zip(outputs, vs) if backward else ()):
            for part in parts(y):
                found = vector_jacobian(y, self.inputs, v, part, self.dtypes)
                self._same_again(found, vector_jacobian(y, self.inputs, v, part, self.dtypes))
                for k, (i, u, g) in enumerate(zip(self.positions, us, found)):
                    a = float((_C.real(g.conj() * u) if g.is_complex() else g * u).sum())
                    n = float((part_of((slopes[k][j], None), part) * v).sum())
                    size = float(_C.abs(u).sum()) * float(v.sum())
                    if not abs(a - n) <= self.atol * size + self.rtol * abs(n):
                        whole = numeric_jacobians(f, self.inputs[k], len(outputs), self.eps)[j]
                        full = part_of(whole, part), analytic_jacobians(y, self.inputs, part, False)[k]
                        raise self._mismatch(j, i, part, y, n, a, full)
        if forward:
            from torchy.autograd._gradcheck_forward import check_fast

            check_fast(self, outputs, kept, us, slopes)

    def _same_again(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> None:
        for i, a, b in zip(self.positions, first, second):
            off = float(_C.abs(a - b).max()) if a.numel() else 0.0
            if off > self.nondet_tol:
                raise GradcheckError(
                    f"gradcheck: Backward is not reentrant, two runs with the same values gave gradients of input {i} "
                    f"that differ by {off:.3g}; allow it with nondet_tol (now {self.nondet_tol})"
                )

    def _mismatch(
        self, j: int, i: int, part: str, y: Tensor, want: Any, got: Any, full: tuple[Tensor, Tensor] | None = None
    ) -> GradcheckError:
        where = f" ({part} part of the output)" if y.is_complex() else ""
        text = (
            f"gradcheck: Jacobian mismatch for output {j} with respect to input {i}{where},\n"
            f"numerical:{want}\nanalytical:{got}\n"
        )
        if full is not None:
            close = allclose(full[1], full[0], self.rtol, self.atol)
            hint = "; these agree within the tolerances, so only the projection is off" if close else ""
            text += (
                f"These are projections of the Jacobians (fast_mode=True). The Jacobians{hint}:\n"
                f"Numerical:\n {full[0]}\nAnalytical:\n {full[1]}\n"
            )
        return GradcheckError(text + "correct the backward, or compare at a point where the function is smooth")

    def _linear(self, outputs: Sequence[Tensor]) -> None:
        """Gradients that arrive as zeros must leave as zeros."""
        zeros = [_C.zeros_like(y) for y in outputs]
        found = autograd.grad(outputs, self.inputs, zeros, retain_graph=True, allow_unused=True)
        for i, g in zip(self.positions, found):
            if g is not None and bool((g != 0).any()):
                raise GradcheckError(
                    f"gradcheck: backward not multiplied by grad_output, input {i} gets {g} from gradients that are "
                    "all zero; every term of a gradient must have the incoming one as a factor"
                )

    def _undefined(self) -> None:
        """Missing gradients must act as zeros: of all outputs, then of each."""
        count = len(differentiable(self.outputs()))
        for missing in [range(count), *([k] for k in range(count if count > 1 else 0))]:
            outputs = differentiable(self.outputs())
            hidden = [_Undefined.apply(y) if k in missing else y for k, y in enumerate(outputs)]
            which = f"the gradients of outputs {list(missing)} are undefined and others zero"
            try:
                found = autograd.grad(hidden, self.inputs, [_C.zeros_like(y) for y in hidden], allow_unused=True)
            except RuntimeError as error:
                raise GradcheckError(
                    f"gradcheck: backward fails ({error}) where {which}; let it treat None as zeros, or pass "
                    "check_undefined_grad=False"
                ) from error
            for i, g in zip(self.positions, found):
                if g is not None and bool((g != 0).any()):
                    raise GradcheckError(
                        f"gradcheck: input {i} gets {g} where {which}; the gradient must be None or zero, or pass "
                        "check_undefined_grad=False"
                    )


def generator() -> Any:
    """A stream that gives the same numbers in every run, and leaves the global one alone."""
    random = _C.Generator()
    random.manual_seed(1981)
    return random


def direction(like: Tensor, random: Any, complex_: bool) -> Tensor:
    """Random numbers of norm 1, positive so that sums do not cancel, and not near 0 so that every element counts."""

    def drawn() -> Tensor:
        return 0.3 + 0.7 * _C.rand(tuple(like.shape), dtype=_C.float64, generator=random)

    d = _C.complex(drawn(), drawn()) if complex_ else drawn()
    length = float(_C.abs(d).square().sum()) ** 0.5
    return d / length if length else d
