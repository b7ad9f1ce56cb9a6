"""Dagster's daemon as `up` runs it: sensors look as soon as there is something for them to do.

What there is to do is announced by the database (`store/notify.py`), and by local runs with a file that they touch. A
sensor that is woken claims what there is, as in every tick: woken twice, or for nothing, it launches nothing twice.
What goes by unheard is found by its next tick. While nothing is under way those that look often rest.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import anyio
from anyio.from_thread import start_blocking_portal
from sqlalchemy.exc import DBAPIError

from training_pipeline.api.events.listener import Listener
from training_pipeline.app.activity import is_active
from training_pipeline.backends.local.news import News
from training_pipeline.domain.errors import PipelineError
from training_pipeline.infra import dagster_daemon
from training_pipeline.infra.database import Database, open_database
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.notify import WORK_CHANNEL, Work

#: The sensor that sees to each kind of work.
SENSORS: Final = {Work.LAUNCH: "launch_pending_jobs", Work.POLL: "poll_training_jobs"}
#: Those that rest while nothing is under way, and their least interval in seconds then: so long may wait what they see
#: to. Models are used while nothing is trained, so whether their pairs may be is asked nearly as often as ever.
RESTING: Final[Mapping[str, int]] = {
    **dict.fromkeys(SENSORS.values(), 30),
    **dict.fromkeys(("watch_training_runs", "watch_permissions", "watch_evaluations", "advance_studies"), 30),
    "watch_revocations": 10,
}
#: So long after the last job, evaluation or study has ended, what follows from its end is still seen to without delay.
LINGER_SECONDS: Final = 60.0
#: Between two looks at the file that local runs touch.
LOOK_SECONDS: Final = 0.1

_log = logging.getLogger(__name__)


def command(workspace: Path) -> list[str]:
    """The command that runs the daemon on the code locations of a `workspace.yaml`."""
    arguments = f"{os.fspath(workspace)!r}"
    return [sys.executable, "-c", f"from training_pipeline.cli.system.daemon import serve; serve({arguments})"]


def serve(workspace: str) -> None:
    """Run the daemon until SIGINT or SIGTERM. Raises `Unavailable` where the database does not answer."""
    settings = Settings()
    database = open_database(settings)
    store = JobStore(database.engine())
    rest = Rest(lambda: is_active(store), seconds=settings.poll_seconds)
    wake_ups = dagster_daemon.WakeUps()

    def hear(work: Work) -> None:
        wake_ups.wake(SENSORS[work])

    with start_blocking_portal() as portal:
        noticing = portal.start_task_soon(notice, database, settings.runs, hear)
        try:
            dagster_daemon.serve(Path(workspace), wake_ups, rest)
        finally:
            noticing.cancel()
            store.engine.dispose()


class Rest:
    """Says which sensors rest: all of `RESTING`, once nothing was under way for `LINGER_SECONDS`.

    `is_active` says whether anything is, and is asked at most every `seconds`. Where it cannot be told, none rests.
    """

    def __init__(
        self, is_active: Callable[[], bool], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_active, self._seconds, self._clock = is_active, seconds, clock
        self._asked = -float("inf")
        self._active = clock()

    def __call__(self, name: str) -> int | None:
        """The least interval of the sensor of this name if it rests, else null. Reads; any thread may call it."""
        return RESTING[name] if name in RESTING and self._idle() else None

    def _idle(self) -> bool:
        now = self._clock()
        if now - self._asked >= self._seconds:
            self._asked = now
            if self._any():
                self._active = now
        return now - self._active >= LINGER_SECONDS

    def _any(self) -> bool:
        try:
            return self._is_active()
        except (PipelineError, DBAPIError) as error:
            _log.warning("the sensors do not rest, for the database was not read: %s", type(error).__name__)
            return True


async def notice(database: Database, runs: Path, hear: Callable[[Work], None]) -> None:
    """Call `hear` with each kind of work that is announced, until cancelled, and with all at first. Never raises."""

    def announced(payload: str) -> None:
        if payload in set(Work):
            hear(Work(payload))

    def all_kinds() -> None:
        for work in Work:
            hear(work)

    async with anyio.create_task_group() as tasks:
        listener = Listener(database, channel=WORK_CHANNEL, announced=announced, resumed=all_kinds)
        tasks.start_soon(listener.run)
        tasks.start_soon(watch_runs, runs, lambda: hear(Work.POLL))


async def watch_runs(runs: Path, hear: Callable[[], None]) -> None:
    """Call `hear` each time a local run has something to tell, until cancelled. Never raises."""
    news = News(runs)
    while True:
        await anyio.sleep(LOOK_SECONDS)
        if news.is_fresh():
            hear()
