# What the tests of torchy.profiler share: a driver that plays the core, a small network. Holds no tests.
from __future__ import annotations

import torchy
from torchy import _C
from torchy.profiler import _record


class Driver:
    """Calls the recorder as the core does, at times and live bytes given by the test (microseconds, bytes)."""

    def __init__(self):
        self.mode = None
        self.time = 1000
        self.bytes = 0

    def at(self, time):
        self.time = 1000 + time
        return self.mode

    def op(self, name, begin, end, inputs=(), outputs=(), inside=(), allocates=0):
        token = self.at(begin).before_op(name, inputs)
        for step in inside:
            step()
        self.bytes += allocates
        self.at(end).after_op(token, name, outputs)


class Named:
    """Stands for a node of the graph, or for a result with such a node."""

    def __init__(self, name, number):
        self.name = lambda: name
        self._sequence_nr = lambda: number
        self.grad_fn = self


def play_the_core(monkeypatch):
    """A Driver in the core's place, whose clock and live bytes the profiler reads."""
    made = Driver()
    monkeypatch.setattr(_C, "_push_mode", lambda mode: setattr(made, "mode", mode))
    monkeypatch.setattr(_C, "_pop_mode", lambda: setattr(made, "mode", None))
    monkeypatch.setattr(_C, "_memory_stats", lambda: {"live_bytes": made.bytes})
    monkeypatch.setattr(_record, "now", lambda: made.time * 1000)
    monkeypatch.setattr(_record, "first_sequence_nr", lambda: 5)
    return made


def by_name(events):
    return {event.name: event for event in events}


def by_key(prof, **options):
    return {event.key: event for event in prof.key_averages(**options)}


def network():
    x = torchy.ones(4, 5, requires_grad=True)
    w = torchy.full((5, 3), 0.5, requires_grad=True)
    return x, w
