"""What happened to a job, as clients see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from training_pipeline.domain.job import JobStatus
from training_pipeline.schemas.base import Answer, NextCursor, Page, PageSize
from training_pipeline.training_jobs.store.jobs import EventType


class TrainingJobEvent(Answer):
    """One thing that happened. Events are only ever added."""

    id: int = Field(description="Rises with time.", examples=[4711])
    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    type: EventType = Field(description="What kind of thing happened.", examples=["status_change"])
    old_status: JobStatus | None = Field(description="Status before a change.", examples=["queued"])
    new_status: JobStatus | None = Field(description="Status after a change.", examples=["running"])
    message: str = Field(description="What happened, in a sentence.", examples=["Training has started."])
    data: dict[str, Any] | None = Field(
        description="More about it; `request_id` names the request that caused it.",
        examples=[{"request_id": "req-2f9c41d0b7a3"}],
    )
    actor: str = Field(description="Who caused it; `system` where nobody asked.", examples=["ada"])
    created_at: datetime = Field(description="When.", examples=["2026-11-23T07:21:52Z"])


class TrainingJobEventPage(Answer):
    """A page of a job's events, newest first."""

    events: list[TrainingJobEvent] = Field(description="The events of this page, newest first.")
    total: int = Field(description="Events of the job, on all pages.", examples=[12])
    page: Page
    page_size: PageSize
    next_cursor: NextCursor


class TrainingJobStreamEnd(Answer):
    """The last message of a stream: the job is over and all its events have been sent. No need to connect again."""

    job_id: str = Field(description="The job.", examples=["tj-20261123-072145-9f3a2c"])
    status: JobStatus = Field(description="How it ended.", examples=["succeeded"])
