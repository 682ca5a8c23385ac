"""`op()`: one entry of the table, and every check of an entry that needs no compiler.

Layer: optable (standard library only). What is generated from an entry lives in codegen/.
"""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import dataclass, field
from typing import Any

TABLE: dict[str, Op] = {}

LINEAR = "LINEAR"  # jvp: the operation itself applied to the tangent
MULTILINEAR = "MULTILINEAR"  # jvp: sum over inputs, each replaced by its tangent
ELEMENTWISE = "ELEMENTWISE"  # jvp: conj(vjp rule at conj(tangent)), summed over inputs
NONDIFF = "NONDIFF"  # this argument, or this operation, has no gradient

TYPES = {
    "Tensor", "Tensor?", "Tensor[]", "Operand", "Scalar", "Scalar?", "int", "int?", "int[]", "int[]?",
    "float", "float?", "bool", "bool?", "str", "str?", "dtype", "dtype?", "Generator?", "Tensor?[]",
}  # fmt: skip
TENSOR_TYPES = {"Tensor", "Tensor?", "Tensor[]", "Operand", "Tensor?[]"}
FORMS = {"function", "method", "inplace", "out", "internal", "property"}
COMPLEX = {"holomorphic", "custom", "no"}
PROMOTE = {"arithmetic", "float", "compare", "logical", "bitwise", "none"}
FAMILIES = [
    "pointwise", "activation", "reduce", "scan", "shape", "join", "index", "linalg", "create", "random", "nn",
]  # fmt: skip


class SpecError(Exception):
    """An entry of the table is wrong; the text says which and what to write."""


@dataclass(frozen=True)
class Param:
    """One parameter of a schema."""

    name: str
    type: str
    default: Any = None
    has_default: bool = False
    kwonly: bool = False

    @property
    def is_tensor(self) -> bool:
        return self.type in TENSOR_TYPES


@dataclass
class Op:
    """One operation; see `op` for the fields."""

    name: str  # Python name: "max"
    overload: str  # "dim" or ""
    params: list[Param]
    returns: list[tuple[str, str]]  # (type, name)
    schema: str
    family: str
    doc: str
    forms: set[str]
    dunders: list[str]
    pointwise: str | None
    promote: str | None
    kernel: str | None
    composite: str | None
    view: bool
    vjp: dict[str, str]
    jvp: Any
    complex: str
    ref: str
    sign: str
    node: str
    samples: list[Any] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)
    dtypes: str = "all"
    nondiff_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def cname(self) -> str:
        """The C++ name, also the name rules call it by."""
        return f"{self.name}_{self.overload}" if self.overload else self.name

    @property
    def differentiable(self) -> bool:
        return any(rule != NONDIFF for rule in self.vjp.values())

    @property
    def masks_zero_gradient(self) -> bool:
        """Whether autograd.zero_times_inf_is_zero applies: each element's gradient is one factor times a slope."""
        return self.pointwise is not None and self.jvp in (ELEMENTWISE, MULTILINEAR)

    def param(self, name: str) -> Param:
        return next(p for p in self.params if p.name == name)


_SCHEMA = re.compile(r"^(\w+)(?:\.(\w+))?\((.*)\)\s*->\s*(.+)$", re.S)
_current_family = ""


def _parse_default(text: str) -> Any:
    return ast.literal_eval(text)


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [p.strip() for p in parts if p.strip()]


