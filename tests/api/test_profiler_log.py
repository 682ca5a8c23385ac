"""torchy.profiler: times, nesting, memory and sequence numbers of operations driven by hand, and operation counts."""

from __future__ import annotations

import pytest
from _profiles import Named, by_key, by_name, network, play_the_core

import torchy
from torchy.profiler import _flops, _names, _record, profile, record_function


@pytest.fixture
def driver(monkeypatch):
    return play_the_core(monkeypatch)


def test_self_time_leaves_out_children(driver):
    with profile() as prof:
        driver.op("matmul", 0, 50, inside=[lambda: driver.op("mm", 10, 40), lambda: driver.op("neg", 41, 43)])
        driver.op("mm", 60, 65)
    events = prof.events()
    assert [(e.name, e.cpu_time_total, e.self_cpu_time_total) for e in events] == [
        ("aten::matmul", 50, 18), ("aten::mm", 30, 30), ("aten::neg", 2, 2), ("aten::mm", 5, 5),
    ]  # fmt: skip
    assert events[1].cpu_parent is events[0] and events[0].cpu_children == [events[1], events[2]]
    assert events[3].cpu_parent is None and events[3].time_range == (60, 65)
    total = by_key(prof)["aten::mm"]
    assert (total.count, total.cpu_time_total, total.self_cpu_time_total, total.cpu_time) == (2, 35, 35, 17.5)
    assert events.self_cpu_time_total == prof.key_averages().self_cpu_time_total == 55
    assert events.total_average().key == "Total" and events.total_average().count == 4


def test_overload_is_not_part_of_the_name(driver):
    with profile() as prof:
        for name in ("add_alpha", "add.alpha", "add", "add_alpha_"):
            driver.op(name, driver.time, driver.time + 1)
    assert [(e.key, e.count) for e in prof.key_averages()] == [("aten::add", 3), ("aten::add_", 1)]


def test_every_overload_of_the_table_is_known():
    from optable import TABLE, load_all

    load_all()
    for core_name, op in TABLE.items():
        assert _names.base_name(core_name) == op.name and _names.base_name(core_name + "_") == op.name + "_"


def test_operation_that_only_forwards_to_its_overload_is_one_call(driver):
    with profile() as prof:
        driver.op("sum", 0, 9, inside=[lambda: driver.op("sum.dim", 1, 8, inside=[lambda: driver.op("neg", 2, 3)])])
    assert [event.name for event in prof.events()] == ["aten::sum", "aten::neg"]
    assert prof.events()[1].cpu_parent is prof.events()[0]


def test_node_of_a_forwarded_operation_is_joined_to_the_call(driver):
    result = [Named("SumBackward0", 6)]
    with profile() as prof:
        driver.op("sum", 0, 9, outputs=result, inside=[lambda: driver.op("sum_dim", 1, 8, outputs=result)])
        token = driver.at(20).before_node(result[0])
        driver.at(30).after_node(token, result[0])
    call, _, node = prof.events()
    assert (call.name, call.sequence_nr, node.sequence_nr) == ("aten::sum", 6, 6) and node._forward is call


def test_sequence_number_marks_the_operation_that_made_the_node_and_those_around_it(driver):
    result = [Named("MmBackward0", 7)]
    with profile() as prof:
        driver.op("neg", 0, 1, outputs=[Named("OldBackward0", 4)])  # recorded before the profiler started
        driver.op("matmul", 2, 9, outputs=result, inside=[lambda: driver.op("mm", 3, 8, outputs=result)])
        driver.op("contiguous", 10, 11, outputs=result)  # hands its argument on
        token = driver.at(20).before_node(result[0])
        driver.op("mm", 21, 22)
        driver.at(30).after_node(token, result[0])
    assert [(event.name, event.sequence_nr) for event in prof.events()] == [
        ("aten::neg", -1), ("aten::matmul", 7), ("aten::mm", 7), ("aten::contiguous", -1),
        ("autograd::engine::evaluate_function: MmBackward0", 7), ("MmBackward0", 7), ("aten::mm", -1),
    ]  # fmt: skip
    node = by_name(prof.events())["MmBackward0"]
    assert (node.scope, node.fwd_thread, node.cpu_time_total, node.self_cpu_time_total) == (1, 1, 10, 9)


