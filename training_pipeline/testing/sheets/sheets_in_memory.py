"""Training sheets of a test, that it may change under whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.testing.sheets.pairs import Row, open_sheet


class SheetsInMemory:
    """A `TrainingSheetSource`; every `put` makes another digest."""

    def __init__(self) -> None:
        self._sheets: dict[str, OpenSheet] = {}
        self._versions = 0

    def put(self, sheet_id: str, rows: list[Row], **head: Any) -> None:
        """The sheet has these pairs from now on."""
        self._versions += 1
        self._sheets[sheet_id] = open_sheet(rows, digest=f"{self._versions:064x}", id=sheet_id, **head)

    def remove(self, sheet_id: str) -> None:
        """The sheet is gone."""
        del self._sheets[sheet_id]

    def list(self) -> list[TrainingSheet]:
        """See `TrainingSheetSource`."""
        return [opened.sheet for _, opened in sorted(self._sheets.items())]

    def get(self, sheet_id: str) -> TrainingSheet:
        """See `TrainingSheetSource`."""
        if sheet_id not in self._sheets:
            raise NotFound(f"There is no training sheet {sheet_id!r}.")
        return self._sheets[sheet_id].sheet

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        """See `TrainingSheetSource`."""
        self.get(sheet_id)
        yield self._sheets[sheet_id]
