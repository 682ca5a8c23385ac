"""The two sides that gradcheck compares: differences of the function, and what backward gives. Layer: torchy.

Every result is double precision. A Jacobian has a row for each element of the input and a column for each element
of the output. Conventions of complex numbers live here; what to compare and what to report is gradcheck.py's.
"""

from __future__ import annotations

import itertools

from torchy import _C, autograd
from torchy.autograd.gradcheck import GradcheckError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    # The derivatives along the real axis and along the imaginary one (None: the input is real).
    Slopes = tuple[Any, Any]

Tensor = _C.Tensor


def part_of(slopes: Slopes, part: str) -> Tensor:
    """The gradient of the real or the imaginary part ("real", "imag") of an output, from the output's derivatives.

    PyTorch's convention: for a real L and z = a + ib the gradient is dL/da + i dL/db, twice the derivative
    with respect to conj(z).
    """
    take = _C.imag if part == "imag" else _C.real
    a, b = (take(d) if d is not None and d.is_complex() else d for d in slopes)
    return a if b is None else _C.complex(a, b)


def parts(output: Tensor) -> tuple[str, ...]:
    """The real functions that a backward through `output` differentiates."""
    return ("imag", "real") if output.is_complex() else ("real",)


def double(t: Tensor) -> Tensor:
    """A copy without history, so that neither rounding nor a later change of the input reaches it."""
    return t.detach().to(_C.complex128 if t.is_complex() else _C.float64, copy=True)


# ---- differences


def central(f: Callable[[], Sequence[Tensor]], move: Callable[[Any], None], step: complex, eps: float) -> list[Tensor]:
    """(f(x + step) - f(x - step)) / 2 eps for all outputs, where `move` displaces x."""
    move(step)
    plus = [double(y) for y in f()]
    move(-step)
    minus = [double(y) for y in f()]
    return [(p - m) / (2 * eps) for p, m in zip(plus, minus)]


def numeric_jacobians(f: Callable[[], Sequence[Tensor]], x: Tensor, outputs: int, eps: float) -> list[Slopes]:
    """Derivatives of `outputs` outputs of `f` by every element of `x`; each (elements of x, elements of output).

    `x` changes in place while `f` runs, as `f` may reach it through a module as well as through its arguments.
    """
    data = x.data
    rows: list[list[Slopes]] = [[] for _ in range(outputs)]
    for at in itertools.product(*map(range, x.shape)):
        value = data[at].item()

        def move(step: complex, at: Any = at, value: Any = value) -> None:
            data[at] = value + step

        try:
            a = central(f, move, eps, eps)
            b: Sequence[Any] = central(f, move, eps * 1j, eps) if x.is_complex() else [None] * outputs
        finally:
            data[at] = value
        for row, da, db in zip(rows, a, b):
            row.append((da.reshape(-1), None if db is None else db.reshape(-1)))
    if x.numel() == 0:
        sizes = [y.numel() for y in f()]
        empty = [_C.zeros((0, n), dtype=_C.float64) for n in sizes]
        return [(e, e if x.is_complex() else None) for e in empty]
    return [(_C.stack([a for a, _ in r]), _C.stack([b for _, b in r]) if x.is_complex() else None) for r in rows]


def numeric_along(f: Callable[[], Sequence[Tensor]], x: Tensor, u: Tensor, eps: float) -> list[Tensor]:
    """Derivatives of all outputs of `f` when `x` moves along `u`."""
    data = x.data
    value = data.clone()

    def move(step: Any) -> None:
        data.copy_(value + step * u)

    try:
        return central(f, move, eps, eps)
    finally:
        data.copy_(value)


# ---- backward


def vector_jacobian(output: Tensor, inputs: Sequence[Tensor], v: Tensor, part: str, dtypes: bool) -> list[Tensor]:
    """The gradients of sum(v * part of output), in double precision; zeros where there is none.

    `v` is real and shaped like output. For an imaginary part the incoming gradient is iv, as Re(conj(iv) y) is
    v Im(y). dtypes: a gradient whose dtype is not its input's is an error.
    """
    weight = (v * 1j if part == "imag" else v).to(output.dtype)
    found = autograd.grad(output, inputs, weight, retain_graph=True, allow_unused=True)
    for i, (x, g) in enumerate(zip(inputs, found)):
        if g is None:
            continue
        if g.shape != x.shape:
            raise GradcheckError(
                f"gradcheck: Gradient has incorrect size {tuple(g.shape)} for input {i} of shape {tuple(x.shape)}; "
                "backward must return a gradient of its input's shape"
            )
        if dtypes and g.dtype != x.dtype:
            raise GradcheckError(
                f"gradcheck: Gradient has dtype mismatch, {g.dtype} for input {i} of {x.dtype}; "
                "backward must return a gradient of its input's dtype"
            )
    return [double(_C.zeros_like(x) if g is None else g) for x, g in zip(inputs, found)]


def basis(shape: Sequence[int]) -> Iterator[Tensor]:
    """Tensors with a single one, in the order of the elements."""
    for at in itertools.product(*map(range, shape)):
        e = _C.zeros(tuple(shape), dtype=_C.float64)
        e[at] = 1.0
        yield e


def analytic_jacobians(output: Tensor, inputs: Sequence[Tensor], part: str, dtypes: bool) -> list[Tensor]:
    """The gradient of every element of `output`, for each input: (elements of input, elements of output)."""
    columns: list[list[Tensor]] = [[] for _ in inputs]
    for e in basis(output.shape):
        for column, g in zip(columns, vector_jacobian(output, inputs, e, part, dtypes)):
            column.append(g.reshape(-1))
    return [
        _C.stack(c, 1) if c else _C.zeros((x.numel(), 0), dtype=_C.complex128 if x.is_complex() else _C.float64)
        for c, x in zip(columns, inputs)
    ]
