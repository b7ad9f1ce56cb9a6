"""Whatever dies, and when: no job has a dataset that the index does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.uses import question
from training_pipeline.infra.database import Database
from training_pipeline.models.uses import index as uses_index
from training_pipeline.models.uses import numbering
from training_pipeline.models.uses.ask import uses
from training_pipeline.models.uses.cells import SLOTS
from training_pipeline.models.uses.check import check
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.models.used_rows import TABLES, dataset_of, job_with, row
from training_pipeline.testing.soak import SEED, SOAKING
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.training_jobs.lifecycle import launch as module
from training_pipeline.training_jobs.store.jobs import JobStore

JOBS = "training_job_lineage, training_job_events, training_jobs"


class Died(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def backend() -> ScriptedBackend:
    return ScriptedBackend()


@pytest.fixture
def services(settings: Settings, database: Database, backend: ScriptedBackend) -> Iterator[Services]:
    with scripted_services(settings, database, backend) as parts:
        yield parts


@contextmanager
def dying(services: Services, at: int) -> Iterator[Callable[[], int]]:
    """The process dies before its statement or commit number `at`; yields how many there have been."""
    passed = 0

    def step(*_: Any) -> None:
        nonlocal passed
        passed += 1
        if passed == at:
            raise Died

    engine, cursor = services.store.engine, numbering._cursor

    def counted(connection: Any) -> Any:
        step()
        return cursor(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbering, "_cursor", counted)
        event.listen(engine, "before_cursor_execute", step)
        event.listen(engine, "commit", step)
        try:
            yield lambda: passed
        finally:
            event.remove(engine, "before_cursor_execute", step)
            event.remove(engine, "commit", step)


def launch(services: Services, job_id: str, like: TrainingJob) -> None:
    """What a launch run does with its dataset, that of `like`, taking up what an earlier one has done."""
    launcher, store = services.launcher, services.store
    sheet, taken = required(like.data.sheet, "sheet"), required(like.data.snapshot, "snapshot")
    dataset = launcher.split(store.get(job_id), taken)
    launcher.record_lineage(store.get(job_id), sheet, taken, dataset)
    launcher.submit(store.get(job_id), dataset)


def assert_indexed(services: Services) -> None:
    """No job has a dataset that the index does not know, and whatever was submitted is found."""
    assert UseIndex(services.store).missing() == []
    for job in services.store.list(limit=None)[0]:
        if job.handles.submit_intended_at is not None:
            answer = uses(services.store, question({"pair": "p-0001"}))
            assert job.id in {found.job_id for of in answer.sheets for dataset in of.datasets for found in dataset.jobs}


@pytest.mark.soak
def test_a_death_at_any_point_leaves_no_submitted_job_unindexed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launch dies before its statements and commits, in the gate before every fourth; and is then repeated."""
    each = 1 if SOAKING else 4
    store, at = services.store, SEED % each + 1 - each
    first = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
    like = prepared(services, first.id)
    dataset = required(like.data.dataset, "dataset")
    monkeypatch.setattr(module, "split_snapshot", lambda *_, **__: None)  # it is made once, and indexed each time
    monkeypatch.setattr(module, "write_dataset", lambda *_, **__: dataset)
    while True:
        at += each
        with store.begin() as connection:
            connection.execute(
                text(f"TRUNCATE {TABLES}, training_job_lineage, training_job_events, training_jobs CASCADE")
            )
        job = store.create(new_job(training_sheet_id="small"), message="Created.")
        with dying(services, at) as passed:
            try:
                launch(services, job.id, like)
            except Died:
                pass
            else:
                assert passed() < at
                break
        assert_indexed(services)
        launch(services, job.id, like)
        assert_indexed(services)
        assert [found.problems for found in check(store)] == [()]
        with store.begin() as connection:  # what died left no slot and no number to nobody
            stored = "(SELECT count(*) FROM use_rows), (SELECT count(*) FROM use_datasets)"
            query = text(f"SELECT rows, slots, {stored} FROM use_sheets")
            assert connection.execute(query).tuples().one() == (40, 1, 40, 1)
    assert at > 20


def test_a_dataset_counts_only_once_its_job_has_it(store: JobStore, index: UseIndex, tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "invoices", [row("p", "train")])
    job_with(store, index, "letters", dataset)
    record = index.prepare("invoices", dataset)
    asked = question({"pair": "p"})
    assert [sheet.training_sheet_id for sheet in uses(store, asked).sheets] == ["letters"]
    with store.begin() as connection:
        record(connection)
    assert [sheet.training_sheet_id for sheet in uses(store, asked).sheets] == ["invoices", "letters"]
    assert index.prepare("invoices", dataset) is not None  # again, and nothing changes
    assert [sheet.training_sheet_id for sheet in uses(store, asked).sheets] == ["invoices", "letters"]


