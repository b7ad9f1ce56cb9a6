"""A text file as UTF-8 bytes without a mark, whether or not it is compressed or in UTF-16."""

from __future__ import annotations

import codecs
import errno
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP: Final = b"\x1f\x8b"
_MARKS: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BLOCK: Final = 2**16
#: A gzip file is read up to this many times its size, and up to this many bytes whatever its size: texts of pairs pack
#: to a tenth, and what packs to a thousandth is made to fill a disk.
_RATIO: Final = 200
_FREE: Final = 64 * 2**20
_DAMAGED: Final = "the compressed file is damaged or cut off"


@contextmanager
def open_text(file: Path) -> Iterator[io.BufferedReader]:
    """The text of the file, decompressed, as UTF-8 without a byte order mark. Reads only.

    Raises `OSError`, for a damaged gzip file when it comes to the damage, and for one that unpacks to far more than any
    file of pairs does when it comes there.
    """
    with ExitStack() as stack:
        opened: io.BufferedReader = stack.enter_context(file.open("rb"))
        if opened.peek(2).startswith(_GZIP):
            opened = io.BufferedReader(_Inflated(opened))
        start = opened.peek(4)
        if start.startswith(codecs.BOM_UTF8):
            opened.read(len(codecs.BOM_UTF8))
        for mark, encoding in _MARKS:
            if start.startswith(mark):
                opened.read(len(mark))
                opened = io.BufferedReader(_Recoded(opened, encoding))
                break
        yield opened


def first_bytes(file: Path, most: int = _BLOCK) -> bytes:
    """The beginning of the file as `open_text` gives it; empty where it is damaged from the first byte on. Reads."""
    try:
        with open_text(file) as opened:
            return opened.read(most)
    except gzip.BadGzipFile:
        return b""


class _Inflated(io.RawIOBase):
    """A gzip file; damage of any kind is an `OSError`, and so is more than `_RATIO` times its bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._gzip = gzip.GzipFile(fileobj=file)
        self._left = max(_FREE, _RATIO * os.fstat(file.fileno()).st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            content = self._gzip.read(min(len(view), _BLOCK))
        except (zlib.error, EOFError):
            raise gzip.BadGzipFile(_DAMAGED) from None
        self._left -= len(content)
        if self._left < 0:
            raise OSError(errno.EFBIG, f"it unpacks to more than {_RATIO} times its size; unpack it to import it")
        view[: len(content)] = content
        return len(content)


class _Recoded(io.RawIOBase):
    """Text in another encoding as UTF-8. A unit that is none is a byte that is no UTF-8, for whoever reads to tell."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="surrogatepass")
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        while not self._left:
            block = self._file.read(_BLOCK)
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeDecodeError:  # half a unit at the end
                text, block = "\ud800", b""
            self._left = text.encode("utf-8", errors="surrogatepass")
            if not block:
                break
        part, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(part)] = part
        return len(part)
