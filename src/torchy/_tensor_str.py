# The text of a tensor, character for character PyTorch's, and the print options. Layer: torchy;
# attached to Tensor as __repr__, __str__ and __format__ by _tensor.py. No NumPy, no tensor maths:
# it reads values with tolist() and formats Python numbers, which hold every dtype exactly.
"""What the printer asks of a tensor, and nothing more:

``dtype``, ``shape``, ``dim()``, ``numel()``, ``tolist()``, ``item()``, ``t[i]`` and ``t[a:b]``,
``is_floating_point()``, ``is_complex()``, ``detach()``, ``requires_grad``, ``grad_fn`` (with
``name()``) and, for a parameter, a true ``_is_parameter``; of the package, ``Tensor``,
``get_default_dtype()`` and, once something has imported them, ``autograd.forward_ad.unpack_dual`` and
``func._vmap.batched_repr``.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from itertools import chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": float("inf"), "edgeitems": 3, "linewidth": 80},
}


class _Options:
    precision: int
    threshold: float
    edgeitems: int
    linewidth: int
    sci_mode: bool | None

    def __init__(self) -> None:
        self.update(**_PROFILES["default"], sci_mode=None)

    def update(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)


_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print; what is not given stays, except ``sci_mode``, which is set each time.

    ``precision`` digits after the point; more than ``threshold`` elements are summarised, with
    ``edgeitems`` shown at each end of a dimension; lines wrap at ``linewidth``; ``profile`` is
    ``"default"``, ``"short"`` or ``"full"``; ``sci_mode`` forces scientific notation on or off,
    None chooses by the values.
    """
    if edgeitems is not None and edgeitems < 0:
        raise ValueError(f"set_printoptions: edgeitems is {edgeitems}; give 0 or more")
    if profile is not None:
        _options.update(**_PROFILES.get(profile, {}))
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    _options.update(**{name: value for name, value in given.items() if value is not None})
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The print options now in force, by name."""
    return dict(vars(_options))


@contextmanager
def printoptions(**kwargs: Any) -> Iterator[None]:
    """Set print options, as `set_printoptions` does, for the length of a ``with`` block."""
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        _options.update(**before)


# -- numbers to strings -------------------------------------------------------------------------
# Column widths come from the finite nonzero numbers alone, so that inf and nan may stick out, as
# they do in PyTorch.


def _columns(t: Any, values: list[Any]) -> tuple[list[str], int]:
    """The values of ``t`` as strings of one width, and that width."""
    if t.is_complex():
        return _format_complex(values)
    if t.is_floating_point():
        strings, width = _format_floats(values)
    else:
        strings = list(map(str, values))
        width = max(map(len, strings))
    return [s.rjust(width) for s in strings], width


def _format_floats(values: list[float]) -> tuple[list[str], int]:
    """The strings, not yet padded, and the width of their column."""
    # v - v is zero for finite numbers only.
    sizes = [abs(v) for v in values if v and v - v == 0.0]
    if not sizes:
        return _write_floats(values, whole=True, scientific=False), 1
    whole = all(map(float.is_integer, sizes))
    scientific = _options.sci_mode
    if scientific is None:
        low, high = min(sizes), max(sizes)
        scientific = high / low > 1000.0 or high > 1e8 or low < 1e-4
    strings = _write_floats(values, whole, scientific)
    return strings, max(len(s) for v, s in zip(values, strings, strict=True) if v and v - v == 0.0)


def _write_floats(values: list[float], whole: bool, scientific: bool) -> list[str]:
    if whole and not scientific:
        return [f"{v:.0f}." if v - v == 0.0 else str(v) for v in values]
    spec = f".{_options.precision}{'e' if scientific else 'f'}"
    return [format(v, spec) for v in values]


def _format_complex(values: list[complex]) -> tuple[list[str], int]:
    reals, real_width = _format_floats([v.real for v in values])
    imags, imag_width = _format_floats([v.imag for v in values])
    strings = [
        f"{re.rjust(real_width)}{im}j" if im[0] == "-" else f"{re.rjust(real_width)}+{im}j"
        for re, im in zip(reals, imags, strict=True)
    ]
    # The sign between the parts takes one column; PyTorch counts none for the j.
    return strings, real_width + imag_width + 1


# -- brackets, rows and summaries ---------------------------------------------------------------


def _kept_values(t: Any, cut: list[bool], edge: int) -> list[Any]:
    """The nested lists of what is shown: of each cut dimension only the edges."""
    if not any(cut):
        whole: list[Any] = t.tolist()
        return whole
    size = t.shape[0]
    if not any(cut[1:]):
        ends: list[Any] = t[:edge].tolist() + t[size - edge :].tolist()
        return ends
    rows = chain(range(edge), range(size - edge, size)) if cut[0] else range(size)
    return [_kept_values(t[i], cut[1:], edge) for i in rows]


def _write_row(items: list[str], per_line: int, indent: int) -> str:
    if len(items) <= per_line:
        return f"[{', '.join(items)}]"
    lines = (", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line))
    return f"[{(',' + chr(10) + ' ' * (indent + 1)).join(lines)}]"


def _grouped(items: list[str], size: int, gap: str | None) -> Iterator[list[str]]:
    for i in range(0, len(items), size):
        group = items[i : i + size]
        if gap is not None:
            group.insert(_options.edgeitems, gap)
        yield group


def _write_nested(strings: list[str], width: int, sizes: list[int], cut: list[bool], indent: int) -> str:
    """Lay out the strings of the shown elements, innermost dimension first."""
    depth = len(sizes) - 1
    row_indent = indent + depth
    per_line = max(1, int((_options.linewidth - row_indent) // (width + 2)))
    parts = [_write_row(row, per_line, row_indent) for row in _grouped(strings, sizes[-1], " ..." if cut[-1] else None)]
    for d in range(depth - 1, -1, -1):
        between = "," + "\n" * (depth - d) + " " * (indent + d + 1)
        gap = "..." if cut[d] else None
        parts = [f"[{between.join(group)}]" for group in _grouped(parts, sizes[d], gap)]
    return parts[0]


def _body(t: Any, indent: int) -> str:
    """The values of a tensor that has at least one, in brackets unless it has no dimension."""
    shape = list(t.shape)
    if not shape:
        return _columns(t, [t.item()])[0][0]
    edge = _options.edgeitems
    summarised = t.numel() > _options.threshold
    if summarised and edge == 0:
        return "[...]"
    cut = [summarised and size > 2 * edge for size in shape]
    if any(cut) and t.requires_grad:
        t = t.detach()  # slices must leave no trace in the graph
    values = _kept_values(t, cut, edge)
    for _ in shape[1:]:
        values = list(chain.from_iterable(values))
    strings, width = _columns(t, values)
    sizes = [2 * edge if is_cut else size for size, is_cut in zip(shape, cut, strict=True)]
    return _write_nested(strings, width, sizes, cut, indent)


# -- the whole text -----------------------------------------------------------------------------

_dtype_names: dict[Any, str] = {}


def _dtype_name(dtype: Any) -> str:
    name = _dtype_names.get(dtype)
    if name is None:
        name = _dtype_names[dtype] = str(dtype).rpartition(".")[2]
    return name


def _is_implied(name: str, default: str) -> bool:
    """Whether values as printed would give this dtype again."""
    if name == "int64" or name == "bool":
        return True
    return name == ("complex128" if default == "float64" else "complex64")


def _history(t: Any) -> str | None:
    """The suffix that tells how the tensor takes part in a graph, if it does."""
    try:
        node = t.grad_fn
    except RuntimeError:  # a view whose base was changed in place: no node can be made for it
        return "grad_fn=<Invalid>"
    if node is not None:
        return f"grad_fn=<{node.name().rpartition('::')[2]}>"
    return "requires_grad=True" if t.requires_grad else None


def _tangent(t: Any) -> Any:
    forward_ad = sys.modules.get("torchy.autograd.forward_ad")
    if forward_ad is None or not (t.is_floating_point() or t.is_complex()):
        return None
    return forward_ad.unpack_dual(t).tangent


def _join(text: str, suffixes: list[str], indent: int) -> str:
    """Append the suffixes, each on the last line if it fits, else on a line of its own."""
    column = len(text) - text.rfind("\n") + 1
    parts = [text]
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            column = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            column += len(suffix) + 2
    parts.append(")")
    return "".join(parts)


def _batched_repr(t: Any) -> str | None:
    vmap = sys.modules.get("torchy.func._vmap")
    return None if vmap is None else vmap.batched_repr(t)


def tensor_repr(t: Any, *, tensor_contents: str | None = None) -> str:
    """``repr(t)``; ``tensor_contents`` takes the place of the values, for subclasses."""
    import torchy

    batched = _batched_repr(t)
    if batched is not None:
        return batched
    plain = type(t) is torchy.Tensor
    prefix = "tensor(" if plain else f"{type(t).__name__}("
    indent = len(prefix)
    suffixes = []
    empty = t.numel() == 0
    if empty:
        contents = "[]"
    elif tensor_contents is not None:
        contents = tensor_contents
    else:
        contents = _body(t, indent)
    if (t.dim() != 1) if empty else (_options.edgeitems == 0):
        suffixes.append(f"size={tuple(t.shape)}")
    name, default = _dtype_name(t.dtype), _dtype_name(torchy.get_default_dtype())
    if name != default and (empty or not _is_implied(name, default)):
        suffixes.append(f"dtype=torch.{name}")
    history = _history(t)
    if history is not None:
        suffixes.append(history)
    tangent = _tangent(t)
    if tangent is not None:
        suffixes.append(f"tangent={tangent!r}")
    text = _join(prefix + contents, suffixes, indent)
    if getattr(t, "_is_parameter", False):
        return f"Parameter containing:\n{text if plain else f'Parameter({text})'}"
    return text


def tensor_format(t: Any, spec: str) -> str:
    """``format(t, spec)``: the number of a plain 0-d tensor, else the repr (and no spec)."""
    import torchy

    parameter = getattr(t, "_is_parameter", False)
    if t.dim() == 0 and type(t) is torchy.Tensor and not parameter:
        return format(t.item(), spec)
    if not spec:
        return str(t)
    kind = "Parameter" if parameter else type(t).__name__
    raise TypeError(f"unsupported format string passed to {kind}.__format__")
