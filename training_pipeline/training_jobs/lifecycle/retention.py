"""What may be removed from the volume of Databricks, and when: never what a job, a model or its lineage still needs.

A dataset is needed as long as a job that is not over has it, and for ever once a model came of it: the lineage record
of the model names it. What a run left is needed until its job is over, and for ever where the model itself lies in it.
What the run of an evaluation left is needed until that is over. What nobody in this installation knows is not ours to
remove.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf

from sqlalchemy import false, select

from training_pipeline.databricks.volume_folders import Content, Folder, Kind, VolumeFolders
from training_pipeline.domain.errors import BackendDenied, PipelineError
from training_pipeline.domain.job import TERMINAL, JobStatus
from training_pipeline.training_jobs.lifecycle.failures import UNFINISHED
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import training_jobs


@dataclass(frozen=True, slots=True)
class KnownJob:
    """What is to be known of a job to say whether its data are needed."""

    id: str
    status: JobStatus
    completed_at: datetime | None
    #: Whether it was trained and waits to be finished.
    waits: bool = False
    #: Whether a model version came of it, also where the job failed after that.
    has_version: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a folder, and why; `size` in bytes, null where nobody looked into it.

    One that is `hindered` is kept because it cannot be looked at or removed.
    """

    folder: Folder
    removed: bool
    why: str
    size: int | None = None
    hindered: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """What became of some folders, and the path that the next round goes on after; empty where that was the last."""

    verdicts: tuple[Verdict, ...]
    after: str


@dataclass(frozen=True, slots=True)
class KnownEvaluation:
    """What is to be known of an evaluation to say whether what its run left is needed; no end where it is not over."""

    id: str
    finished_at: datetime | None


def no_evaluation(evaluation_id: str) -> None:
    """What an installation knows of evaluations where it has none."""
    del evaluation_id


@dataclass(frozen=True)
class Retention:
    """Removes from the volume what has not been needed for so many `days`; `evaluation` tells of one by its id."""

    store: JobStore
    volume: VolumeFolders
    days: float
    evaluation: Callable[[str], KnownEvaluation | None] = no_evaluation

    def verdicts(self, *, remove: bool) -> list[Verdict]:
        """What of each folder; with `remove` those that may be are removed.

        Each is asked about once more right before it is removed. A job that is launched in that very moment on a
        dataset that nobody needed fails with a file that is missing, and its retry uploads it again.
        """
        return list(self.round(remove=remove).verdicts)

    def round(self, *, remove: bool, after: str = "", most: int | None = None, seconds: float = inf) -> Round:
        """`verdicts` of the folders behind the path `after`, until so many are removed or so many seconds are over.

        One folder is looked at in any case, so that round after round comes to the end.
        """
        deadline = time.monotonic() + seconds
        verdicts: list[Verdict] = []
        for folder in sorted(self.volume.folders(), key=lambda folder: folder.path):
            if folder.path <= after:
                continue
            enough = most is not None and sum(each.removed for each in verdicts) >= most
            if verdicts and (enough or time.monotonic() > deadline):
                return Round(tuple(verdicts), after=verdicts[-1].folder.path)
            verdict = self._verdict(folder)
            if verdict.removed and remove:
                verdict = self._removed(self._verdict(folder))
            verdicts.append(verdict)
        return Round(tuple(verdicts), after="")

    def _removed(self, verdict: Verdict) -> Verdict:
        """Remove the folder where that is the verdict; what keeps us from it alone is the verdict then."""
        try:
            if verdict.removed:
                self.volume.remove(verdict.folder)
        except PipelineError as error:
            return replace(verdict, removed=False, why=_hindrance(error, "removed"), hindered=True)
        return verdict

    def _verdict(self, folder: Folder) -> Verdict:
        now = datetime.now(UTC)
        older_than = now - timedelta(days=self.days)
        if folder.kind is Kind.EVALUATION:
            needed = evaluation_needs(self.evaluation(folder.name), older_than=older_than)
        else:
            needed = needed_for(folder, self._jobs(folder), older_than=older_than)
        if needed is not None:
            return Verdict(folder, removed=False, why=needed)
        try:
            content = self.volume.content(folder)
        except PipelineError as error:
            return Verdict(folder, removed=False, why=_hindrance(error, "looked at"), hindered=True)
        needed = kept_for(folder, content, older_than=older_than)
        why = needed or f"not needed for {self.days:g} days"
        return Verdict(folder, removed=needed is None, why=why, size=content.size)

    def _jobs(self, folder: Folder) -> Sequence[KnownJob]:
        table = training_jobs.c
        which = table.dataset_digest == folder.name
        if folder.kind is Kind.RUN:
            job_id, _, attempt = folder.name.rpartition("-")
            which = table.id == job_id if attempt.isdecimal() else false()
        columns = (table.id, table.status, table.completed_at, table.error_details, table.uc_model_version)
        with self.store.begin() as connection:
            rows = connection.execute(select(*columns).where(which)).all()
        return [
            KnownJob(
                row.id,
                JobStatus(row.status),
                row.completed_at,
                waits=(row.error_details or {}).get("code") == UNFINISHED,
                has_version=row.uc_model_version is not None,
            )
            for row in rows
        ]


def _hindrance(error: PipelineError, done: str) -> str:
    """What keeps us from this one folder, in words; an error that keeps us from every folder is raised."""
    if error.is_outage and not isinstance(error, BackendDenied):
        raise error
    return f"it cannot be {done}: {error.message}"


def needed_for(folder: Folder, jobs: Collection[KnownJob], *, older_than: datetime) -> str | None:
    """What the folder is needed for, as far as jobs tell; null for nothing."""
    if not jobs:
        return "no job of this installation knows it"
    for job in jobs:
        if job.status not in TERMINAL or job.waits:
            return f"job {job.id} is not over"
        if folder.kind is Kind.DATASET and (job.status is JobStatus.SUCCEEDED or job.has_version):
            return f"the model of job {job.id} was trained on it"
        if job.completed_at is None or job.completed_at > older_than:
            return f"job {job.id} ended too lately"
    return None


def evaluation_needs(known: KnownEvaluation | None, *, older_than: datetime) -> str | None:
    """What the folder of an evaluation is needed for; null for nothing."""
    if known is None:
        return "no evaluation of this installation knows it"
    if known.finished_at is None:
        return f"evaluation {known.id} is not over"
    return f"evaluation {known.id} ended too lately" if known.finished_at > older_than else None


def kept_for(folder: Folder, content: Content, *, older_than: datetime) -> str | None:
    """What the folder is kept for, as far as its content tells; null for nothing."""
    if folder.kind is Kind.RUN and content.has_model:
        return "the model lies in it"
    if content.newest > older_than:
        return "it was written too lately"
    return None