def parse_schema(schema: str) -> tuple[str, str, list[Param], list[tuple[str, str]]]:
    """Split ``name.overload(Type a, *, Type b=1) -> Tensor`` into its parts."""
    match = _SCHEMA.match(schema.strip())
    if not match:
        raise SpecError(f"schema {schema!r}: expected 'name(Type arg, ...) -> Type'")
    name, overload, args, ret = match.groups()
    params: list[Param] = []
    kwonly = False
    for part in _split(args):
        if part == "*":
            kwonly = True
            continue
        m = re.match(r"^(\S+)\s+(\w+)\s*(?:=\s*(.+))?$", part)
        if not m or m.group(1) not in TYPES:
            raise SpecError(f"{name}: parameter {part!r}: expected 'Type name[=default]' with a type of {sorted(TYPES)}")
        default = _parse_default(m.group(3)) if m.group(3) is not None else None
        params.append(Param(m.group(2), m.group(1), default, m.group(3) is not None, kwonly))
    ret = ret.strip()
    if ret.startswith("("):
        returns: list[tuple[str, str]] = []
        for part in _split(ret[1:-1]):
            bits = part.split()
            returns.append((bits[0], bits[1] if len(bits) > 1 else f"result{len(returns)}"))
    else:
        returns = [(ret, "result")]
    return name, overload or "", params, returns


def op(
    schema: str,
    *,
    doc: str,
    forms: str = "function method",
    pointwise: str | None = None,
    promote: str | None = None,
    kernel: str | None = None,
    composite: str | None = None,
    view: bool = False,
    vjp: dict[str, str] | str | None = None,
    jvp: Any = None,
    complex: str = "no",
    ref: str | None = None,
    sign: str | None = None,
    node: str | None = None,
    samples: list[Any] | None = None,
    errors: list[Any] | None = None,
    dtypes: str = "all",
    nondiff_outputs: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
) -> Op:
    """Declare one operation.

    schema: ``name[.overload](Type arg[=default], *, ...) -> Type``.
    doc: one sentence, then shapes, dtypes, errors, source of the formula.
    forms: words of function, method, inplace, out, internal (C++ only), plus operator methods.
    pointwise / kernel / composite: what computes it; exactly one.
    promote: dtype rule of a pointwise operation.
    view: the result shares memory with `self`.
    vjp: rule per Tensor argument (an expression in grad, arguments and results), or NONDIFF.
    jvp: LINEAR, MULTILINEAR, ELEMENTWISE, or an expression in ``<arg>_t``
        (a dict by result name when there are several results).
    complex: holomorphic, custom (a rule of its own for complex numbers) or no.
    ref: NumPy reference, ``numpy.x`` or a function of tests/reference.
    sign: how pictures of graphs write it. node: the node's name without ``Backward0``, or with it
        where PyTorch numbers the overloads in another order.
    """
    name, overload, params, returns = parse_schema(schema)
    words = forms.split()
    plain = {w for w in words if not w.startswith("__")}
    if vjp == NONDIFF or vjp is None:
        rules = {p.name: NONDIFF for p in params if p.is_tensor} if vjp == NONDIFF else {}
    else:
        assert isinstance(vjp, dict)
        rules = dict(vjp)
    entry = Op(
        name=name, overload=overload, params=params, returns=returns, schema=" ".join(schema.split()),
        family=_current_family, doc=doc, forms=plain, dunders=[w for w in words if w.startswith("__")],
        pointwise=pointwise, promote=promote, kernel=kernel, composite=composite, view=view, vjp=rules, jvp=jvp,
        complex=complex, ref=ref or "", sign=sign or name, samples=samples or [], errors=errors or [],
        node=node or "".join(w[:1].upper() + w[1:] for w in name.lstrip("_").split("_")),
        dtypes=dtypes, nondiff_outputs=nondiff_outputs, aliases=aliases,
    )  # fmt: skip
    check(entry)
    if entry.cname in TABLE:
        raise SpecError(f"{entry.cname}: declared twice")
    TABLE[entry.cname] = entry
    return entry


def names_in(expression: str) -> set[str]:
    """The plain names an expression reads (functions it calls excluded)."""
    tree = ast.parse(expression, mode="eval")
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}


def calls_in(expression: str) -> set[str]:
    """The functions an expression calls."""
    tree = ast.parse(expression, mode="eval")
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def allowed_names(entry: Op) -> set[str]:
    """Names a vjp rule of this entry may read."""
    return {p.name for p in entry.params} | {n for _, n in entry.returns} | {"grad", "grads", "result", "None"}


