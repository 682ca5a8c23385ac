"""Questions about tensors that are answered by a Python bool, number or text. Layer: torchy."""

from __future__ import annotations

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Tensor = _C.Tensor


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and equal elements. RuntimeError for different dtypes of one shape."""
    if input.shape != other.shape:
        return False
    return bool((input == other).all())


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether ``|input - other| <= atol + rtol * |other|`` everywhere."""
    return bool(_C.isclose(input, other, rtol, atol, equal_nan).all())


def is_tensor(obj: object) -> bool:
    """Whether obj is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: object) -> bool:
    """Whether obj is a storage."""
    from torchy.storage import UntypedStorage

    return isinstance(obj, UntypedStorage)


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype of input is floating."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype of input is complex."""
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether the dtype of input holds negative numbers."""
    return input.is_signed()


def is_inference(input: Tensor) -> bool:
    """Whether input was made under inference_mode."""
    return input.is_inference()


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape."""
    return input.is_same_size(other)


def is_nonzero(input: Tensor) -> bool:
    """The truth value of a one-element tensor."""
    return bool(input)


def is_conj(input: Tensor) -> bool:
    """Whether input is a lazily conjugated view: never, conj() computes at once."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether input is a lazily negated view: never."""
    return False


def isreal(input: Tensor) -> Tensor:
    """Where the imaginary part is 0."""
    return input.imag == 0 if input.is_complex() else _C.ones_like(input, dtype=_C.bool)


def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where input is +inf."""
    return _C.eq(input, float("inf"), out=out)


def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where input is -inf."""
    return _C.eq(input, float("-inf"), out=out)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def get_device(input: Tensor) -> int:
    """-1: the memory is the CPU's."""
    return -1


def typename(obj: Any) -> str:
    """The name of a tensor's type, such as 'torch.FloatTensor', or of obj's class with its module."""
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    module = cls.__module__
    return cls.__qualname__ if module in ("builtins", "") else f"{module}.{cls.__qualname__}"
