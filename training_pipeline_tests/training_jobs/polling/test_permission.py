"""Whether the pairs of a submitted job may still be trained on, as its training sheet says it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from training_pipeline.domain.errors import NotFound, PermissionUnknown, SheetChanged, SheetUnreadable, Unavailable
from training_pipeline.domain.job import JobStatus, TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import SheetStatus, TrainingSheet
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.models.revoked import RevokedAs
from training_pipeline.testing.sheets.pairs import Row, chat, open_sheet, pair
from training_pipeline.training_jobs.polling.permission import Answer, Permission
from training_pipeline_tests.datasets.test_compare import rows
from training_pipeline_tests.datasets.test_prepare import prepare


class Source:
    """A training sheet as a test has it now; `error` is what opening it raises."""

    def __init__(self, opened: OpenSheet) -> None:
        self.opened = opened
        self.error: Exception | None = None
        self.times = 0

    def list(self) -> list[TrainingSheet]:
        return [self.opened.sheet]

    def get(self, sheet_id: str) -> TrainingSheet:
        return self.opened.sheet

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        self.times += 1
        if self.error is not None:
            raise self.error
        yield self.opened


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetRef:
    return prepare(open_sheet(rows()), tmp_path_factory.mktemp("permission"))


@pytest.fixture
def source() -> Source:
    return Source(open_sheet(rows()))


@pytest.fixture
def permission(source: Source) -> Permission:
    return Permission(source, GatePolicy(), RevokedAs())


def job(dataset: object, **values: Any) -> TrainingJob:
    return new_job(**{"training_sheet_id": "sheet-1", "status": JobStatus.QUEUED, "dataset": dataset, **values})


def changed(source: Source, many: list[Row], **head: Any) -> None:
    source.opened = open_sheet(many, digest="e" * 64, **head)


def test_nothing_changed(dataset: DatasetRef, permission: Permission) -> None:
    answer = permission.ask(job(dataset))
    assert (answer.withdrawn, answer.warnings) == (None, ())
    assert answer.version.startswith("d" * 64)


@pytest.mark.parametrize(
    ("edits", "finding"),
    [
        ({"prohibited_uses": ["training"]}, "training_prohibited"),
        ({"allowed_uses": None}, "training_not_allowed"),
        ({"status": "rejected"}, "rejected"),
        ({"messages": chat("Question 5?", "Edited.")}, "text_changed"),
    ],
)
def test_a_pair_that_lost_its_permission_is_named(
    dataset: DatasetRef, source: Source, permission: Permission, edits: Row, finding: str
) -> None:
    changed(source, rows(**edits))
    withdrawn = permission.ask(job(dataset)).withdrawn
    assert withdrawn is not None
    assert (withdrawn.code, withdrawn.details["pair_ids"]) == ("permission_withdrawn", ["p-000005"])
    assert (withdrawn.details["findings"], withdrawn.details["pairs"]) == ({finding: 1}, 1)
    assert "p-000005" in withdrawn.message
    assert "Edited." not in str(withdrawn), "no text of a pair"


def test_what_is_still_permitted_is_not_judged_again_until_the_digest_or_the_policy_is_another(
    dataset: DatasetRef, source: Source, permission: Permission
) -> None:
    """It remembers the digest that was asked about, never a time or a size."""
    changed(source, [*rows(), pair(99)])
    version = permission.ask(job(dataset)).version
    source.opened = open_sheet([], digest="e" * 64)  # the same digest: its pairs are not looked at
    assert permission.ask(job(dataset, permission_version=version)) == Answer(version)
    source.opened = open_sheet([], digest="f" * 64)
    assert permission.ask(job(dataset, permission_version=version)).withdrawn is not None
    stricter = Permission(Source(open_sheet([], digest="e" * 64)), GatePolicy(instruction_prompt_items=1), RevokedAs())
    assert stricter.ask(job(dataset, permission_version=version)).withdrawn is not None


def test_what_was_revoked_is_refused_whatever_the_source_says(dataset: DatasetRef, source: Source) -> None:
    revoked = RevokedAs()
    permission = Permission(source, GatePolicy(), revoked)
    version = permission.ask(job(dataset)).version
    revoked.rows["rv-1"] = 2
    withdrawn = permission.ask(job(dataset, permission_version=version)).withdrawn
    assert withdrawn is not None
    assert (withdrawn.details["findings"], withdrawn.details["revocations"]) == ({"revoked": 2}, ["rv-1"])
    assert "rv-1" in withdrawn.message


def test_a_raised_classification_warns_and_an_edit_does_so_once_training_has_begun(
    dataset: DatasetRef, source: Source, permission: Permission
) -> None:
    changed(source, rows(data_classification="restricted", messages=chat("Question 5?", "Edited.")))
    assert permission.ask(job(dataset)).withdrawn is not None
    answer = permission.ask(job(dataset, status=JobStatus.RUNNING))
    assert permission.ask(job(dataset, status=JobStatus.SUCCEEDED)).withdrawn is None
    assert answer.withdrawn is None
    assert [warned.identity.partition(":")[0] for warned in answer.warnings] == ["classification_raised", "text_edited"]
    assert all("1 pair (p-000005)" in warned.message for warned in answer.warnings)
    assert len({warned.identity for warned in answer.warnings}) == 2
    changed(source, rows(data_classification="public"))
    assert permission.ask(job(dataset, status=JobStatus.RUNNING)).warnings == ()


def test_a_sheet_that_is_gone_or_may_not_be_trained_on_permits_nothing(
    dataset: DatasetRef, source: Source, permission: Permission
) -> None:
    changed(source, rows(), status=SheetStatus.REJECTED)
    refused = permission.ask(job(dataset)).withdrawn
    assert refused is not None
    assert "status `rejected`" in refused.message
    source.error = NotFound("There is none.")
    gone = permission.ask(job(dataset)).withdrawn
    assert gone is not None
    assert "no training sheet 'sheet-1' any more" in gone.message


def test_what_nobody_can_say_is_no_answer(dataset: DatasetRef, source: Source, permission: Permission) -> None:
    source.error = SheetUnreadable("Line 3 is not JSON.")
    with pytest.raises(PermissionUnknown, match="Line 3"):
        permission.ask(job(dataset))
    source.error = Unavailable("The warehouse does not answer.")
    with pytest.raises(Unavailable, match="warehouse"):
        permission.ask(job(dataset))
    source.error = None
    nowhere = dataset.model_copy(update={"path": Path("/nowhere")})
    with pytest.raises(PermissionUnknown, match="cannot be read"):
        permission.ask(job(nowhere))
    with pytest.raises(PermissionUnknown, match="cannot be read"):
        permission.ask(job({"digest": 3}))


def test_jobs_on_one_sheet_are_asked_about_together_and_one_without_a_dataset_hinders_none(
    dataset: DatasetRef, source: Source, permission: Permission
) -> None:
    changed(source, rows(status="flagged"))
    good, bad = job(dataset), job(None)
    answers = permission.ask_all("sheet-1", [bad, good])
    assert source.times == 1
    assert isinstance(answers[bad.id], PermissionUnknown)
    found = answers[good.id]
    assert isinstance(found, Answer)
    assert found.withdrawn is not None


@pytest.mark.parametrize("damage", [b"no Parquet", None], ids=["damaged", "lost"])
def test_a_manifest_that_cannot_be_read_is_no_answer_about_its_job_and_hinders_no_other(
    dataset: DatasetRef, source: Source, permission: Permission, tmp_path: Path, damage: bytes | None
) -> None:
    damaged = prepare(open_sheet(rows()), tmp_path)
    good, bad = job(dataset), job(damaged)
    damaged.manifest_file.chmod(0o600)
    damaged.manifest_file.unlink()
    if damage is not None:
        damaged.manifest_file.write_bytes(damage)
    changed(source, rows(status="flagged"))
    answers = permission.ask_all("sheet-1", [bad, good])
    unknown, found = answers[bad.id], answers[good.id]
    assert isinstance(unknown, PermissionUnknown)
    assert bad.id in unknown.message
    assert isinstance(found, Answer)
    assert found.withdrawn is not None


def test_whatever_keeps_one_job_from_an_answer_hinders_no_other(dataset: DatasetRef, source: Source) -> None:
    good, bad = job(dataset), job(dataset)

    class Faulty(RevokedAs):
        def held(self, job: TrainingJob) -> Mapping[str, int]:
            if job.id == bad.id:
                raise RuntimeError("a fault")
            return super().held(job)

    answers = Permission(source, GatePolicy(), Faulty({"rv-1": 1})).ask_all("sheet-1", [bad, good])
    assert isinstance(answers[bad.id], PermissionUnknown)
    found = answers[good.id]
    assert isinstance(found, Answer)
    assert found.withdrawn is not None


def test_a_sheet_that_is_changed_while_it_is_read_is_no_trouble_of_a_job(
    dataset: DatasetRef, source: Source, permission: Permission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> None:
        raise SheetChanged("It is being written.")

    monkeypatch.setattr("training_pipeline.datasets.compare.recheck", read)
    with pytest.raises(SheetChanged):
        permission.ask(job(dataset))
