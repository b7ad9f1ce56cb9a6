"""A file of a version on the command line, here and over HTTP: whole and private, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.files import sha256
from training_pipeline.models.versions import files
from training_pipeline.models.versions.files import Place
from training_pipeline.testing.models.version_here import write_files
from training_pipeline.testing.system.command_line import Command
from training_pipeline.training_jobs.store import lineage


def test_a_file_is_written_once_and_whole(
    command: Command,
    url: str,
    services: Services,
    done: TrainingJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_files(tmp_path / "model", {"adapter/weights.bin": b"weights", "odd": b"now"})
    hashes = {"adapter/weights.bin": sha256(folder / "adapter/weights.bin"), "odd": "0" * 64}
    lineage.set_model(services.store, done.id, version="2", files=hashes)
    monkeypatch.setattr(files, "place", lambda *_: Place(folder, str(folder)))
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    code, said, error = command("models", "download", "triage", "2", "adapter/weights.bin")
    assert (code, said, error) == (0, f"weights.bin: SHA-256 {hashes['adapter/weights.bin']}\n", "")
    assert (out / "weights.bin").stat().st_mode & 0o777 == 0o600
    code, _, error = command("models", "download", "triage", "2", "adapter/weights.bin")
    assert (code, "weights.bin already exists" in error) == (1, True)
    over = ("models", "download", "triage", "2", "adapter/weights.bin", "-o", "theirs", "--url", url)
    assert command(*over)[0] == 0
    assert (out / "theirs").read_bytes() == b"weights"
    for more in ((), ("--url", url)):  # it is not what was registered
        code, _, error = command("models", "download", "triage", "2", "odd", *more)
        assert (code, (out / "odd").exists()) == (1, False), error
    assert sorted(one.name for one in out.iterdir()) == ["theirs", "weights.bin"]
