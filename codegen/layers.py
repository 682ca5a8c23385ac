"""python -m codegen.layers: the layer lint. Who may include or import whom, and nothing else.

C++: core < kernels < autograd < python, by folder of csrc/. Python: optable and codegen use the standard
library and each other only; src/torchy loads no NumPy or PyTorch by being imported, and has no cycles.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ["core", "kernels", "autograd", "python"]
GENERATED = {"kernels_gen.h": "kernels", "ops_gen.h": "autograd", "bindings_gen.h": "python"}
PYTHON_HEADERS = re.compile(
    r"^(Python|structmember|frameobject|pythread|datetime)\.h$|^(nanobind|numpy|pybind11|cpython)/"
)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ALLOWED = {"optable": {"optable"}, "codegen": {"codegen", "optable"}}


# ---- C++


def cpp_problems(root: Path) -> Iterator[str]:
    """Includes that go up, lead nowhere, or name Python outside csrc/python."""
    base = root / "csrc"
    for path in sorted(p for p in base.rglob("*") if p.suffix in (".h", ".cpp", ".inc")):
        layer = path.relative_to(base).parts[0]
        where = path.relative_to(root).as_posix()
        if layer not in LAYERS:
            yield f"{where}: csrc/{layer} is not a layer; the layers are {' < '.join(LAYERS)}"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if match := INCLUDE.match(line):
                if problem := _include_problem(base, path, layer, match.group(1) == '"', match.group(2)):
                    yield f"{where}:{number}: {problem}"


def _include_problem(base: Path, path: Path, layer: str, quoted: bool, name: str) -> str | None:
    if PYTHON_HEADERS.search(name):
        return None if layer == "python" else f"includes {name}; only csrc/python may see Python"
    if not quoted:
        return None
    target = GENERATED.get(name)
    if target is None:
        found = next((p for p in (path.parent / name, base / name) if p.exists()), None)
        if found is None:
            return f"includes {name}, which does not exist"
        relative = found.resolve().relative_to(base.resolve())
        target = relative.parts[0]
    if target not in LAYERS or LAYERS.index(target) > LAYERS.index(layer):
        return f"includes {name} of {target}, a higher layer than {layer}"
    return None


# ---- Python


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported."""
    for node in body:
        yield node
        if _is_type_checking(node):
            yield from _at_import(node.orelse)  # type: ignore[attr-defined]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for name in ("body", "orelse", "finalbody"):
                yield from _at_import(getattr(node, name, []))
            for handler in getattr(node, "handlers", []):
                yield from _at_import(handler.body)


def _names(node: ast.AST, package: list[str]) -> Iterator[str]:
    """Full names of the modules an import statement loads; relative ones resolved."""
    if isinstance(node, ast.Import):
        yield from (a.name for a in node.names)
    elif isinstance(node, ast.ImportFrom):
        if node.level == 0:
            base = node.module or ""
        else:
            base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
        yield from (f"{base}.{a.name}" for a in node.names)


def imports_of(path: Path, package: list[str], everywhere: bool) -> Iterator[tuple[int, str]]:
    """(line, module) of a file's imports: all of them, or those that run at import."""
    tree = ast.parse(path.read_text(), str(path))
    nodes = ast.walk(tree) if everywhere else _at_import(tree.body)
    for node in nodes:
        for name in _names(node, package):
            yield node.lineno, name  # type: ignore[attr-defined]


def tool_problems(root: Path) -> Iterator[str]:
    """Imports of optable/ and codegen/ beyond the standard library and each other."""
    for folder, allowed in ALLOWED.items():
        for path in sorted((root / folder).rglob("*.py")):
            where = path.relative_to(root).as_posix()
            for line, name in imports_of(path, list(path.relative_to(root).parts[:-1]), True):
                first = name.split(".")[0]
                if first not in allowed and first not in sys.stdlib_module_names:
                    also = " and ".join(sorted(allowed))
                    yield f"{where}:{line}: imports {first}; {folder} may import the standard library and {also}"


def product_problems(root: Path) -> Iterator[str]:
    """What importing src/torchy would load beyond the standard library and itself; cycles in it."""
    base = root / "src"
    edges: dict[str, dict[str, str]] = {}
    for path in sorted((base / "torchy").rglob("*.py")):
        package = list(path.relative_to(base).parts[:-1])
        where = path.relative_to(root).as_posix()
        for line, name in imports_of(path, package, False):
            parts = name.split(".")
            if parts[0] == "torchy":
                source, target = _component(base, path), _component_of_name(base, parts)
                if source and target and source != target:
                    edges.setdefault(source, {}).setdefault(target, f"{where}:{line}")
            elif parts[0] not in sys.stdlib_module_names:
                yield f"{where}:{line}: imports {parts[0]} when torchy is imported; import it where it is used"
        for line, name in imports_of(path, package, True):
            if name.split(".")[0] in ("torch", "optable", "codegen", "bench"):
                yield f"{where}:{line}: imports {name.split('.')[0]}, which the product does not have"
    yield from _cycles(edges)


def _component(base: Path, path: Path) -> str | None:
    """torchy/nn/functional.py -> nn; the package's own __init__ is above them all."""
    parts = path.relative_to(base / "torchy").parts
    return None if parts == ("__init__.py",) else parts[0].removesuffix(".py")


def _component_of_name(base: Path, parts: list[str]) -> str | None:
    if len(parts) < 2:
        return None
    folder = base / "torchy"
    return parts[1] if (folder / parts[1]).is_dir() or (folder / f"{parts[1]}.py").exists() else None


def _cycles(edges: dict[str, dict[str, str]]) -> Iterator[str]:
    """Each cycle of the parts of torchy once, with the import that closes it."""
    done: set[str] = set()

    def walk(part: str, trail: list[str]) -> Iterator[str]:
        if part in trail:
            cycle = [*trail[trail.index(part) :], part]
            yield f"{edges[cycle[-2]][part]}: closes the cycle {' -> '.join(cycle)}"
            return
        if part in done:
            return
        for target in edges.get(part, {}):
            yield from walk(target, [*trail, part])
        done.add(part)

    for part in sorted(edges):
        yield from walk(part, [])


def problems(root: Path = ROOT) -> list[str]:
    """Everything that breaks a layer, as `file:line: text`."""
    return [*cpp_problems(root), *tool_problems(root), *product_problems(root)]


def main() -> int:
    found = problems()
    for text in found:
        print(text, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
