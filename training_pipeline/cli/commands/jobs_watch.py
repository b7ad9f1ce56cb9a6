"""`training-pipeline jobs watch`: follow a training job until it ends."""

from __future__ import annotations

import json as jsonlib
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, Final, Protocol

import typer
from pydantic import BaseModel

from training_pipeline.cli.commands.options import JobId, Token, Url, console
from training_pipeline.cli.open_client import open_jobs
from training_pipeline.cli.render.progress import LiveProgress
from training_pipeline.client.jobs.base import Jobs
from training_pipeline.domain.errors import BackendFailed
from training_pipeline.domain.job import TERMINAL, JobStatus
from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.training_job import TrainingJob

#: So many events of the past are shown before the new ones.
PAST_EVENTS: Final = 10


def watch(
    job_id: JobId,
    json: Annotated[bool, typer.Option("--json", help="Print the messages of the event stream as JSON lines.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Follow a training job until it ends; without a daemon, run it from here. Ctrl-C only stops watching.

    The exit code is 0 for a job that succeeded, 1 for any other end, and 130 after Ctrl-C.
    """
    with open_jobs(url, token) as client:
        follow(client, client.get(job_id), json=json)


def follow(client: Jobs, job: TrainingJob, *, json: bool) -> None:
    """Show the job's last events and then new ones until it ends. Raises `typer.Exit` as `watch` says."""
    display: _Display = _JsonLines() if json else LiveProgress(console())
    try:
        with display.running():
            job = _shown(client, job, display)
    except KeyboardInterrupt:
        said = f"Stopped watching. The job is not cancelled; `training-pipeline jobs watch {job.id}` follows it again."
        typer.echo(said, err=True)
        raise typer.Exit(130) from None
    if not json and job.status is not JobStatus.SUCCEEDED:
        cause = job.error_message or job.cancel_reason or ""
        raise BackendFailed(f"Training job {job.id} is {job.status}. {cause}".strip())
    if job.status is not JobStatus.SUCCEEDED:
        raise typer.Exit(1)


def _shown(client: Jobs, job: TrainingJob, display: _Display) -> TrainingJob:
    display.seen(job)
    past = client.events(job.id, page_size=PAST_EVENTS).events
    for event in reversed(past):
        display.happened(event)
    if job.status in TERMINAL:
        return job
    for update in client.follow(job.id, after=past[0].id if past else 0):
        if isinstance(update, TrainingJob):
            job = update
            display.seen(job)
        elif isinstance(update, TrainingJobEvent):
            display.happened(update)
        else:
            display.notice(update.message)
    return job


class _Display(Protocol):
    def running(self) -> AbstractContextManager[Any]: ...
    def seen(self, job: TrainingJob) -> None: ...
    def happened(self, event: TrainingJobEvent) -> None: ...
    def notice(self, message: str) -> None: ...


class _JsonLines:
    """Each message of the stream as a line of JSON: its event, its id where it has one, its data."""

    def running(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def seen(self, job: TrainingJob) -> None:
        _line("job", job)

    def happened(self, event: TrainingJobEvent) -> None:
        _line(event.type, event, id=event.id)

    def notice(self, message: str) -> None:
        typer.echo(message, err=True)


def _line(event: str, data: BaseModel, **more: Any) -> None:
    typer.echo(jsonlib.dumps({"event": event, **more, "data": data.model_dump(mode="json")}, ensure_ascii=False))
