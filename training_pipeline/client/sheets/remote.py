"""The verbs of training sheets behind a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from training_pipeline.client.http import OverHttp
from training_pipeline.schemas.sheet_pairs import TrainingSheetPairs
from training_pipeline.schemas.training_sheet import TrainingSheetDetails, TrainingSheetPreview, TrainingSheets


class RemoteSheets(OverHttp):
    """`Sheets` over HTTP."""

    def training_sheets(self) -> TrainingSheets:
        """See `Client`."""
        return self._service.ask(TrainingSheets, "GET", "/training-sheets")

    def training_sheet(self, sheet_id: str) -> TrainingSheetDetails:
        """See `Client`."""
        return self._service.ask(TrainingSheetDetails, "GET", _sheet(sheet_id))

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
        """See `Client`."""
        params = {"verdict": verdict, "status": status, "search": search, "page_size": page_size, "cursor": cursor}
        path = f"/training-sheets/{quote(sheet_id, safe='')}/pairs"
        return self._service.ask(TrainingSheetPairs, "GET", path, params=params)

    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """See `Client`."""
        path = f"/training-sheets/{quote(sheet_id, safe='')}/approve"
        return self._service.ask(TrainingSheetDetails, "POST", path, body=body)

    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """See `Client`."""
        return self._service.ask(TrainingSheetPreview, "GET", _sheet(sheet_id, "/preview"), params={"limit": limit})


def _sheet(sheet_id: str, of_it: str = "") -> str:
    return f"/training-sheets/{quote(sheet_id, safe='')}{of_it}"
