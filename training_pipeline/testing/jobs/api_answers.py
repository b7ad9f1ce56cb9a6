"""A job and an event as the REST API answers them, and a client of a service that a test plays."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
from pydantic import SecretStr

from training_pipeline.client.config import RemoteService
from training_pipeline.client.http import HttpService
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.event import TrainingJobEvent
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.urls import Urls

URL = "https://train.example.org"
TOKEN = "tp_s3cr3t"


def job(status: JobStatus = JobStatus.RUNNING, **values: Any) -> TrainingJob:
    """A job of a service."""
    return TrainingJob.of(new_job(id="tj-1", status=status, **values), Caller("ada", Role.ADMIN), Urls.of(Settings()))


def event(number: int, kind: EventType = EventType.INFO) -> TrainingJobEvent:
    """An event of that job."""
    return TrainingJobEvent(
        id=number,
        job_id="tj-1",
        type=kind,
        old_status=None,
        new_status=None,
        message=f"event {number}",
        data=None,
        actor="system",
        created_at=datetime.now(UTC),
    )


def service(
    handler: Callable[[httpx2.Request], httpx2.Response], *, sleep: Callable[[float], None] = time.sleep
) -> HttpService:
    """A client of a service that answers with `handler`."""
    remote = RemoteService(url=URL, token=SecretStr(TOKEN))
    return HttpService(remote, transport=httpx2.MockTransport(handler), sleep=sleep)
