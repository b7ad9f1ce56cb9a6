"""The verbs of training sheets behind a REST API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from training_pipeline.client.http import OverHttp
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
        text: str | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetPairs:
        """See `Client`."""
        filters = {"verdict": verdict, "status": status, "search": search, "text": text}
        params = {**filters, "page_size": page_size, "cursor": cursor}
        return self._service.ask(TrainingSheetPairs, "GET", _sheet(sheet_id, "/pairs"), params=params)

    def pair_conversations(self, sheet_id: str, pair_id: str) -> PairConversations:
        """See `Client`."""
        path = _sheet(sheet_id, "/conversations")
        return self._service.ask(PairConversations, "GET", path, params={"pair_id": pair_id})

    def sheet_lengths(
        self, sheet_id: str, *, base_model: str | None = None, max_length: int | None = None
    ) -> TrainingSheetLengths:
        """See `Client`."""
        params = {"base_model": base_model, "max_length": max_length}
        return self._service.ask(TrainingSheetLengths, "GET", _sheet(sheet_id, "/lengths"), params=params)

    def near_duplicates(self, sheet_id: str) -> TrainingSheetNearDuplicates:
        """See `Client`."""
        return self._service.ask(TrainingSheetNearDuplicates, "GET", _sheet(sheet_id, "/near-duplicates"))

    def what_lifting_adds(self, sheet_id: str) -> TrainingSheetLifting:
        """See `Client`."""
        return self._service.ask(TrainingSheetLifting, "GET", _sheet(sheet_id, "/lifting"))

    def sheet_versions(self, sheet_id: str) -> TrainingSheetVersions:
        """See `Client`."""
        return self._service.ask(TrainingSheetVersions, "GET", _sheet(sheet_id, "/versions"))

    def sheet_diff(
        self,
        old: str,
        new: str,
        *,
        changes: Collection[SheetChange] = (),
        page_size: int = 100,
        cursor: str | None = None,
    ) -> TrainingSheetDiff:
        """See `Client`."""
        params = {"changes": list(changes) or None, "page_size": page_size, "cursor": cursor}
        path = _sheet(old, f"/diff/{quote(new, safe='')}")
        return self._service.ask(TrainingSheetDiff, "GET", path, params=params)

    def approve_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """See `Client`."""
        path = f"/training-sheets/{quote(sheet_id, safe='')}/approve"
        return self._service.ask(TrainingSheetDetails, "POST", path, body=body)

    def edit_pairs(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetEdit:
        """See `Client`."""
        return self._service.ask(TrainingSheetEdit, "PATCH", _sheet(sheet_id, "/pairs"), body=body)

    def undo_edit(self, sheet_id: str, number: int, body: Mapping[str, Any]) -> TrainingSheetEdit:
        """See `Client`."""
        return self._service.ask(TrainingSheetEdit, "POST", _sheet(sheet_id, f"/edits/{number}/undo"), body=body)

    def take_over_sheet(self, sheet_id: str, body: Mapping[str, Any]) -> TrainingSheetDetails:
        """See `Client`."""
        return self._service.ask(TrainingSheetDetails, "POST", _sheet(sheet_id, "/take-over"), body=body)

    def sheet_edits(
        self,
        sheet_id: str,
        *,
        pair_id: str | None = None,
        page: int | None = None,
        page_size: int = 50,
        cursor: str | None = None,
    ) -> TrainingSheetEdits:
        """See `Client`."""
        params = {"pair_id": pair_id, "page": page, "page_size": page_size, "cursor": cursor}
        return self._service.ask(TrainingSheetEdits, "GET", _sheet(sheet_id, "/edits"), params=params)

    def preview(self, sheet_id: str, *, limit: int = 5) -> TrainingSheetPreview:
        """See `Client`."""
        return self._service.ask(TrainingSheetPreview, "GET", _sheet(sheet_id, "/preview"), params={"limit": limit})


def _sheet(sheet_id: str, of_it: str = "") -> str:
    return f"/training-sheets/{quote(sheet_id, safe='')}{of_it}"
