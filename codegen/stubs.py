"""The type stub of the extension and the reference pages. Layer: codegen."""

from __future__ import annotations

import sys
from pathlib import Path

from codegen.bindings import is_factory
from codegen.nodes import formula_text
from optable.spec import ELEMENTWISE, LINEAR, MULTILINEAR, Op, Param

ROOT = Path(__file__).resolve().parent.parent
# The stub's own int, float and bool are dtypes, so Python's are written out.
_INT, _FLOAT, _BOOL, _STR = "builtins.int", "builtins.float", "builtins.bool", "builtins.str"
PYTHON = {
    "Tensor": "Tensor", "Tensor?": "Tensor | None", "Tensor[]": "Sequence[Tensor]",
    "Tensor?[]": "Sequence[Tensor | None]", "Operand": "Tensor | Number", "Scalar": "Number | Tensor",
    "Scalar?": "Number | Tensor | None", "int": _INT, "int?": f"{_INT} | None",
    "int[]": f"{_INT} | Sequence[{_INT}]", "int[]?": f"{_INT} | Sequence[{_INT}] | None", "float": _FLOAT,
    "float?": f"{_FLOAT} | None", "bool": _BOOL, "bool?": f"{_BOOL} | None", "str": _STR, "str?": f"{_STR} | None",
    "dtype": "_dtype", "dtype?": "_dtype | None", "Generator?": "Generator | None",
}  # fmt: skip
RETURNS = {"Tensor": "Tensor", "Tensor[]": "tuple[Tensor, ...]", "bool": _BOOL, "int": _INT, "Scalar": "Number"}
FACTORY = (
    "device: Any = None, requires_grad: builtins.bool = False, layout: Any = None, pin_memory: builtins.bool = False"
)


def _param(p: Param) -> str:
    text = f"{p.name}: {PYTHON[p.type]}"
    return f"{text} = {p.default!r}" if p.has_default else text


def _params(params: list[Param], op: Op | None = None, inplace: bool = False) -> str:
    """The parameters as Python text: sizes also as varargs, factory keywords, out=."""
    out, star = [], False
    for i, p in enumerate(params):
        if p.kwonly and not star:
            out.append("*")
            star = True
        last = i + 1 == len(params) or params[i + 1].kwonly
        if p.type == "int[]" and last and not star and not p.has_default:
            out.append(f"*{p.name}: Any")
            star = True
        else:
            out.append(_param(p))
    extra = []
    if op is not None and is_factory(op) and not inplace:
        extra.append(FACTORY)
    if op is not None and "out" in op.forms and not inplace:
        extra.append("out: Any = None")
    if extra and not star:
        out.append("*")
    return ", ".join(out + extra)


def returns(op: Op) -> str:
    types = [RETURNS[t] for t, _ in op.returns]
    return types[0] if len(types) == 1 else _tuple_name(op)


def _tuple_name(op: Op) -> str:
    """The stub's class of several results, one for all operations with results of these names."""
    return "_" + "".join(n.capitalize() for _, n in op.returns)


def _tuple_classes(table: dict[str, Op]) -> list[str]:
    several = {_tuple_name(op): op for op in table.values() if len(op.returns) > 1}
    lines = []
    for name in sorted(several):
        lines += [f"class {name}(NamedTuple):", *(f"    {n}: {RETURNS[t]}" for t, n in several[name].returns), ""]
    return lines


def stub_of(op: Op) -> str:
    return f"def {op.name}({_params(op.params, op)}) -> {returns(op)}: ..."


def _accepts_all_of(wide: Op, narrow: Op) -> bool:
    """Whether every call that fits narrow's parameters fits wide's too: a type checker never reaches narrow."""
    return len(wide.params) == len(narrow.params) and all(
        a.name == b.name
        and a.kwonly == b.kwonly
        and a.has_default >= b.has_default
        and set(PYTHON[b.type].split(" | ")) <= set(PYTHON[a.type].split(" | "))
        for a, b in zip(wide.params, narrow.params)
    )


