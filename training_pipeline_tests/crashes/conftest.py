"""One running system for all tests here; what a test has ended is up again for the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline.cli.environment import prepare_environment
from training_pipeline.embedded_postgres import EmbeddedPostgres
from training_pipeline.settings import Settings
from training_pipeline_tests.conftest import copy_of, reachable_directory
from training_pipeline_tests.crashes.breakpoints import install
from training_pipeline_tests.crashes.running_system import RunningSystem
from training_pipeline_tests.small_sheet import rows, write_sheet


@pytest.fixture(scope="package")
def _running(prepared: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with reachable_directory() as directory, pytest.MonkeyPatch.context() as patch:
        state_dir = directory / "state"
        state_dir.mkdir(mode=0o711)
        copy_of(prepared, state_dir / "postgres")
        for name, value in prepare_environment(Settings(state_dir=state_dir)).items():
            patch.setenv(name, value)
        running = RunningSystem(state_dir, tmp_path_factory.mktemp("up") / "output")
        try:
            write_sheet(running.settings.sheets, "small", rows(40))
            install(running.services.database)
            yield running
        finally:
            running.close()


@pytest.fixture
def system(_running: RunningSystem) -> RunningSystem:
    """The system, up."""
    if not _running.is_up():
        _running.up()
    return _running
