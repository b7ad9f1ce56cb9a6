from __future__ import annotations

import os
from pathlib import Path

import pytest

from training_pipeline.backends.local import supervisor_start
from training_pipeline.backends.local.run_directory import RunDirectory
from training_pipeline.backends.local.supervisor_start import child_environment, start_supervisor
from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.file_lock import is_held, try_lock


def test_a_trainer_gets_no_secrets_of_ours() -> None:
    given = {
        "PATH": "/bin",
        "HF_TOKEN": "kept",
        "PYTHONPATH": "/a",
        "TRAINING_PIPELINE_DATABASE_URL": "postgresql://x",
        "PGPASSWORD": "x",
        "DATABRICKS_TOKEN": "x",
        "DAGSTER_HOME": "x",
        "MLFLOW_TRACKING_URI": "x",
    }
    made = child_environment(given)
    root = str(Path(supervisor_start.__file__).parents[3])
    expected = {"PATH": "/bin", "HF_TOKEN": "kept", "PYTHONSAFEPATH": "1", "PYTHONPATH": f"{root}{os.pathsep}/a"}
    assert made == expected
    assert child_environment(made) == made


def test_a_supervisor_that_cannot_start_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDirectory(tmp_path)
    lock = try_lock(run.supervisor_lock)
    assert lock is not None
    monkeypatch.setattr(supervisor_start, "child_environment", lambda _: {"PYTHONHOME": "/nowhere"})
    with pytest.raises(Unavailable, match="could not be started") as refused:
        start_supervisor(run, lock)
    assert str(run.supervisor_log) in refused.value.hint
    os.close(lock)
    assert not is_held(run.supervisor_lock)
