"""The stages of gradcheck that need forward mode or vmap: jvp against differences, batches against loops. Layer: torchy.

A tangent e gives the derivative along the real axis, i e that along the imaginary one, as differences do: nothing
about conjugates has to be agreed on.
"""

from __future__ import annotations

import itertools

from torchy import _C, autograd
from torchy._predicates import allclose
from torchy.autograd import forward_ad
from torchy.autograd._gradcheck_numeric import basis, double
from torchy.autograd.gradcheck import GradcheckError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from torchy.autograd._gradcheck_stages import Check

Tensor = _C.Tensor
_FORWARD = "Jacobian computed with forward mode mismatch"


def pushed(check: Check, tangents: Mapping[int, Tensor], kept: Sequence[int]) -> list[Tensor]:
    """The tangents of the outputs at `kept`, where the arguments at the keys of `tangents` have those."""
    with forward_ad.dual_level():
        args = [a.detach() if isinstance(a, Tensor) and a.requires_grad else a for a in check.args]
        for i, t in tangents.items():
            args[i] = forward_ad.make_dual(args[i], t)
        outputs = check.tensors_of(check.func(*args))
        pairs = [forward_ad.unpack_dual(outputs[j]) for j in kept]
        return [_C.zeros_like(y.detach()) if t is None else t for y, t in pairs]


def _checked(check: Check, tangents: Sequence[Tensor], i: int, like: Sequence[Tensor]) -> list[Tensor]:
    for j, (t, y) in enumerate(zip(tangents, like)):
        if t.shape != y.shape or (check.dtypes and t.dtype != y.dtype):
            raise GradcheckError(
                f"gradcheck: the tangent of output {j} by input {i} is {t.dtype} {tuple(t.shape)}, the output {y.dtype} "
                f"{tuple(y.shape)}; jvp must return tangents like the outputs"
            )
    return [double(t) for t in tangents]


def check_slow(check: Check, outputs: Sequence[Tensor], kept: Sequence[int], numeric: Sequence[Any]) -> None:
    """The whole Jacobian, a run for every element of an input (two if it is complex)."""
    for i, x, slopes in zip(check.positions, check.inputs, numeric):
        for axis, unit in enumerate((1, 1j) if x.is_complex() else (1,)):
            rows: list[list[Tensor]] = [[] for _ in kept]
            for e in basis(x.shape):
                found = pushed(check, {i: (e * unit).to(x.dtype)}, kept)
                for row, t in zip(rows, _checked(check, found, i, outputs)):
                    row.append(t.reshape(-1))
            for j, (row, y) in enumerate(zip(rows, outputs)):
                got = _C.stack(row) if row else _C.zeros((0, y.numel()), dtype=_C.float64)
                want = slopes[j][axis]
                if not allclose(got, want, check.rtol, check.atol):
                    raise _mismatch(j, i, axis, want, got)


def check_fast(
    check: Check, outputs: Sequence[Tensor], kept: Sequence[int], us: Sequence[Tensor], slopes: Sequence[Any]
) -> None:
    """The Jacobian times one random direction u. Tolerance: that of the Jacobian summed, atol sum|u| + rtol |Ju|."""
    for i, x, u, along in zip(check.positions, check.inputs, us, slopes):
        found = _checked(check, pushed(check, {i: u.to(x.dtype)}, kept), i, outputs)
        for j, (got, want) in enumerate(zip(found, along)):
            if not allclose(got, want, check.rtol, check.atol * float(_C.abs(u).sum())):
                raise _mismatch(j, i, 0, want, got, " (products with one direction, fast_mode=True)")


def _mismatch(j: int, i: int, axis: int, want: Tensor, got: Tensor, note: str = "") -> GradcheckError:
    where = " (along the imaginary axis)" if axis else ""
    return GradcheckError(
        f"gradcheck: {_FORWARD} for output {j} with respect to input {i}{where}{note},\n"
        f"numerical:{want}\nanalytical:{got}\ncorrect the jvp, or compare at a point where the function is smooth"
    )


def check_undefined(check: Check, kept: Sequence[int], us: Sequence[Tensor]) -> None:
    """A missing tangent must act as zeros, while the other inputs have tangents."""
    tangents = {i: u.to(x.dtype) for i, x, u in zip(check.positions, check.inputs, us)}
    for i, x in zip(check.positions, check.inputs):
        with_zeros = pushed(check, {**tangents, i: _C.zeros_like(x.detach())}, kept)
        without = pushed(check, {k: t for k, t in tangents.items() if k != i}, kept)
        for j, (a, b) in enumerate(zip(with_zeros, without)):
            if not allclose(a, b):
                raise GradcheckError(
                    f"gradcheck: Mismatch in tangent values for output with index {j} when input {i} has an undefined "
                    f"tangent value. Got: {b} but expected: {a}; jvp must treat None as zeros"
                )


def _drawn(like: Tensor, random: Any) -> Tensor:
    shape = tuple(like.shape)
    t = _C.randn(shape, dtype=_C.float64, generator=random)
    if like.is_complex():
        t = _C.complex(t, _C.randn(shape, dtype=_C.float64, generator=random))
    return t.to(like.dtype)


def check_batched(check: Check, outputs: Sequence[Tensor], random: Any) -> None:
    """Two backwards in one, by vmap, must give what they give one after the other."""
    for j, y in enumerate(outputs):

        def pull(v: Tensor, y: Tensor = y) -> tuple[Tensor, ...]:
            found = autograd.grad(y, check.inputs, v, retain_graph=True, allow_unused=True)
            return tuple(_C.zeros_like(x.detach()) if g is None else g for g, x in zip(found, check.inputs))

        _same(pull, [_drawn(y, random) for _ in range(2)], check.positions, itertools.repeat(j), "backward")


def check_batched_forward(check: Check, kept: Sequence[int], random: Any) -> None:
    """Two tangents in one run, by vmap, must give what they give one after the other."""
    for i, x in zip(check.positions, check.inputs):

        def push(t: Tensor, i: int = i) -> tuple[Tensor, ...]:
            return tuple(pushed(check, {i: t}, kept))

        _same(push, [_drawn(x, random) for _ in range(2)], itertools.repeat(i), kept, "forward mode")


def _same(f: Any, given: Sequence[Tensor], inputs: Any, outputs: Any, mode: str) -> None:
    """f(one tensor) is a tuple of tensors, the derivatives of pairs of `inputs` and `outputs`."""
    from torchy.func import vmap

    want = [_C.stack(list(rows)) for rows in zip(*map(f, given))]
    try:
        got = vmap(f)(_C.stack(list(given))) if want else ()
    except RuntimeError as error:
        raise GradcheckError(
            f"gradcheck: While computing batched gradients in {mode}, got: {error}; make every operation of the rule "
            "one that vmap knows, or do not ask for check_batched_grad or check_batched_forward_grad"
        ) from error
    for a, b, i, j in zip(got, want, inputs, outputs):
        if not allclose(a, b, equal_nan=True):
            raise GradcheckError(
                f"gradcheck: batched gradients in {mode} differ for output {j} and input {i}:\nGot:\n{a}\nExpected:\n"
                f"{b}\nthe rule must do the same for a batch as for single examples"
            )
