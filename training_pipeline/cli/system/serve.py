"""`training-pipeline serve`: the REST API and the pages on it."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.loopback import resolves_to_loopback
from training_pipeline.infra.processes import allow_descriptors
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
) -> None:
    """Serve the REST API and the TRAIN page until Ctrl-C."""
    chosen = {"api_host": host, "api_port": port}
    settings = Settings(**{name: value for name, value in chosen.items() if value is not None})  # type: ignore[arg-type]
    require_safe_address(settings)

    from training_pipeline.api.app import create_app
    from training_pipeline.api.auth.proxy_user import proxied
    from training_pipeline.api.logs import log_as_json
    from training_pipeline.api.server import CONNECTIONS, Server
    from training_pipeline.cli.system import health
    from training_pipeline.cli.system.environment import prepare_environment
    from training_pipeline.urls import server_url
    from training_pipeline.web import mount as web

    health.require_free_port(settings.api_host, settings.api_port, setting="API")
    prepare_environment(settings)
    log_as_json()
    typer.echo(f"The REST API is on {server_url(settings.api_host, settings.api_port)}", err=True)
    allow_descriptors(CONNECTIONS + 500)
    app = create_app(settings)
    web.mount(app, settings)
    server = Server(
        app,
        host=settings.api_host,
        port=settings.api_port,
        trusted_proxies=settings.api_trusted_proxies,
        outermost=proxied(app, settings),
    )
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(1)


def require_safe_address(settings: Settings) -> None:
    """Raise `InvalidRequest` if authentication is off and the host can be reached from other machines."""
    if settings.auth == "none" and not resolves_to_loopback(settings.api_host):
        raise InvalidRequest(
            f"Without authentication the REST API is for this machine only; {settings.api_host} is open to others.",
            hint=f"Set {PREFIX}API_HOST=127.0.0.1, or require tokens with {PREFIX}AUTH=token.",
        )
