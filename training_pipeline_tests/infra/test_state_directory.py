from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_it_is_closed_to_others(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "a" / "state")
    ensure_state_directory(settings)
    ensure_state_directory(settings)
    assert mode(settings.state_dir) == (0o711 if os.geteuid() == 0 else 0o700)
    assert {mode(path) for path in settings.state_dir.iterdir()} == {0o700}


def test_a_dagster_home_that_was_open_is_closed(settings: Settings) -> None:
    ensure_state_directory(settings)
    settings.dagster_home.chmod(0o755)
    ensure_state_directory(settings)
    assert mode(settings.dagster_home) == 0o700


def test_with_a_database_elsewhere_nobody_needs_to_pass_through(settings: Settings) -> None:
    ensure_state_directory(settings)
    assert mode(settings.state_dir) == 0o700


def test_an_existing_directory_is_not_opened_for_listing(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    ensure_state_directory(Settings(state_dir=tmp_path))
    assert mode(tmp_path) & 0o066 == 0


def test_a_file_in_the_way_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="TRAINING_PIPELINE_STATE_DIR"):
        ensure_state_directory(Settings(state_dir=tmp_path / "file"))


def test_one_that_is_mounted_read_only_is_one_clear_message(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state")
    ensure_state_directory(settings)
    state = str(settings.state_dir)
    read_only = [["mount", "--bind", state, state], ["mount", "-o", "remount,ro,bind", state]]
    if any(subprocess.run(command, capture_output=True).returncode for command in read_only):
        pytest.skip("only root may mount")
    try:
        with pytest.raises(Unavailable, match=r"cannot be used: .*it is read-only") as caught:
            ensure_state_directory(settings)
        assert state in caught.value.message
    finally:
        subprocess.run(["umount", state], check=True)
