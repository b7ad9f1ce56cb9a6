"""What the endpoints of a workspace serve, as they say it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from training_pipeline.databricks.serving import Served, serving
from training_pipeline.databricks.workspace import Gone
from training_pipeline.domain.errors import BackendDenied, BackendUnreachable, PipelineError
from training_pipeline.testing.databricks.backend import connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.serving import endpoints
from training_pipeline.testing.databricks_workspace.state import Workspace

NAME = "main.ml.triage"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serve(tmp_path_factory.mktemp("workspace")) as served:
        yield served


def test_each_version_that_an_endpoint_serves_is_named(workspace: Workspace) -> None:
    connection = connection_to(workspace)
    assert serving(connection).served == frozenset()
    known = endpoints(workspace)
    known.serves = {
        "triage": [(NAME, "3"), (NAME, "4")],  # traffic is split
        "odd name/é": [(NAME, "3")],
        "gpt": [("gpt-4o", None)],  # another provider's model has no version
        "new": [],
        "old": [(NAME, "1")],
    }
    known.old = {"old"}
    found = serving(connection)
    assert found.workspace == workspace.url
    page = f"{workspace.url}/ml/endpoints"
    assert found.served == {
        Served(NAME, "3", f"{page}/triage"),
        Served(NAME, "4", f"{page}/triage"),
        Served(NAME, "3", f"{page}/odd%20name%2F%C3%A9"),
        Served(NAME, "1", f"{page}/old"),
    }


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.FORBIDDEN, BackendDenied),
        (FaultKind.INTERNAL, BackendUnreachable),
        (FaultKind.HTML, BackendUnreachable),
        (FaultKind.VANISHED, Gone),
    ],
)
def test_no_answer_is_no_empty_answer(workspace: Workspace, kind: FaultKind, error: type[PipelineError]) -> None:
    workspace.faults.arm("serving/list", kind)
    with pytest.raises(error, match="list the serving endpoints"):
        serving(connection_to(workspace, retry_timeout=1))
