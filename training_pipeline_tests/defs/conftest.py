from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.definitions import build
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import stand_in_services


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    with stand_in_services(settings, database) as parts:
        write_sheet(settings.sheets, "small", rows(40))
        yield parts


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def definitions(services: Services) -> dg.Definitions:
    return build(services.settings, lambda: services)
