"""Rows of training sheets that a look at the source found changed, as they are put on record."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, text

#: A pair, the hash of what exactly was trained on, whether only validation is meant, and the key of the hash.
Row = tuple[str, str, bool, str | None]
_INSERT: Final = text(
    "INSERT INTO revoked_rows"
    " (training_sheet_id, pair_id, row_hash, validation_only, revocation_id, hash_key)"
    " SELECT :sheet, pair_id, row_hash, validation_only, :id, hash_key FROM unnest(CAST(:pairs AS text[]),"
    " CAST(:hashes AS text[]), CAST(:only AS boolean[]), CAST(:keys AS text[]))"
    " AS seen (pair_id, row_hash, validation_only, hash_key)"
)


def insert_rows(connection: Connection, training_sheet_id: str, revocation_id: str, rows: Collection[Row]) -> None:
    """Put rows of a training sheet on record that a revocation names. No row may be on record already."""
    ordered = sorted(rows, key=lambda row: (*row[:3], row[3] or ""))
    connection.execute(
        _INSERT,
        {
            "sheet": training_sheet_id,
            "id": revocation_id,
            "pairs": [pair_id for pair_id, *_ in ordered],
            "hashes": [row_hash for _, row_hash, *_ in ordered],
            "only": [validation_only for *_, validation_only, _ in ordered],
            "keys": [hash_key for *_, hash_key in ordered],
        },
    )
