"""The package as it is installed by those who have no clone: built as a wheel, and used outside of the repository."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.request import urlopen

import pytest

from training_pipeline.testing.polling import until
from training_pipeline.testing.trainers.local_backend import reap, stand_in_program

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from what is tracked."""
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
    return wheel


@pytest.fixture(scope="session")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of an environment with the wheel, which finds the libraries it needs where this one does."""
    environment = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=100)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=200)
    # Of a folder that a .pth file names, no .pth file is read: of an editable install there, nothing is found.
    (packages,) = environment.glob("lib/python*/site-packages")
    others = [path for path in sys.path if path.endswith("-packages")]
    (packages / "libraries.pth").write_text("\n".join(others) + "\n")
    return environment / "bin" / "training-pipeline"


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "training_pipeline"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert [name for name in tracked if (ROOT / name).exists() and name not in held] == []


@pytest.fixture
def environment(program: Path, state_dir: Path) -> Iterator[dict[str, str]]:
    """An installation of the wheel whose trainers are stand-ins; it is taken down."""
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (free, other)]
    named = {
        "TRAINING_PIPELINE_STATE_DIR": str(state_dir),
        "TRAINING_PIPELINE_LOCAL_TRAINER": shlex.join(stand_in_program()),
        "TRAINING_PIPELINE_WEBSERVER_PORT": str(ports[0]),
        "TRAINING_PIPELINE_API_PORT": str(ports[1]),
    }
    yield {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | named
    reap(state_dir / "runs")
    subprocess.run([program, "down"], env={**os.environ, **named}, check=True, timeout=100)


@pytest.mark.slow
@pytest.mark.nightly  # the gate looks whether every file is in the wheel
def test_it_trains_and_serves_outside_of_a_clone(
    program: Path, environment: dict[str, str], state_dir: Path, tmp_path: Path
) -> None:
    def command(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert command("--version") == f"training-pipeline {version('training_pipeline')}\n"
    assert f"DAGSTER_HOME={state_dir / 'dagster'}" in command("env")
    assert (state_dir / "dagster" / "dagster.yaml").resolve().is_relative_to(program.parents[1].resolve())
    assert "succeeded" in command("demo")
    with (tmp_path / "up.log").open("wb") as output:
        up = subprocess.Popen([program, "up"], cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        said = (tmp_path / "up.log").read_text
        until(lambda: "is up" in said() or up.poll() is not None, seconds=120, what="up")
        assert up.poll() is None, said()
        with urlopen(f"http://127.0.0.1:{environment['TRAINING_PIPELINE_API_PORT']}/train", timeout=60) as page:
            assert page.status == 200
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=90) == 0
