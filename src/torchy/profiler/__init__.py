"""torchy.profiler: where a program's time, memory and floating point operations go. Layer: torchy.

with profile(record_shapes=True) as prof:
    with record_function("forward"):
        loss = model(x).sum()
    loss.backward()
print(prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=10))
prof.export_chrome_trace("trace.json")
"""

from __future__ import annotations

from ._events import DeviceType as DeviceType
from ._profile import profile as profile
from ._record import record_function as record_function
from ._schedule import (
    ProfilerAction as ProfilerAction,
    ProfilerActivity as ProfilerActivity,
    schedule as schedule,
    supported_activities as supported_activities,
)
from ._trace import tensorboard_trace_handler as tensorboard_trace_handler

__all__ = [
    "DeviceType", "ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule",
    "supported_activities", "tensorboard_trace_handler",
]  # fmt: skip
