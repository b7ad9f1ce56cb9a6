"""Follows a job over the event stream of a service, and reconnects when the connection is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import httpx2

from training_pipeline.client import errors
from training_pipeline.client.http import HttpService
from training_pipeline.client.jobs.base import Notice, Update
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import TERMINAL
from training_pipeline.infra.retry import RetryPolicy
from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.training_job import TrainingJob

#: The pauses between two connections, for as long as none brings anything.
RECONNECTS: Final = RetryPolicy(first=1.0, longest=10.0)
#: A service that does not come back for this long is given up.
OUTAGE_SECONDS: Final = 600.0
END: Final = "end"


def follow(
    service: HttpService,
    get: Callable[[], TrainingJob],
    job_id: str,
    *,
    after: int = 0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Update]:
    """The job's events after one, and the job as it changes, until it is over. `get` asks for the job.

    A connection that breaks is said to have, and is taken up again after the last event that came; one that the service
    ends before the job is over, as it does after a while, is taken up silently. Raises `PipelineError` where the first
    connection fails, where the service is away for `OUTAGE_SECONDS`, and for whatever else it answers.
    """
    last, failures, connected = after, 0, False
    seen: TrainingJob | None = None
    away_since: float | None = None
    while True:
        lost: Unavailable | None = None
        try:
            with service.stream(f"/jobs/{job_id}/events/stream", last_event_id=last) as messages:
                if away_since is not None:
                    yield Notice("Reconnected.")
                connected, away_since, over = True, None, messages is None
                for message in messages or ():
                    failures, over = 0, message.event == END
                    if over:
                        break
                    update = _update(service, message)
                    if isinstance(update, TrainingJobEvent):
                        last = max(last, update.id)
                    if isinstance(update, TrainingJob):
                        seen = update
                    if update is not None:
                        yield update
            if over:
                job = get()
                if job != seen:
                    yield job
                if job.status in TERMINAL:
                    return
                seen = job
        except httpx2.RequestError as error:
            lost = errors.of_transport(service.url, error)
        except Unavailable as error:
            lost = error
        failures += 1
        if lost is not None:
            if not connected:
                raise lost
            if away_since is None:
                away_since = clock()
                minutes = OUTAGE_SECONDS / 60
                yield Notice(f"{lost.message} Reconnecting after event {last} for up to {minutes:.0f} minutes.")
            elif clock() - away_since > OUTAGE_SECONDS:
                raise lost
        sleep(RECONNECTS.pause(failures))


def _update(service: HttpService, message: httpx2.ServerSentEvent) -> Update | None:
    if not message.data:
        return None
    if message.event == "job":
        return service.read(TrainingJob, message.data)
    return service.read(TrainingJobEvent, message.data)
