"""One look at all training sheets: which of them are due, what is created for them, and what somebody must know."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, select

from training_pipeline.alerts import alerts
from training_pipeline.app.container import Services
from training_pipeline.datasets.changes import changes
from training_pipeline.datasets.store import DatasetRef
from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.job import ACTIVE, JobStatus, TrainingJob
from training_pipeline.domain.retraining import (
    Changes,
    Decision,
    LastJob,
    Retraining,
    decide,
    lost_permission,
    retraining_of,
)
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.training_jobs.store.idempotency import Answer, body_hash, turn
from training_pipeline.training_jobs.store.jobs import SYSTEM, EventType, JobStore, job_from_row, record_event
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.training_jobs.urls import Addresses

NAME: Final = "retrain_changed_sheets"
_STORED: Final = 201


class SheetLook(BaseModel):
    """What came of looking at one training sheet. `failed` means that it could not be looked at, and `why` says why."""

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


def look_at_sheets(
    services: Services, *, tick: str, requested_by: str, create: bool = True, now: datetime | None = None
) -> list[SheetLook]:
    """Look at every training sheet and, with `create`, create the jobs that are due; one `SheetLook` a sheet, by id.

    The same `tick` creates one job a sheet, however often it looks (for 48 hours; later the days between two jobs and
    the count of changes keep it from a second one). A sheet that cannot be looked at does not stop the others.
    """
    now = now or datetime.now(UTC)
    jobs = _jobs(services.store)
    sheets: dict[str, TrainingSheet | None] = {sheet.id: sheet for sheet in services.source.list()}
    sheets |= dict.fromkeys(jobs.keys() - sheets.keys())
    return [
        _look(services, sheet_id, sheet, jobs.get(sheet_id), tick, requested_by, create=create, now=now)
        for sheet_id, sheet in sorted(sheets.items())
    ]


def _look(
    services: Services,
    sheet_id: str,
    sheet: TrainingSheet | None,
    models: _Models | None,
    tick: str,
    requested_by: str,
    *,
    create: bool,
    now: datetime,
) -> SheetLook:
    models = models or _Models({}, {}, {})
    warnings: tuple[str, ...] = ()
    try:
        sheet = sheet or services.source.get(sheet_id)
        changed = _changes(services, sheet, models)
        warnings = _warn(services, changed, models) if create else _warnings(changed, models)
        rule = retraining_of(sheet)
        decision = _decision(services, sheet, rule, models, changed, now)
        created = None
        if decision.due and create and rule is not None:
            created = _create(services, sheet, rule, decision, tick, requested_by)
        return SheetLook(
            training_sheet_id=sheet_id, due=decision.due, why=decision.why, created=created, warnings=warnings
        )
    except NotFound as error:
        return SheetLook(training_sheet_id=sheet_id, due=False, why=f"it is gone: {error.message}", warnings=warnings)
    except PipelineError as error:
        why = "; ".join([error.message, *(f"{p.pointer}: {p.message}" for p in error.problems)])
        return SheetLook(training_sheet_id=sheet_id, due=False, why=why, warnings=warnings, failed=True)


def _decision(
    services: Services,
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
        min_pairs=services.settings.min_pairs,
        now=now,
    )


def _known(job: TrainingJob | None) -> LastJob | None:
    return None if job is None else LastJob(id=job.id, status=job.status, created_at=job.created_at)


def _changes(services: Services, sheet: TrainingSheet, models: _Models) -> dict[str, Changes]:
    """What changed since each current model of the sheet was trained."""
    datasets = {name: job.dataset for name, job in models.succeeded.items() if job.dataset is not None}
    if not datasets:
        return {}
    with services.source.open(sheet.id) as opened:
        return {
            name: changes(opened, DatasetRef.model_validate(dataset), services.policy)
            for name, dataset in datasets.items()
        }


def _warnings(changed: dict[str, Changes], models: _Models) -> tuple[str, ...]:
    told = (lost_permission(found, _model(models.succeeded[name])) for name, found in sorted(changed.items()))
    return tuple(warning for warning in told if warning is not None)


def _warn(services: Services, changed: dict[str, Changes], models: _Models) -> tuple[str, ...]:
    """The warnings; each is an alert and an event of the job that trained the model, once for the same pairs."""
    links = Addresses.of(services.settings)
    for name, found in changed.items():
        job = models.succeeded[name]
        warning = lost_permission(found, _model(job))
        if warning is not None:
            pairs = f"{found.newly_prohibited}\n" + "\n".join(found.prohibited_ids)
            identity = hashlib.sha256(pairs.encode()).hexdigest()[:16]
            alerts.notice(services.store, alerts.of_permission(job, warning, identity, links), as_event=True)
    return _warnings(changed, models)


def _model(job: TrainingJob) -> str:
    version = f" version {job.uc_model_version}" if job.uc_model_version else ""
    return f"Model {job.uc_model_name or job.model_name}{version} (training job {job.id})"


def _create(
    services: Services, sheet: TrainingSheet, rule: Retraining, decision: Decision, tick: str, requested_by: str
) -> str:
    """The id of the job that is created for this tick, or was."""
    asked = body_hash(NAME, [tick, sheet.id])
    key = f"{tick}:{sheet.id}"
    with turn(services.store, services.database, who=NAME, key=key, body_hash=asked) as ours:
        if ours.first_answer is not None:
            return ours.first_answer.body

        def also(connection: Connection, job: TrainingJob) -> None:
            ours.remember(connection, Answer(_STORED, job.id))
            record_event(connection, job.id, EventType.INFO, f"Retraining: {decision.why}.", SYSTEM)

        return services.jobs.create(rule.request(sheet), created_by=requested_by, also=also).id


def _jobs(store: JobStore) -> dict[str, _Models]:
    """The latest, the active and the last succeeded job of each model of each training sheet. Reads only."""
    found: dict[str, _Models] = {}

    def models(sheet_id: str) -> _Models:
        return found.setdefault(sheet_id, _Models({}, {}, {}))

    for job in _latest(store, list(JobStatus)):
        models(job.training_sheet_id).latest[job.model_name] = job
    for job in _latest(store, ACTIVE):
        models(job.training_sheet_id).active[job.model_name] = job
    for job in _latest(store, [JobStatus.SUCCEEDED]):
        models(job.training_sheet_id).succeeded[job.model_name] = job
    return found


def _latest(store: JobStore, statuses: Collection[JobStatus]) -> Iterable[TrainingJob]:
    table = training_jobs.c
    each: list[Any] = [table.training_sheet_id, table.model_name]
    query = (
        select(training_jobs)
        .distinct(*each)
        .where(table.status.in_(sorted(statuses)))
        .order_by(*each, table.created_at.desc())
    )
    with store.begin() as connection:
        return [job_from_row(row) for row in connection.execute(query).mappings()]
