"""Numeric functions composed of operations: differences, quantiles, covariance, products of matrices. Layer: torchy."""

from __future__ import annotations

import math
from itertools import combinations as _combinations, combinations_with_replacement as _with_replacement

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Tensor = _C.Tensor


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor of the default dtype, or of dtype."""
    return _C.tensor(s, dtype=dtype or _C.get_default_dtype(), device=device, requires_grad=requires_grad)


def range_(start: float = 0, end: Any = None, step: float = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """start, start + step, ... up to and including end, of the default dtype: arange is the usual choice."""
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end - start) / step < 0:
        raise RuntimeError(
            f"range: upper bound and lower bound inconsistent with step sign: {start}, {end}, step {step}"
        )
    count = math.floor((end - start) / step) + 1
    steps = _C.arange(count, dtype=_C.float64) * step + start
    return steps.to(dtype or _C.get_default_dtype())


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """obj as a tensor, sharing its memory where possible unless copy."""
    t = _C.tensor(obj, dtype=dtype) if copy and not isinstance(obj, Tensor) else _C.as_tensor(obj, dtype=dtype)
    if copy and t is obj:
        t = t.clone()
    return t.requires_grad_() if requires_grad else t


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor of input's shape and dtype that holds value everywhere."""
    return input.clone().fill_(value)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of x as columns, the highest first unless increasing."""
    n = x.shape[0] if N is None else N
    powers = _C.arange(n) if increasing else _C.arange(n - 1, -1, -1)
    return x.unsqueeze(-1) ** powers


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take r elements of a 1-d tensor, one per row."""
    pick = _with_replacement if with_replacement else _combinations
    rows = list(pick(range(input.shape[0]), r))
    return input[_C.tensor(rows, dtype=_C.int64).reshape(len(rows), r)]


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates in an array of `shape` of places counted in row-major order."""
    sizes = [shape] if isinstance(shape, int) else list(shape)
    out: list[Tensor] = []
    for size in reversed(sizes):
        out.append(indices % size)
        indices = indices // size
    return tuple(reversed(out))


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along dim, n times."""
    if n < 0:
        raise RuntimeError(f"diff: order must be non-negative but got {n}")
    parts = [t for t in (prepend, input, append) if t is not None]
    x = _C.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(n):
        if x.shape[dim] == 0:
            return x
        after, before = x.narrow(dim, 1, x.shape[dim] - 1), x.narrow(dim, 0, x.shape[dim] - 1)
        x = after ^ before if x.dtype is _C.bool else after - before
    return x.clone() if x is input else x


