# The text of tensors as fixed strings, print options, format(). Layer: tests/api; needs no
# PyTorch (tests/parity/test_repr_equals_pytorch.py compares widely where it is installed).
from __future__ import annotations

import math
import subprocess
import sys

import pytest

import torchy
from torchy import _tensor_str


@pytest.fixture(autouse=True)
def default_options():
    torchy.set_printoptions(profile="default")
    yield
    torchy.set_printoptions(profile="default")


NESTED = [
    ([1, 2, 300], "tensor([  1,   2, 300])"),
    ([-1, 10], "tensor([-1, 10])"),
    (5, "tensor(5)"),
    ([True, False], "tensor([ True, False])"),
    (True, "tensor(True)"),
    (0.375, "tensor(0.3750)"),
    ([1.0, 2.0], "tensor([1., 2.])"),
    ([0.0, 0.0], "tensor([0., 0.])"),
    ([-0.0, 1.0], "tensor([-0., 1.])"),
    ([1.5, -22.25], "tensor([  1.5000, -22.2500])"),
    ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
    ([1e-5], "tensor([1.0000e-05])"),
    ([1.0, 1001.0], "tensor([1.0000e+00, 1.0010e+03])"),
    ([1.0, 1000.0], "tensor([   1., 1000.])"),
    ([1e9], "tensor([1.0000e+09])"),
    ([math.nan, math.inf, -math.inf], "tensor([nan, inf, -inf])"),
    ([1.0, math.nan, -math.inf], "tensor([1., nan, -inf])"),
    ([1.25, math.inf], "tensor([1.2500,    inf])"),
    ([1 + 2j, -3.5 - 10.25j], "tensor([ 1.0000+2.0000j, -3.5000-10.2500j])"),
    (1j, "tensor(0.+1.j)"),
    ([[1, 2], [3, 4]], "tensor([[1, 2],\n        [3, 4]])"),
    (
        [[[1.0], [2.5]], [[3.0], [4.0]]],
        "tensor([[[1.0000],\n         [2.5000]],\n\n        [[3.0000],\n         [4.0000]]])",
    ),
    ([], "tensor([])"),
    ([[], []], "tensor([], size=(2, 0))"),
]


@pytest.mark.parametrize("data, text", NESTED, ids=[text for _, text in NESTED])
def test_repr_is_the_expected_text(data, text):
    assert repr(torchy.tensor(data)) == text
    assert str(torchy.tensor(data)) == text


@pytest.mark.parametrize(
    "dtype, text",
    [
        ("bool", "tensor([ True, False])"),
        ("uint8", "tensor([1, 0], dtype=torch.uint8)"),
        ("int8", "tensor([1, 0], dtype=torch.int8)"),
        ("int16", "tensor([1, 0], dtype=torch.int16)"),
        ("int32", "tensor([1, 0], dtype=torch.int32)"),
        ("int64", "tensor([1, 0])"),
        ("float16", "tensor([1., 0.], dtype=torch.float16)"),
        ("bfloat16", "tensor([1., 0.], dtype=torch.bfloat16)"),
        ("float32", "tensor([1., 0.])"),
        ("float64", "tensor([1., 0.], dtype=torch.float64)"),
        ("complex64", "tensor([1.+0.j, 0.+0.j])"),
        ("complex128", "tensor([1.+0.j, 0.+0.j], dtype=torch.complex128)"),
    ],
)
def test_repr_names_dtypes_that_are_not_the_default(dtype, text):
    assert repr(torchy.tensor([1, 0], dtype=getattr(torchy, dtype))) == text


def test_repr_follows_the_default_dtype():
    torchy.set_default_dtype(torchy.float64)
    try:
        assert repr(torchy.tensor([1.5])) == "tensor([1.5000])"
        single = torchy.tensor([1.5], dtype=torchy.float32)
        assert repr(single) == "tensor([1.5000], dtype=torch.float32)"
        assert repr(torchy.tensor(1j)) == "tensor(0.+1.j)"
    finally:
        torchy.set_default_dtype(torchy.float32)