def test_memory_is_live_bytes_after_less_before_and_frees_between_operations_are_events(driver):
    with profile(profile_memory=True) as prof:
        inside = [lambda: driver.op("mm", 1, 2, allocates=100)]
        driver.op("matmul", 0, 3, inside=inside, allocates=20)
        driver.bytes -= 70
        driver.op("relu", 5, 6, allocates=8)
        driver.bytes -= 1
    assert [(e.name, e.cpu_memory_usage, e.self_cpu_memory_usage) for e in prof.events()] == [
        ("aten::matmul", 120, 20), ("aten::mm", 100, 100), ("aten::relu", 8, 8), ("[memory]", -70, -70),
        ("[memory]", -1, -1),
    ]  # fmt: skip
    assert sum(total.self_cpu_memory_usage for total in prof.key_averages()) == 120 - 70 + 8 - 1


def test_operation_without_an_end_is_closed_by_the_one_around_it(driver):
    with profile() as prof:
        token = driver.at(0).before_op("matmul", ())
        driver.at(1).before_op("mm", ())  # interrupted
        driver.at(5).after_op(token, "matmul", None)
        driver.op("neg", 6, 7)
    assert [(e.name, e.cpu_time_total, e.cpu_parent and e.cpu_parent.name) for e in prof.events()] == [
        ("aten::matmul", 5, None), ("aten::mm", 4, "aten::matmul"), ("aten::neg", 1, None),
    ]  # fmt: skip


def test_blocks_that_only_overlap_are_not_nested(driver):
    with profile() as prof:
        driver.at(0)
        first = record_function("first").__enter__()
        driver.at(1)
        second = record_function("second").__enter__()
        driver.op("neg", 2, 3)
        driver.at(4)
        first.__exit__(None, None, None)
        driver.at(6)
        second.__exit__(None, None, None)
    events = by_name(prof.events())
    assert (events["first"].cpu_time_total, events["second"].cpu_time_total) == (4, 5)
    assert events["second"].cpu_parent is None and events["aten::neg"].cpu_parent is events["second"]


def test_block_still_open_ends_with_the_profile(driver):
    prof = profile()
    prof.start()
    driver.at(2)
    block = record_function("open").__enter__()
    driver.at(10)
    prof.stop()
    driver.at(90)
    block.__exit__(None, None, None)
    assert [(event.name, event.cpu_time_total) for event in prof.events()] == [("open", 8)]


@pytest.mark.parametrize(
    "name, shapes, result, expected",
    [
        ("mm", [(2, 3), (3, 4)], None, 48),
        ("bmm", [(5, 2, 3), (5, 3, 4)], None, 240),
        ("addmm", [(4,), (2, 3), (3, 4)], None, 48),
        ("baddbmm", [(1,), (5, 2, 3), (5, 3, 4)], None, 240),
        ("mv", [(2, 3), (3,)], None, 12),
        ("dot", [(3,), (3,)], None, 6),
        ("linear", [(7, 2, 3), (4, 3), (4,)], None, 2 * 14 * 3 * 4),
        ("matmul_nd", [(6, 1, 2, 3), (5, 3, 4)], None, 30 * 48),
        ("matmul_nd", [(5, 2, 3), (3,)], None, 60),
        ("conv2d", [(1, 2, 5, 5), (4, 1, 3, 3)], (1, 4, 5, 5), 1800),  # two groups; PyTorch's number
        ("conv1d", [(2, 3, 8), (4, 3, 3)], (2, 4, 6), 2 * 48 * 9),
        ("conv_transpose2d", [(1, 2, 3, 3), (2, 4, 2, 2)], (1, 4, 4, 4), 2 * 18 * 16),
        ("mul", [(3, 1), (1, 4)], None, 3),
        ("add.alpha", [(3, 4), (3, 4)], None, 12),
        ("sum", [(3, 4)], None, 0),
        ("mm", [None, (3, 4)], None, 0),
    ],
)
def test_flops_of_products_and_pointwise_operations(name, shapes, result, expected):
    inputs = [None if shape is None else _record.TensorInput(shape, (), torchy.float32) for shape in shapes]
    assert _flops.count(name, inputs, result) == expected


def test_flops_of_transposed_convolution_given_as_a_flag():
    given = [_record.TensorInput(shape, (), torchy.float32) for shape in [(1, 2, 3, 3), (2, 4, 2, 2)]]
    rest = [None, [1, 1], [0, 0], [1, 1], True, [0, 0], 1]
    assert _flops.count("convolution", given + rest, (1, 4, 4, 4)) == 2 * 18 * 16


def test_product_made_of_products_is_counted_once():
    x, w = network()
    with profile(with_flops=True) as prof:
        torchy.nn.functional.linear(x, w.detach().t())
        x.detach() @ w.detach()
    assert sum(event.flops for event in prof.events()) == 2 * 2 * 4 * 5 * 3
