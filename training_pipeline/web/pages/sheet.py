"""/train/sheets/{id}: a training sheet, its counts, its pairs, its versions, and the jobs made from it.

`?pair=` looks for a pair by its id.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from fastapi import Request
from nicegui import background_tasks, ui

from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.schemas.model_version import ModelVersionPage
from training_pipeline.schemas.training_job import TrainingJobPage
from training_pipeline.schemas.training_sheet import TrainingSheetDetails
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import (
    Badge,
    Tag,
    button,
    code,
    fact,
    icon,
    link,
    moment,
    panel,
    small_table,
    text_fact,
)
from training_pipeline.web.jobs.overview import version_of
from training_pipeline.web.layout import PAGE_SECONDS, frame, go, problem
from training_pipeline.web.models.state import state_badge
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.sheets.conversation import ConversationDialog
from training_pipeline.web.sheets.edits import EDITS, EditsPanel
from training_pipeline.web.sheets.export_summary import show_summary
from training_pipeline.web.sheets.lengths import LengthsPanel
from training_pipeline.web.sheets.lifting import LiftingQuestion
from training_pipeline.web.sheets.near_duplicates import AlikePanel
from training_pipeline.web.sheets.review import Review, show_elsewhere
from training_pipeline.web.sheets.rows import SheetRowTable
from training_pipeline.web.sheets.versions import VersionsPanel
from training_pipeline.web.site import Site
from training_pipeline.web.urls import JobFilters, VersionFilters

_JOBS = _MODELS = 20


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/sheets/{sheet_id}", response_timeout=PAGE_SECONDS)
    async def sheet(request: Request, sheet_id: str) -> None:
        client = site.client(request)
        try:
            found, versions, jobs, models = await asyncio.gather(
                client.sheet(sheet_id),
                client.sheet_versions(sheet_id),
                client.jobs(JobFilters(sheet=sheet_id), page_size=_JOBS),
                client.versions(VersionFilters(sheet=sheet_id), page_size=_MODELS),
            )
            edits = await client.sheet_edits(sheet_id, page_size=EDITS)  # shows every edit of the version found
        except NotFound as error:
            show_not_found(site, client.caller, error)
            return
        except PipelineError as error:
            with frame(sheet_id, site, client.caller):
                problem(error, title="This training sheet cannot be read")
            return
        with frame(found.name, site, client.caller):
            now = Now(found.digest)
            _head(found, client, now)
            with Tag("div", classes="columns"):
                with Tag("div"):
                    with panel("What may be trained on", name="gates"):
                        counts = Tag("div")
                        with counts:
                            show_summary(found.export_summary)
                        LiftingQuestion(client, found.id)
                    lengths = LengthsPanel(client, found.id, found.export_summary.eligible)
                with Tag("div"):
                    _about(found, now)
                    _jobs(jobs, found.id)
                    _models(models, found.id)
            reads = ConversationDialog(client, found.id)
            with panel("Pairs", name="pairs"):
                review = Review(client, found.id, lambda: renew()) if client.may_review and edits.is_editable else None
                if client.may_review:
                    show_elsewhere(client, edits, lambda: now.digest)
                rows = SheetRowTable(client, found.id, reads, review, search=request.query_params.get("pair", ""))
            log = EditsPanel(client, edits, None if review is None else review.undo)
            AlikePanel(client, found.id, reads)
            kept = Tag("div")
            with kept:
                VersionsPanel(client, found.id, versions)
        page = ui.context.client

        async def renew() -> None:
            """Show what an edit made of the sheet; nothing that is shown is older than the version it is said to be."""
            edited = None
            with suppress(PipelineError):
                edited = await client.sheet(found.id)
            are_shown = await asyncio.gather(rows.renew(), log.load())
            if edited is None:
                return
            if all(are_shown):
                now.show(edited.digest)
            counts.clear()
            with counts:
                show_summary(edited.export_summary)
            with suppress(PipelineError):
                versions_now = await client.sheet_versions(found.id)
                kept.clear()
                with kept:
                    VersionsPanel(client, found.id, versions_now)

        async def load() -> None:
            await page.connected()
            with page:
                await rows.load()
                await lengths.load()

        background_tasks.create(load(), name="load the pairs of a training sheet")


@dataclass
class Now:
    """The version of the sheet that the page shows."""

    digest: str
    version: Tag | None = None

    def show(self, digest: str) -> None:
        """Show another version."""
        self.digest = digest
        if self.version is not None:
            self.version.say(digest[:12])


def _head(found: TrainingSheetDetails, client: PageClient, now: Now) -> None:
    with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
        link("Train", urls.HOME)
        Tag("span", "/", aria_hidden="true")
        Tag("span", found.name, aria_current="page")
    with Tag("div", classes="page-head"):
        with Tag("div", classes="title"):
            with Tag("div", classes="title-line"):
                Tag("h1", found.name)
                Tag("span", found.status, classes="tag")
            Tag("p", found.description or f"Training sheet {found.id}", classes="lede")
        with Tag("div", classes="buttons"):
            if not found.trainable and client.may_approve:
                trouble = Tag("div")

                async def approve() -> None:
                    try:
                        await client.approve_sheet(found.id, now.digest)
                    except PipelineError as error:
                        trouble.clear()
                        with trouble:
                            problem(error, title="The sheet was not approved")
                        return
                    go(urls.sheet(found.id))

                button("Approve", kind="primary", picture="check").does(approve)
            if found.trainable and client.may_create:
                link("Train", urls.new_job(found.id), classes="button primary", aria_label=f"Train on {found.name}")
    if not found.trainable:
        with Tag("div", classes="notice warn", role="note"):
            icon("alert")
            Tag("p", f"Its status is {found.status}: it cannot be trained on until a steward approves it.")


def _about(found: TrainingSheetDetails, now: Now) -> None:
    with panel("About", name="about"), Tag("dl", classes="facts"):
        with fact("Id"):
            code(found.id, copied_as="training sheet id")
        with fact("Version"):
            now.version = Tag("code", found.digest[:12])
        text_fact("Source", found.source_sheet.name or found.source_sheet.id)
        text_fact("Prompt template", found.prompt_template.name or found.prompt_template.id)
        if found.tags:
            text_fact("Tags", ", ".join(found.tags))
        if found.owner:
            text_fact("Owner", found.owner)
        for name in sorted(found.metadata):
            text_fact(formats.words(name), str(found.metadata[name]))


def _jobs(jobs: TrainingJobPage, sheet_id: str) -> None:
    with panel("Training jobs made from it", name="jobs") as head:
        with head:
            Tag("span", formats.count(jobs.total), classes="muted")
        if not jobs.jobs:
            Tag("p", "None yet.", classes="muted")
            return
        with small_table("Jobs", ("Job", "Model", "Status", "Created")):
            for job in jobs.jobs:
                with Tag("tr"):
                    with Tag("td", classes="mono"):
                        link(job.id, urls.job(job.id))
                    with Tag("td"):
                        version_of(job) if job.uc_model_version else Tag("span", job.model_name)
                    with Tag("td"):
                        Badge(job.status)
                    with Tag("td"):
                        moment(job.created_at)
        if jobs.total > len(jobs.jobs):
            link(f"All {jobs.total:,} jobs", JobFilters(sheet=sheet_id).address())


def _models(models: ModelVersionPage, sheet_id: str) -> None:
    with panel("Models that learned from it", name="models") as head:
        with head:
            Tag("span", formats.count(models.total), classes="muted")
        if not models.model_versions:
            Tag("p", "None is registered.", classes="muted")
        else:
            with small_table("Models", ("Model", "State", "Registered")):
                for one in models.model_versions:
                    with Tag("tr"):
                        with Tag("td"):
                            link(f"{one.name} version {one.version}", urls.model_version(one.name, one.version))
                        with Tag("td"):
                            state_badge(one.state)
                        with Tag("td"):
                            moment(one.registered_at) if one.registered_at else Tag("span", formats.NONE)
            if models.total > len(models.model_versions):
                link(f"All {models.total:,} models", VersionFilters(sheet=sheet_id).address())
        with Tag("p", classes="after"):
            link("Where was this sheet used?", urls.uses("sheet", sheet_id))
