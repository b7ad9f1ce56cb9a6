from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import SensorInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon import sensor
from dagster._daemon.daemon import SensorDaemon
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.infra.dagster_daemon import (
    FORGET_SECONDS,
    Pauses,
    WakeUps,
    WokenSensors,
    daemons,
    let_woken_tick,
)
from training_pipeline.testing.polling import until

DEFINITIONS = """
import dagster as dg

@dg.sensor(minimum_interval_seconds=3600, default_status=dg.DefaultSensorStatus.RUNNING)
def every_hour():
    return dg.SkipReason("looked")

@dg.sensor(minimum_interval_seconds=3600, default_status=dg.DefaultSensorStatus.RUNNING)
def left_alone():
    return dg.SkipReason("looked")

@dg.sensor(minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING)
def every_second():
    return dg.SkipReason("looked")

defs = dg.Definitions(sensors=[every_hour, left_alone, every_second])
"""


@given(st.lists(st.tuples(st.sampled_from(["wake", "tick"]), st.floats(0.001, 5.0)), max_size=12))
def test_a_sensor_is_due_from_its_wake_up_to_the_next_tick_that_begins(moves: list[tuple[str, float]]) -> None:
    now, woken, ticked = 1000.0, 0.0, 0.0
    wake_ups = WakeUps(lambda: now)
    for move, later in moves:
        now += later
        if move == "wake":
            wake_ups.wake("mine")
            woken = now
        else:
            ticked = now
        assert wake_ups.is_waiting() >= (woken > ticked)
        assert wake_ups.is_due("mine", ticked) == (woken > ticked)
        assert wake_ups.is_waiting() == (woken > ticked)
        assert not wake_ups.is_due("another", None)


def test_a_sensor_that_never_ticks_is_forgotten() -> None:
    now = 1000.0
    wake_ups = WakeUps(lambda: now)
    wake_ups.wake("switched off")
    now += FORGET_SECONDS
    assert not wake_ups.is_due("switched off", None)
    wake_ups.wake("not there")
    now += FORGET_SECONDS
    assert not wake_ups.is_waiting()


def test_a_pause_is_over_when_a_sensor_is_woken_or_all_is_stopped() -> None:
    stopped, wake_ups = threading.Event(), WakeUps()
    pauses = Pauses(stopped, wake_ups)
    began = time.monotonic()
    assert not pauses.wait(0.2)
    assert time.monotonic() - began >= 0.2
    timer = threading.Timer(0.05, wake_ups.wake, ["mine"])
    timer.start()
    assert not pauses.wait(60.0)
    timer.join()
    assert wake_ups.is_waiting()
    assert not pauses.wait(60.0)  # it has not begun its tick: it is looked for again
    stopped.set()
    assert pauses.wait(60.0)
    assert time.monotonic() - began < 30


@contextmanager
def running(workspace: WorkspaceProcessContext, wake_ups: WakeUps) -> Iterator[None]:
    """The loop of the sensor daemon, in a thread."""
    stopped = threading.Event()

    def run() -> None:
        with WokenSensors({}, wake_ups) as daemon:
            for _ in daemon.core_loop(workspace, stopped):
                if stopped.is_set():
                    return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def test_dagsters_loop_gives_a_woken_sensor_a_tick_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "with_sensors.py"
    file.write_text(DEFINITIONS)
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(executable_path=sys.executable, python_file=str(file)), location_name="here"
    )
    monkeypatch.setattr(sensor, "is_under_min_interval", sensor.is_under_min_interval)  # what is put back at the end
    wake_ups = WakeUps()
    let_woken_tick(wake_ups)
    with (
        dg.DagsterInstance.local_temp(str(tmp_path)) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as workspace,
    ):
        location = workspace.create_request_context().get_code_location("here")
        found = {
            one.name: one for repository in location.get_repositories().values() for one in repository.get_sensors()
        }

        def ticks(name: str) -> int:
            one = found[name]
            return len(instance.get_ticks(one.get_remote_origin_id(), one.selector_id))

        with running(workspace, wake_ups):
            until(lambda: (ticks("every_hour"), ticks("left_alone")) == (1, 1), seconds=120)
            for count in (2, 3):
                began = time.monotonic()
                wake_ups.wake("every_hour")
                until(lambda count=count: ticks("every_hour") == count, seconds=120)  # type: ignore[misc]
                assert time.monotonic() - began < sensor.MIN_INTERVAL_LOOP_TIME
            until(lambda: not wake_ups.is_waiting(), seconds=120)
            assert (ticks("every_hour"), ticks("left_alone")) == (3, 1)
            woken = ticks("every_second")

            def others_tick() -> bool:
                wake_ups.wake("every_hour")  # again and again: there is always one that is due by this alone
                return ticks("every_second") >= woken + 3

            until(others_tick, seconds=120)
        assert (ticks("every_hour") > 3, ticks("left_alone")) == (True, 1)


def test_a_sensor_that_rests_has_a_longer_interval_unless_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensor, "is_under_min_interval", sensor.is_under_min_interval)
    wake_ups, resting = WakeUps(), {"tired": 30, "dozing": 10}
    let_woken_tick(wake_ups, resting.get)

    def waits(name: str, seconds: float) -> bool:
        then = time.time() - seconds
        data = SensorInstigatorData(last_tick_timestamp=then, last_tick_start_timestamp=then)
        one = Mock(min_interval_seconds=5)
        one.name = name
        return sensor.is_under_min_interval(Mock(instigator_data=data), one)

    assert [waits("tired", seconds) for seconds in (1, 6, 11, 31)] == [True, True, True, False]
    assert [waits("dozing", seconds) for seconds in (1, 6, 11, 31)] == [True, True, False, False]
    assert [waits("awake", seconds) for seconds in (1, 6, 11, 31)] == [True, False, False, False]
    wake_ups.wake("tired")
    assert not waits("tired", 1)


def test_all_other_daemons_are_dagsters(tmp_path: Path) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        ours = daemons(instance, WakeUps())
        assert [one.daemon_type() for one in ours] == list(instance.get_required_daemon_types())
        assert [type(one) for one in ours if isinstance(one, SensorDaemon)] == [WokenSensors]
