# The command line: `python -m torchy` runs the demo, `python -m torchy info` tells what was built
# and what this machine gave it.
from __future__ import annotations

import sys


def info() -> int:
    """Print version, build, instruction set, threads and BLAS."""
    import platform

    import torchy

    build = torchy._C._build_info()
    rows = [("torchy", build["version"])]
    rows += [(key.replace("_", " "), value) for key, value in build.items() if key != "version"]
    rows += [
        ("python", platform.python_version()),
        ("platform", f"{platform.system()} {platform.machine()}"),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run it; returns the exit code."""
    import argparse

    parser = argparse.ArgumentParser("python -m torchy", description="torchy's demo and facts.")
    parser.add_argument("command", nargs="?", choices=["demo", "info"], default="demo")
    parser.add_argument("--out", default=".", help="file for the curves, or a directory")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.command == "info":
        return info()
    if options.epochs < 1:
        parser.error(f"--epochs is {options.epochs}; it must be at least 1")
    from ._demo import run_demo

    return run_demo(options.out, options.epochs, options.seed)


if __name__ == "__main__":
    sys.exit(main())
