"""Small mistakes put into rules, formulas and composites, one at a time, to see whether samples catch them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

from optable import formulas
from optable.spec import ELEMENTWISE, LINEAR, MULTILINEAR, NONDIFF, TABLE, Op

FLIPPED = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "logical_and": "logical_or",
           "logical_or": "logical_and"}  # fmt: skip
COMPARE = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
           ast.Is: ast.IsNot, ast.IsNot: ast.Is}  # fmt: skip
SHAPE_ONLY = {
    "zeros_like",
    "ones_like",
    "full_like",
    "zeros_of",
}  # of their first argument only shape and dtype are read
COPIES = {"contiguous", "contiguous_copy", "clone"}  # the same values in other memory


@dataclass(frozen=True)
class Mutant:
    """One changed place: `before` became `after`, in `tree`."""

    before: ast.AST
    after: ast.AST
    tree: ast.AST
    around: tuple[ast.AST, ...] = ()  # the expressions it lies in, innermost first

    def __str__(self) -> str:
        return f"{_short(self.before)} -> {_short(self.after)}"

    def places(self) -> list[str]:
        """Texts of the expressions around the change, its own included."""
        return [_short(n) for n in (self.before, *self.around) if isinstance(n, (ast.expr, ast.If))]


def _short(node: ast.AST) -> str:
    return f"if {ast.unparse(node.test)}" if isinstance(node, ast.If) else ast.unparse(node)


@dataclass
class Kinds:
    """What may stand for what: the other names of each name's kind; whether complex numbers occur."""

    others: dict[str, str] = field(default_factory=dict)
    complex: bool = True


def kinds_of(op: Op, kind: str) -> Kinds:
    """Names of one kind that an expression may read, each with the next as its replacement."""
    groups: dict[str, list[str]] = {}
    for p in op.params:
        groups.setdefault("Tensor" if p.type == "Operand" else p.type, []).append(p.name)
        if kind == "jvp" and p.is_tensor:
            groups.setdefault("tangent", []).append(f"{p.name}_t")
    for type_, name in op.returns if kind != "composite" else []:
        groups.setdefault(type_, []).append(name)
    return Kinds(_cycle(groups), op.complex != "no")


def kinds_of_formula(node: ast.FunctionDef) -> Kinds:
    groups: dict[str, list[str]] = {}
    for a in node.args.args:
        kind = ast.unparse(a.annotation) if a.annotation else "Tensor"
        groups.setdefault("Tensor" if kind == "Operand" else kind, []).append(a.arg)
    return Kinds(_cycle(groups))


def _cycle(groups: dict[str, list[str]]) -> dict[str, str]:
    out = {}
    for names in groups.values():
        if len(names) > 1:
            out.update(zip(names, [*names[1:], names[0]], strict=True))
    return out


def mutants(tree: ast.AST, kinds: Kinds) -> Iterator[Mutant]:
    """All mutants of an expression or function, each sharing what did not change with the original."""
    yield from (Mutant(tree, new, new) for new in _here(tree, kinds))
    if _is_negative_number(tree):
        return
    for name, value in ast.iter_fields(tree):
        if isinstance(tree, ast.FunctionDef) and name != "body":
            continue
        if isinstance(value, ast.AST) and not (isinstance(tree, ast.Call) and name == "func"):
            for m in mutants(value, kinds):
                if not (isinstance(tree, ast.Attribute) and isinstance(m.after, ast.UnaryOp)):
                    yield Mutant(m.before, m.after, _with(tree, name, m.tree), (*m.around, tree))
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if not isinstance(item, ast.AST) or _is_unseen(tree, name, i) or _is_docstring(tree, name, item):
                    continue
                for m in mutants(item, kinds):
                    changed = [*value[:i], m.tree, *value[i + 1 :]]
                    yield Mutant(m.before, m.after, _with(tree, name, changed), (*m.around, tree))


def _with(node: ast.AST, name: str, value: object) -> ast.AST:
    new = copy.copy(node)
    setattr(new, name, value)
    return new


def _is_negative_number(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)


