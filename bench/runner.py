# Starts the two workers, alternates their rounds case by case, and gathers the samples.
# Prints nothing (progress goes to a callback) and judges no ratio: that is report.py.

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import measure
from bench.registry import Case

ROOT = Path(__file__).resolve().parent.parent
SETTLE = 0.01  # seconds between turns: some thread pools spin for a while after their last region


class WorkerLost(Exception):
    """The worker process died or did not answer in time."""


class Worker:
    """One library in its own process, restarted when it is lost."""

    def __init__(self, library: str, cases: str, threads: int | None = None) -> None:
        self.library = library
        self.command = [sys.executable, "-m", "bench.worker", library, "--cases", cases]
        if threads is not None:
            self.command += ["--threads", str(threads)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        env = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in paths if p))
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=env,
            bufsize=0,
        )
        self.pending = b""

    def send(self, **request: Any) -> None:
        if self.process is None:
            self.start()
        assert self.process is not None and self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            raise self._lost("died") from None

    def receive(self, timeout: float) -> dict[str, Any]:
        """The next answer; WorkerLost after `timeout` seconds or when the process ends."""
        assert self.process is not None and self.process.stdout is not None
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.pending:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise self._lost(f"gave no answer in {timeout:g} s")
                chunk = os.read(self.process.stdout.fileno(), 65536)
                if not chunk:
                    raise self._lost("died")
                self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, timeout: float = 120.0, **request: Any) -> dict[str, Any]:
        """Send and receive; a lost worker is an answer like any other failure."""
        try:
            self.send(**request)
            return self.receive(timeout)
        except WorkerLost as lost:
            return {"status": "failed", "error": str(lost)}

    def _lost(self, what: str) -> WorkerLost:
        process, self.process = self.process, None
        assert process is not None
        if what == "died":
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        code = process.poll()
        process.kill()
        _reap(process)
        self.errors.seek(0)
        tail = self.errors.read().decode(errors="replace").strip().splitlines()[-1:]
        self.errors.close()
        how = "" if code is None else f" (signal {-code})" if code < 0 else f" (exit status {code})"
        return WorkerLost(f"worker {what}{how}" + "".join(f": {line[:200]}" for line in tail))

    def close(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            _reap(process)
            self.errors.close()


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@dataclass
class Side:
    """What one library gave for one case."""

    status: str = "ok"
    error: str = ""
    loops: int = 0
    samples: dict[str, list[float]] = field(default_factory=dict)

    def take(self, answer: dict[str, Any]) -> None:
        self.status, self.error = answer["status"], answer.get("error", "")
        self.loops = answer.get("loops", self.loops)
        for part, value in answer.get("values", {}).items():
            self.samples.setdefault(part, []).append(value)


def run_case(
    case: Case,
    workers: tuple[Worker, Worker],
    sides: tuple[Side, Side],
    rounds: int,
    goal: float,
    settle: float = SETTLE,
) -> None:
    """Load the case on both sides, then let them take turns; a failed side only drops out."""
    timeout = 900.0 if case.slow else 120.0
    for worker, side in zip(workers, sides, strict=True):
        if side.status == "ok":
            side.take(worker.ask(timeout, do="load", name=case.name, goal=goal))
    for _ in range(rounds):
        for worker, side in zip(workers, sides, strict=True):
            if side.status == "ok":
                time.sleep(settle)
                side.take(worker.ask(timeout, do="round"))
    for worker, side in zip(workers, sides, strict=True):
        if side.status == "ok":
            worker.ask(do="drop")


def share(rounds: int, passes: int, number: int) -> int:
    """How many of `rounds` belong to pass `number` (from 0) of `passes`."""
    return rounds // passes + (number < rounds % passes)


def quiet_check(workers: tuple[Worker, Worker]) -> dict[str, float | None]:
    """The fixed spin alone in this process, then in both workers at once (seconds)."""
    time.sleep(0.05)
    alone = measure.spin()
    together: float | None = None
    try:
        for worker in workers:
            worker.send(do="spin")
        answers = [worker.receive(60.0) for worker in workers]
        together = max(answer["seconds"] for answer in answers)
    except (WorkerLost, KeyError):
        pass
    return {"alone": alone, "together": together}


@dataclass
class Run:
    """Everything one run of the harness measured."""

    libraries: tuple[str, str]
    info: tuple[dict[str, Any], dict[str, Any]]
    results: list[tuple[Case, tuple[Side, Side]]]
    before: dict[str, float | None]
    after: dict[str, float | None]


def run(
    cases: Iterable[Case],
    libraries: tuple[str, str],
    rounds: int,
    goal: float = 0.05,
    package: str = "bench.cases",
    threads: int | None = None,
    progress: Callable[[Case, tuple[Side, Side]], None] | None = None,
    settle: float = SETTLE,
    passes: int = 1,
) -> Run:
    """Run the cases with libraries[0] (the peer) and libraries[1] (ours) side by side.

    Each pass has processes of its own: where the data happens to lie in memory can cost a factor
    of 4 for as long as a process lives, and only a new process draws anew.
    """
    peer, ours = (Worker(name, package, threads) for name in libraries)
    workers = (peer, ours)
    results = [(case, (Side(), Side())) for case in cases]
    try:
        info = (peer.ask(do="info"), ours.ask(do="info"))
        before = quiet_check(workers)
        for number in range(passes):
            for case, sides in results:
                turns = share(min(rounds, case.rounds or rounds), passes, number)
                if turns:
                    run_case(case, workers, sides, turns, goal, settle)
                    if progress is not None:
                        progress(case, sides)
            if number < passes - 1:
                peer.close()
                ours.close()
        after = quiet_check(workers)
    finally:
        peer.close()
        ours.close()
    return Run(libraries, info, results, before, after)
