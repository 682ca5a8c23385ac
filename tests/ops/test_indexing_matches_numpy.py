# x[key] and x[key] = value against NumPy: values, views, gradients, and the errors of wrong keys.
# PyTorch applies numbers and slices first and index arrays to what is left; `numpy_key` does the same.
from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import torchy

BASE = np.arange(60.0).reshape(3, 4, 5)
MASK3 = np.array([True, False, True])
MASK34 = BASE[:, :, 0] % 2 == 0
ROWS = np.array([2, 0, -1])
GRID = np.array([[0, 1], [3, -2]])

BASIC = [
    0, -1, 2, slice(None), slice(1, None), slice(None, -1), slice(0, 3, 2), slice(5, 9), slice(2, 1), slice(-2, None), None,
    Ellipsis, (), (0,), (0, 1), (0, 1, 2), (0, slice(1, 3)), (slice(None), 1), (slice(1, None), slice(None, None, 2)),
    (Ellipsis, 0), (0, Ellipsis), (0, Ellipsis, 1), (Ellipsis, None), (None, 0, None), (slice(None), None, 2),
    (slice(0, 2), 1, slice(None, None, 3)), (None, Ellipsis, None), (-1, -1, -1), np.int64(1), (np.int32(-1), slice(2)),
]  # fmt: skip
ADVANCED = [
    ROWS, (slice(None), ROWS), (Ellipsis, ROWS), (ROWS, ROWS), (ROWS, slice(None), ROWS), (slice(None), ROWS, ROWS),
    (GRID[:, :1] % 3, GRID), (slice(None), GRID), (0, ROWS), (ROWS, 0), (slice(1, 3), ROWS % 3), (0, slice(None), ROWS),
    (ROWS, None, 1), (None, ROWS), (ROWS, Ellipsis, 0), MASK3, (MASK3, 0), MASK34, (MASK34, 1), (MASK34, ROWS[:1]),
    (slice(1), MASK34[0]), (Ellipsis, BASE[0, 0] > 2), BASE > 30, (MASK3, ROWS[:2]), (ROWS[:2], MASK34[0][:4]), [0, 2],
    ([0, 1], [1, 2]), (slice(None), [0, 3, 3]), [True, False, True], np.zeros(0, int), [], (0, []), MASK3 & False, range(2),
    (np.array(1), slice(None)), (np.array([[0]]), np.array([1, 2]), slice(None, None, 2)), ROWS.astype(np.int32),
    (ROWS, slice(None), slice(None), None),
]  # fmt: skip


def is_array(item: Any) -> bool:
    return isinstance(item, (list, range)) or (isinstance(item, np.ndarray) and item.ndim > 0)


def as_array(item: Any) -> np.ndarray:
    array = np.asarray(item)
    return array if array.dtype == bool else array.astype(np.int64)


