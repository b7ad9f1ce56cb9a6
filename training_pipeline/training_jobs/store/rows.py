"""Between a row of `training_jobs` and the values of a job: the one place that knows which column holds which value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import RowMapping

from training_pipeline.domain.job import (
    Cancellation,
    Handles,
    PermissionState,
    Phase,
    PhaseState,
    PollingState,
    Progress,
    ResolvedRequest,
    Result,
    TrainingData,
    TrainingJob,
    Value,
)
from training_pipeline.domain.refs import DatasetRef, SheetRef, SnapshotRef, UnreadableRef, parsed


def _columns(value: type[Value], **others: str) -> Mapping[str, str]:
    """Field → column; `others` are the columns that are not called like their field."""
    return {name: others.get(name, name) for name in value.model_fields}


#: Field → column, for each value of a job. The fields of the job itself are called like their columns.
COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "request": _columns(ResolvedRequest),
    "data": _columns(TrainingData),
    "progress": _columns(Progress, percent="progress_percent"),
    "result": _columns(Result),
    "cancellation": _columns(
        Cancellation,
        requested_at="cancel_requested_at",
        requested_by="cancel_requested_by",
        reason="cancel_reason",
    ),
    "handles": _columns(Handles),
    "launch": _columns(
        PhaseState,
        attempt="launch_attempt",
        uncounted="launch_uncounted",
        claimed_at="launch_claimed_at",
        after="launch_after",
        run_id="launch_run_id",
        done_at="launched_at",
    ),
    "finalize": _columns(
        PhaseState,
        attempt="finalize_attempt",
        uncounted="finalize_uncounted",
        claimed_at="finalize_claimed_at",
        after="finalize_after",
        run_id="finalize_run_id",
        done_at="finalized_at",
    ),
    "polling": _columns(PollingState, after="poll_after", errors="poll_errors"),
    "permission": _columns(PermissionState, version="permission_version", asked_at="permission_asked_at"),
}


@dataclass(frozen=True, slots=True)
class PhaseColumns:
    """The names of the columns that hold the state of one phase; see `PhaseState`."""

    attempt: str
    uncounted: str
    claimed_at: str
    after: str
    run_id: str
    done_at: str


PHASES: Final[Mapping[Phase, PhaseColumns]] = {phase: PhaseColumns(**COLUMNS[phase]) for phase in Phase}


def job_from_row(row: Mapping[str, Any] | RowMapping) -> TrainingJob:
    """The job in a row. A column that is left out has its default; a reference that cannot be read is kept as such."""
    left = dict(row)
    for column, kind in (("sheet", SheetRef), ("snapshot", SnapshotRef), ("dataset", DatasetRef)):
        left[column] = parsed(kind, left.get(column))
    values = {
        value: {name: left.pop(column) for name, column in columns.items() if column in left}
        for value, columns in COLUMNS.items()
    }
    return TrainingJob.model_validate({**left, **values})


def columns_of(job: TrainingJob) -> dict[str, Any]:
    """Every column of the job's row and its value, references as they are."""
    row = {name: getattr(job, name) for name in TrainingJob.model_fields if name not in COLUMNS}
    for value, columns in COLUMNS.items():
        part = getattr(job, value)
        row |= {column: getattr(part, name) for name, column in columns.items()}
    return row


def row_of(job: TrainingJob) -> dict[str, Any]:
    """The job's row, as it is stored."""
    row = columns_of(job)
    row["tags"] = list(job.tags)
    for column in ("sheet", "snapshot", "dataset"):
        ref = row[column]
        if isinstance(ref, UnreadableRef):
            row[column] = ref.stored
        elif ref is not None:
            row[column] = ref.model_dump(mode="json")
    return row
