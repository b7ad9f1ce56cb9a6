"""The datasets of all jobs, whether or not the index of uses knows them. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.domain.refs import DatasetRef, UnreadableRef, parsed

_DATASETS: Final = text(
    "SELECT training_sheet_id, dataset_digest, dataset FROM ("
    "SELECT DISTINCT ON (training_sheet_id, dataset_digest) training_sheet_id, dataset_digest, dataset, created_at"
    " FROM training_jobs WHERE dataset_digest IS NOT NULL"
    " AND (CAST(:digests AS text[]) IS NULL OR dataset_digest = ANY(:digests))"
    " ORDER BY training_sheet_id, dataset_digest, created_at DESC) AS latest"
    " ORDER BY training_sheet_id, created_at DESC, dataset_digest"
)


def job_datasets(
    connection: Connection, digests: Collection[str] | None = None
) -> list[tuple[str, str, DatasetRef | UnreadableRef | None]]:
    """The training sheet, the digest and the reference of each, by sheets and the newest first; of these digests."""
    asked = {"digests": None if digests is None else sorted(digests)}
    found = connection.execute(_DATASETS, asked).tuples()
    return [(sheet_id, digest, parsed(DatasetRef, stored)) for sheet_id, digest, stored in found]
