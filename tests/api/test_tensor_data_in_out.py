# torch.tensor, as_tensor, tolist: data in and out as Python objects and NumPy arrays.
# Layer: tests/api; needs no PyTorch.
from __future__ import annotations

import array
import ctypes
import gc
import subprocess
import sys

import numpy as np
import pytest

import torchy

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


def live_storages() -> int:
    gc.collect()
    return torchy._C._memory_stats()["live_storages"]


INFERRED = [
    (True, "bool", ()),
    (3, "int64", ()),
    (2.5, "float32", ()),
    (1j, "complex64", ()),
    ([], "float32", (0,)),
    ([[], []], "float32", (2, 0)),
    ((1, 2), "int64", (2,)),
    ([True, 2], "int64", (2,)),
    ([True, False], "bool", (2,)),
    ([1, 2.5], "float32", (2,)),
    ([1, 2j], "complex64", (2,)),
    ([[1, 2], (3, 4)], "int64", (2, 2)),
    ([[[[1]]]], "int64", (1, 1, 1, 1)),
    (range(3), "int64", (3,)),
    ([range(2), range(2)], "int64", (2, 2)),
    (bytearray(b"abc"), "int64", (3,)),
    (array.array("d", [1, 2]), "float32", (2,)),
    (array.array("b", [1, 2]), "int64", (2,)),
    pytest.param(memoryview(b"ab"), "int64", (2,), id="memoryview-int64"),
    ((ctypes.c_float * 2)(1, 2), "float32", (2,)),
    (np.float64(1), "float64", ()),
    (np.bool_(True), "bool", ()),
    ([np.float64(1)], "float64", (1,)),
    ([np.float32(1), 2.0], "float32", (2,)),
    ([np.float16(1), 2], "float16", (2,)),
    ([np.float16(1), 2.0], "float32", (2,)),
    ([np.float16(1), np.float64(2)], "float64", (2,)),
    ([np.int8(1), 2], "int64", (2,)),
    ([np.int8(1)], "int8", (1,)),
    ([1j, np.float64(1)], "complex128", (2,)),
    (np.arange(3), "int64", (3,)),
    (np.array(3.0), "float64", ()),
    ([np.array(3.0)], "float64", (1,)),
    ([np.arange(3), np.arange(3)], "int64", (2, 3)),
    ([np.arange(3, dtype=np.int8), [1, 2, 3]], "int64", (2, 3)),
    ([[1, 2, 3], np.arange(3.0)], "float64", (2, 3)),
    (np.zeros((0, 3), np.float32), "float32", (0, 3)),
]


@pytest.mark.parametrize(("data", "dtype", "shape"), INFERRED, ids=lambda v: str(v)[:30])
def test_shape_and_dtype_are_inferred(data, dtype, shape):
    made = torchy.tensor(data)
    assert made.dtype is getattr(torchy, dtype)
    assert tuple(made.shape) == shape
    as_numpy = [list(row) if isinstance(row, range) else row for row in data] if shape else data
    assert made.tolist() == np.array(as_numpy).tolist()


def test_tensors_inside_lists():
    one, two = torchy.tensor(1), torchy.tensor(2.5)
    assert torchy.tensor([one, two]).tolist() == [1.0, 2.5]
    assert torchy.tensor([torchy.tensor([7]), 2]).tolist() == [7, 2]
    row = torchy.tensor([1.0, 2.0])
    stacked = torchy.tensor([row, [3, 4]])
    assert stacked.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    half = torchy.tensor(1.0, dtype=torchy.float16)
    assert torchy.tensor([half, 1]).dtype is torchy.float16
    assert torchy.tensor([half, 1.0]).dtype is torchy.float32


