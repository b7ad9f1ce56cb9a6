"""Numbers for the distinct rows of a sheet, and the verdicts of a dataset on them. All in the caller's transaction."""

from __future__ import annotations

import io
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray
from psycopg2.extras import execute_values
from sqlalchemy import Connection

from training_pipeline.models.uses.cells import CHUNK, SLOTS, mark, unpacked
from training_pipeline.models.uses.keys import ManifestKeys
from training_pipeline.models.uses.tables import KEYS

#: Rows that are fetched or stored at a time.
_ROWS: Final = 500_000
#: Blocks that are read and written at a time: 64 KiB each.
_BLOCKS: Final = 64
_IDENTITY: Final = ("identity_high", "identity_low")

#: What COPY writes in its binary format before the rows and after them.
_COPY_HEADER: Final = 19
_COPY_END: Final = 2

_KNOWN: Final = """
    SELECT wanted.place, min(known.row_no) AS row_no FROM wanted JOIN known USING (identity_high, identity_low)
    GROUP BY wanted.place
"""
_NEW: Final = """
    SELECT min(place) AS place, identity_high, identity_low FROM wanted
    GROUP BY identity_high, identity_low ORDER BY min(place)
"""


def known_numbers(connection: Connection, sheet_no: int, keys: ManifestKeys, *, rows: int) -> NDArray[np.int64]:
    """The number of each row of the manifest among the `rows` of its sheet, -1 for one that has none. Reads only."""
    numbers = np.full(len(keys.rows), -1, dtype=np.int64)
    wanted = keys.rows.select(_IDENTITY).append_column("place", pa.array(np.arange(len(numbers))))
    with duckdb.connect() as engine:
        engine.register("wanted", wanted)
        for start in range(0, rows, _ROWS):
            engine.register("known", stored_rows(connection, sheet_no, start, start + _ROWS))
            found = engine.execute(_KNOWN).fetchnumpy()
            numbers[found["place"]] = found["row_no"]
    return numbers


