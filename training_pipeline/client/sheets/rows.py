"""What is in a training sheet: pages of its pairs with their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from training_pipeline.app.container import Services
from training_pipeline.client.sheets.contents import sees_every_text
from training_pipeline.client.sheets.finding import judged_digest
from training_pipeline.datasets.pair_texts import pairs_that_say
from training_pipeline.datasets.sheet_rows import ELIGIBLE
from training_pipeline.domain.access import Caller
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS
from training_pipeline.schemas import paging
from training_pipeline.schemas.sheet_pairs import SheetPair, TrainingSheetPairs

#: Pairs that a search for a text may find.
MOST_THAT_SAY: Final = 10_000
#: A verdict that no pair has.
UNREADABLE: Final = "unreadable"


def sheet_pair_page(
    services: Services,
    caller: Caller,
    sheet_id: str,
    *,
    verdict: str | None,
    status: str | None,
    search: str | None,
    text: str | None,
    page_size: int,
    cursor: str | None,
) -> TrainingSheetPairs:
    """A page of pairs. The first judges the sheet, if nobody has looked at this version yet; further ones read a file.

    `text` is looked for in what the caller may read. Raises `NotFound`, and `InvalidParameter` for a cursor of a
    version that is no longer kept, and for a text that too many pairs say.
    """
    rows, after = services.sheet_rows, 0
    withdrawn = services.revocations.withdrawn(sheet_id)
    if cursor is not None:
        position = paging.decode(paging.SheetRowPosition, cursor)
        digest, after = position.digest, position.number
        services.source.get(sheet_id)
        if not rows.has(sheet_id, digest, withdrawn):
            raise paging.invalid(
                "cursor", "bad_cursor", "belongs to a version that is no longer kept; start again without it"
            )
    else:
        digest = judged_digest(services, sheet_id, withdrawn)
    among = None
    if text:
        verdict = _readable(services, caller, sheet_id, verdict)
        among = () if verdict == UNREADABLE else _said(services, sheet_id, digest, text)
    page = rows.page(
        sheet_id,
        digest,
        withdrawn=withdrawn,
        reason=verdict,
        status=status,
        search=search or "",
        among=among,
        after=after,
        limit=page_size,
    )
    more = None if page.next_after is None else paging.SheetRowPosition(digest=digest, number=page.next_after)
    return TrainingSheetPairs(
        training_sheet_id=sheet_id,
        digest=digest,
        pairs=[SheetPair.model_validate(row) for row in page.rows],
        total=page.total,
        page_size=page_size,
        next_cursor=None if more is None else paging.encode(more),
    )


def _readable(services: Services, caller: Caller, sheet_id: str, verdict: str | None) -> str | None:
    """The verdicts among which a text is looked for: of others the caller must not learn what they say."""
    if sees_every_text(services, caller):
        return verdict
    is_open = services.source.get(sheet_id).status in TRAINABLE_SHEETS
    return ELIGIBLE if is_open and verdict in {None, ELIGIBLE} else UNREADABLE


def _said(services: Services, sheet_id: str, digest: str, text: str) -> Sequence[str]:
    """The ids of the pairs that say a text, as this version of the sheet has it."""

    def find() -> tuple[str, ...]:
        with services.source.open(sheet_id) as opened:
            if opened.digest != digest:
                raise paging.invalid("cursor", "bad_cursor", "belongs to an earlier version; start again without it")
            ids = pairs_that_say(opened, text, limit=MOST_THAT_SAY + 1)
        if len(ids) > MOST_THAT_SAY:
            raise paging.invalid("text", "too_many", f"stands in more than {MOST_THAT_SAY:,} pairs; give more of it")
        return tuple(ids)

    return services.sheet_rows.said(sheet_id, digest, text, find)
