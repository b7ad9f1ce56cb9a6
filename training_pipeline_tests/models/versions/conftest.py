from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from training_pipeline.app.container import Services
from training_pipeline.definitions import build
from training_pipeline.infra.dagster_storage import URL_VARIABLE
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
def instance(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Dagster with its event log where an installation has it: in our database."""
    monkeypatch.setenv(URL_VARIABLE, database.url("dagster"))
    storage = "storage:\n  custom:\n    module: training_pipeline.infra.dagster_storage\n    class: OurStorage\n"
    (tmp_path / "dagster.yaml").write_text(f"{storage}telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(tmp_path)) as found:
        yield found


@pytest.fixture
def definitions(services: Services) -> dg.Definitions:
    return build(services.settings, lambda: services)
