"""How the versions stand that revocations taint, and that somebody decided to withdraw."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.models.revocations.decisions import PROPOSED, held
from training_pipeline.models.revocations.taints import in_words, taints_of
from training_pipeline.training_jobs.store.jobs import JobStore


def standings(store: JobStore, job_ids: Collection[str], *, four_eyes: bool = False) -> Mapping[str, Standing]:
    """Of the jobs that registered versions those that are tainted, and withdrawn where that is what holds. Reads."""
    reasons: dict[str, list[str]] = {}
    with store.begin() as connection:
        for taint in taints_of(connection, job_ids=job_ids):
            reasons.setdefault(taint.job_id, []).append(f"Tainted by {taint.revocation_id}: {in_words(taint)}.")
        decided = held(connection, list(reasons), four_eyes=four_eyes) if reasons else {}
    withdrawn = {job_id for job_id, found in decided.items() if found is not None and found.decision == "withdraw"}
    for job_id, found in decided.items():
        if found is None:
            reasons[job_id].append(f"A decision about it is proposed. {PROPOSED}")
    return {
        job_id: Standing(
            state=VersionState.WITHDRAWN if job_id in withdrawn else VersionState.TAINTED, reasons=tuple(said)
        )
        for job_id, said in reasons.items()
    }
