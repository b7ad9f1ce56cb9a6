"""What runs long imports and builds everything at its start; what a command does not ask for is not built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from training_pipeline.app.container import assemble
from training_pipeline.app.everything import built, part_names
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings

COMPLETE = """
import sys
from sqlalchemy import make_url
from training_pipeline.app.container import assemble
from training_pipeline.app.everything import built
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings

before = set(sys.modules)
built(assemble(Settings(state_dir={state!r}), Database(make_url("postgresql+psycopg2://nobody@/nowhere"))))
print(sorted(name for name in set(sys.modules) - before if name.startswith("training_pipeline")))
"""


def test_everything_that_parts_import_is_imported_with_the_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE.format(state=str(tmp_path))], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_each_part_is_built(settings: Settings, database: Database) -> None:
    services = assemble(settings, database)
    assert vars(services).keys().isdisjoint(part_names())
    assert vars(built(services)).keys() >= set(part_names())
    assert {"store", "jobs", "versions", "studies"} <= set(part_names())
    services.store.engine.dispose()


def test_a_missing_setting_is_said_when_everything_is_opened(settings: Settings, database: Database) -> None:
    services = assemble(settings.model_copy(update={"backend": "databricks"}), database)
    with pytest.raises(InvalidRequest, match="DATABRICKS_VOLUME"):
        built(services)


def test_a_part_may_be_replaced(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    services = assemble(settings, database)
    monkeypatch.setattr(services, "tracking", None)
    assert services.tracking is None
