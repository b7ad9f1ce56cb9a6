"""Checks all training sheets: decides which are due, creates jobs for them, and collects warnings."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from training_pipeline.alerts import messages, records
from training_pipeline.datasets.compare import changes
from training_pipeline.domain.errors import NotFound, PipelineError, SheetChanged, Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import TrainingJob
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
from training_pipeline.retraining.sheet_models import SheetModels, models_of_sheets
from training_pipeline.sheets.base import TrainingSheetSource
from training_pipeline.training_jobs.lifecycle.new_jobs import WithdrawnRows
from training_pipeline.training_jobs.lifecycle.service import JobService
from training_pipeline.training_jobs.store import retrain_turn
from training_pipeline.training_jobs.store.events import SYSTEM, EventType, record_event
from training_pipeline.training_jobs.store.idempotency import Answer, Remember, body_hash, once
from training_pipeline.training_jobs.store.jobs import JobStore
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
        jobs = models_of_sheets(self.store)
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
    models: SheetModels | None,
    tick: str,
    requested_by: str,
    *,
    create: bool,
    now: datetime,
) -> SheetCheck:
    models = models or SheetModels({}, {}, {})
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
    models: SheetModels,
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
    retrainer: Retrainer, sheet: TrainingSheet, models: SheetModels
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


def _warnings(changed: dict[str, Changes], models: SheetModels) -> tuple[str, ...]:
    told = (lost_permission(found, _model(models.succeeded[name])) for name, found in sorted(changed.items()))
    return tuple(warning for warning in told if warning is not None)


def _warn(retrainer: Retrainer, changed: dict[str, Changes], models: SheetModels) -> tuple[str, ...]:
    """The warnings; each is an alert and an event of the job that trained the model, once for the same pairs."""
    for name, found in changed.items():
        job = models.succeeded[name]
        warning = lost_permission(found, _model(job))
        if warning is not None:
            pairs = f"{found.newly_prohibited}\n" + "\n".join(found.prohibited_ids)
            identity = hashlib.sha256(pairs.encode()).hexdigest()[:16]
            alert = messages.of_permission(job, warning, identity, retrainer.urls)
            records.notice(retrainer.store, alert, as_event=True)
    return _warnings(changed, models)


def _model(job: TrainingJob) -> str:
    version = f" version {job.result.uc_model_version}" if job.result.uc_model_version else ""
    return f"Model {job.result.uc_model_name or job.request.model_name}{version} (training job {job.id})"


def _create(
    retrainer: Retrainer,
    sheet: TrainingSheet,
    rule: Retraining,
    decision: Decision,
    models: SheetModels,
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


def _require_still_due(within: JobStore, job: TrainingJob, models: SheetModels) -> None:
    """Look again, in the transaction that stores the job and when it is its turn, at the jobs that were decided by.

    Raises `_Overtaken` where they are others now: the next tick decides anew.
    """
    wanted = job.request
    with within.begin() as connection:
        retrain_turn.take(connection, wanted.training_sheet_id, wanted.model_name)
    now = models_of_sheets(within, beside=job).get(wanted.training_sheet_id) or SheetModels({}, {}, {})
    for known, found in ((models.latest, now.latest), (models.succeeded, now.succeeded)):
        before, other = known.get(wanted.model_name), found.get(wanted.model_name)
        if other is not None and (before is None or before.id != other.id):
            raise _Overtaken(f"training job {other.id} is {other.status} meanwhile")
