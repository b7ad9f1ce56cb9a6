"""What it costs to start a Dagster run: our code server, which forks, against Dagster's own, which starts a new Python.

    python bench/run_start.py [--runs 5]

Both serve our definitions with a job that does nothing beside them. Prints for each the wall seconds from launch to the
end of such a run, the processor seconds that it took, and the ratios.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget

from training_pipeline.cli.system.code_server import accepts_connections
from training_pipeline.testing.system.code_server_runs import launched

MODULE = """
import dagster as dg
import training_pipeline.definitions

@dg.op
def nothing(): ...

@dg.job
def doing_nothing():
    nothing()

defs = dg.Definitions(jobs=[doing_nothing], executor=dg.in_process_executor)
"""
OURS = "from training_pipeline.infra.dagster_code_server import serve; serve({socket!r}, 'served', 'here')"


def processor_seconds(server: psutil.Process) -> float:
    """Of the process and of all that it started, living or ended."""
    seconds = 0.0
    for process in [server, *server.children(recursive=True)]:
        times = process.cpu_times()
        seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def measured(command: list[str], socket: Path, instance: dg.DagsterInstance, runs: int) -> tuple[float, float]:
    """Median wall and processor seconds of a run."""
    environment = {**os.environ, "PYTHONPATH": str(socket.parent), "DAGSTER_HOME": str(socket.parent / "home")}
    with socket.with_suffix(".log").open("wb") as log:
        server = psutil.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        while not accepts_connections(socket):
            time.sleep(0.1)
        time.sleep(8)  # what is imported in the background is imported
        target = GrpcServerTarget(host="localhost", socket=str(socket), port=None, location_name="here")
        walls, processors = [], []
        with WorkspaceProcessContext(instance, target) as process_context:
            workspace = process_context.create_request_context()
            for _ in range(runs):
                before, began = processor_seconds(server), time.monotonic()
                run_id = launched(workspace, "here", "doing_nothing")
                while (run := instance.get_run_by_id(run_id)) and not run.is_finished:
                    time.sleep(0.02)
                walls.append(time.monotonic() - began)
                time.sleep(2)  # the process ends, and is waited for
                processors.append(processor_seconds(server) - before)
                if run is None or not run.is_success:
                    sys.exit(f"A run failed; see {socket.with_suffix('.log')}.")
        return statistics.median(walls), statistics.median(processors)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        directory = Path(name)
        (directory / "served.py").write_text(MODULE)
        (directory / "home").mkdir()
        (directory / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}")
        with dg.DagsterInstance.from_config(str(directory / "home")) as instance:
            sockets = directory / "dagster", directory / "ours"
            theirs = [sys.executable, "-m", "dagster", "api", "grpc", "-s", str(sockets[0]), "-m", "served"]
            wall, processor = measured(theirs, sockets[0], instance, runs)
            ours = [sys.executable, "-c", OURS.format(socket=str(sockets[1]))]
            our_wall, our_processor = measured(ours, sockets[1], instance, runs)
    print(f"Dagster's code server: {wall:.2f} s, {processor:.2f} s of processor time a run")
    print(f"ours:                  {our_wall:.2f} s, {our_processor:.2f} s of processor time a run")
    print(f"ratio:                 {wall / our_wall:.1f} and {processor / our_processor:.1f}")


if __name__ == "__main__":
    main()