def stored_rows(
    connection: Connection, sheet_no: int, start: int, end: int, columns: tuple[str, ...] = _IDENTITY
) -> pa.Table:
    """`row_no` and columns of 64 bits of some rows of a sheet, 0 for null. COPY gives them in a third of the time."""
    copied = io.BytesIO()
    numbers = ", ".join(f"coalesce({name}, 0)" for name in columns)
    query = (
        f"COPY (SELECT row_no::bigint, {numbers} FROM use_rows WHERE sheet_no = {int(sheet_no)} "  # noqa: S608 - numbers
        f"AND row_no >= {int(start)} AND row_no < {int(end)}) TO STDOUT (FORMAT binary)"
    )
    with _cursor(connection) as cursor:
        cursor.copy_expert(query, copied)
    names = ("row_no", *columns)
    # For each row the number of its fields; before each field its length.
    fields = [field for name in names for field in ((f"bytes of {name}", ">i4"), (name, ">i8"))]
    row = np.dtype([("fields", ">i2"), *fields])
    size = copied.getbuffer().nbytes - _COPY_HEADER - _COPY_END
    found = np.frombuffer(copied.getbuffer(), row, count=size // row.itemsize, offset=_COPY_HEADER)
    return pa.table({name: found[name].astype("<i8") for name in names})


def number_rows(
    connection: Connection, sheet_no: int, slot: int, keys: ManifestKeys, *, rows: int
) -> tuple[NDArray[np.int64], int]:
    """The number of each row of the manifest, new ones included, and how many rows the sheet then has.

    Whoever calls holds the lock of the sheet, which has `rows` so far.
    """
    numbers = known_numbers(connection, sheet_no, keys, rows=rows)
    missing = np.flatnonzero(numbers < 0)
    if not len(missing):
        return numbers, rows
    wanted = keys.rows.select(_IDENTITY).take(pa.array(missing)).append_column("place", pa.array(missing))
    with duckdb.connect() as engine:
        engine.register("wanted", wanted)
        new = engine.execute(_NEW).to_arrow_table()
        new = new.append_column("row_no", pa.array(rows + np.arange(len(new))))
        engine.register("known", new)
        found = engine.execute(_KNOWN).fetchnumpy()
    numbers[found["place"]] = found["row_no"]
    for start in range(0, len(new), _ROWS):
        _store(connection, sheet_no, slot, keys, new.slice(start, _ROWS))
    _store_questions(connection, sheet_no, keys, new)
    return numbers, rows + len(new)


def store_verdicts(
    connection: Connection, sheet_no: int, slot: int, numbers: NDArray[np.int64], codes: NDArray[np.uint8]
) -> None:
    """Store what the dataset in `slot` did with the rows of these numbers. Idempotent, under the lock of the sheet."""
    order = np.argsort(numbers, kind="stable")
    numbers, codes = numbers[order], codes[order]
    chunks = numbers // CHUNK
    touched, starts = np.unique(chunks, return_index=True)
    bounds = [*starts.tolist(), len(numbers)]
    block = slot // SLOTS
    for first in range(0, len(touched), _BLOCKS):
        stored = stored_blocks(connection, sheet_no, touched[first : first + _BLOCKS].tolist(), block)
        written = []
        for place in range(first, min(first + _BLOCKS, len(touched))):
            chunk = int(touched[place])
            rows = numbers[bounds[place] : bounds[place + 1]] - chunk * CHUNK
            cells = unpacked(stored.get(chunk), int(rows[-1]) + 1)
            mark(cells, slot, rows, codes[bounds[place] : bounds[place + 1]])
            written.append((sheet_no, chunk, block, cells.tobytes()))
        with _cursor(connection) as cursor:
            execute_values(
                cursor,
                "INSERT INTO use_verdicts (sheet_no, chunk, block, cells) VALUES %s "
                "ON CONFLICT (sheet_no, chunk, block) DO UPDATE SET cells = excluded.cells",
                written,
            )


def _store(connection: Connection, sheet_no: int, slot: int, keys: ManifestKeys, new: pa.Table) -> None:
    count = len(new)
    rows = pa.table(
        {
            "sheet_no": pa.array(np.full(count, sheet_no, dtype=np.int32)),
            "row_no": new["row_no"],
            **{name: new[name] for name in _IDENTITY},
            **{name: keys.rows[name].take(new["place"]) for name in KEYS},
            "slot": pa.array(np.full(count, slot, dtype=np.int32)),
            "place": new["place"],
        }
    )
    _copy(connection, "use_rows", rows)


def _store_questions(connection: Connection, sheet_no: int, keys: ManifestKeys, new: pa.Table) -> None:
    at = pc.index_in(keys.further["place"], new["place"])
    chosen = keys.further.filter(at.is_valid())
    numbers = new["row_no"].take(at.drop_null())
    questions = chosen.append_column("row_no", numbers).select(["question_key", "row_no"])
    questions = questions.group_by(["question_key", "row_no"]).aggregate([])
    if len(questions):
        sheets = pa.array(np.full(len(questions), sheet_no, dtype=np.int32))
        _copy(connection, "use_questions", questions.append_column("sheet_no", sheets))


def _copy(connection: Connection, table: str, rows: pa.Table) -> None:
    text = io.BytesIO()
    pa_csv.write_csv(rows, text, pa_csv.WriteOptions(include_header=False))
    text.seek(0)
    with _cursor(connection) as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(rows.column_names)}) FROM STDIN (FORMAT csv)", text)


def stored_blocks(connection: Connection, sheet_no: int, chunks: list[int], block: int) -> dict[int, memoryview]:
    """The cells of a block of datasets, by the chunk of rows; those that are there."""
    with _cursor(connection) as cursor:
        cursor.execute(
            "SELECT chunk, cells FROM use_verdicts WHERE sheet_no = %s AND chunk = ANY(%s) AND block = %s",
            (sheet_no, chunks, block),
        )
        return dict(cursor.fetchall())


def _cursor(connection: Connection) -> Any:
    """psycopg2's own cursor, in the connection's transaction."""
    return connection.connection.cursor()
