"""Taking a training sheet over: the pairs of a file that somebody wrote move into one of ours, where they are reviewed.

The gates say the same of every pair as before, and the sheet as it was is kept as a version.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from training_pipeline.domain.errors import Conflict, Unavailable
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.infra.file_lock import hold_directory
from training_pipeline.infra.files import is_file, sha256, sync
from training_pipeline.reviewing.rewriting import is_ours
from training_pipeline.sheets.files.replacing import left_over, put_in_place, writing
from training_pipeline.sheets.files.sheet_files import SheetFiles, digest_of
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.files.versions import Version
from training_pipeline.sheets.head import Head, write_head

_ROWS: Final = 20_000
#: Fields of a head that say how to read a file of others; in ours every column is there, and every default filled in.
_OF_FOREIGN_FILES: Final = ("defaults", "ignored_columns", "delimiter", "list_separator")


def may_be_taken_over(directory: Path, sheet_id: str) -> bool:
    """Whether the sheet is in this directory, in a file that is not ours. Reads only."""
    if not is_file(directory / f"{sheet_id}.yaml"):
        return False
    return not _is_ours(FileTrainingSheets([directory]).files(sheet_id))


def take_over(directory: Path, sheet_id: str, *, digest: str, actor: str) -> None:
    """Make the pairs of a sheet a file of ours. Of one that is ours already, nothing changes.

    Raises `NotFound` where it is not there, `SheetUnreadable` for a sheet that cannot be read as it is, and `Conflict`
    where it is no longer the version that was looked at. Whatever stops this leaves the old sheet or the new one.
    """
    try:
        with hold_directory(directory):
            files = FileTrainingSheets([directory]).files(sheet_id)
            if not _is_ours(files):
                _take_over(files, digest=digest, actor=actor)
    except OSError as error:
        hint = "Check that there is space and that you may write there; then try again."
        raise Unavailable(f"The training sheet cannot be written: {error.strerror}.", hint=hint) from error


def _is_ours(files: SheetFiles) -> bool:
    return files.head.pairs_file is not None and is_ours(files.data)


def _take_over(files: SheetFiles, *, digest: str, actor: str) -> None:
    if digest_of(files) != digest:
        raise _changed(files.id)
    directory = files.head_file.parent
    with writing(files.head_file) as written:
        _copy_pairs(files, written, digest)
        data = directory / f"{files.id}@{sha256(written)[:12]}.parquet"
        head = _head(files, data.name, actor)
        put_in_place(files.head_file, write_head(head), written, data, old=Version(f"{files.id}@{digest[:12]}", files))
        for path in {files.data, *left_over(files.head_file)} - {data}:
            path.unlink(missing_ok=True)
        sync(directory)


def _changed(sheet_id: str) -> Conflict:
    return Conflict(
        f"Training sheet '{sheet_id}' has changed since you opened it.",
        hint="Open it again, and take over the new version.",
    )


def _copy_pairs(files: SheetFiles, target: Path, digest: str) -> None:
    """Write the pairs of this version as the gates see them, by id. Raises what `FileTrainingSheets.open` does, and
    `Conflict` for another version: whoever wrote the file knows of no lock.
    """
    schema = PAIR_SCHEMA.to_pyarrow()
    with FileTrainingSheets([files.head_file.parent]).open(files.id) as opened, pq.ParquetWriter(target, schema) as out:
        if opened.digest != digest:
            raise _changed(files.id)
        for batch in opened.pairs.order_by("pair_id").to_pyarrow_batches(chunk_size=_ROWS):
            out.write_batch(batch.cast(schema))


def _head(files: SheetFiles, pairs_file: str, actor: str) -> Head:
    stated = {name: Head.model_fields[name].get_default() for name in _OF_FOREIGN_FILES}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    taken = {"taken_over_by": actor, "taken_over_at": now, "taken_over_from": files.data.name}
    return files.head.model_copy(
        update={**stated, "pairs_file": pairs_file, "metadata": {**files.head.metadata, **taken}}
    )
