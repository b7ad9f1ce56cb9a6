"""Training sheets of a source that cannot say fast whether one is still what it was."""

from __future__ import annotations

from contextlib import AbstractContextManager

from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.sheets.base import OpenSheet, TrainingSheetSource


class Unstamped:
    """The same sheets, without their stamps."""

    def __init__(self, source: TrainingSheetSource) -> None:
        self._source = source

    def list(self) -> list[TrainingSheet]:
        """See `TrainingSheetSource`."""
        return self._source.list()

    def get(self, sheet_id: str) -> TrainingSheet:
        """See `TrainingSheetSource`."""
        return self._source.get(sheet_id)

    def open(self, sheet_id: str) -> AbstractContextManager[OpenSheet]:
        """See `TrainingSheetSource`."""
        return self._source.open(sheet_id)
