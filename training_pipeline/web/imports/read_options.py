"""How the file is read where it was taken for the wrong thing: format, worksheet, and which annotation counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from training_pipeline.schemas.sheet_import import ImportDryRun
from training_pipeline.sheets.importing.formats.base import CHOICES
from training_pipeline.sheets.importing.formats.registry import FORMATS
from training_pipeline.web.elements import VALUE, Tag
from training_pipeline.web.imports.draft import ImportDraft

#: Field of the draft: its name, and what it is for.
_FIELDS: Final = {
    "worksheet": ("Worksheet", "Which sheet of the workbook has the pairs."),
    "format": ("Format", "Change it where the file was taken for something else."),
    "annotation": ("Several annotations of one item", "Which of them counts."),
}
_ANNOTATIONS: Final = {
    "agree": "what they agree on; else the pair is flagged",
    "latest": "the latest",
    "ground_truth": "the ground truth, or an accepted review",
}


class ReadingChoices:
    """Drop-downs, each shown where there is something to choose."""

    def __init__(self, draft: Callable[[], ImportDraft], changed: Callable[[ImportDraft], Awaitable[None]]) -> None:
        self._draft = draft
        self._changed = changed
        self._shown: object = None
        self._place = Tag("div", classes="fields after")

    def show(self, found: ImportDryRun) -> None:
        """Offer what there is to choose. What is on the page stays there if that did not change."""
        choices = offered(found)
        if choices == self._shown:
            return
        self._shown = choices
        self._place.clear()
        with self._place:
            for name, options in choices.items():
                self._choice(name, options)

    def _choice(self, name: str, options: dict[str, str]) -> None:
        async def chosen(event: Any) -> None:
            change: dict[str, Any] = {name: str(event.args)}
            await self._changed(replace(self._draft(), **change))

        title, help_text = _FIELDS[name]
        said = getattr(self._draft(), name)
        with Tag("div", classes="form-field"):
            Tag("label", title, classes="field-name", for_=f"read-{name}")
            with Tag("select", id_=f"read-{name}", aria_describedby=f"read-help-{name}") as select:
                for value, words in options.items():
                    Tag("option", words, value=value, selected=value == said or None)
            select.when("change", chosen, VALUE)
            Tag("span", help_text, classes="help", id_=f"read-help-{name}")


def offered(found: ImportDryRun) -> dict[str, dict[str, str]]:
    """For each field that matters its options."""
    offered: dict[str, dict[str, str]] = {}
    if len(found.worksheets) > 1:
        offered["worksheet"] = {"": "choose one …", **{name: name for name in found.worksheets}}
    formats = {name: f"{one.title} ({name})" for name, one in FORMATS.items()}
    offered["format"] = {"": "as recognised", **formats}
    if FORMATS[found.format].status_words:
        offered["annotation"] = {"": "as usual: what they agree on", **{one: _ANNOTATIONS[one] for one in CHOICES}}
    return offered
