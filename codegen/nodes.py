"""Node structs and recording functions, one pair per operation. Layer: codegen."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from codegen.intercept import composite_lines, intercept_inplace_lines, intercept_lines
from codegen.translate import ARG_TYPE, KEPT_TYPE, Translator, default_cpp, return_type
from optable.spec import NONDIFF, Op, Param, parse_expression


@dataclass
class Saved:
    """What a node keeps of one name, and which arguments' rules read it."""

    name: str
    kind: str  # "value", "shape", "plain", "result"
    readers: list[str]
    param: Param | None = None
    output: int = 0


def reads(rule: str) -> tuple[set[str], set[str]]:
    """Names read by value, and names of which only attributes are read."""
    tree = parse_expression("rule", rule)
    attribute_of = {
        id(n.value): n.value.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    values = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in attribute_of and id(n) not in called
    }
    return values, set(attribute_of.values())


def rules_of(op: Op) -> dict[str, str]:
    return {a: r for a, r in op.vjp.items() if r != NONDIFF}


def saved_of(op: Op) -> list[Saved]:
    """The saved set, inferred from the rules."""
    out: dict[str, Saved] = {}
    results = {name: i for i, (_, name) in enumerate(op.returns)}
    for arg, rule in rules_of(op).items():
        values, shapes = reads(rule)
        for name in sorted(values | shapes):
            if name in ("grad", "grads", "inf", "nan"):
                continue
            if name in results:
                key, kind, param, nr = name, "result", None, results[name]
            else:
                param, nr = op.param(name), 0
                kind = "plain" if not param.is_tensor else "value" if name in values else "shape"
                key = f"{name}:shape" if kind == "shape" else name
            out.setdefault(key, Saved(name, kind, [], param, nr)).readers.append(arg)
    # A value already kept serves its shape too, but only if it is kept whenever the shape is needed.
    for key, s in list(out.items()):
        if s.kind == "shape" and s.name in out and set(s.readers) <= set(out[s.name].readers):
            del out[key]
    return list(out.values())


def member(s: Saved) -> str:
    return f"{s.name}_shape_" if s.kind == "shape" else f"{s.name}_"


def member_decl(s: Saved) -> str:
    if s.kind == "plain":
        assert s.param
        return f"{KEPT_TYPE[s.param.type]} {member(s)};"
    if s.kind == "shape":
        return f"SavedShape {member(s)};"
    type_ = s.param.type if s.param else "Tensor"
    return {"Operand": "SavedOperand", "Tensor[]": "SavedList", "Tensor?[]": "SavedList"}.get(
        type_, "SavedTensor"
    ) + f" {member(s)};"


def tensor_params(op: Op) -> list[Param]:
    return [p for p in op.params if p.is_tensor]


def has_list(op: Op) -> bool:
    return any(p.type in ("Tensor[]", "Tensor?[]") for p in tensor_params(op))


def node_name(op: Op) -> str:
    base = "".join(w[:1].upper() + w[1:] for w in op.cname.split("_"))
    return f"{base}Node"


def node_struct(op: Op) -> list[str]:
    """The node's struct: members, rule compiled to apply(), release."""
    saved = saved_of(op)
    lines = [f"struct {node_name(op)} final : Node {{"]
    lines += [f"  {member_decl(s)}" for s in saved]
    lists = [p for p in tensor_params(op) if p.type in ("Tensor[]", "Tensor?[]")]
    lines += [f"  uint32_t {p.name}_count_ = 0;" for p in lists]
    lines.append("  const OpInfo& info() const override;")
    tensors = [s for s in saved if s.kind in ("value", "result")]
    if tensors:
        resets = " ".join(f"{member(s)}.reset();" for s in tensors)
        lines.append(f"  void release_saved() override {{ {resets} mark_released(); }}")
        visits = " ".join(f'v("{s.name}", {member(s)});' for s in tensors)
        lines.append(f"  void visit_saved(SavedVisitor& v) override {{ {visits} }}")
    lines.append("  void apply(TensorList& grads, TensorList& out) override;")
    lines.append("};")
    return lines


def cpp_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def formula_text(op: Op) -> str:
    return "; ".join(f"{a}: {r}" for a, r in rules_of(op).items())


def node_definition(op: Op, name: str) -> list[str]:
    """info() and apply() of the node."""
    info = f"{cpp_string(name)}, {cpp_string(op.cname)}, {cpp_string(op.sign)}, {cpp_string(formula_text(op))}"
    lines = [
        f"const OpInfo& {node_name(op)}::info() const {{",
        f"  static const OpInfo info{{{info}}};",
        "  return info;",
        "}",
        f"void {node_name(op)}::apply(TensorList& grads, TensorList& out) {{",
    ]
    lines += _grads_prelude(op)
    saved = {s.name: s for s in saved_of(op) if s.kind != "shape"}
    shapes = {s.name: s for s in saved_of(op) if s.kind == "shape"}
    types = {p.name: p.type for p in op.params}
    base = "0"
    for p in tensor_params(op):
        is_list = p.type in ("Tensor[]", "Tensor?[]")
        rule = op.vjp.get(p.name, NONDIFF)
        if rule != NONDIFF:
            lines += _apply_one(op, p, rule, base, is_list, saved, shapes, types)
        base = f"{base} + {p.name}_count_" if is_list else _plus_one(base)
    lines.append("}")
    return lines


