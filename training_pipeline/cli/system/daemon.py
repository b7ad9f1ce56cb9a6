"""Dagster's daemon as `up` runs it: sensors look as soon as there is something for them to do.

What there is to do is announced by the database (`store/notify.py`), and by local runs with a file that they touch. A
sensor that is woken claims what there is, as in every tick: woken twice, or for nothing, it launches nothing twice.
What goes by unheard is found by its next tick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import anyio
from anyio.from_thread import start_blocking_portal

from training_pipeline.api.events.listener import Listener
from training_pipeline.backends.local.run_directory import NEWS
from training_pipeline.infra import dagster_daemon
from training_pipeline.infra.database import Database, open_database
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.notify import WORK_CHANNEL, Work

#: The sensor that sees to each kind of work.
SENSORS: Final = {Work.LAUNCH: "launch_pending_jobs", Work.POLL: "poll_training_jobs"}
#: Between two looks at the file that local runs touch.
LOOK_SECONDS: Final = 0.1


def command(workspace: Path) -> list[str]:
    """The command that runs the daemon on the code locations of a `workspace.yaml`."""
    arguments = f"{os.fspath(workspace)!r}"
    return [sys.executable, "-c", f"from training_pipeline.cli.system.daemon import serve; serve({arguments})"]


def serve(workspace: str) -> None:
    """Run the daemon until SIGINT or SIGTERM. Raises `Unavailable` where the database does not answer."""
    settings = Settings()
    database = open_database(settings)
    wake_ups = dagster_daemon.WakeUps()

    def hear(work: Work) -> None:
        wake_ups.wake(SENSORS[work])

    with start_blocking_portal() as portal:
        noticing = portal.start_task_soon(notice, database, settings.runs, hear)
        try:
            dagster_daemon.serve(Path(workspace), wake_ups)
        finally:
            noticing.cancel()


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
    news, seen = runs / NEWS, _touched(runs / NEWS)
    while True:
        await anyio.sleep(LOOK_SECONDS)
        touched = _touched(news)
        if touched not in {seen, None}:
            seen = touched
            hear()


def _touched(file: Path) -> int | None:
    """When, in nanoseconds since 1970; None where it is not there or cannot be looked at."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None
