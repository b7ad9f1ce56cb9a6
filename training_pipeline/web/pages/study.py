"""/train/studies/{name}: one study, live."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.errors import NotFound
from training_pipeline.schemas.study import StudyPage
from training_pipeline.web.charts.metric_chart import ask_early
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag
from training_pipeline.web.layout import PAGE_SECONDS, Watch, frame
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.site import Site
from training_pipeline.web.studies.asked import asked_for
from training_pipeline.web.studies.best import BestPanel, BudgetPanel
from training_pipeline.web.studies.charts import StudyCharts
from training_pipeline.web.studies.head import StudyHead
from training_pipeline.web.studies.trials import TrialTable


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/studies/{name}", response_timeout=PAGE_SECONDS)
    async def study(request: Request, name: str) -> None:
        client = site.client(request)
        watch = Watch(site, client.caller)  # its trials are jobs, and it is announced among them
        try:
            found = await client.study(name)
        except NotFound as error:
            show_not_found(site, client.caller, error)
            return
        with frame(f"Study {found.name}", site, client.caller):
            ask_early()
            page = StudyView(client, found)
        watch.keep_fresh(page.refresh)


class StudyView:
    """The page. Each part of it is drawn anew only where it has changed."""

    def __init__(self, client: PageClient, found: StudyPage) -> None:
        self._client, self._found = client, found
        self._head = StudyHead(client, found, self.refresh)
        with Tag("div", classes="columns"):
            with Tag("div"):
                self._best = BestPanel(client)
            with Tag("div"):
                self._budget = BudgetPanel()
        self._charts = StudyCharts()
        self._trials = TrialTable(client, found)
        asked_for(found)
        self._show(found)

    async def refresh(self) -> None:
        """Show the study as it now is."""
        found = await self._client.study(self._found.name)
        if found != self._found:
            self._found = found
            self._show(found)

    def _show(self, found: StudyPage) -> None:
        self._head.show(found)
        self._best.show(found)
        self._budget.show(found)
        self._charts.show(found)
        self._trials.show(found)
