"""The pages for unknown addresses and for errors while a page is built."""

from __future__ import annotations

from typing import Final

from fastapi import Request, Response
from nicegui import Client, ui
from nicegui import app as pages
from nicegui.page import page

from training_pipeline.api import problems
from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import PipelineError
from training_pipeline.web import urls
from training_pipeline.web.elements import Tag, icon, link
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.site import Site

#: How a hint begins that names what is there instead.
NEAREST: Final = "Nearest: "


def register(site: Site) -> None:
    """Register the handlers of unknown addresses under /train and of errors while a page is built."""

    @pages.exception_handler(404)
    async def not_found(request: Request, _: Exception) -> Response:
        caller = getattr(request.state, "page_caller", None)
        if caller is None:  # beside a file of the pages, which are open to all: nobody was asked
            return problems.problem(request.url.path, 404, "no_such_path", "Nothing exists at this path.")
        with Client(page(""), request=request) as client:
            show_not_found(site, caller)
        return client.build_response(request, 404)

    @pages.on_page_exception
    def failed(error: Exception) -> None:
        asked = ui.context.client.request
        with frame("Error", site, getattr(asked.state, "page_caller", None)):
            if isinstance(error, PipelineError):
                problem(error, title="This page cannot be shown right now")
            else:
                with Tag("div", classes="notice bad", role="alert"):
                    icon("alert")
                    Tag("p", "An unexpected error occurred. See the service's log for details.")
            with Tag("p", classes="after"):
                link("Try again", str(asked.url.path), classes="button")


def show_not_found(site: Site, caller: Caller, error: PipelineError | None = None) -> None:
    """Make the page inside the current one, with the service's words where it has said why."""
    ui.status_code(404)
    with frame("Not found", site, caller), Tag("div", classes="empty whole"):
        icon("search")
        Tag("h1", "Page not found")
        Tag("p", error.message if error else "Check the address: it may be mistyped or outdated.", classes="muted")
        if error and error.hint.startswith(NEAREST):
            Tag("p", error.hint, classes="muted")
        link("Go to jobs", urls.HOME, classes="button primary")
