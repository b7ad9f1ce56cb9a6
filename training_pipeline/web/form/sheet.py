"""The form's panel for the training sheet: its export summary and a preview of the training data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.training_sheet import TrainingSheets
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, panel
from training_pipeline.web.layout import problem
from training_pipeline.web.sheets.export_summary import show_preview, show_summary

_PREVIEW_LINES: Final = 5


class SheetPanel:
    """Calls `chosen` with the id of another sheet."""

    def __init__(
        self, client: PageClient, sheets: TrainingSheets, sheet: str, chosen: Callable[[str], Awaitable[None]]
    ) -> None:
        self._client = client
        self._sheet = sheet
        self._previewing = False
        with panel("Training sheet", name="sheet"):
            Tag("label", "Training sheet", classes="unseen", for_="field-sheet")
            with Tag("select", id_="field-sheet", required=True) as choice:
                Tag("option", "Choose a training sheet", value="", selected=not sheet or None)
                for found in sheets.training_sheets:
                    words = f"{found.name} ({found.id})"
                    words += "" if found.trainable else f", {found.status}: cannot be trained on"
                    picked, barred = found.id == sheet or None, not found.trainable or None
                    Tag("option", words, value=found.id, selected=picked, disabled=barred)
            choice.when("change", lambda event: chosen(str(event.args)), VALUE)
            self._summary = Tag("div", classes="summary")
            with Tag("details") as details:
                Tag("summary", "Preview of the training data")
                self._preview = Tag("div", classes="examples")
            details.when("toggle", self._toggled, "(event) => emit(event.target.open)")

    async def show(self, sheet: str) -> None:
        """Load and show the export summary of a sheet."""
        self._sheet = sheet
        self._summary.clear()
        if not sheet:
            return
        _wait(self._summary, "Checking which pairs may be used")
        try:
            found = (await self._client.sheet(sheet)).export_summary
        except PipelineError as error:
            with _anew(self._summary):
                problem(error, title="This training sheet cannot be checked")
            return
        if sheet == self._sheet:
            with _anew(self._summary):
                show_summary(found)
            await self._show_preview()

    async def _toggled(self, event: Any) -> None:
        self._previewing = bool(event.args)
        await self._show_preview()

    async def _show_preview(self) -> None:
        sheet = self._sheet
        if not self._previewing or not sheet:
            self._preview.clear()
            return
        _wait(self._preview, "Loading the preview")
        try:
            found = await self._client.preview(sheet, limit=_PREVIEW_LINES)
        except PipelineError as error:
            with _anew(self._preview):
                problem(error)
            return
        if sheet == self._sheet:
            with _anew(self._preview):
                show_preview(found)


def _anew(place: Tag) -> Tag:
    place.clear()
    return place


def _wait(place: Tag, name: str) -> None:
    with _anew(place):
        Tag("span", classes="skeleton block", role="img", aria_label=name)
