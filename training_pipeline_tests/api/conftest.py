from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.system.installation import scripted_services, stand_in_services


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    with scripted_services(settings, database, backend) as parts:
        yield parts


@pytest.fixture
def default_services(settings: Settings, database: Database) -> Iterator[Services]:
    """What a default installation has: the bundled sample sheet and the local backend, but for its trainer."""
    with stand_in_services(settings, database) as parts:
        yield parts


@pytest.fixture
def client(settings: Settings, services: Services) -> Iterator[TestClient]:
    """A client of the app itself. What the app does not foresee is a 500, as it is for everybody."""
    with TestClient(create_app(settings, services), raise_server_exceptions=False) as client:
        yield client
