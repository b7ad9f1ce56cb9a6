"""Putting a new version of a sheet in the place of the old one, kept as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from training_pipeline.infra.files import replace_file, sync
from training_pipeline.sheets.files.versions import VERSION, Version, keep


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
