"""Putting a new version of a sheet in the place of the old one, kept as files."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from training_pipeline.infra.files import replace_file, sync
from training_pipeline.sheets.files.versions import VERSION, Version, keep

#: Folders beside a sheet in which its next pairs are written; nobody else calls a folder so.
_WRITING: Final = re.compile(r"\.(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]{0,127})\.writing-[0-9a-f]{32}")
_WRITTEN: Final = "pairs"


@contextmanager
def writing(head_file: Path) -> Iterator[Path]:
    """A file to write the sheet's next pairs to, in a folder of its own, which is gone afterwards.

    Also removes what a writer of this sheet left that was killed; nothing else, whatever it is called. To be called by
    who holds the lock of the directory.
    """
    directory, sheet_id = head_file.parent, head_file.stem
    for path in directory.iterdir():
        if (match := _WRITING.fullmatch(path.name)) and match["id"] == sheet_id:
            _remove(path)
    folder = directory / f".{sheet_id}.writing-{secrets.token_hex(16)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder / _WRITTEN
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove what `writing` made; a folder that holds anything else stays with it."""
    if folder.is_symlink():
        return
    with suppress(OSError):
        (folder / _WRITTEN).unlink(missing_ok=True)
        folder.rmdir()


def put_in_place(head_file: Path, head: bytes, written: Path, data: Path, *, old: Version | None) -> None:
    """Make the file `written` the sheet's pairs, as `data`, under the head that names it; the old version is kept.

    Whoever reads sees the old sheet or the new one, at any time and whatever stops this: the head's rename is what
    replaces the sheet. To be called by who holds the lock of the directory.
    """
    written.chmod(0o600)
    sync(written)
    if old is not None:
        keep(old)
    written.replace(data)
    replace_file(head_file, head)


def left_over(head_file: Path) -> Iterator[Path]:
    """Files of pairs that the sheet had, be it that somebody was killed before removing one. Reads only."""
    for path in head_file.parent.glob(f"{head_file.stem}@*.parquet"):
        if VERSION.fullmatch(path.stem):
            yield path
