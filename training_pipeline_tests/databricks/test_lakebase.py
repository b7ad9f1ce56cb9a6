from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from training_pipeline.cli.commands import databricks
from training_pipeline.databricks.lakebase import database_password
from training_pipeline.databricks.workspace import Gone
from training_pipeline.testing.databricks.backend import connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.system.command_line import Command


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serve(tmp_path_factory.mktemp("workspace")) as served:
        yield served


def test_a_password_is_a_token_that_expires(workspace: Workspace) -> None:
    first, second = (json.loads(database_password(connection_to(workspace), "lakebase")) for _ in range(2))
    assert [first["password"], second["password"]] == workspace.database_tokens
    until = datetime.fromisoformat(first["expires_at"])
    assert timedelta(minutes=55) < until - datetime.now(UTC) <= timedelta(hours=1)


def test_an_instance_that_is_not_there_is_told_with_the_grant(workspace: Workspace) -> None:
    with pytest.raises(Gone, match="make a password for the database lakehouse") as raised:
        database_password(connection_to(workspace), "lakehouse")
    assert "CAN USE on the database instance" in raised.value.hint


def test_an_endpoint_of_a_project_is_asked_for_as_one(workspace: Workspace) -> None:
    with pytest.raises(Gone):  # the stand-in has none, and its answer says which call that was
        database_password(connection_to(workspace), "projects/p/branches/b/endpoints/e")
    assert workspace.calls[-1].name == "POST /api/2.0/postgres/credentials"


def test_the_command_prints_it(workspace: Workspace, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databricks, "workspace", lambda _: connection_to(workspace))
    code, out, _ = command("databricks", "database-password", "lakebase")
    assert (code, json.loads(out)["password"]) == (0, workspace.database_tokens[-1])
