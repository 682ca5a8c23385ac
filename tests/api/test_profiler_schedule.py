"""torchy.profiler: start, stop, exceptions, schedules; the older torchy.autograd.profiler."""

from __future__ import annotations

import threading

import pytest
from _profiles import by_key, by_name

import torchy
from torchy.autograd import profiler as older
from torchy.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule, supported_activities


@pytest.mark.parametrize("options", [{}, {"record_shapes": True, "profile_memory": True, "with_stack": True}])
def test_exception_in_the_block_leaves_a_stopped_profile_with_what_was_recorded(options):
    with pytest.raises(ZeroDivisionError):
        with profile(**options) as prof:
            with record_function("block"):
                torchy.ones(2).neg()
                raise ZeroDivisionError
    count = len(prof.events())
    torchy.ones(2).neg()
    assert len(prof.events()) == count and {"block", "aten::neg"} <= set(by_key(prof))
    prof.stop()  # again does nothing
    with profile() as again:
        torchy.ones(2).neg()
    assert by_key(again)["aten::neg"].count == 1


def test_operation_that_raises_is_recorded_and_those_after_it():
    with profile() as prof:
        with pytest.raises(RuntimeError, match="mm"):
            torchy.mm(torchy.ones(2, 3), torchy.ones(2, 3))
        torchy.ones(2).neg()
    assert by_name(prof.events())["aten::neg"].cpu_parent is None


def test_exception_in_on_trace_ready_leaves_a_stopped_profile():
    def fail(prof):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        with profile(on_trace_ready=fail) as prof:
            torchy.ones(2).neg()
    assert by_key(prof)["aten::neg"].count == 1
    with profile():
        pass  # nothing is left on


def test_second_profiler_in_the_thread_is_refused_and_the_first_goes_on():
    with profile() as outer:
        with pytest.raises(RuntimeError, match="already records this thread"):
            profile().start()
        torchy.ones(2).neg()
    assert by_key(outer)["aten::neg"].count == 1


def test_stop_in_another_thread_is_refused():
    prof = profile()
    prof.start()
    caught = []

    def stop():
        try:
            prof.stop_trace()
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=stop)
    thread.start()
    thread.join()
    prof.stop()
    assert len(caught) == 1 and "call stop in the thread that called start" in caught[0]


@pytest.mark.parametrize("action", ["events", "key_averages", "stop", "stop_trace", "start_trace"])
def test_results_before_anything_was_recorded_are_an_error(action):
    with pytest.raises(AssertionError, match="Profiler must be initialized before"):
        getattr(profile(), action)()


def test_trace_before_anything_was_recorded_is_an_error(tmp_path):
    with pytest.raises(AssertionError, match="before exporting chrome trace"):
        profile().export_chrome_trace(str(tmp_path / "none.json"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "activities, error, message",
    [
        ([ProfilerActivity.CUDA], RuntimeError, "cannot record ProfilerActivity.CUDA"),
        ([ProfilerActivity.CPU, ProfilerActivity.XPU], RuntimeError, "cannot record ProfilerActivity.XPU"),
        ([], AssertionError, "activities is empty"),
        (["cpu"], TypeError, "activities holds 'cpu'"),
        ([ProfilerActivity.CPU] * 2, ValueError, "given more than once"),
    ],
)
def test_activities_other_than_the_cpu_are_refused(activities, error, message):
    with pytest.raises(error, match=message):
        profile(activities=activities)
    assert supported_activities() == {ProfilerActivity.CPU}


def test_options_without_a_meaning_here_are_refused_and_use_cuda_warns():
    with pytest.raises(NotImplementedError, match="experimental_config is not supported"):
        profile(experimental_config=object())
    with pytest.warns(FutureWarning, match="use_cuda"):
        assert profile(use_cuda=False).activities == {ProfilerActivity.CPU}
    with pytest.warns(FutureWarning, match="use_cuda"):
        with pytest.raises(RuntimeError, match="cannot record ProfilerActivity.CUDA"):
            profile(use_cuda=True)


def test_schedule_records_its_active_steps_and_calls_back_after_each_cycle():
    seen = []

    def ready(prof):
        counts = {total.key: total.count for total in prof.key_averages()}
        seen.append((prof.step_num, counts["ProfilerStep*"], counts["aten::neg"]))

    plan = schedule(wait=1, warmup=1, active=2, repeat=2, skip_first=1)
    with profile(schedule=plan, on_trace_ready=ready) as prof:
        for _ in range(11):
            torchy.ones(2).neg()
            prof.step()
    assert seen == [(5, 2, 2), (9, 2, 2)]
    steps = [event.trace_name for event in prof.events() if event.is_user_annotation]
    assert steps == ["ProfilerStep#7", "ProfilerStep#8"]


def test_acc_events_keeps_the_events_of_all_cycles():
    plan = schedule(wait=0, warmup=1, active=1, repeat=2)
    with profile(schedule=plan, acc_events=True) as prof:
        for _ in range(5):
            torchy.ones(2).neg()
            prof.step()
    events = prof.events()
    assert by_key(prof)["aten::neg"].count == 2
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    starts = [event.time_range.start for event in events]
    assert starts == sorted(starts)


def test_stop_in_the_middle_of_a_cycle_calls_back():
    seen = []
    plan = schedule(wait=0, warmup=1, active=5)
    with profile(schedule=plan, on_trace_ready=lambda prof: seen.append(prof.step_num)) as prof:
        prof.step()
        prof.step()
    assert seen == [2] and prof.current_action is ProfilerAction.RECORD


def test_schedule_that_breaks_off_a_cycle_warns():
    plan = {0: ProfilerAction.RECORD, 1: ProfilerAction.NONE}
    with profile(schedule=plan.__getitem__) as prof:
        with pytest.warns(UserWarning, match="from RECORD to NONE"):
            prof.step()


@pytest.mark.parametrize("numbers", [(-1, 1, 1), (1, -1, 1), (1, 1, 0)])
def test_schedule_refuses_impossible_numbers(numbers):
    with pytest.raises(AssertionError, match="active must be positive"):
        schedule(wait=numbers[0], warmup=numbers[1], active=numbers[2])


def test_schedule_without_warmup_warns():
    with pytest.warns(UserWarning, match="without warmup"):
        schedule(wait=0, warmup=0, active=1)


def test_autograd_profiler_records_a_block_once():
    with older.profile(record_shapes=True) as prof:
        with older.record_function("block"):
            torchy.ones(2).neg()
    assert by_key(prof)["aten::neg"].count == 1 and prof.total_average().key == "Total"
    assert prof.self_cpu_time_total > 0 and "block" in str(prof) and len(prof.function_events) >= 2
    with pytest.raises(RuntimeError, match="entered a second time"):
        prof.__enter__()


def test_autograd_profiler_can_be_off_and_refuses_devices():
    with older.profile(enabled=False) as prof:
        torchy.ones(2).neg()
    assert list(prof.function_events) == [] and prof.table() == ""
    with pytest.raises(RuntimeError, match="use_cuda=True"):
        older.profile(use_cuda=True)
