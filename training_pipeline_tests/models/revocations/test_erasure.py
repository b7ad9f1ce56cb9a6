"""The text of what was revoked is gone, the manifest stays, and nothing that is in use is erased."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from training_pipeline.app.container import Services
from training_pipeline.datasets.erased import erased
from training_pipeline.datasets.store import manifest_is_whole
from training_pipeline.domain.errors import Conflict, NotFound
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.model_version import Outcome
from training_pipeline.domain.refs import HEAD, DatasetRef, required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations import read
from training_pipeline.models.revocations.decisions import Decisions
from training_pipeline.models.revocations.erasure import Erasures
from training_pipeline.models.revocations.key_destruction import KeyDestruction
from training_pipeline.testing.jobs.job_life import prepared, succeeded
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet


@pytest.fixture
def erasures(services: Services) -> Erasures:
    settings = services.settings
    hashed = [settings.snapshots, settings.suites]
    return Erasures(
        services.store,
        settings.datasets,
        [settings.state_dir, settings.sheets],
        hashed=hashed,
        runs=settings.runs,
        keys=services.keys,
    )


def revoke(services: Services, item: str) -> str:
    made = services.revocations.revoke(Revoked(kind="item", value=item), reason="r", actor="grace")
    return made.revocation.id


def test_the_text_of_a_row_is_erased_and_its_manifest_stays(services: Services, erasures: Erasures) -> None:
    with pytest.raises(NotFound):
        erasures.plan("rv-20261123-072145-9f3a2c")
    job = succeeded(services)
    dataset = job.data.dataset
    assert isinstance(dataset, DatasetRef)
    nothing = erasures.plan(revoke(services, "item of nobody"))
    assert (nothing.texts, nothing.elsewhere, nothing.hashed) == ((), (), ())
    revoked = revoke(services, "item-0007")
    again = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    clean = prepared(services, again.id).data.dataset
    assert isinstance(clean, DatasetRef)
    copy = services.settings.state_dir / "logs" / "copied.txt"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text("He wrote: Which queue takes invoice 7?")
    plan = erasures.plan(revoked)
    (text,) = plan.texts
    assert (text.dataset.digest, text.rows, text.jobs, text.in_progress) == (dataset.digest, 1, (job.id,), ())
    sheet = services.settings.sheets / "small.jsonl"
    assert set(plan.elsewhere) == {copy.resolve(), sheet.resolve()}
    assert "invoice 7?" not in repr(plan)
    copy.unlink()
    for _ in range(2):  # after a crash it is repeated
        left = erasures.carry_out(plan, actor="grace")
        assert left.files == (sheet.resolve(),)
        assert not dataset.train_file.exists()
        assert not dataset.validation_file.exists()
    assert manifest_is_whole(dataset)
    assert clean.train_file.exists(), "it holds no such row"
    mark = erased(dataset.path)
    assert mark is not None
    assert (mark.revocation_id, mark.actor) == (revoked, "grace")
    assert "was erased" in services.store.events(job.id)[0][0].message
    after = erasures.plan(revoked)
    assert (after.texts, after.hashed) == ((), plan.hashed), "no hash was erased"
    snapshots = [required(services.store.get(each.id).data.snapshot, "snapshot") for each in (job, again)]
    files = [each.manifest_file for each in (dataset, clean)] + [each.pairs_file for each in snapshots]
    assert {one.place for one in after.hashed} == {
        *map(str, files),
        "the index of uses (table use_rows)",
        "examples that were revoked (table revoked_examples)",
    }
    checks = {one.name: one for one in services.versions.verify("triage", "2")}
    assert (checks["dataset"].outcome, revoked in checks["dataset"].message) == (Outcome.PASS, True)
    dataset.manifest_file.write_bytes(b"damaged")
    checks = {one.name: one for one in services.versions.verify("triage", "2")}
    assert checks["dataset"].outcome is Outcome.FAIL


def test_nothing_is_erased_while_a_job_in_progress_uses_it(services: Services, erasures: Erasures) -> None:
    job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    dataset = prepared(services, job.id).data.dataset
    assert isinstance(dataset, DatasetRef)
    plan = erasures.plan(revoke(services, "item-0007"))
    assert plan.texts[0].in_progress == (job.id,)
    with pytest.raises(Conflict, match=job.id):
        erasures.carry_out(plan, actor="grace")
    assert dataset.train_file.exists()
    assert erased(dataset.path) is None
    services.jobs.cancel(job.id, actor="ada", reason="revoked")
    assert services.store.get(job.id).status is JobStatus.CANCELLED
    erasures.carry_out(plan, actor="grace")
    assert not dataset.train_file.exists()


def test_tokens_of_runs_that_did_not_end_well_go_with_the_text(services: Services, erasures: Erasures) -> None:
    job, other = succeeded(services), "tj-20261123-072145-9f3a2c"
    for job_id in (job.id, other):
        for name in ("tokens", "checkpoints"):
            (services.settings.runs / f"{job_id}-1" / name).mkdir(parents=True)
    run = services.settings.runs / f"{job.id}-1"
    (text,) = erasures.plan(revoke(services, "item-0007")).texts
    assert (text.tokens, text.checkpoints) == ((run / "tokens",), (run / "checkpoints",))
    erasures.carry_out(erasures.plan(revoke(services, "item-0007")), actor="grace")
    assert (text.dataset.train_file.exists(), text.tokens[0].exists(), text.checkpoints[0].exists()) == (
        False,
        False,
        True,
    )
    assert (services.settings.runs / f"{other}-1" / "tokens").exists()


def test_nothing_is_erased_before_a_decision_is_due_unless_it_is_said_why(
    services: Services, erasures: Erasures
) -> None:
    job = succeeded(services)
    revoked = revoke(services, "item-0007")
    (taint,) = read.whole(services.store, revoked).taints
    assert taint.model_version is not None
    due = datetime.now(UTC).date() + timedelta(days=9)
    decisions = Decisions(services.store)
    decisions.decide(taint.model_name, taint.model_version, "retrain", reason="r", actor="grace", due=due)
    plan = erasures.plan(revoked)
    assert plan.due == due
    for now in (None, " "):
        with pytest.raises(Conflict, match=str(due)):
            erasures.carry_out(plan, actor="grace", now=now)
    assert plan.texts[0].dataset.train_file.exists()
    decisions.decide(taint.model_name, taint.model_version, "withdraw", reason="r", actor="grace")
    assert erasures.plan(revoked).due == due, "it may not hold yet"
    erasures.carry_out(plan, actor="grace", now="an order of the court")
    mark = erased(plan.texts[0].dataset.path)
    assert mark is not None
    assert mark.early == "an order of the court"
    assert "an order of the court" in services.store.events(job.id)[0][0].message


def head(dataset: DatasetRef) -> Path:
    return dataset.path / HEAD


def manifest(dataset: DatasetRef) -> Path:
    return dataset.manifest_file


@pytest.mark.parametrize("file", [head, manifest])
def test_one_damaged_dataset_keeps_no_other_from_being_erased(
    services: Services, erasures: Erasures, file: Callable[[DatasetRef], Path]
) -> None:
    damaged = required(succeeded(services).data.dataset, "dataset")
    write_sheet(services.settings.sheets, "small", rows(39))
    whole = required(succeeded(services).data.dataset, "dataset")
    revoked = revoke(services, "item-0007")
    file(damaged).chmod(0o600)
    file(damaged).write_bytes(b"damaged")
    destruction = KeyDestruction(
        services.store, services.keys, datasets=services.settings.datasets, snapshots=services.settings.snapshots
    )
    plan = erasures.plan(revoked)
    assert [one.dataset.digest for one in plan.texts] == [whole.digest]
    assert plan.damaged == (damaged.path,)
    assert damaged.path in plan.unreadable
    erasures.carry_out(plan, actor="grace")
    assert (whole.train_file.exists(), damaged.train_file.exists()) == (False, True)
    doomed = destruction.plan(revoked)
    assert doomed.unreadable == (damaged.path,)
    destruction.carry_out(doomed, actor="grace")
    assert services.keys.of_sheet("small") is None


def test_a_damaged_dataset_that_the_revocation_cannot_concern_is_not_asked(
    services: Services, erasures: Erasures
) -> None:
    write_sheet(services.settings.sheets, "other", rows(40))
    job = services.jobs.create({"training_sheet_id": "other", "model_name": "triage"}, created_by="ada")
    other = required(prepared(services, job.id).data.dataset, "dataset")
    other.manifest_file.unlink()
    asked = Revoked(kind="pair", value="p-0003", training_sheet_id="small")
    revoked = services.revocations.revoke(asked, reason="r", actor="grace").revocation.id
    assert erasures.plan(revoked).damaged == ()
