"""Builds the core with sanitizers and runs tests on it.

``python -m tests.sanitize [pytest arguments]``: AddressSanitizer and UndefinedBehaviorSanitizer, the fast tests.
``python -m tests.sanitize --threads [pytest arguments]``: ThreadSanitizer, the threaded tests.
Free lists are switched off in these builds, so that a use after free is seen. Everything stays in build/sanitize
and build/sanitize-threads.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = "--threads" in sys.argv
BUILD = ROOT / "build" / ("sanitize-threads" if THREADS else "sanitize")
PACKAGE = BUILD / "package"
FAST_TESTS = ["tests/ops", "tests/autograd", "tests/api", "tests/property"]
THREADED_TESTS = ["tests/autograd/test_threads.py"]


def run(*command: str, **options: object) -> None:
    print("+", " ".join(command), flush=True)
    subprocess.run(command, check=True, cwd=ROOT, **options)  # type: ignore[call-overload]


def build() -> None:
    run(
        "cmake", "-S", ".", "-B", str(BUILD), "-G", "Ninja", "-DTORCHY_KEEP_SYMBOLS=ON",
        f"-DTORCHY_SANITIZE={'thread' if THREADS else 'address,undefined'}",
        f"-DPython_EXECUTABLE={sys.executable}", "-DSKBUILD_PROJECT_VERSION=sanitize", "-DCMAKE_CXX_FLAGS_RELEASE=-O1",
    )  # fmt: skip
    run("cmake", "--build", str(BUILD))
    shutil.rmtree(PACKAGE, ignore_errors=True)
    shutil.copytree(ROOT / "src", PACKAGE, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (library,) = BUILD.glob("_C.*so")
    shutil.copy(library, PACKAGE / "torchy")


def runtime(name: str) -> str:
    return subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip()


def test(arguments: list[str]) -> None:
    env = dict(
        os.environ,
        LD_PRELOAD=" ".join(runtime(f"lib{name}") for name in ("asan.so", "ubsan.so", "stdc++.so.6")),
        ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1:abort_on_error=1",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
        PYTHONMALLOC="malloc",
        TORCHY_TEST_PACKAGE=str(PACKAGE),
    )
    default = [*FAST_TESTS, "-m", "not resource", "-p", "no:cacheprovider", "-n", "2"]
    run(sys.executable, "-m", "pytest", *(arguments or default), env=env)


def test_threads(arguments: list[str]) -> None:
    """A race ends the run with an error. Addresses are not randomised where that may be asked: ThreadSanitizer wants its own."""
    env = dict(
        os.environ,
        LD_PRELOAD=f"{runtime('libtsan.so')} {runtime('libstdc++.so.6')}",
        TSAN_OPTIONS="halt_on_error=1:exitcode=66:report_signal_unsafe=0",
        TORCHY_TEST_PACKAGE=str(PACKAGE),
    )
    default = [*THREADED_TESTS, "-m", "not resource", "-p", "no:cacheprovider", "-n", "0"]
    fixed = shutil.which("setarch") and subprocess.run(["setarch", "-R", "true"], capture_output=True).returncode == 0
    run(*(["setarch", "-R"] if fixed else []), sys.executable, "-m", "pytest", *(arguments or default), env=env)


if __name__ == "__main__":
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    build()
    rest = [a for a in sys.argv[1:] if a != "--threads"]
    if THREADS:
        test_threads(rest)
    else:
        test(rest)
