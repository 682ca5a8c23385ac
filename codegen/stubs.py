"""The type stub of the extension and the reference pages. Layer: codegen."""

from __future__ import annotations

import sys
from pathlib import Path

from codegen.nodes import formula_text
from optable.spec import ELEMENTWISE, LINEAR, MULTILINEAR, Op, Param

ROOT = Path(__file__).resolve().parent.parent
PYTHON = {
    "Tensor": "Tensor", "Tensor?": "Tensor | None", "Tensor[]": "Sequence[Tensor]",
    "Tensor?[]": "Sequence[Tensor | None]", "Operand": "Tensor | Number", "Scalar": "Number",
    "Scalar?": "Number | None", "int": "int", "int?": "int | None", "int[]": "int | Sequence[int]",
    "int[]?": "int | Sequence[int] | None", "float": "float", "float?": "float | None", "bool": "bool",
    "bool?": "bool | None", "str": "str", "str?": "str | None", "dtype": "dtype", "dtype?": "dtype | None",
    "Generator?": "Generator | None",
}  # fmt: skip
RETURNS = {"Tensor": "Tensor", "Tensor[]": "tuple[Tensor, ...]", "bool": "bool", "int": "int", "Scalar": "Number"}


def _param(p: Param) -> str:
    text = f"{p.name}: {PYTHON[p.type]}"
    return f"{text} = {p.default!r}" if p.has_default else text


def _params(params: list[Param]) -> str:
    out, star = [], False
    for p in params:
        if p.kwonly and not star:
            out.append("*")
            star = True
        out.append(_param(p))
    return ", ".join(out)


def returns(op: Op) -> str:
    types = [RETURNS[t] for t, _ in op.returns]
    return types[0] if len(types) == 1 else f"tuple[{', '.join(types)}]"


def stub_of(op: Op) -> str:
    return f"def {op.name}({_params(op.params)}) -> {returns(op)}: ..."


def _group(items: list[tuple[str, str]], indent: str, method: bool) -> list[str]:
    """Functions of one name become overloads."""
    by: dict[str, list[str]] = {}
    for name, text in items:
        by.setdefault(name, []).append(text)
    lines = []
    for name in sorted(by):
        for text in by[name]:
            if len(by[name]) > 1:
                lines.append(f"{indent}@overload")
            lines.append(indent + text)
    return lines


def stub_file(table: dict[str, Op]) -> str:
    functions, methods = [], []
    for op in table.values():
        for name in (op.name, *op.aliases):
            args = _params(op.params)
            if "function" in op.forms:
                functions.append((name, f"def {name}({args}) -> {returns(op)}: ..."))
            rest = [p for p in op.params[1:]]
            inner = f"self, {_params(rest)}" if rest else "self"
            if "method" in op.forms:
                methods.append((name, f"def {name}({inner}) -> {returns(op)}: ..."))
            if "inplace" in op.forms:
                methods.append((f"{name}_", f"def {name}_({inner}) -> Tensor: ..."))
        for d in op.dunders:
            other = "other: Any" if len(op.params) > 1 else ""
            methods.append((d, f"def {d}({', '.join(x for x in ('self', other) if x)}) -> Tensor: ..."))
    properties = [o.name for o in table.values() if "property" in o.forms]
    head = (ROOT / "codegen" / "stub_head.pyi").read_text()
    lines = [head.rstrip(), ""]
    for name in properties:
        lines += ["    @property", f"    def {name}(self) -> Tensor: ..."]
    lines += _group(methods, "    ", True) + [""] + _group(functions, "", False)
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
