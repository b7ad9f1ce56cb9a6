"""Asks regularly whether what submitted jobs train on may still be trained on, and stops those that may not go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import func, or_, select

from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import PermissionUnknown
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.training_jobs.polling.apply import ask_to_stop
from training_pipeline.training_jobs.polling.permission import Answer, Permission, Warned
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs

#: Tells people about a job, once for each `Warned.identity`: an alert, and with `as_event` an event of the job too.
Notice = Callable[[TrainingJob, Warned, bool], None]

_log = logging.getLogger(__name__)


class PermissionWatch:
    """Checks the jobs that a backend has and that have not ended, each at most every `seconds`."""

    def __init__(
        self, store: JobStore, permission: Permission, notice: Notice, *, seconds: float, cancels: bool = True
    ) -> None:
        self._store = store
        self._permission = permission
        self._notice = notice
        self._seconds = seconds
        self._cancels = cancels

    def check_due(self, *, seconds: float = 20.0, job_id: str | None = None) -> list[str]:
        """Check the jobs that are due (or just `job_id`), those not asked about for longest first, for so many seconds.

        A queued job whose pairs lost their permission is stopped and fails; a training one is asked to cancel, or left
        to train on where that is set. Returns the ids of those. A sheet that cannot be read stops nothing: it is asked
        again, and no job ends well without an answer.
        """
        deadline = time.monotonic() + seconds
        stopped: list[str] = []
        for sheet_id, jobs in self._due(job_id):
            if time.monotonic() > deadline:
                break
            try:
                answers = self._permission.ask_all(sheet_id, jobs)
            except Exception as error:  # noqa: BLE001 - a fault in one sheet keeps no other from being asked about
                _log.warning("training sheet %s could not be asked about: %s", sheet_id, describe(error))
                answers = {}
            for job in jobs:
                if self._settle(job, answers.get(job.id)):
                    stopped.append(job.id)
        return stopped

    def _settle(self, job: TrainingJob, answer: Answer | PermissionUnknown | None) -> bool:
        """Act on an answer, or note that there is none; whether the job was asked to stop."""
        asked: dict[str, Any] = {"permission_asked_at": func.clock_timestamp()}
        if not isinstance(answer, Answer):
            self._store.update(job.id, asked)
            return False
        for warned in answer.warnings:
            self._notice(job, warned, True)
        if answer.withdrawn is None:
            permitted = {**asked, "permission_version": answer.version}
            self._store.update(job.id, permitted, where={"status": job.status})
            return False
        self._store.update(job.id, asked)
        if job.status is JobStatus.QUEUED:  # it fails, and there is an alert about each job that fails
            return ask_to_stop(self._store, job, answer.withdrawn) is not None
        if not self._cancels:
            warned = Warned.of(answer.withdrawn, "It trains on, and will fail before its model is registered.")
            self._notice(job, warned, True)
            return False
        stopped = ask_to_stop(self._store, job, answer.withdrawn) is not None
        if stopped:
            self._notice(job, Warned.of(answer.withdrawn, "The backend was asked to stop the training."), False)
        return stopped

    def _due(self, job_id: str | None) -> list[tuple[str, list[TrainingJob]]]:
        """Sheets and their jobs that are due, the sheet with the job that was not asked about for longest first."""
        table = training_jobs.c
        longest_ago = func.min(func.coalesce(table.permission_asked_at, table.created_at)).over(
            partition_by=table.training_sheet_id
        )
        query = (
            select(training_jobs)
            .where(
                table.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
                table.backend_status.is_(None),
                table.cancel_requested_at.is_(None),
                table.dataset.is_not(None),
                or_(
                    table.permission_asked_at.is_(None),
                    table.permission_asked_at <= func.clock_timestamp() - timedelta(seconds=self._seconds),
                ),
            )
            .order_by(longest_ago, table.training_sheet_id, table.id)
        )
        if job_id is not None:
            query = query.where(table.id == job_id)
        with self._store.begin() as connection:
            jobs = [job_from_row(row) for row in connection.execute(query).mappings()]
        return [(sheet_id, list(of)) for sheet_id, of in groupby(jobs, lambda job: job.request.training_sheet_id)]