def _plus_one(base: str) -> str:
    return str(int(base) + 1) if base.isdigit() else f"{base} + 1"


def _grads_prelude(op: Op) -> list[str]:
    single = len(op.returns) == 1 and op.returns[0][0] == "Tensor"
    diff = [i for i, (_, n) in enumerate(op.returns) if n not in op.nondiff_outputs]
    if single or (len(diff) == 1 and op.returns[0][0] == "Tensor"):
        i = 0 if single else diff[0]
        return [
            f"  if (!grads[{i}].defined()) return;",
            f"  const Tensor& grad = grads[{i}];",
            "  (void)grad;",
        ]
    return ["  fill_undefined(this, grads);"]


def _apply_one(op, p, rule, base, is_list, saved, shapes, types) -> list[str]:  # type: ignore[no-untyped-def]
    values, attributes = reads(rule)
    lines = [f"  if ({f'needs_any({base}, {p.name}_count_)' if is_list else f'needs({base})'}) {{"]
    for name in sorted(values | attributes):
        s = saved.get(name)
        if s and s.kind in ("value", "result") and (name in values or name not in shapes):
            lines.append(f"    auto {name} = {member(s)}.unpack(this);")

    def lookup(name: str) -> str:
        if name in saved and saved[name].kind == "plain":
            return f"{name}_"
        return name

    def shape_only(name: str) -> str:
        if name in shapes and name not in values:
            return member(shapes[name])
        return lookup(name)

    t = Translator(op.cname, types, lookup, shape_only)
    text = t.argument(parse_expression(op.cname, rule), "Tensor[]" if is_list else "Tensor")
    if is_list:
        lines.append(f"    TensorList list = {text};")
        lines.append(f"    for (uint32_t i = 0; i < {p.name}_count_ && i < list.size(); ++i)")
        lines.append(f"      if (needs({base} + i)) out[{base} + i] = std::move(list[i]);")
    else:
        lines.append(f"    out[{base}] = {text};")
        if op.masks_zero_gradient:
            masked = f"out[{base}] = zero_where_gradient_is(grad, std::move(out[{base}]));"
            lines.append(f"    if (tls.flags & kZeroTimesInf) [[unlikely]] {masked}")
    lines.append("  }")
    return lines


def parameters(op: Op, defaults: bool, inplace: bool = False) -> str:
    out = []
    for i, p in enumerate(op.params):
        type_ = "const Tensor&" if inplace and i == 0 else ARG_TYPE[p.type]
        default = f" = {default_cpp(p)}" if defaults and p.has_default else ""
        out.append(f"[[maybe_unused]] {type_} {p.name}{default}")
    return ", ".join(out)


def pointwise_call(op: Op, into: str | None = None) -> str:
    ins = [p.name for p in tensor_params(op)]
    rest = [p for p in op.params if not p.is_tensor]
    args = ", ".join(ins)
    fn = f"kernels::pointwise{len(ins)}{'_into' if into else ''}(kernels::Pw::{op.pointwise}, "
    if into:
        fn += f"{into}, "
    if rest:
        scalars = ", ".join(scalar_param(p) for p in rest)
        return f"{fn}{args}, std::array<Scalar, {len(rest)}>{{{scalars}}}.data(), {len(rest)})"
    return f"{fn}{args})"


def scalar_param(p: Param) -> str:
    if p.type in ("Scalar?", "float?", "int?"):
        return f'({p.name} ? Scalar(*{p.name}) : Scalar(std::nan("")))'
    return f"Scalar({p.name})"


def kernel_call(op: Op) -> str:
    if op.pointwise:
        return pointwise_call(op)
    return f"kernels::{op.kernel}({', '.join(p.name for p in op.params)})"


def _save_lines(op: Op, inplace: bool, results: bool) -> list[str]:
    lines = []
    diff = list(rules_of(op))
    for s in saved_of(op):
        if (s.kind == "result") != results:
            continue
        readers = list(dict.fromkeys(s.readers))
        condition = (
            "" if set(readers) == set(diff) and len(diff) == 1 else " || ".join(f"requires_grad({r})" for r in readers)
        )
        if set(readers) == set(diff):
            condition = ""
        if s.kind == "plain":
            assert s.param
            lines.append(f"node->{member(s)} = {_owned(s.param)};")
        elif s.kind == "shape":
            lines.append(f"node->{member(s)}.save({s.name});")
        elif s.kind == "result":
            value = "self" if inplace else (s.name if len(op.returns) > 1 else "result")
            lines.append(
                f"{f'if ({condition}) ' if condition else ''}node->{member(s)}.save_output({value}, {s.output});"
            )
        else:
            first = op.params[0].name
            value = "ops::clone(self)" if inplace and s.name == first else s.name
            if inplace and s.name != first and s.param and s.param.type in ("Tensor", "Operand"):
                value = f"apart_from({first}, {s.name})"
            lines.append(f"{f'if ({condition}) ' if condition else ''}node->{member(s)}.save({value});")
    return lines


