"""What is in a training sheet: pages of its pairs, its earlier versions, and what changed since one of them."""

from __future__ import annotations

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import NotFound
from training_pipeline.schemas import paging
from training_pipeline.schemas.sheet_pairs import SheetPair, TrainingSheetPairs
from training_pipeline.sheets.diff import SheetDiff, diff
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.files.versions import versions

#: Changed pairs that are named.
_MOST_CHANGES = 100


def sheet_pair_page(
    services: Services,
    sheet_id: str,
    *,
    verdict: str | None,
    status: str | None,
    search: str | None,
    page_size: int,
    cursor: str | None,
) -> TrainingSheetPairs:
    """A page of pairs. The first judges the sheet, if nobody has looked at this version yet; further ones read a file.

    Raises `NotFound`, and `InvalidParameter` for a cursor of a version that is no longer kept.
    """
    rows, after = services.sheet_rows, 0
    if cursor is not None:
        position = paging.decode(paging.SheetRowPosition, cursor)
        digest, after = position.digest, position.number
        services.source.get(sheet_id)
        if not rows.has(sheet_id, digest):
            raise paging.invalid("cursor", "bad_cursor", "is of a version that is not kept; begin anew without it")
    else:
        with services.source.open(sheet_id) as opened:
            digest = opened.digest
            rows.judge(opened)
    page = rows.page(sheet_id, digest, reason=verdict, status=status, search=search or "", after=after, limit=page_size)
    more = None if page.next_after is None else paging.SheetRowPosition(digest=digest, number=page.next_after)
    return TrainingSheetPairs(
        training_sheet_id=sheet_id,
        digest=digest,
        pairs=[SheetPair.model_validate(row) for row in page.rows],
        total=page.total,
        page_size=page_size,
        next_cursor=None if more is None else paging.encode(more),
    )


def sheet_versions(services: Services, sheet_id: str) -> tuple[str, ...]:
    """The names of the versions that were kept, the newest first; none where sheets are in tables. Reads only."""
    if services.settings.sheet_source != "files":
        return ()
    return tuple(name for name, _ in versions([services.settings.sheets], sheet_id))


def sheet_changes(services: Services, sheet_id: str, version: str) -> SheetDiff:
    """What changed from a kept version to the sheet as it is; raises `NotFound`. Reads only."""
    folders = dict(versions([services.settings.sheets], sheet_id))
    if version not in folders:
        raise NotFound(f"There is no version '{version}' of training sheet '{sheet_id}'.")
    with (
        FileTrainingSheets([folders[version]]).open(sheet_id) as before,
        services.source.open(sheet_id) as now,
    ):
        return diff(before, now, limit=_MOST_CHANGES)
