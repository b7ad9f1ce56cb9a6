"""A file that comes in pieces, saved whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from training_pipeline.domain.errors import Conflict, InvalidRequest
from training_pipeline.infra.files import new_private_file, sha256


def save(pieces: Iterable[bytes], path: Path) -> str:
    """Write a new file that only its owner may read; returns its SHA-256.

    Raises `Conflict` where it is there, and `InvalidRequest` where it cannot be written.
    """
    if path.exists():
        raise Conflict(f"{path} already exists.", hint="Name another file with --output, or remove that one.")
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(new_private_file(partial), "wb") as file:
            for piece in pieces:
                file.write(piece)
        partial.rename(path)
        return sha256(path)
    except OSError as error:
        why = f"{path} cannot be written: {error.strerror}."
        raise InvalidRequest(why, hint="Check that its folder exists and that you may write there.") from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
