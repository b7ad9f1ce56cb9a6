"""Proposals to retrain tainted versions without the withdrawn rows, stored with the taint.

New jobs leave out what was revoked. So a proposal is the request for a job like the one that trained the version, and
from its first clean ancestor where its base model is tainted.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.lineage import LineageRecord
from training_pipeline.domain.refs import required
from training_pipeline.domain.retrain_proposal import RetrainProposal, clean_base, retrain_request
from training_pipeline.domain.revocations import Learned, Taint
from training_pipeline.models.revocations.dataset_revocations import lost
from training_pipeline.models.revocations.tables import retrain_proposals
from training_pipeline.models.revocations.taints import taints_of
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore


def propose(store: JobStore, tainted: Iterable[Taint], keys: HashKeys = NO_KEYS) -> None:
    """Store or renew the proposals for versions that were just tainted, in the transaction of `store`.

    Never keeps a taint from being stored: a count that cannot be had is left out.
    """
    for job_id in sorted({taint.job_id for taint in tainted if taint.model_version is not None}):
        made(store, job_id, keys)


def made(store: JobStore, job_id: str, keys: HashKeys = NO_KEYS) -> RetrainProposal | None:
    """Work a proposal out anew and store it; None where the version is not tainted."""
    with store.begin() as connection:
        taints = taints_of(connection, job_ids=[job_id])
        if not taints:
            return None
        job, record = store.get(job_id), lineage.read(store, job_id)
        ancestors = (record.base_model.ancestors if record.base_model is not None else None) or ()
        tainted = {taint.job_id for taint in taints_of(connection, job_ids=[one.job_id for one in ancestors])}
        base = clean_base(job.request.base_model, ancestors, tainted)
        rows = _lost(connection, job, keys.within(connection))
        values = {
            "model_name": taints[-1].model_name,
            "model_version": _version(taints, record),
            "request": retrain_request(job, base),
            "train": None if rows is None else rows.train,
            "validation": None if rows is None else rows.validation,
            "tainted_base": job.request.base_model if base != job.request.base_model else None,
            "updated_at": func.clock_timestamp(),
        }
        stored = insert(retrain_proposals).values(job_id=job_id, **values)
        connection.execute(stored.on_conflict_do_update(index_elements=["job_id"], set_=values))
        return read(connection, job_id)


def _version(taints: list[Taint], record: LineageRecord) -> str:
    named = [taint.model_version for taint in taints if taint.model_version is not None]
    return named[-1] if named else str(record.model_version)


def _lost(connection: Connection, job: TrainingJob, keys: HashKeys) -> Learned | None:
    try:
        manifest = required(job.data.dataset, "dataset").manifest_file
        return lost(connection, job.request.training_sheet_id, manifest, keys)
    except Unavailable:
        return None


def read(connection: Connection, job_id: str) -> RetrainProposal | None:
    """The proposal for the model of a job; None where there is none. Reads only."""
    query = select(retrain_proposals).where(retrain_proposals.c.job_id == job_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else RetrainProposal.model_validate(dict(row))
