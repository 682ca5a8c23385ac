"""The methods of Tensor that are written in Python, attached to the compiled type. Layer: torchy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchy import _C, _tensor_str
from torchy._device import CPU, device, strided

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
            raise TypeError(f"to() received an invalid argument of type {type(arg).__name__}; pass a dtype, device or tensor")
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


def _unique(self: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    from torchy import functional

    return functional.unique(self, sorted, return_inverse, return_counts, dim)


def _graph(self: Tensor, names: Any = None) -> None:
    """Print the expression this tensor was computed from, one tensor a line, indented.

    names: a mapping from name to leaf; by default the caller's variables give the names.
    """
    from torchy.viz._tree import graph_text

    print(graph_text(self, names))


def _new_tensor(self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
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


def _is_shared(self: Tensor) -> bool:
    return False


def _attach() -> None:
    methods = {
        "__repr__": _tensor_str.tensor_repr, "__str__": _tensor_str.tensor_repr, "__format__": _tensor_str.tensor_format,
        "__iter__": _iter, "__contains__": _contains, "__reversed__": _reversed, "__complex__": _complex,
        "_backward": _backward, "to": _to, "type": _type, "type_as": _type_as, "split": _split, "nonzero": _nonzero,
        "norm": _norm, "unique": _unique, "graph": _graph, "new_tensor": _new_tensor, "where": _where,
        "untyped_storage": _untyped_storage, "cpu": _identity, "pin_memory": _identity, "is_shared": _is_shared,
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
    Tensor.device = property(lambda self: CPU, doc="Where the memory is: always device('cpu').")
    Tensor.layout = property(lambda self: strided, doc="Always torch.strided.")
    Tensor.__array_priority__ = 1000  # NumPy lets us handle array + tensor


_attach()
