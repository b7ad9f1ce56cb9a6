from __future__ import annotations

from typing import Any

import pytest

from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.job import Phase
from training_pipeline.domain.refs import LabelsRef, SheetRef, UnreadableRef, required
from training_pipeline.domain.training_sheet import Reference, SheetStatus, TrainingSheet
from training_pipeline.schemas import training_job as shown
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline.training_jobs.store.rows import COLUMNS, PHASES, columns_of, job_from_row, row_of
from training_pipeline.training_jobs.store.tables import training_jobs
from training_pipeline.urls import Urls


def sheet_ref() -> SheetRef:
    head = TrainingSheet(
        id="sheet-123",
        name="Triage",
        status=SheetStatus.APPROVED,
        source_sheet=Reference(id="source"),
        prompt_template=Reference(id="template"),
    )
    return SheetRef(sheet=head, digest="d", labels=LabelsRef(count=1, digest="l"))


def test_every_column_has_one_place_in_a_job() -> None:
    grouped = [column for columns in COLUMNS.values() for column in columns.values()]
    assert len(grouped) == len(set(grouped))
    assert set(columns_of(new_job())) == set(training_jobs.columns.keys())


def test_a_row_and_its_job_say_the_same() -> None:
    job = new_job(progress_percent=12.5, launch_attempt=2, poll_errors=3, cancel_reason="wrong", sheet=sheet_ref())
    assert (job.progress.percent, job.launch.attempt, job.polling.errors) == (12.5, 2, 3)
    assert job_from_row(row_of(job)) == job
    assert job.phase(Phase.LAUNCH) is job.launch
    assert job.phase(Phase.FINALIZE) is job.finalize


def test_the_columns_of_a_phase_are_those_of_the_table() -> None:
    for names in PHASES.values():
        columns = {names.attempt, names.claimed_at, names.after, names.run_id, names.done_at}
        assert len(columns) == 5
        assert columns <= set(training_jobs.columns.keys())


def test_a_list_shows_the_same_of_a_job_without_its_references(store: JobStore) -> None:
    job = store.create(new_job(sheet=sheet_ref(), snapshot={"x": 1}, dataset={"x": 1}), message="Created.")
    (listed,) = store.list()[0]
    assert (listed.data.sheet, listed.data.snapshot, listed.data.dataset) == (None, None, None)
    whole, at = store.get(job.id), Urls.of(Settings())
    assert whole.data.sheet == sheet_ref()
    for caller in (Caller("ada", Role.ADMIN), Caller("eve", Role.VIEWER)):
        assert shown.TrainingJob.of(listed, caller, at) == shown.TrainingJob.of(whole, caller, at)


@pytest.mark.parametrize("stored", [{}, {"sheet": {"id": "x"}}, [1], "text"])
def test_one_unreadable_reference_is_one_unreadable_reference(store: JobStore, stored: Any) -> None:
    sound, broken = (store.create(new_job(sheet=sheet_ref()), message="Created.") for _ in range(2))
    store.update(broken.id, {"sheet": stored})
    jobs = {job_id: store.get(job_id) for job_id in (sound.id, broken.id)}
    assert jobs[sound.id].data.sheet == sheet_ref()
    assert isinstance(jobs[broken.id].data.sheet, UnreadableRef)
    assert row_of(jobs[broken.id])["sheet"] == stored
    with pytest.raises(Unavailable, match="training sheet that the training job names cannot be read: SheetRef"):
        required(jobs[broken.id].data.sheet, "training sheet")


def test_a_reference_that_is_not_there_yet_is_said() -> None:
    with pytest.raises(Unavailable, match="names no snapshot yet"):
        required(new_job().data.snapshot, "snapshot")
