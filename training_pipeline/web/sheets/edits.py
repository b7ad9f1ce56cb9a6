"""Who changed which pairs of a training sheet, when and how; and the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.sheet_edit import TrainingSheetEdit, TrainingSheetEdits
from training_pipeline.web import formats
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, moment, panel, small_table
from training_pipeline.web.layout import problem

#: Edits on a page of the log.
EDITS: Final = 20
_COLUMNS: Final = ("Edit", "When", "Who", "Pairs", "What changed", "State")


class EditsPanel:
    """The log, newest first. With `undo` there is a button at each edit that is in effect."""

    def __init__(
        self,
        client: PageClient,
        first: TrainingSheetEdits,
        undo: Callable[[int], Awaitable[None]] | None,
    ) -> None:
        self._client = client
        self._sheet_id = first.training_sheet_id
        self._undo = undo
        self._older: str | None = None
        with panel("Who changed what", name="edits") as head:
            with head:
                self._count = Tag("span", classes="muted")
            self._place = Tag("div")
        self._show(first)

    async def load(self, *, cursor: str | None = None) -> bool:
        """Show the newest edits, or those behind a cursor; whether they are shown."""
        try:
            found = await self._client.sheet_edits(self._sheet_id, page_size=EDITS, cursor=cursor)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The log cannot be read")
            return False
        self._show(found)
        return True

    def _show(self, found: TrainingSheetEdits) -> None:
        self._count.say(formats.count(found.total))
        self._older = found.next_cursor
        self._place.clear()
        with self._place:
            if not found.edits:
                Tag("p", "No edits yet.", classes="muted")
                return
            with small_table("Edits", _COLUMNS if self._undo is None else (*_COLUMNS, "Undo")):
                for edit in found.edits:
                    self._row(edit)
            if found.next_cursor is not None:
                button("Older edits", kind="quiet small").when("click", lambda: self.load(cursor=self._older))

    def _row(self, edit: TrainingSheetEdit) -> None:
        with Tag("tr"):
            Tag("td", str(edit.number))
            with Tag("td"):
                moment(edit.created_at, style="date-time")
            Tag("td", edit.actor)
            Tag("td", edit.names, classes="mono")
            Tag("td", edit.what, classes="what")
            Tag("td", edit.became)
            if (undo := self._undo) is not None:
                with Tag("td"):
                    if edit.state == "applied" and edit.undone_by is None:
                        back = button("Undo", kind="quiet small", aria_label=f"Undo edit {edit.number}")
                        back.does(lambda: undo(edit.number))
