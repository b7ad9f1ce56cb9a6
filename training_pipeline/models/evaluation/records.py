"""Evaluations on record: what was asked of which version, how far it is, and what came of it. No text of a pair."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.evaluating import EvaluationOrder
from training_pipeline.domain.errors import GateRefused, NotFound
from training_pipeline.models.evaluation.judges import Judging
from training_pipeline.models.evaluation.subsets import Half, Slice
from training_pipeline.models.evaluation.tables import model_evaluations

if TYPE_CHECKING:
    from training_pipeline.domain.errors import PipelineError
    from training_pipeline.training_jobs.store.jobs import JobStore


class EvaluationStatus(StrEnum):
    """How far an evaluation is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE: Final = (EvaluationStatus.QUEUED, EvaluationStatus.RUNNING)


class Counts(BaseModel):
    """What became of the pairs of the suite: `asked` is `evaluated`, all of `refused` and all of `aged`."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    asked: int
    evaluated: int
    refused: dict[str, int]
    aged: dict[str, int]
    reported: dict[str, int]
    #: Whether it is on record what the first of the models that it comes from was trained from.
    is_ancestry_known: bool


class StoredFigure(BaseModel):
    """A mean with its interval, of one model; or, with `over`, how much better it is than that one, pair by pair.

    A bound is null where nobody can say it.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    over: str | None = None
    metric: str
    of: Slice | None = None
    n: int
    estimate: float
    lower: float | None
    upper: float | None
    level: float
    wins: int | None = None
    losses: int | None = None
    ties: int | None = None


class StoredScores(BaseModel):
    """Where the scores of one model are, a row a pair."""

    model_config = ConfigDict(frozen=True)

    path: Path
    sha256: str
    pairs: int
    #: Of the ids of these pairs, which tells whether two evaluations asked the same; null where that was not noted yet.
    pairs_digest: str | None = None


class Evaluation(BaseModel):
    """An evaluation of a model on a suite, or on a half of one."""

    model_config = ConfigDict(frozen=True)

    id: str
    model_name: str
    #: Empty for a model that is not registered: that of a study's trial.
    model_version: str
    job_id: str
    model_digest: str
    suite_name: str
    suite_digest: str
    half: Half | None = None
    champion_version: str | None
    status: EvaluationStatus
    created_by: str
    created_at: datetime
    finished_at: datetime | None = None
    asked_models: tuple[AskedModel, ...]
    counts: Counts
    message: str = ""
    error: str | None = None
    scores: dict[str, StoredScores] | None = None
    figures: tuple[StoredFigure, ...] | None = None
    judge: Judging | None = None
    base_model: str | None = None
    #: The run at a backend whose runs are sent their questions, and since when these may lie there.
    backend_run_id: str | None = None
    staged_at: datetime | None = None
    #: Since when the backend does not know the run.
    missing_since: datetime | None = None
    #: When MLflow was told the figures.
    logged_at: datetime | None = None

    @property
    def order(self) -> EvaluationOrder:
        """What the backend is to do."""
        judge = None if self.judge is None else self.judge.order
        return EvaluationOrder(evaluation_id=self.id, models=self.asked_models, base_model=self.base_model, judge=judge)


def new_id(now: datetime) -> str:
    """An id such as `ev-20261123-072145-9f3a2c`."""
    return f"ev-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def require_some(suite: str, counts: Counts) -> None:
    """Raise `GateRefused` where no pair is left to ask."""
    if counts.evaluated:
        return
    reasons = [f"{count:,} {why}" for why, count in {**counts.refused, **counts.aged}.items()]
    raise GateRefused(
        f"No pair of the suite {suite!r} is left to ask: of {counts.asked:,} pairs {', '.join(reasons) or 'none'}.",
        hint="Make a suite of pairs that none of these models was trained on: `training-pipeline suites create`.",
    )


