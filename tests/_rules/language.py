"""The rule language over NumPy: every table operation is its reference, composites are their expression.

A `Value` may carry a tangent; operations then apply their own jvp rules, so that any expression of the
language can be differentiated forward. This is how rules are checked at second order.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import numpy as np

from _rules.references import helper, reference
from optable import formulas
from optable.spec import ELEMENTWISE, LINEAR, MULTILINEAR, NONDIFF, TABLE, Op, load_all


class Value:
    """What a rule sees as a tensor: an array, and in forward mode its tangent."""

    __slots__ = ("array", "tangent")

    def __init__(self, array: np.ndarray, tangent: np.ndarray | None = None) -> None:
        self.array = array
        self.tangent = tangent

    @property
    def shape(self) -> list[int]:
        return list(self.array.shape)

    @property
    def ndim(self) -> int:
        return self.array.ndim

    @property
    def numel(self) -> int:
        return self.array.size

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    @property
    def is_complex(self) -> bool:
        return self.array.dtype.kind == "c"

    def __bool__(self) -> bool:
        raise TypeError("a rule cannot decide by the values of a tensor")

    def __add__(self, other: Any) -> Value:
        return NAMES["call_add"](self, other)

    def __radd__(self, other: Any) -> Value:
        return NAMES["call_add"](other, self)

    def __sub__(self, other: Any) -> Value:
        return NAMES["call_sub"](self, other)

    def __rsub__(self, other: Any) -> Value:
        return NAMES["call_sub"](other, self)

    def __mul__(self, other: Any) -> Value:
        return NAMES["call_mul"](self, other)

    def __rmul__(self, other: Any) -> Value:
        return NAMES["call_mul"](other, self)

    def __truediv__(self, other: Any) -> Value:
        return NAMES["call_div"](self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return NAMES["call_div"](other, self)

    def __pow__(self, other: Any) -> Value:
        return NAMES["call_pow"](self, other)

    def __rpow__(self, other: Any) -> Value:
        return NAMES["call_pow"](other, self)

    def __neg__(self) -> Value:
        return NAMES["call_neg"](self)


def unwrapped(x: Any) -> Any:
    """Arrays instead of values, in lists too."""
    if isinstance(x, Value):
        return x.array
    if isinstance(x, (list, tuple)):
        return [unwrapped(v) for v in x]
    return x


def wrapped(x: Any) -> Any:
    """Values instead of arrays, in lists too."""
    if isinstance(x, (np.ndarray, np.generic)):
        return Value(np.asarray(x))
    if isinstance(x, (list, tuple)):
        return [wrapped(v) for v in x]
    return x


def has_tangent(x: Any) -> bool:
    if isinstance(x, Value):
        return x.tangent is not None
    return isinstance(x, (list, tuple)) and any(has_tangent(v) for v in x)


def primal(x: Any) -> Any:
    """The value without its tangent."""
    if isinstance(x, Value):
        return Value(x.array) if x.tangent is not None else x
    return [primal(v) for v in x] if isinstance(x, (list, tuple)) else x


def tangent(x: Any) -> Any:
    """The tangent of a value; zeros where it has none; 0 for a number."""
    if isinstance(x, Value):
        return Value(np.zeros_like(x.array) if x.tangent is None else x.tangent)
    if isinstance(x, (list, tuple)):
        return [tangent(v) for v in x]
    return None if x is None else 0


def attach(x: Any, t: Any) -> Any:
    """`x` with tangent `t`, in lists too; broadcast to the shape of x."""
    if isinstance(x, (list, tuple)):
        return [attach(a, b) for a, b in zip(x, t, strict=True)]
    if t is None or x.array.dtype.kind not in "fc":
        return x
    moved = t.array if isinstance(t, Value) else np.asarray(t)
    if moved.shape != x.array.shape:
        moved = np.broadcast_to(moved, x.array.shape)
    return Value(x.array, moved)


# ---- expressions


def renamed(node: ast.AST) -> ast.AST:
    """A copy in which called names are apart from variables: a parameter may share an operation's name."""
    new = type(node)()
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            value = renamed(value)
        elif isinstance(value, list):
            value = [renamed(v) if isinstance(v, ast.AST) else v for v in value]
        setattr(new, name, value)
    if isinstance(new, ast.Call) and isinstance(new.func, ast.Name):
        new.func.id = f"call_{new.func.id}"
    if "lineno" in new._attributes:
        new.lineno = new.end_lineno = 1
        new.col_offset = new.end_col_offset = 0
    return new


