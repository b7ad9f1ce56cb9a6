"""Training sheets, their pairs and edits of them, as pages ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from training_pipeline.client.local import LocalClient
from training_pipeline.client.roles import least_role
from training_pipeline.domain.errors import SheetChanged
from training_pipeline.schemas.sheet_contents import (
    PairConversations,
    TrainingSheetLengths,
    TrainingSheetLifting,
    TrainingSheetNearDuplicates,
)
from training_pipeline.schemas.sheet_edit import TrainingSheetEdit, TrainingSheetEdits
from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.schemas.sheet_versions import TrainingSheetDiff, TrainingSheetVersions
from training_pipeline.schemas.training_sheet import TrainingSheetDetails, TrainingSheetPreview, TrainingSheets
from training_pipeline.web.client.base import PageCalls, thread

T = TypeVar("T")


class SheetCalls(PageCalls):
    """Training sheets, their pairs and edits of them, as pages ask for them."""

    async def sheets(self) -> TrainingSheets:
        """Every training sheet."""
        return await thread(self.local.training_sheets)

    async def sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """One training sheet with its export summary."""
        return await _unchanged(self.local.training_sheet, sheet_id)

    async def sheet_pairs(
        self, sheet_id: str, *, verdict: str, status: str, search: str, text: str, page_size: int, cursor: str | None
    ) -> TrainingSheetPairs:
        """A page of a sheet's pairs with their verdicts."""
        return await _unchanged(
            self.local.sheet_pairs,
            sheet_id,
            verdict=verdict or None,
            status=status or None,
            search=search or None,
            text=text or None,
            page_size=page_size,
            cursor=cursor,
        )

    async def pair_conversations(self, sheet_id: str, pair_id: str) -> PairConversations:
        """What a pair says."""
        return await thread(self.local.pair_conversations, sheet_id, pair_id)

    async def sheet_lengths(
        self, sheet_id: str, *, base_model: str | None, max_length: int | None
    ) -> TrainingSheetLengths:
        """Token lengths of a sheet. Many who ask at the same moment ask once."""
        call = partial(self.local.sheet_lengths, sheet_id, base_model=base_model, max_length=max_length)
        return await self.shared(f"lengths {sheet_id} {base_model} {max_length}", call)

    async def near_duplicates(self, sheet_id: str) -> TrainingSheetNearDuplicates:
        """Groups of pairs that ask nearly the same. Many who ask at the same moment ask once."""
        return await self.shared(f"near duplicates {sheet_id}", partial(self.local.near_duplicates, sheet_id))

    async def what_lifting_adds(self, sheet_id: str) -> TrainingSheetLifting:
        """What lifting a restriction would add. Many who ask at the same moment ask once."""
        return await self.shared(f"lifting {sheet_id}", partial(self.local.what_lifting_adds, sheet_id))

    async def sheet_versions(self, sheet_id: str) -> TrainingSheetVersions:
        """The earlier versions of a sheet, the newest first."""
        return await thread(self.local.sheet_versions, sheet_id)

    async def sheet_diff(self, old: str, new: str) -> TrainingSheetDiff:
        """What changed from one sheet, or version of it, to another."""
        return await thread(self.local.sheet_diff, old, new)

    async def preview(self, sheet_id: str, *, limit: int) -> TrainingSheetPreview:
        """The first lines of what would be trained on."""
        return await thread(self.local.preview, sheet_id, limit=limit)

    @property
    def may_review(self) -> bool:
        """Whether the caller may edit pairs of training sheets."""
        return self.caller.may_act_as(least_role(LocalClient.edit_pairs))

    async def edit_pairs(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetEdit:
        """The edit, done."""
        return await thread(self.local.edit_pairs, sheet_id, body)

    async def take_over_sheet(self, sheet_id: str, digest: str) -> TrainingSheetDetails:
        """Move the pairs of a sheet in a file of others into one of ours."""
        return await thread(self.local.take_over_sheet, sheet_id, {"digest": digest})

    async def undo_edit(self, sheet_id: str, number: int, digest: str) -> TrainingSheetEdit:
        """The edit that took another one back."""
        return await thread(self.local.undo_edit, sheet_id, number, {"digest": digest})

    async def sheet_edits(self, sheet_id: str, *, page_size: int, cursor: str | None = None) -> TrainingSheetEdits:
        """A page of the edits of a sheet, and whether it can be edited here."""
        return await thread(self.local.sheet_edits, sheet_id, page_size=page_size, cursor=cursor)

    async def pair_text(self, sheet_id: str, pair_id: str) -> tuple[tuple[str, str], ...]:
        """Role and content of each message of a pair that may be edited."""
        return await thread(self.local.pair_text, sheet_id, pair_id)


async def _unchanged(call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """What is read of a sheet; once more where somebody edits it at that moment."""
    with suppress(SheetChanged):
        return await thread(call, *arguments, **named)
    return await thread(call, *arguments, **named)
