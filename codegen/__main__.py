"""python -m codegen: write generated files, or show all that is generated for one operation."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from codegen import emit, stubs
from codegen.nodes import formula_text, inplace_function, node_definition, node_struct, op_function, saved_of
from optable.spec import TABLE, load_all


def write(folder: Path, files: dict[str, str]) -> int:
    """Write only what changed, so that a build recompiles only what it must."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = 0
    for name, text in files.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            changed += 1
    return changed


def show(name: str) -> int:
    """Print everything generated for the operations of one Python name."""
    ops = [o for o in TABLE.values() if name in (o.name, o.cname)]
    if not ops:
        print(f"codegen: no operation {name!r} in the table", file=sys.stderr)
        return 1
    names = emit.node_names(TABLE)
    for op in ops:
        print(f"// {op.schema}\n// {op.doc.splitlines()[0]}")
        if op.differentiable:
            print(f"// rules: {formula_text(op)}\n// jvp: {op.jvp}")
            print(f"// saves: {', '.join(f'{s.name} ({s.kind})' for s in saved_of(op)) or 'nothing'}\n")
            print("\n".join([*node_struct(op), *node_definition(op, names[op.cname])]))
        print("\n".join(op_function(op)))
        if "inplace" in op.forms:
            print("\n".join(inplace_function(op)))
        print(f"\n# stub\n{stubs.stub_of(op)}\n")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="codegen", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    cpp = commands.add_parser("cpp", help="write the C++ files")
    cpp.add_argument("folder", type=Path)
    commands.add_parser("list", help="names of the C++ files").add_argument("--sources", action="store_true")
    one = commands.add_parser("show", help="print all that is generated for one operation")
    one.add_argument("name")
    pages = commands.add_parser("docs", help="write the stub file and the reference pages")
    pages.add_argument("--check", action="store_true", help="fail if they are not up to date")
    args = parser.parse_args()
    load_all()
    if args.command == "cpp":
        write(args.folder, emit.all_files(TABLE))
        return 0
    if args.command == "list":
        print(";".join(n for n in emit.all_files(TABLE) if n.endswith(".cpp")), end="")
        return 0
    if args.command == "show":
        return show(args.name)
    return stubs.write_docs(TABLE, check=args.check)


if __name__ == "__main__":
    sys.exit(main())
