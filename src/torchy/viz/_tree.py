# The expression tree of a tensor as indented text. Layer: torchy.viz; reads nodes through name(),
# sign, next_functions and variable only. Pictures (SVG, pages) are not here.
"""``graph_text`` prints one tensor a line, each operation above its inputs::

    Tensor (-)
      Tensor (*)
        Tensor a
        Tensor b
      Tensor (+)
        Tensor (/)
          Tensor b
          Tensor a
        Tensor b

- A leaf shows its name, or ``leaf`` and its shape: ``Tensor leaf(2, 3)``. An input that no
  gradient reaches is ``Tensor const``.
- The inputs of a result that is used twice are printed once, where it first comes up; after that
  it is one line marked ``^`` (seen above), so the text has one line per edge of the graph.
- Past depth 30 the indentation stops growing and the line says how deep it is, as in
  ``@31 Tensor (*)``: a chain of a million operations stays a million short lines.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["graph_text"]

_MAX_INDENT = 30  # lines stay under 80 columns


def graph_text(tensor: Any, names: Mapping[str, Any] | None = None) -> str:
    """The expression that made ``tensor``, as text.

    ``names`` maps names to leaves, as ``locals()`` or ``dict(module.named_parameters())`` do.
    Without it they are looked up among the local, then the global, variables of the caller:
    the nearest frame that is not torchy's own.
    """
    known = _caller_names() if names is None else _names_by_id(names)
    root = tensor.grad_fn
    if root is None:
        return _leaf_line(tensor, known)
    lines: list[str] = []
    # The nodes themselves are kept, so that their identities stay valid while we walk.
    seen: set[Any] = set()
    stack: list[tuple[Any, int]] = [(root, 0)]
    while stack:
        node, depth = stack.pop()
        line, children = _node_line(node, known, seen)
        lines.append(_indent(depth) + line)
        stack.extend((child, depth + 1) for child in reversed(children))
    return "\n".join(lines)


def _node_line(node: Any, known: dict[int, str], seen: set[Any]) -> tuple[str, list[Any]]:
    """The text of one node, and the nodes to print below it."""
    if node is None:
        return "Tensor const", []
    name = node.name().rpartition("::")[2]
    if name == "AccumulateGrad":
        return _leaf_line(node.variable, known), []
    # Nodes of Python functions have no entry in the table and give their class's name as the sign.
    sign = getattr(node, "sign", None) or name
    if sign == name:
        sign = name.partition("Backward")[0]
    if node in seen:
        return f"Tensor ({sign}) ^", []
    seen.add(node)
    return f"Tensor ({sign})", [child for child, _ in node.next_functions]


def _leaf_line(leaf: Any, known: dict[int, str]) -> str:
    name = known.get(id(leaf))
    return f"Tensor {name}" if name else f"Tensor leaf{tuple(leaf.shape)}"


def _indent(depth: int) -> str:
    return "  " * depth if depth <= _MAX_INDENT else "  " * _MAX_INDENT + f"@{depth} "


def _names_by_id(names: Mapping[str, Any]) -> dict[int, str]:
    """Names by the identity of the value; of several, the first without a leading underscore."""
    found: dict[int, str] = {}
    for name, value in names.items():
        before = found.get(id(value))
        if before is None or (before.startswith("_") and not name.startswith("_")):
            found[id(value)] = name
    return found


def _caller_names() -> dict[int, str]:
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    found = _names_by_id(frame.f_globals)
    found.update(_names_by_id(frame.f_locals))
    return found


def _is_ours(module: str) -> bool:
    return module == "torchy" or module.startswith("torchy.")
