"""Broadcasting and einsum on random shapes, against NumPy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import torchy as torch

OPERATIONS = {
    "add": (np.add, lambda a, b: (1 + 0 * a * b, 1 + 0 * a * b)),
    "sub": (np.subtract, lambda a, b: (1 + 0 * a * b, -1 + 0 * a * b)),
    "mul": (np.multiply, lambda a, b: (b + 0 * a, a + 0 * b)),
    "div": (np.divide, lambda a, b: (1 / b + 0 * a, -a / b**2)),
    "atan2": (np.arctan2, lambda a, b: (b / (a * a + b * b), -a / (a * a + b * b))),
    "maximum": (np.maximum, lambda a, b: ((a > b) * 1.0, (a < b) * 1.0)),
    "hypot": (np.hypot, lambda a, b: (a / np.hypot(a, b), b / np.hypot(a, b))),
}


def summed_to(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=axes, keepdims=True)


@settings(max_examples=100)
@given(
    shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=4, min_side=0, max_side=4),
    name=st.sampled_from(sorted(OPERATIONS)),
    transposed=st.booleans(),
    seed=st.integers(0, 99),
)
def test_broadcasting(shapes, name, transposed, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(0.5, 2.0, s) for s in shapes.input_shapes]
    f, df = OPERATIONS[name]
    if transposed:  # the same values, laid out with the last dim slowest
        a, b = (torch.tensor(x.transpose().copy()).permute(tuple(reversed(range(x.ndim)))) for x in arrays)
    else:
        a, b = (torch.tensor(x) for x in arrays)
    a.requires_grad_(), b.requires_grad_()
    y = getattr(torch, name)(a, b)
    assert tuple(y.shape) == shapes.result_shape
    np.testing.assert_allclose(y.detach().numpy(), f(*arrays), rtol=1e-12)
    weights = rng.uniform(-1, 1, y.shape)
    y.backward(torch.tensor(weights))
    for t, g, x in zip((a, b), df(*arrays), arrays):
        expect = summed_to(np.broadcast_to(g, shapes.result_shape) * weights, x.shape)
        np.testing.assert_allclose(t.grad.numpy(), expect, rtol=1e-9, atol=1e-12)


@st.composite
def einsums(draw):
    """An equation without repeated output letters, and the sizes of its letters."""
    letters = "abcde"[: draw(st.integers(1, 5))]
    sizes = {c: draw(st.integers(1, 3)) for c in letters}
    terms = draw(st.lists(st.lists(st.sampled_from(letters), max_size=3), min_size=1, max_size=3))
    used = sorted({c for t in terms for c in t})
    output = draw(st.permutations(used)) if used else []
    output = output[: draw(st.integers(0, len(output)))]
    text = ",".join("".join(t) for t in terms)
    return text if draw(st.booleans()) and used else text + "->" + "".join(output), terms, sizes


@settings(max_examples=100)
@given(case=einsums(), seed=st.integers(0, 99))
def test_einsum(case, seed):
    equation, terms, sizes = case
    rng = np.random.default_rng(seed)
    arrays = [rng.uniform(-1, 1, [sizes[c] for c in t]) for t in terms]
    tensors = [torch.tensor(a).requires_grad_() for a in arrays]
    y = torch.einsum(equation, *tensors)
    expect = np.einsum(equation, *arrays)
    assert tuple(y.shape) == expect.shape
    np.testing.assert_allclose(y.detach().numpy(), expect, rtol=1e-10, atol=1e-12)
    weights = rng.uniform(-1, 1, expect.shape)
    y.backward(torch.tensor(weights))
    for k, t in enumerate(tensors):  # linear in each operand: the derivative in a direction is its value there
        direction = rng.uniform(-1, 1, arrays[k].shape)
        along = np.einsum(equation, *arrays[:k], direction, *arrays[k + 1 :])
        np.testing.assert_allclose((t.grad.numpy() * direction).sum(), (along * weights).sum(), rtol=1e-9, atol=1e-11)
