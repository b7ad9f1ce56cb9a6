"""What a file says, a piece after the other: its bytes, and where it is compressed or a Parquet file, what these hold.

Reads only, in bounded memory. Which kind it is, its first bytes say, whatever its name is.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

_CHUNK: Final = 8 << 20
#: Of a column of a Parquet file.
_ROWS: Final = 1024
_BUFFER: Final = 1 << 20
_PARQUET: Final = b"PAR1"
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
    except (pa.ArrowException, EOFError, zlib.error, lzma.LZMAError) as error:
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
            for batch in file.iter_batches(batch_size=_ROWS, columns=[name]):
                for column in batch.columns:
                    yield from _leaves(column)


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
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        yield "\n".join(array.drop_null().to_pylist()).encode()
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        yield b"\n".join(array.drop_null().to_pylist())
