"""What would change in a training sheet that an import replaces, and the say-so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from training_pipeline.schemas.sheet_import import ImportChanges, ImportDryRun
from training_pipeline.web import urls
from training_pipeline.web.elements import Tag, icon, link
from training_pipeline.web.imports.draft import ImportDraft
from training_pipeline.web.sheets.changes import show_changes


class ReplacePanel:
    """Empty as long as no sheet has the id."""

    def __init__(
        self,
        draft: Callable[[], ImportDraft],
        changed: Callable[[ImportDraft], Awaitable[None]],
        *,
        may_replace: bool,
    ) -> None:
        self._draft = draft
        self._changed = changed
        self._may_replace = may_replace
        self._there = ""
        self._say = Tag("div", classes="after")
        self._place = Tag("div", classes="after", aria_live="polite")

    def show(self, found: ImportDryRun) -> None:
        """Ask whether it is to be replaced, and show what would change."""
        sheet_id = self._draft().sheet_id if found.replaces else ""
        if sheet_id != self._there:
            self._there = sheet_id
            self._say.clear()
            if sheet_id:
                with self._say:
                    self._ask(sheet_id)
        self._place.clear()
        if found.replaces and self._draft().replaces:
            with self._place:
                _show(found.changes)

    def _ask(self, sheet_id: str) -> None:
        with Tag("div", classes="notice warn", role="note"):
            icon("alert")
            with Tag("div"):
                with Tag("p"):
                    Tag("span", "There is a training sheet ")
                    link(sheet_id, urls.sheet(sheet_id))
                    Tag("span", " already.")
                if not self._may_replace:
                    Tag("p", "Choose another id: only a steward may replace it.")
                    return
                with Tag("label", classes="check"):
                    box = Tag("input", type_="checkbox", checked=self._draft().replaces or None)
                    box.when("change", self._ticked, "(event) => emit(event.target.checked)")
                    Tag("span", "Replace it. The version that is there now is kept.")

    async def _ticked(self, event: Any) -> None:
        await self._changed(replace(self._draft(), replaces=bool(event.args)))


def _show(changes: ImportChanges | None) -> None:
    if changes is None:
        Tag("p", "The changes cannot be shown: one of the two cannot be read.", classes="muted")
        return
    show_changes("What would change", changes)
