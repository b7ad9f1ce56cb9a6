from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from training_pipeline.databricks.tracking import DatabricksTracking
from training_pipeline.databricks.workspace import Gone
from training_pipeline.domain.errors import BackendDenied, BackendFailed, BackendUnreachable
from training_pipeline.domain.workspace_access import AccessEntry
from training_pipeline.testing.databricks.backend import connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.models import Version, registry
from training_pipeline.testing.databricks_workspace.state import Workspace

NAME = "main.ml.triage"
ACCESS = (
    AccessEntry(group_name="users", model_privileges=("EXECUTE", "APPLY_TAG")),
    AccessEntry(user_name="ann@example.com", permission_level="CAN_VIEW"),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        registry(served).models[NAME] = [Version(NAME, 1, "s", "run-1", "", {}, "READY")]
        yield served


def register(workspace: Workspace, source: str = f"models:/{NAME}/1") -> str:
    tracking = DatabricksTracking(connection_to(workspace))
    return tracking.register(NAME, source=Path(source), run_id="run-1", job_id="j", tags={}, description="")


def share(workspace: Workspace, access: tuple[AccessEntry, ...]) -> None:
    DatabricksTracking(connection_to(workspace), access).share(NAME)


def test_the_version_of_a_run_is_found_among_many(workspace: Workspace) -> None:
    tracking = DatabricksTracking(connection_to(workspace))
    versions = registry(workspace).models[NAME]
    versions += [Version(NAME, number, "s", f"run-{number}", "", {}, "READY") for number in range(2, 250)]
    found = [tracking.registered_version(NAME, job_id="j", run_id=run_id) for run_id in ("run-1", "run-240", "run-x")]
    assert found == ["1", "240", None]
    assert tracking.registered_version("main.ml.other", job_id="j", run_id="run-1") is None


def test_a_model_is_granted_to_whom_the_installation_says(workspace: Workspace) -> None:
    for _ in range(2):
        share(workspace, ACCESS)
    assert registry(workspace).granted == {(NAME, "users", "EXECUTE"), (NAME, "users", "APPLY_TAG")}


def test_nobody_is_asked_to_grant_anything_where_nothing_is_to_be(workspace: Workspace) -> None:
    share(workspace, ACCESS[1:])
    assert register(workspace) == "1"
    assert "models/grant" not in [call.name for call in workspace.calls]


def test_a_grant_that_we_may_not_give_says_so(workspace: Workspace) -> None:
    with (
        workspace.without(NAME, "MANAGE"),
        pytest.raises(BackendDenied, match=r"grant main\.ml\.triage to others") as raised,
    ):
        share(workspace, ACCESS)
    assert "ACCESS_CONTROL_LIST" in raised.value.hint
    assert raised.value.hint.endswith("; the next job of the model grants it then, or grant it yourself.")


@pytest.mark.parametrize("source", ["models:/main.ml.other/1", "/Volumes/x", f"models:/{NAME}/x"])
def test_a_version_of_something_else_is_refused(workspace: Workspace, source: str) -> None:
    with pytest.raises(BackendFailed, match="was expected"):
        register(workspace, source)


def test_a_version_must_be_there_ready_and_of_this_run(workspace: Workspace) -> None:
    with pytest.raises(BackendFailed, match="is not there"):
        register(workspace, f"models:/{NAME}/7")
    (version,) = registry(workspace).models[NAME]
    version.run_id = "run-2"
    with pytest.raises(BackendFailed, match="is of MLflow run run-2"):
        register(workspace)
    version.status = "PENDING_REGISTRATION"
    with pytest.raises(BackendUnreachable, match="not ready"):
        register(workspace)


def test_aliases_are_those_of_unity_catalog(workspace: Workspace) -> None:
    tracking = DatabricksTracking(connection_to(workspace))
    assert tracking.aliases("main.ml.other") == {}  # there is no such model
    assert tracking.aliases(NAME) == {}
    registry(workspace).aliases[NAME] = {"champion": 3, "next": 4}
    assert tracking.aliases(NAME) == {"champion": "3", "next": "4"}
    for _ in range(2):
        tracking.set_alias(NAME, "champion", "4")
        tracking.set_alias(NAME, "next", None)
        assert tracking.aliases(NAME) == {"champion": "4"}
    with pytest.raises(Gone):
        tracking.set_alias("main.ml.other", "champion", "1")
