"""Builds the core with AddressSanitizer and UndefinedBehaviorSanitizer and runs the fast tests on it.

``python -m tests.sanitize [pytest arguments]``. Free lists are switched off in that build, so that a use
after free is seen. Everything stays in build/sanitize.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "sanitize"
PACKAGE = BUILD / "package"
FAST_TESTS = ["tests/ops", "tests/autograd", "tests/api", "tests/property"]


def run(*command: str, **options: object) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True, cwd=ROOT, **options)  # type: ignore[call-overload]


def build() -> None:
    run(
        "cmake", "-S", ".", "-B", str(BUILD), "-G", "Ninja", "-DTORCHY_SANITIZE=address,undefined", "-DTORCHY_KEEP_SYMBOLS=ON",
        f"-DPython_EXECUTABLE={sys.executable}", "-DSKBUILD_PROJECT_VERSION=sanitize", "-DCMAKE_CXX_FLAGS_RELEASE=-O1",
    )  # fmt: skip
    run("cmake", "--build", str(BUILD))
    shutil.rmtree(PACKAGE, ignore_errors=True)
    shutil.copytree(ROOT / "src", PACKAGE, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (library,) = BUILD.glob("_C.*so")
    shutil.copy(library, PACKAGE / "torchy")


def test(arguments: list[str]) -> None:
    def runtime(name: str) -> str:
        return subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip()

    env = dict(
        os.environ,
        LD_PRELOAD=f"{runtime('libasan.so')} {runtime('libubsan.so')} {runtime('libstdc++.so.6')}",
        ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1:abort_on_error=1",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
        PYTHONMALLOC="malloc",
        TORCHY_TEST_PACKAGE=str(PACKAGE),
    )
    run(
        sys.executable,
        "-m",
        "pytest",
        *(arguments or [*FAST_TESTS, "-m", "not resource", "-p", "no:cacheprovider", "-n", "2"]),
        env=env,
    )


if __name__ == "__main__":
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    build()
    test(sys.argv[1:])
