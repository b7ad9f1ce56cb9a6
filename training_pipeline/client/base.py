"""The client protocol: operations on training jobs, local or through a REST API.

Both implementations answer with the models of the OpenAPI document, so that a script may change from one to the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import typer

from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.event import TrainingJobEvent, TrainingJobEventPage
from training_pipeline.schemas.lineage import TrainingJobLineage
from training_pipeline.schemas.metrics import TrainingJobMetrics
from training_pipeline.schemas.training_job import TrainingJob, TrainingJobPage
from training_pipeline.schemas.training_sheet import DryRun

Pairs = Literal["train", "validation", "excluded"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A message about the watching itself, such as a lost connection."""

    message: str


#: What comes of following a job: the job as it is now, an event of it, or a word about the following itself.
Update = TrainingJob | TrainingJobEvent | Notice


class JobsClient(Protocol):
    """Every method raises `PipelineError`: `NotFound`, `Conflict`, `InvalidRequest`, or the error of the service."""

    def create(self, body: Mapping[str, Any], *, idempotency_key: str | None = None) -> TrainingJob:
        """Create a job. With a key that was used for the same body: the job that it made."""

    def plan(self, body: Mapping[str, Any]) -> DryRun:
        """What `create` would come to. Stores nothing."""

    def list(
        self,
        *,
        statuses: Collection[JobStatus] = (),
        training_sheet_id: str | None = None,
        created_by: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingJobPage:
        """A page of jobs, newest first."""

    def get(self, job_id: str) -> TrainingJob:
        """One job."""

    def cancel(self, job_id: str, *, reason: str) -> TrainingJob:
        """Cancel a job, or ask its backend to. Idempotent."""

    def retry(
        self, job_id: str, *, changes: Mapping[str, Any] | None = None, idempotency_key: str | None = None
    ) -> TrainingJob:
        """A new job like one that did not succeed, with `changes` to its training_config."""

    def events(self, job_id: str, *, page_size: int = 50, cursor: str | None = None) -> TrainingJobEventPage:
        """A page of a job's events, newest first."""

    def metrics(
        self, job_id: str, *, from_step: int | None = None, to_step: int | None = None, resolution: int = 500
    ) -> TrainingJobMetrics:
        """The latest metrics of a job, and its series."""

    def lineage(
        self, job_id: str, *, pairs: Pairs | None = None, page_size: int = 1000, cursor: str | None = None
    ) -> TrainingJobLineage:
        """What the job was trained on, with a page of its pairs."""

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Update]:
        """The events with an id above `after`, and the job whenever it changed, to its end: that comes, too."""


@contextmanager
def jobs_client(url: str | None, token: str | None) -> Iterator[JobsClient]:
    """The client of the service at `url`; where there is none, here or in the environment, of this installation."""
    from training_pipeline.client.config import remote_service

    remote = remote_service(url, token)
    if remote is None:
        from training_pipeline.client.local import open_local_jobs

        with open_local_jobs() as local:
            yield local
    else:
        from training_pipeline.client.http import HttpService
        from training_pipeline.client.remote import RemoteJobs

        if remote.exposes_token:
            typer.echo(f"Warning: the token is sent unencrypted to {remote.url}; use https://.", err=True)
        with HttpService(remote) as service:
            yield RemoteJobs(service)
