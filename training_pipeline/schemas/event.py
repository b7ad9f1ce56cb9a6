"""Response models of a job's events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize
from training_pipeline.training_jobs.store.events import EventType


class TrainingJobEvent(Answer):
    """One event of a job. Events are never changed or deleted."""

    id: int = Field(description="Id of the event; later events have larger ids.", examples=[4711])
    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    type: EventType = Field(description="Type of the event.", examples=["status_change"])
    old_status: JobStatus | None = Field(
        description="Status before the change; null if it did not change.", examples=["queued"]
    )
    new_status: JobStatus | None = Field(
        description="Status after the change; null if it did not change.", examples=["running"]
    )
    message: str = Field(description="Description of the event in one sentence.", examples=["Training has started."])
    data: dict[str, Any] | None = Field(
        description="Further data; `request_id` is the id of the request that caused it.",
        examples=[{"request_id": "req-2f9c41d0b7a3"}],
    )
    actor: str = Field(description="Who caused it; `system` for the pipeline itself.", examples=["ada"])
    created_at: datetime = Field(description="Time of the event.", examples=["2026-11-23T07:21:52Z"])


class TrainingJobEventPage(Answer):
    """A page of a job's events, newest first."""

    events: list[TrainingJobEvent] = Field(description="The events of this page, newest first.")
    total: int = Field(description="Number of events of the job on all pages.", examples=[12])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor


class TrainingJobStreamEnd(Answer):
    """The last message of a stream: the job has ended and all its events have been sent. Do not reconnect."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    status: JobStatus = Field(description="Final status.", examples=["succeeded"])
