"""torchy.autograd.profiler: the older names of torchy.profiler, without a schedule. Layer: torchy."""

from __future__ import annotations

from typing import Any

from torchy.profiler import record_function as record_function
from torchy.profiler._events import EventList, FunctionEventAvg
from torchy.profiler._recording import _KinetoProfile
from torchy.profiler._schedule import ProfilerActivity

__all__ = ["profile", "record_function"]


class profile(_KinetoProfile):
    """Records the operations of the block it is the context manager of; once, as PyTorch's.

    enabled: False makes it do nothing. Options and results as in torchy.profiler.profile. RuntimeError: entered a
    second time, or asked for a device this build has not.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        acc_events: bool = False,
    ) -> None:
        if use_cuda or use_device is not None:
            asked = "use_cuda=True" if use_cuda else f"use_device={use_device!r}"
            raise RuntimeError(f"profile: {asked}, but this build records the CPU only; leave it out")
        if not use_cpu:
            raise AssertionError("profile: use_cpu=False leaves nothing to record; leave it out")
        super().__init__(
            activities=[ProfilerActivity.CPU], record_shapes=record_shapes, profile_memory=profile_memory,
            with_stack=with_stack, with_flops=with_flops, with_modules=with_modules, acc_events=acc_events,
        )  # fmt: skip
        self.enabled = enabled
        self.entered = False
        self.prepare_trace()  # no events yet is an empty list here, not an error

    def __enter__(self) -> profile:
        if self.enabled:
            if self.entered:
                raise RuntimeError("profile: entered a second time; make another for the next block")
            self.entered = True
            self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.enabled:
            self.stop()

    @property
    def function_events(self) -> EventList:
        """The events, unsummed."""
        return self.events()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds of all events, each moment counted once."""
        return self.events().self_cpu_time_total

    def total_average(self) -> FunctionEventAvg:
        """All events summed into one."""
        return self.events().total_average()

    def table(self, *args: Any, **options: Any) -> str:
        """The unsummed events as text; arguments as EventList.table."""
        return self.events().table(*args, **options)

    def __str__(self) -> str:
        return self.table()
