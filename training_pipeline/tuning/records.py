"""Studies and trials on record. Every change is a compare-and-set within one transaction."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.study import LIVE_STUDIES, Study, StudyStatus, Trial, TrialStatus
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.notify import announce
from training_pipeline.training_jobs.store.tables import training_job_metrics, training_jobs
from training_pipeline.tuning.tables import studies, study_trials

_SHEET: Final = studies.c.request["job"]["training_sheet_id"].astext
_CREATOR: Final = studies.c.created_by


@dataclass(frozen=True, slots=True)
class StudyFacets:
    """The values that studies may be filtered by."""

    training_sheet_ids: tuple[str, ...]
    creators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effort:
    """What the job of a trial has done so far."""

    steps: int | None
    planned_steps: int | None
    seconds: float | None


def topic(name: str) -> str:
    """What is announced where a study or a trial changes, among the ids of jobs: no id has a colon."""
    return f"study:{name}"


def add(store: JobStore, study: Study) -> Study:
    """Store a new study; where its name is taken, the one that has it. Writes."""
    job = study.request.job.model_dump(mode="json", exclude_unset=True)
    values = {
        **study.model_dump(),
        "request": {**study.request.model_dump(mode="json"), "job": job},
        "estimate": study.estimate.model_dump(mode="json"),
        "base_models": [each.model_dump(mode="json") for each in study.base_models],
    }
    with store.begin() as connection:
        connection.execute(insert(studies).values(values).on_conflict_do_nothing())
        announce(connection, topic(study.name))
    return get(store, study.name)


def find(store: JobStore, name: str) -> Study | None:
    """A study; None where there is none. Reads only."""
    with store.begin() as connection:
        row = connection.execute(select(studies).where(studies.c.name == name)).mappings().first()
    return None if row is None else Study.model_validate(dict(row))


def of_job(store: JobStore, job_id: str) -> Study | None:
    """The study of which a job is a trial; None where it is none. Reads only."""
    query = select(studies).join(study_trials, study_trials.c.study == studies.c.name)
    with store.begin() as connection:
        row = connection.execute(query.where(study_trials.c.job_id == job_id)).mappings().first()
    return None if row is None else Study.model_validate(dict(row))


def get(store: JobStore, name: str) -> Study:
    """A study; raises `NotFound`. Reads only."""
    found = find(store, name)
    if found is None:
        raise NotFound(f"There is no study {name!r}.", hint="Run `training-pipeline studies list` to see all studies.")
    return found


def page(
    store: JobStore,
    *,
    limit: int,
    offset: int = 0,
    after: tuple[datetime, str] | None = None,
    statuses: Collection[StudyStatus] = (),
    training_sheet_id: str | None = None,
    created_by: str | None = None,
) -> tuple[list[Study], int]:
    """Studies that match, the newest first, and how many there are in all. Reads only.

    `after` is when the last study of the page before was created, and its name.
    """
    table = studies.c
    matches: list[ColumnElement[bool]] = [table.status.in_(statuses)] if statuses else []
    asked = ((_SHEET, training_sheet_id), (_CREATOR, created_by))
    matches += [column == value for column, value in asked if value is not None]
    place = (table.created_at, table.name)
    further = [] if after is None else [tuple_(*place) < tuple_(*map(literal, after))]
    query = select(studies).where(*matches, *further).order_by(*(each.desc() for each in place))
    with store.begin() as connection:
        total = connection.execute(select(func.count()).select_from(studies).where(*matches)).scalar_one()
        rows = connection.execute(query.limit(limit).offset(offset)).mappings()
        return [Study.model_validate(dict(row)) for row in rows], total


def facets(store: JobStore) -> StudyFacets:
    """The values that studies may be filtered by. Reads only."""
    with store.begin() as connection:
        found = [connection.execute(select(one).distinct().order_by(one)).scalars() for one in (_SHEET, _CREATOR)]
        return StudyFacets(*(tuple(values) for values in found))


def live(store: JobStore) -> list[str]:
    """The names of the studies that have not ended, the oldest first. Reads only."""
    query = select(studies.c.name).where(studies.c.status.in_(LIVE_STUDIES)).order_by(studies.c.created_at)
    with store.begin() as connection:
        return list(connection.execute(query).scalars())


def ended_after(store: JobStore, place: tuple[datetime, str] | None) -> Study | None:
    """The study that ended next after another one, which ended then and is called so; the first without. Reads only."""
    at = (studies.c.ended_at, studies.c.name)
    further = [] if place is None else [tuple_(*at) > tuple_(*map(literal, place))]
    query = select(studies).where(studies.c.ended_at.is_not(None), *further).order_by(*at).limit(1)
    with store.begin() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else Study.model_validate(dict(row))


def change(store: JobStore, name: str, values: Mapping[str, Any], *, status: StudyStatus) -> bool:
    """Set columns of a study that is in `status`; whether it was. Writes."""
    where = (studies.c.name == name, studies.c.status == status)
    with store.begin() as connection:
        announce(connection, topic(name))
        return connection.execute(update(studies).where(*where).values(dict(values))).rowcount == 1


def use_dataset(store: JobStore, name: str, digest: str) -> str:
    """What all trials of a study are trained on: `digest`, where nothing was said before. Writes."""
    first = update(studies).where(studies.c.name == name, studies.c.dataset_digest.is_(None))
    with store.begin() as connection:
        connection.execute(first.values(dataset_digest=digest))
        said: str = connection.execute(select(studies.c.dataset_digest).where(studies.c.name == name)).scalar_one()
    return said


def trials_of(store: JobStore, name: str) -> list[Trial]:
    """The trials of a study, by number. Reads only."""
    query = select(study_trials).where(study_trials.c.study == name).order_by(study_trials.c.number)
    with store.begin() as connection:
        return [Trial.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def trials_of_all(store: JobStore, names: Collection[str]) -> dict[str, list[Trial]]:
    """The trials of several studies, by name and number. Reads only."""
    table = study_trials.c
    query = select(study_trials).where(table.study.in_(names)).order_by(table.study, table.number)
    found: dict[str, list[Trial]] = {name: [] for name in names}
    with store.begin() as connection:
        for row in connection.execute(query).mappings():
            found[row["study"]].append(Trial.model_validate(dict(row)))
    return found


def add_trial(store: JobStore, name: str, number: int, params: Mapping[str, Any]) -> bool:
    """Store the configuration of a new trial of a study that runs; whether that was done. Writes."""
    with store.begin() as connection:
        if not _runs(connection, name):
            return False
        values = {"study": name, "number": number, "params": dict(params), "status": TrialStatus.ASKED}
        made = insert(study_trials).values(**values, asked_at=func.clock_timestamp()).on_conflict_do_nothing()
        return connection.execute(made).rowcount == 1


def claim(connection: Connection, trial: Trial, values: Mapping[str, Any]) -> bool:
    """Within the transaction that stores its job: make a trial running, if it has no job and its study runs."""
    table = study_trials.c
    if not _runs(connection, trial.study):
        return False
    mine = (table.study == trial.study, table.number == trial.number, table.status == TrialStatus.ASKED)
    taken = update(study_trials).where(*mine, table.job_id.is_(None))
    return connection.execute(taken.values(status=TrialStatus.RUNNING, **values)).rowcount == 1


def change_trial(store: JobStore, trial: Trial, values: Mapping[str, Any], *, where: Mapping[str, Any]) -> bool:
    """Set columns of a trial whose columns are as in `where`; whether they were. One that ends is dated. Writes."""
    table = study_trials.c
    same = [table[name].is_not_distinct_from(value) for name, value in where.items()]
    query = update(study_trials).where(table.study == trial.study, table.number == trial.number, *same)
    ends = values.get("status") not in (None, TrialStatus.ASKED, TrialStatus.RUNNING)
    dated = {**values, **({"ended_at": func.clock_timestamp()} if ends else {})}
    with store.begin() as connection:
        announce(connection, topic(trial.study))
        return connection.execute(query.values(dated)).rowcount == 1


def promoted(connection: Connection, trial: Trial, job_id: str) -> bool:
    """Within the transaction that stores it: note the job that a trial was promoted to, if none was since."""
    table = study_trials.c
    before = table.promoted_job_id.is_not_distinct_from(trial.promoted_job_id)
    query = update(study_trials).where(table.study == trial.study, table.number == trial.number, before)
    return connection.execute(query.values(promoted_job_id=job_id)).rowcount == 1


def curves(store: JobStore, trials: Sequence[Trial]) -> dict[int, tuple[float, ...]]:
    """The validation loss after each evaluation of each trial, by its number; that before training left out. Reads.

    A loss that is no finite number is not stored, and the accuracy that is measured with it is: such an evaluation
    counts as one, with NaN.
    """
    by_job = {trial.job_id: trial.number for trial in trials if trial.job_id is not None}
    table = training_job_metrics.c
    query = (
        select(table.job_id, func.coalesce(table.val_loss, math.nan))
        .where(table.job_id.in_(by_job), or_(table.val_loss.is_not(None), table.val_accuracy.is_not(None)))
        .where(table.step > 0)
        .order_by(table.job_id, table.step)
    )
    found: dict[int, list[float]] = {}
    with store.begin() as connection:
        for job_id, loss in connection.execute(query):
            found.setdefault(by_job[job_id], []).append(loss)
    return {number: tuple(losses) for number, losses in found.items()}


def efforts(store: JobStore, trials: Sequence[Trial]) -> dict[int, Effort]:
    """What the job of each trial has done so far, by the trial's number. Reads only."""
    by_job = {trial.job_id: trial.number for trial in trials if trial.job_id is not None}
    table = training_jobs.c
    query = select(table.id, table.current_step, table.planned_steps, table.duration_seconds).where(
        table.id.in_(by_job)
    )
    with store.begin() as connection:
        return {by_job[job_id]: Effort(*done) for job_id, *done in connection.execute(query)}


def now() -> datetime:
    """The time, as studies are dated."""
    return datetime.now(UTC)


def _runs(connection: Connection, name: str) -> bool:
    """Whether a study runs, and will until the transaction ends."""
    query = select(studies.c.status).where(studies.c.name == name).with_for_update(read=True)
    return bool(connection.execute(query).scalar_one() == StudyStatus.RUNNING)
