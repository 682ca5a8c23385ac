# The command line of the harness: `python -m bench --help`.

from __future__ import annotations

import argparse
import fnmatch
import sys
from pathlib import Path

from bench import guard, picture, registry, report, runner


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="torchy beside another library")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="case names or groups: shell pattern or part of it; repeatable",
    )
    parser.add_argument("--rounds", type=int, help="turns of each library (9; with --quick 3)")
    parser.add_argument("--passes", type=int, help="fresh processes so many times (3; quick 1)")
    parser.add_argument("--quick", action="store_true", help="few short rounds, no slow cases")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--svg", type=Path, metavar="FILE")
    parser.add_argument("--peer", default="torch", help="library to compare with")
    parser.add_argument("--ours", default="torchy", help="library under test")
    parser.add_argument("--threads", type=int, help="set_num_threads in both")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit status 1 if a target is missed or a case of ours fails",
    )
    parser.add_argument(
        "--guard",
        action="store_true",
        help="only: ns per element of our pointwise kernels against limits",
    )
    parser.add_argument("--guard-scale", type=float, default=1.0, help="loosen --guard's limits")
    parser.add_argument("--cases", default="bench.cases", help="package that holds the cases")
    parser.add_argument("--list", action="store_true", help="only print the cases")
    return parser.parse_args(arguments)


def choose(cases: dict[str, registry.Case], patterns: list[str], quick: bool = False) -> list[registry.Case]:
    """The cases whose name or group matches any pattern (all of them without patterns)."""

    def wanted(case: registry.Case) -> bool:
        return not patterns or any(
            pattern in text or fnmatch.fnmatchcase(text, pattern)
            for pattern in patterns
            for text in (case.name, case.group)
        )

    return [case for case in cases.values() if wanted(case) and not (quick and case.slow)]


def show_progress(case: registry.Case, sides: tuple[runner.Side, runner.Side]) -> None:
    print(f"{case.name}: {' '.join(side.status for side in sides)}", file=sys.stderr)


def main() -> int:
    options = parse()
    if options.guard:
        return guard.guard(options.ours, options.guard_scale, "".join(options.only[:1]))
    cases, means = registry.load(options.cases)
    chosen = choose(cases, options.only, options.quick)
    if not chosen:
        print(f"bench: no case matches {options.only}; --list prints them", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(f"{case.group:16} {case.name}" for case in chosen))
        return 0
    rounds = options.rounds or (3 if options.quick else 9)
    passes = options.passes or (1 if options.quick else min(3, rounds))
    goal = 0.02 if options.quick else 0.05
    result = runner.run(
        chosen,
        (options.peer, options.ours),
        rounds,
        goal,
        options.cases,
        options.threads,
        show_progress,
        passes=passes,
    )
    for name, info in zip(result.libraries, result.info, strict=True):
        if info["status"] != "ok":
            print(f"bench: {name} cannot be used: {info['error']}", file=sys.stderr)
    settings = {
        "rounds": rounds,
        "passes": passes,
        "seconds_per_round": goal,
        "threads": options.threads,
    }
    data = report.summary(result, means, settings)
    report.print_table(data)
    if options.json:
        options.json.write_text(report.as_json(data), encoding="utf-8")
    if options.svg:
        options.svg.write_text(picture.as_svg(data), encoding="utf-8")
    return 1 if options.check and report.missed(data) else 0


if __name__ == "__main__":
    sys.exit(main())
