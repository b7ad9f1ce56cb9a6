from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from training_pipeline.cli.system import supervise, up_record
from training_pipeline.cli.system.children import NAMES
from training_pipeline.domain.errors import Conflict, InvalidRequest
from training_pipeline.infra import file_lock
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.state_directory import ensure_state_directory
from training_pipeline.settings import Settings
from training_pipeline.testing.polling import until
from training_pipeline.testing.system.warm_python import MAIN, WarmPython

DEFINITIONS = """
import dagster as dg
@dg.asset
def nothing(): ...
defs = dg.Definitions(assets=[nothing])
"""
WORKSPACE = "load_from: [{python_file: {relative_path: definitions.py, location_name: training_pipeline}}]"


class Installation:
    """A state directory, a free port, and the command line on them: `up` as users start it, the rest forked."""

    def __init__(self, state_dir: Path, folder: Path, python: WarmPython) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
            self.port, self.api_port = free.getsockname()[1], other.getsockname()[1]
        self.settings = Settings(state_dir=state_dir)
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(WORKSPACE)
        (folder / "definitions.py").write_text(DEFINITIONS)
        self.environment = {
            **os.environ,
            "TRAINING_PIPELINE_STATE_DIR": str(state_dir),
            "TRAINING_PIPELINE_API_PORT": str(self.api_port),
            "COLUMNS": "200",
        }
        self.output = folder / "up.out"
        self._python = python

    def command(self, *arguments: str) -> tuple[int, str]:
        """Its exit code, and what it printed."""
        log = self.output.with_name("command.out")
        code = self._python.command_line(*arguments, environment=self.environment, log=log).wait(120)
        return code, log.read_text()

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.command("status", "--json")[1])
        return found

    def up(self, *, ours: bool = False) -> subprocess.Popen[bytes]:
        """Start it on our definitions, or on others."""
        arguments = ["up", "--port", str(self.port), *([] if ours else ["--workspace", str(self.workspace)])]
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, *MAIN, *arguments],
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def ready(self, up: subprocess.Popen[bytes]) -> list[int]:
        """Wait until it is up; the pids of everything that it started."""
        until(lambda: "is up" in self.output.read_text() or up.poll() is not None, seconds=120)
        assert up.poll() is None, self.output.read_text()
        record = up_record.read_record(self.settings)
        assert record is not None
        return [member.pid for child in record.children for member in child.process.group()]


@pytest.fixture
def installation(state_dir: Path, tmp_path: Path, warm_python: WarmPython) -> Iterator[Installation]:
    installation = Installation(state_dir, tmp_path, warm_python)
    yield installation
    supervise.down(installation.settings)


