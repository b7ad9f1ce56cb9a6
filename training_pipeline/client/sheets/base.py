"""The verbs of training sheets, whether they are of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from training_pipeline.domain.sheet_change import SheetChange
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


class Sheets(Protocol):
    """Every method raises `PipelineError`."""

    def training_sheets(self) -> TrainingSheets:
        """List all training sheets whose head can be read."""

    def training_sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """Get a training sheet with its export summary, which is counted once for each version, by who asks first."""

    def sheet_pairs(
        self,
        sheet_id: str,
        *,
        verdict: str | None = None,
        status: str | None = None,
        search: str | None = None,
        text: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetPairs:
        """A page of a sheet's pairs with their verdicts, by pair id, without text.

        `search` is looked for in ids, and `text` in what pairs say, as far as the caller may read it.
        """

    def pair_conversations(self, sheet_id: str, pair_id: str) -> PairConversations:
        """What a pair says; of one that may not be trained on, only a steward may ask."""

    def sheet_lengths(
        self, sheet_id: str, *, base_model: str | None = None, max_length: int | None = None
    ) -> TrainingSheetLengths:
        """How many tokens the pairs have for a base model, and how many would be cut."""

    def near_duplicates(self, sheet_id: str) -> TrainingSheetNearDuplicates:
        """Groups of pairs that may be trained on and ask the same, or nearly."""

    def what_lifting_adds(self, sheet_id: str) -> TrainingSheetLifting:
        """How many more pairs could be trained on without each of the restrictions that a person can lift."""

    def sheet_versions(self, sheet_id: str) -> TrainingSheetVersions:
        """The earlier versions of a training sheet that were kept, the newest first."""

    def sheet_diff(
        self,
        old: str,
        new: str,
        *,
        changes: Collection[SheetChange] = (),
        page_size: int = 100,
        cursor: str | None = None,
    ) -> TrainingSheetDiff:
        """What changed from one sheet, or version of it, to another: counts, and a page of pairs without text.

        The page has pairs that changed in one of `changes`, or in any way.
        """

    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """Approve a training sheet that was imported, as the version whose `digest` is given."""

    def edit_pairs(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetEdit:
        """Edit pairs of a training sheet as they were in the version whose `digest` is given: all, or none."""

    def undo_edit(self, sheet_id: str, number: int, body: Mapping[str, Any]) -> TrainingSheetEdit:
        """Undo an edit whose pairs nobody changed since: an edit of its own."""

    def take_over_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """Move the pairs of a sheet in a file of others into one of ours, where they can be edited."""

    def sheet_edits(
        self,
        sheet_id: str,
        *,
        pair_id: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetEdits:
        """A page of the edits of a training sheet, or of one of its pairs, newest first."""

    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """Preview the training data as JSONL; empty if the sheet itself may not be trained on."""
