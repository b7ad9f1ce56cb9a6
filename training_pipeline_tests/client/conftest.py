from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.system.installation import scripted_services


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    with scripted_services(settings, database, backend) as parts:
        yield parts


@pytest.fixture
def done(services: Services) -> TrainingJob:
    """A job that has succeeded, with everything that is kept of one."""
    return succeeded(services)
