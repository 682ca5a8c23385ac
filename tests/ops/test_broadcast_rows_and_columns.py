# Rows and columns against a matrix: the loops that take one operand as a single element for a whole row,
# for short rows, rows longer than a block, and enough rows for threads. Gradients are tested elsewhere.

from __future__ import annotations

import numpy as np
import pytest

import torchy

SIZES = [(3, 63), (3, 64), (2, 1500), (700, 130)]
DTYPES = ["int8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]


def numbers(shape: tuple[int, int], dtype: str) -> torchy.Tensor:
    return ((torchy.arange(shape[0] * shape[1]) * 5) % 11 + 1).view(shape).to(getattr(torchy, dtype))


def exact(t: torchy.Tensor) -> np.ndarray:
    return t.to(torchy.complex128 if t.is_complex() else torchy.float64).numpy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SIZES, ids=str)
@pytest.mark.parametrize("name", ["add", "sub", "mul"])
def test_matrix_with_column_is_matrix_with_it_expanded(name: str, shape: tuple[int, int], dtype: str) -> None:
    f, x, column = getattr(torchy, name), numbers(shape, dtype), numbers((shape[0], 1), dtype)
    full = column.expand(shape).contiguous()
    for a, b, aa, bb in ((x, column, x, full), (column, x, full, x)):
        assert np.array_equal(exact(f(a, b)), exact(f(aa, bb)))
    assert np.array_equal(exact(f(x[:, ::2], column)), exact(f(x[:, ::2].contiguous(), full[:, ::2].contiguous())))
    assert np.array_equal(exact(f(x.t(), column.t())), exact(f(x, full)).T)


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_column_of_another_dtype_is_converted(shape: tuple[int, int]) -> None:
    x, column = numbers(shape, "float32"), numbers((shape[0], 1), "int64")
    assert np.array_equal((x * column).numpy(), x.numpy() * column.numpy().astype(np.float32))


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_matrix_changed_in_place_by_its_own_column(shape: tuple[int, int]) -> None:
    """The column is read as it was, although the loop writes over it."""
    x = numbers(shape, "float64")
    for j in (0, shape[1] // 2, shape[1] - 1):
        y = x.clone()
        y.sub_(y[:, j : j + 1])
        assert np.array_equal(y.numpy(), x.numpy() - x.numpy()[:, j : j + 1])


def test_comparison_with_column_gives_bools() -> None:
    x, column = numbers((700, 130), "float32"), numbers((700, 1), "float32")
    assert np.array_equal((x < column).numpy(), x.numpy() < column.numpy())
    assert np.array_equal((column < x).numpy(), column.numpy() < x.numpy())
