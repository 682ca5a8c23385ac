# Memory shared with other libraries: NumPy, the buffer protocol, DLPack. Layer: tests/api.
from __future__ import annotations

import array
import gc
import hashlib
import sys
import threading

import numpy as np
import pytest

import torchy

# Every dtype that NumPy has too.
SHARED = {
    "bool": "?",
    "uint8": "B",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "l" if np.dtype("l").itemsize == 8 else "q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "complex64": "Zf",
    "complex128": "Zd",
}
WITH_GRAD = "requires? grad"


def live_storages() -> int:
    gc.collect()
    return torchy._C._memory_stats()["live_storages"]


@pytest.fixture(autouse=True)
def storages_go_away():
    before = live_storages()
    yield
    assert live_storages() == before


def tensor(dtype: str) -> torchy.Tensor:
    return torchy.tensor([[1, 0, 1], [0, 0, 1]], dtype=getattr(torchy, dtype))


# ---- NumPy


@pytest.mark.parametrize("dtype", SHARED)
def test_numpy_shares_memory(dtype):
    made = tensor(dtype)
    seen = made.numpy()
    assert seen.dtype == np.dtype(dtype)
    assert seen.dtype.type is np.dtype(dtype).type
    assert seen.ctypes.data == made.data_ptr()
    seen[0, 1] = 1
    assert made.tolist() == [[1, 1, 1], [0, 0, 1]]
    back = torchy.from_numpy(seen)
    assert back.dtype is made.dtype
    assert back.data_ptr() == made.data_ptr()
    assert back.tolist() == made.tolist()


def test_numpy_of_views():
    made = torchy.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(made.t().numpy(), [[1, 4], [2, 5], [3, 6]])
    assert made.t().numpy().strides == (4, 12)
    np.testing.assert_array_equal(made[:, 1:].numpy(), [[2, 3], [5, 6]])
    assert made[0].expand(2, 3).numpy().strides == (0, 4)
    assert torchy.tensor(3.0).numpy().shape == ()
    assert torchy.tensor(3.0).numpy() == 3
    assert torchy.tensor([[], []]).numpy().shape == (2, 0)


def test_the_array_keeps_the_memory():
    before = live_storages()
    seen = torchy.tensor([1.0, 2.0]).numpy()
    gc.collect()
    assert live_storages() == before + 1
    assert seen.tolist() == [1.0, 2.0]
    part = seen[1:]
    del seen
    assert part.tolist() == [2.0]
    del part
    assert live_storages() == before


def test_numpy_errors():
    leaf = torchy.tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="Can't call numpy.. on Tensor that requires grad"):
        leaf.numpy()
    with pytest.raises(RuntimeError, match="Can't call numpy.. on Tensor that requires grad"):
        np.asarray(leaf)
    assert leaf.numpy(force=True).tolist() == [1.0]
    assert leaf.detach().numpy().tolist() == [1.0]
    brain = torchy.tensor([1.0], dtype=torchy.bfloat16)
    for make in (brain.numpy, lambda: brain.numpy(force=True), lambda: np.asarray(brain)):
        with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
            make()


def test_array_protocol():
    made = torchy.tensor([1.0, 2.0])
    assert np.asarray(made).ctypes.data == made.data_ptr()
    assert np.array([made, made]).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert made.__array__(np.float64).dtype == np.float64
    assert made.__array__(dtype="float32").ctypes.data == made.data_ptr()
    assert made.__array__(copy=True).ctypes.data != made.data_ptr()
    assert made.__array__(np.float32, copy=False).ctypes.data == made.data_ptr()
    with pytest.raises(ValueError, match="copy=False"):
        made.__array__(np.float64, copy=False)


def test_ufuncs_give_tensors():
    made = np.negative(torchy.tensor([1.0, 2.0]))
    assert isinstance(made, torchy.Tensor)
    assert made.tolist() == [-1.0, -2.0]


