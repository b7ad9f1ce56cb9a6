"""Checks all training sheets: decides which are due, creates jobs for them, and collects warnings."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, select

from training_pipeline.alerts import alerts
from training_pipeline.datasets.compare import changes
from training_pipeline.domain.errors import NotFound, PipelineError, SheetChanged, Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.retraining import (
    Changes,
    Decision,
    LastJob,
    Retraining,
    decide,
    lost_permission,
    retraining_of,
)
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.infra.database import Database
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.lifecycle.new_jobs import WithdrawnRows
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store import retrain_turn
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.idempotency import Answer, Remember, body_hash, once
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import job_from_row
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.tuning.tables import study_trials
from training_pipeline.urls import Urls

NAME: Final = "retrain_changed_sheets"
_STORED: Final = 201
_log = logging.getLogger(__name__)


class SheetCheck(BaseModel):
    """The result for one training sheet. `failed` means that it could not be checked, and `why` says why."""

    model_config = ConfigDict(frozen=True)

    training_sheet_id: str
    due: bool
    why: str
    created: str | None = None
    warnings: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Models:
    """The jobs of one training sheet that a decision looks at, by the name of their model."""

    latest: dict[str, TrainingJob]
    active: dict[str, TrainingJob]
    succeeded: dict[str, TrainingJob]


@dataclass(frozen=True, slots=True)
class Retrainer:
    """Checks training sheets by the rules that their owners state, and creates the jobs that are due."""

    store: JobStore
    database: Database
    source: TrainingSheetSource
    jobs: JobService
    policy: GatePolicy
    min_pairs: int
    urls: Urls
    withdrawn: WithdrawnRows
    keys: HashKeys = NO_KEYS

    def check_sheets(
        self, *, tick: str, requested_by: str, create: bool = True, now: datetime | None = None
    ) -> list[SheetCheck]:
        """Check every training sheet and, with `create`, create the jobs that are due; one `SheetCheck` a sheet, by id.

        The same `tick` creates one job a sheet, however often it checks (for 48 hours; later the days between two jobs
        and the count of changes keep it from a second one). A sheet that cannot be read does not stop the others.
        """
        now = now or datetime.now(UTC)
        jobs = _jobs(self.store)
        sheets: dict[str, TrainingSheet | None] = {sheet.id: sheet for sheet in self.source.list()}
        sheets |= dict.fromkeys(jobs.keys() - sheets.keys())
        return [
            _check(self, sheet_id, sheet, jobs.get(sheet_id), tick, requested_by, create=create, now=now)
            for sheet_id, sheet in sorted(sheets.items())
        ]


def _check(
    retrainer: Retrainer,
    sheet_id: str,
    sheet: TrainingSheet | None,
    models: _Models | None,
    tick: str,
    requested_by: str,
    *,
    create: bool,
    now: datetime,
) -> SheetCheck:
    models = models or _Models({}, {}, {})
    warnings: tuple[str, ...] = ()
    try:
        sheet = sheet or retrainer.source.get(sheet_id)
        changed, unknown = _changes(retrainer, sheet, models)
        warnings = _warn(retrainer, changed, models) if create else _warnings(changed, models)
        warnings += tuple(f"{_model(models.succeeded[name])}: {error.message}" for name, error in unknown.items())
        rule = retraining_of(sheet)
        if rule is not None and rule.model_name in unknown:
            raise unknown[rule.model_name]
        decision = _decision(retrainer, sheet, rule, models, changed, now)
        created = None
        if decision.due and create and rule is not None:
            try:
                created = _create(retrainer, sheet, rule, decision, models, tick, requested_by)
            except _Overtaken as overtaken:
                decision = Decision(due=False, why=overtaken.why)
        return SheetCheck(
            training_sheet_id=sheet_id, due=decision.due, why=decision.why, created=created, warnings=warnings
        )
    except NotFound as error:
        return SheetCheck(training_sheet_id=sheet_id, due=False, why=f"it is gone: {error.message}", warnings=warnings)
    except PipelineError as error:
        why = "; ".join([error.message, *(f"{p.pointer}: {p.message}" for p in error.problems)])
        return SheetCheck(training_sheet_id=sheet_id, due=False, why=why, warnings=warnings, failed=True)
    except Exception as error:  # noqa: BLE001 - a fault in one sheet keeps no other from being checked
        _log.warning("training sheet %s could not be checked", sheet_id, exc_info=True)
        why = f"{type(error).__name__}; see the log"
        return SheetCheck(training_sheet_id=sheet_id, due=False, why=why, warnings=warnings, failed=True)


def _decision(
    retrainer: Retrainer,
    sheet: TrainingSheet,
    rule: Retraining | None,
    models: _Models,
    changed: dict[str, Changes],
    now: datetime,
) -> Decision:
    model = rule.model_name if rule is not None else ""
    return decide(
        sheet,
        rule,
        active=_known(models.active.get(model)),
        latest=_known(models.latest.get(model)),
        changes=changed.get(model),
        min_pairs=retrainer.min_pairs,
        now=now,
    )


def _known(job: TrainingJob | None) -> LastJob | None:
    return None if job is None else LastJob(id=job.id, status=job.status, created_at=job.created_at)


def _changes(
    retrainer: Retrainer, sheet: TrainingSheet, models: _Models
) -> tuple[dict[str, Changes], dict[str, PipelineError]]:
    """What changed since each current model of the sheet was trained, and of which models nobody can say so."""
    datasets = {name: job.data.dataset for name, job in models.succeeded.items() if job.data.dataset is not None}
    changed: dict[str, Changes] = {}
    unknown: dict[str, PipelineError] = {}
    if not datasets:
        return changed, unknown
    with retrainer.source.open(sheet.id) as opened:
        withdrawn = retrainer.withdrawn(sheet.id)
        for name, stored in datasets.items():
            try:
                dataset = required(stored, "dataset")
                changed[name] = changes(opened, dataset, retrainer.policy, withdrawn=withdrawn, keys=retrainer.keys)
            except SheetChanged:
                raise
            except Unavailable as error:
                unknown[name] = error
    return changed, unknown


def _warnings(changed: dict[str, Changes], models: _Models) -> tuple[str, ...]:
    told = (lost_permission(found, _model(models.succeeded[name])) for name, found in sorted(changed.items()))
    return tuple(warning for warning in told if warning is not None)


def _warn(retrainer: Retrainer, changed: dict[str, Changes], models: _Models) -> tuple[str, ...]:
    """The warnings; each is an alert and an event of the job that trained the model, once for the same pairs."""
    for name, found in changed.items():
        job = models.succeeded[name]
        warning = lost_permission(found, _model(job))
        if warning is not None:
            pairs = f"{found.newly_prohibited}\n" + "\n".join(found.prohibited_ids)
            identity = hashlib.sha256(pairs.encode()).hexdigest()[:16]
            alerts.notice(retrainer.store, alerts.of_permission(job, warning, identity, retrainer.urls), as_event=True)
    return _warnings(changed, models)


def _model(job: TrainingJob) -> str:
    version = f" version {job.result.uc_model_version}" if job.result.uc_model_version else ""
    return f"Model {job.result.uc_model_name or job.request.model_name}{version} (training job {job.id})"


def _create(
    retrainer: Retrainer,
    sheet: TrainingSheet,
    rule: Retraining,
    decision: Decision,
    models: _Models,
    tick: str,
    requested_by: str,
) -> str:
    """The id of the job that is created for this tick, or was. Raises `_Overtaken`."""

    def create(remember: Remember) -> TrainingJob:
        def also(connection: Connection, job: TrainingJob) -> None:
            _require_still_due(retrainer.store.within(connection), job, models)
            remember(connection, job)
            record_event(connection, job.id, EventType.INFO, f"Retraining: {decision.why}.", SYSTEM)

        return retrainer.jobs.create(rule.request(sheet), created_by=requested_by, also=also)

    answer, _ = once(
        retrainer.store,
        retrainer.database,
        who=NAME,
        key=f"{tick}:{sheet.id}",
        body_hash=body_hash(NAME, [tick, sheet.id]),
        create=create,
        answer=lambda job: Answer(_STORED, job.id),
    )
    return answer.body


class _Overtaken(Exception):
    """Since the jobs were read, which may be minutes ago, another one was created or has succeeded."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def _require_still_due(within: JobStore, job: TrainingJob, models: _Models) -> None:
    """Look again, in the transaction that stores the job and when it is its turn, at the jobs that were decided by.

    Raises `_Overtaken` where they are others now: the next tick decides anew.
    """
    wanted = job.request
    with within.begin() as connection:
        retrain_turn.take(connection, wanted.training_sheet_id, wanted.model_name)
    now = _jobs(within, beside=job).get(wanted.training_sheet_id) or _Models({}, {}, {})
    for known, found in ((models.latest, now.latest), (models.succeeded, now.succeeded)):
        before, other = known.get(wanted.model_name), found.get(wanted.model_name)
        if other is not None and (before is None or before.id != other.id):
            raise _Overtaken(f"training job {other.id} is {other.status} meanwhile")