def _group(items: list[tuple[str, str, Op]], indent: str) -> list[str]:
    """Functions of one name become overloads, without those that an earlier one covers."""
    by: dict[str, list[tuple[str, Op]]] = {}
    for name, text, op in items:
        kept = by.setdefault(name, [])
        if not any(_accepts_all_of(earlier, op) for _, earlier in kept):
            kept.append((text, op))
    lines = []
    for name in sorted(by):
        for text, _ in by[name]:
            if len(by[name]) > 1:
                lines.append(f"{indent}@overload")
            lines.append(indent + text)
    return lines


def stub_file(table: dict[str, Op]) -> str:
    functions: list[tuple[str, str, Op]] = []
    methods: list[tuple[str, str, Op]] = []
    for op in table.values():
        for name in (op.name, *op.aliases):
            args = _params(op.params, op)
            if "function" in op.forms:
                functions.append((name, f"def {name}({args}) -> {returns(op)}: ...", op))
            rest = [p for p in op.params[1:]]
            plain = ", ".join(x for x in ("self", _params(rest, op)) if x)
            inplace = ", ".join(x for x in ("self", _params(rest, op, inplace=True)) if x)
            if "method" in op.forms:
                methods.append((name, f"def {name}({plain}) -> {returns(op)}: ...", op))
            if "inplace" in op.forms:
                methods.append((f"{name}_", f"def {name}_({inplace}) -> Tensor: ...", op))
        for d in op.dunders:
            other = "other: Any" if len(op.params) > 1 else ""
            note = "  # type: ignore[override]  # a tensor, not object's bool" if d in ("__eq__", "__ne__") else ""
            methods.append((d, f"def {d}({', '.join(x for x in ('self', other) if x)}) -> Tensor: ...{note}", op))
    properties = [o.name for o in table.values() if "property" in o.forms]
    head = (ROOT / "codegen" / "stub_head.pyi").read_text()
    start, tensor = head.rstrip().split("class Tensor:")
    lines = [start.rstrip(), "", *_tuple_classes(table), f"class Tensor:{tensor}", ""]
    for name in properties:
        lines += ["    @property", f"    def {name}(self) -> Tensor: ..."]
    lines += _group(methods, "    ") + [""] + _group(functions, "")
    return "\n".join(lines) + "\n"


def _jvp_text(op: Op) -> str:
    named = {
        LINEAR: "the operation applied to the tangent",
        MULTILINEAR: "the sum over inputs of the operation with that input replaced by its tangent",
        ELEMENTWISE: "conj(rule at conj(tangent)), summed over inputs",
    }
    if isinstance(op.jvp, dict):
        return "; ".join(f"{k}: `{v}`" for k, v in op.jvp.items())
    return named.get(op.jvp, f"`{op.jvp}`")


def page(family: str, ops: list[Op]) -> str:
    """One reference page per family, with each operation's formula."""
    lines = [f"# {family.capitalize()} operations", "", "Generated from the table (`optable/`); do not edit.", ""]
    for op in ops:
        if op.forms == {"internal"}:
            continue
        lines += [f"## {op.cname}", "", f"`{op.schema}`", "", op.doc.strip(), ""]
        if op.differentiable:
            lines += [f"- gradient: `{formula_text(op)}`", f"- tangent: {_jvp_text(op)}", f"- complex: {op.complex}"]
        elif op.composite:
            lines += [f"- is `{op.composite}`; gradients follow from its parts"]
        else:
            lines += ["- no gradient"]
        forms = sorted(op.forms - {"internal"}) + op.dunders
        lines += [f"- forms: {', '.join(forms)}"]
        if op.aliases:
            lines += [f"- aliases: {', '.join(op.aliases)}"]
        lines.append("")
    return "\n".join(lines)


def doc_files(table: dict[str, Op]) -> dict[Path, str]:
    files = {ROOT / "src" / "torchy" / "_C.pyi": stub_file(table)}
    families: dict[str, list[Op]] = {}
    for op in table.values():
        families.setdefault(op.family, []).append(op)
    for family, ops in families.items():
        files[ROOT / "docs" / "reference" / f"{family}.md"] = page(family, ops)
    return files


def write_docs(table: dict[str, Op], check: bool = False) -> int:
    stale = []
    for path, text in doc_files(table).items():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(path)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if check and stale:
        print("codegen: out of date: " + ", ".join(str(p.relative_to(ROOT)) for p in stale), file=sys.stderr)
        print("run: python -m codegen docs", file=sys.stderr)
        return 1
    return 0
