"""torchy.func.vmap against loops: dims, trees, chunks, history, errors and what they leave behind, printing."""

from __future__ import annotations

import functools
import sys
import threading

import pytest

import torchy as torch
from torchy.func import grad, jacrev, vmap


@pytest.fixture(autouse=True)
def _no_level_stays_open():
    yield
    assert torch._C._vmap_levels() == []


def x(tracked=False):
    return torch.arange(12.0, dtype=torch.float64).view(4, 3).sin().requires_grad_(tracked)


def test_vmap_has_one_name_more():
    assert torch.vmap is vmap


def test_the_function_runs_once_and_sees_one_example():
    seen = []

    def f(a):
        seen.append((tuple(a.shape), a.dim(), len(a), a.numel(), a.dtype))
        return a * 2

    assert torch.equal(vmap(f)(x()), x() * 2)
    assert seen == [((3,), 1, 3, 3, torch.float64)]


def test_dims_of_inputs_and_outputs():
    a = torch.randn(2, 4, 3)
    for dim in (0, 1, 2, -1, -2, -3):
        want = torch.stack([s.cumsum(0) for s in a.unbind(dim)], dim)
        assert torch.equal(vmap(lambda s: s.cumsum(0), in_dims=dim, out_dims=dim)(a), want)
    assert vmap(lambda s, t: s * t, (0, None), 2)(a, torch.ones(4, 1)).shape == (4, 3, 2)


def test_trees_of_inputs_and_outputs():
    tree = {"a": x(), "b": [x() * 2, (torch.ones(3, dtype=torch.float64),)]}
    dims = {"a": 0, "b": [1, (None,)]}
    tree["b"][0] = tree["b"][0].t()
    out = vmap(lambda t: (t["a"] + t["b"][0] * t["b"][1][0], {"n": t["a"].sum()}), in_dims=(dims,), out_dims=(1, 0))(
        tree
    )
    assert torch.allclose(out[0], 3 * x().t()) and torch.allclose(out[1]["n"], x().sum(1))


def test_an_output_that_is_the_same_for_all_is_repeated_or_left_alone():
    w = torch.ones(3)
    for dim in (0, 1, -1):
        assert vmap(lambda a: w, out_dims=dim)(x()).shape == ((4, 3) if dim == 0 else (3, 4))
    out = vmap(lambda a: (a, w, "text", None), out_dims=(0, None, None, None))(x())
    assert out[1] is w or torch.equal(out[1], w)
    assert out[2:] == ("text", None)


def test_keywords_are_the_same_for_all_examples():
    out = vmap(lambda a, *, w, scale: (a * w).sum() * scale)(x(), w=torch.ones(3, dtype=torch.float64), scale=2)
    assert torch.allclose(out, 2 * x().sum(1))


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 9])
def test_chunks_change_nothing(chunk):
    sizes = []

    def f(a, w):
        sizes.append(torch._C._vmap_levels()[-1][1])
        return a * w, {"s": a.sum()}, w

    w = torch.ones(3, dtype=torch.float64)
    out = vmap(f, (0, None), (1, 0, None), chunk_size=chunk)(x(), w)
    assert torch.equal(out[0], x().t()) and torch.equal(out[1]["s"], x().sum(1)) and out[2].shape == (3,)
    assert sum(sizes) == 4 and max(sizes) == min(chunk, 4)


@pytest.mark.parametrize("size", [0, 1])
def test_batches_of_none_and_of_one(size):
    a = x()[:size].requires_grad_()
    out = vmap(lambda v: (v.sin().outer(v), v.sum(), v > 0))(a)
    assert [tuple(o.shape) for o in out] == [(size, 3, 3), (size,), (size, 3)]
    assert out[0].requires_grad and not out[2].requires_grad
    assert torch.autograd.grad(out[0].sum() + out[1].sum(), a)[0].shape == (size, 3)
    assert vmap(grad(lambda v: (v**2).sum()), chunk_size=2)(a.detach()).shape == (size, 3)


