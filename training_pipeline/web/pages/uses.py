"""/train/uses: where was this used? What is asked for stands in the URL, as the REST API takes it."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.revocations import REVOCABLE
from training_pipeline.domain.uses import WORDS
from training_pipeline.schemas.uses import DatasetUse, SheetUses, Uses
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Badge, Tag, button, empty, icon, link, panel, small_table
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.models.mention import places_cell, version_cell
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.pair_cells import used
from training_pipeline.web.revoke_dialog import RevokeDialog, not_searched
from training_pipeline.web.site import Site

#: Of what is not found the page is one that does not exist.
_NOT_FOUND: Final = "not_found"


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/uses")
    async def uses(request: Request) -> None:
        client = site.client(request)
        keys: dict[str, str | None] = {kind: request.query_params.get(kind) for kind in WORDS}
        try:
            found = await client.uses(keys)
        except PipelineError as error:
            if error.code == _NOT_FOUND:
                show_not_found(site, client.caller, error)
                return
            with frame("Where was this used?", site, client.caller):
                problem(error, title="This question cannot be answered")
            return
        with frame(f"Uses of {found.value}", site, client.caller):
            dialog = RevokeDialog(client) if client.may_revoke and found.kind in REVOCABLE else None
            _head(found, dialog)
            _models(found)
            for number, sheet in enumerate(found.sheets):
                _sheet(sheet, number, found, dialog)


def _revoke(found: Uses, dialog: RevokeDialog, sheet: str | None) -> None:
    """The button that revokes it, in one training sheet or in all."""
    words = "Revoke everywhere" if sheet is None else "Revoke in this sheet"
    value = found.value
    if found.kind == "sheet":  # one of the training sheets that were made from it, or the sheet itself
        words, value, sheet = f"Revoke all of {sheet or value}", sheet or value, None
    button(words, kind="danger", picture="stop").when("click", lambda: dialog.ask(found.kind, value, sheet))


def _head(found: Uses, dialog: RevokeDialog | None) -> None:
    with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
        link("Train", urls.HOME)
        Tag("span", "/", aria_hidden="true")
        Tag("span", "Where was this used?", aria_current="page")
    with Tag("div", classes="page-head"):
        with Tag("div"):
            Tag("h1", "Where was this used?")
            with Tag("p", classes="lede"):
                Tag("span", f"Every dataset, training job and model version that used the {WORDS[found.kind]} ")
                Tag("code", found.value)
        if dialog is not None and found.kind != "pair":
            with Tag("div", classes="buttons"):
                _revoke(found, dialog, None)
    said = [f"The manifest {path} is gone: the index alone vouches for its dataset." for path in found.lost_manifests]
    if found.without_questions:
        count = formats.count(found.without_questions)
        said.append(f"{count} datasets have manifests without hashes of questions and are not searched.")
    said += not_searched(found.not_searched)
    for words in said:
        with Tag("div", classes="notice", role="note"):
            icon("alert")
            Tag("p", words)


def _models(found: Uses) -> None:
    models = found.model_versions
    with panel("Models that learned from it", name="models"):
        if not models:
            searched = ", as far as could be searched" if found.not_searched else ""
            empty("model", f"No model learned from it{searched}.")
            return
        with small_table("Model versions", ["Model", "Training job", "Through", "In use"]):
            for model in models:
                with Tag("tr"):
                    version_cell(model.model_name, model.model_version)
                    with Tag("td", classes="mono"):
                        link(model.job_id, urls.job(model.job_id, "lineage"))
                    with Tag("td", classes="mono"):
                        for job_id in model.through:
                            link(job_id, urls.job(job_id, "lineage"))
                        if not model.through:
                            Tag("span", "its own training", classes="muted")
                    places_cell(model.in_use)


def _sheet(sheet: SheetUses, number: int, found: Uses, dialog: RevokeDialog | None) -> None:
    with panel(f"Training sheet {sheet.training_sheet_id}", name=f"sheet-{number}") as head:
        with head:
            if sheet.row_count:
                Tag("span", f"{formats.count(sheet.row_count)} different rows", classes="muted")
            if dialog is not None:
                _revoke(found, dialog, sheet.training_sheet_id)
        if sheet.rows:
            with small_table(f"Rows of {sheet.training_sheet_id}", ["Pair", "Item", "Canonical label"]):
                for row in sheet.rows:
                    with Tag("tr"):
                        used("pair", row.pair_id)
                        used("item", row.item_ref)
                        used("label", row.canonical_label_id)
        with small_table(
            f"Datasets of {sheet.training_sheet_id}", ["Dataset", "Train", "Validation", "Refused", "Jobs"]
        ):
            for dataset in sheet.datasets:
                _dataset(dataset)


def _dataset(dataset: DatasetUse) -> None:
    with Tag("tr"):
        Tag("td", dataset.digest[:12], classes="mono", title=dataset.digest)
        Tag("td", formats.count(dataset.train))
        Tag("td", formats.count(dataset.validation))
        refused = [f"{formats.count(count)} {reason}" for reason, count in dataset.refused.items()]
        if dataset.copies.train or dataset.copies.validation:
            refused.append(f"learned through {', '.join(dataset.copies.pair_ids) or 'copies'}")
        Tag("td", ", ".join(refused) or formats.NONE)
        with Tag("td"):
            for job in dataset.jobs:
                with Tag("div"):
                    link(job.job_id, urls.job(job.job_id, "lineage"), classes="mono")
                    Tag("span", " ")
                    Badge(JobStatus(job.status))
                    if job.model_version:
                        Tag("span", " ")
                        link(
                            f"{job.model_name} version {job.model_version}",
                            urls.model_version(job.model_name, job.model_version),
                        )
