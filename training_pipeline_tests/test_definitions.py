from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from training_pipeline.cli.system.environment import DAGSTER_YAML
from training_pipeline.definitions import defs
from training_pipeline.infra.dagster_code_server import THREADS
from training_pipeline.testing.sheets.sheet_files import HEAD, ROW, put_sheet


def test_what_dagster_sees() -> None:
    loaded = defs()
    assert {key.to_user_string() for key in loaded.resolve_all_asset_keys()} == {
        "source_sheet",
        "prompt_template",
        "canonical_labels",
        "training_sheet",
        "governed_pairs",
        "train_split",
        "validation_split",
        "fine_tuning_run",
        "training_metrics",
        "fine_tuned_model",
        "model_evaluation",
    }
    assert {job.name for job in loaded.jobs or []} == {
        "create_training_job",
        "cancel_training_job",
        "create_study",
        "evaluate_model",
        "promote_model",
        "show_evaluation",
        "retry_training_job",
        "retrain_changed_sheets",
        "launch_training",
        "finalize_training",
    }
    sensors = {sensor.name: sensor.default_status for sensor in loaded.sensors or []}
    assert sensors == dict.fromkeys(
        (
            "launch_pending_jobs",
            "poll_training_jobs",
            "watch_training_runs",
            "watch_permissions",
            "watch_revocations",
            "watch_evaluations",
            "advance_studies",
            "tell_people",
            "archive_old_partitions",
        ),
        dg.DefaultSensorStatus.RUNNING,
    )
    schedules = {schedule.name: schedule.default_status for schedule in loaded.schedules or []}
    assert schedules == {"retrain_changed_sheets": dg.DefaultScheduleStatus.STOPPED}
    dg.Definitions.validate_loadable(loaded)


def test_no_sensor_waits_for_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BACKEND": "databricks", "DATABRICKS_RETENTION_DAYS": "30"}.items():
        monkeypatch.setenv(f"TRAINING_PIPELINE_{name}", value)  # with these there are the most sensors
    sensors = list(defs().sensors or [])
    assert "clean_databricks_volume" in {sensor.name for sensor in sensors}
    workers = yaml.safe_load(DAGSTER_YAML.read_text(encoding="utf-8"))["sensors"]
    assert workers == {"use_threads": True, "num_workers": len(sensors) + 4}
    assert len(sensors) + 4 <= THREADS


@pytest.mark.parametrize("broken", ["head", "directory", "no directory"])
def test_a_broken_sheet_or_directory_takes_nothing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    sheets = tmp_path / "sheets"
    if broken == "no directory":
        sheets.touch()
    else:
        sheets.mkdir()
        put_sheet(sheets, [ROW], head=HEAD + "owner: ann@example.org\n")
        if broken == "head":
            (sheets / "t.yaml").write_text("created_at: 2026-02-30\n")
        else:
            (sheets / "t.yaml").mkdir()
    monkeypatch.setenv("TRAINING_PIPELINE_SHEETS_DIR", str(sheets))
    loaded = defs()
    dg.Definitions.validate_loadable(loaded)
    owners = loaded.resolve_assets_def("training_sheet").get_asset_spec().owners
    assert ("ann@example.org" in owners) == (broken != "no directory")


def test_a_setting_that_does_not_exist_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TRAINING_PIPELINE_AUHT", "token")
    dg.Definitions.validate_loadable(defs())
    assert "no setting TRAINING_PIPELINE_AUHT; did you mean TRAINING_PIPELINE_AUTH?" in caplog.text


def test_every_asset_says_what_it_is() -> None:
    for spec in defs().resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.group_name in {"source", "governance", "training", "registry", "evaluation"}, spec.key


def processor_seconds(code: str) -> float:
    """What a fresh interpreter takes for it: processor time, for the wall belongs to whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stderr.strip() == ""
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


HEAVY = {"torch", "transformers", "trl", "mlflow", "matplotlib", "scipy", "pandas", "databricks.sdk", "nicegui"}
HEAVY.add("optuna")
LOADS = """
import sys, training_pipeline.definitions
assert not (found := {{*{heavy}, "fastapi"}} & set(sys.modules)), found
"""
SERVES = """
import training_pipeline.api.app, training_pipeline.web.mount, training_pipeline.cli.commands.jobs
assert not (found := {heavy} & set(sys.modules)), found
"""


def test_loading_is_quick_and_brings_no_heavy_library() -> None:
    libraries = "import dagster, ibis, duckdb, pydantic_settings, sqlalchemy.dialects.postgresql"
    least = [min(processor_seconds(code) for _ in range(3)) for code in (LOADS.format(heavy=HEAVY), libraries)]
    assert least[0] < 2.0 * least[1]  # 1.8 times as long, and a tenth for what else the machine does


def test_nor_do_the_rest_api_and_the_commands() -> None:
    assert processor_seconds((LOADS + SERVES).format(heavy=HEAVY)) > 0