# -- with gradients -------------------------------------------------------------------------------------


def test_results_are_recorded_as_without_vmap():
    a, w = x(tracked=True), torch.ones(3, dtype=torch.float64, requires_grad=True)
    out = vmap(lambda v: (v * w).sin().sum())(a)
    ga, gw = torch.autograd.grad(out.prod(), (a, w))
    wa, ww = torch.autograd.grad((a * w).sin().sum(1).prod(), (a, w))
    assert torch.allclose(ga, wa) and torch.allclose(gw, ww)
    with torch.no_grad():
        assert not vmap(lambda v: v * w)(a).requires_grad
    assert not vmap(lambda v: v.detach() * 2)(a).requires_grad


def test_autograd_grad_by_batched_weights_is_a_jacobian():
    w = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
    out = w.exp() * w.sum()
    rows = vmap(lambda v: torch.autograd.grad(out, w, v, retain_graph=True)[0])(torch.eye(3))
    assert torch.allclose(rows, jacrev(lambda t: t.exp() * t.sum())(w))


def test_backward_inside_vmap_is_refused():
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"backward\(\) inside vmap .* use torch.func.grad"):
        vmap(lambda v: w.sum().backward(gradient=v.sum()))(torch.ones(4, 3))
    with pytest.raises(RuntimeError):
        vmap(lambda v: (v * w).sum().backward())(torch.ones(4, 3))
    assert w.grad is None


# -- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda a: vmap(abs, randomness="other"), RuntimeError, "'error', 'different', or 'same'. Got other"),
        (lambda a: vmap(abs, chunk_size=0), ValueError, "chunk_size should be None or greater than 0"),
        (lambda a: vmap(torch.sin, in_dims=[0])(a), ValueError, "expected `in_dims` to be int or a .*tuple"),
        (lambda a: vmap(torch.sin, in_dims=(0, 0))(a), ValueError, r"structure \(\*, \*\) but inputs has .* \(\*,\)"),
        (lambda a: vmap(torch.sin, in_dims=("x",))(a), ValueError, "in_dim=x for an input but in_dim must be"),
        (lambda a: vmap(torch.sin, in_dims=2)(a), ValueError, "dimensionality 2 .* -2 <= in_dim < 2"),
        (lambda a: vmap(torch.sin, in_dims=(None,))(a), ValueError, "at least one Tensor to vmap over"),
        (lambda a: vmap(torch.mul)(a, 3), ValueError, "of type <class 'int'>.*use None as the respective in_dim"),
        (lambda a: vmap(torch.mul)(a, a.t()), ValueError, r"same size in the mapped dimension, got sizes \[4, 3\]"),
        (lambda a: vmap(lambda: a)(), ValueError, "got no inputs"),
        (lambda a: vmap(lambda v: v)(v=a), ValueError, "got no inputs"),
        (lambda a: vmap(lambda v: 3)(a), ValueError, "must only return Tensors, got type <class 'int'>"),
        (lambda a: vmap(functools.partial(max, 3), out_dims=0.5)(a), ValueError, r"functools.partial\(max, ...\)"),
        (lambda a: vmap(torch.sin, out_dims=(0, 0))(a), ValueError, "out_dims is not compatible"),
        (
            lambda a: vmap(torch.sin, out_dims=None)(a),
            ValueError,
            "can not return a BatchedTensor when out_dim is None",
        ),
        (lambda a: vmap(torch.sin, out_dims=2)(a), IndexError, r"range of \[-2, 1\], but got 2"),
        (lambda a: vmap(lambda v: torch.zeros(3).add_(v))(a), RuntimeError, "inplace arithmetic.* is not possible"),
        (lambda a: vmap(lambda v: v[v > 0])(a), RuntimeError, "depends on the data"),
        (lambda a: vmap(lambda v: v @ torch.ones(2))(a), RuntimeError, "vmap|size|shape"),
        (lambda a: vmap(lambda v: v[3])(a), IndexError, "index 3 is out of bounds"),
        (lambda a: vmap(lambda v: v.sum(1))(a), IndexError, r"range of \[-1, 0\], but got 1"),
    ],
)
def test_misuse_says_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call(x())


