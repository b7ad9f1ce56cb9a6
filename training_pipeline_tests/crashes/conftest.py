"""A running system of each file's own, which is up, and whose processes may be killed: it is up again after each test.

Its trainers wait in the middle to be released.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline_tests.conftest import reachable_directory
from training_pipeline_tests.running_system import RunningSystem


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with pytest.MonkeyPatch.context() as patched, reachable_directory() as directory:
        for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "TRAINING_PIPELINE_STATE_DIR"):
            patched.setenv(name, "")  # so that what the system sets is undone
        output = tmp_path_factory.mktemp("system") / "up.out"
        running = RunningSystem(directory / "state", output, steps=6, hold_after_step=3)
        try:
            running.up()
            yield running
        finally:
            running.close()
