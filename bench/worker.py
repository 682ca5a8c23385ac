# The process that holds one library: reads one JSON request a line, answers one JSON line.
# Between requests it is blocked on the pipe, so it costs nothing while the other library runs.

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from bench import measure, registry

ALIASES = {"torch2": "torch"}  # the same library under two names: ratios must come out near 1


def import_library(name: str) -> Any:
    """The library behind a name given on the command line."""
    return importlib.import_module(ALIASES.get(name, name))


class Session:
    """One library and the case that is loaded now."""

    def __init__(self, library: str, cases: str, threads: int | None) -> None:
        self.cases = registry.load(cases)[0]
        self.torch = import_library(library)
        if threads is not None:
            self.torch.set_num_threads(threads)
        self.fn: Callable[[], Any] | None = None
        self.case: registry.Case | None = None
        self.loops = 1

    def info(self) -> dict[str, Any]:
        threads = getattr(self.torch, "get_num_threads", None)
        return {
            "version": str(getattr(self.torch, "__version__", "unknown")),
            "threads": threads() if threads else None,
        }

    def load(self, name: str, goal: float) -> dict[str, Any]:
        """Set the case up and choose how many calls make one round."""
        self.drop()
        self.case = self.cases[name]
        self.fn = self.case.make(self.torch)
        self.loops = 1 if self.case.parts else measure.calibrate(self.fn, goal)
        return {"loops": self.loops}

    def round(self) -> dict[str, Any]:
        """One sample for every part of the loaded case."""
        if self.fn is None or self.case is None:
            raise RuntimeError("round: no case is loaded; send load first")
        if self.case.parts:
            return {"values": dict(self.fn())}
        return {"values": {"": measure.sample(self.fn, self.loops, getattr(self.fn, "per", 1))}}

    def drop(self) -> dict[str, Any]:
        self.fn = self.case = None
        return {}

    def spin(self) -> dict[str, Any]:
        return {"seconds": measure.spin()}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do one request; whatever a library throws becomes an answer."""
        command = request.pop("do")
        try:
            return {"status": "ok", **getattr(self, command)(**request)}
        except registry.Skip as reason:
            return {"status": "skipped", "error": str(reason)}
        except Exception as error:
            self.drop()
            return {"status": "failed", "error": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--cases", default="bench.cases")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    # Answers keep the real stdout; anything a library prints goes to stderr instead.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    session = Session(options.library, options.cases, options.threads)
    for line in sys.stdin:
        answers.write(json.dumps(session.answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
