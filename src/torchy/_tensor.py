"""The methods of Tensor that are written in Python, attached to the compiled type. Layer: torchy."""

from __future__ import annotations

from torchy import _C, _tensor_str
from torchy._device import CPU, device, strided

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

Tensor = _C.Tensor


def _backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """backward() with arguments; without any, the compiled method does not come here."""
    from torchy import autograd

    autograd.backward(self, gradient, retain_graph, create_graph, inputs)


def _parse_to(self: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, bool]:
    """The dtype (or None) and copy flag that to(...) asks for."""
    target = kwargs.pop("dtype", None)
    where = kwargs.pop("device", None)
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None)
    kwargs.pop("memory_format", None)
    other = kwargs.pop("other", None)
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument {next(iter(kwargs))!r}")
    flags = []
    for arg in args:
        if isinstance(arg, _C.dtype):
            target = arg
        elif isinstance(arg, Tensor):
            other = arg
        elif isinstance(arg, bool):
            flags.append(arg)
        elif isinstance(arg, (str, device)):
            where = arg
        elif arg is not None:
            raise TypeError(
                f"to() received an invalid argument of type {type(arg).__name__}; pass a dtype, device or tensor"
            )
    if len(flags) > 1:
        copy = flags[1]
    if other is not None:
        target = other.dtype
    if where is not None and str(where).split(":")[0] != "cpu":
        raise RuntimeError(f"to: device '{where}' is not available; this build has only 'cpu'")
    return target, copy


def _to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """to(dtype), to(device), to(other): this tensor with that dtype; itself if nothing changes and not copy."""
    target, copy = _parse_to(self, args, kwargs)
    if target is None or target is self.dtype:
        return self.clone() if copy else self
    return _C._to_copy(self, target)


def _type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The type's name, such as 'torch.FloatTensor', or the tensor cast to dtype."""
    names = {
        "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "uint8": "Byte",
        "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool",
        "complex64": "ComplexFloat", "complex128": "ComplexDouble",
    }  # fmt: skip
    if dtype is None:
        return f"torch.{names[self.dtype.name]}Tensor"
    if isinstance(dtype, str):
        found = [n for n, short in names.items() if dtype in (f"torch.{short}Tensor", f"torch.{n}")]
        if not found:
            raise ValueError(f"type: invalid type: {dtype!r}")
        dtype = getattr(_C, found[0])
    return _to(self, dtype)


def _caster(name: str) -> Any:
    def cast(self: Tensor, memory_format: Any = None) -> Tensor:
        return _to(self, getattr(_C, name))

    cast.__doc__ = f"The tensor as {name}; itself if it is already."
    return cast


def _iter(self: Tensor) -> Iterator[Tensor]:
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _contains(self: Tensor, element: Any) -> bool:
    if isinstance(element, (Tensor, int, float, complex)):
        return bool((self == element).any())
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


def _split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views along dim: pieces of one size (the last may be smaller), or of the given sizes."""
    if isinstance(split_size, (list, tuple)):
        return _C.split_with_sizes(self, split_size, dim)
    return _C_split(self, int(split_size), dim)


_C_split = Tensor.split


def _nonzero(self: Tensor, *, as_tuple: bool = False) -> Any:
    from torchy import functional

    return functional.nonzero(self, as_tuple=as_tuple)


def _norm(self: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    from torchy import functional

    return functional.norm(self, p, dim, keepdim, dtype)


def _unique(
    self: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    from torchy import functional

    return functional.unique(self, sorted, return_inverse, return_counts, dim)


def _graph(self: Tensor, names: Any = None) -> None:
    """Print the expression this tensor was computed from, one tensor a line, indented.

    names: a mapping from name to leaf; by default the caller's variables give the names.
    """
    from torchy.viz._tree import graph_text

    print(graph_text(self, names))


def _new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor from data with this tensor's dtype."""
    return _C.tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)


def _untyped_storage(self: Tensor) -> Any:
    from torchy.storage import UntypedStorage

    return UntypedStorage(self)


