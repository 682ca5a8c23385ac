"""What is recorded (ProfilerActivity) and in which steps (schedule). Layer: torchy."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Iterable
from typing import Any


class ProfilerActivity(enum.Enum):
    """What may be profiled. This build computes on the CPU only; profile refuses the others."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What the profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> set[ProfilerActivity]:
    """The activities profile accepts: the CPU's."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A schedule for profile: after `skip_first` steps, cycles of `wait`, `warmup` and `active` (recorded) steps.

    repeat: number of cycles, 0 for no end. skip_first_wait: not 0 leaves out the first cycle's wait. AssertionError:
    a negative number, or no active step. UserWarning: no warmup.
    """
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"schedule: got wait={wait}, warmup={warmup}, active={active}, repeat={repeat}, skip_first={skip_first}; "
            "active must be positive, the others 0 or more"
        )
    if warmup == 0:
        warnings.warn("schedule: without warmup the first recorded step may look slow", stacklevel=2)
    cycle = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"schedule: the step is {step}; it must be 0 or more")
        if step < skip_first:
            return ProfilerAction.NONE
        step += (wait if skip_first_wait else 0) - skip_first
        if repeat and step >= repeat * cycle:
            return ProfilerAction.NONE
        place = step % cycle
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def checked_activities(activities: Iterable[Any] | None) -> set[ProfilerActivity]:
    """The activities as a set, an error for those this build lacks."""
    if activities is None:
        return supported_activities()
    found: set[ProfilerActivity] = set()
    for item in activities:
        if not isinstance(item, (ProfilerActivity, dict)):
            raise TypeError(f"profile: activities holds {item!r}; give ProfilerActivity.CPU")
        for activity in item if isinstance(item, dict) else [item]:
            if activity in found:
                raise ValueError(f"profile: {activity} is given more than once; give it once")
            found.add(activity)
    if not found:
        raise AssertionError("profile: activities is empty; give [ProfilerActivity.CPU]")
    for activity in found - supported_activities():
        raise RuntimeError(f"profile: this build cannot record {activity}; give activities=[ProfilerActivity.CPU]")
    return found
