"""Without the key no text leads to a row, and everything else stays; whatever stops it, doing it again finishes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from training_pipeline.app.container import Services
from training_pipeline.datasets.store import manifest_is_whole
from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.model_version import Outcome
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.domain.study import StudyStatus
from training_pipeline.domain.uses import Question
from training_pipeline.models.evaluation import records
from training_pipeline.models.evaluation.records import EvaluationStatus
from training_pipeline.models.revocations import key_destruction as module
from training_pipeline.models.revocations.erasure import Erasures
from training_pipeline.models.revocations.key_destruction import KeyDestruction
from training_pipeline.models.uses.ask import uses
from training_pipeline.models.uses.check import check
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared, succeeded
from training_pipeline.testing.models.evaluated import stored_evaluation
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.studies.trial_life import stored_study
from training_pipeline.training_jobs.store.hash_keys import HashKeyStore
from training_pipeline.tuning import records as studies


@pytest.fixture
def destruction(services: Services) -> KeyDestruction:
    settings = services.settings
    return KeyDestruction(services.store, services.keys, datasets=settings.datasets, snapshots=settings.snapshots)


def revoke(services: Services, **what: str) -> str:
    asked = Revoked.model_validate(what)
    return services.revocations.revoke(asked, reason="r", actor="grace").revocation.id


def erase(services: Services, revocation_id: str) -> None:
    settings = services.settings
    erasures = Erasures(services.store, settings.datasets, [], hashed=[], keys=services.keys)
    erasures.carry_out(erasures.plan(revocation_id), actor="sam")


def dataset_of(job: TrainingJob) -> DatasetRef:
    return required(job.data.dataset, "dataset")


def lines(dataset: DatasetRef) -> list[str]:
    return [hashlib.sha256(line).hexdigest() for line in dataset.train_file.read_bytes().splitlines()]


def asked(services: Services, value: str, kind: str = "row_hash") -> object:
    return uses(services.store, Question.model_validate({"kind": kind, "value": value}), services.keys)


def test_found_before_and_not_found_after(services: Services, destruction: KeyDestruction) -> None:
    job = succeeded(services)
    dataset = dataset_of(job)
    key = services.keys.of_sheet("small")
    assert key is not None
    assert dataset.hash_key == key.id
    plain = lines(dataset)[0]
    before = uses(services.store, Question(kind="row_hash", value=plain), services.keys)
    assert before.sheets[0].datasets[0].digest == dataset.digest
    assert before.sheets[0].rows[0].row_hash == key.of(plain)
    pair = str(before.sheets[0].rows[0].pair_id)
    of_pair = uses(services.store, Question(kind="pair", value=pair), services.keys)
    item = str(before.sheets[0].rows[0].item_ref)
    revocation = revoke(services, kind="item", value=item)
    checked = list(check(services.store))
    with pytest.raises(Conflict, match="still there"):
        destruction.carry_out(destruction.plan(revocation), actor="sam")
    erase(services, revocation)
    plan = destruction.plan(revocation)
    assert [one.record.id for one in plan.keys] == [key.id]
    assert plan.keys[0].snapshots == (required(job.data.snapshot, "snapshot").path,)
    destruction.carry_out(plan, actor="sam")
    assert not plan.keys[0].record.path.exists()
    assert not plan.keys[0].snapshots[0].exists()
    with pytest.raises(NotFound, match="that could be searched") as nothing:
        asked(services, plain)
    assert key.id in str(nothing.value)
    assert f"destroyed for {revocation}" in str(nothing.value)
    assert uses(services.store, Question(kind="pair", value=pair), services.keys) == of_pair
    assert list(check(services.store)) == checked
    assert manifest_is_whole(dataset)
    (event, *_) = [one for one in services.store.events(job.id)[0] if key.id in one.message]
    assert event.actor == "sam"
    (dataset_check,) = [one for one in services.versions.verify("triage", "2") if one.name == "dataset"]
    assert dataset_check.outcome is Outcome.PASS
    assert destruction.plan(revocation).keys == (), "there is nothing left to do"


def test_the_next_job_makes_a_new_key_and_keeps_the_sides(services: Services, destruction: KeyDestruction) -> None:
    job = succeeded(services)
    first = dataset_of(job)
    revocation = revoke(services, kind="item", value="item-0007")
    erase(services, revocation)
    destruction.carry_out(destruction.plan(revocation), actor="sam")
    again = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    second = dataset_of(prepared(services, again.id))
    assert second.hash_key not in {None, first.hash_key}
    assert second.report.kept is not None
    assert (second.report.kept.new, second.report.kept.moved) == (0, 0)
    assert not second.report.kept.losses_comparable


def test_a_job_in_progress_keeps_its_key(services: Services, destruction: KeyDestruction) -> None:
    succeeded(services)
    revocation = revoke(services, kind="item", value="item-0007")
    erase(services, revocation)
    services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    plan = destruction.plan(revocation)
    assert plan.keys[0].in_progress
    with pytest.raises(Conflict, match="in progress"):
        destruction.carry_out(plan, actor="sam")
    assert services.keys.of_sheet("small") is not None


def test_an_evaluation_and_a_study_keep_the_keys_they_need(services: Services, destruction: KeyDestruction) -> None:
    job = succeeded(services)
    revocation = revoke(services, kind="item", value="item-0007")
    erase(services, revocation)
    evaluation = records.add(services.store, stored_evaluation(job.id, EvaluationStatus.RUNNING))
    elsewhere = stored_evaluation("tj-elsewhere", EvaluationStatus.RUNNING)
    records.add(services.store, elsewhere.model_copy(update={"suite_digest": "2" * 64}))
    study = stored_study(services)
    plan = destruction.plan(revocation)
    assert set(plan.keys[0].in_progress) == {evaluation.id, study.name}
    with pytest.raises(Conflict, match="in progress"):
        destruction.carry_out(plan, actor="sam")
    records.change(services.store, evaluation, status=EvaluationStatus.FAILED)
    studies.change(services.store, study.name, {"status": StudyStatus.STOPPED}, status=StudyStatus.RUNNING)
    destruction.carry_out(destruction.plan(revocation), actor="sam")
    assert services.keys.of_sheet("small") is None


def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("by_hash", [False, True])
@pytest.mark.parametrize(
    "step",
    [
        lambda patched: patched.setattr(module, "record_event", _crash),
        lambda patched: patched.setattr(HashKeyStore, "remove", _crash),
        lambda patched: patched.setattr("training_pipeline.models.revocations.key_destruction.shutil.rmtree", _crash),
    ],
    ids=["marking", "removing the file", "removing snapshots"],
)
def test_a_crash_is_finished_by_doing_it_again(
    services: Services,
    destruction: KeyDestruction,
    monkeypatch: pytest.MonkeyPatch,
    step: Callable[[pytest.MonkeyPatch], None],
    by_hash: bool,
) -> None:
    job = succeeded(services)
    by = {"kind": "row_hash", "value": lines(dataset_of(job))[0]} if by_hash else {"kind": "item", "value": "item-0007"}
    revocation = revoke(services, **by)
    erase(services, revocation)
    with monkeypatch.context() as patched:
        step(patched)
        with pytest.raises(KeyboardInterrupt):
            destruction.carry_out(destruction.plan(revocation), actor="sam")
    (record,) = services.keys.records()
    if record.destroyed_at is None:
        assert services.keys.of_sheet("small") is not None, "all or nothing"
    destruction.carry_out(destruction.plan(revocation), actor="sam")
    assert services.keys.of_sheet("small") is None
    assert not record.path.exists()
    assert [*Path(services.settings.snapshots).iterdir()] == []
    assert destruction.plan(revocation).keys == ()


def test_what_was_revoked_by_a_hash_under_the_key_stays_revoked(
    services: Services, destruction: KeyDestruction
) -> None:
    job = succeeded(services)
    key = services.keys.of_sheet("small")
    assert key is not None
    keyed = key.of(lines(dataset_of(job))[0])
    with pytest.raises(InvalidRequest, match="of that key alone"):
        revoke(services, kind="row_hash", value=keyed)
    revocation = revoke(services, kind="row_hash", value=keyed, training_sheet_id="small")
    out = services.revocations.withdrawn("small")
    assert (out.key, out.named) == (key, (("row_hash", keyed),))
    erase(services, revocation)
    destruction.carry_out(destruction.plan(revocation), actor="sam")
    after = services.revocations.withdrawn("small")
    assert after.key is None
    assert [kind for kind, _ in after.named] == ["row_hash", "pair"]
    again = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    (pair,) = (value for kind, value in after.named if kind == "pair")
    assert prepared(services, again.id).data.dataset is not None
    refused = uses(services.store, Question(kind="pair", value=pair), services.keys)
    assert {"revoked": 1} in [one.refused for one in refused.sheets[0].datasets]


def test_a_plain_hash_that_is_revoked_leaves_out_the_row_and_finds_its_models(services: Services) -> None:
    job = succeeded(services)
    plain = lines(dataset_of(job))[0]
    preview = services.revocations.preview(Revoked(kind="row_hash", value=plain))
    assert [one.job_id for one in preview.taints] == [job.id]
    assert preview.not_searched == ()
    revocation = revoke(services, kind="row_hash", value=plain)
    assert services.revocations.held(job) == {revocation: 1}


def test_copies_of_a_row_stay_revoked_without_the_key(
    services: Services, destruction: KeyDestruction, settings: Settings
) -> None:
    """A copy is left out as a duplicate; it would be the kept one as soon as the first is gone from the sheet."""
    pairs = rows(40)
    write_sheet(settings.sheets, "small", [*pairs, {**pairs[0], "pair_id": "copy"}])
    succeeded(services)
    key = services.keys.of_sheet("small")
    found = uses(services.store, Question(kind="pair", value=pairs[0]["pair_id"]), services.keys)
    keyed = str(found.sheets[0].rows[0].row_hash)
    assert key is not None
    revocation = revoke(services, kind="row_hash", value=keyed, training_sheet_id="small")
    erase(services, revocation)
    destruction.carry_out(destruction.plan(revocation), actor="sam")
    named = {value for kind, value in services.revocations.withdrawn("small").named if kind == "pair"}
    assert named == {pairs[0]["pair_id"], "copy"}


def test_a_hash_is_not_revoked_while_a_key_that_lives_cannot_be_read(services: Services, tmp_path: Path) -> None:
    """Which models learned from it is not known then, and would never be looked for again."""
    job = succeeded(services)
    plain = lines(dataset_of(job))[0]
    (record,) = services.keys.records()
    away = record.path.rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="keys of these training sheets cannot be read: small"):
        revoke(services, kind="row_hash", value=plain)
    away.rename(record.path)
    revocation = revoke(services, kind="row_hash", value=plain)
    assert services.revocations.held(job) == {revocation: 1}


def test_a_hash_under_the_key_finds_older_manifests_of_the_sheet_as_well(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(services.launcher, "_made", None)
        older = succeeded(services)
    newer = succeeded(services)
    assert (dataset_of(older).hash_key, dataset_of(newer).hash_key is None) == (None, False)
    plain = lines(dataset_of(newer))[0]
    key = services.keys.of_sheet("small")
    assert key is not None
    asked = Revoked(kind="row_hash", value=key.of(plain), training_sheet_id="small")
    assert {one.job_id for one in services.revocations.preview(asked).taints} == {older.id, newer.id}
