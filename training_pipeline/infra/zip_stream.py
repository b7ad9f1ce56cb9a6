"""A ZIP archive that is made while it is sent, with a table of the SHA-256 of every file that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from typing import Final

#: The table of hashes, the last file of the archive.
SUMS: Final = "SHA256SUMS"
#: The earliest time that ZIP knows: the same content makes the same bytes.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o600 << 16

#: A name, with `/` between folders, and its content in pieces.
File = tuple[str, Iterable[bytes]]


class _Outlet:
    """Takes what is written until it is fetched. It cannot seek: sizes stand behind each file."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, content: bytes, /) -> int:
        self._held += content
        return len(content)

    def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def fetch(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held


def zip_stream(files: Iterable[File]) -> Iterator[bytes]:
    """The archive in pieces; every piece of content is asked for when it is due. Files stand in the order given."""
    outlet, sums = _Outlet(), list[str]()
    with zipfile.ZipFile(outlet, "w") as archive:
        for name, content in files:
            digest = hashlib.sha256()
            for piece in _written(archive, outlet, name, content):
                digest.update(piece[0])
                yield piece[1]
            sums.append(f"{digest.hexdigest()}  {name}\n")
        for _, made in _written(archive, outlet, SUMS, ["".join(sums).encode()]):
            yield made
    yield outlet.fetch()


def _written(
    archive: zipfile.ZipFile, outlet: _Outlet, name: str, content: Iterable[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """Each piece of the content, and what the archive made of it."""
    info = zipfile.ZipInfo(name, _NO_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = _MODE
    with archive.open(info, "w", force_zip64=True) as file:
        for piece in content:
            file.write(piece)
            yield piece, outlet.fetch()
    yield b"", outlet.fetch()
