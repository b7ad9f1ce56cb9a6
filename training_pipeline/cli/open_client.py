"""The client that a command works with: of the REST API that is named, else of this installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from training_pipeline.cli.user import caller
from training_pipeline.client.base import Client
from training_pipeline.client.config import remote_service
from training_pipeline.domain.job import TrainingJob
from training_pipeline.settings import Settings

if TYPE_CHECKING:
    from training_pipeline.client.config import RemoteService
    from training_pipeline.client.local import LocalClient
    from training_pipeline.client.remote import RemoteClient


@contextmanager
def open_client(url: str | None, token: str | None) -> Iterator[Client]:
    """The client of the service at `url`; where there is none, here or in the environment, of this installation.

    Raises `InvalidRequest` for an address or a token that cannot be one, and `Unavailable`.
    """
    remote = remote_service(url, token)
    with _local() if remote is None else _remote(remote) as client:
        yield client


@contextmanager
def _remote(remote: RemoteService) -> Iterator[RemoteClient]:
    from training_pipeline.client.http import HttpService
    from training_pipeline.client.remote import RemoteClient

    if remote.exposes_token:
        typer.echo(f"Warning: the token is sent unencrypted to {remote.url}; use https://.", err=True)
    with HttpService(remote) as service:
        yield RemoteClient(service)


@contextmanager
def _local() -> Iterator[LocalClient]:
    from training_pipeline.app.container import open_services
    from training_pipeline.cli.system.environment import prepare_environment
    from training_pipeline.client.local import LocalClient

    settings = Settings()
    prepare_environment(settings)
    services = open_services(settings)

    def drive(job_id: str) -> Iterator[TrainingJob]:
        from training_pipeline.cli.system.driver import driven
        from training_pipeline.cli.system.installation import installation

        with installation(settings) as (parts, instance):
            yield from driven(parts, instance, job_id)

    try:
        yield LocalClient(services, caller(), drive=drive)
    finally:
        services.store.engine.dispose()
