from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services, assemble
from training_pipeline.infra.database import Database
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.testing.installation import stand_in_services
from training_pipeline.testing.jobs import ScriptedBackend
from training_pipeline.testing.small_sheet import rows, write_sheet


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    ensure_state_directory(settings)
    write_sheet(settings.sheets, "small", [*rows(39), *rows(1, pair_id="x", status="rejected")])
    parts = assemble(settings, database, backend=backend)
    yield parts
    parts.store.engine.dispose()


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