def refused(
    error: PipelineError,
    *,
    job_id: str,
    model_name: str,
    suite: str,
    actor: str,
    model_version: str = "",
    evaluation_id: str | None = None,
    half: Half | None = None,
) -> Evaluation:
    """An evaluation that could not begin, for this reason, so that nobody tries again. Writes nothing."""
    at = now()
    return Evaluation(
        id=evaluation_id or new_id(at),
        model_name=model_name,
        model_version=model_version,
        job_id=job_id,
        model_digest="",
        suite_name=suite,
        suite_digest="",
        half=half,
        champion_version=None,
        status=EvaluationStatus.FAILED,
        created_by=actor,
        created_at=at,
        finished_at=at,
        asked_models=(),
        counts=Counts(asked=0, evaluated=0, refused={}, aged={}, reported={}, is_ancestry_known=False),
        error=f"{error.message} {error.hint}".strip(),
    )


def digest_of(files: Mapping[str, str] | None) -> str:
    """What a model is: SHA-256 over its files, by name."""
    return hashlib.sha256(json.dumps(sorted((files or {}).items())).encode()).hexdigest()


def add(store: JobStore, evaluation: Evaluation) -> Evaluation:
    """Store a new evaluation; where one of this version on these pairs is active, that one. Writes."""
    row = {
        **evaluation.model_dump(mode="json"),
        "created_at": evaluation.created_at,
        "finished_at": evaluation.finished_at,
    }
    table = model_evaluations.c
    active = select(model_evaluations).where(
        table.model_name == evaluation.model_name,
        table.model_version == evaluation.model_version,
        table.suite_digest == evaluation.suite_digest,
        table.status.in_(ACTIVE),
    )
    with store.begin() as connection:
        made = connection.execute(
            insert(model_evaluations).values(row).on_conflict_do_nothing().returning(model_evaluations.c.id)
        ).first()
        other = None if made else connection.execute(active).mappings().first()
    return evaluation if other is None else Evaluation.model_validate(dict(other))


def change(store: JobStore, evaluation: Evaluation, **values: Any) -> bool:
    """Set columns of an evaluation that is still active; whether it was. Compare-and-set. Writes."""
    if values.get("status") not in (None, *ACTIVE):
        values["finished_at"] = func.clock_timestamp()
    statement = (
        update(model_evaluations)
        .where(model_evaluations.c.id == evaluation.id, model_evaluations.c.status.in_(ACTIVE))
        .values(values)
    )
    with store.begin() as connection:
        return connection.execute(statement).rowcount == 1


def find(store: JobStore, evaluation_id: str) -> Evaluation | None:
    """One evaluation; None where there is none. Reads only."""
    found = _all(store, model_evaluations.c.id == evaluation_id)
    return found[0] if found else None


def get(store: JobStore, evaluation_id: str) -> Evaluation:
    """One evaluation; raises `NotFound`. Reads only."""
    found = find(store, evaluation_id)
    if found is None:
        raise NotFound(f"There is no evaluation {evaluation_id!r}.", hint="`training-pipeline models show` names them.")
    return found


def of_version(store: JobStore, name: str, version: str) -> list[Evaluation]:
    """The evaluations of a version, the newest first. Reads only."""
    table = model_evaluations.c
    return _all(store, table.model_name == name, table.model_version == version)


def of_jobs(store: JobStore, job_ids: Collection[str]) -> list[Evaluation]:
    """The evaluations of the versions that these jobs trained, the newest first. Reads only."""
    return _all(store, model_evaluations.c.job_id.in_(job_ids), model_evaluations.c.model_version != "")


def active(store: JobStore) -> list[Evaluation]:
    """Every evaluation that has not ended. Reads only."""
    return _all(store, model_evaluations.c.status.in_(ACTIVE))


def now() -> datetime:
    """The time, as evaluations are dated."""
    return datetime.now(UTC)


def _all(store: JobStore, *where: Any) -> list[Evaluation]:
    table = model_evaluations.c
    query = select(model_evaluations).where(*where).order_by(table.created_at.desc(), table.id.desc())
    with store.begin() as connection:
        return [Evaluation.model_validate(dict(row)) for row in connection.execute(query).mappings()]