def _identity(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    return self


def _reversed(self: Tensor) -> Tensor:
    return self if self.dim() == 0 else self.flip(0)


def _type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor with other's dtype."""
    return _to(self, other.dtype)


def _complex(self: Tensor) -> complex:
    return complex(self.item())


def _where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """self where condition is true, else other."""
    return _C.where(condition, self, other)


def _false(self: Tensor) -> bool:
    return False


def _transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """transpose in place: this tensor's dims are swapped."""
    return self._become(self.transpose(dim0, dim1), "transpose_")


def _t_(self: Tensor) -> Tensor:
    """t in place: this matrix is transposed."""
    return self._become(self.t(), "t_")


def _squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """squeeze in place: dims of size 1 disappear."""
    return self._become(self.squeeze() if dim is None else self.squeeze(dim), "squeeze_")


def _unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """unsqueeze in place: a dim of size 1 is inserted."""
    return self._become(self.unsqueeze(dim), "unsqueeze_")


def _as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """as_strided in place: this tensor gets these sizes, strides and offset."""
    return self._become(self.as_strided(size, stride, storage_offset), "as_strided_")


def _fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write fill_value on the main diagonal of all dims; wrap goes on below a tall matrix."""
    sizes = self.shape
    if self.dim() < 2 or (self.dim() > 2 and len(set(sizes)) > 1):
        raise RuntimeError(
            f"fill_diagonal_: needs a matrix, or equal sizes of more dims, but the shape is {tuple(sizes)}"
        )
    step = sum(self.stride())
    count = min(sizes)
    if wrap and self.dim() == 2 and sizes[0] > sizes[1]:
        for start in range(0, sizes[0], sizes[1] + 1):
            _fill_diagonal_(self[start : start + sizes[1]], fill_value)
        return self
    self.as_strided((count,), (step,), self.storage_offset()).fill_(fill_value)
    return self


def _get_device(self: Tensor) -> int:
    return -1


def _method(module: str, name: str) -> Any:
    """A method that is the function of that name, looked up when first called."""

    def call(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        import importlib

        return getattr(importlib.import_module(f"torchy.{module}"), name)(self, *args, **kwargs)

    call.__name__ = name
    call.__doc__ = f"See torchy.{name}."
    return call


def _attach() -> None:
    methods = {
        "__repr__": _tensor_str.tensor_repr, "__str__": _tensor_str.tensor_repr, "__format__": _tensor_str.tensor_format,
        "__iter__": _iter, "__contains__": _contains, "__reversed__": _reversed, "__complex__": _complex,
        "_backward": _backward, "to": _to, "type": _type, "type_as": _type_as, "split": _split, "nonzero": _nonzero,
        "norm": _norm, "unique": _unique, "graph": _graph, "new_tensor": _new_tensor, "where": _where,
        "untyped_storage": _untyped_storage, "cpu": _identity, "pin_memory": _identity, "is_shared": _false,
        "is_pinned": _false, "is_conj": _false, "is_neg": _false, "get_device": _get_device, "transpose_": _transpose_,
        "swapaxes_": _transpose_, "swapdims_": _transpose_, "t_": _t_, "squeeze_": _squeeze_, "unsqueeze_": _unsqueeze_,
        "as_strided_": _as_strided_, "fill_diagonal_": _fill_diagonal_,
    }  # fmt: skip
    functions = {
        "_predicates": ("allclose", "equal", "isreal", "isposinf", "isneginf", "is_nonzero"),
        "_numeric": ("corrcoef", "cov", "cross", "diff", "dist", "gcd", "kron", "lcm", "ldexp", "matrix_power",
                     "nanquantile", "quantile"),
        "functional": ("unique_consecutive",),
    }  # fmt: skip
    casts = {
        "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "int": "int32",
        "long": "int64", "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool", "cfloat": "complex64",
        "cdouble": "complex128",
    }  # fmt: skip
    for name, method in methods.items():
        setattr(Tensor, name, method)
    for name, target in casts.items():
        setattr(Tensor, name, _caster(target))
    for module, names in functions.items():
        for name in names:
            setattr(Tensor, name, _method(module, name))
    Tensor.is_cpu = property(lambda self: True, doc="Always True in this build.")
    Tensor.device = property(lambda self: CPU, doc="Where the memory is: always device('cpu').")
    Tensor.layout = property(lambda self: strided, doc="Always torch.strided.")
    Tensor.__array_priority__ = 1000  # NumPy lets us handle array + tensor


_attach()
