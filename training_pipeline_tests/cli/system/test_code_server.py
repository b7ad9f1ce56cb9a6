from __future__ import annotations

import ast
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from training_pipeline.cli.system.code_server import (
    AHEAD,
    DEFINITIONS,
    LOCATION,
    accepts_connections,
    command,
    write_workspace,
)


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        yield Path(directory)


def test_it_is_there_when_it_listens(short: Path) -> None:
    path = short / "code"
    assert not accepts_connections(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert not accepts_connections(path)
        server.listen()
        assert accepts_connections(path)
    assert not accepts_connections(path)


def test_dagster_reads_the_workspace(tmp_path: Path) -> None:
    path = write_workspace(tmp_path / "workspace.yaml", tmp_path / 'it\'s "here"')
    assert yaml.safe_load(path.read_text()) == {
        "load_from": [
            {
                "grpc_server": {
                    "socket": str(tmp_path / 'it\'s "here"'),
                    "host": "localhost",
                    "location_name": "training_pipeline",
                }
            }
        ]
    }


def test_the_command_names_what_is_served_whatever_the_path_holds(tmp_path: Path) -> None:
    code = command(tmp_path / 'it\'s "here"')[-1]
    assert ast.literal_eval(
        code.removeprefix("from training_pipeline.infra.dagster_code_server import serve; serve")
    ) == (str(tmp_path / 'it\'s "here"'), DEFINITIONS, LOCATION, AHEAD)
