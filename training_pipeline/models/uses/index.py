"""The index of uses: filled from manifests before a job has its dataset, and made anew from them at any time.

Rows are numbered and verdicts stored before the job's own transaction, which then makes them count by one update. So no
job has a dataset that the index does not know, and none waits long for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Final

import numpy as np
from sqlalchemy import Connection, text

from training_pipeline.domain.errors import PipelineError, Unavailable
from training_pipeline.domain.refs import DatasetRef, parsed, required
from training_pipeline.domain.uses import OF_SOURCES, Kind
from training_pipeline.infra import advisory_lock
from training_pipeline.models.uses.keys import manifest_keys
from training_pipeline.models.uses.numbering import number_rows, store_verdicts
from training_pipeline.training_jobs.store.jobs import JobStore

_RECORD: Final = text(
    "UPDATE use_datasets SET recorded_at = coalesce(recorded_at, clock_timestamp()), path = :path"
    " WHERE sheet_no = :sheet_no AND digest = :digest"
)
_LOCK_SHEET: Final = text("SELECT sheet_no FROM use_sheets WHERE training_sheet_id = :sheet FOR UPDATE")
_NEW_NUMBER: Final = text("UPDATE use_sheets SET sheet_no = DEFAULT, rows = 0, slots = 0 WHERE sheet_no = :before")
#: The digests of a sheet's datasets that jobs have, and whether they are indexed under its number.
_OF_JOBS: Final = text(
    "SELECT DISTINCT j.dataset_digest, d.recorded_at IS NOT NULL FROM training_jobs AS j"
    " LEFT JOIN use_datasets AS d ON d.digest = j.dataset_digest AND d.sheet_no = :before"
    " WHERE j.training_sheet_id = :sheet AND j.dataset_digest IS NOT NULL ORDER BY 1"
)
#: Held by those who ask, and by who puts a new index in the place of one.
_ASKED: Final = "index of uses"

#: Datasets of jobs that the index does not know: those of before it was there, or all while it is made anew.
_MISSING: Final = """
    SELECT DISTINCT j.training_sheet_id, j.dataset_digest FROM training_jobs AS j
    WHERE j.dataset_digest IS NOT NULL AND NOT EXISTS (
        SELECT FROM use_datasets AS d JOIN use_sheets AS s USING (sheet_no)
        WHERE d.digest = j.dataset_digest AND s.training_sheet_id = j.training_sheet_id AND d.recorded_at IS NOT NULL
    )
