# The same numbers, whatever the memory of the arguments looks like; and the arguments stay as they are.

from __future__ import annotations

from collections.abc import Callable

import pytest
from _calls import DETERMINISTIC, PUBLIC, cases_of, function, numeric, problem, results_of, snapshot, tensors_in

import torchy
from torchy import Tensor

# as_strided reads memory, not the tensor; view needs memory that fits
OF_MEMORY = ("as_strided", "view", "view_dtype", "view_as", "view_as_complex", "as_strided_scatter", "resize")
RTOL, ATOL = 1e-11, 1e-13


def transposed(t: Tensor) -> Tensor:
    """Dims in memory in the opposite order."""
    dims = list(range(t.ndim))[::-1]
    return t.permute(dims).contiguous().permute(dims)


def sliced(t: Tensor) -> Tensor:
    """Every second element of something larger, from an odd offset."""
    big = torchy.ones([2 * n + 3 for n in t.shape], dtype=t.dtype)
    view = big[tuple(slice(3, None, 2) for _ in t.shape)] if t.ndim else big
    view = view[tuple(slice(0, n) for n in t.shape)] if t.ndim else view
    return view.copy_(t)


def shifted(t: Tensor) -> Tensor:
    """Contiguous, one element after the start of its memory."""
    memory = torchy.ones(t.numel() + 1, dtype=t.dtype)
    return memory[1:].view(t.shape).copy_(t)


def expanded(t: Tensor) -> Tensor:
    """Stride 0 along every dim in which nothing changes; exact only if it is so, else as it was."""
    for d in range(t.ndim):
        if t.shape[d] > 1:
            one = t.narrow(d, 0, 1)
            if bool((one == t).all()):
                return one.expand(t.shape)
    return t


def in_columns(t: Tensor) -> Tensor:
    """The last dim has a stride, as a column of a matrix has."""
    return torchy.stack([t, torchy.zeros_like(t)], -1)[..., 0]


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {f.__name__: f for f in (transposed, sliced, shifted, in_columns)}


def test_the_layouts_are_what_they_say() -> None:
    t = torchy.arange(24, dtype=torchy.float64).view(2, 3, 4)
    assert transposed(t).stride() == (1, 2, 6)
    assert sliced(t).stride() == (2 * 9 * 11, 2 * 11, 2) and sliced(t).storage_offset() % 2 == 1
    assert shifted(t).is_contiguous() and shifted(t).storage_offset() == 1
    assert in_columns(t).stride() == (24, 8, 2)
    assert expanded(torchy.ones(2, 3)).stride() == (0, 1)
    for layout in LAYOUTS.values():
        assert torchy.equal(layout(t), t)


@pytest.mark.parametrize("name", [n for n in DETERMINISTIC if n not in OF_MEMORY])
def test_results_do_not_depend_on_the_layout(name: str) -> None:
    op = DETERMINISTIC[name]
    for case in cases_of(op):
        args, kwargs = case.tensors()
        want = tensors_in(results_of(op, function(op)(*args, **kwargs)))
        arrays = [numeric(t) for t in want]
        if not tensors_in((args, kwargs)):
            continue
        for label, layout in LAYOUTS.items():
            args, kwargs = case.tensors(layout)
            before = snapshot((args, kwargs))
            got = tensors_in(results_of(op, function(op)(*args, **kwargs)))
            assert [t.dtype for t in got] == [t.dtype for t in want], f"{case} {label}"
            assert problem(got, arrays, RTOL, ATOL, dtype=False) is None, f"{case} {label}"
            assert snapshot((args, kwargs)) == before, f"{case} {label}: changed its inputs"


@pytest.mark.parametrize("name", [n for n in DETERMINISTIC if n not in OF_MEMORY])
def test_expanded_arguments_are_like_copies_of_them(name: str) -> None:
    """Every argument constant along its first dim, once with stride 0 and once in full."""
    op = DETERMINISTIC[name]

    def repeated(t: Tensor) -> Tensor:
        if t.ndim == 0 or t.shape[0] < 2 or not (t.is_floating_point() or t.is_complex()):
            return t
        return t[:1].clone().expand(t.shape)

    for case in cases_of(op):
        args, kwargs = case.tensors(repeated)
        full_args, full_kwargs = case.tensors(lambda t: repeated(t).contiguous())
        want = tensors_in(results_of(op, function(op)(*full_args, **full_kwargs)))
        before = snapshot((args, kwargs))
        got = tensors_in(results_of(op, function(op)(*args, **kwargs)))
        assert problem(got, [numeric(t) for t in want], RTOL, ATOL, dtype=False) is None, str(case)
        assert snapshot((args, kwargs)) == before, f"{case}: changed its inputs"


@pytest.mark.parametrize("name", [n for n, op in PUBLIC.items() if op.view])
def test_views_share_memory(name: str) -> None:
    op = PUBLIC[name]
    for case in cases_of(op):
        args, kwargs = case.tensors()
        for view in tensors_in(results_of(op, function(op)(*args, **kwargs))):
            if view.numel():
                assert view.untyped_storage().data_ptr() == args[0].untyped_storage().data_ptr(), str(case)
