"""torchy.profiler: what the profile of a real program holds."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from _profiles import by_key, by_name, network

import torchy
from torchy.profiler import profile, record_function


def test_forward_and_backward_are_recorded_with_counts_and_joined():
    x, w = network()
    with profile() as prof:
        with record_function("forward"):
            loss = ((x @ w).relu() * 2).sum()
        loss.backward()
    top = [event.name for event in prof.events() if event.cpu_parent is None]
    nodes = ["SumBackward0", "MulBackward0", "ReluBackward0", "MmBackward0", *["torch::autograd::AccumulateGrad"] * 2]
    assert top == ["forward", *("autograd::engine::evaluate_function: " + node for node in nodes)]
    events = by_name(prof.events())
    children = [child.name for child in events["forward"].cpu_children]
    assert children == ["aten::matmul", "aten::relu", "aten::mul", "aten::sum"]
    counts = {total.key: total.count for total in prof.key_averages()}
    assert counts["aten::mm"] == 3 and counts["aten::mul"] == 2 and counts["torch::autograd::AccumulateGrad"] == 2
    first = [event for event in prof.events() if event.cpu_parent is events["forward"]]
    assert first[0].sequence_nr == events["MmBackward0"].sequence_nr >= 0
    assert first[1].sequence_nr == events["ReluBackward0"].sequence_nr
    assert events["torch::autograd::AccumulateGrad"].sequence_nr == -1
    for event in prof.events():
        inside = sum(child.cpu_time_total for child in event.cpu_children)
        assert 0 <= inside <= event.cpu_time_total and event.self_cpu_time_total == event.cpu_time_total - inside


def test_history_made_before_the_profile_is_not_claimed_by_an_operation_in_it():
    x, _ = network()
    y = x * 2
    with profile() as prof:
        y.contiguous()
        z = y + 1
    numbers = {event.name: event.sequence_nr for event in prof.events()}
    assert numbers.get("aten::contiguous", -1) == -1 and numbers["aten::add"] == z.grad_fn._sequence_nr()


def test_shapes_types_and_numbers_of_the_arguments():
    x, w = network()
    with profile(record_shapes=True) as prof:
        x @ w
        x * 3
        torchy.cat([x.detach(), x.detach()])
    events = by_name(prof.events())
    assert events["aten::mm"].input_shapes == [[4, 5], [5, 3]]
    assert events["aten::mul"].input_shapes == [[4, 5], []]
    assert events["aten::mul"].input_dtypes == ["float", "Scalar"]
    assert events["aten::mul"].concrete_inputs == [None, 3]
    assert events["aten::cat"].input_shapes[0] == []
    assert events["aten::cat"].structured_input_shapes[0] == [[4, 5], [4, 5]]
    assert events["aten::cat"].input_dtypes[0] == "TensorList"


def test_grouping_by_shape_keeps_shapes_apart():
    with profile(record_shapes=True) as prof:
        for size in (2, 3, 3):
            torchy.ones(size).neg()
    totals = [event for event in prof.key_averages(group_by_input_shape=True) if event.key == "aten::neg"]
    assert [(event.input_shapes, event.count) for event in totals] == [([[2]], 1), ([[3]], 2)]
    assert by_key(prof)["aten::neg"].count == 3 and by_key(prof)["aten::neg"].input_shapes == ""


@pytest.mark.parametrize("with_flops, shapes, flops", [(False, [], 0), (True, [[2, 3], [3, 4]], 48)])
def test_shapes_are_kept_only_if_asked_or_needed_to_count(with_flops, shapes, flops):
    with profile(with_flops=with_flops) as prof:
        torchy.mm(torchy.ones(2, 3), torchy.ones(3, 4))
    event = by_name(prof.events())["aten::mm"]
    assert event.input_shapes == shapes and event.flops == flops
    assert "Input Shapes" not in prof.key_averages().table()


def test_memory_of_an_operation_is_what_its_result_takes():
    a = torchy.ones(64, 32)
    with profile(profile_memory=True) as prof:
        b = a * 2
        del b
        kept = a + 1
    totals = by_key(prof)
    assert totals["aten::mul"].self_cpu_memory_usage == totals["aten::add"].cpu_memory_usage == 64 * 32 * 4
    assert sum(total.self_cpu_memory_usage for total in totals.values()) == 64 * 32 * 4
    assert kept.shape == (64, 32)


def test_recording_shapes_keeps_no_tensor_alive(no_leaks):
    with profile(record_shapes=True, profile_memory=True, with_flops=True) as prof:
        x, w = network()
        (x @ w).sum().backward()
        del x, w
    assert by_key(prof)["aten::mm"].count == 3


def test_callers_are_recorded_and_backward_nodes_have_those_of_their_operation(tmp_path):
    def compute(x):
        return x.exp()

    x, _ = network()
    with profile(with_stack=True) as prof:
        loss = compute(x).sum()
        loss.backward()
    events = by_name(prof.events())
    for name in ("aten::exp", "ExpBackward0"):
        assert events[name].stack[0].endswith(": compute") and "test_profiler.py(" in events[name].stack[0]
    assert "Source Location" in prof.key_averages(group_by_stack_n=2).table()
    assert "Source Location" not in prof.key_averages().table()
    with pytest.raises(ValueError, match="metric is 'calls'"):
        prof.export_stacks(str(tmp_path / "stacks"), "calls")


def test_operations_of_other_threads_are_not_recorded():
    with profile() as prof:
        thread = threading.Thread(target=lambda: torchy.ones(2).exp())
        thread.start()
        thread.join()
        torchy.ones(2).neg()
    names = {event.name for event in prof.events()}
    assert "aten::neg" in names and "aten::exp" not in names


@pytest.mark.parametrize("options", [{}, {"record_shapes": True, "profile_memory": True, "with_stack": True}])
def test_training_gives_the_same_numbers_while_it_is_profiled(options):
    def train(steps):
        torchy.manual_seed(3)
        layers = torchy.nn.Linear(4, 8), torchy.nn.Tanh(), torchy.nn.Dropout(0.3), torchy.nn.Linear(8, 1)
        net = torchy.nn.Sequential(*layers)
        optimizer = torchy.optim.Adam(net.parameters(), lr=0.1)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (net(torchy.randn(6, 4)) ** 2).mean()
            loss.backward()
            optimizer.step()
        return [loss.item(), *(p.tolist() for p in net.parameters())]

    plain = train(4)
    with profile(**options) as prof:
        watched = train(4)
    assert watched == plain
    assert by_key(prof)["aten::linear"].count == 8


def test_gradient_of_a_gradient_is_recorded_inside_the_node():
    x = torchy.tensor([2.0], requires_grad=True)
    with profile() as prof:
        (g,) = torchy.autograd.grad(x.exp().sum(), x, create_graph=True)
        (h,) = torchy.autograd.grad(g.sum(), x)
    assert h.item() == pytest.approx(x.exp().item())
    second = [event for event in prof.events() if event.name == "MulBackward0"]
    assert len(second) == 1 and second[0]._forward.cpu_parent.name == "ExpBackward0"


# ---- blocks


def test_record_function_nests_decorates_and_recurses():
    @record_function("fall")
    def fall(n):
        return torchy.ones(1).neg() if n == 0 else fall(n - 1)

    with profile() as prof:
        with record_function("outer"):
            fall(2)
    falls = [event for event in prof.events() if event.name == "fall"]
    assert [event.cpu_parent.name for event in falls] == ["outer", "fall", "fall"]
    assert by_name(prof.events())["aten::neg"].cpu_parent is falls[2]
    assert falls[0].is_user_annotation and falls[0].scope == 7
    assert fall.__name__ == "fall"


def test_record_function_without_a_profiler_does_nothing():
    with record_function("alone") as block:
        assert torchy.ones(2).sum().item() == 2
    assert block.name == "alone"


# ---- loading


@pytest.mark.resource
def test_import_does_not_load_the_profiler():
    code = "import sys, torchy; print('torchy.profiler' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
