"""The export of a version on the command line; what becomes of the files is told in `models/export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training_pipeline.domain.job import TrainingJob
from training_pipeline.infra.database import Database
from training_pipeline.infra.files import sha256
from training_pipeline.models.export import exports
from training_pipeline.models.export.parity import Parity
from training_pipeline.models.versions import files
from training_pipeline.models.versions.files import Place
from training_pipeline.testing.system.command_line import Command
from training_pipeline.training_jobs.store import lineage
from training_pipeline.training_jobs.store.jobs import JobStore

EXPORT = ("models", "export", "triage", "2", "--format")


def test_a_version_is_exported_or_it_is_said_why_not(
    command: Command, done: TrainingJob, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, error = command(*EXPORT, "gguf")
    assert code == 1
    assert "holds no converter of models" in error
    assert "convert_hf_to_gguf.py" in error
    code, _, error = command(*EXPORT, "merged")
    assert code == 1
    assert "triage version 2 cannot be exported" in error

    model = tmp_path / "model.safetensors"
    model.write_bytes(b"weights")
    engine = database.engine(pooled=False)
    lineage.set_model(JobStore(engine), done.id, version="2", files={model.name: sha256(model)})
    monkeypatch.setattr(files, "place", lambda *_: Place(tmp_path, str(tmp_path)))
    monkeypatch.setattr(exports, "compare", lambda *_: Parity(questions=20, tokens=200, same=199))
    code, out, error = command(*EXPORT, "merged")
    assert (code, error) == (0, "")
    assert "199 of 200 tokens of 20 answers are the same" in out
    assert (tmp_path / "triage-2-merged" / model.name).read_bytes() == b"weights"
    assert "Not tested" not in out
    code, out, error = command(*EXPORT, "vllm")
    assert (code, error) == (0, "")
    assert "vLLM itself was not run" in out
    told = json.loads((tmp_path / "triage-2-vllm" / "EXPORT.json").read_text())
    assert (told["format"], told["files"]) == ("vllm", {model.name: sha256(model)})
    assert told["not_tested"] in out
    made = json.loads(command(*EXPORT, "merged", "-o", "again", "--json")[1])
    assert made["files"] == {model.name: sha256(model)}
    assert made["digest"] in out
    assert made["not_tested"] is None
