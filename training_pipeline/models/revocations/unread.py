"""Who learned from what was revoked where the index of uses cannot say: manifests are asked one by one.

A dataset whose manifest is lost or damaged stays open in the revocation, and is asked once it can be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final, NamedTuple

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.hash_key import HashKeys
from training_pipeline.domain.refs import DatasetRef, UnreadableRef, required
from training_pipeline.domain.revocations import Revocation, Revoked, UnreadDataset
from training_pipeline.domain.uses import DatasetUse
from training_pipeline.models.revocations import affected
from training_pipeline.models.revocations.dataset_revocations import held
from training_pipeline.models.revocations.examples import record_known
from training_pipeline.models.revocations.job_datasets import job_datasets
from training_pipeline.models.revocations.tables import unread_datasets
from training_pipeline.models.uses.learners import jobs_of
from training_pipeline.training_jobs.store.jobs import JobStore

_READ: Final = text(
    "UPDATE unread_datasets SET read_at = clock_timestamp() WHERE revocation_id = :id AND read_at IS NULL"
    " AND (training_sheet_id, dataset_digest) NOT IN"
    " (SELECT * FROM unnest(CAST(:sheets AS text[]), CAST(:digests AS text[])))"
)
#: Kinds of revocations that already cover every pair: copies need not be looked for.
WITHOUT_COPIES: Final = frozenset({"sheet", "question_hash"})


class Known(NamedTuple):
    """The datasets that hold what was revoked, and those of which nobody can say."""

    learned: tuple[DatasetUse, ...]
    unread: tuple[UnreadDataset, ...] = ()
    #: What the revoked examples ask, by training sheet, as hashes without a key.
    asked: Mapping[str, set[str]] = {}


def ask_manifests(store: JobStore, connection: Connection, revocation: Revocation, keys: HashKeys) -> Known:
    """Which datasets hold what is revoked by a revocation on record, from the manifests of all that may.

    Records the examples that they know of it. Training sheets for which the index can answer are not read.
    """
    learned: list[DatasetUse] = []
    unread: list[UnreadDataset] = []
    asked: dict[str, set[str]] = {}
    for sheet_id, of_sheet in groupby(job_datasets(connection), lambda row: row[0]):
        datasets = [(digest, ref) for _, digest, ref in of_sheet]
        indexed = _indexed(store, connection, revocation, sheet_id, keys)
        known = [one.digest for one in indexed] if indexed is not None else [digest for digest, _ in datasets]
        if revocation.kind not in WITHOUT_COPIES:
            for of_sheet_id, questions in record_known(connection, revocation.id, known, keys).items():
                asked.setdefault(of_sheet_id, set()).update(questions)
        if indexed is not None:
            learned += indexed
            continue
        for digest, ref in datasets:
            try:
                use = _held(connection, revocation, sheet_id, ref, keys)
            except Unavailable as error:
                unread.append(UnreadDataset(training_sheet_id=sheet_id, dataset_digest=digest, why=error.message))
            else:
                learned += [] if use is None else [use]
    return Known(tuple(learned), tuple(unread), asked)


def _indexed(
    store: JobStore, connection: Connection, revocation: Revocation, sheet_id: str, keys: HashKeys
) -> list[DatasetUse] | None:
    """What the index says of one training sheet; None where it cannot, or was asked for that sheet alone before."""
    if revocation.training_sheet_id is not None or revocation.kind in {"sheet", "rows"}:
        return None
    asked = Revoked.model_validate({"kind": revocation.kind, "value": revocation.value, "training_sheet_id": sheet_id})
    try:
        return affected.datasets_of(store.within(connection), asked, keys)
    except Unavailable:
        return None


def _held(
    connection: Connection,
    revocation: Revocation,
    sheet_id: str,
    ref: DatasetRef | UnreadableRef | None,
    keys: HashKeys,
) -> DatasetUse | None:
    dataset = required(ref, "dataset")
    found = held(connection, sheet_id, dataset.manifest_file, keys, revocation_id=revocation.id).get(revocation.id)
    if found is None:
        return None
    jobs = jobs_of(connection, [(sheet_id, dataset.digest)])
    return DatasetUse(
        digest=dataset.digest,
        train=found.train,
        validation=found.validation,
        manifest=True,
        jobs=tuple(jobs.get((sheet_id, dataset.digest), ())),
    )


def note(connection: Connection, revocation_id: str, unread: Iterable[UnreadDataset]) -> None:
    """Note the datasets that are open in a revocation now; others of it are no longer. What was read once stays so."""
    still = [{"revocation_id": revocation_id, **one.model_dump()} for one in unread]
    given = {
        "id": revocation_id,
        "sheets": [one["training_sheet_id"] for one in still],
        "digests": [one["dataset_digest"] for one in still],
    }
    connection.execute(_READ, given)
    if still:
        connection.execute(insert(unread_datasets).values(still).on_conflict_do_nothing())


def still_open(connection: Connection, *revocation_ids: str) -> dict[str, list[UnreadDataset]]:
    """The datasets that are open, by the revocation; of all revocations unless some are named. Reads only."""
    table = unread_datasets.c
    query = select(unread_datasets).where(table.read_at.is_(None))
    if revocation_ids:
        query = query.where(table.revocation_id.in_(revocation_ids))
    found: dict[str, list[UnreadDataset]] = {}
    for row in connection.execute(query.order_by(table.revocation_id, table.training_sheet_id, table.dataset_digest)):
        found.setdefault(row.revocation_id, []).append(UnreadDataset.model_validate(dict(row._mapping)))
    return found


def can_be_read(
    connection: Connection, revocation: Revocation, unread: Sequence[UnreadDataset], keys: HashKeys
) -> bool:
    """Whether one of the datasets that are open in a revocation can be asked by now. Reads only."""
    names = {(one.training_sheet_id, one.dataset_digest) for one in unread}
    for sheet_id, digest, ref in job_datasets(connection, [digest for _, digest in names]):
        if (sheet_id, digest) in names:
            with suppress(Unavailable):
                _held(connection, revocation, sheet_id, ref, keys)
                return True
    return False