READERS = {
    "item": lambda v: v.sum().item(), "float": lambda v: float(v.sum()), "int": lambda v: int(v.sum()),
    "bool": lambda v: bool(v.sum()), "tolist": lambda v: v.tolist(), "numpy": lambda v: v.numpy(),
    "data_ptr": lambda v: v.data_ptr(), "memoryview": lambda v: memoryview(v), "dlpack": lambda v: v.__dlpack__(),
    "format": lambda v: f"{v.sum():.2f}", "range": lambda v: range(v.sum().long()), "equal": lambda v: torch.equal(v, v),
    "list index": lambda v: [1, 2, 3][v.argmax()], "tensor": lambda v: torch.tensor([v[0], v[1]]),
    "size": lambda v: torch.zeros(v.sum().long()),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_values_cannot_be_read(name):
    with pytest.raises((RuntimeError, BufferError), match="vmap"):
        vmap(lambda v: (READERS[name](v), v)[1])(torch.ones(4, 3))


def test_a_branch_on_values_names_the_line():
    lines = []

    def f(v):
        lines.append(sys._getframe().f_lineno + 1)
        return v if v.sum() > 0 else -v

    for call in (vmap(f), vmap(vmap(f)), vmap(grad(lambda v: f(v).sum()))):
        try:
            call(torch.ones(4, 3, 2))
        except RuntimeError as error:
            text = str(error)
        assert f"{__file__}:{lines.pop()}" in text and "torch.where" in text


def test_an_error_inside_closes_all_levels():
    def fails(v):
        raise KeyError("inside")

    for call in (vmap(fails), vmap(vmap(fails)), vmap(grad(fails)), vmap(fails, chunk_size=2), jacrev(vmap(fails))):
        with pytest.raises(KeyError, match="inside"):
            call(torch.ones(4, 3, 2))
        assert torch._C._vmap_levels() == []
    assert torch.equal(vmap(lambda v: v + 1)(torch.ones(2)), torch.full((2,), 2.0))


def test_a_tensor_that_escapes_cannot_be_used():
    kept = []
    vmap(lambda v: (kept.append(v * 2), v)[1])(torch.ones(4, 3))
    for use in (lambda t: t + 1, lambda t: t.clone(), lambda t: t.tolist(), lambda t: t[0], lambda t: t.add_(1)):
        with pytest.raises(RuntimeError, match="vmap"):
            use(kept[0])
        with pytest.raises(RuntimeError, match="vmap"):
            vmap(lambda v, use=use: use(kept[0]) * v)(torch.ones(4))
    assert repr(kept[0]).startswith("BatchedTensor(lvl=None, bdim=0, value=\n    tensor([[2., 2., 2.],")


def test_a_batched_tensor_prints_all_examples():
    seen = []
    w = torch.ones(2, requires_grad=True)
    vmap(lambda v: vmap(lambda u: (seen.append((repr(v), f"{v}", str(v * u * w))), u)[1])(v))(torch.ones(1, 2))
    one = "BatchedTensor(lvl=1, bdim=0, value=\n    tensor([[1., 1.]])\n)"
    assert seen[0][:2] == (one, one)
    assert seen[0][2].startswith(
        "BatchedTensor(lvl=2, bdim=0, value=\n    BatchedTensor(lvl=1, bdim=0, value=\n        t"
    )
    assert "grad_fn=<MulBackward0>" in seen[0][2]


def test_threads_have_levels_of_their_own():
    found = {}

    def work(size):
        for _ in range(20):
            found[size] = vmap(grad(lambda v: (v**2).sum()))(torch.full((size, 3), float(size)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(torch.equal(found[n], torch.full((n, 3), 2.0 * n)) for n in range(1, 5))
