from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from training_pipeline.databricks.workspace import Connection, Gone, is_about_credentials, said
from training_pipeline.domain.errors import BackendDenied, BackendFailed, BackendUnreachable, PipelineError
from training_pipeline.testing.databricks.backend import connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.state import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serve(tmp_path_factory.mktemp("workspace")) as served:
        yield served
        served.faults.clear()


def ask(connection: Connection) -> None:
    with connection.calling("ask who we are", grant="Grant it"):
        connection.client().current_user.me()


def test_a_wrong_host_is_told_of_in_seconds() -> None:
    import databricks.sdk  # noqa: F401 - what takes seconds by itself

    connection = Connection(2, 2, {"host": "http://127.0.0.1:9", "token": "x", "auth_type": "pat"})
    began = time.monotonic()
    with pytest.raises(BackendUnreachable) as raised:
        ask(connection)
    assert "DATABRICKS_HOST" in raised.value.hint
    assert time.monotonic() - began < 15


def test_missing_credentials_are_told_of_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "TOKEN", "CLIENT_ID", "CONFIG_PROFILE"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(BackendUnreachable) as raised:
        ask(Connection(2, 2))
    assert isinstance(raised.value, BackendDenied)
    assert raised.value.is_outage
    assert "DATABRICKS_TOKEN" in raised.value.hint


@pytest.mark.parametrize(
    ("kind", "expected", "words"),
    [
        (FaultKind.UNAUTHENTICATED, BackendDenied, "401"),
        (FaultKind.FORBIDDEN, BackendDenied, "403"),
        (FaultKind.FORBIDDEN_TOKEN, BackendDenied, "our token is not accepted"),
        (FaultKind.FORBIDDEN_ADDRESS, BackendDenied, "IP access list"),
        (FaultKind.FORBIDDEN_PAGE, BackendDenied, "is a page and not Databricks' own (Sign in)"),
        (FaultKind.INTERNAL, BackendUnreachable, "internal error"),
        (FaultKind.HTML, BackendUnreachable, "not JSON but a page"),
        (FaultKind.CUT_REPLY, BackendUnreachable, "no answer"),
        (FaultKind.VANISHED, Gone, "does not exist"),
        (FaultKind.TOO_MANY, BackendUnreachable, "Timed out"),
    ],
)
def test_every_fault_becomes_words_for_people(
    workspace: Workspace, kind: FaultKind, expected: type[PipelineError], words: str
) -> None:
    workspace.faults.clear()
    workspace.faults.arm("me", kind, times=None)
    with pytest.raises(expected) as raised:
        ask(connection_to(workspace, http_timeout=2, retry_timeout=1))
    text = str(raised.value)
    assert words in text
    assert "ask who we are" in text
    assert "Config:" not in text
    assert "dapi" not in text
    assert raised.value.is_outage is issubclass(expected, BackendUnreachable)
    assert type(raised.value) is expected
    workspace.faults.clear()


def test_a_grant_that_is_missing_is_named(workspace: Workspace) -> None:
    workspace.faults.clear()
    workspace.faults.arm("me", FaultKind.FORBIDDEN)
    with pytest.raises(BackendUnreachable) as raised:
        ask(connection_to(workspace))
    assert "Grant it" in raised.value.hint


def test_renewed_credentials_are_taken_up(workspace: Workspace) -> None:
    workspace.faults.clear()
    options = {"token": "expired"}
    connection = connection_to(workspace, options=options)
    with pytest.raises(BackendUnreachable, match="401"):
        ask(connection)
    renewed = connection_to(workspace)
    object.__setattr__(connection, "options", renewed.options)
    ask(connection)


def test_the_sdk_still_says_auth_of_credentials_that_it_does_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prose decides here, for want of a code: written for databricks-sdk 0.156. Another release may word it anew."""
    for name in ("HOST", "TOKEN", "CLIENT_ID", "CONFIG_PROFILE"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ValueError, match="auth") as raised:
        Connection(2, 2).client()
    assert is_about_credentials(raised.value), f"databricks-sdk {version('databricks-sdk')} says it otherwise"
    assert not is_about_credentials(ValueError("ours"))


def test_a_programming_error_stays_one(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="ours"), connection_to(workspace).calling("fail"):
        raise ValueError("ours")


def test_what_was_said_is_without_the_appendix_and_not_endless() -> None:
    assert said(OSError("No. Config: host=https://x, token=***. Env: DATABRICKS_TOKEN")) == "No."
    assert len(said(OSError("x" * 10_000))) < 600
    assert said(OSError()) == "OSError"


def test_no_secret_is_in_the_representation(tmp_path: Path) -> None:
    assert "dapi-secret" not in repr(Connection(1, 1, {"token": "dapi-secret"}))
    assert not issubclass(BackendUnreachable, BackendFailed)
