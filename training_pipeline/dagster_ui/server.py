"""The process that serves Dagster's UI: Dagster's own ASGI app, behind the guard. `up` starts it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from starlette.types import ASGIApp

from training_pipeline.api.head_limit import LONGEST_HEAD
from training_pipeline.api.header_deadline import protocol
from training_pipeline.api.server import CONNECTIONS
from training_pipeline.auth.tokens import ApiTokens
from training_pipeline.dagster_ui.attribution import attribute_runs
from training_pipeline.dagster_ui.callers import Callers
from training_pipeline.dagster_ui.guard import Guard
from training_pipeline.dagster_ui.origins import Origins
from training_pipeline.dagster_ui.workspace import Workspace
from training_pipeline.infra.database import open_database
from training_pipeline.infra.processes import allow_descriptors
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.store.jobs import JobStore

_log: Final = logging.getLogger("dagster-webserver")
#: As Dagster's own command has them: limits of a statement (ms) and of a connection's age (s), connections on top of
#: the pool's, and how often the UI asks for news (ms).
STATEMENT_MILLISECONDS: Final = 15_000
CONNECTION_SECONDS: Final = 3600
MORE_CONNECTIONS: Final = 20
POLL_MILLISECONDS: Final = 2000
SHUTDOWN_SECONDS: Final = 5


@contextmanager
def dagster_app(instance: DagsterInstance, workspace: Path, *, read_only: bool) -> Iterator[ASGIApp]:
    """Dagster's UI on the code locations that the file `workspace` names, which are loaded first.

    It answers only what a guard has set a caller for. Its runs say who launched them.
    """
    attribute_runs(instance)
    target = WorkspaceFileTarget(paths=[os.fspath(workspace)])
    with Workspace(instance, version=__version__, read_only=read_only, workspace_load_target=target) as context:
        yield DagsterWebserver(context, live_data_poll_rate=POLL_MILLISECONDS).create_asgi_app()


def guarded(app: ASGIApp, settings: Settings, tokens: ApiTokens, *, read_only: bool, probe: str = "") -> Guard:
    """The app behind its guard."""
    return Guard(
        app,
        callers=Callers(settings, tokens, probe=probe),
        origins=Origins.of(settings, read_only=read_only),
        failures_per_minute=settings.api_failures_per_minute,
        max_body_bytes=settings.api_max_body_bytes,
    )


def serve(workspace: str, probe: str, *, read_only: bool) -> None:
    """Serve until SIGTERM or SIGINT, at the address that the settings name.

    The file `probe` holds the secret by which `up` looks whether this is up.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    for name in ("dagster", "dagster-webserver"):
        logging.getLogger(name).setLevel(logging.INFO)
    settings = Settings()
    host, port = settings.webserver_host, settings.webserver_port
    if read_only:
        host, port = settings.read_only_host or host, settings.read_only_port
    tokens = ApiTokens(JobStore(open_database(settings).engine()))
    secret = Path(probe).read_text(encoding="ascii")
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, CONNECTION_SECONDS, MORE_CONNECTIONS)
        with dagster_app(instance, Path(workspace), read_only=read_only) as app:
            _log.info("Dagster's %s is on %s:%d", "read-only UI" if read_only else "UI", host, port)
            guard = guarded(app, settings, tokens, read_only=read_only, probe=secret)
            allow_descriptors(CONNECTIONS + 500)
            uvicorn.run(guard, host=host, port=port, **options(settings))


def options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves the UI: what a client may take of it is bounded as for the REST API."""
    return {
        "http": protocol(settings.api_trusted_proxies),
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": settings.api_trusted_proxies is not None,  # what a client says of itself is not believed
        "forwarded_allow_ips": settings.api_trusted_proxies,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "limit_concurrency": CONNECTIONS,
        "h11_max_incomplete_event_size": LONGEST_HEAD,
        "ws_max_size": settings.api_max_body_bytes,
    }
