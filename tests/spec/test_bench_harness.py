# The benchmark harness itself: turns, failures, ratios, verdicts. Needs no build and no PyTorch:
# two stand-in modules with exact costs play the libraries.

from __future__ import annotations

import gc
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bench import (  # noqa: E402
    __main__ as command,  # noqa: E402
    measure,
    picture,
    registry,
    report,
    runner,
)

SLOW = """
NAME, COSTS = "standin_slow", (6.0, 4.0, 5.0, 9.0)
__version__ = "1.0"
"""
FAST = """
NAME, COSTS = "standin_fast", (2.0, 1.0, 4.0, 2.5)
__version__ = "2.0"
"""
CASES = """
import os, signal
from bench.registry import Skip, case, mean

@case("standin_exact", "g", target=4.0, parts=True)
def exact(lib):
    costs = iter(lib.COSTS)
    def fn():
        with open(os.environ["STANDIN_LOG"], "a") as log:
            log.write(f"{lib.NAME} {os.getpid()}\\n")
        return {"": next(costs), "piece": 1.0}
    return fn

@case("standin_dies", "g", target=1.0)
def dies(lib):
    if lib.NAME == "standin_fast":
        os.kill(os.getpid(), signal.SIGKILL)
    return lambda: None

@case("standin_raises", "g", target=1.0, parts=True)
def raises(lib):
    turns = iter(range(9))
    def fn():
        if lib.NAME == "standin_fast" and next(turns) == 1:
            raise ValueError("no such thing")
        return {"": 1.0}
    return fn

@case("standin_skips", "g", target=1.0)
def skips(lib):
    raise Skip("not offered")

@case("standin_prints", "h", limit=1.5, unit="MB", parts=True, rounds=1)
def prints(lib):
    def fn():
        print("a library that talks")
        os.write(1, b"and more\\n")
        return {"": 1.0}
    return fn

@case("standin_timed", "h", target=1e6)
def timed(lib):
    return lambda: None

mean("standin mean", 2.0, ["standin_exact", "standin_prints"], __name__)
mean("standin mean of failures", 2.0, ["standin_exact", "standin_dies"], __name__)
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("standins")
    for name, text in (("standin_slow", SLOW), ("standin_fast", FAST), ("standin_cases", CASES)):
        (folder / f"{name}.py").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder))
        patch.setenv("STANDIN_LOG", str(folder / "log"))
        yield folder


def run(names: list[str], rounds: int, passes: int = 1) -> runner.Run:
    cases = registry.load("standin_cases")[0]
    chosen = [cases[name] for name in names] if names else list(cases.values())
    libraries = ("standin_slow", "standin_fast")
    return runner.run(
        chosen, libraries, rounds, 0.002, "standin_cases", settle=0.0, passes=passes
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(stage: Path) -> dict[str, Any]:
    result = run([], rounds=4)
    return report.summary(result, registry.load("standin_cases")[1], {"rounds": 4})


@pytest.fixture
def rows(data: dict[str, Any]) -> dict[str, Any]:
    return {row["name"]: row for row in data["results"]}


def test_rounds_alternate_in_two_processes_and_every_pass_has_new_ones(stage: Path) -> None:
    (stage / "log").unlink(missing_ok=True)
    run(["standin_exact"], rounds=3, passes=2)
    lines = [line.split() for line in (stage / "log").read_text().splitlines()]
    assert [name for name, _ in lines] == ["standin_slow", "standin_fast"] * 3
    assert len({pid for _, pid in lines}) == 4
    assert len({pid for _, pid in lines[:4]}) == 2


def test_share_hands_out_every_round() -> None:
    assert [runner.share(9, 3, n) for n in range(3)] == [3, 3, 3]
    assert [runner.share(5, 3, n) for n in range(3)] == [2, 2, 1]
    assert [runner.share(1, 3, n) for n in range(3)] == [1, 0, 0]


def test_ratios_are_peer_over_ours_of_bests_and_of_medians(rows: dict[str, Any]) -> None:
    row = rows["standin_exact"]
    assert row["peer"]["samples"] == [6.0, 4.0, 5.0, 9.0]
    assert row["ours"]["samples"] == [2.0, 1.0, 4.0, 2.5]
    assert (row["peer"]["best"], row["peer"]["median"]) == (4.0, 5.5)
    assert (row["ours"]["best"], row["ours"]["median"]) == (1.0, 2.25)
    assert row["ratio_best"] == 4.0
    assert row["ratio_median"] == pytest.approx(5.5 / 2.25)
    assert row["reached"] is True
    part = rows["standin_exact:piece"]
    assert (part["ratio_best"], part["target"], part["reached"]) == (1.0, None, None)


def test_a_limit_is_judged_by_our_own_value(rows: dict[str, Any]) -> None:
    assert rows["standin_prints"]["reached"] is True
    case = registry.Case("x", "g", lambda lib: lambda: None, limit=1.0)
    sides = (runner.Side(samples={"": [9.0]}), runner.Side(samples={"": [1.1, 1.2]}))
    assert report.rows_of(case, sides)[0].reached is False


def test_a_target_missed_by_a_hair_is_not_reached() -> None:
    case = registry.Case("x", "g", lambda lib: lambda: None, target=1.0)
    sides = (runner.Side(samples={"": [0.999]}), runner.Side(samples={"": [1.0]}))
    assert report.rows_of(case, sides)[0].reached is False


def test_an_exception_in_one_library_is_reported_and_the_other_goes_on(
    rows: dict[str, Any],
) -> None:
    row = rows["standin_raises"]
    assert row["ours"]["status"] == "failed"
    assert row["ours"]["error"] == "ValueError: no such thing"
    assert row["peer"]["status"] == "ok" and len(row["peer"]["samples"]) == 4
    assert row["ratio_best"] is None and row["reached"] is False


def test_a_dying_process_is_reported_and_later_cases_run(rows: dict[str, Any]) -> None:
    assert rows["standin_dies"]["ours"]["error"].startswith("worker died (signal 9)")
    assert rows["standin_dies"]["peer"]["status"] == "ok"
    assert rows["standin_timed"]["ours"]["status"] == "ok"


def test_a_skipped_case_has_no_verdict(rows: dict[str, Any], data: dict[str, Any]) -> None:
    row = rows["standin_skips"]
    assert (row["ours"]["status"], row["ours"]["error"]) == ("skipped", "not offered")
    assert row["reached"] is None and "standin_skips" not in report.missed(data)


def test_what_a_library_prints_does_not_disturb_the_answers(rows: dict[str, Any]) -> None:
    assert rows["standin_prints"]["ours"]["samples"] == [1.0]


def test_check_names_failures_and_missed_targets(data: dict[str, Any]) -> None:
    assert report.missed(data) == ["standin_dies", "standin_raises", "standin_timed"]


def test_geometric_mean_needs_every_member(data: dict[str, Any]) -> None:
    assert [m["name"] for m in data["means"]] == ["standin mean"]
    assert data["means"][0]["ratio_best"] == pytest.approx(2.0)  # of 4 and 1


def test_a_library_that_cannot_be_imported_is_a_failure_of_each_case(stage: Path) -> None:
    case = registry.load("standin_cases")[0]["standin_exact"]
    result = runner.run(
        [case], ("standin_slow", "standin_nowhere"), 1, package="standin_cases", settle=0.0
    )  # fmt: skip
    peer, ours = result.results[0][1]
    assert peer.status == "ok" and ours.status == "failed"
    assert "No module named 'standin_nowhere'" in ours.error


def test_a_worker_that_hangs_is_given_up(stage: Path) -> None:
    worker = runner.Worker("standin_slow", "standin_cases")
    try:
        worker.start()  # nothing is asked, so no answer can come
        with pytest.raises(runner.WorkerLost, match="no answer in 0.05 s"):
            worker.receive(0.05)
        assert worker.process is None
        assert worker.ask(do="info")["version"] == "1.0"  # started anew
    finally:
        worker.close()


class FakeTime:
    """A clock that moves only when the function under test runs."""

    def __init__(self, cost: float) -> None:
        self.now, self.cost, self.calls, self.gc_on = 0.0, cost, 0, False

    def clock(self) -> float:
        return self.now

    def fn(self) -> None:
        self.now += self.cost
        self.calls += 1
        self.gc_on = self.gc_on or gc.isenabled()


@pytest.mark.parametrize(("cost", "loops"), [(1e-3, 50), (0.2, 1), (2e-6, 25_000)])
def test_calibration_fills_the_round(cost: float, loops: int) -> None:
    fake = FakeTime(cost)
    assert measure.calibrate(fake.fn, 0.05, fake.clock) == loops


def test_a_sample_is_time_per_operation_with_the_collector_off() -> None:
    fake, was_on = FakeTime(1e-3), gc.isenabled()
    gc.enable()
    try:
        assert measure.run_loop(fake.fn, 7, fake.clock) == pytest.approx(7e-3)
        assert not fake.gc_on and gc.isenabled()
        assert measure.sample(fake.fn, 10, 5, fake.clock) == pytest.approx(1e-3 / 5)
    finally:
        if not was_on:
            gc.disable()


def test_unrolled_evaluates_the_expression_that_many_times() -> None:
    seen: list[int] = []
    fn: Any = registry.unrolled("seen.append(x)", 5, seen=seen, x=3)
    fn()
    assert seen == [3] * 5 and fn.per == 5


@pytest.mark.parametrize(
    ("after", "quiet"),
    [({"alone": 1.05, "together": 1.1}, True), ({"alone": 1.2, "together": 1.1}, False)],
)
def test_drift_of_the_spin_marks_a_noisy_machine(after: Any, quiet: bool) -> None:
    noisy = runner.Run(("a", "b"), ({}, {}), [], {"alone": 1.0, "together": 1.1}, after)
    assert report.quietness(noisy)["quiet"] is quiet


def test_json_and_picture_hold_the_results(data: dict[str, Any]) -> None:
    again = json.loads(report.as_json(data))
    assert again["results"] == data["results"] and again["machine"]["cores"] >= 1
    assert again["libraries"]["ours"]["version"] == "2.0"
    texts = [e.text for e in ET.fromstring(picture.as_svg(data)).iter() if e.tag.endswith("text")]
    assert "standin_exact" in texts and "4.00" in texts and "standin_dies" not in texts


def test_table_shows_ratio_verdict_and_failure(data: dict[str, Any], capsys: Any) -> None:
    pytest.importorskip("rich")
    report.print_table(data)
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if "standin_exact " in line)
    assert "4.00x" in line and ">= 4x" in line and "yes" in line
    assert "failed: standin_raises in standin_fast: ValueError: no such thing" in out


def test_real_cases_load_without_a_tensor_library() -> None:
    code = (
        "import sys; from bench import registry; cases, means = registry.load();"
        "assert not {'torch', 'torchy', 'numpy'} & set(sys.modules);"
        "assert all(n in cases for m in means for n in m.members);"
        "print(len(cases))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


def test_only_chooses_by_name_or_group_and_quick_leaves_out_slow_cases() -> None:
    def make(lib: Any) -> Any:
        return lambda: None

    cases = {
        name: registry.Case(name, group, make, slow=name == "chain")
        for name, group in (("add", "dispatch"), ("add_big", "large"), ("chain", "dispatch"))
    }

    def names(patterns: list[str], quick: bool = False) -> list[str]:
        return [case.name for case in command.choose(cases, patterns, quick)]

    assert names([]) == ["add", "add_big", "chain"]
    assert names(["add*"]) == ["add", "add_big"]
    assert names(["dispatch"], quick=True) == ["add"]
    assert names(["large", "chain"]) == ["add_big", "chain"]
