"""/train/revocations and /train/revocations/{id}: what may no longer be trained on, and whom that taints."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.uses import WORDS
from training_pipeline.schemas.revocation import Revocation, RevocationDetails, RevocationPage, Taint
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Tag, empty, fact, link, moment, panel, small_table, text_fact
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.models.mention import places_cell, version_cell
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.revoke_dialog import unread
from training_pipeline.web.site import Site

PAGE: Final = 50


def register(site: Site) -> None:
    """Add the pages."""

    @ui.page("/revocations")
    async def revocations(request: Request) -> None:
        client = site.client(request)
        try:
            found = await client.revocations(page_size=PAGE, cursor=request.query_params.get("cursor"))
        except PipelineError as error:
            with frame("Revocations", site, client.caller):
                problem(error, title="Revocations cannot be shown")
            return
        with frame("Revocations", site, client.caller):
            _crumbs("Revocations")
            with Tag("div", classes="page-head"), Tag("div"):
                Tag("h1", "Revocations")
                Tag("p", "What may no longer be trained on, and the models that learned from it.", classes="lede")
            _list(found)

    @ui.page("/revocations/{revocation_id}")
    async def revocation(request: Request, revocation_id: str) -> None:
        client = site.client(request)
        try:
            found = await client.revocation(revocation_id)
        except NotFound as error:
            show_not_found(site, client.caller, error)
            return
        with frame(f"Revocation {found.id}", site, client.caller):
            _crumbs(found.id, within=True)
            _one(found)


def what(one: Revocation) -> str:
    """What was revoked, in words."""
    if one.kind == "rows":
        return f"{formats.count(one.pairs)} pairs of training sheet {one.training_sheet_id}"
    where = f" of training sheet {one.training_sheet_id}" if one.training_sheet_id else ""
    return f"{WORDS[one.kind]} {one.value}{where}"


def _crumbs(last: str, *, within: bool = False) -> None:
    with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
        link("Train", urls.HOME)
        Tag("span", "/", aria_hidden="true")
        if within:
            link("Revocations", urls.revocations())
            Tag("span", "/", aria_hidden="true")
        Tag("span", last, aria_current="page")


def _list(found: RevocationPage) -> None:
    with panel("On record", name="revocations"):
        if not found.revocations:
            empty("check", "Nothing was revoked.")
            return
        with small_table("Revocations", ["Revocation", "What", "Source", "By", "When", "Models tainted"]):
            for one in found.revocations:
                with Tag("tr"):
                    with Tag("td", classes="mono"):
                        link(one.id, urls.revocation(one.id))
                    Tag("td", what(one))
                    Tag("td", one.source.replace("_", " "))
                    Tag("td", one.actor)
                    with Tag("td"):
                        moment(one.created_at)
                    still = f", not known of {formats.count(one.unread)} datasets" if one.unread else ""
                    Tag("td", f"{formats.count(one.tainted)}{still}")
        if found.next_cursor:
            with Tag("div", classes="pager"):
                link("Next", urls.revocations(cursor=found.next_cursor), classes="button small")


def _one(found: RevocationDetails) -> None:
    with Tag("div", classes="page-head"), Tag("div"):
        Tag("h1", "Revocation")
        Tag("p", what(found).capitalize(), classes="lede")
    with panel("On record", name="revocation"), Tag("dl", classes="facts"):
        text_fact("Reason", found.reason)
        text_fact("Source", found.source.replace("_", " "))
        text_fact("Recorded by", found.actor)
        with fact("When"):
            moment(found.created_at, style="date-time")
    with panel("Tainted models", name="taints"):
        for words in unread(found.unread_datasets):
            Tag("p", words, classes="prose")
        if not found.taints and not found.unread:
            empty("check", "No model is tainted by it.", "A model that learns from it later is tainted as well.")
        elif found.taints:
            columns = ["Model", "Training job", "Train", "Validation", "Inherited from", "In use", "Clean successor"]
            with small_table("Tainted models", columns):
                for taint in found.taints:
                    _taint(taint)
    if found.pair_ids:
        with panel("Pairs", name="pairs"):
            Tag("p", ", ".join(found.pair_ids), classes="mono prose")
            if found.pairs > len(found.pair_ids):
                Tag("p", f"and {formats.count(found.pairs - len(found.pair_ids))} more", classes="muted")


def _taint(taint: Taint) -> None:
    with Tag("tr"):
        version_cell(taint.model_name, taint.model_version)
        with Tag("td", classes="mono"):
            link(taint.job_id, urls.job(taint.job_id))
        Tag("td", formats.count(taint.train))
        Tag("td", formats.count(taint.validation))
        with Tag("td", classes="mono"):
            for job_id in taint.inherited_from:
                link(job_id, urls.job(job_id))
            if not taint.inherited_from:
                Tag("span", formats.NONE)
        places_cell(taint.in_use)
        with Tag("td"):
            if taint.clean_successor:
                link(f"version {taint.clean_successor}", urls.model_version(taint.model_name, taint.clean_successor))
            else:
                Tag("span", formats.NONE)
