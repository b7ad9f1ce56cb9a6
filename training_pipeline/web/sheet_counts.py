"""The export summaries of training sheets for the list of them: counted one after the other, and kept for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.training_sheet import TrainingSheetDetails
from training_pipeline.web.client import PageClient

KEPT: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Counted:
    """The export summary of a sheet and its time; or the error that kept it from being computed."""

    at: datetime
    details: TrainingSheetDetails | PipelineError


class SheetCounts:
    """Computes one export summary at a time, once for all pages that ask. For one event loop."""

    def __init__(self) -> None:
        self._kept: dict[str, Counted] = {}
        self._turn = asyncio.Lock()

    async def of(self, sheet_id: str, client: PageClient) -> Counted:
        """What the gates say of the sheet, at most `KEPT` old; `client` asks where it must be asked."""
        async with self._turn:
            kept = self._kept.get(sheet_id)
            if kept is None or datetime.now(UTC) - kept.at > KEPT:
                kept = await _count(sheet_id, client)
                self._kept[sheet_id] = kept
        return kept


async def _count(sheet_id: str, client: PageClient) -> Counted:
    try:
        details: TrainingSheetDetails | PipelineError = await client.sheet(sheet_id)
    except PipelineError as error:
        details = error
    return Counted(datetime.now(UTC), details)
