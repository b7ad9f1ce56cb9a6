"""The two files of a training sheet, and the digest of both. Imports no engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from training_pipeline.domain.errors import Unavailable
from training_pipeline.sheets.head import Head


@dataclass(frozen=True, slots=True)
class SheetFiles:
    """The two files of a sheet and what its head says."""

    id: str
    head_file: Path
    #: The YAML as it was read, of which `head` was made.
    head_bytes: bytes
    head: Head
    data: Path


def digest_of(files: SheetFiles) -> str:
    """SHA-256 over the YAML's length (8 bytes, big endian), the YAML and the data file."""
    digest = hashlib.sha256(len(files.head_bytes).to_bytes(8, "big") + files.head_bytes)
    with _reading(files.data), files.data.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror}.", hint="Try again.") from None
