"""The models that learned from rows, and the jobs that are about to. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import ACTIVE
from training_pipeline.domain.revocations import Learned, Revoked, Tainted, tainted
from training_pipeline.domain.uses import DatasetUse, Question
from training_pipeline.models.uses import ask
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.tables import ANCESTORS, DESCENDS, ON_RECORD

_MODELS: Final = text(
    "SELECT j.id, coalesce(j.uc_model_name, j.model_name), l.model_version,"  # noqa: S608 - our own text
    f" {ANCESTORS}"
    " FROM training_job_lineage AS l JOIN training_jobs AS j ON j.id = l.job_id"
    f" WHERE (j.id = ANY(:ids) OR (:chains AND l.{DESCENDS})) AND {ON_RECORD}"
)


@dataclass(frozen=True, slots=True)
class Model:
    """A model on record, and the jobs of the models that it comes from, the nearest first."""

    job_id: str
    name: str
    version: str | None
    ancestors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Affected:
    """Who learned from rows."""

    #: By the id of the job that trained the model.
    tainted: Mapping[str, Tainted]
    models: Mapping[str, Model]
    #: Jobs that train on the rows and whose model is not on record yet.
    in_progress: tuple[str, ...]


def found(connection: Connection, datasets: Iterable[DatasetUse]) -> Affected:
    """Who learned from rows that these datasets hold, with descendants in every generation."""
    direct: dict[str, Learned] = {}
    active: dict[str, None] = {}
    for dataset in datasets:
        for job in dataset.jobs if dataset.is_learned else ():
            if job.submitted:
                before, copies = direct.get(job.job_id, Learned(0, 0)), dataset.copies
                train = before.train + dataset.train + copies.train
                direct[job.job_id] = Learned(train, before.validation + dataset.validation + copies.validation)
            if job.status in ACTIVE:
                active[job.job_id] = None
    known = models(connection, list(direct), chains=bool(direct))
    bases = {model.job_id: model.ancestors for model in known.values()}
    learned = tainted(direct, bases)
    return Affected(
        tainted={job_id: learned[job_id] for job_id in known if job_id in learned},
        models=known,
        in_progress=tuple(job_id for job_id in active if job_id not in known),
    )


def models(connection: Connection, job_ids: Sequence[str], *, chains: bool = False) -> dict[str, Model]:
    """The models on record of these jobs, by job; with `chains` also all that come from models of ours."""
    rows = connection.execute(_MODELS, {"ids": list(job_ids), "chains": chains}).tuples()
    return {job_id: Model(job_id, name, version, tuple(ancestors)) for job_id, name, version, ancestors in rows}


def datasets_of(store: JobStore, asked: Revoked, keys: HashKeys = NO_KEYS) -> list[DatasetUse]:
    """The datasets that hold what a person revokes; none where no dataset knows it.

    Raises `Unavailable` where the index is behind or a manifest is lost.
    """
    try:
        question = Question(kind=asked.kind, value=asked.value, training_sheet_id=asked.training_sheet_id)
        answer = ask.uses(store, question, keys)
    except NotFound:
        return []
    return [dataset for sheet in answer.sheets for dataset in sheet.datasets]
