"""What a file says, a piece after the other: its bytes, and where it is compressed or a Parquet file, what these hold.

Reads only, in bounded memory. Which kind it is, its first bytes say, whatever its name is.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

_CHUNK: Final = 8 << 20
#: Of a column of a Parquet file at once, fewer where they are wide.
_ROWS: Final = 1024
_BUFFER: Final = 1 << 20
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
_OPENERS: Final = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))


def contents(path: Path, *, overlap: int) -> Iterator[bytes]:
    """The pieces; each begins with the last `overlap` bytes of the one before where these belong together.

    Raises `OSError` where the file cannot be read, also in what it holds.
    """
    with path.open("rb") as file:
        magic = file.peek(8)[:8]
        yield from _windows(file, overlap)
    try:
        if magic.startswith(_PARQUET):
            yield from _texts(path)
        for start, opened in _OPENERS:
            if magic.startswith(start):
                with opened(path, "rb") as file:
                    yield from _windows(file, overlap)
    except (pa.ArrowException, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise OSError(f"{path} cannot be read: {type(error).__name__}") from error


def _windows(file: BufferedIOBase, overlap: int) -> Iterator[bytes]:
    kept = b""
    while chunk := file.read(_CHUNK):
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
