"""Dagster's code server with runs that start at once: one for webserver and daemon.

Dagster's own starts a fresh Python for each run, which imports everything anew: 3.0 s of processor time for a run that
does nothing. This one forks a process that has imported it all: 0.4 s. A run still has a process of its own, which may
be killed without harm to anything else; so may the process that runs are forked off, which is started again for the
next run. `bench/run_start.py` compares the two.

Where the definitions are imported already, in a process that was forked itself, so is the one that runs are forked off.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path
from typing import Final

from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.utils import FuturesAwareThreadPoolExecutor
from dagster._grpc.server import DagsterApiServer, DagsterGrpcServer
from dagster._utils.interrupts import setup_interrupt_handlers

from training_pipeline.infra.run_processes import RunContext

#: What a run needs beside the definitions, imported once, before the first run.
PRELOADED: Final = (
    "dagster._grpc.server",
    "dagster_postgres",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking",
    "matplotlib.figure",
    "ibis.backends.duckdb",
    "scipy.sparse.csgraph",
)
#: Sensors that are due together, runs that start and questions of the webservers share these threads: at least one for
#: each sensor, and four.
THREADS: Final = 16


class CodeServer(DagsterApiServer):
    """Dagster's code server, with run processes that are forked off a preloaded one."""

    def __init__(self, origin: LoadableTargetOrigin, location: str, stop: threading.Event) -> None:
        self.threads = FuturesAwareThreadPoolExecutor(max_workers=THREADS)
        self.logger = logging.getLogger("dagster.code_server")
        super().__init__(
            server_termination_event=stop,
            logger=self.logger,
            server_threadpool_executor=self.threads,
            loadable_target_origin=origin,
            location_name=location,
        )
        self.stop = stop
        self._mp_ctx = RunContext()  # type: ignore[assignment]  # Dagster says "spawn"

    def cleanup(self) -> None:
        """Close what is open. Dagster's would first wait for the runs; who ends us ends those, by their group."""
        self.stop.set()
        super().cleanup()


def serve(path: str, definitions: str, location: str, ahead: Sequence[str] = ()) -> None:
    """Serve the module `definitions` on the Unix socket `path` until SIGTERM, then end the process.

    The modules `ahead` are imported for the runs alone. Raises whatever loading the definitions raises.
    """
    multiprocessing.set_forkserver_preload([definitions, *PRELOADED, *ahead])
    if definitions in sys.modules:
        _fork_the_fork_server()
    else:
        forkserver.ensure_running()  # it imports while we do
    setup_interrupt_handlers()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    stop = threading.Event()
    servicer = CodeServer(LoadableTargetOrigin(executable_path=sys.executable, module_name=definitions), location, stop)
    server = DagsterGrpcServer(
        server_termination_event=stop,
        dagster_api_servicer=servicer,
        socket=path,
        logger=servicer.logger,
        threadpool_executor=servicer.threads,
    )
    servicer.logger.info("Serving %s on %s", definitions, path)
    try:
        server.serve()  # type: ignore[no-untyped-call]
    except KeyboardInterrupt:  # what Dagster makes of SIGTERM
        servicer.logger.info("Stopped")
    logging.shutdown()
    os._exit(0)  # Python, too, would wait for the runs


def _fork_the_fork_server() -> None:
    """Fork the process that runs are forked off; `multiprocessing` would start a new Python. There is no thread yet."""
    resource_tracker.ensure_running()  # started in the same way, but with nothing to import
    spawn = util.spawnv_passfds
    util.spawnv_passfds = _forked  # type: ignore[assignment]  # it is only ever given strings
    try:
        forkserver.ensure_running()
    finally:
        util.spawnv_passfds = spawn


def _forked(_path: bytes, arguments: Sequence[str], descriptors: Sequence[int]) -> int:
    """The id of a process, forked off this one, that runs the code `arguments[-1]` and has these descriptors."""
    pid = os.fork()
    if pid > 0:
        return pid
    try:
        for found in [int(path.name) for path in Path("/dev/fd").iterdir()]:
            if found > 2 and found not in descriptors:
                with suppress(OSError):  # that of the listing itself
                    os.close(found)
        importlib.reload(forkserver)  # whose lock is held while it is started
        exec(arguments[-1], {"__name__": "__main__"})  # noqa: S102 - what a new Python would be given
    except Exception:  # noqa: BLE001 - the last resort of a process
        traceback.print_exc()
    finally:
        os._exit(0)
