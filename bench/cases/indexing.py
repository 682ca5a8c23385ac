# Reading by index, mask and position; joining; sorting.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.registry import case, uniform, unrolled


@case("index_int", "indexing")
def index_int(torch: Any) -> Callable[[], None]:
    return unrolled("x[3]", 50, x=uniform(torch, 16, 16))


@case("index_slice", "indexing")
def index_slice(torch: Any) -> Callable[[], None]:
    return unrolled("x[1:5, ::2]", 50, x=uniform(torch, 16, 16))


@case("index_assign", "indexing")
def index_assign(torch: Any) -> Callable[[], None]:
    return unrolled("x[3] = 1.0", 50, x=uniform(torch, 16, 16))


@case("index_mask", "indexing")
def index_mask(torch: Any) -> Callable[[], None]:
    x = uniform(torch, 1024, 256)
    return unrolled("x[mask]", 1, x=x, mask=x > 0.5)


def _positions(torch: Any, count: int, below: int) -> Any:
    """Scattered int64 positions: an odd multiplier visits them all in no simple order."""
    return (torch.arange(count) * 7919) % below


@case("index_tensor", "indexing")
def index_tensor(torch: Any) -> Callable[[], None]:
    x = uniform(torch, 4096, 64)
    return unrolled("x[i]", 1, x=x, i=_positions(torch, 4096, 4096))


@case("index_select", "indexing")
def index_select(torch: Any) -> Callable[[], None]:
    x = uniform(torch, 4096, 64)
    i = _positions(torch, 4096, 4096)
    return unrolled("torch.index_select(x, 0, i)", 1, torch=torch, x=x, i=i)


@case("gather", "indexing")
def gather(torch: Any) -> Callable[[], None]:
    x = uniform(torch, 1024, 256)
    i = _positions(torch, 1024 * 256, 256).view(1024, 256)
    return unrolled("torch.gather(x, 1, i)", 1, torch=torch, x=x, i=i)


@case("cat_8_small", "joining")
def cat_small(torch: Any) -> Callable[[], None]:
    parts = [uniform(torch, 16, 16) for _ in range(8)]
    return unrolled("torch.cat(parts)", 20, torch=torch, parts=parts)


@case("cat_dim1_large", "joining")
def cat_large(torch: Any) -> Callable[[], None]:
    parts = [uniform(torch, 1024, 128) for _ in range(4)]
    return unrolled("torch.cat(parts, dim=1)", 1, torch=torch, parts=parts)


@case("stack_8_small", "joining")
def stack_small(torch: Any) -> Callable[[], None]:
    parts = [uniform(torch, 16, 16) for _ in range(8)]
    return unrolled("torch.stack(parts)", 20, torch=torch, parts=parts)


@case("sort_100k", "sorting")
def sort_100k(torch: Any) -> Callable[[], None]:
    return unrolled("x.sort()", 1, x=uniform(torch, 100_000))


@case("sort_rows", "sorting")
def sort_rows(torch: Any) -> Callable[[], None]:
    return unrolled("x.sort(dim=-1)", 1, x=uniform(torch, 256, 256))


@case("topk_10_of_100k", "sorting")
def topk(torch: Any) -> Callable[[], None]:
    return unrolled("x.topk(10)", 1, x=uniform(torch, 100_000))
