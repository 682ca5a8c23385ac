"""torchy.profiler: tables, Chrome traces, TensorBoard folders and stack files."""

from __future__ import annotations

import gzip
import json

import pytest
from _profiles import by_key, by_name, network, play_the_core

import torchy
from torchy.profiler import DeviceType, profile, schedule, tensorboard_trace_handler
from torchy.profiler._table import format_memory, format_time


@pytest.fixture
def driver(monkeypatch):
    return play_the_core(monkeypatch)


def test_table_has_the_columns_that_were_recorded():
    x, w = network()
    with profile(record_shapes=True, profile_memory=True, with_flops=True) as prof:
        (x @ w).sum()
    lines = prof.key_averages(group_by_input_shape=True).table(sort_by="cpu_memory_usage", header="the header")
    head = lines.splitlines()
    assert head[1] == "the header" and head[0] == "=" * len(head[0]) and head[2].startswith("---")
    assert [title.strip() for title in head[3].split("  ") if title.strip()] == [
        "Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "CPU Mem", "Self CPU Mem",
        "# of Calls", "Input Shapes", "Total FLOPs",
    ]  # fmt: skip
    assert "[[4, 5], [5, 3]]" in lines and "120.000" in lines and "48 B" in lines
    assert head[-1].startswith("Self CPU time total: ")


def test_table_sorts_limits_and_shortens(driver):
    with profile() as prof:
        driver.op("a_name_that_is_far_too_long_for_a_column", 0, 1)
        driver.op("neg", 1, 4)
        driver.op("exp", 4, 6)
    table = prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=2, time_unit="us")
    assert [line.split() for line in table.splitlines()[3:-2]] == [
        ["aten::neg", "50.00%", "3.000us", "50.00%", "3.000us", "3.000us", "1"],
        ["aten::exp", "33.33%", "2.000us", "33.33%", "2.000us", "2.000us", "1"],
    ]  # fmt: skip
    assert "aten::a_name_th...  " in prof.key_averages().table(max_name_column_width=18)
    assert str(prof.key_averages()) == prof.key_averages().table()
    assert prof.key_averages().table(sort_by="cuda_time_total", row_limit=0).count("aten::") == 0
    with pytest.raises(AttributeError, match="calls"):
        prof.key_averages().table(sort_by="calls")
    with pytest.raises(ValueError, match="time_unit is 'h'"):
        prof.key_averages().table(time_unit="h")


def test_table_of_nothing_is_empty():
    with profile() as prof:
        pass
    assert prof.key_averages().table() == ""


def test_times_and_sizes_are_written_in_a_unit_that_suits_them():
    assert [format_time(t) for t in (0.5, 999.0, 1000.0, 2.5e6)] == ["0.500us", "999.000us", "1.000ms", "2.500s"]
    sizes = [format_memory(n) for n in (12, -1536, 3 << 20, 5 << 30)]
    assert sizes == ["12 B", "-1.50 KB", "3.00 MB", "5.00 GB"]


def trace_of(path):
    opened = gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)
    with opened as file:
        return json.load(file)


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_chrome_trace_holds_every_event_its_shapes_and_the_flows_to_backward(tmp_path, name):
    x, w = network()
    with profile(record_shapes=True, profile_memory=True) as prof:
        loss = (x @ w).exp().sum()
        loss.backward()
    prof.add_metadata("model", 'a "name"')
    prof.add_metadata_json("sizes", "[4, 5]")
    prof.export_chrome_trace(str(tmp_path / name))
    document = trace_of(tmp_path / name)
    assert (document["model"], document["sizes"], document["schemaVersion"]) == ('a "name"', [4, 5], 1)
    assert document["record_shapes"] == 1 and document["trace_id"] == prof.get_trace_id()
    spans = [e for e in document["traceEvents"] if e["ph"] == "X" and e["cat"] == "cpu_op"]
    assert [e["name"] for e in spans] == [e.name for e in prof.events() if e.name != "[memory]"]
    assert all(e["dur"] >= 0 and e["ts"] > 0 for e in spans)
    mm = next(e for e in spans if e["name"] == "aten::mm")
    assert mm["args"]["Input Dims"] == [[4, 5], [5, 3]] and mm["args"]["Input type"] == ["float", "float"]
    starts = {e["id"]: e for e in document["traceEvents"] if e["ph"] == "s"}
    ends = {e["id"]: e for e in document["traceEvents"] if e["ph"] == "f"}
    assert starts.keys() == ends.keys() and len(starts) == 3
    at = {e["ts"]: e["name"] for e in spans if "evaluate_function" not in e["name"]}
    joined = {at[starts[i]["ts"]]: at[ends[i]["ts"]] for i in starts}
    expected = {"aten::mm": "MmBackward0", "aten::exp": "ExpBackward0", "aten::sum": "SumBackward0"}
    assert joined == expected
    assert any(e["name"] == "[memory]" and e["args"]["Bytes"] == 48 for e in document["traceEvents"])


def test_sums_cannot_be_exported_as_a_trace(tmp_path):
    with profile() as prof:
        torchy.ones(2).neg()
    with pytest.raises(RuntimeError, match="this list holds sums"):
        prof.key_averages().export_chrome_trace(str(tmp_path / "sums.json"))


def test_tensorboard_handler_writes_a_trace_for_every_cycle(tmp_path):
    folder = tmp_path / "deep" / "log"
    plan = schedule(wait=0, warmup=1, active=1, repeat=2)
    handler = tensorboard_trace_handler(str(folder), worker_name="w0", use_gzip=True)
    with profile(schedule=plan, on_trace_ready=handler) as prof:
        for _ in range(4):
            torchy.ones(2).neg()
            prof.step()
    files = sorted(folder.iterdir())
    assert len(files) == 2 and all(f.name.startswith("w0.") and f.name.endswith(".pt.trace.json.gz") for f in files)
    assert any(event["name"] == "aten::neg" for event in trace_of(files[0])["traceEvents"])


def test_tensorboard_handler_says_which_folder_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="cannot create the directory .*file"):
        tensorboard_trace_handler(str(tmp_path / "file"))(None)


def test_stacks_file_has_the_outermost_caller_first(driver, tmp_path):
    with profile(with_stack=True) as prof:
        driver.op("mul", 0, 7.5)
    prof.export_stacks(str(tmp_path / "stacks"))
    callers, value = (tmp_path / "stacks").read_text().rstrip("\n").rsplit(" ", 1)
    assert value == "7" and callers.split(";")[-2].endswith("_caller_first")
    with profile() as without:
        driver.op("mul", 10, 12)
    with pytest.raises(AssertionError, match="with_stack=True"):
        without.export_stacks(str(tmp_path / "stacks"))


def test_event_prints_its_name_and_times():
    with profile() as prof:
        torchy.ones(2).neg()
    event = by_name(prof.events())["aten::neg"]
    assert "name=aten::neg" in repr(event) and event.device_type is DeviceType.CPU
    assert repr(by_key(prof)["aten::neg"]).startswith("<FunctionEventAvg key=aten::neg count=1")