def _jobs(store: JobStore, *, beside: TrainingJob | None = None) -> dict[str, _Models]:
    """The latest, the active and the last succeeded job of each model of each training sheet. Reads only.

    Or only those for the same model as one job, without that job itself.
    """
    found: dict[str, _Models] = {}

    def models(sheet_id: str) -> _Models:
        return found.setdefault(sheet_id, _Models({}, {}, {}))

    for job in _latest(store, list(JobStatus), beside):
        models(job.request.training_sheet_id).latest[job.request.model_name] = job
    for job in _latest(store, ACTIVE, beside):
        models(job.request.training_sheet_id).active[job.request.model_name] = job
    for job in _latest(store, [JobStatus.SUCCEEDED], beside):
        models(job.request.training_sheet_id).succeeded[job.request.model_name] = job
    return found


def _trials() -> Any:
    return select(study_trials.c.job_id).where(study_trials.c.job_id.is_not(None))


def _latest(store: JobStore, statuses: Collection[JobStatus], beside: TrainingJob | None) -> Iterable[TrainingJob]:
    table = training_jobs.c
    each: list[Any] = [table.training_sheet_id, table.model_name]
    query = (
        select(training_jobs)
        .distinct(*each)
        # A trial of a study is no model in use: it neither is due itself nor stands for one that is.
        .where(table.status.in_(sorted(statuses)), table.id.not_in(_trials()))
        .order_by(*each, table.created_at.desc())
    )
    if beside is not None:
        same = (
            (table.training_sheet_id, beside.request.training_sheet_id),
            (table.model_name, beside.request.model_name),
        )
        query = query.where(table.id != beside.id, *(column == value for column, value in same))
    with store.begin() as connection:
        return [job_from_row(row) for row in connection.execute(query).mappings()]
