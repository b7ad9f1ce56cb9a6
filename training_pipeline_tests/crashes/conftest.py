"""A running system of each file's own, which is up, and whose processes may be killed: it is up again after each test.

Its trainers wait in the middle to be released.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.testing.system.running_system import RunningSystem, temporary_state
from training_pipeline.testing.system.warm_python import WarmPython


@pytest.fixture(scope="module")
def system(
    prepared: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython
) -> Iterator[RunningSystem]:
    output = tmp_path_factory.mktemp("system") / "up.out"
    with (
        temporary_state(prepared) as state,
        closing(RunningSystem(state, output, python=warm_python, steps=6, hold_after_step=3)) as running,
    ):
        running.up()
        yield running