def check(entry: Op) -> None:
    """Raise SpecError if the entry contradicts itself."""
    who = entry.cname
    if sum(x is not None for x in (entry.pointwise, entry.kernel, entry.composite)) != 1:
        raise SpecError(f"{who}: give exactly one of pointwise=, kernel=, composite=")
    if unknown := entry.forms - FORMS:
        raise SpecError(f"{who}: unknown forms {sorted(unknown)}; allowed are {sorted(FORMS)}")
    if entry.complex not in COMPLEX:
        raise SpecError(f"{who}: complex={entry.complex!r}; one of {sorted(COMPLEX)}")
    if not entry.doc.strip():
        raise SpecError(f"{who}: needs doc=")
    if entry.pointwise is not None and entry.promote not in PROMOTE:
        raise SpecError(f"{who}: a pointwise operation needs promote= of {sorted(PROMOTE)}")
    tensors = [p.name for p in entry.params if p.is_tensor]
    if entry.composite is not None:
        if entry.vjp or entry.jvp:
            raise SpecError(f"{who}: a composite has no rules of its own")
        parse_expression(who, entry.composite)
    elif tensors:
        missing = set(tensors) - set(entry.vjp)
        if missing:
            raise SpecError(f"{who}: no vjp for {sorted(missing)}; write a rule or NONDIFF")
        extra = set(entry.vjp) - set(tensors)
        if extra:
            raise SpecError(f"{who}: vjp for {sorted(extra)}, which are not Tensor arguments")
    if entry.differentiable and entry.jvp is None:
        raise SpecError(f"{who}: differentiable, so it needs jvp= (LINEAR, MULTILINEAR, ELEMENTWISE or a rule)")
    for arg, rule in entry.vjp.items():
        if rule == NONDIFF:
            continue
        parse_expression(who, rule)
        if bad := names_in(rule) - allowed_names(entry):
            raise SpecError(f"{who}: the rule for {arg} reads {sorted(bad)}, which it cannot see")
    for rule in entry.jvp.values() if isinstance(entry.jvp, dict) else [entry.jvp]:
        if rule in (None, LINEAR, MULTILINEAR, ELEMENTWISE, NONDIFF):
            continue
        parse_expression(who, rule)
        tangents = {f"{t}_t" for t in tensors}
        if bad := names_in(rule) - allowed_names(entry) - tangents:
            raise SpecError(f"{who}: the jvp rule reads {sorted(bad)}, which it cannot see")


def parse_expression(who: str, text: str) -> ast.expr:
    """Parse a rule, with the entry's name in the error."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise SpecError(f"{who}: rule {text!r} is not a Python expression: {error.msg}") from None


def load_all() -> dict[str, Op]:
    """Import every family once and return the table, checked as a whole."""
    global _current_family
    for family in FAMILIES:
        _current_family = family
        importlib.import_module(f"optable.{family}")
    from optable import formulas

    known = set(TABLE) | set(formulas.SIGNATURES) | set(getattr(formulas, "NATIVE_HELPERS", ())) | {"len", "int", "float"}
    for entry in TABLE.values():
        rules = [r for r in entry.vjp.values() if r != NONDIFF]
        rules += [entry.composite] if entry.composite else []
        jvps = list(entry.jvp.values()) if isinstance(entry.jvp, dict) else [entry.jvp]
        rules += [r for r in jvps if isinstance(r, str) and r not in (LINEAR, MULTILINEAR, ELEMENTWISE, NONDIFF)]
        for rule in rules:
            if bad := calls_in(rule) - known:
                raise SpecError(f"{entry.cname}: rule {rule!r} calls {sorted(bad)}, not in the table or formulas.py")
        if entry.differentiable and not entry.samples:
            raise SpecError(f"{entry.cname}: differentiable, so it needs samples=")
    return TABLE
