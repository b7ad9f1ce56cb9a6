"""A running system of the test's own, whose processes may be killed; its trainers wait in the middle to be released."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline_tests.conftest import reachable_directory
from training_pipeline_tests.running_system import RunningSystem


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSystem]:
    for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "TRAINING_PIPELINE_STATE_DIR"):
        monkeypatch.setenv(name, "")  # so that what the system sets is undone
    with reachable_directory() as directory:
        running = RunningSystem(directory / "state", tmp_path / "up.out", steps=6, hold_after_step=3)
        try:
            yield running
        finally:
            running.close()
