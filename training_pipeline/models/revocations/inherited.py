"""What a model is tainted by that a job is about to register: by its own rows, and by those of what it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from sqlalchemy import Connection

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.hash_key import HashKeys
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.revocations import Learned, Taint, tainted
from training_pipeline.models.revocations.affected import Model, models
from training_pipeline.models.revocations.dataset_revocations import held_by
from training_pipeline.models.revocations.taints import taint_of, taints_of
from training_pipeline.training_jobs.lifecycle.ancestors import as_known
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore


def taints_to_be(
    connection: Connection,
    store: JobStore,
    keys: HashKeys,
    job: TrainingJob,
    record: LineageRecord,
    name: str,
    version: str | None,
) -> list[Taint]:
    """The taints of the model that a job is about to register, one for each revocation, ordered by these; stores none.

    In the caller's transaction, which keeps others from revoking.
    """
    ancestors = _ancestors_of(store.within(connection), record)
    own = held_by(connection, job, keys.within(connection))
    by_revocation: dict[str, dict[str, Learned]] = {one: {job.id: rows} for one, rows in own.items()}
    bases: dict[str, Sequence[str]] = {job.id: ancestors}
    for ancestor, rows_of in _of_unrecorded(connection, store, keys, ancestors).items():
        for one, rows in rows_of.items():
            by_revocation.setdefault(one, {})[ancestor] = rows
    for taint in taints_of(connection, job_ids=ancestors):
        learned = by_revocation.setdefault(taint.revocation_id, {})
        learned[taint.job_id] = Learned(taint.train, taint.validation)
        # That they learned is what counts here; how much stands with themselves.
        learned.update({one: Learned(1, 0) for one in taint.inherited_from if one not in learned})
        bases[taint.job_id] = taint.inherited_from
    model = Model(job.id, name, version, ancestors)
    return [taint_of(one, model, tainted(learned, bases)[job.id]) for one, learned in sorted(by_revocation.items())]


def _ancestors_of(store: JobStore, record: LineageRecord) -> tuple[str, ...]:
    """The models that a job comes from, asked for again where none was on record when it was launched."""
    base = record.base_model
    if base is not None and not base.ancestors:
        now = as_known(store, base, job_id=record.job_id)
        if now.ancestors:
            lineage.set_base_model(store, record.job_id, now)
        base = now
    return tuple(origin.job_id for origin in (base.ancestors if base is not None else None) or ())


def _of_unrecorded(
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
