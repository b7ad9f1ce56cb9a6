"""The audit export of a job and of the model version that it registered, its ancestors included, as one archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from training_pipeline.client.audit.gathering import Gathering
from training_pipeline.client.audit.job_files import job_files
from training_pipeline.client.audit.model_files import FOLDER, model_files
from training_pipeline.client.audit.readme import readme
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import TrainingJob as StoredJob
from training_pipeline.infra.zip_stream import File, zip_stream
from training_pipeline.models.promotion.promote import Promotions
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.models.versions import chain
from training_pipeline.schemas.model_version import ModelVersionDetails
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

MEDIA_TYPE: Final = "application/zip"


def file_name(of: str) -> str:
    """What the archive is called, whatever the name of the model has in it."""
    return f"audit-{''.join(letter if letter.isalnum() or letter in '._-' else '-' for letter in of)}.zip"


def audit(
    store: JobStore,
    decisions: Decisions,
    promotions: Promotions,
    job: StoredJob,
    *,
    shown: Callable[[StoredJob], TrainingJob],
    details: Callable[[str, str], ModelVersionDetails],
    made_by: str,
) -> Iterator[bytes]:
    """The archive in pieces, of a job in any state. What cannot be read is named in its README. Reads only."""
    return zip_stream(_files(store, decisions, promotions, job, shown, details, made_by))


def _files(
    store: JobStore,
    decisions: Decisions,
    promotions: Promotions,
    job: StoredJob,
    shown: Callable[[StoredJob], TrainingJob],
    details: Callable[[str, str], ModelVersionDetails],
    made_by: str,
) -> Iterator[File]:
    gathering = Gathering()
    yield from job_files(store, job, shown, "job", gathering)
    version, ancestors = _record(store, job, gathering)
    name = job.result.uc_model_name or job.request.model_name
    if version is not None:
        yield from model_files(store, decisions, promotions, lambda: details(name, version), name, version, gathering)
    else:
        gathering.note(FOLDER, "The job has registered no model version.")
    for ancestor in ancestors:
        folder = f"ancestors/{ancestor}"
        try:
            found = store.get(ancestor)
        except NotFound as error:
            gathering.note(folder, error.message)
        else:
            yield from job_files(store, found, shown, folder, gathering)
    subject = f"{name} version {version}, training job {job.id}" if version else f"training job {job.id}"
    text = readme(
        subject,
        model=version is not None,
        ancestors=len(ancestors),
        missing=gathering.missing,
        made_at=datetime.now(UTC),
        made_by=made_by,
    )
    yield "README.md", [text.encode()]


def _record(store: JobStore, job: StoredJob, gathering: Gathering) -> tuple[str | None, list[str]]:
    """The version that the job registered, and the jobs that its base model comes from, the nearest first."""
    try:
        record = lineage.read(store, job.id)
    except NotFound:
        return None, []
    above = chain.ancestors(store, record)
    if above is None:
        gathering.note("ancestors", "It is not recorded whether the base model comes from a model registered here.")
    return record.model_version, [one.job_id for one in above or ()]
