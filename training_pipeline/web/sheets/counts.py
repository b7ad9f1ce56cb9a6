"""The export summaries of training sheets for the list of them: counted one after the other, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from anyio import to_thread

from training_pipeline.api.routes.training_sheets import get_training_sheet
from training_pipeline.app.container import Services
from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.training_sheet import TrainingSheetDetails

KEPT: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Counted:
    """The export summary of a sheet and its time; or the error that kept it from being computed."""

    at: datetime
    details: TrainingSheetDetails | PipelineError


class SheetCounts:
    """Computes one export summary at a time, once for all pages that ask. For one event loop."""

    def __init__(self, services: Callable[[], Services]) -> None:
        self._services = services
        self._kept: dict[str, Counted] = {}
        self._turn = asyncio.Lock()

    async def of(self, sheet_id: str) -> Counted:
        """The export summary of the sheet, at most `KEPT` old."""
        async with self._turn:
            kept = self._kept.get(sheet_id)
            if kept is None or datetime.now(UTC) - kept.at > KEPT:
                kept = await to_thread.run_sync(self._count, sheet_id)
                self._kept[sheet_id] = kept
        return kept

    def _count(self, sheet_id: str) -> Counted:
        try:
            details: TrainingSheetDetails | PipelineError = get_training_sheet(self._services(), sheet_id)
        except PipelineError as error:
            details = error
        return Counted(datetime.now(UTC), details)
