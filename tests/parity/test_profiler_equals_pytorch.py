"""torchy.profiler and PyTorch's on the same programs: keys, calls, shapes, operations counted, table and schedule."""

from __future__ import annotations

import pytest

import torchy
import torchy.profiler  # not loaded by `import torchy`

torch = pytest.importorskip("torch")
from torch.autograd import profiler_util  # noqa: E402  (after importorskip; `import torch` loads torch.profiler)

EVALUATE = "autograd::engine::evaluate_function: "
OURS_OR_THEIRS = (torchy, torch)


def run(lib, program, backward=False, **options):
    x = lib.arange(20, dtype=lib.float32).reshape(4, 5).div(7).requires_grad_()
    w = lib.arange(15, dtype=lib.float32).reshape(5, 3).div(9).requires_grad_()
    with lib.profiler.profile(activities=[lib.profiler.ProfilerActivity.CPU], **options) as prof:
        result = program(lib, x, w)
        if backward:
            result.backward()
    return prof


def top(prof):
    """The outermost events, without what PyTorch does to seed backward."""
    skipped = ("[memory]", "aten::ones_like")
    return [event for event in prof.events() if event.cpu_parent is None and event.name not in skipped]


def tensors_of(shapes):
    """Without the numbers at the end: PyTorch's add always has an alpha, its expand an `implicit`."""
    return tensors_of(shapes[:-1]) if shapes and shapes[-1] == [] else shapes


def block(lib, x, w):
    with lib.profiler.record_function("block"):
        y = (x @ w).relu() * 2
        return y.sum()


PROGRAMS = {
    "products": lambda lib, x, w: (lib.mm(x, w), x @ w, lib.mv(x, w[:, 0]), lib.dot(x[0], w[:, 0])),
    "pointwise": lambda lib, x, w: (x * x, x * 2, x + x, x - 1, x / 3, x.exp(), x.sin(), lib.tanh(x), x.sigmoid()),
    "reductions": lambda lib, x, w: (x.sum(), x.sum(0), x.mean(1), x.amax(1), x.argmax(), x.cumsum(0)),
    "shapes": lambda lib, x, w: (x.t(), x.transpose(0, 1), x.view(5, 4), x.unsqueeze(0), x[1], x.expand(2, 4, 5)),
    "joins": lambda lib, x, w: (lib.cat([x, x]), lib.stack([x, x])),
    "nothing recorded": lambda lib, x, w: (x.detach().neg(), x.detach().mul_(2)),
    "addmm": lambda lib, x, w: lib.addmm(w[0], x, w),
    "bmm": lambda lib, x, w: lib.bmm(x[None], w[None]),
    "block": block,
    "nested blocks": lambda lib, x, w: [block(lib, x, w) for _ in range(3)],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_outermost_names_and_calls_are_pytorchs(name):
    ours, theirs = ([event.name for event in top(run(lib, PROGRAMS[name]))] for lib in OURS_OR_THEIRS)
    assert ours == theirs


def test_operations_inside_a_block_are_pytorchs():
    inside = []
    for lib in OURS_OR_THEIRS:
        events = run(lib, block).events()
        inside.append([(e.name, e.scope) for e in events if e.cpu_parent is not None and e.cpu_parent.name == "block"])
    assert inside[0] == inside[1]


def test_backward_nodes_calls_and_sequence_numbers_are_pytorchs():
    found = []
    for lib in OURS_OR_THEIRS:
        events = run(lib, block, backward=True).events()
        nodes = [event for event in events if event.scope == 1 or event.name.startswith(EVALUATE)]
        makers = {e.sequence_nr: e.name for e in events if e.sequence_nr >= 0 and e.fwd_thread == 0}
        found.append([(n.name, n.scope, n.fwd_thread, makers.get(n.sequence_nr)) for n in nodes])
    assert found[0] == found[1]
    assert ("MmBackward0", 1, 1, "aten::mm") in found[0]


def test_calls_of_each_key_in_forward_and_backward_are_pytorchs():
    # Those that both do as one step; PyTorch also lists parts such as aten::as_strided, which torchy has not.
    shared = {"aten::matmul", "aten::mm", "aten::relu", "aten::mul", "aten::sum", "aten::threshold_backward", "block"}
    counts = []
    for lib in OURS_OR_THEIRS:
        totals = run(lib, block, backward=True).key_averages()
        counts.append({t.key: t.count for t in totals if t.key in shared or "Backward" in t.key or "Grad" in t.key})
    assert counts[0] == counts[1] and shared <= counts[0].keys()


@pytest.mark.parametrize("name", ["pointwise", "products", "addmm", "bmm"])
def test_flops_of_the_program_are_pytorchs(name):
    counted = ("aten::mm", "aten::bmm", "aten::addmm", "aten::mul", "aten::add")  # PyTorch has no formula for mv, dot
    flops = []
    for lib in OURS_OR_THEIRS:
        totals = run(lib, PROGRAMS[name], with_flops=True).key_averages()
        flops.append({total.key: total.flops for total in totals if total.key in counted})
    assert flops[0] == flops[1] and sum(flops[0].values()) > 0


@pytest.mark.parametrize("name", ["products", "joins", "addmm", "bmm", "reductions", "shapes", "pointwise"])
def test_input_shapes_are_pytorchs(name):
    shapes = []
    for lib in OURS_OR_THEIRS:
        events = top(run(lib, PROGRAMS[name], record_shapes=True))
        shapes.append([(e.name, tensors_of(e.input_shapes)) for e in events if e.name != "aten::stack"])
    assert shapes[0] == shapes[1]


def test_memory_of_operations_is_pytorchs():
    memory = []
    for lib in OURS_OR_THEIRS:
        events = run(lib, lambda lib, x, w: (x @ w, x.exp(), x + x, x.view(20)), profile_memory=True).events()
        memory.append([(e.name, e.cpu_memory_usage) for e in events if e.cpu_parent is None and e.name != "[memory]"])
    assert memory[0] == memory[1]


OPTIONS = [
    {}, {"record_shapes": True}, {"profile_memory": True}, {"with_flops": True},
    {"record_shapes": True, "profile_memory": True, "with_flops": True},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "none")
def test_table_titles_are_pytorchs(options):
    titles = []
    for lib in OURS_OR_THEIRS:
        table = run(lib, block, **options).key_averages(group_by_input_shape=True).table()
        titles.append([title for title in table.splitlines()[1].split("  ") if title])
    assert [title.strip() for title in titles[0]] == [title.strip() for title in titles[1]]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "none")
