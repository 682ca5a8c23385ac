# Pickling, copy.copy and copy.deepcopy: values, geometry, shared memory, flags, attributes.
# Layer: tests/api; needs no PyTorch.
from __future__ import annotations

import copy
import gc
import pickle

import pytest

import torchy
from torchy import nn

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


class Tagged(torchy.Tensor):
    pass


def live_storages() -> int:
    gc.collect()
    return torchy._C._memory_stats()["live_storages"]


def through_pickle(value, protocol=pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(value, protocol))


COPIERS = [through_pickle, copy.deepcopy]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "dtype",
    ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32"]
    + ["float64", "complex64", "complex128"],
)
def test_every_dtype(dtype, protocol):
    made = torchy.tensor([[1, 0, 1], [0, 1, 1]], dtype=getattr(torchy, dtype))
    back = through_pickle(made, protocol)
    assert back.dtype is made.dtype
    assert back.tolist() == made.tolist()
    assert back.data_ptr() != made.data_ptr()


@pytest.mark.parametrize("copier", COPIERS)
def test_geometry(copier):
    base = torchy.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for made in (base.t(), base[1:, 1:], base[0].expand(3, 3), base[0, 0], base[:0]):
        back = copier(made)
        assert back.shape == made.shape
        assert back.stride() == made.stride()
        assert back.tolist() == made.tolist()
        assert back.storage_offset() == made.storage_offset()


@pytest.mark.parametrize("copier", COPIERS)
def test_shared_memory_stays_shared(copier):
    base = torchy.tensor([1.0, 2.0, 3.0])
    whole, part, other = copier([base, base[1:], torchy.tensor([1.0])])
    part.fill_(7)
    assert whole.tolist() == [1.0, 7.0, 7.0]
    assert base.tolist() == [1.0, 2.0, 3.0]
    assert other._storage_id() != whole._storage_id()


@pytest.mark.parametrize("copier", COPIERS)
def test_identity_within_one_copy(copier):
    made = torchy.tensor([1.0])
    first, second = copier([made, made])
    assert first is second


@pytest.mark.parametrize("copier", [*COPIERS, copy.copy])
def test_flags(copier):
    leaf = torchy.tensor([1.0, 2.0], requires_grad=True)
    assert copier(leaf).requires_grad
    assert copier(leaf).is_leaf
    assert not copier(leaf.detach()).requires_grad
    for grad in (True, False):
        weight = nn.Parameter(torchy.tensor([1.0, 2.0]), requires_grad=grad)
        back = copier(weight)
        assert isinstance(back, nn.Parameter)
        assert back.requires_grad is grad
        assert back.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("copier", [*COPIERS, copy.copy])
def test_attributes_and_subclasses(copier):
    made = torchy.tensor([1.0, 2.0])
    made.note = ["x"]
    assert copier(made).note == ["x"]
    assert (copier(made).note is made.note) == (copier is copy.copy)
    tagged = made.as_subclass(Tagged)
    tagged.tag = 3
    back = copier(tagged)
    assert type(back) is Tagged
    assert back.tag == 3
    assert back.tolist() == [1.0, 2.0]


def test_an_attribute_may_refer_back():
    made = torchy.tensor([1.0])
    made.me = made
    for copier in COPIERS:
        back = copier(made)
        assert back.me is back
        del back.me
    del made.me


def test_copy_shares_memory():
    made = torchy.tensor([1.0, 2.0], requires_grad=True)
    back = copy.copy(made)
    assert back is not made
    assert back.data_ptr() == made.data_ptr()


def test_deepcopy_of_the_gradient():
    leaf = torchy.tensor([1.0, 2.0], requires_grad=True)
    (leaf * 3).sum().backward()
    back = copy.deepcopy(leaf)
    assert back.grad.tolist() == [3.0, 3.0]
    assert back.grad is not leaf.grad
    assert back.grad.data_ptr() != leaf.grad.data_ptr()
    assert copy.deepcopy(leaf.grad).tolist() == [3.0, 3.0]


def test_deepcopy_of_a_computed_tensor():
    computed = torchy.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(computed)
    back = through_pickle(computed)
    assert back.is_leaf
    assert back.requires_grad
    assert back.tolist() == [2.0]


def test_deepcopied_tensors_train_apart():
    leaf = torchy.tensor([1.0, 2.0], requires_grad=True)
    back = copy.deepcopy(leaf)
    (back * back).sum().backward()
    assert leaf.grad is None
    assert back.grad.tolist() == [2.0, 4.0]


def test_buffers_out_of_band():
    made = torchy.tensor([1.0, 2.0, 3.0])
    buffers: list[pickle.PickleBuffer] = []
    text = pickle.dumps(made, 5, buffer_callback=buffers.append)
    assert len(buffers) == 1
    assert buffers[0].raw().nbytes == 12
    back = pickle.loads(text, buffers=buffers)
    assert back.tolist() == [1.0, 2.0, 3.0]
    assert back.data_ptr() != made.data_ptr()


def test_a_damaged_pickle_cannot_reach_beyond_its_memory():
    data = torchy.tensor([1, 2, 3, 4], dtype=torchy.uint8)
    make = torchy._C._tensor_on_storage
    assert make(data, torchy.uint8, 1, (3,), (1,)).tolist() == [2, 3, 4]
    for dtype, offset, size, stride in [
        (torchy.uint8, 2, (3,), (1,)),
        (torchy.int64, 0, (1,), (1,)),
        (torchy.uint8, -1, (1,), (1,)),
        (torchy.uint8, 3, (2,), (-1,)),
        (torchy.uint8, 0, (2, 2), (2**62, 2**62)),
        (torchy.uint8, 0, (2,), (1, 1)),
    ]:
        with pytest.raises(RuntimeError, match="_tensor_on_storage"):
            make(data, dtype, offset, size, stride)


def test_nothing_leaks():
    made = torchy.tensor([1.0, 2.0], requires_grad=True)
    made.note = "x"
    before = live_storages()
    for _ in range(20):
        for copier in (*COPIERS, copy.copy):
            copier([made, made.detach()[1:]])
    assert live_storages() == before
