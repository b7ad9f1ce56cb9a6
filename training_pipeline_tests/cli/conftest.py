from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator

import pytest

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.servers.served_api import served
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import stand_in_services
from training_pipeline.testing.trainers.local_backend import reap, stand_in_program


@pytest.fixture
def installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The settings of an installation on the test's database, as the command line reads them."""
    assert settings.database_url is not None
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("TRAINING_PIPELINE_LOCAL_TRAINER", shlex.join(stand_in_program()))
    for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL"):
        monkeypatch.setenv(name, "")  # so that what the command sets is undone
    level = logging.getLogger("dagster").level
    yield settings
    logging.getLogger("dagster").setLevel(level)
    reap(settings.runs)


@pytest.fixture
def services(installed: Settings, database: Database) -> Iterator[Services]:
    with stand_in_services(installed, database) as parts:
        write_sheet(installed.sheets, "small", [*rows(39), *rows(1, pair_id="x", status="rejected")])
        yield parts


@pytest.fixture
def url(installed: Settings, services: Services) -> Iterator[str]:
    with served(create_app(installed, services)) as app:
        yield app.url


@pytest.fixture
def done(services: Services) -> TrainingJob:
    """A job that is over, with everything that is kept of one."""
    return succeeded(services)
