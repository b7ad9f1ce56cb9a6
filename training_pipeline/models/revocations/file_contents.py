"""What a file says, a piece after the other: its bytes, and what it holds where it is compressed, a zip archive such as
a workbook, or a Parquet file. UTF-16 and UTF-32 are read by the mark that they begin with, and given as UTF-8.

Reads only, in bounded memory. Which kind it is, its first bytes say, whatever its name is.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

_CHUNK: Final = 8 << 20
#: Of a column of a Parquet file at once, fewer where they are wide.
_ROWS: Final = 1024
_BUFFER: Final = 1 << 20
#: What is raised about damage, and about an archive that needs a password.
_DAMAGED: Final = (
    pa.ArrowException,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    RuntimeError,
    ValueError,
)
_PARQUET: Final = b"PAR1"
#: The types of texts and bytes, and the type of the same bytes.
_BYTES: Final = {
    pa.string(): pa.binary(),
    pa.large_string(): pa.large_binary(),
    pa.string_view(): pa.binary_view(),
    pa.binary(): pa.binary(),
    pa.large_binary(): pa.large_binary(),
    pa.binary_view(): pa.binary_view(),
}
_ZIP: Final = b"PK\x03\x04"
#: UTF-32 begins as UTF-16 does.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TAG: Final = re.compile(rb"<[^<>]*>")
_OPENERS: Final = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))


#: What files begin with whose texts nobody sees in their bytes: Zstandard, LZ4, 7-Zip, RAR, documents of older Office
#: programs, PDF, Avro, ORC, and Arrow, which may hold the numbers of tokens.
_OPAQUE: Final = (
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"7z\xbc\xaf",
    b"Rar!",
    b"\xd0\xcf\x11\xe0",
    b"%PDF",
    b"Obj\x01",
    b"ORC",
    b"ARROW1",
    b"\xff\xff\xff\xff",
)


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class NotSearchable(Exception):
    """A file, or a part of it, has a form that is not taken apart here."""


def contents(path: Path, *, overlap: int) -> Iterator[bytes]:
    """The pieces; each begins with the last `overlap` bytes of the one before where these belong together.

    Raises `OSError` where the file cannot be read, also in what it holds; and at the end `NotSearchable`.
    """
    with path.open("rb") as file:
        magic = file.peek(8)[:8]
        yield from _windows(file, overlap)
    if magic.startswith(_OPAQUE):
        raise NotSearchable(path)
    try:
        if magic.startswith(_ZIP):
            yield from _members(path, overlap)
        if magic.startswith(_PARQUET):
            yield from _texts(path)
        for start, opened in _OPENERS:
            if magic.startswith(start):
                with opened(path, "rb") as file:
                    yield from _windows(file, overlap)
    except _DAMAGED as error:
        raise OSError(f"{path} cannot be read: {type(error).__name__}") from error


def _members(path: Path, overlap: int) -> Iterator[bytes]:
    """What stands in a zip archive; of XML also the text without its tags."""
    opaque = False
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                begin = file.peek(8)[:8]  # type: ignore[attr-defined]  # typeshed has it as any stream
                nested = (_ZIP, _PARQUET, *(start for start, _ in _OPENERS))
                opaque = opaque or begin.startswith((*_OPAQUE, *nested))
                for window in _windows(file, overlap):
                    yield window
                    if member.filename.endswith((".xml", ".html")):
                        yield _TAG.sub(b"", window)
    if opaque:
        raise NotSearchable(path)


def _chunks(file: _Readable) -> Iterator[bytes]:
    chunk = file.read(max(4, _CHUNK))
    encoding = next((encoding for mark, encoding in _MARKS if chunk.startswith(mark)), None)
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
    while chunk:
        yield chunk if decoder is None else decoder.decode(chunk).encode(errors="surrogatepass")
        chunk = file.read(_CHUNK)


def _windows(file: _Readable, overlap: int) -> Iterator[bytes]:
    kept = b""
    for chunk in _chunks(file):
        window = kept + chunk
        yield window
        kept = window[max(0, len(window) - overlap) :]


def _texts(path: Path) -> Iterator[bytes]:
    """The texts in each column of a Parquet file, at any depth, one behind the other."""
    with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
        for name in dict.fromkeys(file.schema_arrow.names):
            for group in range(file.num_row_groups):
                rows = _rows_at_once(file.metadata.row_group(group), name)
                for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=[name]):
                    for column in batch.columns:
                        yield from _leaves(column)


def _rows_at_once(group: Any, name: str) -> int:
    """How many rows of a column are about `_CHUNK` bytes."""
    columns = (group.column(number) for number in range(group.num_columns))
    within = [each for each in columns if f"{each.path_in_schema}.".startswith(f"{name}.")]
    size = sum(int(each.total_uncompressed_size) for each in within)
    return max(1, min(_ROWS, _CHUNK * int(group.num_rows) // max(1, size)))


def _leaves(array: Any) -> Iterator[bytes]:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        yield from _leaves(array.storage)
    elif pa.types.is_dictionary(kind):
        yield from _leaves(array.dictionary)
    elif pa.types.is_map(kind):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif isinstance(array, (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)):
        yield from _leaves(array.flatten())
    elif pa.types.is_struct(kind):
        for field in array.flatten():
            yield from _leaves(field)
    elif (as_bytes := _BYTES.get(kind)) is not None:
        # A string that is no UTF-8 is read as what it is.
        yield from _joined(array.cast(as_bytes).drop_null())


def _joined(values: Iterable[Any]) -> Iterator[bytes]:
    """Values one behind the other, in pieces of about `_CHUNK` bytes, so that no copy of all of them is made."""
    piece: list[bytes] = []
    size = 0
    for value in values:
        piece.append(value.as_py())
        size += len(piece[-1])
        if size >= _CHUNK:
            yield b"\n".join(piece)
            piece, size = [], 0
    yield b"\n".join(piece)
