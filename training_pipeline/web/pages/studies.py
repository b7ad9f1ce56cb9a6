"""/train/studies: the studies, the newest first. The filters stand in the URL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.study import StudyStatus
from training_pipeline.schemas.study import Studies, Study
from training_pipeline.tuning.records import StudyFacets
from training_pipeline.web import formats, urls
from training_pipeline.web.choice import Choice
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Bar, Redrawn, Tag, empty, icon, link, moment, small_table
from training_pipeline.web.layout import Watch, frame, go
from training_pipeline.web.pager import pager
from training_pipeline.web.site import Site
from training_pipeline.web.studies import words
from training_pipeline.web.urls import StudyFilters

_COLUMNS: Final = ("Study", "Status", "Training sheet", "Trials", "Objective", "Best so far", "Budget used", "Created")
ROWS: Final = 25
_LEDE: Final = "A study is a set of training jobs that search for the best configuration, within a budget."


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/studies")
    async def studies(request: Request) -> None:
        client = site.client(request)
        filters = StudyFilters.parse(request.query_params)
        watch = Watch(site, client.caller)
        found, facets = await asyncio.gather(client.studies(filters, page_size=ROWS), client.study_facets())
        with frame("Studies", site, client.caller):
            with Tag("div", classes="page-head"):
                with Tag("div"):
                    Tag("h1", "Studies")
                    Tag("p", _LEDE, classes="lede")
                if client.may_search:
                    link("New study", urls.NEW_STUDY, classes="button primary", picture="plus")
            page = StudyList(client, filters, facets, found)
        watch.keep_fresh(page.refresh)


class StudyList:
    """The studies that match, kept up to date."""

    def __init__(self, client: PageClient, filters: StudyFilters, facets: StudyFacets, found: Studies) -> None:
        self._client, self._filters = client, filters
        with Tag("section", classes="panel", aria_labelledby="studies-title"):
            with Tag("div", classes="panel-head"):
                Tag("h2", "Studies", id_="studies-title")
                self._total = Tag("span", "", classes="muted", role="status")
            _filters(filters, facets)
            self._table = Redrawn()
        self._show(found)

    async def refresh(self) -> None:
        """Show the studies as they now are."""
        self._show(await self._client.studies(self._filters, page_size=ROWS))

    def _show(self, found: Studies) -> None:
        said = f"{found.total:,} stud{'y' if found.total == 1 else 'ies'}{' found' if self._filters.filtered else ''}"
        self._total.say(said)
        self._table.show(found, lambda: _table(found, self._filters))


def _filters(filters: StudyFilters, facets: StudyFacets) -> None:
    def choose(field: str) -> Callable[[str], Awaitable[None]]:
        async def chosen(value: str) -> None:
            go(filters.with_(**{field: value or None if field == "status" else value}).address())

        return chosen

    with Tag("div", classes="filters", role="search", aria_label="Filter studies"):
        for field, name, everything, values in (
            ("status", "Status", "All statuses", tuple(str(status) for status in StudyStatus)),
            ("sheet", "Training sheet", "All sheets", facets.training_sheet_ids),
            ("creator", "Created by", "Anyone", facets.creators),
        ):
            choice = Choice(name, everything, choose(field))
            choice.offer(values, str(getattr(filters, field) or ""))
        if filters.filtered:
            link("Clear", urls.STUDIES, classes="button quiet small")


def _table(found: Studies, filters: StudyFilters) -> None:
    if not found.studies:
        if found.total:
            with Tag("div", classes="empty"):
                icon("search")
                Tag("p", "This page does not exist.", classes="empty-title")
                link("Go to the first page", filters.with_().address(), classes="button")
        elif filters.filtered:
            empty("search", "No studies match these filters.", "Clear a filter.")
        else:
            empty("chart", "No studies yet.", "A study tries configurations of a training job and keeps the best.")
        return
    with Tag("div", classes="panel-body"), small_table("Studies", _COLUMNS, classes="versions"):
        for study in found.studies:
            _row(study)
    pager("studies", filters.page, ROWS, found.total, lambda page: filters.with_(page=page).address())


def _row(study: Study) -> None:
    with Tag("tr"):
        with Tag("td"):
            link(study.name, urls.study(study.name), classes="strong")
            Tag("span", f"for {study.model_name}", classes="sub")
        with Tag("td"):
            words.study_badge(study.status)
        with Tag("td"):
            link(study.training_sheet_id, urls.sheet(study.training_sheet_id))
        with Tag("td"):
            done = words.ended(study)
            Tag("span", f"{done:,} of {study.most_trials:,}")
            Bar(f"Trials of {study.name} that have ended", 100 * done / study.most_trials, classes="thin")
        Tag("td", words.measure(study))
        with Tag("td"):
            Tag("span", formats.loss(study.best_value), classes="strong" if study.best_value is not None else "muted")
            if study.best_trial is not None:
                Tag("span", f"trial {study.best_trial}, selected", classes="sub", title=words.SELECTED)
        with Tag("td"):
            Tag("span", words.spent(study) or formats.NONE)
            if study.hours is not None:
                Tag("span", f"{study.hours:g} hours at most", classes="sub")
        with Tag("td"):
            moment(study.created_at)
            Tag("span", f"by {study.created_by}", classes="sub")