def numpy_key(ndim: int, key: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The basic part of a key, then the index arrays for what the basic part leaves."""
    items = list(key) if isinstance(key, tuple) else [key]
    width = [as_array(i).ndim if is_array(i) and as_array(i).dtype == bool else 1 for i in items]
    used = sum(w for i, w in zip(items, width, strict=True) if i is not None and i is not Ellipsis)
    first: list[Any] = []
    second: list[Any] = []
    for item, w in zip(items, width, strict=True):
        if is_array(item):
            first += [slice(None)] * w
            second.append(as_array(item))
        elif item is Ellipsis:
            first += [slice(None)] * (ndim - used)
            second += [slice(None)] * (ndim - used)
        else:
            first.append(int(item) if isinstance(item, np.ndarray) else item)
            second += [slice(None)] if item is None or isinstance(item, slice) else []
    return tuple(first), tuple(second)


def numpy_get(array: np.ndarray, key: Any) -> np.ndarray:
    first, second = numpy_key(array.ndim, key)
    return array[first][second]


def numpy_set(array: np.ndarray, key: Any, value: Any) -> None:
    first, second = numpy_key(array.ndim, key)
    part = array[(*first, Ellipsis)]
    part[second] = value


def tensor_key(key: Any) -> Any:
    """The same key with tensors for its arrays."""
    if isinstance(key, tuple):
        return tuple(tensor_key(k) for k in key)
    if not isinstance(key, np.ndarray):
        return key
    return torchy.tensor(key.tolist(), dtype=getattr(torchy, str(key.dtype))).reshape(key.shape)


def same(ours: torchy.Tensor, theirs: np.ndarray) -> None:
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_array_equal(np.array(ours.tolist()).reshape(theirs.shape), theirs)


@pytest.mark.parametrize("key", BASIC + ADVANCED, ids=repr)
@pytest.mark.parametrize("convert", [tensor_key, lambda key: key], ids=["tensors", "arrays"])
def test_getitem_reads_what_numpy_reads(key: Any, convert: Any) -> None:
    same(torchy.tensor(BASE)[convert(key)], numpy_get(BASE, key))


@pytest.mark.parametrize("key", BASIC, ids=repr)
def test_basic_keys_make_views(key: Any) -> None:
    x = torchy.tensor(BASE)
    x[key].mul_(-1)
    expected = BASE.copy()
    expected[(*(key if isinstance(key, tuple) else (key,)),)] *= -1
    same(x, expected)
    assert x[key]._base is x


@pytest.mark.parametrize("key", [ROWS, MASK34, ([0, 1], [1, 2])], ids=repr)
def test_index_arrays_make_copies(key: Any) -> None:
    x = torchy.tensor(BASE)
    x[tensor_key(key)].mul_(-1)
    same(x, BASE)


@pytest.mark.parametrize("key", BASIC + ADVANCED, ids=repr)
@pytest.mark.parametrize("value", ["number", "same", "row", "one"])
def test_setitem_writes_what_numpy_writes(key: Any, value: str) -> None:
    shape = numpy_get(BASE, key).shape
    rng = np.random.default_rng(0)
    given = {
        "number": 7,
        "same": rng.normal(size=shape),
        "row": rng.normal(size=shape[-1:]),
        "one": rng.normal(size=[1] * len(shape)),
    }[value]
    expected = BASE.copy()
    numpy_set(expected, key, given)
    for right in [given] if value == "number" else [torchy.tensor(given), given]:
        x = torchy.tensor(BASE)
        x[tensor_key(key)] = right
        same(x, expected)


def test_setitem_takes_lists_and_drops_leading_ones() -> None:
    x = torchy.zeros(2, 3)
    x[0] = [1, 2, 3]
    x[1] = torchy.ones(1, 1, 3)
    same(x, np.array([[1.0, 2, 3], [1, 1, 1]]))
    x[torchy.tensor([0])] = torchy.full((1, 1, 1, 3), 5.0)
    x[x < 2] = [7.0, 8.0, 9.0]
    same(x, np.array([[5.0, 5, 5], [7, 8, 9]]))


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "complex64"]
)
def test_every_dtype_is_read_and_written(dtype: str) -> None:
    d = getattr(torchy, dtype)
    x = torchy.tensor([[0, 1, 1], [1, 0, 1]], dtype=d)
    assert x[:, torchy.tensor([2, 0])].tolist() == torchy.tensor([[1, 0], [1, 1]], dtype=d).tolist()
    x[torchy.tensor([1]), :] = torchy.zeros(1, 3, dtype=d)
    x[0, 0] = 1
    assert x.dtype == d
    assert x.tolist() == torchy.tensor([[1, 1, 1], [0, 0, 0]], dtype=d).tolist()


def test_value_is_cast_to_the_dtype_of_the_tensor() -> None:
    x = torchy.tensor([1, 2, 3])
    x[0] = 1.9
    x[1:] = torchy.tensor([2.5, 3.5])
    assert x.tolist() == [1, 2, 3]
    assert x.dtype == torchy.int64


def test_bool_adds_a_dim() -> None:
    x = torchy.tensor(BASE)
    assert tuple(x[True].shape) == (1, 3, 4, 5)
    assert tuple(x[False].shape) == (0, 3, 4, 5)
    assert tuple(x[True, 1].shape) == (1, 4, 5)
    assert tuple(x[torchy.tensor(True)].shape) == (1, 3, 4, 5)
    assert tuple(torchy.tensor(1.0)[True].shape) == (1,)
    x[True, 0] = 1
    x[False] = 2
    assert x.sum().item() == BASE[1:].sum() + 20


def test_number_like_keys() -> None:
    class Two:
        def __index__(self) -> int:
            return 2

    x = torchy.tensor(BASE)
    for two in (Two(), np.int64(2), np.array(2), torchy.tensor(2), torchy.tensor(2, dtype=torchy.int8)):
        same(x[two], BASE[2])
    same(x[torchy.tensor(1) : Two()], BASE[1:2])
    assert x[torchy.tensor(2)]._base is x


def test_iteration_and_membership_use_rows() -> None:
    assert [row.sum().item() for row in torchy.tensor(BASE)] == [row.sum() for row in BASE]
    assert operator.length_hint(torchy.tensor(BASE)) == 3


ERRORS = [
    ((3, 4), 5, IndexError, "index 5 is out of bounds for dimension 0 with size 3"),
    ((3, 4), -4, IndexError, "index -4 is out of bounds for dimension 0 with size 3"),
    ((3, 4), (0, 5), IndexError, "index 5 is out of bounds for dimension 1 with size 4"),
    ((3, 4), (slice(1, 2), 4), IndexError, "index 4 is out of bounds for dimension 1 with size 4"),
    ((3, 4), (0, 0, 0), IndexError, "too many indices for tensor of dimension 2"),
    ((3, 4), (ROWS, ROWS, ROWS), IndexError, "too many indices for tensor of dimension 2"),
    ((3, 4), (MASK34, 0), IndexError, "too many indices for tensor of dimension 2"),
    ((3, 4), np.array([3]), IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    ((3, 4), (slice(None), np.array([0, -5])), IndexError, "index -5 is out of bounds for dimension 1 with size 4"),
    ((3, 4), (np.array([0, 1]), np.array([0, 1, 2])), IndexError, "could not be broadcast together"),
    ((3, 4), np.array([True, False]), IndexError, "The shape of the mask"),
    ((3, 4), [True, False], IndexError, "The shape of the mask"),
    ((3, 4), slice(None, None, -1), ValueError, "step must be greater than zero"),
    ((3, 4), slice(None, None, 0), ValueError, "slice step cannot be zero"),
    ((3, 4), slice(1.5, 2), TypeError, "slice indices must be integers"),
    ((3, 4), 1.0, IndexError, "only integers, slices"),
    ((3, 4), np.float64(1), IndexError, "only integers, slices"),
    ((3, 4), {1}, IndexError, "only integers, slices"),
    ((3, 4), 1j, IndexError, "only integers, slices"),
    ((3, 4), "a", TypeError, "only integers, slices"),
    ((3, 4), 2**70, ValueError, "Overflow"),
    ((), 0, IndexError, "invalid index of a 0-dim tensor. Use `tensor.item()`"),
    ((), slice(None), IndexError, "cannot be applied to a 0-dim tensor"),
    ((), ROWS, IndexError, "too many indices for tensor of dimension 0"),
]


@pytest.mark.parametrize(("shape", "key", "kind", "text"), ERRORS, ids=lambda v: repr(v)[:40])
def test_wrong_keys_say_what_is_wrong(shape: tuple[int, ...], key: Any, kind: type, text: str) -> None:
    x = torchy.zeros(shape)
    for act in (lambda: x[tensor_key(key)], lambda: x.__setitem__(tensor_key(key), 1)):
        with pytest.raises(kind) as caught:
            act()
        assert type(caught.value) is kind
        assert text in str(caught.value)


def test_float_tensor_is_no_index() -> None:
    x = torchy.zeros(3)
    for key in (torchy.tensor([1.0]), torchy.tensor(1.0), torchy.tensor([1], dtype=torchy.int8)):
        with pytest.raises(IndexError, match="tensors used as indices must be long, int, byte or bool tensors"):
            x[key]


def test_wrong_values_say_what_is_wrong() -> None:
    x = torchy.zeros(2, 3)
    for value in ("a", None, {}):
        with pytest.raises(TypeError, match="can't assign a"):
            x[0] = value
    with pytest.raises(RuntimeError, match="broadcast"):
        x[0] = torchy.ones(2)
    with pytest.raises(RuntimeError, match="cannot be broadcast to indexing result"):
        x[x == 0] = torchy.ones(5)
    with pytest.raises(RuntimeError, match="dtypes match"):
        x[torchy.tensor([0])] = torchy.ones(3, dtype=torchy.float64)
    with pytest.raises(RuntimeError, match="without overflow"):
        torchy.zeros(2, dtype=torchy.uint8)[torchy.tensor([0])] = 300
    with pytest.raises(TypeError, match="does not support deleting items"):
        del x[0]
    same(x, np.zeros((2, 3)))


def test_nested_list_reads_as_tuple_with_a_warning() -> None:
    x = torchy.tensor(BASE)
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        y = x[[[0, 1], [1, 0]]]
    same(y, BASE[[0, 1], [1, 0]])


# ---- gradients


@pytest.mark.parametrize("key", BASIC + ADVANCED, ids=repr)
def test_gradient_goes_back_where_it_was_read(key: Any) -> None:
    x = torchy.tensor(BASE, requires_grad=True)
    y = x[tensor_key(key)]
    weight = np.random.default_rng(1).normal(size=tuple(y.shape))
    (y * torchy.tensor(weight)).sum().backward()
    places = numpy_get(np.arange(60).reshape(3, 4, 5), key)
    expected = np.zeros(60)
    np.add.at(expected, places.reshape(-1), weight.reshape(-1))
    np.testing.assert_allclose(np.array(x.grad.tolist()), expected.reshape(3, 4, 5), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("key", BASIC + [k for k in ADVANCED if k is not GRID], ids=repr)
def test_gradient_of_an_overwritten_part_goes_to_the_value(key: Any) -> None:
    places = numpy_get(np.arange(60).reshape(3, 4, 5), key)
    if np.unique(places).size < places.size:
        pytest.skip("one place is written twice: which value counts is not a matter of derivatives")
    weight = np.random.default_rng(2).normal(size=(3, 4, 5))
    x = torchy.tensor(BASE, requires_grad=True)
    value = torchy.tensor(np.ones(places.shape), requires_grad=True)
    y = x * 1
    y[tensor_key(key)] = value
    (y * torchy.tensor(weight)).sum().backward()
    kept = weight.copy().reshape(-1)
    kept[places.reshape(-1)] = 0
    np.testing.assert_array_equal(np.array(x.grad.tolist()), kept.reshape(3, 4, 5))
    same(value.grad, weight.reshape(-1)[places])


def test_recorded_keys_have_pytorch_node_names() -> None:
    x = torchy.zeros(3, 4, requires_grad=True)
    names = [
        (0, "Select"),
        (slice(0, 2), "Slice"),
        (None, "Unsqueeze"),
        (..., "Alias"),
        ((), "Alias"),
        ((0, ...), "Select"),
    ]
    for key, name in names:
        assert x[key].grad_fn.name() == f"{name}Backward0"
    assert x[torchy.tensor([0])].grad_fn.name() == "IndexBackward0"
    assert x[:, :].grad_fn.name() == "AliasBackward0"
    y = x * 1
    y[torchy.tensor([0])] = 2
    assert y.grad_fn.name() == "IndexPutBackward0"


def test_setitem_on_a_leaf_that_requires_grad_is_an_error() -> None:
    x = torchy.zeros(3, requires_grad=True)
    for key in (0, torchy.tensor([0]), ...):
        with pytest.raises(RuntimeError, match="leaf"):
            x[key] = 1
    with torchy.no_grad():
        x[0] = 1
    assert x.tolist() == [1, 0, 0]


def test_second_derivative_through_getitem() -> None:
    x = torchy.tensor([1.0, 2.0, 3.0], dtype=torchy.float64, requires_grad=True)
    y = x[torchy.tensor([0, 2, 2])]
    (g,) = torchy.autograd.grad((y**3).sum(), x, create_graph=True)
    (h,) = torchy.autograd.grad(g.sum(), x)
    assert h.tolist() == [6.0, 0.0, 36.0]


# ---- any key


@st.composite
def shape_and_key(draw: Any) -> tuple[tuple[int, ...], Any]:
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    common = draw(st.integers(0, 3))
    items: list[Any] = []
    d = 0
    while d < len(shape) and draw(st.booleans() if items else st.just(True)):
        size = shape[d]
        kind = draw(st.sampled_from(["int", "slice", "none", "array", "mask"]))
        if kind == "none":
            items.append(None)
            continue
        if kind == "mask":
            part = shape[d : d + draw(st.integers(1, len(shape) - d))]
            flat = draw(st.lists(st.booleans(), min_size=int(np.prod(part)), max_size=int(np.prod(part))))
            mask = np.array(flat, dtype=bool).reshape(part)
            if not any(is_array(i) for i in items):  # several would have to agree on how many are true
                items.append(mask)
                d += len(part)
                continue
            kind = "slice"
        if kind in ("int", "array") and size == 0:
            kind = "slice"
        if kind == "array" and any(is_array(i) and as_array(i).dtype == bool for i in items):
            kind = "int"
        if kind == "int":
            items.append(draw(st.integers(-size, size - 1)))
        elif kind == "array":
            items.append(
                np.array(draw(st.lists(st.integers(-size, size - 1), min_size=common, max_size=common)), dtype=np.int64)
            )
        else:
            bound = st.none() | st.integers(-5, 5)
            items.append(slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3))))
        d += 1
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), Ellipsis) if d == len(shape) else items.append(Ellipsis)
    return shape, tuple(items)


@settings(max_examples=400, deadline=None)
@given(shape_and_key(), st.integers(0, 3))
def test_any_key_reads_and_writes_what_numpy_does(case: tuple[tuple[int, ...], Any], layout: int) -> None:
    shape, key = case
    array = np.arange(float(np.prod(shape))).reshape(shape)

    def fresh() -> torchy.Tensor:
        t = torchy.tensor(array.tolist(), dtype=torchy.float64).reshape(shape)
        if layout == 1 and t.ndim > 1:
            t = t.transpose(0, -1).contiguous().transpose(0, -1)
        if layout == 2:
            t = torchy.stack([t, t], -1)[..., 0]
        return t

    expected = numpy_get(array, key)
    same(fresh()[tensor_key(key)], expected)
    value = -1.0 - np.arange(float(expected.size)).reshape(expected.shape)
    written = array.copy()
    numpy_set(written, key, value)
    x = fresh()
    x[tensor_key(key)] = torchy.tensor(value.tolist(), dtype=torchy.float64).reshape(expected.shape)
    same(x, written)
