"""The client that a command works with: of the REST API that is named, else of this installation.

A command that lists or shows opens its subject alone, and so imports what that subject needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from training_pipeline.cli.user import caller
from training_pipeline.client.config import remote_service
from training_pipeline.settings import Settings

if TYPE_CHECKING:
    from training_pipeline.app.container import Services
    from training_pipeline.client.base import Client
    from training_pipeline.client.config import RemoteService
    from training_pipeline.client.governance.base import Governance
    from training_pipeline.client.http import HttpService
    from training_pipeline.client.jobs.base import Jobs
    from training_pipeline.client.models.base import Models
    from training_pipeline.client.services import Drive
    from training_pipeline.domain.job import TrainingJob


@contextmanager
def open_client(url: str | None, token: str | None) -> Iterator[Client]:
    """The client of the service at `url`; where there is none, here or in the environment, of this installation.

    Raises `InvalidRequest` for an address or a token that cannot be one, and `Unavailable`.
    """
    if (remote := remote_service(url, token)) is not None:
        from training_pipeline.client.remote import RemoteClient

        with _http(remote) as service:
            yield RemoteClient(service)
        return
    from training_pipeline.client.local import LocalClient

    with _here() as (services, drive):
        yield LocalClient(services, caller(), drive=drive)


@contextmanager
def open_jobs(url: str | None, token: str | None) -> Iterator[Jobs]:
    """What `open_client` gives, of training jobs alone. Raises as that does."""
    if (remote := remote_service(url, token)) is not None:
        from training_pipeline.client.jobs.remote import RemoteJobs

        with _http(remote) as service:
            yield RemoteJobs(service)
        return
    from training_pipeline.client.jobs.local import LocalJobs

    with _here() as (services, drive):
        yield LocalJobs(services, caller(), drive=drive)


@contextmanager
def open_models(url: str | None, token: str | None) -> Iterator[Models]:
    """What `open_client` gives, of model versions alone. Raises as that does."""
    if (remote := remote_service(url, token)) is not None:
        from training_pipeline.client.models.remote import RemoteModels

        with _http(remote) as service:
            yield RemoteModels(service)
        return
    from training_pipeline.client.models.local import LocalModels

    with _here() as (services, _):
        yield LocalModels(services, caller())


@contextmanager
def open_governance(url: str | None, token: str | None) -> Iterator[Governance]:
    """What `open_client` gives, of uses, revocations and decisions alone. Raises as that does."""
    if (remote := remote_service(url, token)) is not None:
        from training_pipeline.client.governance.remote import RemoteGovernance

        with _http(remote) as service:
            yield RemoteGovernance(service)
        return
    from training_pipeline.client.governance.local import LocalGovernance

    with _here() as (services, _):
        yield LocalGovernance(services, caller())


@contextmanager
def _http(remote: RemoteService) -> Iterator[HttpService]:
    from training_pipeline.client.http import HttpService

    if remote.exposes_token:
        typer.echo(f"Warning: the token is sent unencrypted to {remote.url}; use https://.", err=True)
    with HttpService(remote) as service:
        yield service


@contextmanager
def _here() -> Iterator[tuple[Services, Drive]]:
    from training_pipeline.app.container import open_services
    from training_pipeline.cli.system.environment import prepare_environment

    settings = Settings()
    prepare_environment(settings)
    services = open_services(settings)

    def drive(job_id: str) -> Iterator[TrainingJob]:
        from training_pipeline.cli.system.driver import driven
        from training_pipeline.cli.system.installation import installation

        with installation(settings) as (parts, instance):
            yield from driven(parts, instance, job_id)

    try:
        yield services, drive
    finally:
        services.store.engine.dispose()
