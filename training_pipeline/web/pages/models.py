"""/train/models: the registered model versions. Filters and page stand in the URL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.model_version import VersionState
from training_pipeline.models.versions.find import VersionFacets
from training_pipeline.schemas.model_version import ModelVersion, ModelVersionPage
from training_pipeline.web import formats, urls
from training_pipeline.web.choice import Choice
from training_pipeline.web.elements import Tag, empty, icon, link, moment, small_table
from training_pipeline.web.layout import PAGE_SECONDS, frame, go
from training_pipeline.web.models.state import state_badge
from training_pipeline.web.pager import pager
from training_pipeline.web.site import Site
from training_pipeline.web.urls import VersionFilters

PAGE: Final = 50
_TABLE: Final = "Model versions"
_COLUMNS: Final = ("Model", "State", "Aliases", "Training sheet", "Pairs", "Registered", "Training job")


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/models", response_timeout=PAGE_SECONDS)
    async def models(request: Request) -> None:
        client = site.client(request)
        filters = VersionFilters.parse(request.query_params)
        found, facets = await asyncio.gather(client.versions(filters, page_size=PAGE), client.version_facets())
        with frame("Models", site, client.caller):
            with Tag("div", classes="page-head"), Tag("div"):
                Tag("h1", "Models")
                Tag("p", "Every registered model version, what it was trained on, and who allowed it.", classes="lede")
            with Tag("section", classes="panel", aria_labelledby="versions-title"):
                with Tag("div", classes="panel-head"):
                    Tag("h2", "Versions", id_="versions-title")
                    words = f"{found.total:,} version{'' if found.total == 1 else 's'}"
                    Tag("span", words + (" found" if filters.filtered else ""), classes="muted", role="status")
                _filters(filters, facets)
                _table(found, filters)


def _filters(filters: VersionFilters, facets: VersionFacets) -> None:
    def choose(field: str) -> Callable[[str], Awaitable[None]]:
        async def chosen(value: str) -> None:
            go(filters.with_(**{field: value or None if field == "state" else value}).address())

        return chosen

    with Tag("div", classes="filters", role="search", aria_label="Filter model versions"):
        for field, name, everything, values in (
            ("name", "Model", "All models", facets.names),
            ("state", "State", "All states", tuple(str(state) for state in VersionState)),
            ("alias", "Alias", "Any alias or none", facets.aliases),
            ("sheet", "Training sheet", "All sheets", facets.training_sheet_ids),
        ):
            choice = Choice(name, everything, choose(field))
            choice.offer(values, str(getattr(filters, field) or ""))
        if filters.filtered:
            link("Clear", urls.MODELS, classes="button quiet small")


def _table(found: ModelVersionPage, filters: VersionFilters) -> None:
    if found.aliases_unavailable:
        with Tag("div", classes="notice", role="note"):
            icon("alert")
            Tag("p", f"{found.aliases_unavailable} Aliases are those that were seen last.")
    if not found.model_versions:
        if filters.filtered or found.total:
            empty("model", "No model versions match these filters.", "Clear a filter.")
        else:
            empty("model", "No model version is registered yet.", "A training job that succeeds registers one.")
        return
    with (
        Tag("div", classes="panel-body"),
        small_table(_TABLE, _COLUMNS, numbers=["Pairs"], classes="versions"),
    ):
        for one in found.model_versions:
            _row(one)
    pager("model versions", filters.page, PAGE, found.total, lambda page: filters.with_(page=page).address())


def _row(one: ModelVersion) -> None:
    with Tag("tr"):
        with Tag("td"):
            link(f"{one.name} version {one.version}", urls.model_version(one.name, one.version), classes="strong")
            Tag("span", f"from {one.base_model}", classes="sub")
        with Tag("td"):
            state_badge(one.state)
        with Tag("td"):
            for alias in one.aliases:
                Tag("span", alias, classes="tag")
            if not one.aliases:
                Tag("span", formats.NONE, classes="muted")
        with Tag("td"):
            link(one.training_sheet_name, urls.uses("sheet", one.training_sheet_id))
        counts = (one.train_pairs, one.validation_pairs)
        Tag("td", " + ".join(formats.count(count) for count in counts), classes="number")
        with Tag("td"):
            moment(one.registered_at) if one.registered_at else Tag("span", formats.NONE)
            Tag("span", f"by {one.created_by}", classes="sub")
        with Tag("td", classes="mono"):
            link(one.job_id, urls.job(one.job_id))
