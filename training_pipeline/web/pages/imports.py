"""/train/import: from a file to a training sheet. And where the page sends the file."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from fastapi import Request, Response
from nicegui import app as pages
from nicegui import ui
from starlette.responses import JSONResponse

from training_pipeline.api import problems
from training_pipeline.api.multipart import read_body, refused
from training_pipeline.client.roles import least_role
from training_pipeline.domain.access import require_role
from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.training_sheet import SheetStatus
from training_pipeline.schemas.sheet_import import ImportDryRun
from training_pipeline.uploads.staging import Upload
from training_pipeline.web import urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, icon, panel
from training_pipeline.web.imports.bucket import BucketFields
from training_pipeline.web.imports.choices import ColumnChoices, UnusedColumns, WordChoices
from training_pipeline.web.imports.draft import ImportDraft, id_of
from training_pipeline.web.imports.findings import show_first_rows, show_gates, show_problems, show_recognised
from training_pipeline.web.imports.read_options import ReadingChoices
from training_pipeline.web.imports.replacing import ReplacePanel
from training_pipeline.web.layout import frame, go, problem
from training_pipeline.web.site import Site

_ABOUT: Final = (
    ("sheet_id", "Id", "Letters, digits, '.', '_' and '-'."),
    ("name", "Name", "By default the id."),
    ("source", "Source of the items", "The sheet, table or system that the pairs come from."),
    ("template", "Prompt template", "The prompt that asked the questions; recorded in the lineage."),
)


def register(site: Site) -> None:
    """Add the page, and the address that takes the file."""

    @ui.page("/import")
    async def imports(request: Request) -> None:
        client = site.client(request)
        with frame("Import", site, client.caller):
            with Tag("div", classes="page-head"), Tag("div"):
                Tag("h1", "Import")
                Tag(
                    "p",
                    "Create a training sheet from a spreadsheet or from an export of an annotation tool.",
                    classes="lede",
                )
            if not client.may_import:
                with Tag("div", classes="notice", role="note"):
                    icon("alert")
                    Tag("p", "Your role does not let you import. Operators may.")
                return
            ImportPage(client)

    @pages.post("/uploads")
    async def receive(request: Request) -> Response:
        try:
            local = site.client(request).local
            require_role(local.caller, least_role(local.receive_upload))  # before a turn is taken
            uploads = site.services.imports.uploads
            with uploads.turn(local.caller.name):
                body = await read_body(request, local, seconds=uploads.limits.seconds)
            if body.upload is None:
                raise refused("/file", "missing", "is missing")
        except PipelineError as error:
            return problems.of_pipeline_error(request.url.path, error)
        return JSONResponse({"upload_id": body.upload.id, "file": body.upload.file.name})


class ImportPage:
    """A place to drop a file; and once there is one, what it is and what it shall become."""

    def __init__(self, client: PageClient) -> None:
        self._client = client
        self._upload = ""
        self._draft = ImportDraft("imported")
        self._found: ImportDryRun | None = None
        self._asked = 0
        self._busy = asyncio.Lock()
        with Tag("label", classes="drop", for_="import-file", data_drop=""):
            icon("sheet")
            Tag("strong", "Drop a file here, or choose one")
            Tag(
                "span", "CSV, TSV, Excel, JSON, JSONL, Parquet, Arrow; text also compressed with gzip.", classes="muted"
            )
            Tag("input", id_="import-file", type_="file", classes="drop-file", data_upload="/train/uploads")
            Tag("span", "", classes="muted", role="status", data_upload_said="")
        if client.import_prefixes:
            BucketFields(client, self._fetched)
        self._trouble = Tag("div")
        self._place = Tag("div")
        ui.on("uploaded", self._uploaded)

    async def _uploaded(self, event: Any) -> None:
        await self._received(str(event.args["upload_id"]), str(event.args["file"]))

    async def _fetched(self, upload: Upload) -> None:
        await self._received(upload.id, upload.file.name)

    async def _received(self, upload_id: str, file: str) -> None:
        """A file has come in: the first, or a mended one, for which all that was chosen still holds."""
        is_first = self._found is None
        if self._upload:
            with suppress(NotFound):  # an hour may have passed
                await self._client.discard_upload(self._upload)
        self._upload = upload_id
        if is_first:
            self._draft = replace(self._draft, sheet_id=id_of(file))
        await self._look(anew=True)

    async def _changed(self, draft: ImportDraft) -> None:
        self._draft = draft
        await self._look()

    async def _look(self, *, anew: bool = False) -> None:
        """Ask what the upload would become now; of several changes in a row only the last is asked for."""
        self._asked += 1
        number = self._asked
        async with self._busy:
            if number != self._asked:
                return
            if self._found is not None and not anew:
                self._state.say("Updating…")
            try:
                asked = self._draft.request(self._found)
                found = await self._client.look_at_upload(self._upload, asked)
            except (PipelineError, ValueError) as error:
                self._complain(error)
                return
            if number != self._asked:
                return
        self._trouble.clear()
        if self._found is None or [one.name for one in found.columns] != [one.name for one in self._found.columns]:
            self._found = found
            self._lay_out()
        self._found = found
        self._show(found)

    def _complain(self, error: PipelineError | ValueError) -> None:
        self._trouble.clear()
        with self._trouble:
            if isinstance(error, PipelineError):
                problem(error, title="This file cannot be imported")
            else:
                with Tag("div", classes="notice bad", role="alert"):
                    icon("alert")
                    Tag("p", "The id must be letters, digits, '.', '_' or '-', at most 128, and begin with no dot.")
        if self._found is not None:
            self._state.say("")
            self._make.set(disabled="")

    def _lay_out(self) -> None:
        """Everything that stays on the page while choices change."""
        found = self._found
        if found is None:
            return
        self._place.clear()
        with self._place, Tag("div", classes="form"):
            with Tag("div", classes="form-main"):
                with panel("The file", name="file"):
                    self._recognised = Tag("div")
                    self._reading = ReadingChoices(lambda: self._draft, self._changed)
                    self._rows = Tag("div", classes="after")
                with panel("Columns", name="columns"):
                    self._columns = ColumnChoices(found, lambda: self._draft, self._changed)
                with panel("What the words mean", name="words"):
                    self._words = WordChoices(lambda: self._draft, self._changed)
                with panel("Unused columns", name="unused"):
                    self._unused = UnusedColumns(lambda: self._draft, self._changed)
                with panel("About the sheet", name="about"):
                    self._about()
                    self._replacing = ReplacePanel(
                        lambda: self._draft, self._changed, may_replace=self._client.may_approve
                    )
                with panel("Problems at rows", name="problems"):
                    self._problems = Tag("div")
            with (
                Tag("aside", classes="form-side", aria_label="Gate results"),
                panel("Gates", name="gates") as head,
            ):
                with head:
                    self._state = Tag("span", "", classes="muted", role="status")
                self._gates = Tag("div")
                self._make = button("Create sheet", kind="primary wide", picture="plus")
                self._make.when("click", self._create)

    def _about(self) -> None:
        with Tag("div", classes="fields"):
            for name, title, help_text in _ABOUT:
                with Tag("div", classes="form-field"):
                    Tag("label", title, classes="field-name", for_=f"about-{name}")
                    field = Tag("input", id_=f"about-{name}", type_="text", autocomplete="off", maxlength=200)
                    field.set(**{"^value": getattr(self._draft, name)}, aria_describedby=f"about-help-{name}")
                    field.when("input", self._typed(name), VALUE, throttle=0.4, leading_events=False)
                    Tag("span", help_text, classes="help", id_=f"about-help-{name}")
            with Tag("div", classes="form-field"):
                Tag("label", "Status of the sheet", classes="field-name", for_="about-status")
                with Tag("select", id_="about-status") as select:
                    Tag("option", "review: a steward approves it later", value=str(SheetStatus.REVIEW))
                    if self._client.may_approve:
                        chosen = self._draft.sheet_status == SheetStatus.APPROVED or None
                        Tag("option", "approved: may be trained on", value=str(SheetStatus.APPROVED), selected=chosen)
                select.when("change", self._typed("sheet_status"), VALUE)

    def _typed(self, name: str) -> Any:
        async def typed(event: Any) -> None:
            change: dict[str, Any] = {name: str(event.args).strip()}
            if name == "sheet_id":
                change["replaces"] = False  # that was said of another one
            await self._changed(replace(self._draft, **change))

        return typed

    def _show(self, found: ImportDryRun) -> None:
        self._reading.show(found)
        self._replacing.show(found)
        self._columns.show(found)
        self._words.show(found)
        self._unused.show(found)
        self._state.say("")
        for place, show in (
            (self._recognised, show_recognised),
            (self._rows, show_first_rows),
            (self._gates, show_gates),
        ):
            place.clear()
            with place:
                show(found)
        self._problems.clear()
        with self._problems:
            show_problems(found.problems)
        stands = found.replaces and not self._draft.replaces
        self._make.set(disabled=None if found.is_ready and not stands else "")

    async def _create(self) -> None:
        self._make.set(disabled="")
        try:
            made = await self._client.import_upload(self._upload, self._draft.request(self._found))
        except (PipelineError, ValueError) as error:
            self._complain(error)
            self._make.set(disabled=None)
            return
        go(urls.sheet(made.id))
