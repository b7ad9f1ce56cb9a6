"""Where Dagster's webserver and daemon find the code server of `up`: a Unix socket that only the owner can open."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Final

DEFINITIONS: Final = "training_pipeline.definitions"
#: What is done once for all runs.
AHEAD: Final = ("training_pipeline.defs.preload",)
#: Part of the identity of sensors, schedules and run keys: never change it.
LOCATION: Final = "training_pipeline"


def command(path: Path) -> list[str]:
    """The command that serves the definitions on the socket `path`."""
    arguments = f"{os.fspath(path)!r}, {DEFINITIONS!r}, {LOCATION!r}, {AHEAD!r}"
    return [sys.executable, "-c", f"from training_pipeline.infra.dagster_code_server import serve; serve({arguments})"]


def accepts_connections(path: Path) -> bool:
    """Whether a code server listens on the socket `path`, which it does once it has loaded. Reads only."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(os.fspath(path)) == 0


def write_workspace(workspace: Path, path: Path) -> Path:
    """Write the workspace.yaml that leads Dagster to the socket `path`; returns `workspace`."""
    location = {"grpc_server": {"socket": os.fspath(path), "host": "localhost", "location_name": LOCATION}}
    workspace.write_text(json.dumps({"load_from": [location]}), encoding="utf-8")  # JSON is YAML
    return workspace
