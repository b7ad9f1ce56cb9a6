"""/train/login: exchanges a token for a session. A static page, since live pages need a session."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse
from nicegui import app as pages

from training_pipeline.web.site import Site
from training_pipeline.web.static_files import STATIC


def register(site: Site) -> None:
    """Add the page."""
    page = (STATIC / "login.html").read_text().replace("{version}", site.app.version)

    @pages.get("/login", include_in_schema=False)
    def login(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})
