"""The audit export on the command line, of this installation and over HTTP."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.files import sha256
from training_pipeline.testing.system.command_line import Command


def test_an_archive_is_written_once_and_whole(
    command: Command, url: str, done: TrainingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, error = command("jobs", "audit", done.id)
    path = tmp_path / f"audit-{done.id}.zip"
    assert (code, error) == (0, "")
    assert f"{path.name}: SHA-256 {sha256(path)}." in out
    assert path.stat().st_mode & 0o777 == 0o600
    code, _, error = command("jobs", "audit", done.id)
    assert code == 1
    assert f"{path.name} already exists" in error
    other = tmp_path / "version.zip"
    assert command("models", "audit", "triage", "2", "-o", str(other), "--url", url)[0] == 0
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(other) as theirs:
        assert ours.namelist() == theirs.namelist()
        assert theirs.testzip() is None
    code, _, error = command("models", "audit", "triage", "9", "-o", str(tmp_path / "none.zip"), "--url", url)
    assert code == 1
    assert "Nearest: 2" in error
    code, _, error = command("jobs", "audit", done.id, "-o", str(tmp_path / "nowhere" / "a.zip"))
    assert (code, "nowhere/a.zip cannot be written: No such file or directory." in error) == (1, True)
    assert sorted(one.name for one in tmp_path.iterdir() if one.is_file()) == [path.name, other.name]
