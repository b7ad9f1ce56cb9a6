"""The FastAPI application: routes, middleware and error handlers around one installation's services."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final, cast

from anyio import to_thread
from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from training_pipeline.api import openapi, problems
from training_pipeline.api.auth.bearer import authentication
from training_pipeline.api.auth.sessions import Sessions, page_authentication
from training_pipeline.api.events.live import Live
from training_pipeline.api.known_parameters import only_known_parameters
from training_pipeline.api.middleware.access import Access
from training_pipeline.api.middleware.limits import BODY_SECONDS, Bodies, TimeLimit
from training_pipeline.api.middleware.methods import Methods
from training_pipeline.api.middleware.page_sockets import PageSockets
from training_pipeline.api.middleware.request_log import HEADER, Requests, Unforeseen
from training_pipeline.api.routes import (
    advice,
    audit,
    compare,
    decisions,
    diff,
    evaluations,
    events,
    health,
    jobs,
    lineage,
    log,
    metrics,
    model_versions,
    models,
    playground,
    promotions,
    results,
    revocations,
    session,
    sheet_edits,
    sheet_imports,
    sheet_versions,
    studies,
    suites,
    system_metrics,
    training_sheets,
    uses,
)
from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.api.turns import Turns
from training_pipeline.app.container import Services
from training_pipeline.app.everything import open_everything
from training_pipeline.settings import Settings

PREFIX: Final = "/api/v1/training"
#: Where files come in: for programs, and from the page of imports.
UPLOADS: Final = (f"{PREFIX}/training-sheets", "/train/uploads")
#: How often uploads are looked through for those that are too old.
SWEEP_SECONDS: Final = 300.0
_log = logging.getLogger(__name__)


async def _sweep(parts: Services) -> None:
    """Delete uploads that nobody made a training sheet of, again and again."""
    while True:
        try:
            await to_thread.run_sync(parts.imports.uploads.sweep)
        except Exception:  # noqa: BLE001 - whatever it is, the next one may succeed
            _log.exception("Uploads that are too old were not deleted; tried again in %g s", SWEEP_SECONDS)
        await asyncio.sleep(SWEEP_SECONDS)


def create_app(settings: Settings, services: Services | None = None) -> FastAPI:
    """The application on `services`. Without `services` it opens those of the settings while it runs.

    Nothing is read or written before it runs.
    """

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        opened = None if services is not None else await to_thread.run_sync(open_everything, settings)
        app.state.services = parts = services or cast("Services", opened)
        # Whoever waits for half of the time of a request has the other half for its work.
        app.state.creates = Turns(settings.api_creates_at_once, wait_seconds=settings.api_request_seconds / 2)
        try:
            sweeping = asyncio.create_task(_sweep(parts))
            try:
                async with Live(parts.store, parts.database).running() as app.state.live:
                    yield
            finally:
                sweeping.cancel()
        finally:
            if opened is not None:
                opened.store.engine.dispose()

    app = FastAPI(
        title=openapi.TITLE,
        version=version("training_pipeline"),
        lifespan=running,
        openapi_url="/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    app.state.authenticate = authentication(settings)
    app.state.sessions = Sessions(settings, public_url=settings.api_public_url)
    app.state.authenticate_page = page_authentication(settings, app.state.sessions)
    app.state.polls = SingleFlight()
    for part in (
        compare,  # before `/jobs/{job_id}`, which would take it for an id
        jobs,
        advice,
        events,
        metrics,
        results,
        log,
        lineage,
        diff,
        audit,
        training_sheets,
        sheet_versions,
        sheet_edits,
        sheet_imports,
        models,
        uses,
        model_versions,
        evaluations,
        playground,
        promotions,
        revocations,
        decisions,
        studies,
        suites,
        system_metrics,
    ):
        app.include_router(part.router, prefix=PREFIX, dependencies=[Depends(only_known_parameters)])
    app.include_router(health.router)
    app.include_router(session.router)
    app.openapi = lambda: openapi.document(app, needs_token=settings.auth == "token")  # type: ignore[method-assign]
    problems.install(app)
    # The last one that is added is the first one that a request meets.
    app.add_middleware(Methods, api=app)
    app.add_middleware(Bodies, max_bytes=settings.api_max_body_bytes, seconds=BODY_SECONDS, uploads=UPLOADS)
    app.add_middleware(Access, api=app, settings=settings)
    app.add_middleware(PageSockets, api=app, settings=settings)
    app.add_middleware(TimeLimit, seconds=settings.api_request_seconds, uploads=UPLOADS)
    app.add_middleware(Unforeseen)
    if settings.cors_origins:  # around whatever answers, so that a page can read what went wrong
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", HEADER],
            expose_headers=["Idempotent-Replayed", "Location", "Retry-After", HEADER],
        )
    app.add_middleware(Requests)
    return app