def test_repr_of_empty_tensors_tells_size_and_dtype():
    assert repr(torchy.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(torchy.zeros(0, dtype=torchy.int64)) == "tensor([], dtype=torch.int64)"
    expected = "tensor([], size=(2, 0), dtype=torch.bool)"
    assert repr(torchy.zeros(2, 0, dtype=torchy.bool)) == expected


def test_repr_of_half_types_shows_the_rounded_value():
    assert repr(torchy.tensor(0.1, dtype=torchy.float16)) == "tensor(0.1000, dtype=torch.float16)"
    text = repr(torchy.tensor(3.14159, dtype=torchy.bfloat16))
    assert text == "tensor(3.1406, dtype=torch.bfloat16)"


def test_repr_summarises_above_the_threshold():
    assert repr(torchy.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert repr(torchy.arange(1000)).count(",") == 999
    assert repr(torchy.arange(2000).reshape(40, 50)) == (
        "tensor([[   0,    1,    2,  ...,   47,   48,   49],\n"
        "        [  50,   51,   52,  ...,   97,   98,   99],\n"
        "        [ 100,  101,  102,  ...,  147,  148,  149],\n"
        "        ...,\n"
        "        [1850, 1851, 1852,  ..., 1897, 1898, 1899],\n"
        "        [1900, 1901, 1902,  ..., 1947, 1948, 1949],\n"
        "        [1950, 1951, 1952,  ..., 1997, 1998, 1999]])"
    )


def test_repr_wraps_at_eighty_columns():
    assert repr(torchy.arange(30)) == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"
    )


def test_repr_names_the_node_that_made_the_tensor():
    x = torchy.tensor([0.5, 0.75], requires_grad=True)
    v = x[0] * x[1]
    assert repr(x) == "tensor([0.5000, 0.7500], requires_grad=True)"
    assert repr(v) == "tensor(0.3750, grad_fn=<MulBackward0>)"
    assert repr(v.detach()) == "tensor(0.3750)"


def test_repr_puts_a_suffix_that_does_not_fit_on_its_own_line():
    x = torchy.ones(13, requires_grad=True)
    assert repr(x) == ("tensor([1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1., 1.],\n       requires_grad=True)")


def test_repr_of_a_summary_leaves_the_graph_alone():
    x = torchy.ones(2000, requires_grad=True)
    assert repr(x) == "tensor([1., 1., 1.,  ..., 1., 1., 1.], requires_grad=True)"
    x.sum().backward()
    assert x.grad.sum().item() == 2000.0


def test_repr_of_a_parameter_says_so():
    p = torchy.nn.Parameter(torchy.tensor([1.0, 2.0]))
    assert repr(p) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"


def test_set_printoptions_changes_what_is_given_and_resets_sci_mode():
    torchy.set_printoptions(precision=2, sci_mode=True)
    assert repr(torchy.tensor([1.5, 20.0])) == "tensor([1.50e+00, 2.00e+01])"
    torchy.set_printoptions(linewidth=20)
    assert repr(torchy.tensor([1.5, 20.0])) == "tensor([ 1.50,\n        20.00])"
    assert _tensor_str.get_printoptions() == {
        "precision": 2,
        "threshold": 1000,
        "edgeitems": 3,
        "linewidth": 20,
        "sci_mode": None,
    }


def test_profiles_set_their_options():
    torchy.set_printoptions(profile="short")
    assert repr(torchy.arange(1001.0) / 4) == "tensor([  0.00,   0.25,  ..., 249.75, 250.00])"
    torchy.set_printoptions(profile="full")
    assert "..." not in repr(torchy.arange(5000))


def test_edgeitems_zero_elides_everything_and_tells_the_size():
    torchy.set_printoptions(threshold=3, edgeitems=0)
    assert repr(torchy.arange(12).reshape(3, 4)) == "tensor([...], size=(3, 4))"


def test_negative_edgeitems_is_an_error():
    with pytest.raises(ValueError, match="edgeitems is -1; give 0 or more"):
        torchy.set_printoptions(edgeitems=-1)


def test_printoptions_puts_the_options_back():
    before = _tensor_str.get_printoptions()
    with pytest.raises(KeyError), _tensor_str.printoptions(precision=1, sci_mode=False):
        assert repr(torchy.tensor(0.25)) == "tensor(0.2)"
        raise KeyError
    assert _tensor_str.get_printoptions() == before


def test_format_of_one_number_is_that_of_the_number():
    assert f"{torchy.tensor(0.375):.2f}" == "0.38"
    assert f"{torchy.tensor(7):>4d}" == "   7"
    assert f"{torchy.tensor(0.5)}" == "0.5"
    assert f"{torchy.tensor([0.5])}" == "tensor([0.5000])"


def test_format_with_a_spec_of_several_numbers_is_an_error():
    with pytest.raises(TypeError, match=r"unsupported format string passed to Tensor.__format__"):
        format(torchy.tensor([0.5, 1.0]), ".2f")


def test_repr_does_not_import_numpy():
    program = "import sys, torchy; repr(torchy.arange(5000.)); repr(torchy.tensor(1j));sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