def _quantile(
    name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip_nan: bool
) -> Tensor:
    q = _C.tensor(q, dtype=input.dtype) if not isinstance(q, Tensor) else q
    if q.dim() > 1:
        raise RuntimeError(f"{name}: q must be a scalar or 1D tensor, but has {q.dim()} dims")
    if bool(((q < 0) | (q > 1)).any()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if input.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    ways = {"linear", "lower", "higher", "midpoint", "nearest"}
    if interpolation not in ways:
        raise RuntimeError(f"{name}: interpolation must be one of {sorted(ways)}, but got {interpolation!r}")
    rows = (input.reshape(-1) if dim is None else input.movedim(dim, -1)).sort(-1).values
    nan = rows.isnan()
    count = (~nan).sum(-1, keepdim=True) if skip_nan else _C.full_like(nan.sum(-1, keepdim=True), rows.shape[-1])
    rank = q.reshape(-1).to(rows.dtype) * (count - 1).clamp(min=0).to(rows.dtype)
    rank = rank.round() if interpolation == "nearest" else rank
    below = rank.floor().to(_C.int64)
    above = rank.ceil().to(_C.int64)
    low, high = rows.gather(-1, below), rows.gather(-1, above)
    if interpolation == "lower":
        out = low
    elif interpolation == "higher":
        out = high
    else:
        weight = 0.5 if interpolation == "midpoint" else rank - below.to(rank.dtype)
        out = low + (high - low) * weight
    if not skip_nan:
        out = _C.where(nan.any(-1, keepdim=True), float("nan"), out)
    if keepdim:
        shape = [1] * input.dim() if dim is None else [*out.shape[:-1]]
        out = out.movedim(-1, 0)
        out = out.reshape([-1, *shape]) if dim is None else out.unsqueeze(dim if dim < 0 else dim + 1)
    else:
        out = out.movedim(-1, 0)
    return out[0] if q.dim() == 0 else out


def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-th quantiles along dim (of all elements if None); several q give a new first dim."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """quantile of the elements that are not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance matrix of variables in rows."""
    if input.dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    x = input.reshape(1, -1) if input.dim() < 2 else input
    n = x.shape[1]
    weights = None
    for w in (fweights, aweights):
        if w is not None:
            weights = w.to(x.dtype) if weights is None else weights * w
    if weights is None:
        centred = x - x.mean(1, keepdim=True)
        out = centred @ centred.mH / max(n - correction, 0)
    else:
        total = weights.sum()
        centred = x - ((x * weights).sum(1) / total).unsqueeze(1)
        norm = total - correction if aweights is None else total - correction * (weights * aweights).sum() / total
        out = (centred * weights) @ centred.mH / norm.clamp(min=0)
    return out.squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """The matrix of correlation coefficients of variables in rows."""
    c = cov(input)
    if c.dim() == 0:
        return c / c
    s = c.diagonal().sqrt()
    return c / s.unsqueeze(1) / s.unsqueeze(0)


def _areas(y: Tensor, x: Any, dx: float, dim: int) -> Tensor:
    n = y.shape[dim]
    after, before = y.narrow(dim, 1, n - 1), y.narrow(dim, 0, n - 1)
    if x is None:
        return (after + before) * (dx / 2)
    step = diff(x, dim=dim if x.dim() > 1 else 0)
    if x.dim() == 1:
        step = step.reshape([-1 if i == dim % y.dim() else 1 for i in range(y.dim())])
    return (after + before) * step / 2


def trapezoid(y: Tensor, x: Any = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The area under y along dim by the trapezoid rule, over points x or steps of dx."""
    return _areas(y, x, dx, dim).sum(dim)


def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The running areas of trapezoid."""
    return _areas(y, x, dx, dim).cumsum(dim)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference."""
    return _C.norm(input - other, p)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm of every row of x1 minus every row of x2."""
    return _C.norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """``input * 2**other``."""
    return input * _C.pow(2.0, other)


def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor of integers, by Euclid's algorithm on all elements at once."""
    if input.is_floating_point() or other.is_floating_point():
        raise NotImplementedError("gcd: not implemented for floating dtypes; the inputs must be integers")
    a, b = (t.abs() for t in (input + other * 0, other + input * 0))
    while bool((b != 0).any()):
        rest = a % _C.where(b == 0, 1, b)
        a, b = _C.where(b == 0, a, b), _C.where(b == 0, b, rest)
    return a


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple of integers; 0 if one of them is 0."""
    divisor = gcd(input, other)
    return (input // _C.where(divisor == 0, 1, divisor) * other).abs()


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along a dim of size 3 (the first such dim if None)."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"cross: no dimension of size 3 in input of shape {tuple(input.shape)}")
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )
    a, b = input.unbind(dim), other.unbind(dim)
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in (0, 1, 2)]
    return _C.stack(parts, dim)


def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: every element of input times all of other."""
    n = max(input.dim(), other.dim())
    a, b = ([1] * (n - t.dim()) + list(t.shape) for t in (input, other))
    left = input.reshape([k for s in a for k in (s, 1)])
    right = other.reshape([k for s in b for k in (1, s)])
    return (left * right).reshape([i * j for i, j in zip(a, b)])


def matrix_power(input: Tensor, n: int) -> Tensor:
    """A square matrix multiplied with itself n times, by repeated squaring; n must be at least 0."""
    if input.dim() < 2 or input.shape[-1] != input.shape[-2]:
        raise RuntimeError(
            f"linalg.matrix_power: A must be batches of square matrices, but has shape {tuple(input.shape)}"
        )
    if n < 0:
        raise NotImplementedError(f"matrix_power: n={n}; negative powers need the inverse, which is not available")
    out: Any = _C.eye(input.shape[-1], dtype=input.dtype).expand(input.shape) if n == 0 else None
    square = input
    while n:
        if n & 1:
            out = square if out is None else out @ square
        n >>= 1
        square = square @ square if n else square
    return out.clone() if out is input else out


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of 2-d tensors in the order that needs the fewest multiplications (dynamic programming)."""
    items = list(matrices[0]) if len(matrices) == 1 and not isinstance(matrices[0], Tensor) else list(matrices)
    n = len(items)
    sizes = [items[0].shape[0], *[m.shape[1] for m in items]]
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(n)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return items[i]
        k = best[i, j][1]
        return product(i, k) @ product(k + 1, j)

    return product(0, n - 1)
