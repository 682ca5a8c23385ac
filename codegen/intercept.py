"""The long way of an operation (csrc/autograd/intercept.h) and its jvp rule as C++. Layer: codegen."""

from __future__ import annotations

import ast

from codegen.translate import Translator, return_type
from optable.spec import ELEMENTWISE, LINEAR, MULTILINEAR, NONDIFF, Op, Param, parse_expression


def entry(op: Op, inplace: bool = False) -> str:
    """The OpEntry constant of one form."""
    mask = sum(1 << i for i, p in enumerate(op.params) if op.vjp.get(p.name, NONDIFF) != NONDIFF)
    random = "true" if op.family == "random" else "false"
    tag = "_" if inplace else ""
    return f'[[maybe_unused]] constexpr OpEntry entry_{op.cname}{tag}{{"{op.cname}{tag}", {mask}u, {random}}};'


def _args(op: Op) -> str:
    return ", ".join(p.name for p in op.params)


def intercept_lines(op: Op) -> list[str]:
    """First lines of a primitive's function. One that returns a number reads only shapes."""
    if all(t not in ("Tensor", "Tensor[]") for t, _ in op.returns):
        return []
    plain = f"[&] {{ return ops::{op.cname}({_args(op)}); }}"
    head = "  if (tls.flags & kUnusual) [[unlikely]]"
    jvp = jvp_lambda(op) if op.differentiable else [f"[](Forward&, const {return_type(op)}&) {{}}"]
    lines = [head, f"    return intercept<{return_type(op)}>(entry_{op.cname}, {{{_args(op)}}}, {plain},"]
    return [*lines, *(f"      {x}" for x in jvp[:-1]), f"      {jvp[-1]});"]


def composite_lines(op: Op, value: str) -> list[str]:
    """The body of a composite; a mode that watches sees it as one operation around its parts."""
    return [
        f"  auto body = [&]() -> {return_type(op)} {{ return {value}; }};",
        f"  if (tls.flags & kModeHook) [[unlikely]] return intercept_composite<{return_type(op)}>"
        f"(entry_{op.cname}, {{{_args(op)}}}, body);",
        "  return body();",
    ]


def intercept_inplace_lines(op: Op) -> list[str]:
    """First lines of an in-place function."""
    first = op.params[0].name
    return [
        "  if (tls.flags & kUnusual) [[unlikely]]",
        f"    return intercept_inplace(entry_{op.cname}_, {{{_args(op)}}}, {first}, [&] {{ ops::{op.cname}_({_args(op)}); }},",
        f"      [&](const Tensor& {first}) {{ return ops::{op.cname}({_args(op)}); }});",
    ]


def jvp_lambda(op: Op) -> list[str]:
    """The lambda that hangs tangents on the results, by the table's jvp rule."""
    names = [n for _, n in op.returns]
    many = len(names) > 1
    lines = [f"[&](Forward& forward, const {return_type(op)}& {'results' if many else 'result'}) {{"]
    if many:
        lines.append(f"  [[maybe_unused]] const auto& [{', '.join(names)}] = results;")
    moving = [p for p in op.params if p.is_tensor and op.vjp.get(p.name, NONDIFF) != NONDIFF]
    kept = [n for n in names if n not in op.nondiff_outputs]
    if op.jvp == LINEAR:
        lines += _linear(op, moving, kept)
    elif op.jvp == MULTILINEAR:
        lines += _multilinear(op, moving)
    elif op.jvp == ELEMENTWISE:
        lines += _elementwise(op, moving)
    else:
        rules = op.jvp if isinstance(op.jvp, dict) else {kept[0]: op.jvp}
        lines += _expressions(op, moving, rules)
    return [*lines, "}"]


def _linear(op: Op, moving: list[Param], kept: list[str]) -> list[str]:
    lines = []
    for p in moving:
        if len(moving) == 1 and p.type in ("Tensor", "Operand"):
            lines.append(f"  Tensor {p.name}_t = forward.tangent({p.name});")
        elif p.type == "Operand":
            lines.append(f"  Value {p.name}_t = forward.or_zero({p.name});")
        else:
            lines.append(f"  auto {p.name}_t = forward.or_zeros({p.name});")
    args = ", ".join(f"{p.name}_t" if p in moving else p.name for p in op.params)
    if len(op.returns) == 1:
        return [*lines, f"  forward.set(result, ops::{op.cname}({args}));"]
    lines.append(f"  auto tangents = ops::{op.cname}({args});")
    names = [n for _, n in op.returns]
    return [*lines, *(f"  forward.set({n}, std::get<{names.index(n)}>(tangents));" for n in kept)]


