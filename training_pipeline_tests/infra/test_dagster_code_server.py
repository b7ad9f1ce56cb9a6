from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import GrpcServerTarget

from training_pipeline.cli.system.code_server import accepts_connections
from training_pipeline.testing.polling import until
from training_pipeline.testing.system.code_server_runs import launched

pytestmark = pytest.mark.slow
DEFINITIONS = """
import os, signal, threading
import dagster as dg

IMPORTED_IN = os.getpid()

@dg.op
def tell(context):
    context.log.info(f"imported in {IMPORTED_IN}, run in {os.getpid()}")

@dg.op
def wait(context):
    told = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: told.set())
    context.log.info(f"imported in {IMPORTED_IN}, run in {os.getpid()}")
    told.wait()

@dg.job
def telling():
    tell()

@dg.job
def waiting():
    wait()

defs = dg.Definitions(jobs=[telling, waiting], executor=dg.in_process_executor)
"""

#: As under `up`, where the code server is forked off a process that has imported the definitions.
IMPORTED = "import served_by_this_test; "


@pytest.fixture
def directory() -> Iterator[Path]:
    """One whose path is short enough for a socket, with a module to serve and a home for Dagster."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        directory = Path(name)
        (directory / "served_by_this_test.py").write_text(DEFINITIONS)
        (directory / "home").mkdir()
        (directory / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}")
        yield directory


@pytest.fixture
def server(request: pytest.FixtureRequest, directory: Path) -> Iterator[psutil.Popen]:
    arguments = (str(directory / "code"), "served_by_this_test", "here")
    serve = f"from training_pipeline.infra.dagster_code_server import serve; serve(*{arguments!r})"
    process = psutil.Popen(
        [sys.executable, "-c", getattr(request, "param", IMPORTED) + serve],
        env={**os.environ, "PYTHONPATH": str(directory)},
        start_new_session=True,
    )
    until(lambda: accepts_connections(directory / "code") or process.poll() is not None, seconds=120)
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def workspace(directory: Path, server: psutil.Popen) -> Iterator[WorkspaceRequestContext]:
    del server
    target = GrpcServerTarget(host="localhost", socket=str(directory / "code"), port=None, location_name="here")
    with (
        dg.DagsterInstance.from_config(str(directory / "home")) as instance,
        WorkspaceProcessContext(instance, target) as process_context,
    ):
        yield process_context.create_request_context()


def processes(instance: dg.DagsterInstance, run_id: str) -> tuple[int, int] | None:
    """The process that imported the definitions, and that of the run."""
    told = [re.search(r"imported in (\d+), run in (\d+)", entry.user_message) for entry in instance.all_logs(run_id)]
    return next(((int(found[1]), int(found[2])) for found in told if found), None)


@pytest.mark.parametrize("server", [IMPORTED, ""], ids=["imported", "not_imported"], indirect=True)
def test_runs_are_forked_off_a_process_that_has_imported_all(
    workspace: WorkspaceRequestContext, server: psutil.Popen, request: pytest.FixtureRequest
) -> None:
    instance = workspace.instance
    runs = [launched(workspace, "here", "telling") for _ in range(2)]
    until(lambda: all(instance.get_run_by_id(one).is_finished for one in runs), seconds=120)  # type: ignore[union-attr]
    assert [instance.get_run_by_id(one).status for one in runs] == [dg.DagsterRunStatus.SUCCESS] * 2  # type: ignore[union-attr]
    (imported, first), (also, second) = [processes(instance, one) or (0, 0) for one in runs]
    assert imported == also
    assert len({imported, first, second}) == 3
    # What the server had imported itself is not imported a second time.
    assert (imported == server.pid) == (request.node.callspec.params["server"] == IMPORTED)


def test_a_run_that_is_killed_fails_and_one_that_is_cancelled_ends(workspace: WorkspaceRequestContext) -> None:
    instance = workspace.instance
    killed, cancelled = launched(workspace, "here", "waiting"), launched(workspace, "here", "waiting")
    until(lambda: processes(instance, killed) and processes(instance, cancelled), seconds=120)
    os.kill((processes(instance, killed) or (0, 0))[1], signal.SIGKILL)
    assert instance.run_launcher.terminate(cancelled)
    until(lambda: instance.get_run_by_id(killed).is_finished, seconds=120)  # type: ignore[union-attr]
    until(lambda: instance.get_run_by_id(cancelled).is_finished, seconds=120)  # type: ignore[union-attr]
    assert instance.get_run_by_id(killed).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    assert instance.get_run_by_id(cancelled).status == dg.DagsterRunStatus.CANCELED  # type: ignore[union-attr]


def test_runs_live_on_when_the_process_that_they_were_forked_off_is_killed(workspace: WorkspaceRequestContext) -> None:
    instance = workspace.instance
    runs = [launched(workspace, "here", "waiting") for _ in range(2)]
    until(lambda: all(processes(instance, one) for one in runs), seconds=120)
    first, second = [(processes(instance, one) or (0, 0))[1] for one in runs]
    os.kill(psutil.Process(first).ppid(), signal.SIGKILL)
    next_run = launched(workspace, "here", "telling")  # while it is at work the others are looked at
    until(lambda: instance.get_run_by_id(next_run).is_finished, seconds=120)  # type: ignore[union-attr]
    assert instance.get_run_by_id(next_run).status == dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]
    os.kill(first, signal.SIGUSR1)
    os.kill(second, signal.SIGKILL)
    until(lambda: all(instance.get_run_by_id(one).is_finished for one in runs), seconds=120)  # type: ignore[union-attr]
    assert [instance.get_run_by_id(one).status for one in runs] == [  # type: ignore[union-attr]
        dg.DagsterRunStatus.SUCCESS,
        dg.DagsterRunStatus.FAILURE,
    ]


def test_it_ends_when_asked_though_a_run_is_at_work(workspace: WorkspaceRequestContext, server: psutil.Popen) -> None:
    run = launched(workspace, "here", "waiting")
    until(lambda: processes(workspace.instance, run), seconds=120)
    server.terminate()
    assert server.wait(timeout=60) == 0


def test_definitions_that_cannot_be_loaded_end_it_with_their_error(directory: Path) -> None:
    (directory / "served_by_this_test.py").write_text("import no_such_module")
    code = "from training_pipeline.infra.dagster_code_server import serve; serve('code', 'served_by_this_test', 'here')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "no_such_module" in done.stderr
    assert not (directory / "code").exists()
