"""A steward approves a training sheet: its head says from then on that it may be trained on, and who said so when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS, SheetStatus
from training_pipeline.infra.file_lock import hold_directory
from training_pipeline.infra.files import replace_file
from training_pipeline.sheets.files.sheet_files import digest_of
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.head import write_head


def approve(directory: Path, sheet_id: str, *, digest: str, actor: str) -> None:
    """Set the status of a sheet in `directory` to approved. Of one that may be trained on already, nothing changes.

    Raises `NotFound` where it is not there, and `Conflict` where it is no longer the version that was looked at.
    """
    sheets = FileTrainingSheets([directory])
    if not directory.is_dir():
        raise NotFound(f"There is no training sheet '{sheet_id}' that was imported here.")
    with hold_directory(directory):
        files = sheets.files(sheet_id)
        if files.head.status in TRAINABLE_SHEETS:
            return
        if digest_of(files) != digest:
            raise Conflict(
                f"Training sheet '{sheet_id}' has changed since you opened it.",
                hint="Review it again, then approve the new version.",
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        head = files.head.model_copy(
            update={
                "status": SheetStatus.APPROVED,
                "metadata": {**files.head.metadata, "approved_by": actor, "approved_at": now},
            }
        )
        replace_file(files.head_file, write_head(head))
