"""/train/new-study: the form for a new study."""

from __future__ import annotations

from fastapi import Request
from nicegui import background_tasks, ui

from training_pipeline.domain.errors import PipelineError
from training_pipeline.web import urls
from training_pipeline.web.elements import Tag, link
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.site import Site
from training_pipeline.web.studies.form import StudyForm

_LEDE = "Choose what to search, and what it may cost. Everything is checked, and a trial planned, before it begins."


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/new-study")
    async def new_study(request: Request) -> None:
        client = site.client(request)
        with frame("New study", site, client.caller):
            with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
                link("Studies", urls.STUDIES)
                Tag("span", "/", aria_hidden="true")
                Tag("span", "New study", aria_current="page")
            with Tag("div", classes="page-head"), Tag("div"):
                Tag("h1", "New study")
                Tag("p", _LEDE, classes="lede")
            try:
                client.require_search()
                form = StudyForm(client, dict(request.query_params), await client.sheets(), await client.base_models())
            except PipelineError as error:
                problem(error, title="You cannot create a study")
                return
        background_tasks.create(form.begin(ui.context.client), name="ask what a study would come to")