def test_from_numpy_of_views():
    held = np.arange(12.0).reshape(3, 4)
    for view in (held, held.T, held[1:, ::2], np.broadcast_to(held[0], (2, 4))[:, 1:]):
        made = torchy.as_tensor(view)
        assert tuple(made.shape) == view.shape
        assert made.stride() == tuple(s // 8 for s in view.strides)
        assert made.data_ptr() == view.ctypes.data
        assert made.tolist() == view.tolist()
    assert torchy.from_numpy(np.array(5)).tolist() == 5
    assert tuple(torchy.from_numpy(np.zeros((0, 3))).shape) == (0, 3)
    assert torchy.from_numpy(np.ones(2, np.longlong)).dtype is torchy.int64


def test_from_numpy_keeps_the_array():
    held = np.arange(3.0)
    strong = sys.getrefcount(held)
    made = torchy.from_numpy(held)
    assert sys.getrefcount(held) == strong + 1
    view = made[1:]
    del made
    assert sys.getrefcount(held) == strong + 1
    del view
    assert sys.getrefcount(held) == strong


FROM_NUMPY_ERRORS = [
    ([1], TypeError, "expected np.ndarray .got list"),
    (np.float32(1), TypeError, "expected np.ndarray .got numpy.float32"),
    (np.arange(3)[::-1], ValueError, "stride in the given numpy array is negative"),
    (np.arange(3, dtype=">i4"), ValueError, "byte order"),
    (np.zeros(3, [("a", "f4"), ("b", "i1")])["a"], ValueError, "not a multiple of the element"),
    (np.zeros(3, [("a", "f4"), ("b", "i1")]), TypeError, "type numpy.void"),
    (np.array(["a"]), TypeError, "type numpy.str_"),
    (np.ones(2, np.uint16), TypeError, "type numpy.uint16"),
    (np.ones(2, np.longdouble), TypeError, "type numpy.longdouble"),
]


@pytest.mark.parametrize(("data", "error", "text"), FROM_NUMPY_ERRORS, ids=lambda v: str(v)[:30])
def test_from_numpy_errors(data, error, text):
    strong = sys.getrefcount(data)
    with pytest.raises(error, match=text):
        torchy.from_numpy(data)
    assert sys.getrefcount(data) == strong


def test_read_only_arrays():
    held = np.ones(3)
    held.flags.writeable = False
    with pytest.warns(UserWarning, match="NumPy array is not writable"):
        made = torchy.from_numpy(held)
    with pytest.raises(RuntimeError, match="read-only"):
        made.add_(1)
    assert held.tolist() == [1.0, 1.0, 1.0]
    assert not made.numpy().flags.writeable
    assert torchy.tensor(held).add_(1).tolist() == [2.0, 2.0, 2.0]


# ---- the buffer protocol


@pytest.mark.parametrize("dtype", SHARED)
def test_memoryview(dtype):
    made = tensor(dtype)
    view = memoryview(made)
    assert view.format == SHARED[dtype]
    assert view.shape == (2, 3)
    assert view.itemsize == made.element_size()
    assert view.nbytes == made.nbytes
    assert view.c_contiguous
    assert not view.readonly
    assert view.tobytes() == made.numpy().tobytes()
    assert memoryview(made.t()).strides == tuple(s * view.itemsize for s in made.t().stride())


def test_writing_through_a_memoryview():
    made = torchy.tensor([1, 2, 3])
    view = memoryview(made)
    view[1] = 7
    assert made.tolist() == [1, 7, 3]
    del made
    assert view.tolist() == [1, 7, 3]


def test_a_view_outlives_a_change_of_storage():
    made = torchy.tensor([1, 2, 3])
    view = memoryview(made)
    made.set_(torchy.tensor([9]))
    assert view.tolist() == [1, 2, 3]
    view.release()


def test_consumers_of_plain_bytes():
    made = torchy.tensor([[1, 2], [3, 4]], dtype=torchy.uint8)
    assert bytes(memoryview(made)) == b"\1\2\3\4"
    assert hashlib.sha256(made).digest() == hashlib.sha256(b"\1\2\3\4").digest()
    with pytest.raises(BufferError, match="not contiguous"):
        hashlib.sha256(made.t())
    assert memoryview(torchy.tensor(5, dtype=torchy.uint8)).shape == ()


def test_buffer_errors():
    with pytest.raises(BufferError, match="bfloat16"):
        memoryview(torchy.tensor([1.0], dtype=torchy.bfloat16))
    with pytest.raises(BufferError, match=WITH_GRAD):
        memoryview(torchy.tensor([1.0], requires_grad=True))


def test_frombuffer():
    held = bytearray(range(8))
    made = torchy.frombuffer(held, dtype=torchy.int16)
    assert made.tolist() == np.frombuffer(held, np.int16).tolist()
    held[0] = 9
    assert made[0].item() == np.frombuffer(held, np.int16)[0]
    assert torchy.frombuffer(held, dtype=torchy.int16, count=2, offset=2).tolist() == [770, 1284]
    assert torchy.frombuffer(array.array("f", [1, 2]), dtype=torchy.float32).tolist() == [1.0, 2.0]
    assert torchy.frombuffer(held, dtype=torchy.float32, requires_grad=True).requires_grad
    with pytest.warns(UserWarning, match="not writable"):
        assert torchy.frombuffer(b"ab", dtype=torchy.uint8).tolist() == [97, 98]


FROMBUFFER_ERRORS = [
    ({}, "after offset .0 bytes. must be a multiple of element size .2"),
    ({"count": 3}, "requested buffer length .3 . 2 bytes."),
    ({"count": 0}, "must not be 0"),
    ({"offset": 5}, "offset .5 bytes. must be non-negative"),
    ({"offset": -1}, "offset .-1 bytes. must be non-negative"),
]


@pytest.mark.parametrize(("options", "text"), FROMBUFFER_ERRORS, ids=str)
def test_frombuffer_errors(options, text):
    with pytest.raises(ValueError, match=text):
        torchy.frombuffer(bytearray(5), dtype=torchy.int16, **options)


def test_frombuffer_wants_a_buffer():
    with pytest.raises(ValueError, match="does not implement Python buffer protocol"):
        torchy.frombuffer([1], dtype=torchy.int16)
    with pytest.raises(TypeError, match='missing .* "dtype"'):
        torchy.frombuffer(bytearray(4))
    with pytest.raises(RuntimeError, match="could not retrieve buffer"):
        torchy.frombuffer(np.ones((2, 2))[:, 0], dtype=torchy.float64)


# ---- DLPack


@pytest.mark.parametrize("dtype", SHARED)
def test_dlpack_to_and_from_numpy(dtype):
    made = tensor(dtype)
    seen = np.from_dlpack(made)
    assert seen.dtype == np.dtype(dtype)
    assert seen.ctypes.data == made.data_ptr()
    held = np.array([[1, 0], [1, 1]], dtype).T
    back = torchy.from_dlpack(held)
    assert back.data_ptr() == held.ctypes.data
    assert back.stride() == (1, 2)
    assert back.tolist() == held.tolist()


@pytest.mark.parametrize("max_version", [None, (0, 8), (1, 0), (1, 1), (2, 0)])
def test_both_forms_of_the_capsule(max_version):
    made = torchy.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torchy.bfloat16).t()
    capsule = made.__dlpack__(max_version=max_version)
    assert ("versioned" in repr(capsule)) == (max_version is not None and max_version[0] >= 1)
    back = torchy.from_dlpack(capsule)
    assert back.data_ptr() == made.data_ptr()
    assert back.stride() == made.stride()
    assert back.dtype is torchy.bfloat16
    with pytest.raises(RuntimeError, match="invalid capsule"):
        torchy.from_dlpack(capsule)
    made.fill_(5)
    assert back.tolist() == [[5, 5], [5, 5]]


