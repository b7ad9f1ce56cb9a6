"""Finds what holds hashes of rows that were made without a key: who knows a text finds its row by them. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, text

from training_pipeline.models.uses.keys import key_of

#: For each table what it is, and the number of its rows that hold one of the hashes, or the 64 bits of one.
_TABLES: Final = {
    "the index of uses (table use_rows)": "SELECT count(*) FROM use_rows WHERE row_key = ANY(:keys)",
    "rows that were seen changed (table revoked_rows)": (
        "SELECT count(*) FROM revoked_rows WHERE row_hash = ANY(:hashes)"
    ),
    "examples that were revoked (table revoked_examples)": (
        "SELECT count(*) FROM revoked_examples WHERE hash = ANY(:hashes)"
    ),
    "revocations by hash (table revocations)": (
        "SELECT count(*) FROM revocations WHERE kind = 'row_hash' AND value = ANY(:hashes)"
    ),
    "the log of edits (table sheet_edit_pairs)": (
        "SELECT count(*) FROM sheet_edit_pairs"
        " WHERE before ->> 'row_hash' = ANY(:hashes) OR after ->> 'row_hash' = ANY(:hashes)"
    ),
}


@dataclass(frozen=True, slots=True)
class Hashed:
    """A file, or a table in words, and how many of its rows hold one of the hashes."""

    place: str
    rows: int


@dataclass(frozen=True, slots=True)
class Files:
    """The files that hold one of the hashes, and those that could not be read."""

    found: tuple[Hashed, ...]
    unreadable: tuple[Path, ...]


def in_files(paths: Iterable[Path], row_hashes: Collection[str]) -> Files:
    """Which of these Parquet files with a column `row_hash` hold one of the hashes. One that is gone holds none."""
    wanted = pa.array(sorted(row_hashes), pa.string())
    found: list[Hashed] = []
    unreadable: list[Path] = []
    for path in paths if row_hashes else ():
        try:
            with pq.ParquetFile(path) as file:
                rows = sum(
                    pc.is_in(batch.column("row_hash"), wanted).true_count
                    for batch in file.iter_batches(columns=["row_hash"])
                )
        except FileNotFoundError:
            continue
        except (OSError, KeyError, pa.ArrowException):
            unreadable.append(path)
        else:
            found += [Hashed(str(path), rows)] if rows else []
    return Files(tuple(found), tuple(unreadable))


def in_tables(connection: Connection, row_hashes: Collection[str]) -> tuple[Hashed, ...]:
    """Which tables hold one of the hashes. The index holds 64 bits of each."""
    if not row_hashes:
        return ()
    hashes = sorted(row_hashes)
    given = {"hashes": hashes, "keys": [key_of("row_hash", one) for one in hashes]}
    counts = {place: connection.execute(text(query), given).scalar_one() for place, query in _TABLES.items()}
    return tuple(Hashed(place, rows) for place, rows in counts.items() if rows)
