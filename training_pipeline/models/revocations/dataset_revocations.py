"""Which revocations the rows of a dataset are under, told by its manifest. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, text

from training_pipeline.domain.revocations import Learned, Withdrawn
from training_pipeline.models.uses.keys import COLUMNS
from training_pipeline.models.uses.keys import lost as lost_manifest

_NAMED: Final = text(
    "SELECT id, kind, value FROM revocations WHERE kind <> 'rows'"
    " AND (training_sheet_id IS NULL OR training_sheet_id = :sheet)"
)
_ROWS: Final = text(
    "SELECT revocation_id, pair_id, row_hash, CASE WHEN validation_only THEN 'validation' END"
    " FROM revoked_rows WHERE training_sheet_id = :sheet"
)
_BY_REVOCATION: Final = "SELECT id, count(*) FILTER (trains), count(*) FILTER (NOT trains) FROM found GROUP BY id"
#: The id of a pair that is in a dataset stands for one row of it.
_ALL: Final = "SELECT count(DISTINCT pair_id) FILTER (trains), count(DISTINCT pair_id) FILTER (NOT trains) FROM found"


def held(connection: Connection, training_sheet_id: str, manifest: Path) -> Mapping[str, Learned]:
    """How many rows of each revocation a dataset of the sheet trains and validates on, by revocation; only what occurs.

    Raises `Unavailable` where the manifest cannot be read. Without a revocation that may concern it, it is not read.
    """
    found = _found(connection, training_sheet_id, manifest, _BY_REVOCATION)
    return {revocation_id: Learned(train, validation) for revocation_id, train, validation in found}


def lost(connection: Connection, training_sheet_id: str, manifest: Path) -> Learned:
    """How many rows a dataset of the sheet trains and validates on that are under any revocation. Raises as `held`."""
    ((train, validation),) = _found(connection, training_sheet_id, manifest, _ALL) or [(0, 0)]
    return Learned(train, validation)


def hashes_of(connection: Connection, revocation_id: str, training_sheet_id: str, manifest: Path) -> frozenset[str]:
    """The hashes of the rows that a dataset of the sheet holds of one revocation. Raises as `held`."""
    found = _found(connection, training_sheet_id, manifest, "SELECT DISTINCT id, row_hash FROM found")
    return frozenset(row_hash for one, row_hash in found if one == revocation_id)


def _found(connection: Connection, training_sheet_id: str, manifest: Path, counted: str) -> list[tuple[Any, ...]]:
    """What `counted` says of the rows that were found, each with its revocation; nothing where there is none."""
    named = connection.execute(_NAMED, {"sheet": training_sheet_id}).tuples().all()
    rows = connection.execute(_ROWS, {"sheet": training_sheet_id}).tuples().all()
    if not named and not rows:
        return []
    by_name = " UNION ALL ".join(
        f"SELECT id, pair_id, row_hash, trains FROM used JOIN named ON kind = '{kind}' AND value = {column}"  # noqa: S608 - ours
        for kind, (column, _) in COLUMNS.items()
        if kind != "question_hash"
    )
    query = f"""
        WITH used AS (
            SELECT pair_id, row_hash, item_ref, canonical_label_id, split = 'train' AS trains
            FROM read_parquet($path) WHERE split IS NOT NULL
        ), found AS ({by_name} UNION ALL
            SELECT id, pair_id, row_hash, trains FROM used JOIN seen USING (pair_id, row_hash)
            WHERE only_in IS NULL OR NOT trains
        )
        {counted}
    """  # noqa: S608 - our own names
    try:
        with duckdb.connect() as engine:
            engine.register("named", _table(("id", "kind", "value"), named))
            engine.register("seen", _table(("id", "pair_id", "row_hash", "only_in"), rows))
            return engine.execute(query, {"path": str(manifest)}).fetchall()
    except duckdb.Error as error:
        raise lost_manifest(manifest, error) from error


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