def living(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
def test_a_day(installation: Installation) -> None:
    up = installation.up(ours=True)
    pids = installation.ready(up)
    assert len(living(pids)) >= 6  # fork server, code server, what its runs are forked off, webserver, daemon, REST API
    with urllib.request.urlopen(f"http://127.0.0.1:{installation.api_port}/readyz", timeout=30) as answer:
        assert json.load(answer)["status"] == "ready"

    found = installation.status()
    assert found["database"]["running"]
    assert found["up"]["running"]
    assert [(one["name"], one["running"]) for one in found["up"]["processes"]] == [
        ("fork_server", True),
        ("code_server", True),
        ("webserver", True),
        ("daemon", True),
        ("api", True),
    ]
    assert all(Path(one["log"]).stat().st_size > 0 for one in found["up"]["processes"])

    code, said = installation.command("up")
    assert code == 1
    assert f"is already running (pid {up.pid}" in said
    assert f"http://127.0.0.1:{installation.port}" in said

    server = EmbeddedPostgres(installation.settings.state_dir / "postgres")
    killed = server.pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: server.pid() not in {None, killed} and server.accepts_connections())
    assert up.poll() is None

    os.killpg(up.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
    assert up.wait(timeout=60) == 0
    assert living(pids) == []
    assert "PostgreSQL is still running" in installation.output.read_text()
    assert installation.status()["database"]["running"]
    assert not installation.status()["up"]["running"]

    assert "PostgreSQL" in installation.command("down")[1]
    assert installation.command("down") == (0, "Nothing was running.\n")
    assert not installation.status()["database"]["running"]


@pytest.mark.slow
@pytest.mark.nightly  # the gate kills what starts faster, in test_children.py
def test_whatever_is_killed_is_started_again(installation: Installation) -> None:
    up = installation.up(ours=True)
    pids = installation.ready(up)
    record = up_record.read_record(installation.settings)
    assert record is not None
    dead = {child.name: child.process.pid for child in record.children}
    for name in ("code_server", "daemon"):
        os.kill(dead[name], signal.SIGKILL)
    for name in ("code server", "daemon"):
        until(lambda name=name: f"Dagster's {name} was started again" in installation.output.read_text())  # type: ignore[misc]
    assert up.poll() is None
    processes = installation.status()["up"]["processes"]
    everything = ["api", "code_server", "daemon", "fork_server", "webserver"]
    assert sorted(one["name"] for one in processes if one["running"]) == everything
    assert len(processes) == 5

    record = up_record.read_record(installation.settings)
    assert record is not None
    before = {child.name: child.process for child in record.latest()}
    os.kill(before["fork_server"].pid, signal.SIGKILL)
    again = [("fork_server", 1), ("code_server", 2), ("daemon", 2), ("webserver", 1), ("api", 1)]
    for sentence, count in [(f"{NAMES[name]} was started again", count) for name, count in again]:
        until(lambda said=sentence, count=count: installation.output.read_text().count(said) == count)  # type: ignore[misc]
    processes = installation.status()["up"]["processes"]
    assert sorted(one["name"] for one in processes if one["running"]) == everything
    assert not any(process.is_alive() for process in before.values())
    pids = [*pids, *(one["pid"] for one in processes)]

    os.killpg(up.pid, signal.SIGINT)
    assert up.wait(timeout=60) == 0
    assert living(pids) == []


@pytest.mark.slow
def test_what_a_killed_up_and_a_stopped_daemon_leave_behind_is_ended(installation: Installation) -> None:
    up = installation.up(ours=True)
    pids = installation.ready(up)
    record = up_record.read_record(installation.settings)
    assert record is not None
    children = [psutil.Process(child.process.pid) for child in record.children]
    for child in children:
        child.suspend()  # so that none of them can end by itself
    until(lambda: all(child.status() == psutil.STATUS_STOPPED for child in children))
    up.kill()
    up.wait()
    assert living(pids) == pids

    _, said = installation.command("down")
    assert said == "Stopped: api, daemon, webserver, code_server, fork_server, PostgreSQL.\n"
    assert living(pids) == []
    assert up_record.read_record(installation.settings) is None


@pytest.mark.slow
def test_definitions_that_cannot_be_loaded_are_named(installation: Installation) -> None:
    (installation.workspace.parent / "definitions.py").write_text("import no_such_module")
    up = installation.up()
    assert up.wait(timeout=120) == 1
    assert "Dagster cannot load training_pipeline" in installation.output.read_text()
    assert "no_such_module" in installation.output.read_text()
    assert not installation.status()["up"]["running"]


@pytest.mark.parametrize("which", ["port", "api_port"])
def test_a_taken_port_is_noticed_before_anything_is_started(installation: Installation, which: str) -> None:
    with socket.create_server(("127.0.0.1", getattr(installation, which))):
        up = installation.up()
        assert up.wait(timeout=60) == 1
    assert "is in use by another program" in installation.output.read_text()
    assert EmbeddedPostgres(installation.settings.state_dir / "postgres").pid() is None
    assert list(installation.settings.logs.iterdir()) == []


def test_env_prints_lines_that_a_shell_understands(installation: Installation) -> None:
    code, lines = installation.command("env")
    assert code == 0
    exported = dict(shlex.split(line)[1].split("=", 1) for line in lines.splitlines())
    assert exported["DAGSTER_HOME"] == str(installation.settings.dagster_home)
    shell = subprocess.run(
        ["sh", "-c", f'{lines}\nprintf %s "$DAGSTER_POSTGRES_URL"'], capture_output=True, text=True, check=True
    )
    assert shell.stdout == exported["DAGSTER_POSTGRES_URL"]
    assert "search_path%3Ddagster" in shell.stdout
    assert exported["MLFLOW_TRACKING_URI"] == shell.stdout.replace("search_path%3Ddagster", "search_path%3Dmlflow")


def test_down_never_asks_for_a_database_it_did_not_start(settings: Settings) -> None:
    assert supervise.down(settings) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "no such host"])
def test_the_ui_in_which_everything_may_be_done_is_for_this_machine_only(host: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        supervise.require_loopback(Settings(state_dir=tmp_path, webserver_host=host))
    assert "TRAINING_PIPELINE_READ_ONLY_HOST" in caught.value.hint
    supervise.require_loopback(Settings(state_dir=tmp_path, webserver_host="localhost"))
    supervise.require_loopback(Settings(state_dir=tmp_path, webserver_host=host, auth="token"))


def test_where_the_read_only_ui_is(tmp_path: Path) -> None:
    assert supervise.read_only_url(Settings(state_dir=tmp_path)) == ""
    shared = Settings(state_dir=tmp_path, read_only_host="0.0.0.0", read_only_port=3009)
    assert supervise.read_only_url(shared) == "http://127.0.0.1:3009"


def test_whether_the_database_answers_is_asked_without_starting_it(settings: Settings, tmp_path: Path) -> None:
    assert supervise.database_answers(settings)
    away = Settings(state_dir=tmp_path / "other", database_url=SecretStr("postgresql://u@127.0.0.1:1/d"))
    assert not supervise.database_answers(away)
    assert not supervise.database_answers(Settings(state_dir=tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_a_broken_record_stops_neither_a_look_nor_an_end(settings: Settings) -> None:
    ensure_state_directory(settings)
    up_record.record_file(settings).write_text("")
    assert supervise.end_children(settings) == []
    assert not up_record.record_file(settings).exists()
    up_record.record_file(settings).write_text("")
    with file_lock.hold(supervise._lock(settings)), pytest.raises(Conflict, match="its record is broken"):
        supervise.down(settings)
