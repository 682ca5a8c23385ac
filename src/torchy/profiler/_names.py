"""PyTorch's name of an operation from the core's, which adds the overload: sum_dim is aten::sum. Layer: torchy."""

from __future__ import annotations

# The overloads in optable; a test compares. The core joins them to the name by "_", in-place forms end in "_".
OVERLOADS = {
    "add": ("alpha",), "sub": ("alpha",), "div": ("mode",), "clamp": ("Tensor",), "clamp_mask": ("Tensor",),
    "round": ("decimals",), "sum": ("dim",), "mean": ("dim",), "prod": ("dim",), "any": ("dim", "dims"),
    "all": ("dim", "dims"), "max": ("dim", "other"), "min": ("dim", "other"), "var": ("dim", "correction"),
    "var_mean": ("correction", "dim"), "std": ("dim", "correction"), "std_mean": ("correction", "dim"),
    "sort": ("stable",), "argsort": ("stable",), "median": ("dim",), "nanmedian": ("dim",),
    "searchsorted": ("Scalar",), "bucketize": ("Scalar",), "view": ("dtype",), "squeeze": ("dim", "dims"),
    "movedim": ("int",), "split": ("sizes",), "tensor_split": ("indices",), "hsplit": ("indices",),
    "vsplit": ("indices",), "dsplit": ("indices",), "repeat_interleave": ("self_int", "self_tensor"),
    "scatter": ("src", "value", "src_reduce", "value_reduce"), "index_fill": ("tensor",), "arange": ("start",),
    "randint": ("low",), "randint_like": ("low",), "random": ("from", "to"), "bernoulli": ("p", "Tensor", "float"),
    "normal": ("fill", "Tensor_float", "float_Tensor", "Tensor_Tensor", "float_float"),
}  # fmt: skip
_BASE = {f"{name}_{overload}": name for name, overloads in OVERLOADS.items() for overload in overloads}
_BASE |= {f"{name}_": f"{base}_" for name, base in _BASE.items()}


def base_name(name: str) -> str:
    """The operation's name without its overload: "add_" of "add_alpha_", "sum" of "sum.dim"."""
    return _BASE.get(name) or name.partition(".")[0]
