"""Destroys the keys of hashes of the training sheets that a revocation concerns, after their text was erased.

In this order: rows that revocations know by a hash under the key are recorded by their pairs; the table says that the
key is destroyed, in one transaction with an event of each job; its file is removed; snapshots of the sheet are removed.
From the second step on the key is refused whatever its file says: a crash anywhere is finished by doing it again.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, text

from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.datasets.snapshot import read_snapshot
from training_pipeline.datasets.store import every
from training_pipeline.domain.errors import Conflict, Unavailable
from training_pipeline.domain.job import ACTIVE
from training_pipeline.domain.refs import MANIFEST, DatasetRef
from training_pipeline.domain.revocations import Revocation
from training_pipeline.models.revocations import read
from training_pipeline.models.revocations.dataset_revocations import rows_of
from training_pipeline.models.revocations.key_users import key_users
from training_pipeline.models.uses.keys import questions_of
from training_pipeline.training_jobs.store.events import EventType, record_event
from training_pipeline.training_jobs.store.hash_keys import HashKeyStore, KeyRecord
from training_pipeline.training_jobs.store.jobs import JobStore

_JOBS: Final = text("SELECT id, status FROM training_jobs WHERE training_sheet_id = :sheet ORDER BY id")
_MANIFESTS: Final = text(
    "SELECT DISTINCT d.path FROM use_datasets AS d JOIN use_sheets AS s USING (sheet_no)"
    " WHERE s.training_sheet_id = :sheet AND d.hash_key = :key ORDER BY 1"
)
_BY_HASH: Final = text(
    "SELECT id, value FROM revocations WHERE kind IN ('row_hash', 'question_hash')"
    " AND (training_sheet_id IS NULL OR training_sheet_id = :sheet) ORDER BY number"
)
_EXAMPLES: Final = text(
    "SELECT revocation_id AS id, hash AS value FROM revoked_examples WHERE training_sheet_id = :sheet"
    " AND hash_key = :key AND length(hash) = 64 ORDER BY 1, 2"
)
_KNOWN_BY_PAIR: Final = text(
    "INSERT INTO revoked_rows (training_sheet_id, pair_id, row_hash, validation_only, revocation_id, hash_key)"
    " VALUES (:sheet, :pair_id, :row_hash, false, :id, :key) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class DoomedKey:
    """A key that would be destroyed, or whose destruction is not finished."""

    record: KeyRecord
    #: Jobs on its sheet that are not over, and what else needs the key: evaluations and studies.
    in_progress: tuple[str, ...]
    #: Datasets whose text of the revoked rows is still there: it has to be erased before.
    with_text: tuple[Path, ...]
    #: Snapshots of the sheet.
    snapshots: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class DestructionPlan:
    """The keys that a revocation asks to destroy, and the manifests that hold hashes without one."""

    revocation: Revocation
    keys: tuple[DoomedKey, ...]
    #: Manifests of the same sheets whose hashes are without a key: they cannot be erased this way.
    not_erasable: tuple[Path, ...]
    #: Datasets of which nobody can say whether they hold the rows.
    unreadable: tuple[Path, ...]


class KeyDestruction:
    """Plans the destruction of keys, and carries it out."""

    def __init__(self, store: JobStore, keys: HashKeyStore, *, datasets: Path, snapshots: Path) -> None:
        self._store = store
        self._keys = keys
        self._datasets = datasets
        self._snapshots = snapshots

    def plan(self, revocation_id: str) -> DestructionPlan:
        """What would be destroyed. Reads only; raises `NotFound` and `Unavailable`."""
        revocation = read.whole(self._store, revocation_id).revocation
        doomed = []
        datasets, unreadable = every(self._datasets)
        held, unknown = self._holding(revocation, datasets)
        sheets = {dataset.sheet_id for dataset in held} | {revocation.training_sheet_id}
        stored = [dataset for dataset in datasets if dataset.sheet_id in sheets]
        plain = [dataset.manifest_file for dataset in stored if dataset.hash_key is None]
        for record in self._keys.records():
            if record.training_sheet_id not in sheets and record.revocation_id != revocation_id:
                continue
            unfinished = record.revocation_id == revocation_id and record.path.exists()
            if record.destroyed_at is None or unfinished or self._left(record):
                with_text = [dataset.path for dataset in held if dataset.train_file.is_file()]
                snapshots = tuple(self._left(record))
                doomed.append(DoomedKey(record, self._active(record.training_sheet_id), tuple(with_text), snapshots))
        return DestructionPlan(revocation, tuple(doomed), tuple(plain), (*unreadable, *unknown))

    def carry_out(self, plan: DestructionPlan, *, actor: str) -> None:
        """Destroy the keys of the plan for good. May be repeated after a crash.

        Raises `Conflict`, and destroys nothing, while the text of a revoked row is there, a job in progress is on one
        of the sheets, or an evaluation or a study needs its key.
        """
        texts = [str(path) for one in plan.keys for path in one.with_text]
        if texts:
            raise Conflict(f"The text of revoked rows is still there: {', '.join(texts)}.", hint="Erase it first.")
        busy = [job_id for one in plan.keys if one.record.destroyed_at is None for job_id in one.in_progress]
        if busy:
            raise _busy(busy)
        for one in plan.keys:
            if one.record.destroyed_at is None:
                self._mark(one.record, plan.revocation.id, actor)
            self._keys.remove(one.record)
            for path in self._left(one.record):
                shutil.rmtree(path, ignore_errors=True)

    def _mark(self, record: KeyRecord, revocation_id: str, actor: str) -> None:
        """Record by their pairs what revocations know by a hash under the key, and say that it is destroyed."""
        with self._store.begin() as connection:
            # Nothing is revoked until this is through. A job that begins meanwhile is refused before its submit.
            connection.execute(text("LOCK TABLE revocations IN SHARE ROW EXCLUSIVE MODE"))
            busy = self._active(record.training_sheet_id, connection)
            if busy:
                raise _busy(busy)
            self._record_pairs(connection, record)
            self._keys.destroyed(connection, record.id, actor=actor, revocation_id=revocation_id)
            said = f"The key {record.id} of the hashes of this job's training sheet was destroyed for {revocation_id}."
            for job_id, _ in connection.execute(_JOBS, {"sheet": record.training_sheet_id}).tuples():
                record_event(connection, job_id, EventType.INFO, said, actor)

    def _record_pairs(self, connection: Connection, record: KeyRecord) -> None:
        sheet = record.training_sheet_id
        revoked: dict[str, list[str]] = defaultdict(list)
        asked = {"sheet": sheet, "key": record.id}
        by_hash = connection.execute(_BY_HASH, asked).all()
        for row in (*by_hash, *connection.execute(_EXAMPLES, asked)):
            revoked[row.value].append(row.id)
        paths = connection.execute(_MANIFESTS, asked).scalars().all() if revoked else []
        for path in paths:
            # A hash that was given as it is under the key: nothing else leads to the row then. Also to copies of the
            # row, which were left out: one of them would be the kept one as soon as the first is gone.
            try:
                pairs = _pairs(Path(path) / MANIFEST, revoked.keys())
            except Unavailable:
                if by_hash:
                    raise
                continue  # the pairs that people named stay out by their names
            for pair_id, row_hash, hashed in pairs:
                for revocation_id in revoked[hashed]:
                    values = {"sheet": sheet, "pair_id": pair_id, "row_hash": row_hash, "id": revocation_id}
                    connection.execute(_KNOWN_BY_PAIR, {**values, "key": record.id})

    def _active(self, sheet: str, connection: Connection | None = None) -> tuple[str, ...]:
        store = self._store if connection is None else self._store.within(connection)
        with store.begin() as reading:
            rows = reading.execute(_JOBS, {"sheet": sheet}).tuples().all()
            users = key_users(reading, sheet)
        return (*(job_id for job_id, status in rows if status in ACTIVE), *users)

    def _left(self, record: KeyRecord) -> list[Path]:
        """The snapshots whose hashes are under the key."""
        found = []
        for path in sorted(self._snapshots.glob("*")):
            try:
                if read_snapshot(path).hash_key == record.id:
                    found.append(path)
            except (OSError, ValueError):
                continue
        return found

    def _holding(self, revocation: Revocation, stored: Sequence[DatasetRef]) -> tuple[list[DatasetRef], list[Path]]:
        """The datasets that hold a row of the revocation, and those of which nobody can say so."""
        found: list[DatasetRef] = []
        unknown: list[Path] = []
        for dataset in stored:
            manifest = dataset.manifest_file
            try:
                with self._store.begin() as connection:
                    keys = self._keys.within(connection)
                    rows = rows_of(connection, revocation.id, dataset.sheet_id, manifest, keys)
            except Unavailable:
                unknown.append(dataset.path)
                continue
            if rows:
                found.append(dataset)
        return found, unknown


def _pairs(manifest: Path, hashes: Collection[str]) -> list[tuple[str, str, str]]:
    """The pairs of a manifest, also those that were left out, with one of these hashes as their example or question,
    each with its own hash, empty where it has none, and that one.
    """
    try:
        with pq.ParquetFile(manifest) as file:
            asked = {"prompt_hash"} & {*file.schema_arrow.names}
            rows = file.read(columns=["pair_id", "row_hash", *asked]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise lost_manifest(manifest, error) from error
    return [
        (row["pair_id"], row["row_hash"] or "", hashed)
        for row in rows
        if row["pair_id"] is not None
        for hashed in dict.fromkeys([row["row_hash"], *questions_of(row.get("prompt_hash"))])
        if hashed in hashes
    ]


def _busy(job_ids: Iterable[str]) -> Conflict:
    return Conflict(
        f"Jobs, evaluations or studies in progress need these training sheets: {', '.join(job_ids)}.",
        hint="Cancel them, or wait for their end.",
    )
