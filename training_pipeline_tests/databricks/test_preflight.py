from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from training_pipeline.databricks.preflight import Check, State, preflight
from training_pipeline.databricks.run_request import RunOptions
from training_pipeline.testing.databricks.backend import VOLUME, connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.models import registry
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.tables import tables
from training_pipeline.testing.databricks_workspace.uploads import store

TABLE = "main.training.qa_pairs"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        served.path(f"/Volumes/{VOLUME.replace('.', '/')}").mkdir(parents=True)
        served.secrets["ml/hf"] = "hf_secret"
        tables(served).put(TABLE, pa.table({"x": [1]}))
        yield served


def looked(workspace: Workspace, *, warehouse_id: str | None = "wh-1", **options: Any) -> dict[str, Check]:
    chosen = RunOptions(**{"volume": VOLUME, "hf_token_secret": "ml/hf", **options})
    connection = connection_to(workspace, retry_timeout=1)
    return {check.name: check for check in preflight(connection, chosen, warehouse_id=warehouse_id, tables=[TABLE])}


def test_a_workspace_that_has_everything_is_left_as_it_was(workspace: Workspace) -> None:
    before = {path for path in workspace.root.rglob("*") if path.is_file()}
    found = looked(workspace)
    assert {check.state for check in found.values()} == {State.OK}, found
    assert list(found) == [
        *("credentials", "volume", "workspace folder", "runs", "schema for models", "Hugging Face token"),
        *("SQL warehouse", f"table {TABLE}", "cloud storage"),
    ]
    assert {path for path in workspace.root.rglob("*") if path.is_file()} == before
    assert "hf_secret" not in str(found)


@pytest.mark.parametrize(
    ("name", "privilege", "check", "remedy"),
    [
        (VOLUME, "WRITE VOLUME", "volume", "WRITE VOLUME"),
        (VOLUME, "READ VOLUME", "volume", "READ VOLUME"),
        ("main.ml", "CREATE MODEL", "schema for models", "CREATE MODEL"),
        ("main.ml", "USE SCHEMA", "schema for models", "USE SCHEMA"),
        ("wh-1", "CAN USE", "SQL warehouse", "CAN USE"),
        (TABLE, "SELECT", f"table {TABLE}", "SELECT"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(
    workspace: Workspace, name: str, privilege: str, check: str, remedy: str
) -> None:
    with workspace.without(name, privilege):
        found = looked(workspace)
    assert found[check].state is State.MISSING
    assert remedy in found[check].remedy
    others = {each.name for each in found.values() if each.state is State.MISSING} - {check}
    assert others <= {"cloud storage"}, "each check stands for itself"


def test_what_does_not_exist_is_named(workspace: Workspace) -> None:
    registry(workspace).schemas = {"main.other"}
    found = looked(workspace, warehouse_id="wh-9", hf_token_secret="ml/other", volume="main.ml.nowhere")
    missing = {name for name, check in found.items() if check.state is State.MISSING}
    assert missing == {"volume", "schema for models", "Hugging Face token", "SQL warehouse", "cloud storage"}
    assert "put-secret ml other" in found["Hugging Face token"].remedy


def test_without_credentials_nothing_else_is_looked_at(workspace: Workspace) -> None:
    workspace.faults.arm("me", FaultKind.FORBIDDEN_TOKEN, times=None)
    (check,) = looked(workspace).values()
    assert check.state is State.MISSING
    assert "DATABRICKS_TOKEN" in check.remedy


def test_a_workspace_whose_storage_is_out_of_reach(workspace: Workspace) -> None:
    store(workspace).storage = "http://127.0.0.1:9"
    assert looked(workspace)["cloud storage"].state is State.MISSING, "results of SQL come from there"
    without = looked(workspace, warehouse_id=None)["cloud storage"]
    assert (without.state, "slower" in without.said) == (State.UNKNOWN, True)
    store(workspace).presigned = False
    assert looked(workspace)["cloud storage"].state is State.OK


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ({}, State.OK, "gives no links"),
        ([], State.OK, "gives no links"),
        ({"url": "http://127.0.0.1:9/x", "headers": [{"nonsense": 1}]}, State.UNKNOWN, "KeyError"),
        (TimeoutError("Timed out after 0:05:00"), State.MISSING, "Timed out"),
    ],
)
def test_whatever_is_answered_to_the_question_for_a_link_is_a_check(
    answer: object, state: State, words: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from databricks.sdk.core import ApiClient

    ask = ApiClient.do

    def do(self: ApiClient, method: str, path: str | None = None, *given: Any, **named: Any) -> Any:
        if path != "/api/2.0/fs/create-download-url":
            return ask(self, method, path, *given, **named)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ApiClient, "do", do)
    found = looked(workspace)
    assert found["cloud storage"].state is state
    assert words in found["cloud storage"].said
    assert {check.state for name, check in found.items() if name != "cloud storage"} == {State.OK}


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (FaultKind.VANISHED, State.OK),
        (FaultKind.UNAUTHENTICATED, State.MISSING),
        (FaultKind.FORBIDDEN, State.MISSING),
        (FaultKind.INTERNAL, State.MISSING),
    ],
)
def test_a_workspace_that_refuses_a_link_is_not_one_without_links(
    workspace: Workspace, fault: FaultKind, state: State
) -> None:
    workspace.faults.arm("fs/create-download-url", fault)
    assert looked(workspace)["cloud storage"].state is state


def test_grants_that_cannot_be_seen_are_unknown(workspace: Workspace) -> None:
    workspace.faults.arm("schemas/effective-permissions", FaultKind.FORBIDDEN, times=None)
    found = looked(workspace)["schema for models"]
    assert found.state is State.UNKNOWN
    assert "CREATE MODEL" in found.remedy