def test_an_index_that_is_made_anew_meanwhile_is_noticed(store: JobStore, index: UseIndex, tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, "invoices", [row("p", "train")])
    record = index.prepare("invoices", dataset)
    assert list(index.rebuild()) == []
    with pytest.raises(Unavailable, match="rebuilt"), store.begin() as connection:
        record(connection)


def test_what_is_rebuilt_keeps_what_only_the_index_knows(store: JobStore, index: UseIndex, tmp_path: Path) -> None:
    lost, other, clean = (
        dataset_of(tmp_path, sheet, [row(pair, "train"), row("both", "train")])
        for sheet, pair in (("invoices", "gone"), ("invoices", "there"), ("letters", "elsewhere"))
    )
    for sheet, dataset in (("invoices", lost), ("invoices", other), ("letters", clean)):
        job_with(store, index, sheet, dataset)
    whole = lost.manifest_file.read_bytes()
    lost.manifest_file.unlink()
    error, added = index.rebuild()
    assert added == clean
    assert str(lost.manifest_file) in str(error)
    assert "stays as it is" in str(error)
    answer = uses(store, question({"pair": "both", "sheet": "invoices"}))
    assert [one.train for one in answer.sheets[0].datasets] == [1, 1]
    assert answer.lost_manifests == (str(lost.manifest_file),)
    assert len(uses(store, question({"pair": "elsewhere"})).sheets) == 1
    lost.manifest_file.write_bytes(whole)
    assert {one.digest for one in index.rebuild()} == {lost.digest, other.digest, clean.digest}  # type: ignore[union-attr]
    assert [one.problems for one in check(store)] == [(), (), ()]


def test_questions_are_answered_while_the_index_is_rebuilt(store: JobStore, index: UseIndex, tmp_path: Path) -> None:
    datasets = [dataset_of(tmp_path, "invoices", [row("p", "train"), row(f"only {n}", "train")]) for n in range(2)]
    for dataset in datasets:
        job_with(store, index, "invoices", dataset)
    answers = []

    def asking(*arguments: Any, **named: Any) -> Any:
        answers.append(uses(store, question({"pair": "p"})))
        return number_rows(*arguments, **named)

    number_rows = numbering.number_rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uses_index, "number_rows", asking)
        assert len(list(index.rebuild())) == 2
    answers.append(uses(store, question({"pair": "p"})))
    assert [len(answer.sheets[0].datasets) for answer in answers] == [2, 2, 2]
    with store.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM use_rows")).scalar_one() == 3


def test_jobs_of_one_sheet_at_the_same_moment_number_each_row_once(
    store: JobStore, index: UseIndex, tmp_path: Path
) -> None:
    together = [row(f"p-{number}", "train") for number in range(5000)]
    datasets = [dataset_of(tmp_path, "invoices", [*together, row(f"only {n}", "validation")]) for n in range(6)]
    with ThreadPoolExecutor(len(datasets)) as pool:
        for done in [pool.submit(job_with, store, index, "invoices", dataset) for dataset in datasets]:
            done.result()
    with store.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM use_rows")).scalar_one() == 5006
    assert [found for found in check(store) if found.problems] == []
    (sheet,) = uses(store, question({"pair": "p-4999"})).sheets
    assert {use.digest: use.train for use in sheet.datasets} == {dataset.digest: 1 for dataset in datasets}


def test_more_datasets_than_a_block_holds(store: JobStore, index: UseIndex, tmp_path: Path) -> None:
    sides = ["train", "validation", "duplicate"]
    for number in range(SLOTS + 3):
        rows_of = [row("p", sides[number % 3]), row(f"only {number}", "train")]
        job_with(store, index, "invoices", dataset_of(tmp_path, "invoices", rows_of))
    (sheet,) = uses(store, question({"pair": "p"})).sheets
    counted = [(use.train, use.validation, use.refused.get("duplicate", 0)) for use in sheet.datasets]
    assert counted == [tuple(int(number % 3 == side) for side in range(3)) for number in range(SLOTS + 3)]
    (alone,) = uses(store, question({"pair": f"only {SLOTS}"})).sheets
    assert [use.train for use in alone.datasets] == [1]
