"""How the versions stand that revocations taint, and that somebody decided to withdraw."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from training_pipeline.domain.model_version import Standing, VersionState
from training_pipeline.models.revocations.decisions import held, in_days, proposed
from training_pipeline.models.revocations.taints import in_words, taints_of
from training_pipeline.training_jobs.store.jobs import JobStore


def standings(
    store: JobStore, job_ids: Collection[str], *, approval: timedelta | None = None
) -> Mapping[str, Standing]:
    """Of the jobs that registered versions those that are tainted, and withdrawn where that is what holds. Reads."""
    reasons: dict[str, list[str]] = {}
    with store.begin() as connection:
        for taint in taints_of(connection, job_ids=job_ids):
            reasons.setdefault(taint.job_id, []).append(f"Tainted by {taint.revocation_id}: {in_words(taint)}.")
        decided = held(connection, list(reasons), approval=approval) if reasons else {}
    withdrawn = {one for one, found in decided.items() if found.holding and found.holding.decision == "withdraw"}
    for job_id, found in decided.items():
        if found.holding is None and approval is not None:
            reasons[job_id].append(_waiting(approval, is_void=not found.waits))
    return {
        job_id: Standing(
            state=VersionState.WITHDRAWN if job_id in withdrawn else VersionState.TAINTED, reasons=tuple(said)
        )
        for job_id, said in reasons.items()
    }


def _waiting(approval: timedelta, *, is_void: bool) -> str:
    if is_void:
        return f"A decision about it is void: no second steward decided the same within {in_days(approval)}."
    return f"A decision about it is proposed. {proposed(approval)}"
