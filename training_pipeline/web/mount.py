"""Mounts the pages on the REST API's app. NiceGUI allows one app per process, so the server calls this once."""

from __future__ import annotations

import os
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from training_pipeline.settings import Settings
from training_pipeline.web.static_files import BASE, STATIC

#: How long a page that lost its connection is kept for it. Longer than that, it is opened anew at its address.
RECONNECT_SECONDS: Final = 15.0


def mount(app: FastAPI, settings: Settings) -> None:
    """Serve the pages under /train, with `/` leading there. Reads and writes nothing before the app runs.

    NiceGUI is imported here and nowhere else at import, because that takes a second.
    """
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(settings.state_dir / "pages"))
    from nicegui import Client, core, ui
    from nicegui import app as pages

    from training_pipeline.web.pages import (
        compare,
        diff,
        docs,
        errors,
        estimates,
        imports,
        job,
        login,
        model_version,
        models,
        new_job,
        new_study,
        revocations,
        sheet,
        studies,
        study,
        train,
        uses,
    )
    from training_pipeline.web.shell import Shell
    from training_pipeline.web.site import Site

    site = Site(app, settings)
    core.app.config.socket_io_js_transports = ["websocket"]
    core.app.config.quasar_config["loadingBar"]["skipHijack"] = True
    pages.add_static_files("/static", STATIC)
    for page in (
        login,
        train,
        imports,
        sheet,
        new_job,
        job,
        diff,
        compare,
        estimates,
        uses,
        models,
        model_version,
        studies,
        study,
        new_study,
        revocations,
        docs,
        errors,
    ):
        page.register(site)
    ui.run_with(
        app,
        mount_path=BASE,
        title="training_pipeline",
        favicon=STATIC / "favicon.svg",
        dark=None,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=RECONNECT_SECONDS,
        binding_refresh_interval=None,
        gzip_middleware_factory=None,  # the shell compresses, after it has had its say
    )

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    def landing(_: Request) -> RedirectResponse:
        return RedirectResponse(BASE)

    app.add_middleware(Shell, site=site, pages=Client)
