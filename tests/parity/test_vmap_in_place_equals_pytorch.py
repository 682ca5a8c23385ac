# vmap over functions that change tensors in place or index them, beside an installed PyTorch: values, what became of
# the inputs, gradients, and exception types.
from __future__ import annotations

import pytest
from _same import same
from test_func_equals_pytorch import F, described, tensor
from test_func_forward_equals_pytorch import values
from test_vmap_equals_pytorch import BOX, V_, V, X, Y

torch = pytest.importorskip("torch")


def changed(f):
    """The result, and whatever `f` changed of x's clone."""

    def program(T, x, y, v):
        x = x.clone()
        return f(T, x, y, v), x

    return program


def put(a, key, value):
    a[key] = value
    return a


IN_PLACE = {
    "mul_": lambda T, x, y, v: V_(T, lambda a: a.mul_(2))(x),
    "add_ batched": lambda T, x, y, v: V_(T, lambda a, b: a.add_(b))(x, x + 1),
    "add_ unbatched": lambda T, x, y, v: V_(T, lambda a: a.add_(v))(x),
    "view": lambda T, x, y, v: V_(T, lambda a: (a[1:].mul_(3), a)[1])(x),
    "view of view": lambda T, x, y, v: V_(T, lambda a: (a.view(3, 1)[0].zero_(), a)[1])(x),
    "clone": lambda T, x, y, v: V_(T, lambda a: a.clone().zero_())(x),
    "in dim 1": lambda T, x, y, v: V_(T, lambda a: a.mul_(2), in_dims=1)(x),
    "unbatched by batched": lambda T, x, y, v: V_(T, lambda a: v.clone().add_(a))(x),
    "unbatched by number": lambda T, x, y, v: V_(T, lambda a: a + v.add_(1))(x),
    "unbatched copy_": lambda T, x, y, v: V_(T, lambda a: v.clone().copy_(a))(x),
    "zeros copy_": lambda T, x, y, v: V_(T, lambda a: T.zeros(3, dtype=a.dtype).copy_(a))(x),
    "zeros_like": lambda T, x, y, v: V_(T, lambda a: T.zeros_like(a).add_(a))(x),
    "new_zeros": lambda T, x, y, v: V_(T, lambda a: put(a.new_zeros(5), slice(1, 4), a))(x),
    "fill_": lambda T, x, y, v: V_(T, lambda a: a.fill_(a.sum() * 2))(x),
    "set item": lambda T, x, y, v: V_(T, lambda a: put(a, 0, 5.0))(x),
    "set batched item": lambda T, x, y, v: V_(T, lambda a: put(a, 0, a[1]))(x),
    "set slice": lambda T, x, y, v: V_(T, lambda a: put(a, slice(None, None, 2), v[:2]))(x),
    "set all": lambda T, x, y, v: V_(T, lambda a: put(a, ..., 1.0))(x),
    "set mask": lambda T, x, y, v: V_(T, lambda a: put(a, v > 0, 0.0))(x),
    "set batched mask": lambda T, x, y, v: V_(T, lambda a: put(a, a > 0, 0.0))(x),
    "set by index": lambda T, x, y, v: V_(T, lambda a: put(a, T.tensor([2, 0]), 7.0))(x),
    "set by batched index": lambda T, x, y, v: V_(T, lambda a: put(a, a.argmax(), 7.0))(x),
    "set unbatched": lambda T, x, y, v: V_(T, lambda a: put(v.clone(), 0, a[0]))(x),
    "through numbers": lambda T, x, y, v: V_(T, lambda a: put(a, 0, a.sum()) * 2)(x),
    "shape": lambda T, x, y, v: V_(T, lambda a: a + T.tensor(a.shape[0] + a.dim() + a.numel()))(x),
    "transposed": lambda T, x, y, v: V_(T, lambda a: (a.unsqueeze(0).t()[1].fill_(9.0), a)[1])(x),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name):
    same(lambda T: values(changed(IN_PLACE[name])(T, tensor(T, X), tensor(T, Y), tensor(T, V))))


KEYS = {
    "int": lambda T, i: 1,
    "negative": lambda T, i: -1,
    "slice": lambda T, i: slice(0, None, 1),
    "none": lambda T, i: (None, 0),
    "ellipsis": lambda T, i: (..., 1),
    "list": lambda T, i: [0, 1, 0],
    "index": lambda T, i: T.tensor([1, 0, 1]),
    "two": lambda T, i: (T.tensor([1, 0]), T.tensor([2, 0])),
    "mask": lambda T, i: T.tensor([True, False]),
    "mask of all": lambda T, i: T.tensor([[True, False, True], [False, True, True]]),
    "batched number": lambda T, i: i,
    "batched vector": lambda T, i: i.reshape(1),
    "batched twice": lambda T, i: (i, i.reshape(1)),
    "batched and shared": lambda T, i: (i, T.tensor([2, 0])),
    "batched last": lambda T, i: (slice(None), i.reshape(1)),
    "batched and none": lambda T, i: (None, i),
    "batched mask": lambda T, i: i.reshape(1).expand(2) > 0,
    "too high": lambda T, i: 2,
    "too many": lambda T, i: (0, 0, 0),
    "number by index": lambda T, i: T.tensor(1),
    "text": lambda T, i: "a",
}


