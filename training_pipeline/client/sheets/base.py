"""The verbs of training sheets, whether they are of this installation or behind a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.schemas.training_sheet import TrainingSheetDetails, TrainingSheetPreview, TrainingSheets


class Sheets(Protocol):
    """Every method raises `PipelineError`."""

    def training_sheets(self) -> TrainingSheets:
        """List all training sheets whose head can be read."""

    def training_sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """Get a training sheet with its export summary. Both gates are applied to every pair now."""

    def sheet_pairs(
        self,
        sheet_id: str,
        *,
        verdict: str | None = None,
        status: str | None = None,
        search: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetPairs:
        """A page of a sheet's pairs with their verdicts, by pair id, without text."""

    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """Approve a training sheet that was imported, as the version whose `digest` is given."""

    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """Preview the training data as JSONL; empty if the sheet itself may not be trained on."""
