"""/train/jobs/{id}: one job, on tabs with a URL each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from anyio import to_thread
from fastapi import Request
from fastapi.responses import Response
from nicegui import app as pages
from nicegui import ui

from training_pipeline.api.downloads import Archive
from training_pipeline.api.problems import of_pipeline_error
from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import urls
from training_pipeline.web.charts.metric_chart import ask_early
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag
from training_pipeline.web.jobs.events import EventsTab
from training_pipeline.web.jobs.head import JobHead
from training_pipeline.web.jobs.lineage import LineageTab
from training_pipeline.web.jobs.log import LogTab
from training_pipeline.web.jobs.metrics import MetricsTab, csv_of
from training_pipeline.web.jobs.overview import OverviewTab
from training_pipeline.web.jobs.result import ResultTab
from training_pipeline.web.jobs.system import SystemTab
from training_pipeline.web.layout import Watch, frame
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.site import Site

Query = dict[str, str]


class Tab(Protocol):
    """A part of the page; `show` is called whenever the job has changed."""

    async def show(self, job: TrainingJob) -> None:
        """Show what there is now."""
        ...


#: Word in the address, title, and what makes the tab.
TABS: Final[tuple[tuple[str, str, Callable[[PageClient, str, Query], Tab]], ...]] = (
    ("", "Overview", OverviewTab),
    ("metrics", "Metrics", MetricsTab),
    ("result", "Result", ResultTab),
    ("events", "Events", EventsTab),
    ("system", "System", SystemTab),
    ("log", "Log", LogTab),
    ("lineage", "Lineage", LineageTab),
)


def register(site: Site) -> None:
    """Add the page and the file of a job's metrics."""

    @ui.page("/jobs/{job_id}")
    async def overview(request: Request, job_id: str) -> None:
        await _job(site, request, job_id, "")

    @ui.page("/jobs/{job_id}/{tab}")
    async def tabs(request: Request, job_id: str, tab: str) -> None:
        await _job(site, request, job_id, tab)

    @pages.get("/jobs/{job_id}/metrics.csv")
    async def metrics(request: Request, job_id: str) -> Response:
        try:
            return await csv_of(site.client(request), job_id)
        except PipelineError as error:
            return of_pipeline_error(urls.job(job_id), error)

    @pages.get("/jobs/{job_id}/audit.zip")
    async def audit(request: Request, job_id: str) -> Response:
        try:
            return Archive(await to_thread.run_sync(site.client(request).local.audit_job, job_id), job_id)
        except PipelineError as error:
            return of_pipeline_error(urls.job(job_id), error)

    # Routes are tried in their order, and the tabs would take these.
    for _ in range(2):
        pages.router.routes.insert(0, pages.router.routes.pop())


async def _job(site: Site, request: Request, job_id: str, tab: str) -> None:
    client = site.client(request)
    try:
        job = await client.job(job_id)
    except NotFound as error:
        show_not_found(site, client.caller, error)
        return
    if tab not in {word for word, *_ in TABS} or (not tab and request.url.path.endswith("/")):
        show_not_found(site, client.caller)
        return
    watch = Watch(site, client.caller, job_id)
    with frame(f"{job.model_name} {job.id}", site, client.caller):
        if tab in {"metrics", "system"}:
            ask_early()
        page = JobPage(client, job, tab, dict(request.query_params))
        await page.refresh()
    watch.keep_fresh(page.refresh)
    ui.on("address", page.go)


class JobPage:
    """Header, tabs, and the tab that is open."""

    def __init__(self, client: PageClient, job: TrainingJob, tab: str, query: Query) -> None:
        self._client = client
        self._id = job.id
        self._head = JobHead(client, job, self.refresh)
        self._links: dict[str, Tag] = {}
        with Tag("nav", classes="tabs", aria_label="About this job"):
            for word, title, _ in TABS:
                link = Tag("a", title, href=urls.job(self._id, word))
                link.on("click", self._follow(word), js_handler=_PLAIN_CLICK)
                self._links[word] = link
        self._place = Tag("div", classes="tab")
        self._open(tab, query)

    async def refresh(self) -> None:
        """Show the job as it now is."""
        job = await self._client.job(self._id)
        self._head.show(job)
        await self._head.show_waiting()
        await self._head.show_taints()
        await self._tab.show(job)

    async def go(self, event: Any) -> None:
        """Open the tab in the URL after the browser went back or forward."""
        query = {str(name): str(value) for name, value in event.args.items()}
        tab = query.pop("path").removeprefix(urls.job(self._id)).strip("/")
        self._open(tab if tab in self._links else "", query)
        await self.refresh()

    def _follow(self, word: str) -> Callable[[], Awaitable[None]]:
        async def follow() -> None:
            ui.navigate.history.push(urls.job(self._id, word))
            self._open(word, {})
            await self.refresh()

        return follow

    def _open(self, tab: str, query: Query) -> None:
        make = next(make for word, _, make in TABS if word == tab)
        for word, link in self._links.items():
            link.set(aria_current="page" if word == tab else None)
        self._place.clear()
        with self._place:
            self._tab = make(self._client, self._id, query)


#: A click that opens a new tab or window stays the browser's own.
_PLAIN_CLICK: Final = (
    "(event) => { if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;"
    " event.preventDefault(); emit(); }"
)
