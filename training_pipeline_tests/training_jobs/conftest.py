from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline.app.container import Services
from training_pipeline.infra.database import Database
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import assembled


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    """On a sheet `small` of forty pairs."""
    ensure_state_directory(settings)
    write_sheet(settings.sheets, "small", rows(40))
    parts = assembled(settings, database, backend=backend)
    yield parts
    parts.store.engine.dispose()
