"""Who learned from datasets: the jobs that have them, the model versions these registered, and their descendants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.domain.uses import NOWHERE, DatasetUse, JobUse, ModelUse
from training_pipeline.models.uses.in_use import in_use
from training_pipeline.training_jobs.store.tables import ANCESTORS, DESCENDS, ON_RECORD

_JOBS: Final = text(
    "SELECT j.training_sheet_id, j.dataset_digest, j.id, j.status,"
    " j.submit_intended_at IS NOT NULL OR j.status IN ('queued', 'running', 'succeeded'), j.created_at,"
    " coalesce(j.uc_model_name, j.model_name), l.model_version"
    " FROM training_jobs AS j LEFT JOIN training_job_lineage AS l ON l.job_id = j.id"
    " WHERE j.dataset_digest = ANY(:digests) ORDER BY j.created_at, j.id"
)
#: Models on record of these jobs, and all that come from models of ours.
_MODELS: Final = text(
    "SELECT l.job_id, l.model_version, coalesce(j.uc_model_name, j.model_name),"  # noqa: S608 - our own text
    f" {ANCESTORS}"
    " FROM training_job_lineage AS l JOIN training_jobs AS j ON j.id = l.job_id"
    f" WHERE (l.job_id = ANY(:ids) OR l.{DESCENDS}) AND {ON_RECORD} ORDER BY j.created_at, j.id"
)

#: A training sheet and the digest of a dataset.
Dataset = tuple[str, str]


def jobs_of(connection: Connection, datasets: Collection[Dataset]) -> Mapping[Dataset, Sequence[JobUse]]:
    """The jobs of each dataset, the oldest first. Equal rows of two sheets are one dataset: the sheet tells them apart.

    Reads only.
    """
    found: dict[Dataset, list[JobUse]] = defaultdict(list)
    digests = sorted({digest for _, digest in datasets})
    for sheet_id, digest, job_id, status, submitted, created_at, name, version in connection.execute(
        _JOBS, {"digests": digests}
    ).tuples():
        found[sheet_id, digest].append(
            JobUse(
                job_id=job_id,
                status=status,
                submitted=submitted,
                created_at=created_at,
                model_name=name,
                model_version=version,
            )
        )
    return found


def models_of(connection: Connection, datasets: Collection[DatasetUse]) -> tuple[ModelUse, ...]:
    """The models on record that learned from one of the datasets, themselves or through a base model: those that a
    revocation taints. Reads only.
    """
    learned = {job.job_id: job for dataset in datasets if dataset.is_learned for job in dataset.jobs if job.submitted}
    direct, descendants = [], []
    asked = {"ids": list(learned)}
    for job_id, version, name, ancestors in connection.execute(_MODELS, asked).tuples() if learned else ():
        known = [place for place, ancestor in enumerate(ancestors) if ancestor in learned]
        if job_id in learned:
            direct.append(ModelUse(model_name=name, model_version=version, job_id=job_id))
        elif known:
            through = tuple(reversed(ancestors[: known[0] + 1]))
            descendants.append(ModelUse(model_name=name, model_version=version, job_id=job_id, through=through))
    models = (*direct, *descendants)
    places = in_use(connection, [(one.model_name, one.model_version) for one in models])
    return tuple(
        one.model_copy(update={"in_use": places.get((one.model_name, one.model_version), NOWHERE)}) for one in models
    )
