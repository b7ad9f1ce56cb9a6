"""Exports of a version, with a test of parity that only says what it is told to."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound, Tainted, Unavailable
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Revoked
from training_pipeline.infra.database import Database
from training_pipeline.models.export import exports as module
from training_pipeline.models.export.exports import Exports
from training_pipeline.models.export.formats import NOT_TESTED, ExportFormat
from training_pipeline.models.export.parity import Parity
from training_pipeline.settings import Settings
from training_pipeline.testing.models.version_here import version_here, write_files

FILES = {"model.safetensors": b"weights", "config.json": b"{}", "adapter/adapter_model.safetensors": b"few"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "model", FILES)


@pytest.fixture
def services(settings: Settings, database: Database, folder: Path) -> Iterator[Services]:
    """An installation with version 2 of the model `triage`, whose folder is here."""
    with version_here(settings, database, folder) as parts:
        yield parts


@pytest.fixture
def exports(services: Services) -> Exports:
    return Exports(services.store, services.backend, services.versions, services.decisions)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any] | None]:
    """The base models that were asked for, one for each test of parity; every one holds."""
    found: list[dict[str, Any] | None] = []

    def compare(trained: object, exported: Path, base: dict[str, Any] | None, questions: Path) -> Parity:
        assert questions.is_file()
        found.append(base)
        return Parity(questions=20, tokens=100, same=100)

    monkeypatch.setattr(module, "compare", compare)
    return found


def test_an_export_is_whole_tested_and_on_record(
    exports: Exports, services: Services, tmp_path: Path, asked: list[dict[str, Any] | None]
) -> None:
    merged = exports.export("triage", "2", ExportFormat.MERGED, tmp_path / "merged", actor="ada")
    adapter = exports.export("triage", "2", ExportFormat.ADAPTER, tmp_path / "deep" / "adapter", actor="ada")
    assert [base and base["source"] for base in asked] == [None, "builtin:tiny"]
    assert (set(merged.files), set(adapter.files)) == (
        {"model.safetensors", "config.json"},
        {"adapter_model.safetensors"},
    )
    for place, made in ((tmp_path / "merged", merged), (tmp_path / "deep" / "adapter", adapter)):
        assert subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=place, check=False).returncode == 0
        assert {path.name for path in place.iterdir()} == {*made.files, "EXPORT.json", "SHA256SUMS"}
        assert json.loads((place / "EXPORT.json").read_text())["digest"] == made.digest
        assert place.stat().st_mode & 0o777 == 0o700
    assert merged.digest != adapter.digest
    event = services.store.events(merged.job_id)[0][1]
    assert (event.actor, event.data and event.data["export"]["digest"]) == ("ada", merged.digest)
    with pytest.raises(Conflict, match="already exists"):
        exports.export("triage", "2", ExportFormat.MERGED, tmp_path / "merged", actor="ada")
    assert "answers as the trained model" in adapter.tested
    assert "byte for byte" in merged.tested


def test_an_export_that_was_asked_little_says_so(
    exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "compare", lambda *_: Parity(questions=2, tokens=10, same=10))
    merged = exports.export("triage", "2", ExportFormat.MERGED, tmp_path / "merged", actor="ada")
    vllm = exports.export("triage", "2", ExportFormat.VLLM, tmp_path / "vllm", actor="ada")
    assert str(merged.not_tested).startswith("Fewer than 20 questions: the validation split has 2 ")
    assert vllm.not_tested == f"{merged.not_tested} {NOT_TESTED[ExportFormat.VLLM]}"
    assert json.loads((tmp_path / "merged" / "EXPORT.json").read_text())["not_tested"] == merged.not_tested


def test_what_cannot_be_exported_leaves_nothing(
    exports: Exports,
    services: Services,
    folder: Path,
    tmp_path: Path,
    asked: list[dict[str, Any] | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    to = tmp_path / "out"
    with pytest.raises(InvalidRequest, match="GGUF"):
        exports.export("triage", "2", ExportFormat.GGUF, to, actor="ada")
    with pytest.raises(NotFound):
        exports.export("triage", "9", ExportFormat.MERGED, to, actor="ada")
    (folder / "config.json").write_text("{ }")
    with pytest.raises(Conflict, match=r"config\.json of triage version 2 is not what was registered"):
        exports.export("triage", "2", ExportFormat.MERGED, to, actor="ada")
    (folder / "config.json").write_bytes(FILES["config.json"])
    with monkeypatch.context() as changed:
        changed.setattr(module, "compare", lambda *_: Parity(questions=20, tokens=100, same=98))
        with pytest.raises(Unavailable, match="98 of 100 tokens"):
            exports.export("triage", "2", ExportFormat.MERGED, to, actor="ada")
    dataset = services.versions.subject("triage", "2").job.data.dataset
    assert isinstance(dataset, DatasetRef)
    dataset.validation_file.unlink()
    with pytest.raises(Unavailable, match="validation questions of its dataset are gone"):
        exports.export("triage", "2", ExportFormat.MERGED, to, actor="ada")
    assert asked == []
    assert sorted(path.name for path in tmp_path.iterdir() if "out" in path.name) == []


def test_a_tainted_version_needs_an_accepted_risk_and_a_withdrawn_one_stays_here(
    exports: Exports, services: Services, tmp_path: Path, asked: list[dict[str, Any] | None]
) -> None:
    def export(name: str) -> None:
        exports.export("triage", "2", ExportFormat.MERGED, tmp_path / name, actor="ada")

    def revoke(pair: str) -> None:
        what = Revoked(kind="pair", value=pair, training_sheet_id="small")
        services.revocations.revoke(what, reason="consent withdrawn", actor="grace")

    def decide(what: Any) -> None:
        services.decisions.decide("triage", "2", what, reason="needed", actor="grace")

    revoke("p-0003")
    with pytest.raises(Tainted, match="triage version 2 is tainted"):
        export("undecided")
    decide("retrain")
    with pytest.raises(Tainted):
        export("to-be-trained-again")
    decide("accept_risk")
    export("accepted")
    revoke("p-0004")  # nobody has accepted this one
    with pytest.raises(Tainted) as raised:
        export("another")
    assert "holds for the revocations that it names" in raised.value.hint
    decide("accept_risk")
    export("accepted-again")
    decide("withdraw")
    with pytest.raises(Tainted, match="withdrawn"):
        export("withdrawn")
    assert len(asked) == 2
