"""How the versions stand that revocations taint, and that somebody decided to withdraw."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.models.revocations.tables import decisions
from training_pipeline.models.revocations.taints import in_words, taints_of
from training_pipeline.training_jobs.store.jobs import JobStore


def standings(store: JobStore, job_ids: Collection[str]) -> Mapping[str, Standing]:
    """Of the jobs that registered versions those that are tainted, and withdrawn where that was decided last. Reads."""
    reasons: dict[str, list[str]] = {}
    table = decisions.c
    latest = select(table.job_id, table.decision).where(table.job_id.in_(job_ids)).order_by(table.number)
    with store.begin() as connection:
        for taint in taints_of(connection, job_ids=job_ids):
            reasons.setdefault(taint.job_id, []).append(f"Tainted by {taint.revocation_id}: {in_words(taint)}.")
        decided = {str(job_id): str(decision) for job_id, decision in connection.execute(latest).tuples()}
    return {
        job_id: Standing(
            state=VersionState.WITHDRAWN if decided.get(job_id) == "withdraw" else VersionState.TAINTED,
            reasons=tuple(said),
        )
        for job_id, said in reasons.items()
    }
