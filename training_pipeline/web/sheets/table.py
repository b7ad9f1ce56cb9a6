"""The table of training sheets, with the counts of pairs of each."""

from __future__ import annotations

from typing import Final

from nicegui import Client

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.problem import problem_of
from training_pipeline.schemas.training_sheet import TrainingSheet, TrainingSheetDetails
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, icon, link
from training_pipeline.web.sheet_counts import SheetCounts

#: So many are shown before somebody asks for all.
_FIRST: Final = 5
_COLUMNS: Final = (
    ("Training sheet", "wide"),
    ("Source", ""),
    ("Pairs", "number"),
    ("Approved", "number"),
    ("Allowed", "number"),
    ("Prohibited", "number"),
    ("", "actions"),
)


class SheetTable:
    """Lists the sheets at once; their counts are filled in as they are computed."""

    def __init__(self, client: PageClient, counts: SheetCounts) -> None:
        self._client = client
        self._counts = counts
        self._waiting: list[_Row] = []
        with Tag("section", classes="panel", aria_labelledby="sheets-title"):
            with Tag("div", classes="panel-head"):
                Tag("h2", "Training sheets", id_="sheets-title")
                self._total = Tag("span", "", classes="muted")
            with Tag("div", classes="table-wrap", tabindex="0", role="region", aria_label="Training sheets table"):
                self._table = Tag("table", classes="sheets", role="table")
                with self._table:
                    with Tag("thead", role="rowgroup"), Tag("tr", role="row"):
                        for title, classes in _COLUMNS:
                            with Tag("th", classes=classes, scope="col", role="columnheader"):
                                Tag("span", title or "Actions", classes="" if title else "unseen")
                    self._body = Tag("tbody", role="rowgroup")
            self._foot = Tag("div")

    async def load(self) -> None:
        """List the sheets."""
        found = await self._client.sheets()
        self._total.say(f"{found.total:,}")
        first, further = found.training_sheets[:_FIRST], found.training_sheets[_FIRST:]
        self._add(first)
        if further:
            with self._foot:
                more = button(f"Show all {found.total:,}", kind="quiet small")

                async def show_all() -> None:
                    more.delete()
                    self._add(further)
                    await self.count(more.client)

                more.when("click", show_all)
        if not found.training_sheets:
            self._table.set_visibility(False)
            with self._foot, Tag("div", classes="empty"):
                icon("sheet")
                Tag("p", "No training sheets yet.", classes="empty-title")
                link("Import a file", urls.IMPORT)

    def _add(self, sheets: list[TrainingSheet]) -> None:
        with self._body:
            self._waiting += [_Row(sheet, may_train=self._client.may_create) for sheet in sheets]

    async def count(self, client: Client) -> None:
        """Fill in the counts of the sheets that are shown, one after the other."""
        await client.connected()
        while self._waiting and not client.is_deleted:
            row = self._waiting.pop(0)
            counted = await self._counts.of(row.sheet.id, self._client)
            if not client.is_deleted:
                with client:
                    row.show(counted.details)


class _Row:
    def __init__(self, sheet: TrainingSheet, *, may_train: bool) -> None:
        self.sheet = sheet
        with Tag("tr", role="row"):
            with _cell("Training sheet", "wide"):
                link(sheet.name, urls.sheet(sheet.id), classes="strong")
                Tag("span", sheet.id, classes="sub mono")
            with _cell("Source"):
                Tag("span", sheet.source_sheet.name or sheet.source_sheet.id)
                template = sheet.prompt_template
                version = f", version {template.version}" if template.version else ""
                Tag("span", f"{template.name or template.id}{version}", classes="sub")
            self._figures = [_cell(title, "number") for title, _ in _COLUMNS[2:6]]
            for figure in self._figures:
                with figure:
                    Tag("span", classes="skeleton", aria_label="counting…", role="img")
            with _cell("Actions", "actions") as actions:
                self._actions = actions
                if not sheet.trainable:
                    Tag("span", f"{sheet.status}: cannot be trained on", classes="muted")
                elif may_train:
                    link("Train", urls.new_job(sheet.id), classes="button small", aria_label=f"Train on {sheet.name}")

    def show(self, details: TrainingSheetDetails | PipelineError) -> None:
        """Show the counts of a sheet, or why there are none."""
        for figure in self._figures:
            figure.clear()
        if isinstance(details, PipelineError):
            with self._figures[0], Tag("span", classes="bad-text", title=problem_of(details).detail):
                icon("alert")
                Tag("span", "unreadable")
            return
        summary = details.export_summary
        counts = (summary.total, summary.labeled, summary.training_allowed, summary.training_prohibited)
        for figure, count in zip(self._figures, counts, strict=True):
            figure.say(formats.count(count))


def _cell(label: str, classes: str = "") -> Tag:
    return Tag("td", classes=classes, role="cell", data_label=label)