def compiled_tree(tree: ast.AST) -> CodeType:
    """Code of a parsed expression."""
    return compile(renamed(tree), "<rule>", "eval")


@functools.cache
def compiled(text: str) -> CodeType:
    return compiled_tree(ast.parse(text, mode="eval"))


def evaluate(rule: str | CodeType, names: dict[str, Any]) -> Any:
    """A rule or composite with the given names."""
    code = compiled(rule) if isinstance(rule, str) else rule
    return eval(code, NAMES, names)


def environment(op: Op, values: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
    """The names a rule of `op` may read, gradients excluded."""
    names = dict(values)
    for (_, name), value in zip(op.returns, results, strict=True):
        names[name] = value
    return names


def gradient_names(op: Op, grads: Sequence[Any]) -> dict[str, Any]:
    """`grad`, or `grads` where several results have gradients (zeros for those that have none)."""
    kept = [i for i, (_, name) in enumerate(op.returns) if name not in op.nondiff_outputs]
    if op.returns[0][0] == "Tensor[]":
        return {"grads": grads[0]}
    if len(op.returns) == 1 or len(kept) == 1:
        return {"grad": grads[kept[0]]}
    return {"grads": list(grads)}


# ---- operations


def bound(op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by parameter name, without the defaults that were not given."""
    if len(args) > len(op.params):
        raise TypeError(f"{op.cname}: takes at most {len(op.params)} arguments, got {len(args)}")
    given = {p.name: a for p, a in zip(op.params, args, strict=False)}
    for name, value in kwargs.items():
        if name in given or all(p.name != name for p in op.params):
            raise TypeError(f"{op.cname}: bad keyword {name!r}")
        given[name] = value
    if missing := [p.name for p in op.params if p.name not in given and not p.has_default]:
        raise TypeError(f"{op.cname}: misses {missing}")
    return given


def with_defaults(op: Op, given: dict[str, Any]) -> dict[str, Any]:
    return {p.name: given[p.name] if p.name in given else p.default for p in op.params}


def forward(op: Op, given: dict[str, Any]) -> list[Any]:
    """The results of `op` by its reference, on values or arrays."""
    positional, keywords, skipped = [], {}, []
    for p in op.params:
        if p.name not in given:
            skipped.append(p.default)
        elif p.kwonly:
            keywords[p.name] = unwrapped(given[p.name])
        else:
            positional += [*skipped, unwrapped(given[p.name])]
            skipped = []
    out = reference(op)(*positional, **keywords)
    if len(op.returns) == 1:
        out = [out]
    if len(out) != len(op.returns):
        raise TypeError(f"{op.cname}: its reference returns {len(out)} results, its schema {len(op.returns)}")
    return [wrapped(x) if type_.startswith("Tensor") else x for (type_, _), x in zip(op.returns, out, strict=True)]


recorders: list[Any] = []  # see reverse.py


def call_op(op: Op, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
    """What calling `op` in a rule means; results as a list."""
    given = bound(op, args, kwargs)
    if op.composite is not None:
        out = evaluate(op.composite, with_defaults(op, given))
        return [out] if len(op.returns) == 1 else list(out)
    if not any(has_tangent(v) for v in given.values()):
        results = forward(op, given)
        if recorders:
            recorders[-1].note(op, given, results)
        return results
    plain = {k: primal(v) for k, v in given.items()}
    results = forward(op, plain)
    if not op.differentiable:
        return results
    tangents = push_forward(op, plain, {k: tangent(v) for k, v in given.items() if op.param(k).is_tensor}, results)
    return [attach(r, t) for r, t in zip(results, tangents, strict=True)]


def differentiable(op: Op, name: str, value: Any) -> bool:
    """Does this argument have a rule and floating values?"""
    if op.vjp.get(name, NONDIFF) == NONDIFF:
        return False
    items = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(v, Value) and v.array.dtype.kind in "fc" for v in items)


def conjugate(x: Any) -> Any:
    if isinstance(x, Value):
        return Value(np.conj(x.array)) if x.is_complex else x
    return [conjugate(v) for v in x] if isinstance(x, (list, tuple)) else x


def push_forward(
    op: Op, values: dict[str, Any], tangents: dict[str, Any], results: Sequence[Any], rule: Any = None
) -> list[Any]:
    """The tangents of the results by the jvp rule (None for results that have none)."""
    rule = op.jvp if rule is None else rule
    full = with_defaults(op, values)
    moving = [k for k in op.vjp if k in values and differentiable(op, k, values[k])]
    kept = [i for i, (_, name) in enumerate(op.returns) if name not in op.nondiff_outputs]
    if not moving:
        return [None] * len(op.returns)
    if rule == LINEAR:
        out = forward(op, {**values, **{k: tangents[k] for k in moving}})
        return [t if i in kept else None for i, t in enumerate(out)]
    if rule == MULTILINEAR:
        terms = [forward(op, {**values, k: tangents[k]})[0] for k in moving]
        return [functools.reduce(lambda a, b: a + b, terms)]
    names = environment(op, full, results)
    if rule == ELEMENTWISE:
        terms = [
            conjugate(evaluate(op.vjp[k], {**names, "grad": conjugate(tangents[k])})) for k in moving
        ]  # fmt: skip
        total = functools.reduce(lambda a, b: a + b, terms)
        return [total if i in kept else None for i in range(len(op.returns))]
    for p in op.params:
        if p.is_tensor:
            names[f"{p.name}_t"] = tangents[p.name] if p.name in moving else tangent(full[p.name])
    if isinstance(rule, dict):
        return [evaluate(rule[n], names) if n in rule else None for _, n in op.returns]
    out = evaluate(rule, names)
    return [out if i in kept else None for i in range(len(op.returns))]


# ---- the names that rules may call


def _operation(op: Op) -> Callable[..., Any]:
    single = len(op.returns) == 1

    def run(*args: Any, **kwargs: Any) -> Any:
        out = call_op(op, args, kwargs)
        return out[0] if single else out

    run.__name__ = op.cname
    return run


def _twin(name: str) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        out = helper(name)(*[unwrapped(a) for a in args], **{k: unwrapped(v) for k, v in kwargs.items()})
        return wrapped(out) if isinstance(out, np.ndarray) else out

    run.__name__ = name
    return run


def formula(node: ast.FunctionDef) -> Callable[..., Any]:
    """A function of formulas.py compiled among the names of the rule language."""
    bare = renamed(node)
    bare.returns = None
    for a in [*bare.args.args, *bare.args.kwonlyargs]:
        a.annotation = None
    scope: dict[str, Any] = {}
    tree = ast.Module(body=[bare], type_ignores=[])
    exec(compile(tree, f"formulas.{node.name}", "exec"), NAMES, scope)
    return scope[node.name]


NAMES: dict[str, Any] = {}  # functions as call_<name>


def _number_or(name: str, on_number: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """conj and real leave numbers numbers and real tensors as they are."""
    operation = _operation(TABLE[name]) if name in TABLE else None

    def run(x: Any) -> Any:
        if not isinstance(x, Value):
            return on_number(x)
        if not x.is_complex or operation is None:
            return x
        return operation(x)

    run.__name__ = name
    return run


def build_names() -> None:
    """Fill NAMES from the table and formulas.py, as codegen resolves them."""
    calls: dict[str, Any] = {name: formula(node) for name, node in formulas.SIGNATURES.items()}
    natives = getattr(formulas, "NATIVE_HELPERS", set())
    calls.update({name: _twin(name) for name in natives})
    calls.update({name: _operation(op) for name, op in TABLE.items()})
    calls.update({name: f for name, f in {"min": min, "max": max}.items() if name in natives})
    calls.update(len=len, int=int, float=float, range=range)
    calls["conj"] = _number_or("conj", lambda x: x.conjugate())
    calls["real"] = _number_or("real", lambda x: x.real)
    NAMES.clear()
    NAMES.update(__builtins__={}, inf=np.inf, nan=np.nan)
    NAMES.update({f"call_{name}": f for name, f in calls.items()})


load_all()
build_names()
