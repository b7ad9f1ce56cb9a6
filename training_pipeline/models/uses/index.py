"""The index of uses: filled from manifests before a job has its dataset, and made anew from them at any time.

Rows are numbered and verdicts stored before the job's own transaction, which then makes them count by one update. So no
job has a dataset that the index does not know, and none waits long for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from sqlalchemy import Connection, text

from training_pipeline.domain.errors import PipelineError, Unavailable
from training_pipeline.domain.refs import DatasetRef, parsed, required
from training_pipeline.models.uses.keys import manifest_keys
from training_pipeline.models.uses.numbering import number_rows, store_verdicts
from training_pipeline.training_jobs.store.jobs import JobStore

TABLES: Final = "use_sheets, use_datasets, use_rows, use_questions, use_verdicts"

#: Datasets of jobs that the index does not know: those of before it was there, or all while it is made anew.
_MISSING: Final = """
    SELECT DISTINCT j.training_sheet_id, j.dataset_digest FROM training_jobs AS j
    WHERE j.dataset_digest IS NOT NULL AND NOT EXISTS (
        SELECT FROM use_datasets AS d JOIN use_sheets AS s USING (sheet_no)
        WHERE d.digest = j.dataset_digest AND s.training_sheet_id = j.training_sheet_id AND d.recorded_at IS NOT NULL
    )
"""


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

        def record(connection: Connection) -> None:
            found = connection.execute(
                text(
                    "UPDATE use_datasets SET recorded_at = coalesce(recorded_at, clock_timestamp()), path = :path"
                    " WHERE sheet_no = :sheet_no AND digest = :digest"
                ),
                {"sheet_no": sheet_no, "digest": dataset.digest, "path": str(dataset.path)},
            )
            if not found.rowcount:
                raise Unavailable("The index of uses was rebuilt meanwhile.", hint="The dataset is indexed again.")

        return record

    def rebuild(self, *, missing: bool = False) -> Iterator[DatasetRef | PipelineError]:
        """Make the index anew from the manifests of all datasets of jobs, or add only those that are missing.

        Yields each dataset that was added, or why it could not be. Until it is through, questions are refused.
        """
        if not missing:
            with self._store.begin() as connection:
                connection.execute(text(f"TRUNCATE {TABLES}"))
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

    def _dataset(self, training_sheet_id: str, digest: str) -> DatasetRef:
        query = text(
            "SELECT dataset FROM training_jobs WHERE training_sheet_id = :sheet AND dataset_digest = :digest"
            " ORDER BY created_at DESC LIMIT 1"
        )
        with self._store.begin() as connection:
            stored = connection.execute(query, {"sheet": training_sheet_id, "digest": digest}).scalar_one()
        return required(parsed(DatasetRef, stored), "dataset")


def require_complete(connection: Connection) -> None:
    """Raise `Unavailable` where a job has a dataset that the index does not know. Reads only."""
    query = f"SELECT count(*) FROM ({_MISSING}) AS missing"  # noqa: S608 - our own text
    missing = connection.execute(text(query)).scalar_one()
    if missing:
        raise Unavailable(
            f"The index of uses does not know {missing:,} of the datasets of training jobs, so it cannot answer.",
            hint="Run `training-pipeline index rebuild --missing`.",
        )
