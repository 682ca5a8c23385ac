# Matrix products: square, a layer's shape, batches of small ones, and one vector.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.registry import case, uniform, unrolled

SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    **{f"matmul_{n}": ((n, n), (n, n)) for n in (8, 16, 32, 64, 128, 256, 512, 1024)},
    "matmul_64x784x256": ((64, 784), (784, 256)),
    "matmul_1x784x256": ((1, 784), (784, 256)),
    "bmm_32_of_64": ((32, 64, 64), (32, 64, 64)),
    "matvec_1024": ((1024, 1024), (1024,)),
    "matvec_64": ((64, 64), (64,)),
}


def _register(name: str, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    times = 50 if max(left) <= 64 and len(left) == 2 else 5 if max(left) < 256 else 1

    @case(name, "matrix products", target=0.95)
    def matmul(torch: Any) -> Callable[[], None]:
        a = uniform(torch, *left, lo=-1.0)
        b = uniform(torch, *right, lo=-1.0)
        return unrolled("a @ b", times, a=a, b=b)


for _name, (_left, _right) in SHAPES.items():
    _register(_name, _left, _right)


@case("matmul_transposed_256", "matrix products", target=0.95)
def matmul_transposed(torch: Any) -> Callable[[], None]:
    """A transposed view as an operand, as in every backward of a linear layer."""
    a = uniform(torch, 256, 256, lo=-1.0)
    return unrolled("a @ b", 2, a=a, b=a.t())