@pytest.mark.parametrize(
    "layout",
    [
        {}, {"header": "title", "row_limit": 3}, {"max_name_column_width": 14, "time_unit": "ms"},
        {"top_level_events_only": True, "max_shapes_column_width": 10}, {"max_name_column_width": None},
    ],
    ids=lambda layout: "+".join(layout) or "none",
)  # fmt: skip
def test_table_of_the_same_sums_is_pytorchs_character_for_character(options, layout):
    totals = run(torchy, block, backward=True, **options).key_averages(group_by_input_shape=True)
    kept = {key: value for key, value in options.items() if key != "record_shapes"}
    theirs = profiler_util._build_table(list(totals), **kept, **layout)
    assert totals.table(**layout) == theirs


@pytest.mark.parametrize(
    "numbers",
    [
        {"wait": 1, "warmup": 1, "active": 2}, {"wait": 2, "warmup": 1, "active": 1, "repeat": 2},
        {"wait": 0, "warmup": 2, "active": 3, "skip_first": 4},
        {"wait": 3, "warmup": 1, "active": 1, "repeat": 2, "skip_first": 2, "skip_first_wait": 1},
    ],
)  # fmt: skip
def test_schedule_is_pytorchs(numbers):
    ours, theirs = (lib.profiler.schedule(**numbers) for lib in OURS_OR_THEIRS)
    assert [ours(step).name for step in range(30)] == [theirs(step).name for step in range(30)]


def test_cycles_steps_and_calls_back_are_pytorchs():
    outcomes = []
    for lib in OURS_OR_THEIRS:
        seen = []

        def ready(prof, seen=seen):
            counts = {total.key: total.count for total in prof.key_averages()}
            seen.append((prof.step_num, counts["ProfilerStep*"], counts["aten::mul"]))

        plan = lib.profiler.schedule(wait=1, warmup=1, active=2, repeat=2)
        with lib.profiler.profile(schedule=plan, on_trace_ready=ready, acc_events=True) as prof:
            for _ in range(10):
                lib.ones(2).mul(2)
                prof.step()
        outcomes.append((seen, prof.step_num, prof.current_action.name))
    assert outcomes[0] == outcomes[1]


def test_times_and_sizes_are_written_as_pytorch_does():
    from torchy.profiler._table import format_memory, format_time

    for time in (0.0, 0.1234, 999.9, 1000.0, 12345.678, 1e6, 3.2e7):
        assert format_time(time) == profiler_util._format_time(time)
    for size in (0, 5, -5, 1023, 1024, -1536, 1 << 20, 3 << 30):
        assert format_memory(size) == profiler_util._format_memory(size)