def test_unused_capsules_let_go():
    made = torchy.tensor([1.0])
    before = torchy._C._memory_stats()["live_storages"]
    for version in (None, (1, 0)):
        made.__dlpack__(max_version=version)
    del made
    assert torchy._C._memory_stats()["live_storages"] == before - 1


def test_the_consumer_keeps_the_memory():
    seen = np.from_dlpack(torchy.tensor([1.0, 2.0]))
    gc.collect()
    assert seen.tolist() == [1.0, 2.0]
    held = np.arange(3.0)
    strong = sys.getrefcount(held)
    back = torchy.from_dlpack(held)
    assert sys.getrefcount(held) > strong
    del back
    assert sys.getrefcount(held) == strong


def test_letting_go_on_another_thread():
    box = [np.from_dlpack(torchy.tensor([1.0, 2.0]))]
    thread = threading.Thread(target=box.clear)
    thread.start()
    thread.join()
    assert not box


def test_dlpack_options():
    made = torchy.tensor([1.0, 2.0])
    assert made.__dlpack_device__() == (1, 0)
    assert torchy.from_dlpack(made.__dlpack__(copy=True)).data_ptr() != made.data_ptr()
    assert torchy.from_dlpack(made, copy=True).data_ptr() != made.data_ptr()
    assert torchy.from_dlpack(made.__dlpack__(dl_device=(1, 0))).data_ptr() == made.data_ptr()
    with pytest.raises(BufferError, match="dl_device"):
        made.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="stream"):
        made.__dlpack__(stream=3)


