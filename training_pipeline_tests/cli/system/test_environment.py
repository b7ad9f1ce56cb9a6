from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from training_pipeline.cli.system.environment import exported, link, prepare_environment
from training_pipeline.settings import Settings


def test_the_environment_leads_to_the_same_installation(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = prepare_environment(settings)
    assert environment == prepare_environment(settings)
    assert environment["DAGSTER_HOME"] == str(settings.dagster_home)
    assert (settings.dagster_home / "dagster.yaml").samefile(Path(__file__).parents[3] / "dagster.yaml")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    again = Settings()
    assert (again.state_dir, again.database_url) == (settings.state_dir, settings.database_url)


def test_dagster_accepts_the_instance_file(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in prepare_environment(settings).items():
        monkeypatch.setenv(name, value)
    import dagster as dg

    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert instance.telemetry_enabled is False
        assert instance.run_retries_enabled is False
        assert instance.get_runs_count() == 0
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 4


def test_every_setting_that_was_made_is_handed_on(tmp_path: Path) -> None:
    made = Settings(state_dir=tmp_path, min_pairs=7, mlflow_tracking_uri=SecretStr("https://user:s3cr3t@host"))
    assert exported(made) == {
        "TRAINING_PIPELINE_STATE_DIR": str(tmp_path),
        "TRAINING_PIPELINE_MIN_PAIRS": "7",
        "TRAINING_PIPELINE_MLFLOW_TRACKING_URI": "https://user:s3cr3t@host",
    }


#: A value for every setting that is written as JSON.
AS_JSON: dict[str, Any] = {
    "uc_sheet_columns": {"name": "title"},
    "uc_pair_columns": {"pair_id": "nr", "messages": 'it\'s "the" chat'},
    "proxy_roles": {"data-stewards": "steward", "ml": "operator"},
    "judges": {"strict": {"url": "https://judge.example/v1", "model": "large", "at_once": 2}},
    "on_taint_by_model": {"triage": "demote"},
    "databricks_access_control_list": [{"group_name": "ml", "permission_level": "CAN_VIEW"}],
}


def test_settings_that_are_json_are_handed_on_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert AS_JSON.keys() == {
        name
        for name, field in Settings.model_fields.items()
        if isinstance(field.get_default(call_default_factory=True, validated_data={}), dict | list)
    }
    made = Settings(state_dir=tmp_path, **AS_JSON)
    for name, value in exported(made).items():
        monkeypatch.setenv(name, value)
    assert Settings().model_dump() == made.model_dump()


def test_a_link_is_renewed_and_a_file_of_the_users_own_stays(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "new").write_text("new")
    place = tmp_path / "dagster.yaml"
    for target in ("old", "new", "new"):
        link(tmp_path / target, place)
        assert place.read_text() == target
    place.unlink()
    link(tmp_path / "gone", place)
    link(tmp_path / "new", place)
    assert place.read_text() == "new"
    place.unlink()
    place.write_text("mine")
    link(tmp_path / "new", place)
    assert place.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dagster.yaml", "new", "old"]
