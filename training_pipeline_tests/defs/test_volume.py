from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from training_pipeline.app.container import assemble
from training_pipeline.databricks.volume_folders import Folder, Kind
from training_pipeline.defs.volume import clean, make_sensors
from training_pipeline.infra.database import Database
from training_pipeline.settings import Settings
from training_pipeline.testing.databricks.backend import VOLUME
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.training_jobs.lifecycle.retention import Retention, Round, Verdict


def test_the_sensor_is_there_where_it_has_something_to_do(tmp_path: Path) -> None:
    on = Settings(state_dir=tmp_path, backend="databricks", databricks_volume=VOLUME, databricks_retention_days=30)
    (sensor,) = make_sensors(on)
    assert (sensor.name, sensor.default_status) == ("clean_databricks_volume", dg.DefaultSensorStatus.RUNNING)
    assert make_sensors(on.model_copy(update={"backend": "local"})) == []
    assert make_sensors(on.model_copy(update={"databricks_retention_days": None})) == []


def test_a_tick_says_what_it_removed(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(tmp_path / "workspace") as workspace:
        folder = workspace.path(f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/datasets/unknown")
        folder.mkdir(parents=True)
        (folder / "train.jsonl").write_text("{}")
        monkeypatch.setenv("DATABRICKS_HOST", workspace.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", next(iter(workspace.tokens)))
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
        settings = Settings(
            state_dir=tmp_path / "state",
            backend="databricks",
            databricks_volume=VOLUME,
            databricks_retention_days=30,
        )
        services = assemble(settings, database)
        assert clean(services) == ("Removed 0 folder(s) with 0 bytes; 1 are kept.", "")
        error = "it cannot be looked at: No READ VOLUME."
        denied = Verdict(Folder(Kind.RUN, "tj-1", "/Volumes/tj-1"), removed=False, why=error, hindered=True)
        with monkeypatch.context() as patch:
            patch.setattr(Retention, "round", lambda *_, **__: Round((denied,), after=""))
            assert clean(services)[0] == (
                "Removed 0 folder(s) with 0 bytes; 1 are kept. 1 of these for an error, such as /Volumes/tj-1: "
                "it cannot be looked at: No READ VOLUME."
            )
        second = folder.with_name("unknown-2")
        second.mkdir()
        monkeypatch.setattr("training_pipeline.defs.volume.SECONDS", 0.0)
        (sensor,) = make_sensors(settings)
        cursors: list[str | None] = []
        for _ in range(2):
            cursor = cursors[-1] if cursors else None
            with dg.build_sensor_context(resources={"services": services}, cursor=cursor) as context:
                result = sensor(context)
            assert isinstance(result, dg.SensorResult)
            cursors.append(result.cursor)
        assert cursors == [f"/Volumes/{VOLUME.replace('.', '/')}/training_pipeline/datasets/unknown", ""]
        services.store.engine.dispose()
