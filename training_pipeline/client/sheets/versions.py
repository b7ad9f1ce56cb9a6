"""The earlier versions of a training sheet, and what changed from one sheet, or version of it, to another."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.sheet_change import SheetChange
from training_pipeline.schemas import paging
from training_pipeline.schemas.sheet_versions import TrainingSheetDiff, TrainingSheetVersion, TrainingSheetVersions
from training_pipeline.settings import Settings
from training_pipeline.sheets.base import OpenSheet, TrainingSheetSource
from training_pipeline.sheets.diff import diff
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.files.versions import VERSION, versions

#: Versions that are named where another one was asked for.
_NEAREST = 3


class SheetVersions:
    """Reads versions that files keep, and sheets of any source. Needs no database."""

    def __init__(self, source: TrainingSheetSource, settings: Settings) -> None:
        self._source = source
        self._folders = [settings.sheets] if settings.sheet_source == "files" else []

    def list(self, sheet_id: str) -> TrainingSheetVersions:
        """The versions that were kept, the newest first; none where sheets are in tables. Raises `NotFound`."""
        kept = self._kept(sheet_id)
        if not kept:
            self._source.get(sheet_id)  # of a sheet that is gone, versions may be left
        return TrainingSheetVersions(
            training_sheet_id=sheet_id,
            versions=[
                TrainingSheetVersion(name=name, kept_at=datetime.fromtimestamp(folder.stat().st_mtime, UTC))
                for name, folder in kept.items()
            ],
        )

    def diff(
        self, old: str, new: str, *, changes: Collection[SheetChange], page_size: int, cursor: str | None
    ) -> TrainingSheetDiff:
        """What changed, with one page of the pairs that changed in one of these ways, or in any.

        `old` and `new` are ids of sheets, or names of versions. Raises `NotFound`, naming those there are, and
        `InvalidParameter` for a cursor of other versions or other changes.
        """
        kinds = tuple(kind for kind in SheetChange if kind in changes)
        with self._open(old) as before, self._open(new) as now:
            start = paging.SheetDiffPosition(old=before.digest, new=now.digest, changes=kinds, number=0)
            if cursor is not None:
                given = paging.decode(paging.SheetDiffPosition, cursor)
                if given.model_copy(update={"number": 0}) != start:
                    message = "must be of these versions, which may have changed meanwhile, and of the same `changes`"
                    raise paging.invalid("cursor", "bad_cursor", message)
                start = given
            found = diff(before, now, changes=kinds, after=start.number, limit=page_size)
        seen = start.number + len(found.pairs)
        more = found.pairs and seen < found.total
        return TrainingSheetDiff.of(
            (old, start.old),
            (new, start.new),
            found,
            paging.encode(start.model_copy(update={"number": seen})) if more else None,
        )

    def _open(self, named: str) -> AbstractContextManager[OpenSheet]:
        match = VERSION.fullmatch(named)
        if match is None:
            return self._source.open(named)
        kept = self._kept(match["id"])
        if named in kept:
            return FileTrainingSheets([kept[named]]).open(match["id"])
        if not kept:
            self._source.get(match["id"])
        near = difflib.get_close_matches(named, kept, n=_NEAREST, cutoff=0.0)
        raise NotFound(
            f"There is no version '{named}'.",
            hint=f"There are: {', '.join(near)}." if near else f"No earlier version of {match['id']} was kept.",
        )

    def _kept(self, sheet_id: str) -> dict[str, Path]:
        return dict(versions(self._folders, sheet_id))
