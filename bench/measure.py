# Timing of one function inside a worker, and the fixed spin that tells a quiet machine.
# Knows nothing of libraries, cases or processes.

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import repeat
from typing import Any

Clock = Callable[[], float]


def run_loop(fn: Callable[[], Any], loops: int, clock: Clock = time.perf_counter) -> float:
    """Seconds that `loops` calls of `fn` take, with the garbage collector off."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        turns = repeat(None, loops)
        start = clock()
        for _ in turns:
            fn()
        return clock() - start
    finally:
        if was_on:
            gc.enable()


def calibrate(fn: Callable[[], Any], goal: float, clock: Clock = time.perf_counter) -> int:
    """How many calls of `fn` make one round of about `goal` seconds (at least one)."""
    fn()  # first use may load a library or fill a cache
    loops = 1
    while True:
        took = run_loop(fn, loops, clock)
        if took >= goal / 4:
            return max(1, round(loops * goal / took))
        growth = goal / 2 / took if took > 0 else 10.0
        loops = int(loops * min(10.0, max(2.0, growth))) + 1


def sample(fn: Callable[[], Any], loops: int, per: int = 1, clock: Clock = time.perf_counter) -> float:
    """Seconds per operation in one round; `per` operations happen in one call."""
    if loops > 1:
        fn()  # wake caches and threads after the other library's turn
    gc.collect()
    return run_loop(fn, loops, clock) / (loops * per)


def spin(tries: int = 5, clock: Clock = time.perf_counter) -> float:
    """Best time of a fixed piece of pure Python (some 10 ms): longer means a busier machine."""
    best = float("inf")
    for _ in range(tries):
        start = clock()
        value = 1
        for _ in range(200_000):
            value = (value * 1103515245 + 12345) & 0x7FFFFFFF
        best = min(best, clock() - start)
    return best