def test_default_dtype_is_what_floats_become():
    torchy.set_default_dtype(torchy.float64)
    try:
        assert torchy.tensor([1.0]).dtype is torchy.float64
        assert torchy.tensor(1j).dtype is torchy.complex128
    finally:
        torchy.set_default_dtype(torchy.float32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_goes_in_and_out(dtype):
    data = [[1, 0, 1], [0, 1, 1]]
    made = torchy.tensor(data, dtype=getattr(torchy, dtype))
    assert made.dtype is getattr(torchy, dtype)
    assert made.tolist() == data
    kind = {"b": bool, "f": float, "c": complex}.get(dtype.replace("bf", "f")[0], int)
    assert type(made.tolist()[1][2]) is kind
    assert torchy.tensor(1, dtype=made.dtype).tolist() == 1
    assert made.t().tolist() == [[1, 0], [0, 1], [1, 1]]


def test_values_are_converted_like_a_cast():
    assert torchy.tensor([1.7, -1.7], dtype=torchy.int64).tolist() == [1, -1]
    assert torchy.tensor([-1], dtype=torchy.uint8).tolist() == [255]
    assert torchy.tensor([2, 0.5, 0], dtype=torchy.bool).tolist() == [True, True, False]
    assert torchy.tensor([1e300], dtype=torchy.float32).tolist() == [float("inf")]
    assert torchy.tensor([2**63], dtype=torchy.float64).tolist() == [2.0**63]
    assert torchy.tensor([-(2**63)]).tolist() == [-(2**63)]
    assert torchy.tensor(np.array([1.9, 2.0]), dtype=torchy.int32).tolist() == [1, 2]
    assert torchy.tensor(1, dtype=float).dtype is torchy.float64


class OnlyFloat:
    def __float__(self) -> float:
        return 3.0


def test_objects_with_float_need_a_dtype():
    assert torchy.tensor([OnlyFloat()], dtype=torchy.float32).tolist() == [3.0]
    with pytest.raises(RuntimeError, match="Could not infer dtype of OnlyFloat"):
        torchy.tensor([OnlyFloat()])


ERRORS = [
    ("abc", {}, TypeError, "invalid data type 'str'"),
    (b"abc", {}, TypeError, "invalid data type 'bytes'"),
    (["a"], {}, ValueError, "too many dimensions 'str'"),
    ([1, "a"], {}, TypeError, "invalid data type 'str'"),
    (None, {}, RuntimeError, "Could not infer dtype of NoneType"),
    ([1, None], {}, RuntimeError, "Could not infer dtype of NoneType"),
    ([None], {"dtype": "float32"}, TypeError, "must be real number, not NoneType"),
    ({1: 2}, {}, RuntimeError, "Could not infer dtype of dict"),
    ([[1, 2, 3], [1, 2]], {}, ValueError, "expected sequence of length 3 at dim 1 .got 2"),
    ([[1, 2], 3], {}, TypeError, "not a sequence"),
    ([1, [2]], {}, TypeError, "'list' object cannot be interpreted"),
    ([np.arange(3), np.arange(2)], {}, ValueError, "expected sequence of length 3 at dim 1"),
    (2**63, {}, ValueError, "Overflow when unpacking long"),
    ([2**2000], {"dtype": "float32"}, OverflowError, "int too large"),
    ([300], {"dtype": "uint8"}, RuntimeError, "without overflow"),
    ([300.0], {"dtype": "int8"}, RuntimeError, "without overflow"),
    ([float("nan")], {"dtype": "int64"}, RuntimeError, "without overflow"),
    ([2j], {"dtype": "float32"}, TypeError, "must be real number, not complex"),
    (np.array(["a"]), {}, TypeError, "can't convert np.ndarray of type numpy.str_"),
    (np.array([None]), {}, TypeError, "type numpy.object_"),
    (np.array([1], "M8[s]"), {}, TypeError, "type numpy.datetime64"),
    (np.uint16(1), {}, TypeError, "type numpy.uint16"),
    ([1], {"requires_grad": True}, RuntimeError, "floating point and complex dtype"),
    (1, {"foo": 2}, TypeError, "unexpected keyword argument 'foo'"),
    (1, {"device": "cuda"}, RuntimeError, "cuda"),
]


@pytest.mark.parametrize(("data", "options", "error", "text"), ERRORS, ids=lambda v: str(v)[:30])
def test_errors(data, options, error, text):
    if "dtype" in options:
        options = {**options, "dtype": getattr(torchy, options["dtype"])}
    with pytest.raises(error, match=text):
        torchy.tensor(data, **options)


def test_endless_nesting_is_an_error():
    loop: list = []
    loop.append(loop)
    with pytest.raises(ValueError, match="64"):
        torchy.tensor(loop)


def test_a_list_that_changes_while_it_is_read():
    class Shrinks:
        def __float__(self) -> float:
            data.clear()
            return 1.0

    data = [Shrinks(), *[1.0] * 100]
    with pytest.raises(RuntimeError, match="changed while it was read"):
        torchy.tensor(data, dtype=torchy.float32)


def test_tensor_of_a_tensor_copies_and_warns():
    source = torchy.tensor([1.0, 2.0], requires_grad=True)
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        made = torchy.tensor(source)
    assert made.data_ptr() != source.data_ptr()
    assert made.tolist() == [1.0, 2.0]
    assert not made.requires_grad


def test_as_tensor_shares_when_it_can():
    source = torchy.tensor([1.0, 2.0])
    assert torchy.as_tensor(source) is source
    assert torchy.as_tensor(source, dtype=torchy.float64).dtype is torchy.float64
    held = np.arange(3)
    assert torchy.as_tensor(held).data_ptr() == held.ctypes.data
    assert torchy.as_tensor(held, dtype=torchy.float32).tolist() == [0.0, 1.0, 2.0]
    assert torchy.as_tensor([1, 2], dtype=torchy.float64).tolist() == [1.0, 2.0]
    leaf = torchy.tensor([1.0], requires_grad=True)
    assert torchy.as_tensor(leaf, dtype=torchy.float64).requires_grad


def test_tolist_of_odd_shapes():
    assert torchy.tensor([[], []]).tolist() == [[], []]
    assert torchy.tensor([1.0, 2.0])[None].expand(2, 2).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert torchy.tensor([1, 2, 3, 4])[1::2].tolist() == [2, 4]


def test_nothing_leaks():
    data = [[1.0, np.float32(2), torchy.tensor(3.0)], np.arange(3.0)]
    bad = [[1.0, 2.0], [np.arange(2), 1]]
    row = data[1]
    strong = sys.getrefcount(row)
    before = live_storages()
    for _ in range(50):
        torchy.tensor(data).tolist()
        torchy.as_tensor(row)
        with pytest.raises(TypeError):
            torchy.tensor(bad)
    assert live_storages() == before
    assert sys.getrefcount(row) == strong


def test_import_leaves_numpy_alone():
    code = (
        "import sys, torchy as t; x = t.tensor([[1., 2.], [3, 4]]); x.tolist(); memoryview(x);"
        "t.from_dlpack(x); import copy, pickle; copy.deepcopy(x); pickle.loads(pickle.dumps(x));"
        "assert 'numpy' not in sys.modules; x.numpy(); assert 'numpy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
