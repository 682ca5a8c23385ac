"""memory(): how many bytes the recorded program keeps for backward, by operation. Layer: torchy."""

from __future__ import annotations

from collections import namedtuple

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

OperationMemory = namedtuple("OperationMemory", ("nodes", "saved_tensors", "bytes"))
OperationMemory.__doc__ = (
    "Nodes of one kind, the tensors they saved, and the bytes that nodes recorded earlier did not."
)


class GraphMemory:
    """What a recorded program keeps for backward. All sizes are bytes of whole storages, each counted once.

    bytes: of everything saved; parameter_bytes: of leaves that require grad, which live anyway; activation_bytes: the
    rest, which backward frees. nodes: without the AccumulateGrad of leaves; saved_tensors; parameters: the leaves
    reached. operations: OperationMemory(nodes, saved_tensors, bytes) by node name, most bytes first; a storage saved
    by several nodes is the one's that was recorded first, and parameters are nobody's.
    """

    def __init__(self) -> None:
        self.parameter_bytes = self.activation_bytes = 0
        self.nodes = self.saved_tensors = self.parameters = 0
        self.operations: dict[str, OperationMemory] = {}

    @property
    def bytes(self) -> int:
        """Of everything saved."""
        return self.parameter_bytes + self.activation_bytes

    def __repr__(self) -> str:
        head = f"{'operation':<32}{'nodes':>10}{'saved':>10}{'bytes':>12}"
        lines = [f"{n:<32}{o.nodes:>10}{o.saved_tensors:>10}{_human(o.bytes):>12}" for n, o in self.operations.items()]
        lines.append(f"{'parameters':<32}{self.parameters:>10}{'':>10}{_human(self.parameter_bytes):>12}")
        lines.append(f"{'total':<32}{self.nodes:>10}{self.saved_tensors:>10}{_human(self.bytes):>12}")
        return "\n".join([head, *lines])


def _human(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def memory(tensors: Any) -> GraphMemory:
    """The GraphMemory of all that was recorded for a tensor, or for several together.

    tensors: a Tensor, GradientEdge or Node, or an iterable of those; without history they add nothing. TypeError for
    something else. Values that hooks packed count if they are tensors, or lists, tuples or dicts of tensors.
    """
    nodes, leaves = _reachable(_roots(tensors))
    nodes.sort(key=lambda node: node._sequence_nr())  # a storage belongs to the node that was recorded first
    result = GraphMemory()
    result.nodes, result.parameters = len(nodes), len(leaves)
    seen: dict[int, int] = {}  # bytes by storage
    counts: dict[str, list[int]] = {}
    for node in nodes:
        count = counts.setdefault(node.name(), [0, 0, 0])
        count[0] += 1
        for _, value in _C._node_saved(node):
            result.saved_tensors += 1
            count[1] += 1
            for t in _tensors_in(value):
                storage = t._storage_id()
                if storage in seen:
                    continue
                seen[storage] = size = t._storage_nbytes()
                if storage in leaves:
                    result.parameter_bytes += size
                else:
                    result.activation_bytes += size
                    count[2] += size
    ordered = sorted(counts.items(), key=lambda item: (-item[1][2], item[0]))
    result.operations = {name: OperationMemory(*count) for name, count in ordered}
    return result


def _roots(what: Any) -> list[Any]:
    """The nodes that made the tensors."""
    if isinstance(what, _C.Tensor):
        edge = _C._gradient_edge(what)
        return [] if edge is None else [edge[0]]
    if isinstance(what, _C.Node):
        return [what]
    if isinstance(what, tuple) and hasattr(what, "output_nr"):
        return [what.node]  # type: ignore[attr-defined]
    if isinstance(what, (str, bytes, dict)) or not hasattr(what, "__iter__"):
        raise TypeError(f"memory: expected Tensors, but got {type(what).__name__}; pass a tensor or a list of them")
    return [node for item in what for node in _roots(item)]


def _reachable(roots: Iterable[Any]) -> tuple[list[Any], set[int]]:
    """The nodes below `roots` except the leaves' own, and the storages of those leaves."""
    seen = set(roots)
    stack, nodes, leaves = list(seen), [], set()
    while stack:
        node = stack.pop()
        if node.name() == "AccumulateGrad":
            leaves.add(node.variable._storage_id())
            continue
        nodes.append(node)
        for below, _ in node.next_functions:
            if below is not None and below not in seen:
                seen.add(below)
                stack.append(below)
    return nodes, leaves


def _tensors_in(value: Any) -> Iterator[Any]:
    if isinstance(value, _C.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors_in(item)
    elif isinstance(value, dict):
        yield from _tensors_in(list(value.values()))
