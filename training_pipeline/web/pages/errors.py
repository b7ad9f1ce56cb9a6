"""What is shown where there is nothing at an address, and where a page could not be made."""

from __future__ import annotations

from fastapi import Request, Response
from nicegui import Client, ui
from nicegui import app as pages
from nicegui.page import page

from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import PipelineError
from training_pipeline.web import urls
from training_pipeline.web.elements import Tag, icon, link
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.site import Site


def register(site: Site) -> None:
    """Answer every address under the pages that none of them has, and every error that making a page meets."""

    @pages.exception_handler(404)
    async def not_found(request: Request, _: Exception) -> Response:
        with Client(page(""), request=request) as client:
            show_not_found(site, request.state.page_caller)
        return client.build_response(request, 404)

    @pages.on_page_exception
    def failed(error: Exception) -> None:
        asked = ui.context.client.request
        with frame("Error", site, getattr(asked.state, "page_caller", None)):
            if isinstance(error, PipelineError):
                problem(error, title="This page cannot be shown now")
            else:
                with Tag("div", classes="notice bad", role="alert"):
                    icon("alert")
                    Tag("p", "Something unforeseen went wrong. The service's log says more.")
            with Tag("p", classes="after"):
                link("Try again", str(asked.url.path), classes="button")


def show_not_found(site: Site, caller: Caller, error: PipelineError | None = None) -> None:
    """Make the page inside the current one, with the service's words where it has said why."""
    ui.status_code(404)
    with frame("Not found", site, caller), Tag("div", classes="empty whole"):
        icon("search")
        Tag("h1", "There is nothing here.")
        Tag("p", error.message if error else "The address may be mistyped, or of an older version.", classes="muted")
        link("Go to the jobs", urls.HOME, classes="button primary")