def _multilinear(op: Op, moving: list[Param]) -> list[str]:
    lines = ["  Tensor sum;"]
    for p in moving:
        args = ", ".join("moved" if q is p else q.name for q in op.params)
        lines.append(
            f"  if (Tensor moved = forward.tangent({p.name}); moved.defined()) add_term(sum, ops::{op.cname}({args}));"
        )
    return [*lines, "  forward.set(result, sum);"]


def _elementwise(op: Op, moving: list[Param]) -> list[str]:
    types = {p.name: p.type for p in op.params}
    lines = ["  Tensor sum;"]
    for p in moving:
        t = Translator(op.cname, types)
        term = t.argument(parse_expression(op.cname, op.vjp[p.name]), "Tensor")
        lines += [
            f"  if (Tensor moved = forward.tangent({p.name}); moved.defined()) {{",
            f"    [[maybe_unused]] Tensor grad = rules::conj(forward.as_result(moved, {op.returns[0][1]}));",
            f"    add_term(sum, rules::conj(as_tensor({term})));",
            "  }",
        ]
    return [*lines, f"  forward.set({op.returns[0][1]}, sum);"]


def _expressions(op: Op, moving: list[Param], rules: dict[str, str]) -> list[str]:
    types = {p.name: p.type for p in op.params} | {f"{p.name}_t": "Tensor" for p in op.params if p.is_tensor}
    names = {f"{p.name}_t": p for p in op.params if p.is_tensor}
    read = {n.id for r in rules.values() for n in ast.walk(parse_expression(op.cname, r)) if isinstance(n, ast.Name)}
    used = [n for n in names if n in read]
    trees = {result: parse_expression(op.cname, r) for result, r in rules.items()}
    # One argument, or a sum of terms with one tangent each: a missing tangent is a missing term.
    by_terms = (
        len(used) > 1
        and not any("[]" in names[n].type for n in used)
        and all(_splits(t, set(used)) for t in trees.values())
    )
    lines = []
    for n in used:
        single = by_terms or (len(used) == 1 and len(moving) == 1)
        get = "tangent" if single and "[]" not in names[n].type else "or_zeros"
        lines.append(f"  auto {n} = forward.{get}({names[n].name});")
    for result, tree in trees.items():
        t = Translator(op.cname, types)
        if by_terms:
            lines += ["  {", "    Tensor sum;", *_terms(tree, t, set(used)), f"    forward.set({result}, sum);", "  }"]
        else:
            lines.append(f"  forward.set({result}, {t.argument(tree, 'Tensor')});")
    return lines


def _flat(tree: ast.expr, sign: int = 1) -> list[tuple[int, ast.expr]]:
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, (ast.Add, ast.Sub)):
        right = sign if isinstance(tree.op, ast.Add) else -sign
        return _flat(tree.left, sign) + _flat(tree.right, right)
    return [(sign, tree)]


def _tangents(tree: ast.expr, used: set[str]) -> set[str]:
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in used}


def _splits(tree: ast.expr, used: set[str]) -> bool:
    if isinstance(tree, ast.IfExp):
        return not _tangents(tree.test, used) and _splits(tree.body, used) and _splits(tree.orelse, used)
    return all(len(_tangents(term, used)) == 1 for _, term in _flat(tree))


def _terms(tree: ast.expr, t: Translator, used: set[str]) -> list[str]:
    if isinstance(tree, ast.IfExp):
        return [
            f"    if ({t.expr(tree.test)}) {{", *_terms(tree.body, t, used),
            "    } else {", *_terms(tree.orelse, t, used), "    }",
        ]  # fmt: skip
    lines = []
    for sign, term in _flat(tree):
        (name,) = _tangents(term, used)
        value = t.argument(term, "Tensor")
        lines.append(f"    if ({name}.defined()) add_term(sum, as_tensor({value if sign > 0 else f'-({value})'}));")
    return lines
