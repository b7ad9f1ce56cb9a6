"""Which datasets hold what a revocation names, however it is written there: who trained on them learned from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import HashKeys
from training_pipeline.domain.revocations import Revocation, Revoked
from training_pipeline.models.revocations.affected import datasets_of
from training_pipeline.models.revocations.disguises import in_disguise
from training_pipeline.models.revocations.examples import record_known, record_shown
from training_pipeline.models.revocations.unread import WITHOUT_COPIES, Known, ask_manifests
from training_pipeline.training_jobs.store.jobs import JobStore


def learned_from(
    connection: Connection,
    store: JobStore,
    revocation: Revocation,
    asked: Revoked,
    shown: Sequence[Mapping[str, str | None]],
    keys: HashKeys,
) -> Known:
    """Who learned from what is revoked by a revocation on record; records its examples, and their disguises.

    `shown` is what is revoked, as its training sheet has it now.
    """
    try:
        datasets = datasets_of(store.within(connection), asked, keys)
    except Unavailable:
        known = ask_manifests(store, connection, revocation, keys)
    else:
        digests = [] if asked.kind in WITHOUT_COPIES else [one.digest for one in datasets]
        known = Known(tuple(datasets), asked=record_known(connection, revocation.id, digests, keys))
    questions = {sheet_id: {*of_sheet} for sheet_id, of_sheet in known.asked.items()}
    if asked.training_sheet_id is not None:
        now = record_shown(connection, asked.training_sheet_id, shown, keys).get(revocation.id, ())
        questions.setdefault(asked.training_sheet_id, set()).update(now)
    disguised = [
        one
        for sheet_id, of_sheet in sorted(questions.items())
        for one in in_disguise(connection, revocation.id, sheet_id, of_sheet, keys)
    ]
    return known._replace(learned=(*known.learned, *disguised))
