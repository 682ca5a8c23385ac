"""Trees of containers (tuples, lists, dicts, named tuples) taken apart into leaves and put together. Layer: torchy.

What a container is follows torch.utils._pytree: None, and subclasses of the containers, are leaves.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque

from torchy import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["TreeSpec", "broadcast_prefix", "tree_flatten", "tree_leaves", "tree_map", "tree_unflatten"]

_DICTS = (dict, OrderedDict, defaultdict)
_SEQUENCES = (tuple, list, deque, _C.Size)


class TreeSpec:
    """The shape of a tree without its leaves. Two are equal if containers, keys and their order are.

    kind: the container's type, None for a leaf. context: what else it takes to build one (keys, maxlen, the default
    factory). children: their specs. num_leaves: how many leaves lie below.
    """

    __slots__ = ("children", "context", "kind", "num_leaves")

    def __init__(self, kind: Any, context: Any, children: tuple[TreeSpec, ...]) -> None:
        self.kind, self.context, self.children = kind, context, children
        self.num_leaves: int = 1 if kind is None else sum([c.num_leaves for c in children])

    def is_leaf(self) -> bool:
        return self.kind is None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return self.kind is other.kind and self.context == other.context and self.children == other.children

    __hash__ = None  # type: ignore[assignment]  # contexts hold keys and factories, which need not be hashable

    def __repr__(self) -> str:
        """The tree with * for leaves, as `({'a': *}, *)`."""
        if self.kind is None:
            return "*"
        below = [repr(child) for child in self.children]
        if self.kind in _DICTS:
            pairs = ", ".join(f"{key!r}: {text}" for key, text in zip(self.context[0], below))
            return f"{{{pairs}}}" if self.kind is dict else f"{self.kind.__name__}({{{pairs}}})"
        if self.kind is tuple:
            return f"({below[0]},)" if len(below) == 1 else f"({', '.join(below)})"
        inside = ", ".join(below)
        return f"[{inside}]" if self.kind is list else f"{self.kind.__name__}({inside})"


LEAF = TreeSpec(None, None, ())


def _is_named(kind: Any) -> bool:
    """Whether `kind` is a named tuple, or what operations with several results give (torchy.return_types)."""
    return issubclass(kind, tuple) and (hasattr(kind, "_fields") or hasattr(kind, "n_fields"))


def _parts(tree: Any) -> tuple[Any, Any] | None:
    """The children of a container, and what to remember of it; None for a leaf."""
    kind = type(tree)
    if kind in _DICTS:
        keys = list(tree)
        return [tree[k] for k in keys], (keys, tree.default_factory if kind is defaultdict else None)
    if kind in _SEQUENCES:
        return tree, tree.maxlen if kind is deque else None
    return (tree, None) if _is_named(kind) else None


def _take_apart(tree: Any, leaves: list[Any]) -> TreeSpec:
    if isinstance(tree, _C.Tensor) or (parts := _parts(tree)) is None:
        leaves.append(tree)
        return LEAF
    children, context = parts
    return TreeSpec(type(tree), context, tuple([_take_apart(child, leaves) for child in children]))


def tree_flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves of `tree`, left to right, and its spec; dicts in the order of their keys' insertion."""
    leaves: list[Any] = []
    spec = _take_apart(tree, leaves)
    return leaves, spec


def tree_leaves(tree: Any) -> list[Any]:
    """The leaves of `tree`, left to right."""
    return tree_flatten(tree)[0]


def _build(spec: TreeSpec, leaves: Any) -> Any:
    kind = spec.kind
    if kind is None:
        return next(leaves)
    children = [_build(child, leaves) for child in spec.children]
    if kind in _DICTS:
        keys, factory = spec.context
        pairs = zip(keys, children)
        return defaultdict(factory, pairs) if kind is defaultdict else kind(pairs)
    if kind is deque:
        return deque(children, spec.context)
    return kind._make(children) if hasattr(kind, "_make") else kind(children)


def tree_unflatten(leaves: Any, spec: TreeSpec) -> Any:
    """The tree that `spec` describes with these leaves. ValueError unless there are `spec.num_leaves` of them."""
    leaves = list(leaves)
    if len(leaves) != spec.num_leaves:
        raise ValueError(f"tree_unflatten: got {len(leaves)} leaves for {spec}; give {spec.num_leaves}")
    return _build(spec, iter(leaves))


def tree_map(fn: Callable[..., Any], tree: Any, *rests: Any) -> Any:
    """A tree shaped like `tree` of `fn(leaf, *leaves)`, with what each of `rests` has in the leaf's place.

    ValueError if one of `rests` lacks a container that `tree` has.
    """
    leaves, spec = tree_flatten(tree)
    columns = [_cut(spec, rest, "tree_map") for rest in rests]
    return tree_unflatten([fn(*row) for row in zip(leaves, *columns)], spec)


def _same_kind(spec: TreeSpec, tree: Any) -> bool:
    """Whether `tree` is the container that `spec` wants; all sorts of dicts with equal keys are the same."""
    kind = type(tree)
    if spec.kind in _DICTS and kind in _DICTS:
        return len(tree) == len(spec.context[0]) and all(key in tree for key in spec.context[0])
    return kind is spec.kind and len(tree) == len(spec.children)


def _pieces(spec: TreeSpec, tree: Any) -> Any:
    """The children of `tree` in the order of `spec`."""
    return [tree[key] for key in spec.context[0]] if spec.kind in _DICTS else tree


def _cut(spec: TreeSpec, tree: Any, op: str) -> list[Any]:
    """What `tree` has in the place of each leaf of `spec`."""
    if spec.kind is None:
        return [tree]
    if not _same_kind(spec, tree):
        raise ValueError(f"{op}: {tree_flatten(tree)[1]} stands where {spec} was expected; give trees of one structure")
    return [leaf for child, part in zip(spec.children, _pieces(spec, tree)) for leaf in _cut(child, part, op)]


def broadcast_prefix(prefix: Any, tree: Any) -> list[Any]:
    """One entry of `prefix` for each leaf of `tree`: where `prefix` stops, its leaf stands for all that lies below.

    tree: any tree, or the TreeSpec of one. `broadcast_prefix((0, None), (x, [y, z]))` gives `[0, None, None]`.
    ValueError if `prefix` has a container where `tree` has a leaf, or another one.
    """
    return _spread(prefix, tree if isinstance(tree, TreeSpec) else tree_flatten(tree)[1])


def _spread(prefix: Any, spec: TreeSpec) -> list[Any]:
    if _parts(prefix) is None:
        return [prefix] * spec.num_leaves
    if spec.kind is None or not _same_kind(spec, prefix):
        found = tree_flatten(prefix)[1]
        raise ValueError(
            f"broadcast_prefix: the prefix {found} does not lead into {spec}; give a leaf, or containers like it"
        )
    return [entry for child, part in zip(spec.children, _pieces(spec, prefix)) for entry in _spread(part, child)]
