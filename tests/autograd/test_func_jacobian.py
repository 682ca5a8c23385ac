"""torchy.func.jacrev by a loop over rows (chunk_size=1), which needs no vmap: values, trees, history, errors."""

from __future__ import annotations

import pytest

import torchy as torch
from torchy.func import grad, jacrev
from torchy.func._jacobian import _basis


def x(tracked=False):
    return torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=tracked)


def rows(f, **options):
    return jacrev(f, chunk_size=1, **options)


def test_the_jacobian_has_the_outputs_dims_and_then_the_inputs():
    a = x()
    assert torch.allclose(rows(torch.sin)(a), a.cos().diag())
    b = torch.ones(2, 3, dtype=torch.float64)
    j = rows(lambda t: t @ a)(b)
    assert j.shape == (2, 2, 3)
    assert torch.allclose(j[0], torch.stack([a, torch.zeros_like(a)]))
    assert rows(lambda t: t.sum())(b).tolist() == [[1.0] * 3] * 2


def test_trees_nest_the_outputs_outside():
    p = {"a": x(), "b": torch.tensor(2.0, dtype=torch.float64)}
    j = rows(lambda t: (t["a"] * t["b"], {"s": t["a"].sum()}))(p)
    assert torch.allclose(j[0]["a"], 2 * torch.eye(3, dtype=torch.float64))
    assert torch.allclose(j[0]["b"], p["a"])
    assert j[1]["s"]["a"].tolist() == [1.0] * 3 and j[1]["s"]["b"].item() == 0.0


def test_argnums_int_or_tuple():
    a, b = x(), 2 * x()
    assert torch.allclose(rows(lambda p, q: p * q, argnums=-1)(a, b), a.diag())
    both = rows(lambda p, q: p * q, argnums=(0, 1))(a, b)
    assert isinstance(both, tuple) and torch.allclose(both[0], b.diag()) and torch.allclose(both[1], a.diag())


def test_aux_is_returned_beside_the_jacobian():
    a = x()
    j, aux = rows(lambda t: (t * 2, {"in": t, "half": t / 2}), has_aux=True)(a)
    assert torch.allclose(j, 2 * torch.eye(3, dtype=torch.float64))
    assert aux["in"] is a and torch.allclose(aux["half"], a / 2)


def test_jacobians_nest_with_each_other_and_with_grad():
    a = x()
    assert torch.allclose(rows(grad(lambda t: (t**3).sum()))(a), (6 * a).diag())
    assert torch.allclose(rows(rows(lambda t: (t**3).sum()))(a), (6 * a).diag())
    assert torch.allclose(grad(lambda t: rows(torch.sin)(t).sum())(a), -a.sin())


def test_the_result_is_recorded_as_far_as_it_depends_on_tracked_tensors():
    a, w = x(), x(tracked=True)
    assert not rows(torch.sin)(a).requires_grad
    j = rows(lambda t: t * w)(a)
    (g,) = torch.autograd.grad(j.sum(), w)
    assert g.tolist() == [1.0] * 3
    assert rows(torch.sin)(w).requires_grad and not rows(lambda t: 2 * t)(w).requires_grad
    with torch.no_grad():
        assert not rows(torch.sin)(w).requires_grad


def test_no_elements_give_an_empty_jacobian():
    assert jacrev(lambda t: t[:0])(x()).shape == (0, 3)
    assert rows(lambda t: t[:0])(x()).shape == (0, 3)
    assert rows(lambda t: t.sum())(x()[:0]).shape == (0,)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda a: jacrev(torch.sin, chunk_size=0), ValueError, "should be greater than 0"),
        (lambda a: rows(torch.sin)(a + 1j), RuntimeError, "all inputs to be real .* idx: 0"),
        (lambda a: rows(lambda t: (t, t * 1j))(a), RuntimeError, "all outputs to be real .* idx: 1"),
        (lambda a: rows(lambda t: t.tolist())(a), RuntimeError, "only tensors, got unsupported type"),
        (lambda a: rows(torch.sin, argnums=None)(a), RuntimeError, "must be int or Tuple"),
        (lambda a: rows(torch.sin)(a.long()), RuntimeError, "can require gradients"),
    ],
)
def test_misuse_says_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call(x())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
def test_the_blocks_of_the_basis_are_the_rows_of_the_identity(size):
    like = [torch.ones(2), torch.ones((), dtype=torch.float64), torch.ones(2, 1)]
    chunks = list(_basis(like, min(size, 5)))
    assert all(block.shape[0] <= size for blocks in chunks for block in blocks)
    joined = [torch.cat(list(column)) for column in zip(*chunks)]
    assert [j.shape for j in joined] == [(5, 2), (5,), (5, 2, 1)] and joined[1].dtype == torch.float64
    assert torch.cat([j.reshape(5, -1).double() for j in joined], 1).tolist() == torch.eye(5).tolist()
