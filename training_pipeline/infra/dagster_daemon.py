"""Dagster's daemon with sensors that can be woken, and that rest: one that is asked for ticks at once, or more seldom.

Dagster's own looks for sensors that are due every five seconds. A woken one is given a tick by the same loop, so that
all that Dagster promises of ticks stays true: one at a time, each on record, a run key requested once. A wake-up that
is lost costs nothing but the wait for the sensor's next tick. A sensor that rests has a longer interval: a tick that
finds nothing to do costs as much as one that does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import dagster as dg
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon import sensor
from dagster._daemon.controller import create_daemon_of_type, daemon_controller_from_instance
from dagster._daemon.daemon import DagsterDaemon, SensorDaemon
from dagster._utils.interrupts import capture_interrupts, setup_interrupt_handlers

#: Between two looks for a wake-up; also what keeps many of them from keeping the loop busy.
LOOK_SECONDS: Final = 0.1
#: Between two rounds of the loop while a woken sensor has not begun its tick, because one of its is still at work.
AGAIN_SECONDS: Final = 0.25
#: A sensor that has not begun a tick for so long after it was woken is switched off, or there is none of its name.
FORGET_SECONDS: Final = 60.0
#: The least interval in seconds of the sensor of this name while it rests, null where it does not. Asked in the loop of
#: the sensors several times for each tick, so it must be quick.
Rests = Callable[[str], int | None]


class WakeUps:
    """Which sensors were woken, and when. Any thread may call any of it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._woken: dict[str, float] = {}
        self._fresh = False

    def wake(self, *names: str) -> None:
        """Have each of these sensors tick as soon as it is not at work."""
        with self._lock:
            self._woken.update(dict.fromkeys(names, self._clock()))
            self._fresh = True

    def is_due(self, name: str, last_tick: float | None) -> bool:
        """Whether the sensor was woken since it began its `last_tick` (seconds since 1970); forgets it if not."""
        with self._lock:
            woken = self._woken.get(name)
            if woken is None:
                return False
            if (last_tick or 0.0) < woken <= self._clock() < woken + FORGET_SECONDS:
                return True
            del self._woken[name]
            return False

    def take_fresh(self) -> bool:
        """Whether any sensor was woken since this was asked last."""
        with self._lock:
            fresh, self._fresh = self._fresh, False
            return fresh

    def is_waiting(self) -> bool:
        """Whether a woken sensor may not have begun its tick yet."""
        with self._lock:
            now = self._clock()
            self._woken = {name: woken for name, woken in self._woken.items() if now < woken + FORGET_SECONDS}
            return bool(self._woken)


class Pauses:
    """What the loop takes for the event of its end: its waits are over sooner where a sensor was woken."""

    def __init__(self, stopped: threading.Event, wake_ups: WakeUps) -> None:
        self._stopped = stopped
        self._wake_ups = wake_ups

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until a sensor is woken, or until the end: whether that has come."""
        if self._wake_ups.is_waiting():
            seconds = min(seconds, AGAIN_SECONDS)
        over = time.monotonic() + seconds
        while not self._stopped.wait(max(0.0, min(LOOK_SECONDS, over - time.monotonic()))):
            if self._wake_ups.take_fresh() or time.monotonic() >= over:
                return False
        return True


class WokenSensors(SensorDaemon):
    """Dagster's sensor daemon, which looks at once for sensors that were woken."""

    def __init__(self, settings: Any, wake_ups: WakeUps) -> None:
        super().__init__(settings)
        self._wake_ups = wake_ups

    def core_loop(self, workspace_process_context: Any, shutdown_event: threading.Event) -> Generator[Any, None, None]:
        """Dagster's loop with other pauses."""
        pauses = cast("threading.Event", Pauses(shutdown_event, self._wake_ups))
        yield from super().core_loop(workspace_process_context, pauses)


def let_woken_tick(wake_ups: WakeUps, rests: Rests = lambda _: None) -> None:
    """From now on a woken sensor is due in this process whatever its interval says, and one that rests more seldom."""
    under_interval = sensor.is_under_min_interval

    def unless_woken(state: Any, remote_sensor: Any, minimum_allowed_min_interval: int | None = None) -> bool:
        last = getattr(state.instigator_data, "last_tick_start_timestamp", None)
        if wake_ups.is_due(remote_sensor.name, last):
            return False
        least = rests(remote_sensor.name)
        return under_interval(state, remote_sensor, minimum_allowed_min_interval if least is None else least)

    sensor.is_under_min_interval = unless_woken


def daemons(instance: dg.DagsterInstance, wake_ups: WakeUps) -> Sequence[DagsterDaemon[Any]]:
    """Those that Dagster would run on this instance, with sensors that can be woken."""
    return [
        WokenSensors(instance.get_sensor_settings(), wake_ups)
        if kind == SensorDaemon.daemon_type()
        else create_daemon_of_type(kind, instance)
        for kind in instance.get_required_daemon_types()
    ]


def serve(workspace: Path, wake_ups: WakeUps, rests: Rests) -> None:
    """Run the daemon on the code locations of a `workspace.yaml`, as `dagster-daemon run` does, until a signal ends it.

    Raises what Dagster raises where one of its daemons cannot go on.
    """
    setup_interrupt_handlers()
    let_woken_tick(wake_ups, rests)
    target = WorkspaceFileTarget(paths=[str(workspace)])
    try:
        with (
            capture_interrupts(),
            dg.DagsterInstance.get() as instance,
            daemon_controller_from_instance(
                instance, target, gen_daemons=lambda instance: daemons(instance, wake_ups)
            ) as controller,
        ):
            controller.check_daemon_loop()
    except KeyboardInterrupt:  # what Dagster makes of SIGINT and SIGTERM
        return
