"""MLflow's own server application in a process of its own: `python -m ....mlflow_server DIRECTORY`.

`mlflow server` itself needs packages that nothing else here needs; the application that it serves needs Flask alone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Serve with a SQLite store in the directory, write the port to `port` there, and stop when our parent is gone."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    os.environ["_MLFLOW_SERVER_FILE_STORE"] = f"sqlite:///{directory / 'mlflow.db'}"
    os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = str(directory / "artifacts")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.server import app, handlers
    from werkzeug.serving import make_server

    handlers._get_tracking_store()  # creates the tables before anybody asks
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    port = directory / "port"
    port.with_suffix(".tmp").write_text(str(server.port))
    port.with_suffix(".tmp").replace(port)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    threading.Thread(target=_follow_parent, args=(os.getppid(),), daemon=True).start()
    server.serve_forever()


def _follow_parent(parent: int) -> None:
    """End when the workspace was killed: nobody would stop this process otherwise."""
    wait = threading.Event()
    while os.getppid() == parent:
        wait.wait(1.0)
    os._exit(0)


if __name__ == "__main__":
    main()
