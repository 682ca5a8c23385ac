"""FloatTensor and friends: constructors by type name, kept because programs still use them."""

from __future__ import annotations

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _TypedMeta(type):
    dtype: _C.dtype

    def __instancecheck__(cls, obj: object) -> bool:
        return isinstance(obj, _C.Tensor) and obj.dtype is cls.dtype


def _typed(name: str, dtype: _C.dtype) -> Any:
    def new(cls: type, *args: Any) -> _C.Tensor:
        if len(args) == 1 and not isinstance(args[0], int):
            return _C.tensor(args[0], dtype=dtype)
        return _C.empty(args, dtype=dtype)

    return _TypedMeta(name, (), {"__new__": new, "dtype": dtype, "__doc__": f"Tensor of dtype {dtype}."})


FloatTensor = _typed("FloatTensor", _C.float32)
DoubleTensor = _typed("DoubleTensor", _C.float64)
HalfTensor = _typed("HalfTensor", _C.float16)
IntTensor = _typed("IntTensor", _C.int32)
LongTensor = _typed("LongTensor", _C.int64)
BoolTensor = _typed("BoolTensor", _C.bool)
ByteTensor = _typed("ByteTensor", _C.uint8)
