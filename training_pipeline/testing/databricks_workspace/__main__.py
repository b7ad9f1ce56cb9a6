"""Serve a workspace until interrupted: `python -m training_pipeline.testing.databricks_workspace --root DIRECTORY`.

Writes its address and token to `workspace.json` in the root directory once it listens.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from pathlib import Path

from training_pipeline.testing.databricks_workspace.app import serve


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="directory of the workspace's files")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; any free one by default")
    parser.add_argument("--volume", action="append", default=[], help="a volume that exists, as main.ml.training")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with serve(arguments.root.absolute(), port=arguments.port) as workspace:
        for volume in arguments.volume:
            workspace.path(f"/Volumes/{volume.replace('.', '/')}").mkdir(parents=True, exist_ok=True)
        address = {"host": workspace.url, "token": next(iter(workspace.tokens))}
        temporary = workspace.root / ".workspace.json.tmp"
        temporary.write_text(json.dumps(address))
        temporary.replace(workspace.root / "workspace.json")
        stop.wait()


if __name__ == "__main__":
    main()
