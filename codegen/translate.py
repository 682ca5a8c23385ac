"""Rule expressions and formulas.py functions translated from Python to C++.

Layer: codegen. Only the small language of optable/formulas.py's docstring is accepted; anything else
is a TranslateError that names the rule.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from optable import formulas
from optable.spec import TABLE, Op, Param

OPTIONAL = {"int?", "float?", "bool?", "str?", "dtype?", "Scalar?", "int[]?"}
NATIVE: set[str] = getattr(formulas, "NATIVE_HELPERS", set())

# C++ types of parameters in functions, and of what a node keeps.
ARG_TYPE = {
    "Tensor": "const Tensor&", "Tensor?": "const Tensor&", "Tensor[]": "const TensorList&",
    "Tensor?[]": "const TensorList&", "Operand": "const Operand&", "Scalar": "const Scalar&",
    "Scalar?": "const std::optional<Scalar>&", "int": "int64_t", "int?": "std::optional<int64_t>",
    "int[]": "IntSpan", "int[]?": "const std::optional<IntVec>&", "float": "double",
    "float?": "std::optional<double>", "bool": "bool", "bool?": "std::optional<bool>",
    "str": "const std::string&", "str?": "const std::optional<std::string>&", "dtype": "DType",
    "dtype?": "std::optional<DType>", "Generator?": "Generator*",
}  # fmt: skip
KEPT_TYPE = {
    "Scalar": "Scalar", "Scalar?": "std::optional<Scalar>", "int": "int64_t", "int?": "std::optional<int64_t>",
    "int[]": "IntVec", "int[]?": "std::optional<IntVec>", "float": "double", "float?": "std::optional<double>",
    "bool": "bool", "bool?": "std::optional<bool>", "str": "std::string", "str?": "std::optional<std::string>",
    "dtype": "DType", "dtype?": "std::optional<DType>", "Generator?": "Generator*",
}  # fmt: skip
FORMULA_TYPE = {
    "Tensor": "Tensor", "Operand": "Operand", "Scalar": "Scalar", "OptScalar": "Scalar?", "int": "int",
    "OptInt": "int?", "float": "float", "OptFloat": "float?", "bool": "bool", "IntVec": "int[]",
    "OptIntVec": "int[]?", "DType": "dtype", "OptDType": "dtype?", "TensorList": "Tensor[]", "str": "str",
    "OptStr": "str?", "OptTensor": "Tensor?",
}  # fmt: skip
FORMULA_RETURN = {
    "Tensor": "Tensor", "TensorList": "TensorList", "IntVec": "IntVec", "int": "int64_t", "float": "double",
    "bool": "bool", "Scalar": "Scalar", "Value": "Value",
}  # fmt: skip
ATTRIBUTES = {
    "shape": "shape_of", "ndim": "ndim_of", "numel": "numel_of_value", "dtype": "dtype_of", "is_complex": "is_complex_of",
}  # fmt: skip
CONSTANTS = {"inf": "std::numeric_limits<double>::infinity()", "nan": 'std::nan("")'}


class TranslateError(Exception):
    """A rule uses something outside the rule language."""


def default_cpp(p: Param) -> str:
    """The default of a parameter as C++."""
    value = p.default
    if value is None:
        if p.type in ("Tensor?", "Operand"):
            return "Tensor()"
        return "nullptr" if p.type == "Generator?" else "std::nullopt"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return "IntVec{" + ", ".join(map(str, value)) + "}"
    if p.type in ("Scalar", "Scalar?"):
        return f"Scalar({value!r})"
    return repr(value)


class Translator:
    """Translates expressions; `lookup` gives the C++ spelling of a name, `shape_only` of `name.attr`."""

    def __init__(
        self,
        where: str,
        types: dict[str, str],
        lookup: Callable[[str], str] | None = None,
        shape_only: Callable[[str], str] | None = None,
    ) -> None:
        self.where = where
        self.types = types
        self.lookup = lookup or (lambda name: name)
        self.shape_only = shape_only or self.lookup

    def fail(self, node: ast.AST, why: str) -> TranslateError:
        return TranslateError(f"{self.where}: {ast.unparse(node)}: {why}")

    def expr(self, n: ast.expr) -> str:
        method = getattr(self, f"_{type(n).__name__.lower()}", None)
        if method is None:
            raise self.fail(n, "is not part of the rule language")
        return str(method(n))

    def _constant(self, n: ast.Constant) -> str:
        if n.value is None:
            return "std::nullopt"
        if isinstance(n.value, bool):
            return "true" if n.value else "false"
        if isinstance(n.value, str):
            return f'std::string("{n.value}")'
        if isinstance(n.value, complex):
            return f"c128({n.value.real!r}, {n.value.imag!r})"
        return repr(n.value)

    def _name(self, n: ast.Name) -> str:
        return CONSTANTS[n.id] if n.id in CONSTANTS else self.lookup(n.id)

    def _attribute(self, n: ast.Attribute) -> str:
        if n.attr not in ATTRIBUTES:
            raise self.fail(n, f"unknown attribute; allowed are {sorted(ATTRIBUTES)}")
        inner = self.shape_only(n.value.id) if isinstance(n.value, ast.Name) else self.expr(n.value)
        return f"{ATTRIBUTES[n.attr]}({inner})"

    def _binop(self, n: ast.BinOp) -> str:
        a, b = self.value(n.left), self.value(n.right)
        simple = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
        if type(n.op) in simple:
            return f"({a} {simple[type(n.op)]} {b})"
        named = {ast.Div: "divide", ast.Pow: "power", ast.FloorDiv: "floor_div", ast.Mod: "modulo"}
        if type(n.op) in named:
            return f"rules::{named[type(n.op)]}({a}, {b})"
        raise self.fail(n, "operator is not part of the rule language")

    def _unaryop(self, n: ast.UnaryOp) -> str:
        if isinstance(n.op, ast.USub):
            return f"(-{self.value(n.operand)})"
        if isinstance(n.op, ast.Not):
            return f"(!({self.expr(n.operand)}))"
        raise self.fail(n, "operator is not part of the rule language")

    def _boolop(self, n: ast.BoolOp) -> str:
        return "(" + (" && " if isinstance(n.op, ast.And) else " || ").join(self.expr(v) for v in n.values) + ")"

    def _compare(self, n: ast.Compare) -> str:
        parts, left = [], n.left
        for op, right in zip(n.ops, n.comparators, strict=True):
            if isinstance(op, (ast.Is, ast.IsNot)):
                text = f"has_value({self.expr(left)})"
                parts.append(text if isinstance(op, ast.IsNot) else f"!{text}")
            else:
                sign = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}[type(op)]
                parts.append(f"({self.value(left)} {sign} {self.value(right)})")
            left = right
        return "(" + " && ".join(parts) + ")"

    def _ifexp(self, n: ast.IfExp) -> str:
        return (
            f"rules::choose({self.expr(n.test)}, [&] {{ return {self.expr(n.body)}; }}, "
            f"[&] {{ return {self.expr(n.orelse)}; }})"
        )

    def _list(self, n: ast.List) -> str:
        return "IntVec{" + ", ".join(f"int64_t({self.expr(e)})" for e in n.elts) + "}"

    def _tuple(self, n: ast.Tuple) -> str:
        return self._list(ast.List(elts=n.elts))

    def _subscript(self, n: ast.Subscript) -> str:
        base = self.expr(n.value)
        if isinstance(n.slice, ast.Slice):
            lower = self.expr(n.slice.lower) if n.slice.lower else "0"
            upper = self.expr(n.slice.upper) if n.slice.upper else "INT64_MAX"
            return f"rules::part({base}, {lower}, {upper})"
        return f"rules::at({base}, {self.expr(n.slice)})"

    def value(self, n: ast.expr) -> str:
        """An expression used as a value: an optional number is read."""
        text = self.expr(n)
        if isinstance(n, ast.Name) and self.types.get(n.id) in OPTIONAL:
            return f"{text}.value()"
        return text

    def argument(self, n: ast.expr, want: str) -> str:
        if isinstance(n, ast.Constant) and n.value is None:
            return "Tensor()" if want.startswith("Tensor") else "nullptr" if want == "Generator?" else "std::nullopt"
        if isinstance(n, ast.List) and want == "Tensor[]":
            return "TensorList{" + ", ".join(self.expr(e) for e in n.elts) + "}"
        return self.expr(n) if want in OPTIONAL else self.value(n)

    def _call(self, n: ast.Call) -> str:
        if not isinstance(n.func, ast.Name):
            raise self.fail(n, "only plain function calls are part of the rule language")
        name = n.func.id
        if name == "len":
            return f"int64_t(({self.expr(n.args[0])}).size())"
        if name in ("int", "float"):
            return f"{'int64_t' if name == 'int' else 'double'}({self.value(n.args[0])})"
        if name in ("min", "max") and name in NATIVE:
            return f"std::{name}<int64_t>({', '.join(self.value(a) for a in n.args)})"
        if name in TABLE:
            params, prefix = TABLE[name].params, "ops::"
        elif name in NATIVE:
            return f"rules::{name}({', '.join(self.expr(a) for a in [*n.args, *[k.value for k in n.keywords]])})"
        elif name in formulas.SIGNATURES:
            params, prefix = formula_params(name), "formulas::"
        else:
            raise self.fail(n, "is not an operation of the table nor a function of formulas.py")
        given: dict[str, ast.expr] = {}
        if len(n.args) > len(params):
            raise self.fail(n, f"takes at most {len(params)} arguments")
        for p, a in zip(params, n.args, strict=False):
            given[p.name] = a
        for k in n.keywords:
            if k.arg is None or k.arg in given or k.arg not in {p.name for p in params}:
                raise self.fail(n, f"bad keyword {k.arg}")
            given[k.arg] = k.value
        last = max((i for i, p in enumerate(params) if p.name in given), default=-1)
        out = []
        for p in params[: last + 1]:
            if p.name in given:
                out.append(self.argument(given[p.name], p.type))
            elif p.has_default:
                out.append(default_cpp(p))
            else:
                raise self.fail(n, f"misses argument {p.name}")
        if missing := [p.name for p in params[last + 1 :] if not p.has_default]:
            raise self.fail(n, f"misses arguments {missing}")
        if name in ("conj", "real") and len(out) == 1:
            prefix = "rules::"  # nothing to do for real values, and numbers stay numbers
        return f"{prefix}{name}({', '.join(out)})"

    def statements(self, body: list[ast.stmt], declared: set[str], indent: str = "  ") -> list[str]:
        lines: list[str] = []
        for s in body:
            if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant):
                continue  # docstring
            if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
                lines.append(f"{indent}{self.expr(s.value)};")
                continue
            if isinstance(s, ast.Return) and s.value is not None:
                lines.append(f"{indent}return {self.expr(s.value)};")
            elif isinstance(s, ast.Assign) and len(s.targets) == 1 and isinstance(s.targets[0], ast.Name):
                name = s.targets[0].id
                auto = "" if name in declared else "auto "
                declared.add(name)
                lines.append(f"{indent}{auto}{name} = {self.expr(s.value)};")
            elif isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name):
                value = self.expr(ast.BinOp(left=s.target, op=s.op, right=s.value))
                lines.append(f"{indent}{s.target.id} = {value};")
            elif isinstance(s, ast.If):
                lines.append(f"{indent}if ({self.expr(s.test)}) {{")
                lines += self.statements(s.body, set(declared), indent + "  ")
                if s.orelse:
                    lines.append(f"{indent}}} else {{")
                    lines += self.statements(s.orelse, set(declared), indent + "  ")
                lines.append(f"{indent}}}")
            elif isinstance(s, ast.For) and isinstance(s.target, ast.Name):
                lines += self._for(s, declared, indent)
            else:
                raise self.fail(s, "statement is not part of the rule language")
        return lines

    def _for(self, s: ast.For, declared: set[str], indent: str) -> list[str]:
        if not (isinstance(s.iter, ast.Call) and isinstance(s.iter.func, ast.Name) and s.iter.func.id == "range"):
            raise self.fail(s, "only `for i in range(...)`")
        assert isinstance(s.target, ast.Name)
        bounds = [self.value(a) for a in s.iter.args]
        lo, hi = ("0", bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[1])
        v = s.target.id
        inner = self.statements(s.body, {*declared, v}, indent + "  ")
        return [f"{indent}for (int64_t {v} = {lo}; {v} < {hi}; ++{v}) {{", *inner, f"{indent}}}"]


def formula_params(name: str) -> list[Param]:
    """The parameters of a formulas.py function as table parameters."""
    node = formulas.SIGNATURES[name]
    out = []
    defaults = [None] * (len(node.args.args) - len(node.args.defaults)) + list(node.args.defaults)
    for a, d in zip(node.args.args, defaults, strict=True):
        if a.annotation is None or ast.unparse(a.annotation) not in FORMULA_TYPE:
            raise TranslateError(f"formulas.{name}: parameter {a.arg} needs an annotation of {sorted(FORMULA_TYPE)}")
        value = ast.literal_eval(d) if d is not None else None
        out.append(Param(a.arg, FORMULA_TYPE[ast.unparse(a.annotation)], value, d is not None))
    return out


def formula_signature(name: str) -> str:
    node = formulas.SIGNATURES[name]
    ret = FORMULA_RETURN[ast.unparse(node.returns)] if node.returns else "Tensor"
    assigned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}

    def cpp_type(p: Param) -> str:
        if p.name not in assigned:
            return ARG_TYPE[p.type]
        return "Tensor" if p.type == "Tensor" else KEPT_TYPE[p.type]

    params = ", ".join(f"[[maybe_unused]] {cpp_type(p)} {p.name}" for p in formula_params(name))
    return f"{ret} {name}({params})"


def formula_body(name: str) -> list[str]:
    """The C++ lines of a formulas.py function."""
    params = formula_params(name)
    t = Translator(f"formulas.{name}", {p.name: p.type for p in params})
    return t.statements(formulas.SIGNATURES[name].body, {p.name for p in params})


def return_type(op: Op) -> str:
    kinds = {"Tensor": "Tensor", "Tensor[]": "TensorList", "bool": "bool", "int": "int64_t", "Scalar": "Scalar"}
    types = [kinds[t] for t, _ in op.returns]
    return types[0] if len(types) == 1 else f"std::tuple<{', '.join(types)}>"