@pytest.mark.parametrize("whose", ["batched", "shared"])
@pytest.mark.parametrize("name", KEYS)
def test_indexing(name, whose):
    def program(T):
        box, where = tensor(T, BOX), T.tensor([1, 0, 1, 1])
        if whose == "batched":
            return values(V_(T, lambda b, i: b[KEYS[name](T, i)] * 2)(box, where))
        return values(V_(T, lambda i: box[0][KEYS[name](T, i)] * 2)(where))

    same(program)


def then(result, *_):
    """`result`, after what stands before it was done."""
    return result


def copied(a, change):
    """A fresh copy of `a` after `change`."""
    b = a * 1
    change(b)
    return b


TRACKED = {
    "leaf": lambda T, x: V_(T, lambda a: a.mul_(2))(x),
    "result": lambda T, x: V_(T, lambda a: a.mul_(3))(x * 2),
    "old values": lambda T, x: V_(T, lambda a: (a * 1).sin_().mul_(a).exp_())(x),
    "view": lambda T, x: V_(T, lambda a: copied(a, lambda b: b[1:].mul_(3)))(x),
    "view by view": lambda T, x: V_(T, lambda a: copied(a, lambda b: b[:1].mul_(b[2:].clone())))(x),
    "item": lambda T, x: V_(T, lambda a: copied(a, lambda b: put(b, 0, a[1] * a[2])))(x),
    "new": lambda T, x: V_(T, lambda a: put(T.zeros_like(a), 0, a[1] * a[2]))(x),
    "shared": lambda T, x: V_(T, lambda a: put(T.zeros(3, dtype=a.dtype), 0, a[1] * a[2]))(x),
    "seen outside": lambda T, x: copied(x, lambda y: V_(T, lambda a: a[1:].mul_(a[:1].clone()))(y)),
    "saved": lambda T, x: V_(T, lambda a: copied(a.exp(), lambda b: None) + a.exp().mul_(2))(x),
    "saved and changed": lambda T, x: V_(T, lambda a: (lambda e: then(e * 1, e * e, e.mul_(2)))(a.exp()))(x),
    "product changed": lambda T, x: V_(T, lambda a: (lambda e: (lambda p: then(p, e.mul_(2)))(e * e))(a.exp()))(x),
    "hook": lambda T, x: V_(T, lambda a: (lambda b: then(b, b.register_hook(lambda g: g * 5)))(a * 2))(x),
}


@pytest.mark.parametrize("name", TRACKED)
def test_in_place_with_gradients(name):
    def program(T):
        x = tensor(T, X, grad=True)
        out = TRACKED[name](T, x)
        return described([out, T.autograd.grad((out * out.detach().cos()).sum(), x)[0]])

    same(program)
    same(lambda T: values(V_(T, F(T).grad(lambda p: TRACKED[name](T, p[None] * 1).sin().sum()))(tensor(T, X))))


WRITTEN = {
    "iadd": lambda T, a: iadd(a.clone(), a),
    "iadd shared": lambda T, a: iadd(T.zeros(3, dtype=a.dtype), a),
    "fill_diagonal_": lambda T, a: a.expand(3, 3).clone().fill_diagonal_(0),
    "addmm_": lambda T, a: a.outer(a).addmm_(a.outer(a), a.outer(a)),
    "scatter_": lambda T, a: a.clone().scatter_(0, T.tensor([0, 2]), a),
    "masked_fill_": lambda T, a: a.clone().masked_fill_(a > 0, 2.0),
    "clamp_": lambda T, a: a.clone().clamp_(0.0, 0.5),
    "transposed": lambda T, a: copied(a.outer(a), lambda b: b.t()[0].add_(b[0])),
    "expanded": lambda T, a: a.expand(2, 3).add_(1),
    "diagonal": lambda T, a: copied(a.outer(a), lambda b: b.diagonal().zero_()),
    "unbind": lambda T, a: copied(a.outer(a), lambda b: b.unbind()[0].zero_()),
    "split": lambda T, a: copied(a, lambda b: b.split(2)[1].zero_()),
    "real part": lambda T, a: copied(a * (1 + 2j), lambda b: b.real.zero_()),
    "view_as_real": lambda T, a: copied(a * (1 + 2j), lambda b: T.view_as_real(b)[..., 0].zero_()),
    "unsqueeze_": lambda T, a: copied(a, lambda b: None).unsqueeze_(0),
}


def iadd(a, b):
    a += b
    a *= 2
    return a


@pytest.mark.parametrize("name", WRITTEN)
def test_written_to(name):
    same(lambda T: values(V_(T, lambda a: WRITTEN[name](T, a))(tensor(T, X))))