def _is_guard(node: ast.AST) -> bool:
    """where(eq(...), value, rest): the value holds at isolated points, where differences see nothing."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "where"):
        return False
    test = node.args[0]
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "logical_and":
        test = test.args[0]
    return isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "eq"


def _is_unseen(tree: ast.AST, name: str, index: int) -> bool:
    """An argument of which finite differences see nothing."""
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name) or name != "args":
        return False
    return index == 0 if tree.func.id in SHAPE_ONLY else index < 2 and _is_guard(tree)


def _is_docstring(tree: ast.AST, name: str, item: ast.AST) -> bool:
    return isinstance(tree, ast.FunctionDef) and isinstance(item, ast.Expr)


def _here(node: ast.AST, kinds: Kinds) -> Iterator[ast.AST]:
    """The mutants that change `node` itself."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield from _calls(node, node.func.id, kinds)
    elif isinstance(node, ast.BinOp):
        yield from _operators(node)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id == "grad":
            yield ast.UnaryOp(ast.USub(), node)
        if node.id in kinds.others:
            yield ast.Name(kinds.others[node.id], ast.Load())
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.Compare):
        yield ast.Compare(node.left, [COMPARE[type(o)]() for o in node.ops], node.comparators)
    elif isinstance(node, ast.If):
        yield ast.If(ast.Constant(True), node.body, node.orelse)
        yield ast.If(ast.Constant(False), node.body, node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        v = node.value
        yield ast.Constant(not v if isinstance(v, bool) else v + 1 if isinstance(v, int) else v * 2 or 1.0)


def _calls(node: ast.Call, name: str, kinds: Kinds) -> Iterator[ast.AST]:
    if name in ("conj", "real"):
        if kinds.complex:
            yield node.args[0]
        return
    if name in FLIPPED:
        yield ast.Call(ast.Name(FLIPPED[name], ast.Load()), node.args, node.keywords)
        return
    if name in COPIES:
        return
    if name == "where":
        if _is_guard(node):
            return
        yield ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], [])
        yield from node.args[1:]
        return
    if node.args and (name in TABLE or name in formulas.SIGNATURES):
        yield node.args[0]


def _operators(node: ast.BinOp) -> Iterator[ast.AST]:
    if isinstance(node.op, (ast.Add, ast.Sub)):
        yield ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)
    if isinstance(node.op, (ast.Sub, ast.Div, ast.Pow)):
        yield ast.BinOp(node.right, node.op, node.left)
    if isinstance(node.op, (ast.Mult, ast.Div)):
        yield node.left
    if isinstance(node.op, ast.Mult):
        yield node.right


# ---- the rules of the table as units, and what each calls


@dataclass(frozen=True)
class Unit:
    """One expression of one entry: the vjp of an argument, the jvp of a result, or the composite."""

    op: str
    kind: str  # "vjp", "jvp", "composite"
    name: str  # the argument or result
    text: str

    def __str__(self) -> str:
        return f"{self.op}.{self.kind}" + (f"[{self.name}]" if self.name else "")


def units_of(op: Op) -> list[Unit]:
    """Every expression of an entry that a sample can check."""
    out = [Unit(op.cname, "vjp", a, r) for a, r in op.vjp.items() if r != NONDIFF] if op.samples else []
    jvps = op.jvp if isinstance(op.jvp, dict) else {"": op.jvp}
    if op.differentiable:
        named = (None, LINEAR, MULTILINEAR, ELEMENTWISE, NONDIFF)
        out += [Unit(op.cname, "jvp", n, r) for n, r in jvps.items() if r not in named]
    if op.composite is not None and op.samples and op.ref:
        out.append(Unit(op.cname, "composite", "", op.composite))
    return out


def called(tree: ast.AST) -> set[str]:
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def reached(text: str) -> set[str]:
    """The formulas an expression uses, through other formulas and composites too."""
    waiting, seen = called(ast.parse(text, mode="eval")), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in formulas.SIGNATURES:
            waiting |= called(formulas.SIGNATURES[name])
        elif name in TABLE and TABLE[name].composite is not None:
            waiting |= called(ast.parse(TABLE[name].composite, mode="eval"))
    return seen & set(formulas.SIGNATURES)
