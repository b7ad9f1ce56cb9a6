"""/train: the training sheets with their counts of pairs, and the jobs."""

from __future__ import annotations

import asyncio

from fastapi import Request
from nicegui import background_tasks, ui

from training_pipeline.web import urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, link
from training_pipeline.web.jobs.filters import FilterBar
from training_pipeline.web.jobs.table import JobTable
from training_pipeline.web.layout import Watch, frame
from training_pipeline.web.sheets.table import SheetTable
from training_pipeline.web.site import Site
from training_pipeline.web.urls import JobFilters


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/")
    async def train(request: Request) -> None:
        client = site.client(request)
        filters = JobFilters.parse(request.query_params)
        watch = Watch(site, client.caller)
        with frame("Train", site, client.caller):
            with Tag("div", classes="page-head"):
                with Tag("div"):
                    Tag("h1", "Train")
                    Tag(
                        "p",
                        "Turn reviewed training sheets into fine-tuned models, and follow every job.",
                        classes="lede",
                    )
                if client.may_create:
                    link("New training job", f"{urls.HOME}/new", classes="button primary", picture="plus")
            sheets = SheetTable(client, site.counts)
            jobs = JobList(client, filters)
            await asyncio.gather(sheets.load(), jobs.refresh())
        background_tasks.create(sheets.count(ui.context.client), name="count the pairs of training sheets")
        watch.keep_fresh(jobs.refresh)
        ui.on("address", lambda event: jobs.go(JobFilters.parse(dict(event.args))))


class JobList:
    """The jobs that match the filters; the filters are kept in the page's URL."""

    def __init__(self, client: PageClient, filters: JobFilters) -> None:
        self._client = client
        self._filters = filters
        with Tag("section", classes="panel", aria_labelledby="jobs-title"):
            with Tag("div", classes="panel-head"):
                Tag("h2", "Jobs", id_="jobs-title")
                self._total = Tag("span", "", classes="muted", role="status")
                Tag("span", classes="grow")
                link("Estimates so far", urls.ESTIMATES)
            self._bar = FilterBar(filters, self.apply)
            self._table = JobTable(client, self.apply, self.refresh)

    async def refresh(self) -> None:
        """Show the current jobs, leaving rows that have not changed."""
        await asyncio.gather(self._offer(), self._show())

    async def apply(self, filters: JobFilters) -> None:
        """Show the jobs for other filters, and put the filters into the URL."""
        if filters != self._filters:
            self._filters = filters
            ui.navigate.history.push(filters.address())
            self._bar.show(filters)
            self._table.choose(filters)  # before anything is awaited: what is clicked meanwhile adds to these
            await self.refresh()

    async def go(self, filters: JobFilters) -> None:
        """Show what the URL says after the browser went back or forward."""
        self._filters = filters
        self._bar.show(filters, typed=True)
        self._table.choose(filters)
        await self.refresh()

    async def _offer(self) -> None:
        filters = self._filters
        found = await self._client.facets(filters)
        if filters is self._filters:
            self._bar.offer(found)

    async def _show(self) -> None:
        filters = self._filters
        page = await self._client.jobs(filters, page_size=JobTable.ROWS)
        best = await self._client.best_losses([job.id for job in page.jobs])
        if filters is self._filters:  # else a later one is on its way
            self._table.show(page, filters, best)
            found = " found" if filters.filtered else ""
            self._total.say(f"{page.total:,} job{'' if page.total == 1 else 's'}{found}")
