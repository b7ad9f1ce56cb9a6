from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from databricks.sdk.config import Config

from training_pipeline.databricks import upload
from training_pipeline.databricks.upload import Uploads
from training_pipeline.databricks.workspace import Gone
from training_pipeline.domain.errors import BackendUnreachable
from training_pipeline.infra.files import sha256
from training_pipeline.testing.databricks.backend import VOLUME, connection_to
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.uploads import store

REMOTE = f"/Volumes/{VOLUME.replace('.', '/')}/a b/train.jsonl"
#: The SDK sends files from this size on in parts, in tests.
PARTS_FROM = 1 << 20


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with serve(tmp_path / "workspace") as served:
        served.path(f"/Volumes/{VOLUME.replace('.', '/')}").mkdir(parents=True)
        yield served


@pytest.fixture
def uploads(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    monkeypatch.setattr(upload, "IN_PARTS_FROM", PARTS_FROM)
    monkeypatch.setattr(Config, "files_ext_multipart_upload_min_stream_size", PARTS_FROM)
    monkeypatch.setattr(Config, "files_ext_multipart_upload_part_size_options", [PARTS_FROM])
    return Uploads(connection_to(workspace), VOLUME)


def made(directory: Path, size: int) -> Path:
    path = directory / f"{size}.jsonl"
    path.write_bytes(os.urandom(size))
    return path


def sent(workspace: Workspace) -> list[str]:
    return [call.name for call in workspace.calls if "upload" in call.name]


@pytest.mark.parametrize("size", [0, 100, 3 * PARTS_FROM + 17])
def test_what_arrives_is_what_was_sent_and_is_sent_once(
    uploads: Uploads, workspace: Workspace, tmp_path: Path, size: int
) -> None:
    path = made(tmp_path, size)
    assert uploads.to_volume(path, REMOTE) == sha256(path)
    assert workspace.path(REMOTE).read_bytes() == path.read_bytes()
    assert uploads.read(REMOTE) == path.read_bytes()
    before = len(sent(workspace))
    assert uploads.to_volume(path, REMOTE) == sha256(path)
    assert len(sent(workspace)) == before
    parts = sent(workspace).count("cloud/upload-part")
    assert parts == (4 if size > PARTS_FROM else 0)


def test_a_file_that_is_another_one_is_overwritten(uploads: Uploads, workspace: Workspace, tmp_path: Path) -> None:
    uploads.to_volume(made(tmp_path, 10), REMOTE)
    path = made(tmp_path, 20)
    uploads.to_volume(path, REMOTE)
    assert workspace.path(REMOTE).read_bytes() == path.read_bytes()


def test_a_file_that_arrived_broken_is_found_out(uploads: Uploads, workspace: Workspace, tmp_path: Path) -> None:
    workspace.faults.arm("fs/files/upload", FaultKind.HTML)  # a proxy that swallows the file and says that all is well
    with pytest.raises(BackendUnreachable) as raised:
        uploads.to_volume(made(tmp_path, 10), REMOTE)
    assert REMOTE in raised.value.message


def test_a_file_whose_links_expire_arrives_all_the_same(uploads: Uploads, workspace: Workspace, tmp_path: Path) -> None:
    state = store(workspace)
    state.expire_next = 2
    path = made(tmp_path, 2 * PARTS_FROM + 1)
    uploads.to_volume(path, REMOTE)
    assert workspace.path(REMOTE).read_bytes() == path.read_bytes()
    assert state.expire_next == 0
    assert "fs/files/upload" in sent(workspace)


def test_a_workspace_that_gives_no_links_takes_the_file_whole(
    uploads: Uploads, workspace: Workspace, tmp_path: Path
) -> None:
    store(workspace).presigned = False
    path = made(tmp_path, 2 * PARTS_FROM)
    uploads.to_volume(path, REMOTE)
    assert workspace.path(REMOTE).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("answers", [False, True])
def test_storage_that_is_out_of_reach_takes_the_file_whole_through_the_workspace(
    uploads: Uploads, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    """Behind the links is nobody, or somebody who hangs up, as a firewall does."""
    monkeypatch.setattr(Config, "files_ext_multipart_upload_max_retries", 1)
    monkeypatch.setattr(Config, "experimental_files_ext_cloud_api_max_retries", 1)
    with socket.create_server(("127.0.0.1", 0)) as firewall:
        store(workspace).storage = f"http://127.0.0.1:{firewall.getsockname()[1] if answers else 9}"
        stop = threading.Event()
        thread = threading.Thread(target=hang_up, args=(firewall, stop))
        thread.start()
        path = made(tmp_path, 3 * PARTS_FROM + 17)
        try:
            assert uploads.to_volume(path, REMOTE) == sha256(path)
        finally:
            stop.set()
            thread.join()
    assert workspace.path(REMOTE).read_bytes() == path.read_bytes()
    assert "fs/files/multipart" in [call.name for call in workspace.calls], "it was tried in parts first"


def hang_up(server: socket.socket, stop: threading.Event) -> None:
    server.settimeout(0.05)
    while not stop.is_set():
        with suppress(TimeoutError):
            server.accept()[0].close()


def test_a_volume_that_is_missing_is_named_with_the_grants(workspace: Workspace, tmp_path: Path) -> None:
    uploads = Uploads(connection_to(workspace), "main.ml.nowhere")
    with pytest.raises(Gone) as raised:
        uploads.to_volume(made(tmp_path, 10), "/Volumes/main/ml/nowhere/x")
    assert "main.ml.nowhere" in raised.value.message
    assert "TRAINING_PIPELINE_DATABRICKS_VOLUME" in raised.value.hint


def test_a_grant_that_is_missing_is_named(uploads: Uploads, workspace: Workspace, tmp_path: Path) -> None:
    with workspace.without(VOLUME, "WRITE VOLUME"), pytest.raises(BackendUnreachable) as raised:
        uploads.to_volume(made(tmp_path, 10), REMOTE)
    assert "WRITE VOLUME" in raised.value.message
    assert f"WRITE VOLUME on {VOLUME}" in raised.value.hint
    assert "USE CATALOG on main" in raised.value.hint


def test_code_is_written_and_written_again(uploads: Uploads, workspace: Workspace) -> None:
    folder = "/Workspace/Users/me/training_pipeline/tj-1"
    for content in (b"one", b"two"):
        uploads.code(folder, {"program.zip": content, "command.sh": content})
        assert workspace.path(f"{folder}/command.sh").read_bytes() == content


def test_a_missing_file_is_null(uploads: Uploads) -> None:
    assert uploads.read(REMOTE) is None


def test_text_that_is_in_no_file_arrives_and_is_removed(uploads: Uploads, workspace: Workspace) -> None:
    assert uploads.text_to_volume(b"a question", REMOTE) == hashlib.sha256(b"a question").hexdigest()
    assert workspace.path(REMOTE).read_bytes() == b"a question"
    for _ in range(2):
        uploads.remove(REMOTE)
        assert not workspace.path(REMOTE).exists()


def test_text_that_arrived_as_something_else_is_told(uploads: Uploads, workspace: Workspace) -> None:
    workspace.faults.arm("fs/files/upload", FaultKind.INTERNAL_AFTER)
    with pytest.raises(BackendUnreachable):
        uploads.text_to_volume(b"a question", REMOTE)
    workspace.faults.arm("fs/files/download", FaultKind.VANISHED)
    with pytest.raises(BackendUnreachable, match="arrived at Databricks as something else"):
        uploads.text_to_volume(b"a question", REMOTE)
