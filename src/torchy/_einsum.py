"""einsum and tensordot: contractions as permuted matrix products, two operands at a time."""

from __future__ import annotations

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

Tensor = _C.Tensor


def _parse(equation: str, operands: list[Tensor]) -> tuple[list[list[str]], list[str]]:
    """Labels of each operand and of the result; an ellipsis becomes labels '.0', '.1', ... from the right."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): the equation {equation!r} has {len(terms)} operands, but {len(operands)} were given"
        )
    inputs, widest = [], 0
    for term, t in zip(terms, operands):
        before, dots, after = term.partition("...")
        letters = before + after
        if not all(c.isascii() and c.isalpha() for c in letters):
            raise RuntimeError(
                f"einsum(): invalid subscript in {term!r}; subscripts are letters of the alphabet and one '...'"
            )
        free = t.dim() - len(letters)
        if free < 0 or (free > 0 and not dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in {term!r} does not match the {t.dim()} dimensions of its operand"
            )
        widest = max(widest, free)
        inputs.append([*before, *[f".{i}" for i in range(free - 1, -1, -1)], *after] if dots else list(letters))
    ellipsis = [f".{i}" for i in range(widest - 1, -1, -1)]
    if arrow:
        before, dots, after = right.partition("...")
        output = [*before, *(ellipsis if dots else []), *after]
    else:
        counts: dict[str, int] = {}
        for labels in inputs:
            for c in labels:
                counts[c] = counts.get(c, 0) + 1
        output = ellipsis + sorted(c for c, n in counts.items() if n == 1 and not c.startswith("."))
    known = {c for labels in inputs for c in labels}
    for c in output:
        if c not in known:
            raise RuntimeError(f"einsum(): output subscript {c!r} does not appear in any operand of {equation!r}")
    if len(set(output)) != len(output):
        raise RuntimeError(f"einsum(): output subscripts of {equation!r} must be different")
    return inputs, output


def _take_diagonals(t: Tensor, labels: list[str]) -> tuple[Tensor, list[str]]:
    """A label that occurs twice in one operand means its diagonal."""
    i = 0
    while i < len(labels):
        c = labels[i]
        if labels.count(c) > 1:
            j = labels.index(c, i + 1)
            if t.shape[i] != t.shape[j]:
                raise RuntimeError(
                    f"einsum(): subscript {c!r} is repeated with sizes {t.shape[i]} and {t.shape[j]}, which differ"
                )
            t = t.diagonal(0, i, j)
            labels = [x for k, x in enumerate(labels) if k not in (i, j)] + [c]
            i = 0
        else:
            i += 1
    return t, labels


def _sum_out(t: Tensor, labels: list[str], keep: set[str]) -> tuple[Tensor, list[str]]:
    dims = [i for i, c in enumerate(labels) if c not in keep]
    if dims:
        t = t.sum(dims)
    return t, [c for c in labels if c in keep]


def _arrange(t: Tensor, labels: list[str], order: list[str]) -> Tensor:
    """Dims in the given order; labels the tensor lacks become size 1."""
    have = [c for c in order if c in labels]
    t = t.permute([labels.index(c) for c in have])
    for i, c in enumerate(order):
        if c not in labels:
            t = t.unsqueeze(i)
    return t


def _pair(a: Tensor, la: list[str], b: Tensor, lb: list[str], keep: set[str]) -> tuple[Tensor, list[str]]:
    """Contract two operands over the labels that neither the rest nor the result needs."""
    a, la = _sum_out(a, la, keep | set(lb))
    b, lb = _sum_out(b, lb, keep | set(la))
    size: dict[str, int] = {}
    for t, labels in ((a, la), (b, lb)):
        for c, n in zip(labels, t.shape):
            size[c] = max(size.get(c, 1), n) if n != 0 else 0
    batch = [c for c in la if c in lb and c in keep]
    summed = [c for c in la if c in lb and c not in keep]
    only_a = [c for c in la if c not in lb]
    only_b = [c for c in lb if c not in la]
    if not summed:
        order = batch + only_a + only_b
        return _arrange(a, la, order) * _arrange(b, lb, order), order
    a = _arrange(a, la, batch + only_a + summed).expand([size[c] for c in batch + only_a + summed])
    b = _arrange(b, lb, batch + summed + only_b).expand([size[c] for c in batch + summed + only_b])

    def count(labels: list[str]) -> int:
        n = 1
        for c in labels:
            n *= size[c]
        return n

    m, k, n, w = count(only_a), count(summed), count(only_b), count(batch)
    if batch:
        out = a.reshape(w, m, k) @ b.reshape(w, k, n)
    else:
        out = a.reshape(m, k) @ b.reshape(k, n)
    order = batch + only_a + only_b
    return out.reshape([size[c] for c in order]), order


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sums of products by Einstein's convention: ``einsum('ij,jk->ik', a, b)``.

    Letters name dims, ``...`` stands for the rest, repeated letters in one operand mean its diagonal.
    RuntimeError for subscripts that do not fit the operands.
    """
    if not isinstance(equation, str):
        raise TypeError("einsum(): the first argument must be the equation, a str")
    items = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    if not items:
        raise ValueError("einsum(): must provide at least one operand")
    inputs, output = _parse(equation, items)
    sizes: dict[str, int] = {}
    for t, labels in zip(items, inputs):
        for c, n in zip(labels, t.shape):
            if sizes.get(c, 1) != n and sizes.get(c, 1) != 1 and n != 1:
                raise RuntimeError(
                    f"einsum(): subscript {c!r} has size {sizes[c]} in one operand and {n} in another of {equation!r}"
                )
            sizes[c] = n if sizes.get(c, 1) == 1 else sizes[c]
    work = [_take_diagonals(t, labels) for t, labels in zip(items, inputs)]
    t, labels = work[0]
    for i in range(1, len(work)):
        later = {c for _, ls in work[i + 1 :] for c in ls}
        t, labels = _pair(t, labels, *work[i], keep=set(output) | later)
    t, labels = _sum_out(t, labels, set(output))
    return t.permute([labels.index(c) for c in output])