def _owned(p: Param) -> str:
    return f"IntVec({p.name})" if p.type == "int[]" else p.name


def _make_node(op: Op) -> list[str]:
    lines = [f"auto* node = new {node_name(op)}();", "NodeRef hold(node);"]
    for p in tensor_params(op):
        if p.type in ("Tensor[]", "Tensor?[]"):
            lines.append(f"node->{p.name}_count_ = static_cast<uint32_t>({p.name}.size());")
        if op.vjp.get(p.name, NONDIFF) == NONDIFF:
            empty = "node->add_edge({});"
            lines.append(f"for (size_t i = 0; i < {p.name}.size(); ++i) {empty}" if "[]" in p.type else empty)
        else:
            lines.append(f"add_edges(node, {p.name});")
    return lines


def record_condition(op: Op) -> str:
    return " || ".join(f"requires_grad({a})" for a in rules_of(op))


def _any_requires_grad(op: Op) -> str:
    """Does any argument of this composite require a gradient?"""
    named = [p.name for p in op.params if p.type in ("Tensor", "Tensor?", "Tensor[]", "Operand")]
    return " || ".join(f"requires_grad({a})" for a in named)


def op_function(op: Op) -> list[str]:
    """The recording function: compute, and if wanted hang a node on the result."""
    head = f"{return_type(op)} {op.cname}({parameters(op, False)}) {{"
    if op.composite is not None:
        t = Translator(op.cname, {p.name: p.type for p in op.params})
        want = op.returns[0][0] if len(op.returns) == 1 else "Tensor"
        return [head, *composite_lines(op, t.argument(parse_expression(op.cname, op.composite), want)), "}"]
    if not op.differentiable:
        return [head, *intercept_lines(op), f"  return {kernel_call(op)};", "}"]
    many = len(op.returns) > 1
    names = [n for _, n in op.returns]
    lines = [head, *intercept_lines(op)]
    if many:
        lines.append(f"  auto [{', '.join(names)}] = {kernel_call(op)};")
    else:
        lines.append(f"  {return_type(op)} result = {kernel_call(op)};")
    lines.append(f"  if (grad_enabled() && ({record_condition(op)})) {{")
    lines += [f"    {x}" for x in _make_node(op)]
    lines += [f"    {x}" for x in _save_lines(op, False, False)]
    outs = names if many else ["result"]
    for o in outs:
        lines.append(f"    set_history({o}, node);")
    lines += [f"    {x}" for x in _save_lines(op, False, True)]
    lines.append("  }")
    if op.view:
        lines.append("  if (!grad_enabled()) mark_no_grad_view(result);")
    lines.append(f"  return {{{', '.join(names)}}};" if many else "  return result;")
    lines.append("}")
    return lines


def inplace_function(op: Op) -> list[str]:
    """The in-place form: record the old history, write, move the version on, rebase."""
    name = f"{op.cname}_"
    first = op.params[0].name
    lines = [f"void {name}({parameters(op, False, True)}) {{"]
    diff = op.differentiable
    lines.append(
        f"  [[maybe_unused]] bool record = {f'grad_enabled() && ({record_condition(op)})' if diff else 'false'};"
    )
    lines.append(
        f'  check_inplace({first}, {"record" if diff else f"grad_enabled() && requires_grad({first})"}, "{name}");'
    )
    if op.composite is not None:
        t = Translator(op.cname, {p.name: p.type for p in op.params})
        lines[1] = f"  [[maybe_unused]] bool record = grad_enabled() && ({_any_requires_grad(op)});"
        value = t.expr(parse_expression(op.cname, op.composite))
        # the parts may save self, which is about to change
        lines.append(f"  auto compute = [&]([[maybe_unused]] const Tensor& {first}) {{ return {value}; }};")
        lines.append(f'  inplace_from({first}, compute(record ? ops::clone({first}) : {first}), "{name}");')
        return [*lines, "}"]
    lines[1:1] = intercept_inplace_lines(op)
    lines.append("  NodeRef made;")
    if diff:
        lines.append(f"  {node_name(op)}* node = nullptr;")
        lines.append("  if (record) {")
        body = _make_node(op) + _save_lines(op, True, False)
        body[0] = f"node = new {node_name(op)}();"
        lines += [f"    {x}" for x in body]
        lines += ["    made = std::move(hold);", "  }"]
    if op.pointwise:
        lines.append(f"  Tensor target = {first};")
        lines.append(f"  {pointwise_call(op, 'target')};")
    else:
        lines.append(f'  write_inplace({first}, {kernel_call(op)}, "{name}");')
    lines.append(f'  mark_written({first}, "{name}");')
    if diff:
        lines.append("  if (record) {")
        lines += [f"    {x}" for x in _save_lines(op, True, True)]
        lines.append(f"    rebase_history({first}, std::move(made));")
        lines.append("  }")
    lines.append("}")
    return lines