"""
_UNKNOWN: Final = text(
    f"SELECT training_sheet_id FROM ({_MISSING}) AS missing WHERE"  # noqa: S608 - our own text
    " (CAST(:sheet AS text) IS NULL OR training_sheet_id = :sheet"
    " OR :of_source AND (training_sheet_id, dataset_digest) IN"
    " (SELECT training_sheet_id, dataset_digest FROM training_job_lineage WHERE sheet_id = :sheet))"
    " AND (CAST(:template AS text) IS NULL OR (training_sheet_id, dataset_digest) IN"
    " (SELECT training_sheet_id, dataset_digest FROM training_job_lineage WHERE template_id = :template))"
)
#: So many sheets are named at most.
_SHOWN: Final = 5


class UseIndex:
    """Writes the index. Every method may be repeated."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def prepare(self, training_sheet_id: str, dataset: DatasetRef) -> Callable[[Connection], None]:
        """Index a dataset of a sheet, so that nothing of it is found yet. Reads its manifest, unless it is indexed.

        Returns what makes it count: to be called in the transaction that stores the dataset in a job. That raises
        `Unavailable` where the index was made anew meanwhile.
        """
        with self._store.begin() as connection:
            sheet_no = self._prepare(connection, training_sheet_id, dataset)

        return lambda connection: self._record(connection, sheet_no, dataset)

    @staticmethod
    def _record(connection: Connection, sheet_no: int, dataset: DatasetRef) -> None:
        given = {"sheet_no": sheet_no, "digest": dataset.digest, "path": str(dataset.path)}
        if not connection.execute(_RECORD, given).rowcount:
            raise Unavailable("The index of uses was rebuilt meanwhile.", hint="The dataset is indexed again.")

    def rebuild(self, *, missing: bool = False) -> Iterator[DatasetRef | PipelineError]:
        """Make the index anew from the manifests of all datasets of jobs, or add only those that are missing.

        Yields each dataset that was added, or why it could not be. It is made anew sheet by sheet beside what is there,
        so that questions are answered all the time. A sheet of which a manifest that is indexed cannot be read stays as
        it is indexed: nothing else knows what that dataset holds.
        """
        for sheet_id in () if missing else self._sheets():
            yield from self._rebuild(sheet_id)
        for sheet_id, digest in self.missing():
            try:
                dataset = self._dataset(sheet_id, digest)
                record = self.prepare(sheet_id, dataset)
                with self._store.begin() as connection:
                    record(connection)
            except PipelineError as error:
                yield error
            else:
                yield dataset

    def _sheets(self) -> list[str]:
        with self._store.begin() as connection:
            query = text("SELECT training_sheet_id FROM use_sheets ORDER BY 1")
            return [*connection.execute(query).scalars()]

    def _rebuild(self, sheet_id: str) -> list[DatasetRef | PipelineError]:
        """Put a new index of the sheet in the place of the one that is there, in one transaction, or leave that."""
        added: list[DatasetRef | PipelineError] = []
        with self._store.begin() as connection, connection.begin_nested() as kept:
            before = connection.execute(_LOCK_SHEET, {"sheet": sheet_id}).scalar_one()
            datasets = connection.execute(_OF_JOBS, {"sheet": sheet_id, "before": before}).tuples().all()
            # From here on who prepares a dataset of the sheet waits, and then finds the sheet under its new number.
            connection.execute(_NEW_NUMBER, {"before": before})
            unread = []
            for digest, is_indexed in datasets:
                try:
                    dataset = self._dataset(sheet_id, digest, connection)
                    sheet_no = self._prepare(connection, sheet_id, dataset)
                except PipelineError as error:
                    unread += [error] if is_indexed else []
                    continue
                self._record(connection, sheet_no, dataset)
                added.append(dataset)
            if unread:
                kept.rollback()
                said = f"The index of training sheet {sheet_id} stays as it is."
                return [Unavailable(f"{one.message} {said}", hint=one.hint) for one in unread]
            for table in ("use_datasets", "use_rows", "use_questions", "use_verdicts"):
                connection.execute(text(f"DELETE FROM {table} WHERE sheet_no = :before"), {"before": before})  # noqa: S608
            # Who asks sees one index from beginning to end: see `one_index`.
            advisory_lock.take(connection, _ASKED)
        return added

    def missing(self) -> list[tuple[str, str]]:
        """The training sheet and digest of each dataset that jobs have and the index does not know. Reads only."""
        with self._store.begin() as connection:
            return [(sheet_id, digest) for sheet_id, digest in connection.execute(text(f"{_MISSING} ORDER BY 1, 2"))]

    def _prepare(self, connection: Connection, training_sheet_id: str, dataset: DatasetRef) -> int:
        sheet = {"training_sheet_id": training_sheet_id}
        connection.execute(
            text(
                "INSERT INTO use_sheets (training_sheet_id) VALUES (:training_sheet_id)"
                " ON CONFLICT (training_sheet_id) DO NOTHING"
            ),
            sheet,
        )
        # Until the transaction ends, nobody else numbers rows of this sheet.
        lock = "SELECT sheet_no, rows, slots FROM use_sheets WHERE training_sheet_id = :training_sheet_id FOR UPDATE"
        sheet_no, rows, slots = connection.execute(text(lock), sheet).tuples().one()
        known = "SELECT slot, recorded_at IS NOT NULL FROM use_datasets WHERE sheet_no = :sheet_no AND digest = :digest"
        found = connection.execute(text(known), {"sheet_no": sheet_no, "digest": dataset.digest}).tuples().first()
        if found is not None and found[1]:
            return int(sheet_no)
        keys = manifest_keys(dataset.manifest_file)
        slot = slots if found is None else found[0]
        if found is None:
            connection.execute(
                text(
                    "INSERT INTO use_datasets (sheet_no, slot, digest, path, manifest_sha256, has_questions, hash_key)"
                    " VALUES (:sheet_no, :slot, :digest, :path, :manifest_sha256, :has_questions, :hash_key)"
                ),
                {
                    "sheet_no": sheet_no,
                    "slot": slot,
                    "digest": dataset.digest,
                    "path": str(dataset.path),
                    "manifest_sha256": dataset.manifest_sha256,
                    "has_questions": keys.has_questions,
                    "hash_key": dataset.hash_key,
                },
            )
        numbers, rows = number_rows(connection, sheet_no, slot, keys, rows=rows)
        codes = keys.rows["code"].to_numpy().astype(np.uint8)
        store_verdicts(connection, sheet_no, slot, numbers, codes)
        connection.execute(
            text("UPDATE use_sheets SET rows = :rows, slots = :slots WHERE sheet_no = :sheet_no"),
            {"rows": rows, "slots": max(slots, slot + 1), "sheet_no": sheet_no},
        )
        return int(sheet_no)

    def _dataset(self, training_sheet_id: str, digest: str, within: Connection | None = None) -> DatasetRef:
        query = text(
            "SELECT dataset FROM training_jobs WHERE training_sheet_id = :sheet AND dataset_digest = :digest"
            " ORDER BY created_at DESC LIMIT 1"
        )
        with nullcontext(within) if within is not None else self._store.begin() as connection:
            stored = connection.execute(query, {"sheet": training_sheet_id, "digest": digest}).scalar_one()
        return required(parsed(DatasetRef, stored), "dataset")


def one_index(connection: Connection) -> None:
    """Have nobody put a new index in the place of this one until the transaction ends."""
    advisory_lock.take(connection, _ASKED, shared=True)


def require_complete(connection: Connection, kind: Kind, value: str, training_sheet_id: str | None) -> None:
    """Raise `Unavailable` where a job has a dataset that the index does not know, and that may have what is asked for.

    Reads only.
    """
    sheet = value if kind == "sheet" else training_sheet_id
    of_source = kind == "sheet" or kind in OF_SOURCES
    asked = {"sheet": sheet, "of_source": of_source, "template": value if kind == "template" else None}
    missing = connection.execute(_UNKNOWN, asked).scalars().all()
    if missing:
        sheets = sorted(set(missing))
        more = f" and {len(sheets) - _SHOWN:,} more" if len(sheets) > _SHOWN else ""
        raise Unavailable(
            f"The index of uses does not know {len(missing):,} of the datasets of training jobs, so it cannot answer. "
            f"Training sheets: {', '.join(sheets[:_SHOWN])}{more}.",
            hint="Run `training-pipeline index rebuild --missing`, or ask for another training sheet alone.",
        )
