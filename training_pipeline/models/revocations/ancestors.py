"""What a job inherits that is about to register its model: from models on record, and from jobs that have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from sqlalchemy import Connection

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.hash_key import HashKeys
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.revocations import Learned
from training_pipeline.models.revocations.affected import models
from training_pipeline.models.revocations.dataset_revocations import held_by
from training_pipeline.training_jobs.lifecycle.ancestors import as_known
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore


def ancestors_of(store: JobStore, record: LineageRecord) -> tuple[str, ...]:
    """The models that a job comes from, asked for again where none was on record when it was launched."""
    base = record.base_model
    if base is not None and not base.ancestors:
        now = as_known(store, base, job_id=record.job_id)
        if now.ancestors:
            lineage.set_base_model(store, record.job_id, now)
        base = now
    return tuple(origin.job_id for origin in (base.ancestors if base is not None else None) or ())


def of_unrecorded(
    connection: Connection, store: JobStore, keys: HashKeys, ancestors: Sequence[str]
) -> Mapping[str, Mapping[str, Learned]]:
    """By ancestors that are no models on record, which nothing taints: their own rows of each revocation."""
    on_record = models(connection, ancestors)
    found = {}
    for job_id in ancestors:
        with suppress(NotFound):
            job = store.within(connection).get(job_id)
            if job_id not in on_record and job.data.dataset is not None:
                found[job_id] = held_by(connection, job, keys.within(connection))
    return found
