# Functions that pick elements: embedding and pad. Layer: torchy.nn.
from __future__ import annotations

from collections.abc import Sequence

import torchy

Tensor = torchy.Tensor


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of ``weight`` by index; the row padding_idx gets no gradient.

    max_norm: rows in use that are longer are scaled to that length first, in place.
    """
    if sparse:
        raise NotImplementedError("embedding: sparse=True is not available; leave it False")
    if padding_idx is None:
        padding_idx = -1
    elif not -weight.size(0) <= padding_idx < weight.size(0):
        raise AssertionError("Padding_idx must be within num_embeddings")
    elif padding_idx < 0:
        padding_idx += weight.size(0)
    if max_norm is not None:
        with torchy.no_grad():
            used = torchy.unique(input.reshape(-1))
            rows = weight[used]
            length = rows.norm(norm_type, 1, keepdim=True)
            weight[used] = torchy.where(length > max_norm, rows * (max_norm / (length + 1e-7)), rows)
    return torchy.embedding(weight, input, padding_idx, scale_grad_by_freq)


def _sources(size: int, before: int, after: int, mode: str) -> list[int]:
    """Where each place of a padded dim is read from."""
    places = range(-before, size + after)
    if mode == "replicate":
        return [min(max(i, 0), size - 1) for i in places]
    if mode == "circular":
        if before > size or after > size:
            raise RuntimeError(
                f"pad: circular padding ({before}, {after}) wraps around more than once; the size is {size}"
            )
        return [i % size for i in places]
    if before >= size or after >= size:
        raise RuntimeError(f"pad: reflection padding ({before}, {after}) must be smaller than the size {size}")
    return [-i if i < 0 else 2 * (size - 1) - i if i >= size else i for i in places]


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Elements added before and after the last dims: pad is (before last, after last, before the one before, ...).

    mode: 'constant' (value, 0 if None), 'reflect', 'replicate' or 'circular'; negative padding cuts.
    """
    sides = [int(p) for p in pad]
    if len(sides) % 2 or len(sides) > 2 * input.dim():
        raise RuntimeError(
            f"pad: padding {tuple(sides)} must have an even length, at most twice the {input.dim()} dims of the input"
        )
    if mode == "constant":
        return torchy.constant_pad_nd(input, sides, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value not in (None, 0):
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    for i in range(0, len(sides), 2):
        dim = input.dim() - 1 - i // 2
        rows = _sources(input.shape[dim], sides[i], sides[i + 1], mode)
        input = input.index_select(dim, torchy.tensor(rows, dtype=torchy.int64))
    return input
