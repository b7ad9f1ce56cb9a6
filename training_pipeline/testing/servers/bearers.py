"""Clients that say who they are, for tests of an app that asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Role
from training_pipeline.settings import Settings


def token_of(services: Services, name: str, role: Role, *, days: float = 1) -> tuple[str, str]:
    """The id and the text of a new token."""
    token, text = services.tokens.create(name, role, timedelta(days=days), created_by="root")
    return token.id, text


def bearer(services: Services, name: str, role: Role) -> dict[str, str]:
    """The headers of somebody with a new token."""
    return {"Authorization": f"Bearer {token_of(services, name, role)[1]}"}


@contextmanager
def asking_client(settings: Settings, services: Services, **values: object) -> Iterator[TestClient]:
    """A client, without a token yet, of an app that asks for one."""
    asking = settings.model_copy(update={"auth": "token", "api_failures_per_minute": 10_000, **values})
    with TestClient(create_app(asking, services), raise_server_exceptions=False) as client:
        yield client