def test_dlpack_errors():
    leaf = torchy.tensor([1.0], requires_grad=True)
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        leaf.__dlpack__()
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        torchy.from_dlpack(leaf)
    with pytest.raises(RuntimeError, match="invalid capsule"):
        torchy.from_dlpack([1])
    with pytest.raises(RuntimeError, match="16 bits"):
        torchy.from_dlpack(np.ones(2, np.uint16))
    with pytest.raises(ValueError, match="negative"):
        torchy.from_dlpack(np.arange(3.0)[::-1])


class OnOtherDevice:
    def __dlpack_device__(self):
        return (2, 0)

    def __dlpack__(self, **options):
        raise AssertionError("must not be asked")


class BeforeVersionOne:
    def __init__(self, data):
        self.data = data

    def __dlpack__(self, stream=None):
        return self.data.__dlpack__()


def test_other_producers():
    with pytest.raises(RuntimeError, match="device type 2"):
        torchy.from_dlpack(OnOtherDevice())
    old = BeforeVersionOne(np.arange(3.0))
    assert torchy.from_dlpack(old).data_ptr() == old.data.ctypes.data
    assert torchy.tensor(old).tolist() == [0.0, 1.0, 2.0]


def test_read_only_memory_over_dlpack():
    held = np.ones(2)
    held.flags.writeable = False
    made = torchy.from_dlpack(held)
    with pytest.raises(RuntimeError, match="read-only"):
        made.add_(1)
    with pytest.raises(BufferError, match="read-only"):
        made.__dlpack__()
    assert not np.from_dlpack(made).flags.writeable


class WithInterface:
    def __init__(self, data):
        self.data = data
        self.__array_interface__ = data.__array_interface__


class WithArray:
    def __array__(self, dtype=None, copy=None):
        return np.arange(3, dtype=np.int16)


def test_array_interface_and_array_method():
    held = np.arange(6.0).reshape(2, 3)
    assert torchy.tensor(WithInterface(held)).tolist() == held.tolist()
    assert torchy.as_tensor(WithInterface(held)).data_ptr() == held.ctypes.data
    assert torchy.tensor(WithArray()).dtype is torchy.int16
    assert torchy.tensor([WithArray(), [1, 2, 3]]).tolist() == [[0, 1, 2], [1, 2, 3]]
