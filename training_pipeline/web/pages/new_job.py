"""/train/new: the form for a new job, and for a retry."""

from __future__ import annotations

from fastapi import Request
from nicegui import background_tasks, ui

from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.web import urls
from training_pipeline.web.elements import Tag, link
from training_pipeline.web.form.form import JobForm
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.site import Site


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/new")
    async def new_job(request: Request) -> None:
        client = site.client(request)
        query = dict(request.query_params)
        retried = None
        if "retry" in query:
            try:
                retried = await client.job(query["retry"])
            except NotFound as error:
                show_not_found(site, client.caller, error)
                return
        title = "New training job" if retried is None else f"Retry {retried.model_name}"
        with frame(title, site, client.caller):
            with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
                link("Train", urls.HOME)
                if retried is not None:
                    Tag("span", "/", aria_hidden="true")
                    link(retried.id, urls.job(retried.id))
                Tag("span", "/", aria_hidden="true")
                Tag("span", "Retry" if retried else "New job", aria_current="page")
            with Tag("div", classes="page-head"), Tag("div"):
                Tag("h1", title)
                words = "Choose what to train on. The summary shows the plan before anything is created."
                if retried is not None:
                    words = "A new job with the same sheet, model and split. Change its configuration below."
                Tag("p", words, classes="lede")
            try:
                client.require_create()
                form = JobForm(client, query, retried, await client.sheets(), await client.base_models())
            except PipelineError as error:
                problem(error, title="You cannot create a job")
                return
        background_tasks.create(form.begin(ui.context.client), name="see the estimate for a job")
