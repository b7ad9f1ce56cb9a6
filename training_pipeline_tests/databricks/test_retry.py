from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from training_pipeline.databricks.retry import RETRIES, call_with_retries
from training_pipeline.databricks.workspace import Gone
from training_pipeline.domain.errors import BackendDenied, BackendUnreachable, PipelineError
from training_pipeline.testing.databricks.backend import connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.state import Workspace


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serve(tmp_path_factory.mktemp("workspace")) as workspace:
        yield workspace


@pytest.fixture
def workspace(served: Workspace) -> Iterator[Workspace]:
    served.calls.clear()
    yield served
    served.faults.clear()


def ask(workspace: Workspace, pauses: list[float]) -> str:
    connection = connection_to(workspace, http_timeout=2, retry_timeout=1)
    user = call_with_retries(
        connection, "ask who we are", lambda client: client.current_user.me(), grant="Grant it", sleep=pauses.append
    )
    return str(user.user_name)


def test_what_passes_is_passed_over(workspace: Workspace) -> None:
    workspace.faults.arm("me", FaultKind.HTML, times=2)
    pauses: list[float] = []
    assert ask(workspace, pauses)
    assert len(pauses) == 2
    assert 0.5 <= pauses[0] <= 0.625
    assert 1.0 <= pauses[1] <= 1.25


def test_what_stays_is_raised_after_the_last_attempt(workspace: Workspace) -> None:
    workspace.faults.arm("me", FaultKind.HTML, times=None)
    pauses: list[float] = []
    with pytest.raises(BackendUnreachable, match="not JSON"):
        ask(workspace, pauses)
    assert RETRIES.attempts == len(pauses) + 1


def test_no_attempt_begins_after_the_time_is_over(workspace: Workspace) -> None:
    workspace.faults.arm("me", FaultKind.HTML, times=None)
    pauses: list[float] = []
    connection = connection_to(workspace, http_timeout=2, retry_timeout=1)
    with pytest.raises(BackendUnreachable, match="not JSON"):
        call_with_retries(
            connection,
            "ask who we are",
            lambda client: client.current_user.me(),
            sleep=pauses.append,
            until=time.monotonic(),
        )
    assert pauses == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [(FaultKind.UNAUTHENTICATED, BackendDenied), (FaultKind.FORBIDDEN, BackendDenied), (FaultKind.VANISHED, Gone)],
)
def test_what_no_repetition_mends_is_raised_at_once(
    workspace: Workspace, kind: FaultKind, error: type[PipelineError]
) -> None:
    workspace.faults.arm("me", kind, times=None)
    pauses: list[float] = []
    with pytest.raises(error):
        ask(workspace, pauses)
    assert pauses == []
