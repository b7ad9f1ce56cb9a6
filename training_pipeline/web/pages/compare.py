"""/train/compare?jobs=a,b,…: two to eight jobs side by side. The URL holds the whole view."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.comparable import MOST
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.job import TERMINAL
from training_pipeline.schemas.comparison import TrainingJobComparison
from training_pipeline.web import urls
from training_pipeline.web.charts.metric_chart import ask_early
from training_pipeline.web.client import PageClient
from training_pipeline.web.comparison import tables
from training_pipeline.web.comparison.curves import Curves, CurvesPanel, resolution, steps_of
from training_pipeline.web.comparison.evaluations import evaluations
from training_pipeline.web.comparison.parameters import ParametersPanel
from training_pipeline.web.comparison.view import ComparisonView
from training_pipeline.web.elements import Tag, link
from training_pipeline.web.layout import PAGE_SECONDS, Watch, frame, problem
from training_pipeline.web.site import Site


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/compare", response_timeout=PAGE_SECONDS)
    async def compare(request: Request) -> None:
        client = site.client(request)
        view = ComparisonView.parse(dict(request.query_params))
        watch = Watch(site, client.caller)
        try:
            found, curves = await read(client, view)
        except PipelineError as error:
            with frame("Compare jobs", site, client.caller):
                _head("Compare jobs")
                problem(error, title="These jobs cannot be compared")
                Tag("p", "Select two to eight jobs in the list of jobs to compare them.", classes="muted")
                link("Open the list", urls.HOME, classes="button")
            return
        with frame("Compare jobs", site, client.caller):
            ask_early()
            page = ComparisonPage(client, view, found, curves)
        watch.keep_fresh(page.refresh)
        ui.on("address", page.back)


async def read(client: PageClient, view: ComparisonView) -> tuple[TrainingJobComparison, dict[str, Curves]]:
    """The comparison and the series of its jobs, asked for at once. Raises what the comparison does."""
    series = asyncio.ensure_future(curves_of(client, view))
    try:
        found = await client.compare(view.jobs)
    except PipelineError:
        with suppress(PipelineError):  # what is said of all ids, and not what is said of one of them
            await series
        raise
    return found, await series


async def curves_of(client: PageClient, view: ComparisonView) -> dict[str, Curves]:
    """The series of the jobs, by job."""
    first, last = steps_of(view)
    ids = list(dict.fromkeys(view.jobs))[:MOST]
    asked = (
        client.curves(job_id, from_step=first, to_step=last, resolution=resolution(view), smoothing=view.smoothing)
        for job_id in ids
    )
    return dict(zip(ids, await asyncio.gather(*asked), strict=True))


class ComparisonPage:
    """The page. What is around the curves is drawn anew only where it has changed."""

    def __init__(
        self, client: PageClient, view: ComparisonView, found: TrainingJobComparison, curves: dict[str, Curves]
    ) -> None:
        self._client, self._view, self._found, self._curves = client, view, found, curves
        self._loaded = _needs(view)  # what the curves are for, which is not the view while others are waited for
        _head(f"Compare {len(found.jobs)} jobs")
        self._above = Tag("div")
        self._panel = CurvesPanel(found.jobs, view, self._go)
        self._below = Tag("div")
        self._show()

    async def refresh(self) -> None:
        """Show the jobs as they now are; those that have ended change no more."""
        if all(job.status in TERMINAL for job in self._found.jobs):
            return
        view = self._view
        found, curves = await read(self._client, view)
        if view is not self._view:
            return
        if found == self._found:
            self._draw(curves)
            return
        self._found, self._curves = found, curves
        self._show()

    async def back(self, event: Any) -> None:
        """Show what the URL says after the browser went back or forward."""
        view = ComparisonView.parse({str(name): str(value) for name, value in event.args.items()})
        if view.jobs != self._view.jobs:  # a page of other jobs
            ui.navigate.reload()
            return
        await self._open(view)

    async def _go(self, view: ComparisonView) -> None:
        if view != self._view:
            ui.navigate.history.push(view.address())
            await self._open(view)

    async def _open(self, view: ComparisonView) -> None:
        self._view = view
        self._parameters.show(view)
        self._panel.choose(view)  # before anything is awaited, so that what is clicked meanwhile adds to this view
        loaded = self._loaded == _needs(view)
        curves = self._curves if loaded else await curves_of(self._client, view)
        if view is self._view:
            self._show_jobs()
            self._draw(curves)

    def _draw(self, curves: dict[str, Curves]) -> None:
        self._curves, self._loaded = curves, _needs(self._view)
        self._panel.show(self._found.jobs, curves, self._view)

    def _show(self) -> None:
        self._show_jobs()
        self._draw(self._curves)
        self._below.clear()
        with self._below:
            self._parameters = ParametersPanel(self._found, self._view, self._go)
            tables.differences(self._found)
            tables.data(self._found)
            evaluations(self._found)

    def _show_jobs(self) -> None:
        self._above.clear()
        with self._above:
            tables.verdict(self._found.validation_losses)
            tables.jobs(self._found, self._view)


def _needs(view: ComparisonView) -> tuple[tuple[int, int], float]:
    """What decides which curves are asked for."""
    return steps_of(view), view.smoothing


def _head(title: str) -> None:
    with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
        link("Train", urls.HOME)
        Tag("span", "/", aria_hidden="true")
        Tag("span", "Compare", aria_current="page")
    with Tag("div", classes="page-head"), Tag("div"):
        Tag("h1", title)
        Tag("p", "Every other job is compared with the first, A.", classes="lede")
