from __future__ import annotations

import resource
import subprocess
import sys

import dagster as dg

from training_pipeline.definitions import defs


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
    }
    assert {job.name for job in loaded.jobs or []} == {
        "create_training_job",
        "cancel_training_job",
        "retry_training_job",
        "retrain_changed_sheets",
        "launch_training",
        "finalize_training",
    }
    sensors = {sensor.name: sensor.default_status for sensor in loaded.sensors or []}
    assert sensors == dict.fromkeys(
        ("launch_pending_jobs", "poll_training_jobs", "watch_training_runs", "watch_permissions", "tell_people"),
        dg.DefaultSensorStatus.RUNNING,
    )
    schedules = {schedule.name: schedule.default_status for schedule in loaded.schedules or []}
    assert schedules == {"retrain_changed_sheets": dg.DefaultScheduleStatus.STOPPED}
    dg.Definitions.validate_loadable(loaded)


def test_every_asset_says_what_it_is() -> None:
    for spec in defs().resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.group_name in {"source", "governance", "training", "registry"}, spec.key


def processor_seconds(code: str) -> float:
    """What a fresh interpreter takes for it: processor time, for the wall belongs to whatever else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stderr.strip() == ""
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_loading_is_quick_and_brings_no_heavy_library() -> None:
    heavy = "{'torch', 'transformers', 'mlflow', 'matplotlib', 'trl', 'scipy'}"
    code = f"import sys, training_pipeline.definitions; sys.exit(str({heavy} & set(sys.modules) or ''))"
    libraries = "import dagster, ibis, pandas, duckdb, pydantic_settings, sqlalchemy.dialects.postgresql"
    assert processor_seconds(code) < 1.8 * processor_seconds(libraries)
