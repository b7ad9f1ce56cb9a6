"""/train/docs: the documentation of this version, its changes, and the reference of the REST API."""

from __future__ import annotations

from fastapi import Request
from nicegui import run, ui

from training_pipeline.web import documentation, urls
from training_pipeline.web.documentation import CONTENTS, START
from training_pipeline.web.elements import Tag, link
from training_pipeline.web.layout import frame
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.site import Site


def register(site: Site) -> None:
    """Add the pages."""

    @ui.page("/docs")
    @ui.page("/docs/{name}")
    async def docs(request: Request, name: str = START) -> None:
        caller = site.client(request).caller
        try:
            found = await run.io_bound(documentation.document, name)
        except KeyError:
            show_not_found(site, caller)
            return
        if found is None:  # the server is shutting down
            return
        with frame(found.title, site, caller), Tag("div", classes="document-page"):
            _contents(name)
            # Made of files of this package, in which HTML is no more than text.
            ui.html(found.html, sanitize=False, tag="article").classes("document")


def _contents(shown: str) -> None:
    with Tag("nav", classes="contents", aria_label="Documentation"):
        for group, names in CONTENTS.items():
            Tag("h2", group)
            with Tag("ul"):
                for name in names:
                    with Tag("li"):
                        current = "page" if name == shown else None
                        link(documentation.title(name), urls.document(name), aria_current=current)
