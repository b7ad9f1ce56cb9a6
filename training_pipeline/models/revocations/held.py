"""Which revocations the rows of a dataset are under, told by its manifest. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, text

from training_pipeline.domain.revocations import Learned, Withdrawn
from training_pipeline.models.uses.keys import COLUMNS, lost

_NAMED: Final = text(
    "SELECT id, kind, value FROM revocations WHERE kind <> 'rows'"
    " AND (training_sheet_id IS NULL OR training_sheet_id = :sheet)"
)
_ROWS: Final = text(
    "SELECT revocation_id, pair_id, row_hash, CASE WHEN validation_only THEN 'validation' END"
    " FROM revoked_rows WHERE training_sheet_id = :sheet"
)


def held(connection: Connection, training_sheet_id: str, manifest: Path) -> Mapping[str, Learned]:
    """How many rows of each revocation a dataset of the sheet trains and validates on, by revocation; only what occurs.

    Raises `Unavailable` where the manifest cannot be read. Without a revocation that may concern it, it is not read.
    """
    named = connection.execute(_NAMED, {"sheet": training_sheet_id}).tuples().all()
    rows = connection.execute(_ROWS, {"sheet": training_sheet_id}).tuples().all()
    if not named and not rows:
        return {}
    by_name = " UNION ALL ".join(
        f"SELECT id, trains FROM used JOIN named ON kind = '{kind}' AND value = {column}"  # noqa: S608 - our own names
        for kind, (column, _) in COLUMNS.items()
        if kind != "question_hash"
    )
    query = f"""
        WITH used AS (
            SELECT pair_id, row_hash, item_ref, canonical_label_id, split = 'train' AS trains
            FROM read_parquet($path) WHERE split IS NOT NULL
        ), found AS ({by_name} UNION ALL
            SELECT id, trains FROM used JOIN seen USING (pair_id, row_hash) WHERE only_in IS NULL OR NOT trains
        )
        SELECT id, count(*) FILTER (trains), count(*) FILTER (NOT trains) FROM found GROUP BY id
    """  # noqa: S608 - our own names
    try:
        with duckdb.connect() as engine:
            engine.register("named", _table(("id", "kind", "value"), named))
            engine.register("seen", _table(("id", "pair_id", "row_hash", "only_in"), rows))
            found = engine.execute(query, {"path": str(manifest)}).fetchall()
    except duckdb.Error as error:
        raise lost(manifest, error) from error
    return {revocation_id: Learned(train, validation) for revocation_id, train, validation in found}


def withdrawn(connection: Connection, training_sheet_id: str) -> Withdrawn:
    """What may not be trained on in a training sheet: everything for which `held` would name a revocation."""
    named = connection.execute(_NAMED, {"sheet": training_sheet_id}).tuples()
    rows = connection.execute(_ROWS, {"sheet": training_sheet_id}).tuples()
    return Withdrawn(
        named=tuple((kind, value) for _, kind, value in named),
        rows=tuple((pair_id, row_hash, only_in is not None) for _, pair_id, row_hash, only_in in rows),
    )


def _table(names: tuple[str, ...], rows: Sequence[tuple[str | None, ...]]) -> pa.Table:
    columns = [[row[place] for row in rows] for place in range(len(names))]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=list(names))
