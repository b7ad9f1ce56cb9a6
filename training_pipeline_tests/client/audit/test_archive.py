"""The audit export of jobs in every state: what is there, that its hashes hold, and that no text of a pair is in it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from training_pipeline.app.container import Services
from training_pipeline.client.audit import job_files, model_files
from training_pipeline.client.audit.archive import file_name
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.infra.files import sha256
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import StoredScores
from training_pipeline.models.promotion import records as promotions
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.models.score_files import right, scores, written
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.testing.sheets.small_sheet import rows
from training_pipeline.training_jobs.store.events import EventType


@pytest.fixture
def client(services: Services) -> LocalClient:
    return LocalClient(services, Caller("ada", Role.VIEWER))


def unpacked(client: LocalClient, job_id: str, to: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(b"".join(client.audit_job(job_id)))) as archive:
        archive.extractall(to)
    return to


def named(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_registered_version_whole_and_checked_without_us(
    client: LocalClient, services: Services, tmp_path: Path
) -> None:
    job = succeeded(services)
    steward = LocalClient(services, Caller("grace", Role.STEWARD))
    steward.revoke({"pair": "p-0003", "sheet": "small", "reason": "consent withdrawn"})
    decision = {"model_name": "triage", "model_version": "2", "decision": "accept_risk", "reason": "needed"}
    decided = steward.decide(decision)
    measured = written(tmp_path / "tuned.parquet", scores(9, exact_match=right(9, 0.8)))
    kept = StoredScores(path=measured, sha256=sha256(measured), pairs=9)
    gone = kept.model_copy(update={"sha256": "0" * 64})
    evaluation = stored_evaluation(job.id).model_copy(update={"scores": {"tuned": kept, "base": gone}})
    records.add(services.store, evaluation)

    folder = unpacked(client, job.id, tmp_path / "job")
    assert subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    of_job = {f"job/{name}" for name in job_files.FILES} - {"job/environment.json"}
    of_model = {f"model/{name}" for name in model_files.FILES if "*" not in name}
    of_scores = {f"model/scores/{evaluation.id}-tuned.parquet"}
    assert named(folder) == of_job | of_model | of_scores | {"README.md", "SHA256SUMS"}

    manifest = pq.read_table(folder / "job" / "manifest.parquet").to_pylist()
    pairs = table(folder / "job" / "pairs.csv")
    assert [one["pair_id"] for one in pairs] == [one["pair_id"] for one in manifest]
    assert [one["split"] or None for one in pairs] == [one["split"] for one in manifest]
    events = table(folder / "job" / "events.csv")
    assert [one["id"] for one in events] == sorted((one["id"] for one in events), key=int)
    assert "succeeded" in {one["new_status"] for one in events}
    assert len(table(folder / "job" / "metrics.csv")) == 60
    told = read(folder / "job" / "job.json")
    assert (told["id"], told["status"]) == (job.id, "succeeded")
    assert "allowed_actions" not in told
    assert read(folder / "job" / "dataset.json")["digest"] == job.data.dataset_digest
    assert read(folder / "job" / "revocations.json")["revocations"][0]["value"] == "p-0003"
    assert read(folder / "model" / "version.json")["state"] == "tainted"
    assert read(folder / "model" / "evaluations.json")["evaluations"][0]["id"] == evaluation.id
    found = read(folder / "model" / "decisions.json")
    assert [one["hash"] for one in found["decisions"]] == [decided.hash] == [found["chain"]["last_hash"]]
    assert found["chain"]["problems"] == []
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert f"# Audit of triage version 2, training job {job.id}" in readme
    assert "`job/environment.json`: It is not on record" in readme
    assert f"`model/scores/{evaluation.id}-base.parquet`: The scores are gone" in readme
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    texts = [message["content"] for row in rows(40) for message in row["messages"]]
    assert texts
    assert not [text for text in texts if text.encode() in everything]
    by_version = zipfile.ZipFile(io.BytesIO(b"".join(client.audit_model_version("triage", "2"))))
    assert set(by_version.namelist()) == named(folder)


def test_ancestors_come_with_it(client: LocalClient, services: Services, tmp_path: Path) -> None:
    learned = dataset_of(tmp_path, "base", [row("b-1", "train")])
    base = job_with(services.store, services.uses, "base", learned, version="2", model_name="triage")
    origin = ModelOrigin(job_id=base.id, model_name="triage", model_version="2", base_model="builtin:tiny")
    lost = origin.model_copy(update={"job_id": "tj-20200101-000000-000000"})
    made_from = BaseModelRecord(reference="/models/triage", ancestors=(origin, lost))
    dataset = dataset_of(tmp_path, "other", [row("q-1", "train")])
    job = job_with(services.store, services.uses, "other", dataset, version="1", base_model=made_from)
    folder = unpacked(client, job.id, tmp_path / "job")
    assert f"ancestors/{base.id}/pairs.csv" in named(folder)
    assert read(folder / "ancestors" / base.id / "job.json")["id"] == base.id
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "`ancestors/*/`" in readme
    assert f"* `ancestors/{lost.job_id}`: " in readme


def test_a_promotion_that_nobody_approved_in_time_waits_no_more(
    client: LocalClient, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = dataset_of(tmp_path, "base", [row("b-1", "train")])
    job = job_with(services.store, services.uses, "base", learned, version="2", model_name="triage")
    nothing = dict.fromkeys(("previous_version", "evaluation_id", "gate", "decision", "moved_at"))
    named = {"kind": "promote", "model_name": "triage", "alias": "champion", "model_version": "2"}
    promotions.add(services.store, **nothing, **named, reason="r", actor="ada", waits=True)
    for approval, waits in ((timedelta(days=14), True), (timedelta(microseconds=1), False)):
        monkeypatch.setattr(services.promotions, "_approval", approval)
        (found,) = read(unpacked(client, job.id, tmp_path / str(waits)) / "model" / "promotions.json")["promotions"]
        assert (found["waits"], found["expired"]) == (waits, not waits)


def read(path: Path) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_job_in_any_state_says_what_it_does_not_have(client: LocalClient, services: Services, tmp_path: Path) -> None:
    there = ("job.json", "events.csv", "metrics.csv", "revocations.json")
    for status in JobStatus:
        job = new_job(training_sheet_id="small", status=status)
        services.store.create(job, message="Created.")
        folder = unpacked(client, job.id, tmp_path / status)
        assert named(folder) == {"README.md", "SHA256SUMS", *(f"job/{name}" for name in there)}
        readme = (folder / "README.md").read_text(encoding="utf-8")
        assert all(f"* `job/{name}`: " in readme for name in job_files.FILES if name not in there)
        assert "The job has registered no model version." in readme


def test_what_is_gone_or_changed_is_said(client: LocalClient, services: Services, tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "other", [row("q-1", "train"), row("q-2", "validation")])
    job = job_with(services.store, services.uses, "other", dataset)
    assert isinstance(job.data.dataset, DatasetRef)
    manifest = job.data.dataset.manifest_file
    pq.write_table(pq.read_table(manifest).slice(1), manifest)
    folder = unpacked(client, job.id, tmp_path / "changed")
    assert "its rows are not those that were recorded" in (folder / "README.md").read_text(encoding="utf-8")
    assert "job/manifest.parquet" in named(folder)
    manifest.write_bytes(b"no parquet")
    folder = unpacked(client, job.id, tmp_path / "broken")
    assert "job/pairs.csv`: It is gone, or is no manifest" in (folder / "README.md").read_text(encoding="utf-8")
    manifest.unlink()
    folder = unpacked(client, job.id, tmp_path / "gone")
    assert {"job/manifest.parquet", "job/pairs.csv"} & named(folder) == set()
    services.store.record(job.id, EventType.INFO, 'a "quoted", long\nmessage')
    folder = unpacked(client, job.id, tmp_path / "event")
    assert table(folder / "job" / "events.csv")[-1]["message"] == 'a "quoted", long\nmessage'


def test_what_is_unknown_is_not_found_before_anything_is_sent(client: LocalClient) -> None:
    with pytest.raises(NotFound):
        client.audit_job("tj-20261123-072145-9f3a2c")
    with pytest.raises(NotFound):
        client.audit_model_version("triage", "9")


def test_a_name_of_a_model_makes_a_name_of_a_file() -> None:
    assert file_name('main.ml."a/../b"-2') == "audit-main.ml.-a-..-b--2.zip"
    assert file_name("tj-1") == "audit-tj-1.zip"
