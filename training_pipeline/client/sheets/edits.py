"""Edits of training sheets as the client of this installation gives them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict, PipelineError
from training_pipeline.reviewing.taking_over import may_be_taken_over, take_over
from training_pipeline.schemas import paging
from training_pipeline.schemas.sheet_edit import TrainingSheetEdit, TrainingSheetEdits
from training_pipeline.sheets.unity_catalog.source import UnityCatalogSheets


def edit_page(
    services: Services, sheet_id: str, *, pair_id: str | None, page: int | None, page_size: int, cursor: str | None
) -> TrainingSheetEdits:
    """The edits of one page. Raises `NotFound`, and `InvalidParameter` for a cursor that leads nowhere.

    What became of an edit that something stopped is found out first.
    """
    window = paging.Window.of(paging.NumberPosition, page=page, page_size=page_size, cursor=cursor)
    services.source.get(sheet_id)
    edits = services.sheet_edits
    why = edits.refusal(sheet_id)
    if why is None:
        edits.settle(sheet_id)
    found, total = edits.log.page(
        sheet_id,
        pair_id=pair_id,
        limit=window.limit,
        offset=window.offset,
        before=None if window.start is None else window.start.number,
    )
    return TrainingSheetEdits(
        training_sheet_id=sheet_id,
        is_editable=why is None,
        not_editable_because=why,
        may_be_taken_over=why is not None
        and (here := _directory(services)) is not None
        and may_be_taken_over(here, sheet_id),
        edit_at=None if why is None else _table_page(services),
        digest=None if why is not None else _digest(services, sheet_id),
        edits=[TrainingSheetEdit.of(one) for one in window.shown(found)],
        total=total,
        page=window.page,
        page_size=page_size,
        next_cursor=window.next_cursor(found, lambda last: paging.NumberPosition(number=last.number)),
    )


def _digest(services: Services, sheet_id: str) -> str | None:
    """The version that somebody sees who is about to edit it; what is edited is compared with the sheet itself."""
    at = services.known_versions.look(sheet_id)
    return services.sheet_edits.digest(sheet_id) if at is None or at.digest is None else at.digest


def take_sheet_over(services: Services, sheet_id: str, *, digest: str, actor: str) -> None:
    """Take a sheet over; see `taking_over.take_over`. Raises `Conflict` for one that is not in the user's own files."""
    directory = _directory(services)
    if (why := services.sheet_edits.refusal(sheet_id)) is None:
        return
    if directory is None or not may_be_taken_over(directory, sheet_id):
        raise Conflict(why)
    take_over(directory, sheet_id, digest=digest, actor=actor)


def _directory(services: Services) -> Path | None:
    settings = services.settings
    return settings.sheets if settings.sheet_source == "files" else None


def pair_text(services: Services, sheet_id: str, pair_id: str) -> tuple[tuple[str, str], ...]:
    """Role and content of each message of a pair that may be edited; raises what an edit of it would."""
    services.source.get(sheet_id)
    messages = services.sheet_edits.pair(sheet_id, pair_id)["messages"] or []
    return tuple((message["role"] or "", message["content"] or "") for message in messages)


def _table_page(services: Services) -> str | None:
    """The page of the table that has the pairs, in its workspace; null where they are in none, or it is not known."""
    table = services.settings.uc_pairs_table
    if table is None or not isinstance(services.source, UnityCatalogSheets):
        return None
    try:
        with services.source.connection.calling("find the workspace"):
            host = services.source.connection.client().config.host
    except PipelineError:
        return None
    return f"{host.rstrip('/')}/explore/data/{'/'.join(quote(part, safe='') for part in table.split('.'))}"
