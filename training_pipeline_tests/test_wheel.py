"""The package as it is installed by those who have no clone: built as a wheel, and used outside of the repository."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from training_pipeline.testing.trainers.local_backend import reap, stand_in_program

ROOT = Path(__file__).parents[1]
MAIN = [sys.executable, "-c", "from training_pipeline.cli.app import main; main()"]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    built = tmp_path_factory.mktemp("wheel")
    source = built / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in tracked.decode().split("\0"):
        if name.startswith(("training_pipeline/", "pyproject.toml", "README.md", "LICENSE")) and (ROOT / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*build, str(built), str(source)], check=True, capture_output=True, timeout=200)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(built / "unpacked")
    return built / "unpacked"


def test_every_file_of_the_package_is_in_the_wheel(unpacked: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "training_pipeline"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert [name for name in tracked if (ROOT / name).exists() and not (unpacked / name).exists()] == []


@pytest.mark.slow
@pytest.mark.nightly  # the gate looks whether every file is in the wheel
def test_it_trains_outside_of_a_clone(unpacked: Path, state_dir: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(unpacked),
        "TRAINING_PIPELINE_STATE_DIR": str(state_dir),
        "TRAINING_PIPELINE_LOCAL_TRAINER": shlex.join(stand_in_program()),
    }

    def command(*arguments: str) -> str:
        done = subprocess.run(
            [*MAIN, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        assert f"DAGSTER_HOME={state_dir / 'dagster'}" in command("env")
        assert (state_dir / "dagster" / "dagster.yaml").resolve().is_relative_to(unpacked)
        assert "succeeded" in command("run", "sheet-123", "--model-name", "from-a-wheel")
    finally:
        reap(state_dir / "runs")
        command("down")
