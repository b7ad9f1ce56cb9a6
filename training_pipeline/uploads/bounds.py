"""Whether a file unpacks to more than an upload may, and the rows of one within the limits."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.sheets.files.row import Row, broken_row
from training_pipeline.sheets.importing.reading.file_kind import Source
from training_pipeline.uploads.limits import UploadLimits

_BLOCK: Final = 2**20
#: What a file may come to that is damaged, locked or of a make that is not known.
_DAMAGE: Final = (
    *(OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError),
    pa.ArrowException,
)
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_PARQUET: Final = b"PAR1"
#: What a small file may unpack to whatever its ratio: an empty workbook of 5 KB unpacks to 20.
_FREE: Final = 2**20


def too_large_unpacked(file: Path, limits: UploadLimits) -> str | None:
    """Why a compressed file is not read: it unpacks to too much. Reads it, and no further than the limit."""
    size = file.stat().st_size
    most = min(limits.unpacked_bytes, max(_FREE, limits.ratio * size))
    total = _unpacked(file, most)
    if total <= most:
        return None
    if most == limits.unpacked_bytes:
        return f"unpacks to more than {limits.unpacked_bytes:,} bytes"
    return f"unpacks to more than {limits.ratio} times its size"


def bounded(source: Source, limits: UploadLimits) -> Source:
    """The source, whose rows end with a problem at the first that is beyond a limit. Reads nothing yet."""

    def rows() -> Iterator[Row]:
        for count, row in enumerate(source.rows(), start=1):
            if count > limits.rows:
                yield broken_row(row.line, "too_many_rows", f"has more than {limits.rows:,} rows; upload it in parts")
                return
            if row.values is not None and len(row.values) > limits.columns:
                said = f"has {len(row.values):,} columns; at most {limits.columns:,} are read"
                yield broken_row(row.line, "too_many_columns", said)
                return
            if row.values is not None and any(
                _length(value, limits.cell) > limits.cell for value in row.values.values()
            ):
                yield broken_row(row.line, "cell_too_long", f"has a cell of more than {limits.cell:,} characters")
                return
            yield row

    return replace(source, rows=rows)


def _length(value: object, most: int) -> int:
    """The characters of a cell; of one that holds others, all of theirs. Goes little further than `most`."""
    total, waiting = 0, [value]
    while waiting and total <= most:
        found = waiting.pop()
        if isinstance(found, str | bytes):
            total += len(found)
        elif isinstance(found, dict):
            waiting.extend(found)
            waiting.extend(found.values())
        elif isinstance(found, list | tuple):
            waiting.extend(found)
    return total


def _unpacked(file: Path, most: int) -> int:
    """The bytes that a file unpacks to, itself where it is not compressed; damage is for its reader to tell."""
    with file.open("rb") as opened:
        start = opened.read(4)
        opened.seek(0)
        try:
            if start.startswith(_GZIP):
                with gzip.GzipFile(fileobj=opened) as unpacking:
                    return _count(unpacking, most)
            if start == _ZIP:
                return _of_zip(opened, most)
            if start == _PARQUET:
                found = pq.ParquetFile(opened).metadata
                return sum(found.row_group(number).total_byte_size for number in range(found.num_row_groups))
        except (
            OSError,
            EOFError,
            zlib.error,
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            pa.ArrowException,
        ):
            return 0
    return 0


def _of_zip(opened: BinaryIO, most: int) -> int:
    total = 0
    with zipfile.ZipFile(opened) as archive:
        for entry in archive.infolist():
            entry.file_size = 2**62  # what is said may be a lie, and reading would end there
            with archive.open(entry) as member:
                total += _count(member, most - total)
            if total > most:
                break
    return total


def _count(unpacking: object, most: int) -> int:
    total = 0
    while total <= most and (block := unpacking.read(_BLOCK)):  # type: ignore[attr-defined]
        total += len(block)
    return total
