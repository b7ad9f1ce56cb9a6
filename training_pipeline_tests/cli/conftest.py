from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from training_pipeline.cli.app import app, guarded
from training_pipeline.settings import Settings
from training_pipeline_tests.backends.stand_in import reap, stand_in_program

Command: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture
def installed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The settings of an installation on the test's database, as the command line reads them."""
    assert settings.database_url is not None
    monkeypatch.setenv("TRAINING_PIPELINE_STATE_DIR", str(settings.state_dir))
    monkeypatch.setenv("TRAINING_PIPELINE_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("TRAINING_PIPELINE_LOCAL_TRAINER", shlex.join(stand_in_program()))
    for name in ("DAGSTER_HOME", "DAGSTER_POSTGRES_URL"):
        monkeypatch.setenv(name, "")  # so that what the command sets is undone
    level = logging.getLogger("dagster").level
    yield settings
    logging.getLogger("dagster").setLevel(level)
    reap(settings.runs)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Exit code, output and errors of `training-pipeline ARGUMENTS`."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = guarded(lambda: app([*arguments], prog_name="training-pipeline"))
        shown = capsys.readouterr()
        return int(code or 0), shown.out, shown.err

    return run