def tensordot(a: Tensor, b: Tensor, dims: int | Sequence[Any] | Tensor = 2, out: Tensor | None = None) -> Tensor:
    """Contract the last `dims` dims of a with the first of b, or the dims listed in two lists.

    RuntimeError if the sizes of contracted dims differ.
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.dim(), b.dim()):
            raise RuntimeError(
                f"tensordot expects 0 <= dims <= the dims of both tensors ({a.dim()}, {b.dim()}), but got dims={dims}"
            )
        da, db = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        da, db = ([x] if isinstance(x, int) else list(x) for x in dims)
    if len(da) != len(db):
        raise RuntimeError(f"tensordot: both dims lists must have the same length, but got {len(da)} and {len(db)}")
    da = [d % a.dim() for d in da]
    db = [d % b.dim() for d in db]
    for i, j in zip(da, db):
        if a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"tensordot: contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} "
                f"and second has size {b.shape[j]} in dim {j}"
            )
    fa = [i for i in range(a.dim()) if i not in da]
    fb = [j for j in range(b.dim()) if j not in db]
    shape = [a.shape[i] for i in fa] + [b.shape[j] for j in fb]
    k = 1
    for i in da:
        k *= a.shape[i]
    left = a.permute(fa + da).reshape(-1 if k else _count(a, fa), k)
    right = b.permute(db + fb).reshape(k, -1 if k else _count(b, fb))
    result = (left @ right).reshape(shape)
    return result if out is None else out.copy_(result)


def _count(t: Tensor, dims: list[int]) -> int:
    n = 1
    for d in dims:
        n *= t.shape[d]
    return n
