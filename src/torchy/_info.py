"""The version, and the limits of dtypes (finfo, iinfo)."""

from __future__ import annotations

from torchy import _C

__version__: str = _C._version


class finfo:  # noqa: N801  (PyTorch's name)
    """Limits of a floating dtype: bits, eps, max, min, tiny, smallest_normal, resolution."""

    # bits, mantissa bits, largest exponent, decimal digits that survive
    _FACTS = {
        "float16": (16, 10, 15, 3),
        "bfloat16": (16, 7, 127, 2),
        "float32": (32, 23, 127, 6),
        "float64": (64, 52, 1023, 15),
    }

    def __init__(self, dtype: _C.dtype | None = None) -> None:
        d = _C.get_default_dtype() if dtype is None else dtype
        name = d.to_real().name
        if name not in self._FACTS:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{d}'")
        bits, mantissa, exponent, digits = self._FACTS[name]
        self.dtype = name
        self.bits = bits
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0**exponent
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.resolution = 10.0**-digits

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:  # noqa: N801  (PyTorch's name)
    """Limits of an integer dtype: bits, max, min."""

    def __init__(self, dtype: _C.dtype) -> None:
        if dtype.is_floating_point or dtype.is_complex or dtype.name == "bool":
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{dtype}'")
        self.dtype = dtype.name
        self.bits = dtype.itemsize * 8
        self.min = -(2 ** (self.bits - 1)) if dtype.is_signed else 0
        self.max = 2 ** (self.bits - 1) - 1 if dtype.is_signed else 2**self.bits - 1

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
